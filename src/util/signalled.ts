/** The signals that tell this process to end. Flux sends SIGALRM to a job at its time limit. */
export const terminations = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGALRM'] as const;

/** The reason of a cancellation by a signal to this process. */
export class Signalled {
  readonly signal: (typeof terminations)[number];

  constructor(signal: Signalled['signal']) {
    this.signal = signal;
  }

  toString(): string {
    return `cancelled by ${this.signal}`;
  }
}
