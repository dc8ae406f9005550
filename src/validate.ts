import { mustRun } from './hosts/commands.js';
import { generate, missingPaths, nowhere, planAt, type ReadStudy, readStudy, type StudyContext } from './prepare.js';
import { quote } from './quote.js';
import { SpecError, sortProblems } from './spec/problem.js';

/**
 * Everything but running: tells all that is wrong with a study. Returns the exit status, 1 if anything is.
 *
 * @throws PgenError, HostError if a parameter generator cannot be run
 */
export async function validateStudy(context: StudyContext): Promise<number> {
  const { inputs, log } = context;
  try {
    const { plan, warnings } = await planOnly(context, readStudy(context));
    // What is validated here may run elsewhere.
    const missing = await missingPaths({ ...context, inputs: { ...inputs, 'dry-run': true } }, plan.spec);
    for (const warning of sortProblems([...warnings, ...missing])) log.problem(warning);
    const steps = plan.graph.steps.length;
    log.info(`${inputs.spec} is valid: ${steps} step${steps === 1 ? '' : 's'}`);
    return 0;
  } catch (error) {
    if (!(error instanceof SpecError)) throw error;
    for (const problem of error.problems) log.problem(problem);
    return 1;
  }
}

/** Where the study would be does not matter to what is wrong with it, unless a generator wants to write there. */
async function planOnly(context: StudyContext, read: ReadStudy): Promise<ReturnType<typeof planAt>> {
  const { host, pgen } = context;
  if (pgen === undefined) return planAt(context, read, nowhere);
  const directory = (await mustRun(host, 'cannot make a temporary directory', 'mktemp -d')).toString().trim();
  try {
    return planAt(context, read, directory, await generate(context, read, directory));
  } finally {
    await mustRun(host, `cannot remove ${directory}`, `rm -rf -- ${quote(directory)}`);
  }
}
