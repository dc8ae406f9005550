import { isSameMachine, type ProcessIdentity, processOf } from '../../hosts/processes.js';
import { type LeaseLine, parseLease } from '../lease.js';

/** What a command on the host saw of who drives a study. */
export interface DriverSight {
  /** The highest fencing number that was taken; 0 if none was. */
  readonly fence: number;
  /** Seconds since the lease was written, by the clock of the host; undefined if there is none. */
  readonly quietSeconds: number | undefined;
  /** The line in the lease. */
  readonly line: string;
  /** What /proc on the host says of a process with the driver's id: '' if that is not known, `none` if there is none. */
  readonly stat: string;
}

/**
 * Whether a study is driven: by nobody, because its last driver gave it back or never was; by a process that writes its lease; by
 * one that has not written it for longer than it should take (`silent`); or by none any more, though the last one did not say so (`gone`).
 */
export type DriverState = 'none' | 'driving' | 'silent' | 'gone';

/** Who drives a study, or did last. */
export interface Driver {
  readonly state: DriverState;
  /** Undefined if there was none, or it has not said who it is. */
  readonly holder: LeaseLine | undefined;
  readonly quietSeconds: number | undefined;
}

/** A lease is written every ten seconds. After the first of these, something may be wrong; after the second, another run takes the study. */
const SILENT_AFTER_S = 60;
const GONE_AFTER_S = 120;

/** @param machine where the command ran that saw it */
export function driverOf(sight: DriverSight, machine: Omit<ProcessIdentity, 'pid'>): Driver {
  const { fence, line, stat } = sight;
  const quietSeconds = sight.quietSeconds === undefined ? undefined : Math.max(0, sight.quietSeconds);
  if (fence === 0) return { state: 'none', holder: undefined, quietSeconds };
  const holder = parseLease(line, fence);
  if (holder?.released === true) return { state: 'none', holder, quietSeconds };
  // A process lives, and writes nothing, while it is stopped or its disk hangs.
  const life = holder !== undefined && isSameMachine(holder, { pid: 0, ...machine }) ? lifeBy(stat, holder) : 'unknown';
  if (life === 'dead') return { state: 'gone', holder, quietSeconds };
  const quiet = quietSeconds ?? Number.POSITIVE_INFINITY;
  if (quiet <= SILENT_AFTER_S) return { state: 'driving', holder, quietSeconds };
  return { state: life === 'alive' || quiet <= GONE_AFTER_S ? 'silent' : 'gone', holder, quietSeconds };
}

function lifeBy(stat: string, { startTime }: LeaseLine): 'alive' | 'dead' | 'unknown' {
  if (stat === 'none') return 'dead';
  const found = processOf(stat);
  if (found === undefined || startTime === undefined) return 'unknown';
  return found.startTime === startTime && !/^[ZX]/.test(found.state) ? 'alive' : 'dead';
}

/** Whether something is expected of the driver yet. */
export function isDriven({ state }: Driver): boolean {
  return state === 'driving' || state === 'silent';
}
