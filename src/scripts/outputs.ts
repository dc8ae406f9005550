import type { StepInstance } from '../study/graph.js';

/** Files that a job writes, relative to the study directory. */
export interface Outputs {
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * What a step's outputs are called, but for the job's id and the ending. Maestro takes the job's name as it is, and fails on
 * a `/`.
 */
export function outputName(step: StepInstance): string {
  return step.jobName.replaceAll('/', '');
}

/** The files that a step's job writes into its workspace, if they are named by its id as those of local steps and of Flux are. */
export function outputNames(step: StepInstance, id: string): Outputs {
  const base = `${outputName(step)}.${id}`;
  return { stdout: `${base}.out`, stderr: `${base}.err` };
}

/** The same, relative to the study directory. */
export function outputsOf(step: StepInstance, id: string): Outputs {
  const { stdout, stderr } = outputNames(step, id);
  return { stdout: `${step.workspace}/${stdout}`, stderr: `${step.workspace}/${stderr}` };
}
