import type { Log } from '../util/log/log.js';

/** GitHub shows ten warnings of a step: most are left for what is ours. */
const MAX_WARNINGS = 5;

/** A line of that many characters is cut: the file has it whole. */
const MAX_LINE_LENGTH = 4000;

/** Shows Maestro's own log: its first warnings and errors as ours, the others as lines. */
export class MaestroLog {
  readonly #log: Pick<Log, 'info' | 'warning'>;
  #warnings = 0;

  constructor(log: Pick<Log, 'info' | 'warning'>) {
    this.#log = log;
  }

  add(whole: string): void {
    if (whole.trim() === '' || /Logging Level -- Enabled$/.test(whole)) return;
    const rest = whole.length - MAX_LINE_LENGTH;
    const line = rest > 0 ? `${whole.slice(0, MAX_LINE_LENGTH)}... (${rest} more characters)` : whole;
    if (!/\b(WARNING|ERROR|CRITICAL)\b/.test(line.slice(0, 80))) return this.#log.info(line);
    this.#warnings += 1;
    if (this.#warnings <= MAX_WARNINGS) this.#log.warning(line);
    else this.#log.info(line);
  }

  end(): void {
    const more = this.#warnings - MAX_WARNINGS;
    if (more > 0) this.#log.warning(`Maestro's log has ${more} more warnings and errors`);
  }
}
