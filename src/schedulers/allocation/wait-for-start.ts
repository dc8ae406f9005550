import { programs } from '../../generated/programs.js';
import type { QueuedJob } from '../../store/journal/records.js';
import { assignments } from '../../util/shell-quote.js';
import { type JobState, parseJobState, queueFunctions } from '../batch/queue.js';
import { type Doubt, doubtAbout, type Settings } from '../batch/waiting-reasons.js';
import { allocationFiles } from './idle-guard.js';

/** A line that the waiting command prints. */
export type WaitingLine =
  | { readonly type: 'state'; readonly state: JobState; readonly position: number; readonly today: string }
  /** The scheduler does not answer at present. */
  | { readonly type: 'mute'; readonly words: string }
  | { readonly type: 'gone' }
  | { readonly type: 'uri'; readonly uri: string };

/**
 * A command that waits until a job's Flux instance has written its address, and prints changes of the job's state until
 * then. It exits when its stdin is closed.
 */
export function waitingCommand(job: QueuedJob, studyPath: string, number: number): string {
  const variables = assignments({ study: studyPath, uri_file: allocationFiles(number).uri });
  return queueFunctions(job) + variables + programs['schedulers/allocation/wait-for-start.sh'];
}

/** Parses a line of the waiting command; undefined if it is not one. */
export function parseWaitingLine(line: string): WaitingLine | undefined {
  const [, type, rest = ''] = /^(\S+)(?: (.*))?$/.exec(line) ?? [];
  switch (type) {
    case 'state': {
      const [today = '', position = '', ...state] = rest.split('|');
      return { type, today, position: Number(position), state: parseJobState(state.join('|')) };
    }
    case 'mute':
      return { type, words: rest };
    case 'gone':
      return { type };
    case 'uri':
      return { type, uri: rest };
    default:
      return undefined;
  }
}

/** The state of a job for the log: `waits in pdebug: Priority (3rd in the queue)`. */
export function describeProgress(line: Extract<WaitingLine, { type: 'state' }>): string {
  const { state, position, today } = line;
  const { phase, word, queue, nodes, start, reason } = state;
  if (phase === 'running') {
    const isUsual = ['RUNNING', 'RUN'].includes(word);
    return `${isUsual ? 'runs' : `is ${word}`}${nodes === '' ? '' : ` on ${nodes}`}`;
  }
  if (phase === 'ended') return `has ended: ${word}${reason === '' ? '' : ` (${reason})`}`;
  const place = position > 0 ? `${ordinal(position)} in the queue` : '';
  const why = reason === '' ? place : `${reason}${place === '' ? '' : ` (${place})`}`;
  return `waits${queue === '' ? '' : ` in ${queue}`}${why === '' ? '' : `: ${why}`}${startsAbout(start, today)}`;
}

/** How hints name the input `allocate`. */
const settings: Settings = {
  time: '`time` in the input `allocate`',
  shorter: 'less `time` in the input `allocate`',
  size: '`nodes`, `tasks` or `gpus` in the input `allocate`',
  needs: '`nodes`, `tasks`, `gpus` or `args` in the input `allocate`',
  smaller: 'fewer `nodes`, in the input `allocate`',
  bank: '`bank` in the input `allocate`',
  queue: '`queue` in the input `allocate`',
  access: '`bank`, `queue` and `args` in the input `allocate`',
};

/** Why a waiting job may never start; undefined if it only waits for its turn. */
export function doubtOf({ phase, reason }: JobState): Doubt | undefined {
  return phase === 'waiting' ? doubtAbout(reason, settings) : undefined;
}

/** The expected start, without the date if it is today. */
function startsAbout(start: string, today: string): string {
  const [day, time = ''] = start.split('T');
  if (start === '') return '';
  return `, starts about ${day === today ? '' : `${day} `}${time.slice(0, 5)}`;
}

function ordinal(number: number): string {
  const isTeen = number % 100 >= 11 && number % 100 <= 13;
  return `${number}${(isTeen ? undefined : ['st', 'nd', 'rd'][(number % 10) - 1]) ?? 'th'}`;
}
