import { programs } from '../../generated/programs.js';
import type { BatchSystem, QueueRow } from '../batch/batch-system.js';
import { classifyBatchRefusal } from '../batch/classify-refusal.js';
import { type Doubt, doubtAbout, stepSettings } from '../batch/waiting-reasons.js';
import { parseRow } from './rows.js';
import { checkPlan, parseSite } from './site.js';
import { meaningOf } from './states.js';
import { isEmptyDirective, outputsOf, redirections, submitWords } from './submit-words.js';

/** IBM Spectrum LSF 10.1. */
export const lsf: BatchSystem = {
  type: 'lsf',
  name: 'LSF',
  program: `${programs['schedulers/batch/ask.sh']}${programs['schedulers/lsf/lsf.sh']}`,
  // A job that is requeued or rerun keeps its id, and even its host.
  jobIdExpression: '"$LSB_JOBID.$HOSTNAME.$$"',
  submitWords: (_step, batch, label, shown) => submitWords(batch, label, shown),
  replacesDirective: isEmptyDirective,
  redirections,
  parseRow,
  meaningOf,
  doubtOf,
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
