import type { Cluster } from './cluster.js';
import type { Request } from './job.js';

/** What a command prints on both streams, and its exit status. */
export interface Reply {
  readonly stdout?: string;
  readonly stderr?: string;
  readonly code: number;
}

export interface Call {
  readonly name: string;
  readonly cwd: string;
  readonly words: readonly string[];
  readonly script: string;
  readonly environment: Readonly<Record<string, string>>;
}

const flags = ['x', 'r', 'rn', 'H', 'N', 'B'];
const values = [
  'q',
  'G',
  'W',
  'J',
  'Jd',
  'o',
  'oo',
  'e',
  'eo',
  'U',
  'cwd',
  'n',
  'nnodes',
  'R',
  'M',
  'P',
  'm',
  'w',
  'L',
];

const refused = (words: string): Reply => ({ stderr: `${words}. Job not submitted.`, code: 255 });

/**
 * Submits a job, with the words of IBM's "bsub" (LSF command reference), and of the messages in lsbatch. Options in the
 * script are read as bsub does: one without a value takes the next word, of whatever line.
 */
export function bsub(cluster: Cluster, call: Call): Reply {
  const embedded = [...call.script.matchAll(/^#BSUB +(.*)$/gm)].flatMap(([, line]) => wordsIn(line!));
  const options = new Map<string, string>();
  for (const words of [embedded, call.words]) {
    const wrong = parse(words, options);
    if (wrong !== undefined) return refused(`${wrong}: Illegal option`);
  }
  const name = options.get('q') || (call.environment.LSB_DEFAULTQUEUE ?? cluster.options.queues[0]!.name);
  const queue = cluster.options.queues.find((queue) => queue.name === name);
  if (queue === undefined) return refused(`${name}: No such queue`);
  if (queue.isOpen === false) return refused(`${name}: Queue has been closed`);
  const limit = minutesOf(options.get('W'));
  if (Number.isNaN(limit)) return refused(`${options.get('W')}: Bad RUNLIMIT specification`);
  if (limit !== undefined && limit > (queue.limitMinutes ?? Number.POSITIVE_INFINITY)) {
    return refused("RUNLIMIT: Cannot exceed queue's hard limit(s)");
  }
  if (cluster.pendingCount() >= (cluster.options.maxPending ?? Number.POSITIVE_INFINITY)) {
    return refused('User <user1>: Pending job threshold reached');
  }
  const request: Request = {
    name: options.get('J') ?? 'STDIN',
    description: options.get('Jd') ?? '',
    queue: name,
    slots: Number(options.get('nnodes') ?? options.get('n') ?? 1),
    limitMinutes: limit ?? queue.limitMinutes,
    cwd: options.get('cwd') ?? call.cwd,
    stdout: options.get('o') ?? options.get('oo'),
    stderr: options.get('e') ?? options.get('eo'),
    isHeld: options.has('H'),
    isRerunnable: options.has('r'),
    script: call.script,
    environment: call.environment,
  };
  const job = cluster.submit(request);
  if (cluster.faults.delete('lost answer')) return refused('Contacting batch daemon: Communication timeout');
  if (cluster.faults.delete('silent bsub')) return { code: 255 };
  if ((call.environment.BSUB_QUIET ?? '') !== '') return { code: 0 };
  const where = options.has('q') ? `queue <${name}>` : `default queue <${name}>`;
  return { stdout: `Job <${job.id}> is submitted to ${where}.`, code: 0 };
}

/** @returns an option that is not known */
function parse(words: readonly string[], options: Map<string, string>): string | undefined {
  for (let i = 0; i < words.length; i++) {
    const option = words[i]!.replace(/^-/, '');
    if (flags.includes(option)) options.set(option, '');
    else if (values.includes(option)) options.set(option, words[++i] ?? '');
    else return words[i];
  }
  return undefined;
}

/** The words of a line, as a shell splits it. */
function wordsIn(line: string): string[] {
  const words = line.match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? [];
  return words.map((word) => word.replaceAll(/["']/g, ''));
}

/** NaN for what is no run limit. */
function minutesOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const [, hours, minutes] = /^(?:(\d+):)?(\d+)(?:\/.+)?$/.exec(text) ?? [];
  return minutes === undefined ? Number.NaN : Number(hours ?? 0) * 60 + Number(minutes);
}
