import { programs } from '../../generated/programs.js';
import type { QueuedJob } from '../../store/journal/records.js';
import { quote } from '../../util/shell-quote.js';
import { queueFunctions } from '../batch/queue.js';
import { allocationFiles } from './idle-guard.js';

/**
 * A command that gives an allocation back, and ends when that is done. The file that tells the initial program to end is written
 * first: should this command die, the allocation ends all the same.
 */
export function releaseCommand(job: QueuedJob, studyPath: string, number: number): string {
  const { uri, end } = allocationFiles(number);
  const file = (name: string) => quote(`${studyPath}/${name}`);
  // The address of the instance may be gone as soon as it is told to end.
  const tellToEnd = `began=no\n[ ! -s ${file(uri)} ] || began=yes\n: 2> /dev/null > ${file(end)}\n`;
  return tellToEnd + queueFunctions(job) + programs['schedulers/allocation/release.sh'];
}
