import { programs } from '../../generated/programs.js';
import { parseHostlist } from '../../util/hostlist.js';
import type { BatchSystem, QueueRow } from '../batch/batch-system.js';
import { classifyBatchRefusal } from '../batch/classify-refusal.js';
import { type Doubt, doubtAbout, stepSettings } from '../batch/waiting-reasons.js';
import { checkPlan } from './check-plan.js';
import { parseRow } from './rows.js';
import { parseSite } from './site.js';
import { meaningOfState } from './states.js';
import { excludeWords, outputsOf, replacesDirective, submitWords } from './submit-words.js';

/** Slurm 17 to 26. */
export const slurm: BatchSystem = {
  type: 'slurm',
  name: 'Slurm',
  program: programs['schedulers/slurm/jobs.sh'],
  // A job that is requeued keeps its id. A claim cannot have the `;` that stands before the name of a cluster.
  jobIdExpression: '"$SLURM_JOB_ID${SLURM_CLUSTERS:+@$SLURM_CLUSTER_NAME}.${SLURM_RESTART_COUNT:-0}"',
  nodesExpression: '"$SLURM_JOB_NODELIST"',
  parseNodes: parseHostlist,
  submitWords,
  replacesDirective,
  excludeWords,
  parseRow,
  meaningOf: meaningOfState,
  doubtOf,
  lacksNodes,
  classifyRefusal: classifyBatchRefusal,
  idOfOwner,
  outputs: outputsOf,
  parseSite,
  checkPlan,
};

function idOfOwner(owner: string): string {
  return owner.replace(/\.\d+$/, '').replace('@', ';');
}

function doubtOf(row: QueueRow): Doubt | undefined {
  return meaningOfState(row).phase === 'waiting' ? doubtAbout(row.reason, stepSettings) : undefined;
}

/** Spaces of a reason are underscores in some versions. */
function lacksNodes(row: QueueRow): boolean {
  const ofNodes = /^(ReqNodeNotAvail|Nodes.required.for.job.are|BadConstraints|PartitionConfig)/;
  return meaningOfState(row).phase === 'waiting' && ofNodes.test(row.reason);
}
