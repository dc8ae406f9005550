import type { QueuedJob } from '../../store/journal/records.js';
import { quote } from '../../util/shell-quote.js';
import { queueFunctions } from '../batch/queue.js';
import { allocationFiles } from './idle-guard.js';

/** Seconds that an instance has to end by itself, and that all of it may take. */
const polite = 8;
const most = 30;

/**
 * A command that gives an allocation back: where Flux runs its initial program is told to end, so that all ends in order;
 * where it does not, or not in time, the scheduler ends the job. Ends when no job of the name is left, however many a lost
 * answer may have made. The file that tells it to end is written first: should this command die it ends all the same.
 */
export function releaseCommand(job: QueuedJob, studyPath: string, number: number): string {
  const { uri, end } = allocationFiles(number);
  const file = (name: string) => quote(`${studyPath}/${name}`);
  // What runs there may be gone, and its address too, as soon as it is told to end.
  return `began=
[ ! -s ${file(uri)} ] || began=yes
: 2> /dev/null > ${file(end)}
${queueFunctions(job)}
again=${polite}
if [ -z "$began" ]; then
  end ${quote(job.id)} > /dev/null 2>&1
  again=2
fi
while :; do
  ids=$(list)
  code=$?
  [ $code -ne 0 ] || [ -n "$ids" ] || exit 0
  if [ $SECONDS -ge ${most} ]; then
    [ $code -ne 0 ] && printf '%s\\n' "$ids" || echo "it is still there after ${most} s"
    exit 1
  fi
  if [ $code -eq 0 ] && [ $SECONDS -ge $again ]; then
    end $ids > /dev/null 2>&1
    again=$((SECONDS + 5))
  fi
  sleep 0.5
done`;
}
