import type { JobOutcome } from '../schedulers/scheduler.js';

/** `exit 3`, `killed by SIGKILL`, or what the scheduler says. */
export function describeFailure({ exitCode, signal, note }: JobOutcome): string {
  const status = signal !== null ? `killed by ${signal}` : exitCode !== null ? `exit ${exitCode}` : '';
  return [status, note].filter((text) => text !== '').join(': ') || 'failed';
}

/** What happened to a job, and to which if that is known: a step may have several. */
export const ofJob = (what: string, { id }: { readonly id: string }) => (id === '' ? what : `${what} (job ${id})`);

/** What is said of a step that will run again: by a driver that sees to it, and by one that does not any more. */
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

/** The same reason once nobody sees to it any more: `exit 3; to be tried again`. Any other text stays as it is. */
export function putOff(reason: string): string {
  for (const { now, later } of Object.values(promises)) {
    if (reason.endsWith(`; ${now}`)) return reason.slice(0, -now.length) + later;
  }
  return reason;
}
