import { countStates } from '../report/attention.js';
import { reasonOf } from '../report/results.js';
import type { StepInstance } from '../study/graph.js';
import { isFailure, isOver, lastJob, type ShownState, type StepRecord, shownState } from '../study/state.js';
import type { Clock } from '../util/clock.js';
import { shortDuration } from '../util/format.js';
import type { Log } from '../util/log/log.js';
import { oneLine } from '../util/log/plain-text.js';

/** A small study is told line by line; of a big one so many lines at once, then so many a second. */
const burst = 60;
const perSecond = 4;

/** The steps of a study, as far as their progress has to know them. */
export interface ProgressSteps {
  readonly steps: readonly Pick<StepInstance, 'name' | 'scheduled'>[];
}

/**
 * Tells a study's progress: a line for each transition that a person wants to see, `[37/90] run_SIZE.10 FINISHED 12s`.
 * What is too much to read is summed up once a second.
 */
export class Progress {
  readonly #log: Log;
  readonly #graph: ProgressSteps;
  readonly #clock: Clock;
  readonly #begun: number;
  #allowance = burst;
  #refilled: number;
  #untold = new Map<ShownState, number>();
  #stopTimer: (() => void) | undefined;
  #records: readonly StepRecord[] = [];
  /** The steps that are over, by index; undefined until the first transition. */
  #over: Set<number> | undefined;

  constructor(log: Log, graph: ProgressSteps, clock: Clock) {
    this.#log = log;
    this.#graph = graph;
    this.#clock = clock;
    this.#begun = this.#refilled = clock.now();
  }

  /** To be called with every transition. */
  readonly onChange = (records: readonly StepRecord[], changed: readonly number[]): void => {
    this.#records = records;
    this.#over ??= new Set([...records.keys()].filter((index) => isOver(records[index]!)));
    for (const index of changed) if (isOver(records[index]!)) this.#over.add(index);
    // A step that changed twice at once is told as it is now.
    for (const index of new Set(changed)) {
      const record = records[index]!;
      if (this.#isWorthTelling(record, index)) this.#tell(index, record);
    }
    this.#log.live(this.#counts);
  };

  /** Tells what is left to tell. */
  end(): void {
    this.#sumUp();
    this.#log.live(undefined);
  }

  /** That a local step was started is soon followed by how it ended; that a job waits in a queue may be all for hours. */
  #isWorthTelling({ state, reason, jobs }: StepRecord, index: number): boolean {
    // Of another attempt it is said why there is one. Otherwise that a job was sent is followed by its being queued.
    if (state === 'PENDING') {
      return (jobs.at(-1)?.ended ?? null) !== null || (this.#graph.steps[index]!.scheduled && reason !== '');
    }
    // What is not known of jobs is said once of all of them, when the study stops.
    if (state === 'FINISHING' || state === 'UNKNOWN') return false;
    return state !== 'RUNNING' || this.#graph.steps[index]!.scheduled || this.#graph.steps.length <= burst / 2;
  }

  #tell(index: number, record: StepRecord): void {
    this.#refill();
    if (this.#allowance < 1) {
      const state = shownState(record);
      this.#untold.set(state, (this.#untold.get(state) ?? 0) + 1);
      this.#stopTimer ??= this.#clock.after(1000, () => this.#sumUp());
      return;
    }
    this.#allowance -= 1;
    this.#log.info(`${this.#position()} ${transition(this.#graph.steps[index]!.name, record)}`);
  }

  #sumUp(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
    if (this.#untold.size === 0) return;
    const parts = [...this.#untold].map(([state, count]) => `${count} ${state}`);
    this.#untold = new Map();
    this.#log.info(`${this.#position()} ... ${parts.join(', ')}`);
  }

  #refill(): void {
    const now = this.#clock.now();
    this.#allowance = Math.min(burst, this.#allowance + ((now - this.#refilled) / 1000) * perSecond);
    this.#refilled = now;
  }

  #position(): string {
    const total = this.#graph.steps.length;
    const over = this.#over?.size ?? 0;
    return `[${String(over).padStart(String(total).length)}/${total}]`;
  }

  readonly #counts = (): string => {
    const counts = [...countStates(this.#records)].map(([state, count]) => `${count} ${state.toLowerCase()}`);
    return `${this.#position()} ${counts.join(', ')}  ${shortDuration(this.#clock.now() - this.#begun)}`;
  };
}

function transition(name: string, record: StepRecord): string {
  const { state, ended } = record;
  const job = lastJob(record);
  const began = job?.started ?? job?.submitted;
  const took = ended !== null && began !== undefined ? shortDuration(ended - began) : '';
  const which = !isOver(record) && job !== undefined && job.id !== '' ? `job ${job.id}` : '';
  const reason = isFailure(state) || state === 'CANCELLED' || record.reason !== '' ? reasonOf(record) : '';
  return oneLine([name, shownState(record), took, which, reason].filter((part) => part !== '').join(' '));
}
