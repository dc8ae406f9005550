import type { ObsoleteJob } from '../../store/journal/records.js';
import type { Job } from '../scheduler.js';
import { machineOf, type StepProcess } from './supervisor-protocol.js';

/** The running supervisor of local steps. */
export interface Supervisor {
  /** Its host and process as it reported them; undefined until it is ready. */
  readonly host: string | undefined;
  readonly self: string | undefined;
}

export const notReady: Supervisor = { host: undefined, self: undefined };

/** A local step that was begun, or is to be. */
export interface Running {
  readonly job: Job;
  /** The append to the journal that it waits for; as for `Scheduler.submit`. */
  readonly after: string | undefined;
  /** The id that was reported; '' until then. */
  id: string;
  /** Undefined until the supervisor has reported it. */
  process: StepProcess | undefined;
  /** Whether it may run without a report, because a supervisor that is gone was told to run it. */
  mayRun: boolean;
  isCancelled: boolean;
  /** Whether it was told to end because the time of this process is up. */
  isEvicted?: boolean;
}

export const isNeverToRun = ({ isCancelled, mayRun }: Running) => isCancelled && !mayRun;

/** The node of a process, as events have it; a process that is gone has none. */
export const nodesOf = (process: StepProcess) => (process.host === '-' ? {} : { nodes: [machineOf(process)] });

/** A step that the study does not have any more, and that is to end. */
export interface Unwanted {
  readonly job: ObsoleteJob;
  /** Called when the supervisor has ended it, or cannot end it. */
  readonly done: () => void;
}
