import type { Clock } from '../../util/clock.js';
import { backOffMs } from '../../util/retry.js';
import { ConnectionError } from '../errors.js';
import type { Handle } from '../handle.js';

export interface LinkListener {
  /** A connection has been opened, the first or a later one. */
  readonly onUp: (handle: Handle) => void;
  /** The connection is lost. Called once until it is up again. */
  readonly onDown: (reason: string) => void;
  /** The connection will not come back. Nothing is called after this. */
  readonly onGone: (reason: string) => void;
}

export interface LinkOptions {
  /** @throws ConnectionError */
  readonly connect: () => Promise<Handle>;
  readonly clock: Clock;
  /** How long a broker may be away, in milliseconds. */
  readonly patience: number;
  /**
   * How long, in milliseconds, to try an address at which nothing answers: the instance has ended, or is restarting.
   */
  readonly refusedPatience: number;
}

const BACK_OFF = { firstMs: 100, maxMs: 5_000 } as const;

/** After a connection has lasted this long, its loss counts as a new failure. */
const STABLE_AFTER_MS = 10_000;

/** Keeps a connection to a broker: when it is lost, it connects again with growing delays. */
export class BrokerLink {
  readonly #options: LinkOptions;
  readonly #listener: LinkListener;
  #handle: Handle | undefined;
  #upSince = 0;
  /** When the connection was lost; undefined while it is open. */
  #troubleSince: number | undefined;
  #failures = 0;
  #stopTimer: () => void = () => {};
  #isOver = false;

  constructor(options: LinkOptions, listener: LinkListener) {
    this.#options = options;
    this.#listener = listener;
  }

  /** Starts with an open connection. */
  start(handle: Handle): void {
    this.#up(handle);
  }

  /** Closes the present connection and opens another one. */
  drop(reason: string): void {
    this.#handle?.close(reason);
  }

  /** Closes the connection for good; no callback is called. */
  close(): void {
    this.#isOver = true;
    this.#stopTimer();
    this.#handle?.close();
  }

  #up(handle: Handle): void {
    this.#handle = handle;
    this.#upSince = this.#options.clock.now();
    this.#listener.onUp(handle);
    // The callback comes last: it may find the connection broken already.
    handle.onClose = (error) => this.#down(error);
  }

  #down(error: ConnectionError): void {
    if (this.#isOver) return;
    this.#handle = undefined;
    const now = this.#options.clock.now();
    if (now - this.#upSince >= STABLE_AFTER_MS) {
      this.#troubleSince = undefined;
      this.#failures = 0;
    }
    this.#troubleSince ??= now;
    this.#listener.onDown(error.message);
    // The callback may have closed it.
    if (!this.#isOver) this.#tryLater(error);
  }

  #tryLater(error: ConnectionError): void {
    const { clock, patience, refusedPatience } = this.#options;
    const isRefused = error.code === 'ENOENT' || error.code === 'ECONNREFUSED';
    if (clock.now() - this.#troubleSince! >= (isRefused ? refusedPatience : patience)) {
      this.#isOver = true;
      this.#listener.onGone(error.message);
      return;
    }
    this.#failures += 1;
    const wait = backOffMs(this.#failures, BACK_OFF, clock);
    this.#stopTimer = clock.after(wait, () => void this.#reconnect());
  }

  async #reconnect(): Promise<void> {
    let handle: Handle;
    try {
      handle = await this.#options.connect();
    } catch (error) {
      if (this.#isOver) return;
      this.#tryLater(error instanceof ConnectionError ? error : new ConnectionError(String(error)));
      return;
    }
    if (this.#isOver) handle.close();
    else this.#up(handle);
  }
}
