import { newRecord, type StepRecord } from '../../study/state.js';
import type { Clock } from '../../util/clock.js';
import { applyPatch, cloneRecord, diffRecord, isWorthNoting } from './patch.js';
import type { Entry, JournalState, PlannedStep, StepPatch } from './records.js';
import { serialize } from './replay.js';

/** Where the conductor writes down what it knows before it acts on it. */
export interface StudyJournal {
  /** Notes the records of these steps, as they are now, if anything that matters changed; all of them in one record. */
  note(steps: Iterable<number>, records: readonly StepRecord[]): void;
  /** Notes something about the study as a whole. */
  write(entry: Entry): void;
  /**
   * Resolves once all that was noted is on the host's disk.
   *
   * @throws LeaseLostError if somebody else drives the study by now; HostError if it cannot be written
   */
  durable(): Promise<void>;
}

/** Lines that go together, and who waits for them. */
interface Batch {
  readonly lines: string[];
  /** Whether somebody waits for it. */
  isWanted: boolean;
  /** Whether it is to be written before its time. */
  isSoon: boolean;
  readonly written: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** What nobody waits for is written after so many milliseconds, with all else that there is by then: an append is not cheap. */
const leisure = 250;

/** The same of the ids of jobs. */
const haste = 20;

/**
 * Writes a journal, one append at a time: what is noted while one is on its way goes with the next, all of it at once. Once
 * an append has failed nothing more is written, for the journal has an end that is not known.
 */
export class Journal implements StudyJournal {
  readonly #append: (text: string) => Promise<void>;
  readonly #clock: Clock;
  readonly #fence: number;
  #seq: number;
  #isTorn: boolean;
  /** The records of the steps as they were last noted. */
  #noted: StepRecord[];
  #writing: Batch | undefined;
  #next: Batch | undefined;
  #stopTimer: () => void = () => {};
  #failed: { readonly error: unknown; readonly rejection: Promise<void> } | undefined;

  /**
   * @param append adds to the end of the file, and resolves once the text is on the disk
   * @param start how the journal was read, with the fencing number of its new writer
   */
  constructor(
    append: (text: string) => Promise<void>,
    start: Pick<JournalState, 'seq' | 'fence' | 'isTorn' | 'records'>,
    clock: Clock,
  ) {
    this.#append = append;
    this.#clock = clock;
    this.#fence = start.fence;
    this.#seq = start.seq;
    this.#isTorn = start.isTorn;
    this.#noted = start.records.map(cloneRecord);
  }

  /** Why nothing is written any more; undefined if that is not so. */
  get failure(): unknown {
    return this.#failed?.error;
  }

  note(steps: Iterable<number>, records: readonly StepRecord[]): void {
    const patches: Record<string, StepPatch> = {};
    let isWorthIt = false;
    for (const index of steps) {
      const patch = diffRecord(this.#noted[index]!, records[index]!);
      if (patch === undefined) continue;
      patches[index] = patch;
      isWorthIt ||= isWorthNoting(patch);
    }
    if (!isWorthIt) return;
    for (const index of Object.keys(patches)) applyPatch(this.#noted[Number(index)]!, patches[index]!);
    this.#add({ type: 'steps', steps: patches });
    // By its id a job is found again; without it another would be submitted, to find that it is not needed.
    if (this.#next !== undefined && Object.values(patches).some(hasNewId)) this.#wantSoon(this.#next);
  }

  write(entry: Entry): void {
    if (entry.type === 'plan') this.#noted = entry.steps.map(({ record }) => applyPatch(newRecord(), record));
    this.#add(entry);
  }

  /** Notes the steps from now on, and all that is known of them. What `note` tells after that is compared with it. */
  writePlan(flux: string, steps: readonly PlannedStep[]): void {
    this.write({ type: 'plan', flux, steps, knowsAnswers: true });
  }

  durable(): Promise<void> {
    if (this.#failed !== undefined) return this.#failed.rejection;
    const next = this.#next;
    if (next === undefined) return this.#writing?.written ?? Promise.resolve();
    this.#want(next);
    return next.written;
  }

  #add(entry: Entry): void {
    if (this.#failed !== undefined) return;
    this.#seq += 1;
    const line = serialize({ seq: this.#seq, fence: this.#fence, at: this.#clock.now() }, entry);
    if (this.#next === undefined) {
      const batch = newBatch();
      this.#next = batch;
      this.#stopTimer = this.#clock.after(leisure, () => this.#want(batch));
    }
    this.#next.lines.push(line);
  }

  /** With what else comes of a burst of submits. */
  #wantSoon(batch: Batch): void {
    if (batch.isWanted || batch.isSoon) return;
    batch.isSoon = true;
    this.#stopTimer();
    this.#stopTimer = this.#clock.after(haste, () => this.#want(batch));
  }

  #want(batch: Batch): void {
    if (batch.isWanted) return;
    batch.isWanted = true;
    this.#stopTimer();
    // Not at once: what else this event leads to goes with it.
    if (this.#writing === undefined) queueMicrotask(() => void this.#writeAll());
  }

  async #writeAll(): Promise<void> {
    while (this.#next?.isWanted && this.#writing === undefined) {
      const batch = this.#next;
      this.#writing = batch;
      this.#next = undefined;
      const text = batch.lines.join('');
      try {
        await this.#append(this.#isTorn ? `\n${text}` : text);
      } catch (error) {
        this.#fail(error);
        return;
      }
      this.#isTorn = false;
      this.#writing = undefined;
      batch.resolve();
    }
  }

  #fail(error: unknown): void {
    const rejection = Promise.reject(error);
    rejection.catch(() => {});
    this.#failed = { error, rejection };
    this.#stopTimer();
    this.#writing?.reject(error);
    this.#next?.reject(error);
    this.#writing = undefined;
    this.#next = undefined;
  }
}

/** Whether a batch system has given a job its id. */
function hasNewId({ jobs = [] }: StepPatch): boolean {
  return jobs.some(({ id, place }) => id !== undefined && id !== '' && place !== undefined && place !== '');
}

function newBatch(): Batch {
  let [resolve, reject]: [() => void, (error: unknown) => void] = [() => {}, () => {}];
  const written = new Promise<void>((resolve_, reject_) => {
    resolve = resolve_;
    reject = reject_;
  });
  // Nobody may be waiting.
  written.catch(() => {});
  return { lines: [], isWanted: false, isSoon: false, written, resolve, reject };
}
