import { programs } from '../../generated/programs.js';
import type { BatchSystem, QueueRow } from '../batch/batch-system.js';
import { classifyBatchRefusal } from '../batch/classify-refusal.js';
import { type Doubt, doubtAbout, stepSettings } from '../batch/waiting-reasons.js';
import { parseNodes, parseRow } from './rows.js';
import { checkPlan, parseSite } from './site.js';
import { meaningOf } from './states.js';
import { excludeWords, isEmptyDirective, outputsOf, redirections, submitWords } from './submit-words.js';

/** IBM Spectrum LSF 10.1. */
export const lsf: BatchSystem = {
  type: 'lsf',
  name: 'LSF',
  program: `${programs['schedulers/batch/ask.sh']}${programs['schedulers/lsf/lsf.sh']}`,
  // A job that is requeued or rerun keeps its id, and even its host.
  jobIdExpression: '"$LSB_JOBID.$HOSTNAME.$$"',
  nodesExpression: '"$LSB_MCPU_HOSTS"',
  parseNodes,
  submitWords: (_step, batch, label, shown) => submitWords(batch, label, shown),
  replacesDirective: isEmptyDirective,
  excludeWords,
  redirections,
  parseRow,
  meaningOf,
  doubtOf,
  lacksNodes,
  classifyRefusal: classifyBatchRefusal,
  idOfOwner,
  outputs: outputsOf,
  parseSite,
  checkPlan,
};

function idOfOwner(owner: string): string {
  return owner.replace(/\..*$/, '');
}

/** Also of a job that its owner has suspended while it ran: it does not go on by itself. */
function doubtOf({ state, reason }: QueueRow): Doubt | undefined {
  if (state === 'PEND') return doubtAbout(reason, stepSettings);
  return ['PSUSP', 'USUSP'].includes(state) ? doubtAbout(suspended, stepSettings) : undefined;
}

const suspended = 'suspended by its owner or an administrator';

/** Reasons of hosts, from `bjobs -p`, that do not go away when other jobs end. */
const unusable: readonly RegExp[] = [
  /^(Job's|Queue's) resource requirements not satisfied/,
  /^Not (specified in job submission|usable (to|by) the queue|the same type as the submission host)/,
  /^(Closed by|Host is locked by) /,
  /^(Load information unavailable|LIM is unreachable|Unable to reach )/,
];

/** LSF lists the reasons of all hosts. Old versions list none, so that it is not known whether there is another host. */
function lacksNodes({ state, reason }: QueueRow): boolean {
  const reasons = reason.split(';').map((each) => each.trim());
  return state === 'PEND' && (reason === '' || reasons.every((each) => unusable.some((words) => words.test(each))));
}
