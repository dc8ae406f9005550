import { parseJson, property, toJson } from './json.js';

/** One entry of an eventlog (RFC 18). */
export interface FluxEvent {
  /** Seconds since the epoch, on the broker's clock. */
  readonly timestamp: number;
  readonly name: string;
  readonly context: unknown;
  /** Of `alloc`, if its source tells: the nodes that the job got. */
  readonly nodes?: readonly string[];
}

/** The answer is not a valid eventlog. */
export class EventlogError extends Error {
  constructor(line: string) {
    super(`not an entry of an eventlog: ${line.length > 200 ? `${line.slice(0, 200)}...` : line}`);
    this.name = 'EventlogError';
  }
}

/**
 * Reads lines of an eventlog.
 *
 * @throws EventlogError
 */
export function parseEvents(text: string): FluxEvent[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      let entry: unknown;
      try {
        entry = parseJson(line);
      } catch {
        throw new EventlogError(line);
      }
      return readEvent(entry, line);
    });
}

/**
 * Reads an entry of an eventlog from its JSON.
 *
 * @param text the entry as it came, for the error
 * @throws EventlogError
 */
export function readEvent(entry: unknown, text?: string): FluxEvent {
  const [timestamp, name] = [property(entry, 'timestamp'), property(entry, 'name')];
  if (!isTime(timestamp) || typeof name !== 'string') throw new EventlogError(text ?? String(toJson(entry)));
  return { timestamp, name, context: property(entry, 'context') };
}

/** Whether a value is a time that a date can hold: seconds since the epoch. */
export function isTime(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value < 1e11;
}

/** States of a job (RFC 21). */
export type JobState = 'NEW' | 'DEPEND' | 'PRIORITY' | 'SCHED' | 'RUN' | 'CLEANUP' | 'INACTIVE';

/** The exception that ended a job: one of severity 0, the first if there are several. */
export interface JobException {
  readonly type: string;
  readonly note: string;
  /** The user who raised it; undefined in old logs. */
  readonly userid: number | undefined;
  readonly timestamp: number;
}

/** The state of a job from its eventlog so far (RFC 21, RFC 18). Times are seconds since the epoch. */
export interface JobView {
  readonly state: JobState;
  readonly submitted: number | null;
  /** When it got its resources, from which its time limit counts. */
  readonly allocated: number | null;
  readonly started: number | null;
  readonly finished: number | null;
  readonly cleaned: number | null;
  /** The highest wait(2) status of its tasks; null if none ran. */
  readonly waitStatus: number | null;
  readonly exception: JobException | null;
  /** The URI of the nested instance that the job runs; null if it has none, or not yet. */
  readonly uri: string | null;
  /** The nodes that it has or had; undefined if they are not known, which its eventlog does not tell. */
  readonly nodes?: readonly string[];
}

export const newJob: JobView = {
  state: 'NEW',
  submitted: null,
  allocated: null,
  started: null,
  finished: null,
  cleaned: null,
  waitStatus: null,
  exception: null,
  uri: null,
};

/** The state of the job after one more event. A pure function; unknown events change nothing. */
export function applyEvent(job: JobView, event: FluxEvent): JobView {
  const { timestamp, context } = event;
  switch (event.name) {
    case 'submit':
      // Before 0.41 nothing says that a job was found valid, and it goes on to DEPEND by itself.
      return { ...job, submitted: timestamp };
    case 'validate':
      return { ...job, state: 'DEPEND' };
    case 'depend':
      return { ...job, state: 'PRIORITY' };
    case 'priority':
      return isBeforeAlloc(job) ? { ...job, state: 'SCHED' } : job;
    case 'alloc':
      return {
        ...job,
        state: isOver(job) ? job.state : 'RUN',
        allocated: timestamp,
        ...(event.nodes === undefined ? {} : { nodes: event.nodes }),
      };
    case 'start':
      return { ...job, started: timestamp };
    case 'finish':
      return { ...job, state: 'CLEANUP', finished: timestamp, waitStatus: numberOf(property(context, 'status')) };
    case 'clean':
      return { ...job, state: 'INACTIVE', cleaned: timestamp };
    case 'exception':
      return applyException(job, timestamp, context);
    case 'memo': {
      const uri = property(context, 'uri');
      return typeof uri === 'string' ? { ...job, uri } : job;
    }
    default:
      return job;
  }
}

function applyException(job: JobView, timestamp: number, context: unknown): JobView {
  // Other exceptions are for information, and the job goes on.
  if (property(context, 'severity') !== 0 || job.exception !== null) return job;
  const [type, note, userid] = ['type', 'note', 'userid'].map((key) => property(context, key));
  return {
    ...job,
    state: 'CLEANUP',
    exception: {
      type: typeof type === 'string' ? type : '',
      note: typeof note === 'string' ? note : '',
      userid: typeof userid === 'number' ? userid : undefined,
      timestamp,
    },
  };
}

const isBeforeAlloc = ({ state }: JobView) => state === 'NEW' || state === 'DEPEND' || state === 'PRIORITY';
const isOver = ({ state }: JobView) => state === 'CLEANUP' || state === 'INACTIVE';

function numberOf(value: unknown): number | null {
  return typeof value === 'number' ? value : null;
}

/** How a job ended (RFC 21's results, and node failure apart from other failures). */
export type FluxResult = 'completed' | 'failed' | 'cancelled' | 'timeout' | 'node-failure';

/** How a job ended, which must be INACTIVE. */
export function endOf({ exception, waitStatus }: JobView): FluxResult {
  switch (exception?.type) {
    case undefined:
      return waitStatus === 0 ? 'completed' : 'failed';
    case 'cancel':
      return 'cancelled';
    case 'timeout':
      return 'timeout';
    case 'node-failure':
      return 'node-failure';
    case 'exec':
      // Brokers have no exception type for it when the job was lost for it: only these words.
      return /^(node failure|lost contact with job shell)/.test(exception!.note) ? 'node-failure' : 'failed';
    default:
      return 'failed';
  }
}

/** The exit code in a wait(2) status; null if a signal ended the process. */
export function exitCodeOf(waitStatus: number): number | null {
  return (waitStatus & 127) === 0 ? (waitStatus >> 8) & 255 : null;
}

/** The number of the signal in a wait(2) status; null if the process exited. */
export function signalOf(waitStatus: number): number | null {
  return (waitStatus & 127) === 0 ? null : waitStatus & 127;
}
