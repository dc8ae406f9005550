/** The signals that tell this process to end. SIGALRM is what a job of Flux gets whose time has run out. */
export const terminations = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGALRM'] as const;

/** Why a study is cancelled if this process was told to end. */
export class Signalled {
  readonly signal: (typeof terminations)[number];

  constructor(signal: Signalled['signal']) {
    this.signal = signal;
  }

  toString(): string {
    return `cancelled by ${this.signal}`;
  }
}
