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
  #askedAt = Number.NEGATIVE_INFINITY;
  /** Whether the latest command followed another one soon. */
  #isBurst = false;
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
   * A session for a command, and another one in its place.
   *
   * @param most as for `fill`
   * @returns undefined if none waits
   * @throws SshError if the connection broke while it was opened
   */
  async take(most: number): Promise<ShellSession | undefined> {
    const now = this.#clock.now();
    this.#isBurst = now - this.#askedAt < BURST_MS;
    this.#askedAt = now;
    for (let spare = this.#waiting.shift(); spare !== undefined; spare = this.#waiting.shift()) {
      this.fill(most);
      const shell = await spare;
      if (shell?.isThere) return shell;
      shell?.session.close();
    }
    return undefined;
  }

  /**
   * Opens sessions if commands follow each other; to be called once the latest command has its own, which the server must not refuse
   * because of these.
   *
   * @param most as for `fill`
   */
  refill(most: number): void {
    if (this.#isBurst) this.fill(most);
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
