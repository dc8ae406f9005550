import type { StepInstance } from '../study/graph.js';

/** Files that a job writes, relative to the study directory. */
export interface Outputs {
  readonly stdout: string;
  readonly stderr: string;
}

/** The name of a step's output files, without the job's id and the extension. Maestro keeps a `/`, and then fails. */
export function outputName(step: StepInstance): string {
  return step.jobName.replaceAll('/', '');
}

/** The output files in a step's workspace, named by the job's id as for local steps and Flux jobs. */
export function outputNames(step: StepInstance, id: string): Outputs {
  const base = `${outputName(step)}.${id}`;
  return { stdout: `${base}.out`, stderr: `${base}.err` };
}

/** The output files, relative to the study directory. */
export function outputsOf(step: StepInstance, id: string): Outputs {
  const { stdout, stderr } = outputNames(step, id);
  return { stdout: `${step.workspace}/${stdout}`, stderr: `${step.workspace}/${stderr}` };
}
