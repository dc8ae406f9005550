import type { Clock } from '../clock.js';
import { replaceFile } from '../hosts/files.js';
import type { Host } from '../hosts/host.js';

/** Who drives a study. */
export interface LeaseHolder {
  /** Of the machine that drives it. */
  readonly machine: string;
  readonly pid: number;
  /** Where people see the run, on GitHub. */
  readonly runUrl?: string;
}

/** Milliseconds from beat to beat. */
const interval = 10_000;

/**
 * Says on the host that somebody drives the study: `.conductor/lease` is a line of JSON that changes with every beat, so
 * that who looks at it again (an allocation does) need not compare clocks. A beat that fails is only counted: the way to
 * the host breaks and comes back.
 */
export class Lease {
  readonly #host: Host;
  readonly #path: string;
  readonly #holder: LeaseHolder;
  readonly #clock: Clock;
  readonly #since: string;
  #beat = 0;
  #failures = 0;
  #writing: Promise<void> | undefined;
  #stopTimer: () => void = () => {};

  private constructor(host: Host, studyPath: string, holder: LeaseHolder, clock: Clock) {
    this.#host = host;
    this.#path = `${studyPath}/.conductor/lease`;
    this.#holder = holder;
    this.#clock = clock;
    this.#since = new Date(clock.now()).toISOString();
  }

  /** Beats at once, and from then on until its end. */
  static start(host: Host, studyPath: string, holder: LeaseHolder, clock: Clock): Lease {
    const lease = new Lease(host, studyPath, holder, clock);
    lease.#next();
    return lease;
  }

  /** How many beats failed since the last one that did not. */
  get failures(): number {
    return this.#failures;
  }

  /** Stops. The file stays as it is: that it does not change any more is what it says. */
  async end(): Promise<void> {
    this.#stopTimer();
    await this.#writing;
  }

  /** One write at a time: a beat that comes due while another is on its way is left out. */
  #next(): void {
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
    this.#stopTimer = this.#clock.after(interval, () => this.#next());
  }

  async #write(): Promise<void> {
    this.#beat += 1;
    const line = { ...this.#holder, since: this.#since, beat: this.#beat };
    try {
      await replaceFile(this.#host, this.#path, `${JSON.stringify(line)}\n`);
      this.#failures = 0;
    } catch {
      this.#failures += 1;
    }
  }
}
