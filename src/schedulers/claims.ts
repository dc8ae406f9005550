import { mustRun } from '../hosts/commands.js';
import type { Host } from '../hosts/host.js';
import { quote } from '../quote.js';
import { claimsPath } from './launcher.js';

/** What the launcher wrote down of one attempt of a step. */
export interface Claim {
  /** The id of the job that has it, as the job itself knows it. */
  readonly owner: string;
  /** The exit status of each task that has ended, 128 + N if signal N ended it. */
  readonly exits: readonly number[];
}

/**
 * Reads the claim to an attempt.
 *
 * @returns undefined if no job has it yet
 * @throws HostError if the study directory cannot be read
 */
export async function readClaim(
  host: Host,
  studyPath: string,
  workspace: string,
  attempt: number,
): Promise<Claim | undefined> {
  const claim = quote(`${studyPath}/${claimsPath}/${workspace}/${attempt}`);
  const output = await mustRun(
    host,
    'cannot read which job has a step',
    // A line that is not complete is that of a task that has not ended.
    `[ -d ${quote(studyPath)} ] || { echo "there is no" ${quote(studyPath)} >&2; exit 1; }\n` +
      `[ -f ${claim} ] || exit 0\ncat -- ${claim}\n` +
      `for exit in ${claim}.*.exit; do ! read -r line 2>/dev/null <"$exit" || echo "$line"; done`,
  );
  const [owner, ...exits] = output.toString().split('\n');
  if (owner === undefined || owner === '') return undefined;
  return { owner, exits: exits.filter((line) => line !== '').map((line) => Number.parseInt(line, 10)) };
}
