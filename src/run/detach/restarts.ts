import * as z from 'zod';
import type { Interruption } from '../../causes/interruption.js';
import { mustRun } from '../../hosts/commands.js';
import { replaceFile } from '../../hosts/files.js';
import type { Host } from '../../hosts/host.js';
import type { JournalState } from '../../store/journal/records.js';
import { isOver } from '../../study/state.js';
import { parseAs } from '../../util/json.js';
import { quote } from '../../util/shell-quote.js';
import type { Registration } from './registration.js';
import { startFiles, startPath } from './start-files.js';
import { parseState } from './start-state.js';

/** How many conductors of a start may fail in a row before the study is left as it is. */
export const MOST_FAILURES = 3;

const ownLimits: ReadonlySet<Interruption> = new Set(['waited-too-long', 'time-over', 'allocation-refused']);

/**
 * By which limit of the study's own, such as `timeout-minutes`, the conductor ended, if it did: another one would begin anew, and have as
 * much of it again.
 */
export function ownLimitOf({ ended, allocations }: JournalState): Interruption | undefined {
  const kind = ended?.interruption;
  // A Flux instance that is not the study's own may be there again.
  const isOwn = kind !== undefined && (ownLimits.has(kind) || (kind === 'allocation-over' && allocations > 0));
  return isOwn ? kind : undefined;
}

const restartsSchema = z.object({
  /** How many conductors in a row had failed when the last one was started. */
  failures: z.int().min(0),
  /** The last driver of the study then, by its fencing number, and how many steps were over. */
  fence: z.int().min(0),
  over: z.int().min(0),
});

/** How the conductors of a start fared. */
export interface Failures {
  /** How many have failed in a row, without one step that came to its end. */
  readonly count: number;
  /** What the last one said. */
  readonly words: readonly string[];
}

type Start = Pick<Registration, 'studyPath' | 'token'>;

/**
 * How many conductors of a start that nothing drives have failed in a row: by their own word, or because they never came to drive the study.
 * One that was killed has not failed.
 *
 * @throws HostError
 */
export async function failuresOf(host: Host, start: Start, state: JournalState): Promise<Failures> {
  const startDirectory = quote(`${start.studyPath}/${startPath(start.token)}`);
  const look = `cd -- ${startDirectory} && for file in ${startFiles.state} ${startFiles.restarts}; do head -c 65536 -- "$file" 2> /dev/null; printf '\\0'; done; true`;
  const said = (await mustRun(host, `cannot look at the starts of ${start.studyPath}`, look)).toString();
  const [stateText = '', restartsText = ''] = said.split('\0');
  const conductor = parseState(stateText);
  const noted = parseAs(restartsSchema, restartsText);
  const hasFailed = conductor?.state === 'failed' || (noted !== undefined && state.fence <= noted.fence);
  const before = noted === undefined || stepsOver(state) > noted.over ? 0 : noted.failures;
  return {
    count: hasFailed ? before + 1 : before,
    words: conductor?.state === 'failed' ? conductor.reasons : [],
  };
}

/** Notes that another conductor of a start was started. @throws HostError */
export async function noteRestart(host: Host, start: Start, state: JournalState, failures: number): Promise<void> {
  const file = `${start.studyPath}/${startPath(start.token)}/${startFiles.restarts}`;
  const restarts: z.output<typeof restartsSchema> = { failures, fence: state.fence, over: stepsOver(state) };
  await replaceFile(host, file, JSON.stringify(restarts), { isPrivate: true });
}

function stepsOver({ records }: JournalState): number {
  return records.filter(isOver).length;
}
