import path from 'node:path';
import { planStudy } from './plan.js';
import type { RunContext } from './run.js';
import type { Problem } from './spec/problem.js';
import { Source } from './spec/source.js';
import { readSpec } from './spec/spec.js';

/** Everything but running: tells all that is wrong with a study. Returns the exit status, 1 if anything is. */
export function validateStudy({
  inputs,
  text,
  specPath,
  workingDirectory,
  log,
}: Pick<RunContext, 'inputs' | 'text' | 'specPath' | 'workingDirectory' | 'log'>): number {
  const read = readSpec(new Source(inputs.spec, text));
  const problems: Problem[] = [...read.problems];
  let steps = 0;
  if (read.spec !== undefined) {
    // Where the study would be does not matter to what is wrong with it.
    const places = { studyPath: '/study', specRoot: path.posix.dirname(specPath), workingDirectory };
    const { plan, problems: found } = planStudy(read.spec, places, { hashWorkspaces: inputs['hash-workspaces'] });
    problems.push(...found);
    steps = plan?.graph.steps.length ?? 0;
  }
  for (const problem of problems) log.problem(problem);
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  if (errors === 0) log.info(`${inputs.spec} is valid: ${steps} step${steps === 1 ? '' : 's'}`);
  return errors === 0 ? 0 : 1;
}
