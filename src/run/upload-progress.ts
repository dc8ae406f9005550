import type { Clock } from '../util/clock.js';
import { sizeText } from '../util/format.js';
import type { Log } from '../util/log/log.js';

/** An upload that takes longer than the first is told of, and from then on every so often. */
const FIRST_MS = 5_000;
const EVERY_MS = 15_000;

/** Tells how far an upload is: `Staging: 120.0 MB of 4.1 GB`. */
export class UploadProgress {
  readonly #log: Pick<Log, 'info'>;
  readonly #clock: Clock;
  readonly #total: number;
  #bytes = 0;
  #doing: 'looking' | 'sending' = 'looking';
  #stop: () => void;

  /** @param total bytes of all files */
  constructor(log: Pick<Log, 'info'>, clock: Clock, total: number) {
    this.#log = log;
    this.#clock = clock;
    this.#total = total;
    this.#stop = clock.after(FIRST_MS, this.#tell);
  }

  readonly update = (bytes: number, doing: 'looking' | 'sending'): void => {
    this.#bytes = bytes;
    this.#doing = doing;
  };

  end(): void {
    this.#stop();
  }

  readonly #tell = (): void => {
    const what = this.#doing === 'looking' ? 'Reading the tree to stage' : 'Staging';
    this.#log.info(`${what}: ${sizeText(this.#bytes)} of ${sizeText(this.#total)}`);
    this.#stop = this.#clock.after(EVERY_MS, this.#tell);
  };
}
