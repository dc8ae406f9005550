import { programs } from '../../generated/programs.js';
import type { QueuedJob } from '../../store/journal/records.js';
import { quote } from '../../util/shell-quote.js';
import { queueFunctions } from '../batch/queue.js';
import { allocationFiles } from './idle-guard.js';

/**
 * A command that releases an allocation and waits until it is gone. It first creates the file that tells the initial
 * program to end, so that the allocation ends even if the command is killed.
 */
export function releaseCommand(job: QueuedJob, studyPath: string, number: number): string {
  const { uri, end } = allocationFiles(number);
  const file = (name: string) => quote(`${studyPath}/${name}`);
  // Read before the end file is created, because the instance then removes its address file.
  const tellToEnd = `began=no\n[ ! -s ${file(uri)} ] || began=yes\n: 2> /dev/null > ${file(end)}\n`;
  return tellToEnd + queueFunctions(job) + programs['schedulers/allocation/release.sh'];
}
