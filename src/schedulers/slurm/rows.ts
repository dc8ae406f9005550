import { blameOfRequeue } from '../../causes/slurm.js';
import { parseHostlist } from '../../util/hostlist.js';
import type { QueueRow } from '../batch/batch-system.js';
import { longState, slurmStates } from './states.js';

/** Reasons that say no more than the state. */
const empty = /^(None|\(null\)|NonZeroExitCode|RaisedSignal.*)$/;

/**
 * Parses a line of `query_jobs`: `ID|STATE|EXIT|START|END|NODES|EARLIER|REASON`. EARLIER is how often it was requeued, or
 * what became of its run before the last time.
 */
export function parseRow(line: string): QueueRow | undefined {
  const [, id = '', shown = '', exit = '', start = '', end = '', list = '', earlier = '', reason = ''] =
    /^(\d+(?:;[^|]+)?)\|([^|]+)\|([^|]*)\|([^|]*)\|([^|]*)\|([^|]*)\|([^|]*)\|(.*)$/.exec(line) ?? [];
  if (id === '') return undefined;
  const state = longState(shown);
  const phase = slurmStates[state]?.[1];
  const hasEnded = phase === 'ended';
  const startedAt = parseTime(start);
  const endedAt = hasEnded ? parseTime(end) : null;
  // Slurm gives a job that was cancelled before it began the same time for both.
  const hasStarted = phase !== 'waiting' && !(startedAt === endedAt && ['CANCELLED', 'DEADLINE'].includes(state));
  const nodes = parseHostlist(list);
  return {
    id,
    state,
    reason: empty.test(reason) || (hasEnded && !tellsOfEnd(state, reason)) ? '' : reason,
    exitCode: hasEnded ? parseExit(exit) : null,
    // That of a job that waits is an estimate.
    startedAt: hasStarted ? startedAt : null,
    endedAt,
    ...(nodes.length === 0 ? {} : { nodes }),
    ...(/^[1-9A-Z]/.test(earlier) ? { isLaterRun: true } : {}),
    ...(/^[A-Z]/.test(earlier) ? { requeuedFor: blameOfRequeue(longState(earlier)) } : {}),
  };
}

/** A job that has ended may still have the reason for which it waited. */
function tellsOfEnd(state: string, reason: string): boolean {
  return state === 'FAILED' || (state === 'CANCELLED' && reason.startsWith('by '));
}

/** Parses seconds since the epoch; null for a time that is not known: `N/A`, `Unknown`. */
function parseTime(text: string): number | null {
  return /^[1-9]\d*$/.test(text) ? Number(text) * 1000 : null;
}

/** The last signal of any system; what is beyond are marks of Slurm's own, such as 125 for a lack of memory. */
const MAX_SIGNAL = 64;

/** Parses an exit status: `CODE:SIGNAL`, or as `wait` has it, which `squeue` of older versions prints. */
function parseExit(text: string): number | null {
  const [, code, signal] = /^(\d+):(\d+)$/.exec(text) ?? [];
  if (code !== undefined) return exitOf(Number(code), Number(signal));
  if (!/^\d+$/.test(text)) return null;
  return exitOf((Number(text) >> 8) & 0xff, Number(text) & 0x7f);
}

function exitOf(code: number, signal: number): number | null {
  if (signal === 0) return code;
  return signal <= MAX_SIGNAL ? 128 + signal : null;
}
