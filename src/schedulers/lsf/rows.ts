import { parseLsfHosts } from '../../util/hostlist.js';
import type { QueueRow } from '../batch/batch-system.js';

/** Parses a line of `query_jobs`: `NOW|ID|STATE|EXIT CODE|START|FINISH|HOSTS|EXIT REASON|PENDING REASON`. */
export function parseRow(line: string): QueueRow | undefined {
  const [, now = '', id = '', state = '', rest = ''] = /^(\d+)\|(\d+)\|([A-Z_]+)\|(.*)$/.exec(line) ?? [];
  if (id === '') return undefined;
  const [code = '', start = '', finish = '', hosts = '', exitReason = '', ...pendingReason] = rest.split('|');
  const hasEnded = /^(DONE|EXIT|POST_\w+)$/.test(state);
  const nowMs = Number(now) * 1000;
  const nodes = parseLsfHosts(hosts);
  return {
    id,
    state,
    reason: hasEnded ? plain(exitReason) : plain(pendingReason.join('|')),
    exitCode: exitCodeOf(state, hasEnded, code.trim()),
    startedAt: parseTime(start, nowMs),
    // That of a job that runs is an estimate.
    endedAt: hasEnded ? parseTime(finish, nowMs) : null,
    ...(nodes.length === 0 ? {} : { nodes }),
  };
}

/** The hosts in `LSB_MCPU_HOSTS`, each with its number of slots behind it: `hosta 16 hostb 16`. */
export function parseNodes(text: string): string[] {
  return parseLsfHosts(text.trim().replaceAll(/(\S+) (\d+)(?: |$)/g, '$1:'));
}

/** Fields without a value are empty in JSON, and a hyphen otherwise. */
function plain(text: string): string {
  const words = text.trim().replace(/[;.]$/, '');
  return words === '-' ? '' : words;
}

function exitCodeOf(state: string, hasEnded: boolean, code: string): number | null {
  if (/^\d+$/.test(code)) return hasEnded ? Number(code) : null;
  return hasEnded && state !== 'EXIT' ? 0 : null;
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** How much later than the clock of the host a time of LSF may be. */
const MAX_AHEAD_MS = 24 * 3600 * 1000;

/** A time in whole minutes is worth less than that of whoever asks, if it is not older than this. */
const MIN_AGE_OF_MINUTES_MS = 120_000;

/**
 * Parses a time of LSF, which is in UTC here: `Nov 24 20:31`, `Nov 24 20:31:05 2026`, with a letter behind it or a
 * weekday before it.
 *
 * @param nowMs the host's clock, in milliseconds since the epoch: a time without a year is of the last year that makes it
 *   a time of the past
 * @returns null if there is no time, or none that is precise enough
 */
function parseTime(text: string, nowMs: number): number | null {
  const [, name = '', day = '', hours = '', minutes = '', seconds, year] =
    /^(?:[A-Z][a-z]{2} )?([A-Z][a-z]{2}) +(\d+) (\d+):(\d+)(?::(\d+))?(?: (\d{4}))?(?: [A-Z])?$/.exec(text.trim()) ??
    [];
  const month = months.indexOf(name);
  if (month < 0) return null;
  const at = (year: number) => Date.UTC(year, month, Number(day), Number(hours), Number(minutes), Number(seconds ?? 0));
  let time: number;
  if (year !== undefined) {
    time = at(Number(year));
  } else {
    const thisYear = new Date(nowMs).getUTCFullYear();
    // The clocks may differ a little, and at the end of a year by a year's number.
    time = [thisYear + 1, thisYear, thisYear - 1].map(at).find((time) => time <= nowMs + MAX_AHEAD_MS)!;
  }
  return seconds === undefined && nowMs - time < MIN_AGE_OF_MINUTES_MS ? null : time;
}
