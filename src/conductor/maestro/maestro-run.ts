import { programs } from '../../generated/programs.js';
import { again, run } from '../../hosts/commands.js';
import { type Host, HostError } from '../../hosts/host.js';
import { type CommandEnd, LongLivedCommand } from '../../hosts/long-lived-command.js';
import type { Clock } from '../../util/clock.js';
import { assignments, quoteAll } from '../../util/shell-quote.js';
import { sleep } from '../../util/sleep.js';
import { controlDirectoryOf } from './places.js';
import { readStatus, type StatusRow } from './read-status.js';

export interface MaestroRunContext {
  readonly host: Host;
  readonly clock: Clock;
  readonly studyPath: string;
  /** Takes a line of Maestro's log. */
  readonly onLog: (line: string) => void;
  readonly onStatus: (rows: readonly StatusRow[]) => void;
}

/** How Maestro ended: its exit status, or null if its process is gone without one. */
export interface MaestroExit {
  readonly status: number | null;
  /** The last line that it printed. */
  readonly lastWords: string;
}

/** After this many commands in a row that ended soon, no other one is started. */
const MAX_SHORT_LIVES = 8;

/** How long Maestro may take to cancel a study before its process gets a signal, besides some of its own pauses. */
const CANCEL_TIMEOUT_MS = 30_000;
const KILL_DELAY_MS = 5_000;

/** A Maestro that runs on the host, in a session of its own, whatever becomes of this program. */
export class MaestroRun {
  readonly #context: MaestroRunContext;
  #knownLines = 0;
  #offsetMinutes = 0;
  #lastWords = '';

  constructor(context: MaestroRunContext) {
    this.#context = context;
  }

  /**
   * Starts it, unless it was started before.
   *
   * @param words Maestro's command line
   * @param exports bash lines that set its environment
   * @throws HostError
   */
  async start(words: readonly string[], exports: string): Promise<void> {
    const { host } = this.#context;
    const text =
      `set +a\n_maestro_exports() {\n:\n${exports}}\n${this.#variables('_maestro_')}` +
      `set -- ${quoteAll(words)}\n${programs['conductor/maestro/start.sh']}`;
    const { code, stderr } = await again(() => run(host, text, '', { isForSteps: true }));
    if (code !== 0)
      throw new HostError(`Maestro cannot be started on ${host.name}: ${stderr.trim() || `exit ${code}`}`);
  }

  /**
   * Watches it to its end.
   *
   * @param stop ends the watching: Maestro goes on
   * @returns undefined if it was stopped
   * @throws HostError if the host runs no commands any more
   */
  watch(stop: AbortSignal): Promise<MaestroExit | undefined> {
    const { host, clock, onLog, onStatus } = this.#context;
    return new Promise((resolve, reject) => {
      const finish = (exit: MaestroExit | undefined) => {
        stop.removeEventListener('abort', leave);
        command.leave(true);
        resolve(exit);
      };
      const leave = () => finish(undefined);
      const onEnd = ({ error, isLost, shortLives, words }: CommandEnd) => {
        if ((error === undefined || isLost) && shortLives <= MAX_SHORT_LIVES) return command.restart();
        stop.removeEventListener('abort', leave);
        reject(new HostError(`Maestro on ${host.name} cannot be watched any more: ${words}`));
      };
      const onLine = (line: string) => {
        const [, type, rest = ''] = /^(\w+)(?: (.*))?$/.exec(line) ?? [];
        if (type === 'offset') this.#offsetMinutes = Number(rest);
        if (type === 'log') {
          this.#knownLines += 1;
          if (rest.trim() !== '') this.#lastWords = rest.trim();
          onLog(rest);
        }
        if (type === 'status')
          onStatus(readStatus(Buffer.from(rest, 'base64').toString().trimEnd(), this.#offsetMinutes));
        if (type === 'exit') finish({ status: Number(rest), lastWords: this.#lastWords });
        if (type === 'gone') finish({ status: null, lastWords: this.#lastWords });
      };
      const command = new LongLivedCommand({
        ...{ host, clock, onLine, onEnd, onSilence: () => {} },
        begin: () => ({ text: this.#watchText(), input: '' }),
      });
      if (stop.aborted) return resolve(undefined);
      stop.addEventListener('abort', leave, { once: true });
      command.start();
    });
  }

  /**
   * Has the study cancelled: by `maestro cancel`, and by a signal if that takes too long.
   *
   * @param over aborted once Maestro has ended
   * @param sleepSeconds of Maestro, which looks for a cancel no more often
   */
  async cancel(exports: string, sleepSeconds: number, over: AbortSignal): Promise<void> {
    const { host, clock, studyPath } = this.#context;
    // It asks whether the user is sure.
    const ask = `${exports}printf 'y\\n' | maestro cancel ${quoteAll([studyPath])}`;
    await again(() => run(host, ask, '', { isForSteps: true }));
    await sleep(clock, CANCEL_TIMEOUT_MS + 2 * sleepSeconds * 1000, over);
    if (over.aborted) return;
    const end = async (signal: 'TERM' | 'KILL') => {
      const text = `${this.#variables('')}${assignments({ signal })}${programs['conductor/maestro/end.sh']}`;
      await again(() => run(host, text));
    };
    await end('TERM');
    // A step that takes no notice of the signal outlives Maestro.
    await sleep(clock, KILL_DELAY_MS);
    await end('KILL');
    await sleep(clock, KILL_DELAY_MS, over);
  }

  #watchText(): string {
    return `${this.#variables('')}${assignments({ skip: this.#knownLines })}${programs['conductor/maestro/watch.sh']}`;
  }

  #variables(prefix: string): string {
    const { studyPath } = this.#context;
    return assignments({ [`${prefix}study`]: studyPath, [`${prefix}control`]: controlDirectoryOf(studyPath) });
  }
}
