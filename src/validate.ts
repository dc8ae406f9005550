import path from 'node:path';
import { mustRun } from './hosts/commands.js';
import { runPgen } from './pgen/pgen.js';
import { planStudy } from './plan.js';
import { quote } from './quote.js';
import type { RunContext } from './run.js';
import { type Problem, sortProblems } from './spec/problem.js';
import { Source } from './spec/source.js';
import { readSpec, type Spec } from './spec/spec.js';
import { type Parameter, toParameter } from './study/parameters.js';

type ValidateContext = Pick<
  RunContext,
  'inputs' | 'text' | 'overlays' | 'pgen' | 'specPath' | 'workingDirectory' | 'host' | 'log' | 'cancel'
>;

/**
 * Everything but running: tells all that is wrong with a study. Returns the exit status, 1 if anything is.
 *
 * @throws PgenError, HostError if a parameter generator cannot be run
 */
export async function validateStudy(context: ValidateContext): Promise<number> {
  const { inputs, text, overlays, log } = context;
  const { spec, problems: read } = readSpec(new Source(inputs.spec, text), overlays);
  const planned = spec === undefined ? undefined : await plan(context, spec);
  const problems: Problem[] = [...read, ...(planned?.problems ?? [])];
  for (const problem of sortProblems(problems)) log.problem(problem);
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  const steps = planned?.plan?.graph.steps.length ?? 0;
  if (errors === 0) log.info(`${inputs.spec} is valid: ${steps} step${steps === 1 ? '' : 's'}`);
  return errors === 0 ? 0 : 1;
}

async function plan({ inputs, specPath, workingDirectory, host, pgen, cancel }: ValidateContext, spec: Spec) {
  const placesIn = (studyPath: string) => ({ studyPath, specRoot: path.posix.dirname(specPath), workingDirectory });
  const options = { hashWorkspaces: inputs['hash-workspaces'] };
  const planWith = (studyPath: string, parameters: readonly Parameter[]) =>
    planStudy(spec, parameters, placesIn(studyPath), options);
  // Where the study would be does not matter to what is wrong with it, unless a generator wants to write there.
  if (pgen === undefined) return planWith('/study', spec.parameters.map(toParameter));
  const directory = (await mustRun(host, 'cannot make a temporary directory', 'mktemp -d')).toString().trim();
  try {
    return planWith(directory, await runPgen(host, pgen, spec, placesIn(directory), cancel));
  } finally {
    await mustRun(host, `cannot remove ${directory}`, `rm -rf -- ${quote(directory)}`);
  }
}
