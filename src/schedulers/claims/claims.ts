import { programs } from '../../generated/programs.js';
import { mustRun } from '../../hosts/commands.js';
import type { Host } from '../../hosts/host.js';
import { assignments } from '../../util/shell-quote.js';
import { claimsPath, neverBegan, notExecutable, ours } from './launcher.js';

/** Which job owns an attempt of a step, and what the launcher recorded about it. */
export interface Claim {
  /**
   * The id of the job that owns the attempt, from its own environment; null if the conductor owns it, so that no job
   * runs it.
   */
  readonly owner: string | null;
  /** The exit status of each task that has ended, 128 + N if signal N ended it. */
  readonly exits: readonly number[];
  /** Whether a task could not start the script, for a reason outside the script. */
  readonly hasNeverBegun?: boolean;
  /** Whether a task found that the script or its interpreter is not executable. */
  readonly isNotExecutable?: boolean;
  /** When the last task ended, in milliseconds since the epoch by the clock of the task's node. */
  readonly endedAt?: number;
}

/**
 * Reads many claims with one command, and creates none.
 *
 * @returns undefined for an attempt without a claim
 * @throws HostError
 */
export async function readClaims(
  host: Host,
  studyPath: string,
  attempts: readonly { readonly workspace: string; readonly attempt: number }[],
): Promise<(Claim | undefined)[]> {
  if (attempts.length === 0) return [];
  const output = await mustRun(
    host,
    'cannot read which jobs have which steps',
    programs['schedulers/claims/read.sh'],
    attempts.map(({ workspace, attempt }) => `${studyPath}/${claimsPath}/${workspace}/${attempt}\0`).join(''),
  );
  const lines = output.toString().split('\n');
  return attempts.map((_, i) => {
    const [owner = '', ...exits] = (lines[i] ?? '').split(';');
    return owner === '' ? undefined : toClaim(owner, exits);
  });
}

function toClaim(owner: string, lines: readonly string[]): Claim {
  const ends = lines.map((line) => line.split(' '));
  const exits = ends.filter(([, , word]) => word !== neverBegan).map(([status = '']) => Number.parseInt(status, 10));
  const times = ends.map(([, seconds]) => Number(seconds)).filter((seconds) => seconds > 0);
  return {
    owner: owner === ours ? null : owner,
    exits,
    ...(exits.length < ends.length ? { hasNeverBegun: true } : {}),
    ...(ends.some(([, , word]) => word === notExecutable) ? { isNotExecutable: true } : {}),
    ...(times.length === 0 ? {} : { endedAt: Math.round(Math.max(...times) * 1000) }),
  };
}

/**
 * Reads the claim of an attempt, or takes it for the conductor if no job has it. After that the owner never changes,
 * even if an unknown job of the attempt starts later. Taking it instead of only reading it also gives the right answer
 * on a file system that is slow to show new files of other machines.
 *
 * @throws HostError if the study directory cannot be read or written
 */
export async function claimOrRead(host: Host, studyPath: string, workspace: string, attempt: number): Promise<Claim> {
  const claim = `${studyPath}/${claimsPath}/${workspace}/${attempt}`;
  const command = assignments({ study: studyPath, claim, ours }) + programs['schedulers/claims/take.sh'];
  const output = await mustRun(host, 'cannot find out which job has a step', command);
  const [owner = '', ...exits] = output.toString().trim().split('\n');
  return toClaim(owner, exits);
}
