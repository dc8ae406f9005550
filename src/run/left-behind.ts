import type { DescribedAllocation } from '../store/journal/allocation-record.js';

/** What is to be looked after if the main step was killed before it came to it. */
export interface LeftBehind {
  /** The allocation that is to be given back. */
  readonly allocation: DescribedAllocation | undefined;
  /** The directory of the study that was being driven. */
  readonly study: string | undefined;
  /** The process id of who drove it. */
  readonly driver: number | undefined;
  /** Whether the workflow was cancelled meanwhile. */
  readonly isCancelled: boolean;
  /** Whether there is a check run that says that the study runs. */
  readonly isShown: boolean;
}
