import type { JobOutcome } from '../schedulers/scheduler.js';
import type { JobRecord, Rerun } from '../study/state.js';

/** `exit 3`, `killed by SIGKILL`, or what the scheduler says. */
export function describeFailure({ exitCode, signal, note }: JobOutcome): string {
  const status = signal !== null ? `killed by ${signal}` : exitCode !== null ? `exit ${exitCode}` : '';
  return [status, note].filter((text) => text !== '').join(': ') || 'failed';
}

/** Of a job's nodes so many are named. */
const MAX_NODES = 3;

/** What happened to a job, with its id and nodes if they are known, because a step may have had several. */
export function ofJob(what: string, { id, nodes = [] }: Pick<JobRecord, 'id' | 'nodes'>): string {
  const shown = nodes.length > MAX_NODES ? [...nodes.slice(0, MAX_NODES), '...'] : nodes;
  const where = [...(id === '' ? [] : [`job ${id}`]), ...(shown.length === 0 ? [] : [`on ${shown.join(', ')}`])];
  return where.length === 0 ? what : `${what} (${where.join(' ')})`;
}

/** Why a step runs again although its job, which an earlier driver submitted, has ended. */
export const rerunReasons: Readonly<Record<Rerun, string>> = {
  changed: 'its script changed',
  cancelled: 'it was cancelled with the study before',
};

/** How a step goes on: `now`, in this run, or `later`, in the next one. */
const promises = {
  retry: { now: 'trying again', later: 'to be tried again' },
  restart: { now: 'restarting', later: 'to be restarted' },
  resubmit: { now: 'submitting again', later: 'to be submitted again' },
  elsewhere: { now: 'submitting again, on other nodes', later: 'to be submitted again, on other nodes' },
  defer: { now: 'it runs in the next allocation', later: 'to be submitted again in another allocation' },
} as const;

/** Why a step is not over although something went wrong: `exit 3; trying again`. */
export function runsAgain(reason: string, how: keyof typeof promises, when: 'now' | 'later'): string {
  return `${reason}; ${promises[how][when]}`;
}

/** The same reason once this run does not do it any more: `exit 3; to be tried again`. Other texts stay as they are. */
export function putOff(reason: string): string {
  for (const { now, later } of Object.values(promises)) {
    if (reason.endsWith(`; ${now}`)) return reason.slice(0, -now.length) + later;
  }
  return reason;
}
