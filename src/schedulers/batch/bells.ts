import { programs } from '../../generated/programs.js';
import type { Host } from '../../hosts/host.js';
import { type CommandEnd, LongLivedCommand } from '../../hosts/long-lived-command.js';
import type { Clock } from '../../util/clock.js';
import { assignments } from '../../util/shell-quote.js';

/**
 * What a launcher announced. `owner` is the owner in the claim of the attempt, `at` milliseconds since the epoch by the
 * clock of this program.
 */
export type Bell =
  | {
      readonly type: 'start';
      readonly label: string;
      readonly owner: string;
      readonly at: number;
      /** The nodes of the job, in the batch system's words; '' if they are not known. */
      readonly nodes: string;
    }
  | { readonly type: 'end'; readonly label: string; readonly owner: string; readonly exit: ExitRecord };

/** What the launcher recorded about the end of a script. */
export interface ExitRecord {
  /** 128 + N if signal N ended it. */
  readonly status: number;
  /** Milliseconds since the epoch; null if it is not known. */
  readonly at: number | null;
  /** `never-began` or `not-executable` (claims/launcher.ts); '' usually. */
  readonly word: string;
}

export interface BellsOptions {
  readonly host: Host;
  readonly studyPath: string;
  /** The fencing number of this driver. */
  readonly fence: number;
  readonly clock: Clock;
  readonly onBell: (bell: Bell) => void;
  /** Called when bells may have been missed: the claims of all jobs have to be read. */
  readonly onMissed: () => void;
  /** Called when the host cannot run the command any more. */
  readonly onFailure: (words: string) => void;
}

/** After this many commands in a row that ended soon, none is started any more. */
const MAX_SHORT_LIVES = 8;

/** Hears the bells of launchers: one command on the host watches for them, whatever the number of jobs. */
export class Bells {
  readonly #options: BellsOptions;
  readonly #command: LongLivedCommand;
  #hasBegun = false;

  constructor(options: BellsOptions) {
    const { host, clock, studyPath, fence, onBell, onMissed } = options;
    this.#options = options;
    this.#command = new LongLivedCommand({
      host,
      clock,
      begin: () => {
        if (this.#hasBegun) queueMicrotask(onMissed);
        this.#hasBegun = true;
        return { text: assignments({ study: studyPath, fence }) + programs['schedulers/batch/bells.sh'], input: '' };
      },
      onLine: (line) => {
        const bell = parseBell(line, clock.now());
        if (bell !== undefined) onBell(bell);
      },
      onEnd: (end) => this.#onEnd(end),
      onSilence: () => {},
    });
  }

  /** Starts to listen, or looks more often from now on, because bells are expected soon. */
  expect(): void {
    if (this.#command.isThere) this.#command.write('\n');
    else if (!this.#command.isPaused) this.#command.start();
  }

  close(): void {
    this.#command.leave(true);
  }

  #onEnd({ error, isLost, shortLives, words }: CommandEnd): void {
    if ((error !== undefined && !isLost) || shortLives > MAX_SHORT_LIVES) return this.#options.onFailure(words);
    this.#command.restart();
  }
}

/**
 * Parses a line of the command. The clocks of the host and of the nodes are taken to agree with each other, but not with
 * that of this program.
 *
 * @param nowMs the time of this program
 * @returns undefined for a line that is no bell
 */
export function parseBell(line: string, nowMs: number): Bell | undefined {
  const [, label, type, now, owner, rest] = /^bell (\S+) (start|end) ([\d.]+) (\S+) (.+)$/.exec(line) ?? [];
  if (label === undefined || owner === undefined || rest === undefined) return undefined;
  const toOwnClock = (seconds: string) => nowMs - Math.max(0, Math.round((Number(now) - Number(seconds)) * 1000));
  if (type === 'start') {
    const [seconds = '', ...nodes] = rest.split(' ');
    return { type, label, owner, at: toOwnClock(seconds), nodes: nodes.join(' ') };
  }
  const [status = '', seconds = '', word = ''] = rest.split(' ');
  return { type: 'end', label, owner, exit: { status: Number(status), at: toOwnClock(seconds), word } };
}
