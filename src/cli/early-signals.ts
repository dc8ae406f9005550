import { Signalled, terminations } from '../util/signalled.js';

const cancelling = new AbortController();
const hangingUp = new AbortController();

/** Aborted, with a reason for people, when this process is asked to end, or cannot go on. */
export const cancel = cancelling.signal;

/** Aborts `cancel` because this process cannot go on. @param reason has no effect if it was asked to end before */
export function abandon(reason: unknown): void {
  cancelling.abort(reason);
}

/** Aborted when this process gets a SIGHUP, even after another signal. */
export const hangup = hangingUp.signal;

// Set up as this file is loaded, before all else of the program is: that takes a while, in which a signal would end it without a word. The first
// signal cancels; those that follow (a runner sends SIGTERM after SIGINT) must not cut the clean-up short. Only a person at a terminal
// who asks a third time wants the end of it.
let signals = 0;
for (const signal of terminations) {
  process.on(signal, () => {
    cancelling.abort(new Signalled(signal));
    if (signal === 'SIGHUP') hangingUp.abort();
    if (++signals > 2 && process.stdin.isTTY) process.exit(130);
  });
}
