import { newRecord, type StepRecord } from '../../study/state.js';
import type { Clock } from '../../util/clock.js';
import { applyPatch, cloneRecord, diffRecord, isWorthNoting } from './patch.js';
import type { Entry, JournalState, PlannedStep, StepPatch } from './records.js';
import { redactedEntry } from './redact.js';
import { serialize } from './replay.js';

/** The journal as the conductor sees it: records are written before they are acted on. */
export interface StudyJournal {
  /** Notes the present records of these steps, in one record of the journal, if anything that matters changed. */
  note(steps: Iterable<number>, records: readonly StepRecord[]): void;
  /** Notes an entry about the study as a whole. */
  write(entry: Entry): void;
  /**
   * Resolves once all that was noted is on the host's disk.
   *
   * @throws LeaseLostError if another process has taken the study; HostError if the journal cannot be written
   */
  durable(): Promise<void>;
  /**
   * The append that has all that was noted and is not known to be on the disk yet, for steps that wait for it on the host
   * (`Scheduler.submit`). Undefined if there is none, or the host is not told of appends: then only `durable` says.
   */
  readonly pendingAppend?: string | undefined;
}

/** Lines that are appended together. */
interface Batch {
  /** Counts the batches of this journal, which are written in order. */
  readonly number: number;
  readonly lines: string[];
  /** Whether a caller waits for it. */
  isWanted: boolean;
  /** Whether its timer is the short one. */
  isSoon: boolean;
  readonly written: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** How long lines that no caller waits for are collected before one append writes them all. */
const FLUSH_DELAY_MS = 250;

/** The same for the ids of jobs. */
const JOB_ID_FLUSH_DELAY_MS = 20;

/**
 * Writes a journal, one append at a time: lines that come during an append go together with the next. After a failed append
 * nothing more is written, because it is not known how the file ends.
 */
export class Journal implements StudyJournal {
  readonly #append: (text: string, flush: number) => Promise<void>;
  readonly #clock: Clock;
  readonly #fence: number;
  #seq: number;
  #isTorn: boolean;
  /** The records of the steps as they were last noted. */
  #noted: StepRecord[];
  #writing: Batch | undefined;
  #next: Batch | undefined;
  /** How many batches there have been. */
  #batches = 0;
  readonly #tellsHost: boolean;
  readonly #redact: ((text: string) => string) | undefined;
  #stopTimer: () => void = () => {};
  #failed: { readonly error: unknown; readonly rejection: Promise<void> } | undefined;

  /**
   * @param append appends to the file, and resolves once the text is on the disk; it gets the number of the append
   * @param start the state that was read, with the fencing number of the new writer; `tellsHost`: whether `append` says on the host
   *   which appends are on the disk; `redact`: takes secrets out of reasons
   */
  constructor(
    append: (text: string, flush: number) => Promise<void>,
    start: Pick<JournalState, 'seq' | 'fence' | 'isTorn' | 'records'> & {
      readonly tellsHost?: boolean;
      readonly redact?: ((text: string) => string) | undefined;
    },
    clock: Clock,
  ) {
    this.#append = append;
    this.#clock = clock;
    this.#fence = start.fence;
    this.#seq = start.seq;
    this.#isTorn = start.isTorn;
    this.#tellsHost = start.tellsHost ?? false;
    this.#redact = start.redact;
    this.#noted = start.records.map(cloneRecord);
  }

  /** The error after which nothing is written any more; undefined if there was none. */
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
    // The next driver finds a job by its id, and would otherwise submit a second one in vain.
    if (this.#next !== undefined && Object.values(patches).some(hasNewId)) this.#flushSoon(this.#next);
  }

  write(entry: Entry): void {
    if (entry.type === 'plan') this.#noted = entry.steps.map(({ record }) => applyPatch(newRecord(), record));
    this.#add(entry);
  }

  /** Notes a new plan with the records of its steps, which later calls of `note` are compared with. */
  writePlan(flux: string, steps: readonly PlannedStep[]): void {
    this.write({ type: 'plan', flux, steps, knowsAnswers: true });
  }

  get pendingAppend(): string | undefined {
    const batch = this.#next ?? this.#writing;
    return this.#tellsHost && batch !== undefined ? `${this.#fence}.${batch.number}` : undefined;
  }

  durable(): Promise<void> {
    if (this.#failed !== undefined) return this.#failed.rejection;
    const next = this.#next;
    if (next === undefined) return this.#writing?.written ?? Promise.resolve();
    this.#flush(next);
    return next.written;
  }

  #add(entry: Entry): void {
    if (this.#failed !== undefined) return;
    this.#seq += 1;
    const line = serialize(
      { seq: this.#seq, fence: this.#fence, at: this.#clock.now() },
      this.#redact ? redactedEntry(entry, this.#redact) : entry,
    );
    if (this.#next === undefined) {
      this.#batches += 1;
      const batch = newBatch(this.#batches);
      this.#next = batch;
      this.#stopTimer = this.#clock.after(FLUSH_DELAY_MS, () => this.#flush(batch));
    }
    this.#next.lines.push(line);
  }

  /** Writes the batch after the short delay, together with the other ids of a burst of submits. */
  #flushSoon(batch: Batch): void {
    if (batch.isWanted || batch.isSoon) return;
    batch.isSoon = true;
    this.#stopTimer();
    this.#stopTimer = this.#clock.after(JOB_ID_FLUSH_DELAY_MS, () => this.#flush(batch));
  }

  #flush(batch: Batch): void {
    if (batch.isWanted) return;
    batch.isWanted = true;
    this.#stopTimer();
    // After the present event, so that its other lines go with the batch.
    if (this.#writing === undefined) queueMicrotask(() => void this.#writeAll());
  }

  async #writeAll(): Promise<void> {
    while (this.#next?.isWanted && this.#writing === undefined) {
      const batch = this.#next;
      this.#writing = batch;
      this.#next = undefined;
      const text = batch.lines.join('');
      try {
        await this.#append(this.#isTorn ? `\n${text}` : text, batch.number);
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

function newBatch(number: number): Batch {
  let [resolve, reject]: [() => void, (error: unknown) => void] = [() => {}, () => {}];
  const written = new Promise<void>((resolve_, reject_) => {
    resolve = resolve_;
    reject = reject_;
  });
  // A batch that no caller waits for must not cause an unhandled rejection.
  written.catch(() => {});
  return { number, lines: [], isWanted: false, isSoon: false, written, resolve, reject };
}
