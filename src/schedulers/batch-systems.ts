import { type Outputs, outputsOf } from '../scripts/outputs.js';
import type { SchedulerType } from '../spec/spec.js';
import type { StepInstance } from '../study/graph.js';
import { lsf } from './lsf/lsf.js';
import { slurm } from './slurm/slurm.js';

/** The batch systems whose jobs are the steps themselves. */
export const batchSystems = { slurm, lsf };

/** The files with the output of a job of this type, or of a local step, as Maestro and this program name them. */
export function outputsOfJob(type: SchedulerType, step: StepInstance, id: string): Outputs {
  return step.scheduled && (type === 'slurm' || type === 'lsf')
    ? batchSystems[type].outputs(step, id)
    : outputsOf(step, id);
}
