import type { JobOutcome } from '../schedulers/scheduler.js';

/** `exit 3`, `killed by SIGKILL`, or what the scheduler says. */
export function describeFailure({ exitCode, signal, note }: JobOutcome): string {
  const status = signal !== null ? `killed by ${signal}` : exitCode !== null ? `exit ${exitCode}` : '';
  return [status, note].filter((text) => text !== '').join(': ') || 'failed';
}

/** What happened to a job, with its id if that is known, because a step may have had several. */
export const ofJob = (what: string, { id }: { readonly id: string }) => (id === '' ? what : `${what} (job ${id})`);

/** How a step goes on: `now`, in this run, or `later`, in the next one. */
const promises = {
  retry: { now: 'trying again', later: 'to be tried again' },
  restart: { now: 'restarting', later: 'to be restarted' },
  resubmit: { now: 'submitting again', later: 'to be submitted again' },
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
