import { programs } from '../../generated/programs.js';
import { mustRun } from '../../hosts/commands.js';
import type { Host } from '../../hosts/host.js';
import { assignments } from '../../util/shell-quote.js';
import { claimsPath, neverBegan, notExecutable, ours } from './launcher.js';

/** Who has an attempt of a step, and what the launcher wrote down of it. */
export interface Claim {
  /** The id of the job that has it, as the job itself knows it; null if we have: no job will ever run it. */
  readonly owner: string | null;
  /** The exit status of each task that ran and has ended, 128 + N if signal N ended it. */
  readonly exits: readonly number[];
  /** Whether a task could not begin to run the script, through no fault of the script's. */
  readonly hasNeverBegun?: boolean;
  /** Whether a task found the script, or its interpreter, not to be executable. */
  readonly isNotExecutable?: boolean;
  /** When the last of those was written down, in milliseconds since the epoch, as its machine has it. */
  readonly endedAt?: number;
}

/**
 * Reads claims as they are, all at once.
 *
 * @returns undefined for an attempt that no job has
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
 * Settles who has an attempt: the job that took it, or, if none did, we. After that nothing changes it, whatever jobs there
 * may still be that nobody knows of. That it is made rather than read also tells the truth on a file system that is slow to
 * show what other machines have made.
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
