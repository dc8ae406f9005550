import { isOver, newRecord, openJob, type StepRecord, type StepState } from '../study/state.js';

/** The states in which a step can be over. */
export type EndState = 'FINISHED' | 'FAILED' | 'TIMEDOUT' | 'HWFAILURE' | 'CANCELLED';

/** How a step ends. */
export interface StepEnd {
  readonly state: EndState;
  readonly reason: string;
  readonly at: number;
  /** Its failure does not fail the study. */
  readonly tolerated: boolean;
}

/** The records of all steps, how many are in each state, and which changed since they were last taken. */
export class StepTable {
  readonly steps: readonly StepRecord[];
  /** How many steps are in each state. */
  readonly counts = new Map<StepState, number>();
  /** How many steps are not over. */
  unfinished = 0;
  #changed: number[] = [];
  #touched: number[] = [];

  /** @param records are taken over; undefined if no step ever ran */
  constructor(size: number, records: readonly StepRecord[] | undefined) {
    this.steps = records ?? Array.from({ length: size }, () => newRecord());
    for (const record of this.steps) {
      this.#count(record.state, 1);
      if (!isOver(record)) this.unfinished += 1;
    }
  }

  /** Since the last call: steps whose state or reason was set (twice if set twice), and all whose records changed. */
  takeChanges(): { readonly changed: readonly number[]; readonly touched: readonly number[] } {
    const [changed, touched] = [this.#changed, this.#touched];
    this.#changed = [];
    this.#touched = [];
    return { changed, touched: touched.length > 1 ? [...new Set(touched)] : touched };
  }

  /** The record of the step changed in some way. */
  touch(index: number): void {
    if (this.#touched.at(-1) !== index) this.#touched.push(index);
  }

  setState(index: number, state: StepState, reason: string): void {
    const record = this.steps[index]!;
    this.#count(record.state, -1);
    this.#count(state, 1);
    record.state = state;
    record.reason = reason;
    this.#changed.push(index);
    this.touch(index);
  }

  /** The step is over. */
  end(index: number, { state, reason, at, tolerated }: StepEnd): void {
    const record = this.steps[index]!;
    record.ended = at;
    record.tolerated = tolerated;
    this.setState(index, state, reason);
    this.unfinished -= 1;
  }

  /** Whether the step has no job, and may get one. */
  isIdle(index: number): boolean {
    const record = this.steps[index]!;
    return !isOver(record) && openJob(record) === undefined;
  }

  #count(state: StepState, by: number): void {
    this.counts.set(state, (this.counts.get(state) ?? 0) + by);
  }
}
