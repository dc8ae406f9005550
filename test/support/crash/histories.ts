import type { Chance } from './chance.js';
import type { Crash } from './harness.js';
import { moments } from './killing-writer.js';

/** The crashes that one study goes through, one after the other. */
export type History = readonly Crash[];

/** The first record is there once there is a journal at all. */
const firstWritten = 2;

/** So many records over the whole journal, from the first that is written to its last. */
export function spread(records: number, count: number): number[] {
  const step = (records - firstWritten) / Math.max(1, count - 1);
  return Array.from({ length: count }, (_, i) => firstWritten + Math.round(i * step));
}

/** A crash at each of these records, at the moments in turn; one history each. */
export function singleCrashes(records: readonly number[]): History[] {
  return records.map((record, i) => [{ moment: moments[i % moments.length]!, record }]);
}

/** A crash at each record of the journal, at each moment; one history each. */
export function everyCrash(records: number): History[] {
  const all = Array.from({ length: records - firstWritten + 1 }, (_, i) => firstWritten + i);
  return all.flatMap((record) => moments.map((moment): History => [{ moment, record }]));
}

/** So many crashes in a row: each study goes on from where the one before was killed. */
export function repeatedCrash(records: number, times: number): History {
  return spread(records, times).map((record, i) => ({ moment: moments[(i + 1) % moments.length]!, record }));
}

/** A crash at an instant, or several, that chance chooses. */
export function chanceCrashes(chance: Chance, times: number, most = 1500): History {
  return Array.from({ length: times }, () => ({ moment: 'conductor', after: Math.round(chance() * most) }));
}

/** The end of the whole machine, as many times. A step that such ends hit too often is given up. */
export function machineCrashes(chance: Chance, times: number): History {
  return Array.from({ length: times }, () => ({ moment: 'machine', after: Math.round(400 + chance() * 900) }));
}

/**
 * As `chanceCrashes`, but soon after the start, where a study is made or taken up.
 *
 * @param withMachines whether the second and the fifth are ends of the machine
 */
export function earlyCrashes(chance: Chance, times: number, withMachines: boolean): History {
  return Array.from({ length: times }, (_, i) => ({
    moment: withMachines && (i === 1 || i === 4) ? 'machine' : 'conductor',
    after: Math.round(100 + chance() * 300),
  }));
}
