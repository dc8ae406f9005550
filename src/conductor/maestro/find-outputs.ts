import { programs } from '../../generated/programs.js';
import { mustRun } from '../../hosts/commands.js';
import type { Host } from '../../hosts/host.js';
import { outputName } from '../../scripts/outputs.js';
import type { StepInstance } from '../../study/graph.js';
import { assignments } from '../../util/shell-quote.js';

/**
 * Finds the process ids in the names of the outputs of local steps.
 *
 * @returns in the order of `steps`; '' if a step has no outputs
 * @throws HostError
 */
export async function findOutputs(host: Host, studyPath: string, steps: readonly StepInstance[]): Promise<string[]> {
  if (steps.length === 0) return [];
  const text = assignments({ study: studyPath }) + programs['conductor/maestro/find-outputs.sh'];
  const input = steps.map((step) => `${step.workspace}\0${outputName(step)}\0`).join('');
  const output = await mustRun(host, 'cannot look for the outputs of failed steps', text, input);
  return output.toString().split('\n');
}
