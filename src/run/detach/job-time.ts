import type { Clock } from '../../util/clock.js';
import { describeError } from '../../util/errors.js';
import type { Log } from '../../util/log/log.js';

/** The part of a job's time that is left for handing over, and the most and the least of it. */
const SHARE = 0.1;
const MOST_S = 300;
const LEAST_S = 10;

/** How a run makes room for another one that goes on with the study. */
export interface HandOver {
  /** Aborted when no local step may begin any more. The reason is for people. */
  readonly signal: AbortSignal;
  /** How long local steps that run may go on. */
  readonly graceMs: number;
  /** Called once none of them runs. */
  readonly done: () => void;
}

/**
 * The time of the job that a conductor is: before it is up, the next conductor is submitted, local steps end or are ended, and the study
 * is left.
 */
export class JobTime implements HandOver {
  readonly graceMs: number;
  readonly #leave: AbortController;
  readonly #handingOver = new AbortController();
  #stop: () => void = () => {};

  /**
   * @param seconds that are left of it
   * @param succeed submits the next conductor, and says which job that is
   * @param leave is aborted when the study is to be left
   */
  constructor(options: {
    readonly seconds: number;
    readonly clock: Clock;
    readonly log: Pick<Log, 'info' | 'error'>;
    readonly succeed: () => Promise<string>;
    readonly leave: AbortController;
  }) {
    const { seconds, clock, log, succeed, leave } = options;
    this.#leave = leave;
    const margin = Math.min(MOST_S, Math.max(LEAST_S, seconds * SHARE));
    this.graceMs = margin * 400;
    const handOver = async () => {
      try {
        log.info(`The time of this conductor's job is nearly up: ${await succeed()} continues the study`);
      } catch (error) {
        log.error(`the time of this conductor's job is up, and no other can be submitted: ${describeError(error)}`);
      }
      // Whatever the steps do, the study is left before the job is killed.
      this.#stop = clock.after(margin * 800, this.done);
      this.#handingOver.abort("the time of the conductor's job was up");
    };
    this.#stop = clock.after(Math.max(0, (seconds - margin) * 1000), () => void handOver());
  }

  get signal(): AbortSignal {
    return this.#handingOver.signal;
  }

  readonly done = (): void => this.#leave.abort("the time of the conductor's job is up");

  /** The study is over before. */
  end(): void {
    this.#stop();
  }
}
