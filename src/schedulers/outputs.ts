import type { StepInstance } from '../study/graph.js';
import type { Outputs } from './scheduler.js';

/**
 * What a step's outputs are called, but for the job's id and the ending. Maestro takes the job's name as it is, and fails on
 * a `/`.
 */
export function outputName(step: StepInstance): string {
  return step.jobName.replaceAll('/', '');
}

/** The files that a step's job writes, if they are named by its id as those of local steps and of Flux are. */
export function outputsOf(step: StepInstance, id: string): Outputs {
  const base = `${step.workspace}/${outputName(step)}.${id}`;
  return { stdout: `${base}.out`, stderr: `${base}.err` };
}
