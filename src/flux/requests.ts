import { parseHostlist } from '../util/hostlist.js';
import { errno, FluxError } from './errors.js';
import { EventlogError, type FluxEvent, isTime, parseEvents } from './eventlog.js';
import type { Handle } from './handle.js';
import { type JobId, toJobId } from './job-id.js';
import { parseJson, property, toJson } from './json.js';

/** The requests that a conductor makes of a broker, with types. Each throws what `Handle.rpc` throws. */

/** The answer of the broker does not follow its protocol. */
export class AnswerError extends Error {
  constructor(topic: string, answer: unknown) {
    super(`the broker's answer to ${topic} is not understood: ${String(toJson(answer)).slice(0, 200)}`);
    this.name = 'AnswerError';
  }
}

/** An attribute of the broker: `version`, `size`, `security.owner`. */
export async function getAttribute(handle: Handle, name: string): Promise<string> {
  const answer = await handle.rpc('attr.get', { name });
  const value = property(answer, 'value');
  if (typeof value !== 'string') throw new AnswerError('attr.get', answer);
  return value;
}

/** The broker's configuration, as an object of its tables. */
export function getConfig(handle: Handle): Promise<unknown> {
  return handle.rpc('config.get');
}

/** The names of the queues in a broker's configuration; none if it has only the anonymous one. */
export function queuesIn(config: unknown): string[] {
  const queues = property(config, 'queues');
  return typeof queues === 'object' && queues !== null ? Object.keys(queues) : [];
}

/** What an instance offers. Brokers before 0.61 have no such service: they answer ENOSYS. */
export interface Resources {
  /** Seconds since the epoch at which the instance ends; 0: never. */
  readonly expiration: number;
}

/** @param timeout milliseconds */
export async function getResources(handle: Handle, timeout: number): Promise<Resources> {
  const answer = await handle.rpc('resource.sched-status', undefined, { rank: 0, timeout });
  const expiration = property(property(property(answer, 'all'), 'execution'), 'expiration');
  return { expiration: isTime(expiration) ? expiration : 0 };
}

/**
 * The state of the broker's own state machine: `run`, and anything after it while the instance is ending.
 *
 * @param timeout milliseconds
 */
export async function getInstanceState(handle: Handle, timeout: number): Promise<string> {
  const answer = await handle.rpc('state-machine.get', undefined, { timeout });
  const state = property(answer, 'state');
  if (typeof state !== 'string') throw new AnswerError('state-machine.get', answer);
  return state;
}

/**
 * Watches the instance's state: calls back whenever it leaves one, which is before its jobs are told to end. For
 * its owner only: others get EPERM.
 */
export function watchInstance(
  handle: Handle,
  onLeft: () => void,
  onEnd: (error: Error | undefined) => void,
): () => void {
  // States are numbers that differ between versions: whichever comes first is the present one.
  let first: unknown;
  return handle.stream(
    'state-machine.monitor',
    { final: 99 },
    {
      onResponse: (answer) => {
        const state = property(answer, 'state');
        if (first === undefined) first = state;
        else if (state !== first) onLeft();
      },
      onEnd,
    },
  );
}

/** @param signed the jobspec as `signNone` or a signing helper makes it; `urgency` from 0 (held) to 31 */
export async function submitJob(handle: Handle, signed: string, urgency: number): Promise<JobId> {
  // Before 0.22 urgency was called priority; every version takes both. What is slow here is the broker's validation of
  // all jobs that came before.
  const answer = await handle.rpc(
    'job-ingest.submit',
    { J: signed, urgency, priority: urgency, flags: 0 },
    { timeout: 300_000 },
  );
  const id = toJobId(property(answer, 'id'));
  if (id === undefined) throw new AnswerError('job-ingest.submit', answer);
  return id;
}

export interface EventlogListener {
  readonly onEvents: (events: readonly FluxEvent[]) => void;
  /** The log is complete (undefined), or cannot be watched on: FluxError, EventlogError, ConnectionError. */
  readonly onEnd: (error: Error | undefined) => void;
}

/** Follows a job's eventlog from its first entry on, as it is written. The result stops that. */
export function watchEventlog(handle: Handle, id: JobId, listener: EventlogListener): () => void {
  const topic = 'job-info.eventlog-watch';
  const stop = handle.stream(
    topic,
    { id, path: 'eventlog', flags: 0 },
    {
      onResponse: (answer) => {
        const text = property(answer, 'event');
        try {
          if (typeof text !== 'string') throw new AnswerError(topic, answer);
          listener.onEvents(parseEvents(text));
        } catch (error) {
          if (!(error instanceof AnswerError || error instanceof EventlogError)) throw error;
          stop();
          listener.onEnd(error);
        }
      },
      onEnd: listener.onEnd,
    },
    `${topic}-cancel`,
  );
  return stop;
}

/** Cancels a job. It is not an error if the job does not exist or has ended. */
export async function cancelJob(handle: Handle, id: JobId, note: string): Promise<void> {
  try {
    await handle.rpc('job-manager.raise', { id, type: 'cancel', severity: 0, note });
  } catch (error) {
    if (!(error instanceof FluxError) || (error.errno !== errno.ENOENT && !/inactive/.test(error.message))) throw error;
  }
}

/** A broker that does not answer a query of a job within this time has a problem. */
const LOOKUP_TIMEOUT_MS = 60_000;

/** Whether a job may still be running, by its eventlog. @throws what `Handle.rpc` throws, EventlogError */
export async function isJobActive(handle: Handle, id: JobId): Promise<boolean> {
  const topic = 'job-info.lookup';
  const answer = await handle.rpc(topic, { id, keys: ['eventlog'], flags: 0 }, { timeout: LOOKUP_TIMEOUT_MS });
  const text = property(answer, 'eventlog');
  if (typeof text !== 'string') throw new AnswerError(topic, answer);
  return !parseEvents(text).some(({ name }) => name === 'clean');
}

/** The names of the nodes in an R (RFC 20); none if it has no names. */
export function nodesIn(resources: unknown): string[] {
  const lists = property(property(resources, 'execution'), 'nodelist');
  return Array.isArray(lists) ? lists.flatMap((list) => (typeof list === 'string' ? parseHostlist(list) : [])) : [];
}

/** The nodes of a job that has resources. @throws what `Handle.rpc` throws, AnswerError */
export async function lookUpNodes(handle: Handle, id: JobId): Promise<string[]> {
  const topic = 'job-info.lookup';
  const answer = await handle.rpc(topic, { id, keys: ['R'], flags: 0 }, { timeout: LOOKUP_TIMEOUT_MS });
  const text = property(answer, 'R');
  try {
    return nodesIn(parseJson(String(text)));
  } catch {
    throw new AnswerError(topic, answer);
  }
}

/**
 * What a job's submitter wrote into its jobspec for himself, `attributes.user` (RFC 14).
 *
 * @returns undefined if there is none of that name, or no such job that we may see
 */
export async function lookUpUserAttribute(handle: Handle, id: JobId, name: string): Promise<unknown> {
  const topic = 'job-info.lookup';
  let answer: unknown;
  try {
    answer = await handle.rpc(topic, { id, keys: ['jobspec'], flags: 0 }, { timeout: LOOKUP_TIMEOUT_MS });
  } catch (error) {
    const isNone = error instanceof FluxError && (error.errno === errno.ENOENT || error.errno === errno.EPERM);
    if (isNone) return undefined;
    throw error;
  }
  const text = property(answer, 'jobspec');
  if (typeof text !== 'string') throw new AnswerError(topic, answer);
  let jobspec: unknown;
  try {
    jobspec = parseJson(text);
  } catch {
    throw new AnswerError(topic, answer);
  }
  return property(property(property(jobspec, 'attributes'), 'user'), name);
}
