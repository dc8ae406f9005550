import type { Clock } from '../../util/clock.js';
import type { ShellSession } from './shell-session.js';
import { SshError } from './transport.js';

/** How many sessions wait for a command. */
const SPARES = 3;

/** How soon a command must follow another one for a session to be opened ahead of the next. */
const BURST_MS = 1_000;

/** How long sessions wait for a command. */
const IDLE_MS = 10_000;

/**
 * Sessions that are opened before there is a command for them. Opening one takes three round trips, and a run begins with a row of
 * commands of which each waits for the one before. They are kept only while commands follow each other.
 */
export class SpareSessions {
  readonly #open: () => Promise<ShellSession> | undefined;
  readonly #clock: Clock;
  #waiting: Promise<ShellSession | undefined>[] = [];
  #asked = Number.NEGATIVE_INFINITY;
  /** Whether the server has refused none so far. */
  #isWelcome = true;
  #isClosed = false;
  #stopIdle: () => void = () => {};

  /** @param open opens a session where there is room for one more; undefined if there is none */
  constructor(open: () => Promise<ShellSession> | undefined, clock: Clock) {
    this.#open = open;
    this.#clock = clock;
  }

  /** Opens sessions until enough wait. @param most how many there may be */
  fill(most: number): void {
    if (!this.#isWelcome || this.#isClosed) return;
    while (this.#waiting.length < Math.min(most, SPARES)) {
      const opening = this.#open();
      if (opening === undefined) break;
      const spare: Promise<ShellSession | undefined> = opening.catch((error: unknown) => {
        if (isRefusal(error)) return undefined;
        throw error;
      });
      spare.catch(() => {});
      this.#waiting.push(spare);
      const forget = (error?: unknown) => {
        if (isRefusal(error)) this.#isWelcome = false;
        this.#waiting = this.#waiting.filter((other) => other !== spare);
      };
      opening.then(({ session }) => session.exit).then(() => forget(), forget);
    }
    this.#stopIdle();
    this.#stopIdle = this.#clock.after(IDLE_MS, () => this.drop());
  }

  /**
   * A session for a command, and another one in its place if commands follow each other.
   *
   * @param most as for `fill`
   * @throws SshError if the connection broke while it was opened
   */
  async take(most: number): Promise<ShellSession | undefined> {
    const now = this.#clock.now();
    const isBurst = now - this.#asked < BURST_MS;
    this.#asked = now;
    for (let spare = this.#waiting.shift(); spare !== undefined; spare = this.#waiting.shift()) {
      this.fill(most);
      const shell = await spare;
      if (shell?.isThere) return shell;
      shell?.session.close();
    }
    if (isBurst) this.fill(most);
    return undefined;
  }

  /** Gives all of them up: the connection may be lost. */
  drop(): void {
    this.#stopIdle();
    for (const spare of this.#waiting.splice(0)) {
      spare.then(
        (shell) => shell?.session.close(),
        () => {},
      );
    }
  }

  close(): void {
    this.#isClosed = true;
    this.drop();
  }
}

const isRefusal = (error: unknown) => error instanceof SshError && error.kind === 'session';
