import type { StepRecord } from '../../study/state.js';
import type { Entry } from './records.js';

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
