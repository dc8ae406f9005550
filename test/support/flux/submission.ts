import { errno } from '../../../src/flux/errors.js';
import { parseJson, property } from '../../../src/flux/json.js';
import { parseHostlist } from '../../../src/util/hostlist.js';

/** A request that the broker answers with an error, in the words of real brokers. */
export class Refusal extends Error {
  readonly errnum: number;

  constructor(errnum: number, words = '') {
    super(words);
    this.errnum = errnum;
  }
}

/** A queue's limits. */
export interface QueueLimits {
  /** Seconds; undefined: none. */
  readonly duration?: number;
}

export interface SubmissionRules {
  /** 0.88.0 is 88. */
  readonly minor: number;
  /** The uid that the instance belongs to, and the one that asks. */
  readonly owner: number;
  readonly user: number;
  readonly queues: ReadonlyMap<string, QueueLimits>;
  /** The names of the nodes. */
  readonly hosts: readonly string[];
}

export interface Submission {
  readonly userid: number;
  readonly urgency: number;
  readonly jobspec: unknown;
  readonly command: readonly string[];
  readonly demand: Demand;
  /** Seconds; 0: no limit. */
  readonly duration: number;
}

/** What a job wants to have before it starts. */
export interface Demand {
  readonly nodes: number;
  readonly slots: number;
  readonly coresPerSlot: number;
  readonly gpusPerSlot: number;
  readonly isExclusive: boolean;
  readonly hasNodes: boolean;
  /** Processes that run its command. */
  readonly tasks: number;
}

/** The nodes that a job is not to run on: a constraint as `--requires=-host:` makes it (RFC 31). */
export function excludedHosts(jobspec: unknown): string[] {
  const constraint = at(jobspec, 'attributes', 'system', 'constraints');
  const list = at(constraint, 'not', 0, 'hostlist', 0);
  return typeof list === 'string' ? parseHostlist(list) : [];
}

/** What `path` leads to, in objects and arrays. */
export function at(value: unknown, ...path: (string | number)[]): unknown {
  return path.reduce((level, key) => (Array.isArray(level) ? level[Number(key)] : property(level, String(key))), value);
}

const numberOr = (value: unknown, otherwise: number) => (typeof value === 'number' ? value : otherwise);

/**
 * What `job-ingest.submit` is asked for.
 *
 * @throws Refusal
 */
export function readSubmission(request: unknown, rules: SubmissionRules): Submission {
  const signed = property(request, 'J');
  if (typeof signed !== 'string') throw new Refusal(errno.EPROTO, 'error decoding job request: Protocol error');
  const urgency = numberOr(property(request, 'urgency'), numberOr(property(request, 'priority'), 16));
  if (urgency < 0 || urgency > 31) throw new Refusal(errno.EINVAL, 'urgency range is [0:31]');
  return { urgency, ...readJobspec(unwrap(signed, rules), rules), userid: rules.user };
}

/** The jobspec's text, once its signature is found good (RFC 15). */
function unwrap(signed: string, { owner, user }: SubmissionRules): string {
  const [header, jobspec, signature] = signed.split('.');
  if (header === undefined || jobspec === undefined || signature === undefined || signature === '') {
    throw new Refusal(errno.EINVAL, 'could not unwrap jobspec: Invalid argument');
  }
  const fields = readHeader(Buffer.from(header, 'base64').toString());
  const [mechanism, userid] = [fields.get('mechanism'), fields.get('userid')];
  if (fields.get('version') !== 'i1' || mechanism === undefined || userid === undefined) {
    throw new Refusal(errno.EINVAL, 'could not unwrap jobspec: Invalid argument');
  }
  if (userid !== `i${user}`) throw new Refusal(errno.EPERM, `signer=${userid.slice(1)} != requestor=${user}`);
  if (mechanism === 'snone' && user !== owner) {
    throw new Refusal(errno.EPERM, 'only instance owner can use sign-type=none');
  }
  return Buffer.from(jobspec, 'base64').toString();
}

/** Pairs of key and value, each ended by a NUL; a value's first letter is its type. */
function readHeader(text: string): Map<string, string> {
  const words = text.split('\0');
  return new Map(
    words.flatMap((word, index) => (index % 2 === 0 && word !== '' ? [[word, words[index + 1] ?? '']] : [])),
  );
}

/** @throws Refusal */
export function readJobspec(text: string, rules: SubmissionRules): Omit<Submission, 'urgency' | 'userid'> {
  let jobspec: unknown;
  try {
    jobspec = parseJson(text);
  } catch {
    const near = /\S+/.exec(text)?.[0] ?? '';
    throw new Refusal(errno.EINVAL, `jobspec: invalid JSON: '[' or '{' expected near '${near}'`);
  }
  for (const key of ['attributes', 'tasks', 'resources', 'version']) {
    if (property(jobspec, key) === undefined) throw new Refusal(errno.EPERM, `Missing key (${key})`);
  }
  if (property(jobspec, 'version') !== 1) throw new Refusal(errno.EPERM, 'version must be 1');
  const command = at(jobspec, 'tasks', 0, 'command');
  if (!Array.isArray(command) || command.length === 0) {
    throw new Refusal(errno.EPERM, 'command array cannot have length of zero');
  }
  if (at(jobspec, 'attributes', 'system') === undefined) {
    throw new Refusal(errno.EPERM, 'attributes.system is a required key');
  }
  const duration = at(jobspec, 'attributes', 'system', 'duration');
  if (typeof duration !== 'number') throw new Refusal(errno.EPERM, 'attributes.system.duration is a required key');
  const stranger = excludedHosts(jobspec).find((host) => !rules.hosts.includes(host));
  if (stranger !== undefined) {
    throw new Refusal(errno.EINVAL, `host constraint contains invalid hosts: host '${stranger}' not found`);
  }
  checkQueue(at(jobspec, 'attributes', 'system', 'queue'), duration, rules);
  return { jobspec, command: command.map(String), demand: readDemand(jobspec), duration };
}

function checkQueue(name: unknown, duration: number, { queues, minor }: SubmissionRules): void {
  if (queues.size === 0) {
    // Long ago a queue's name was nobody's business.
    if (name !== undefined && minor >= 50) throw new Refusal(errno.EINVAL, `'${name}' is not a valid queue`);
    return;
  }
  const queue = typeof name === 'string' ? name : [...queues.keys()][0]!;
  const limits = queues.get(queue);
  if (limits === undefined) throw new Refusal(errno.EPERM, `Invalid queue '${queue}' specified`);
  if (limits.duration !== undefined && duration > limits.duration) {
    const words = `requested duration (${standardDuration(duration)}) exceeds policy limit of`;
    throw new Refusal(errno.EINVAL, `${words} ${standardDuration(limits.duration)} for queue ${queue}`);
  }
}

/** Flux standard duration (RFC 23), rounded as messages have it. */
export function standardDuration(seconds: number): string {
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)}m`;
  if (seconds < 86400) return `${Math.round(seconds / 3600)}h`;
  return `${Math.round(seconds / 86400)}d`;
}

function readDemand(jobspec: unknown): Demand {
  const top = at(jobspec, 'resources', 0);
  const hasNodes = property(top, 'type') === 'node';
  const nodes = hasNodes ? numberOr(property(top, 'count'), 1) : 1;
  const slot = hasNodes ? at(top, 'with', 0) : top;
  const slots = numberOr(property(slot, 'count'), 1) * (hasNodes ? nodes : 1);
  const perSlot = (type: string) => {
    const parts = property(slot, 'with');
    const part = Array.isArray(parts) ? parts.find((part) => property(part, 'type') === type) : undefined;
    return numberOr(property(part, 'count'), 0);
  };
  const count = at(jobspec, 'tasks', 0, 'count');
  const perSlotTasks = numberOr(property(count, 'per_slot'), 1) * slots;
  const isPerNode = at(jobspec, 'attributes', 'system', 'shell', 'options', 'per-resource', 'type') === 'node';
  return {
    nodes,
    slots,
    coresPerSlot: perSlot('core'),
    gpusPerSlot: perSlot('gpu'),
    isExclusive: property(top, 'exclusive') === true,
    hasNodes,
    tasks: isPerNode ? nodes : numberOr(property(count, 'total'), perSlotTasks),
  };
}
