import { mustRun } from '../hosts/commands.js';
import type { Host } from '../hosts/host.js';
import { quote } from '../quote.js';
import { claimsPath } from './launcher.js';

/** Who has an attempt of a step, and what the launcher wrote down of it. */
export interface Claim {
  /** The id of the job that has it, as the job itself knows it; null if we have: no job will ever run it. */
  readonly owner: string | null;
  /** The exit status of each task that has ended, 128 + N if signal N ended it. */
  readonly exits: readonly number[];
}

/** What stands in a claim of ours, in place of a job's id. */
const ours = 'conductor';

/**
 * Settles who has an attempt: the job that took it, or, if none did, we. After that nothing changes it, whatever jobs there
 * may still be that nobody knows of. That it is made rather than read also tells the truth on a file system that is slow to
 * show what other machines have made.
 *
 * @throws HostError if the study directory cannot be read or written
 */
export async function settleClaim(host: Host, studyPath: string, workspace: string, attempt: number): Promise<Claim> {
  const claim = quote(`${studyPath}/${claimsPath}/${workspace}/${attempt}`);
  const output = await mustRun(
    host,
    'cannot find out which job has a step',
    `[ -d ${quote(studyPath)} ] || { echo "there is no" ${quote(studyPath)} >&2; exit 1; }\n` +
      `mine=${claim}.${ours}.$$\nmkdir -p -- "\${mine%/*}" || exit\necho ${ours} > "$mine" || exit\n` +
      `[ -f ${claim} ] || ln -- "$mine" ${claim} 2>/dev/null\nrm -f -- "$mine"\n` +
      `read -r owner < ${claim} || exit\necho "$owner"\n` +
      // A line that is not complete is that of a task that has not ended.
      `for exit in ${claim}.*.exit; do ! read -r line 2>/dev/null <"$exit" || echo "$line"; done`,
  );
  const [owner = '', ...exits] = output.toString().trim().split('\n');
  return { owner: owner === ours ? null : owner, exits: exits.map((line) => Number.parseInt(line, 10)) };
}
