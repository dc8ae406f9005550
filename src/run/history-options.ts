import type { HistoryRun } from '../history/record.js';

/** Where the history of a study is, and what of it concerns this run. */
export interface HistoryOptions {
  /** The directory of all histories, on the host. */
  readonly root: string;
  /** This run, with the branch whose runs it is compared with: of a pull request that which it is to go into. */
  readonly run: HistoryRun;
  /** Whether this run is one of the branch's, and becomes a part of its history. */
  readonly isWritten: boolean;
  /** Where GitHub's pages are; '' elsewhere. */
  readonly server: string;
}
