import { programs } from '../../generated/programs.js';
import type { QueuedJob } from '../../store/journal/records.js';
import { assignments } from '../../util/shell-quote.js';
import { type JobState, parseJobState, queueFunctions } from '../batch/queue.js';
import { allocationFiles } from './idle-guard.js';

/** What the command that waits tells, a line each. */
export type WaitingLine =
  | { readonly type: 'state'; readonly state: JobState; readonly position: number; readonly today: string }
  /** The scheduler cannot be asked at present. */
  | { readonly type: 'mute'; readonly words: string }
  | { readonly type: 'gone' }
  | { readonly type: 'uri'; readonly uri: string };

/** A command that waits until a job's Flux instance has said where it is, and tells what changes meanwhile. It ends with its input. */
export function waitingCommand(job: QueuedJob, studyPath: string, number: number): string {
  const variables = assignments({ study: studyPath, uri_file: allocationFiles(number).uri });
  return queueFunctions(job) + variables + programs['schedulers/allocation/wait-for-start.sh'];
}

/** Reads a line of it; undefined if it is none. */
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

/** What a person wants to know of a job that has not come to its end: `waits in pdebug: Priority (3rd in the queue)`. */
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

/** Why a job that waits may wait for ever, and what to do about it. */
export interface Doubt {
  readonly reason: string;
  readonly hint: string;
}

/** The scheduler's words for what does not change by waiting, and what would change it. */
const doubts: readonly (readonly [reason: RegExp, hint: string])[] = [
  // Slurm.
  [
    /^(PartitionTimeLimit|.*MaxWall\w*|TimeLimit)$/,
    'it asks for more time than it may have there: `time` in the input `allocate`, or another `queue`',
  ],
  [
    /^(PartitionNodeLimit|PartitionConfig|.*Max(Node|Cpu|CPU|TRES|GRES|BB|License|Mem|Jobs?)\w*PerJob\w*|MaxMemPerLimit)$/i,
    'it asks for more than one job may have there: `nodes`, `tasks` or `gpus` in the input `allocate`, or another `queue`',
  ],
  [/^BadConstraints$/, 'no node has what it asks for: `nodes`, `tasks`, `gpus` or `args` in the input `allocate`'],
  [
    /^(Assoc|QOS)\w*(Grp|Max)\w*(Min|Minutes|RunMin)\w*$/i,
    'the hours of the account may be used up: another `bank` in the input `allocate`, or whoever gives them out',
  ],
  [
    /^(Assoc|QOS)\w*(Grp|Max|Min)\w*$/,
    'it waits until others of the account or the user have ended, and for ever if it alone asks for more than the limit: see the limits of `bank` and `queue`',
  ],
  [
    /^(Invalid\w*|AccountNotAllowed|QOSNotAllowed|Partition\w*NotAllowed)$/,
    'see `bank`, `queue` and `args` in the input `allocate`',
  ],
  [/^(JobHeld\w*|Held.*)$/, 'somebody holds it: it must be released (`scontrol release`)'],
  [
    /^(PartitionDown|PartitionInactive|ReservationDeleted|DependencyNeverSatisfied|JobArrayTaskLimit)$/,
    'another `queue` in the input `allocate` may be open',
  ],
  [
    /^ReqNodeNotAvail/,
    'nodes that it needs are down, drained or reserved, perhaps for maintenance that comes before it could end: less `time` in the input `allocate` may let it start',
  ],
  // LSF.
  [/suspended (by|while)/i, 'somebody holds it: it must be resumed (`bresume`)'],
  [
    /inactivated|queue is closed|not (an )?(eligible|enough) hosts?/i,
    'another `queue`, or fewer `nodes`, in the input `allocate`',
  ],
  // Flux.
  [/unsatisfiable/i, 'no node has what it asks for: `nodes`, `tasks` or `gpus` in the input `allocate`'],
];

/** Whether a job may never start; undefined if it just has to wait for its turn. */
export function doubtOf({ phase, reason }: JobState): Doubt | undefined {
  if (phase !== 'waiting') return undefined;
  const hint = doubts.find(([words]) => words.test(reason))?.[1];
  return hint === undefined ? undefined : { reason, hint };
}

/** The hour alone if it is today's. */
function startsAbout(start: string, today: string): string {
  const [day, time = ''] = start.split('T');
  if (start === '') return '';
  return `, starts about ${day === today ? '' : `${day} `}${time.slice(0, 5)}`;
}

function ordinal(number: number): string {
  const isTeen = number % 100 >= 11 && number % 100 <= 13;
  return `${number}${(isTeen ? undefined : ['st', 'nd', 'rd'][(number % 10) - 1]) ?? 'th'}`;
}
