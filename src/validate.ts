import path from 'node:path';
import { mustRun } from './hosts/commands.js';
import { runPgen } from './pgen/pgen.js';
import { checkDraft, planStudy } from './plan.js';
import { quote } from './quote.js';
import type { RunContext } from './run.js';
import { type Problem, sortProblems } from './spec/problem.js';
import { Source } from './spec/source.js';
import { readSpec, type Spec } from './spec/spec.js';
import type { Places } from './study/environment.js';
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
  const { spec, draft, problems: read } = readSpec(new Source(inputs.spec, text), overlays);
  const planned = spec === undefined ? undefined : await plan(context, spec);
  const more = spec === undefined && draft !== undefined ? checkDraft(draft, placesIn(context, '/study'), read) : [];
  const problems: Problem[] = [...read, ...more, ...(planned?.problems ?? [])];
  for (const problem of sortProblems(problems)) log.problem(problem);
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  const steps = planned?.plan?.graph.steps.length ?? 0;
  if (errors === 0) log.info(`${inputs.spec} is valid: ${steps} step${steps === 1 ? '' : 's'}`);
  return errors === 0 ? 0 : 1;
}

function placesIn({ specPath, workingDirectory }: ValidateContext, studyPath: string): Places {
  return { studyPath, specRoot: path.posix.dirname(specPath), workingDirectory };
}

async function plan(context: ValidateContext, spec: Spec) {
  const { inputs, host, pgen, cancel } = context;
  const options = { hashWorkspaces: inputs['hash-workspaces'] };
  const planWith = (studyPath: string, parameters: readonly Parameter[]) =>
    planStudy(spec, parameters, placesIn(context, studyPath), options);
  // Where the study would be does not matter to what is wrong with it, unless a generator wants to write there.
  if (pgen === undefined) return planWith('/study', spec.parameters.map(toParameter));
  const directory = (await mustRun(host, 'cannot make a temporary directory', 'mktemp -d')).toString().trim();
  try {
    return planWith(directory, await runPgen(host, pgen, spec, placesIn(context, directory), cancel));
  } finally {
    await mustRun(host, `cannot remove ${directory}`, `rm -rf -- ${quote(directory)}`);
  }
}
