import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import type { Clock } from '../util/clock.js';
import { backOffMs } from '../util/retry.js';
import { Watchdog } from '../util/watchdog.js';
import { collectText } from './commands.js';
import { type Host, HostError, HostLostError, type HostProcess, type SpawnOptions } from './host.js';

/** How a command ended that was not told to. */
export interface CommandEnd {
  /** The error, if it did not end by itself. Of a HostLostError the command may go on, and nobody hears it. */
  readonly error: HostError | undefined;
  /** Whether the connection to the host broke: another command may have more luck. */
  readonly isLost: boolean;
  /** The error's message, or what the command said last on its stderr. */
  readonly words: string;
  /** How many in a row, with this one, ended soon after they had begun. */
  readonly shortLives: number;
}

export interface LongLivedCommandOptions extends SpawnOptions {
  readonly host: Host;
  readonly clock: Clock;
  /** Called for each command: its text, and what it is sent first; one that is sent something owes an answer. */
  readonly begin: () => { readonly text: string; readonly input: string | Uint8Array };
  /** Takes a line of the present command's stdout. */
  readonly onLine: (line: string) => void;
  /** Called when the present command has ended by itself. There is none after that until one is started. */
  readonly onEnd: (end: CommandEnd) => void;
  /** Called each time that the command has owed an answer for another long silence, and how often that was. */
  readonly onSilence: (times: number) => void;
}

/** A command that lived less than this may be one of many that end at once: before the next one there is a pause. */
const SHORT_LIFE_MS = 10_000;

const BACK_OFF = { firstMs: 250, maxMs: 10_000 } as const;

/**
 * A command on a host that reads requests and says lines for as long as somebody needs it, and another one in its stead
 * whenever it has ended, or is left because it does not answer. What is still to be done, each next one is sent anew.
 */
export class LongLivedCommand {
  readonly #options: LongLivedCommandOptions;
  readonly #watchdog: Watchdog;
  /** Undefined while there is none. What an earlier one says or does is not looked at. */
  #current: { readonly process: HostProcess; readonly since: number } | undefined;
  /** Takes back the start of the next one. */
  #stopPause: (() => void) | undefined;
  #shortLives = 0;

  constructor(options: LongLivedCommandOptions) {
    this.#options = options;
    this.#watchdog = new Watchdog(options.clock, options.onSilence);
  }

  get isThere(): boolean {
    return this.#current !== undefined;
  }

  /** Whether another one starts after a pause. */
  get isPaused(): boolean {
    return this.#stopPause !== undefined;
  }

  /** Starts a command, now. */
  start(): void {
    this.#endPause();
    const { host, clock, begin, isForSteps, onLine } = this.#options;
    const { text, input } = begin();
    const process = host.spawn(text, isForSteps === undefined ? {} : { isForSteps });
    const current = { process, since: clock.now() };
    this.#current = current;
    // That it does not read any more is told by its end.
    process.stdin.on('error', () => {});
    const lastWords = collectText(process.stderr, 4096);
    readLines(process.stdout, (line) => {
      if (current === this.#current) onLine(line);
    });
    if (input.length > 0) process.stdin.write(input);
    this.expectAnswer(input.length > 0);
    process.exit.then(
      ({ code }) => this.#onEnd(current, lastWords() || `exit ${code}`),
      (error: unknown) => this.#onEnd(current, error),
    );
  }

  /** Starts another one after an end: at once after a first short life, and after ever longer pauses if many end soon. */
  restart(): void {
    if (this.#shortLives <= 1) this.start();
    else this.startAfter(backOffMs(this.#shortLives - 1, BACK_OFF, this.#options.clock));
  }

  startAfter(milliseconds: number): void {
    this.#stopPause = this.#options.clock.after(milliseconds, () => this.start());
  }

  /** Sends something to the command, if there is one. */
  write(input: string | Uint8Array): void {
    this.#current?.process.stdin.write(input);
  }

  /** Counts its silence from now on, if it owes an answer. */
  expectAnswer(isOwed: boolean): void {
    if (isOwed && this.#current !== undefined) this.#watchdog.begin();
    else this.#watchdog.end();
  }

  /**
   * Leaves the present command to itself, and starts no other one. It ends with its input.
   *
   * @param mayReadOn whether it is to read what it was sent before; if not, that does not keep this program from its end
   */
  leave(mayReadOn: boolean): void {
    this.#endPause();
    this.#watchdog.end();
    const process = this.#current?.process;
    this.#current = undefined;
    if (mayReadOn) process?.stdin.end();
    else process?.stdin.destroy();
    process?.leave();
  }

  #endPause(): void {
    this.#stopPause?.();
    this.#stopPause = undefined;
  }

  /** @param cause the error, or the last words of one that ended by itself */
  #onEnd(ended: { readonly since: number }, cause: unknown): void {
    if (ended !== this.#current) return;
    if (typeof cause !== 'string' && !(cause instanceof HostError)) throw cause;
    const isShort = this.#options.clock.now() - ended.since < SHORT_LIFE_MS;
    this.#shortLives = isShort ? this.#shortLives + 1 : 0;
    this.leave(false);
    this.#options.onEnd({
      error: typeof cause === 'string' ? undefined : cause,
      isLost: cause instanceof HostLostError,
      words: typeof cause === 'string' ? cause : cause.message,
      shortLives: this.#shortLives,
    });
  }
}

/** Calls back for each line of a stream, without its newline. A last line without one is not whole, and left out. */
function readLines(stream: Readable, onLine: (line: string) => void): void {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  stream.on('data', (data: Buffer) => {
    const lines = (rest + decoder.write(data)).split('\n');
    rest = lines.pop()!;
    for (const line of lines) onLine(line);
  });
}
