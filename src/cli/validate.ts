import { mustRun } from '../hosts/commands.js';
import { unmatchedGlobs } from '../inputs/ineffective.js';
import type { Inputs } from '../inputs/schema.js';
import { metricProblems } from '../run/metric-problems.js';
import {
  generate,
  missingPaths,
  nowhere,
  planAt,
  type ReadStudy,
  readStudy,
  type StudyContext,
} from '../run/prepare.js';
import type { Plan } from '../scripts/plan.js';
import { type Problem, SpecError } from '../spec/problem.js';
import { InputError } from '../util/errors.js';
import { counted } from '../util/format.js';
import { quote } from '../util/shell-quote.js';
import { common, openHere, readGiven, refuseMistakes } from './given-study.js';
import { studyFlags } from './study-flags.js';
import type { Verb } from './verb.js';

export const validate: Verb = {
  name: 'validate',
  group: 'running',
  synopsis: 'validate SPEC [flags]',
  summary: 'find all mistakes in a study; run nothing',
  details:
    'No other machine is contacted. SPEC is a file, or - for stdin. It takes the flags of run, so that a command line works for both.',
  flags: studyFlags,
  async run(args, context, log) {
    const given = await readGiven(args, context, log);
    const ready = await refuseMistakes(given, context, log);
    const { inputs, study } = given;
    if (study === undefined) throw new InputError(['there is no study']);
    const here = await openHere(inputs, context, log);
    return validateStudy({ ...common({ ...study, stageRoot: undefined }, context, log, here), ...ready }, inputs);
  },
};

/**
 * Reports everything that is wrong with a study without running it. Returns the exit status: 1 if anything is.
 *
 * @throws PgenError, HostError if a parameter generator cannot be run
 */
export async function validateStudy(context: StudyContext, inputs: Inputs): Promise<number> {
  const { log } = context;
  try {
    const { plan, warnings } = await checkWhole(context);
    for (const warning of warnings) log.problem(warning);
    for (const sentence of unmatchedGlobs(inputs, plan.graph)) log.warning(sentence);
    log.info(`${inputs.spec} is valid: ${counted(plan.graph.steps.length, 'step')}`);
    return 0;
  } catch (error) {
    if (!(error instanceof SpecError)) throw error;
    for (const problem of error.problems) log.problem(problem);
    return 1;
  }
}

/**
 * Checks all of a study that needs neither its host nor a broker.
 *
 * @returns its plan, and what is probably wrong with it
 * @throws SpecError with everything that is wrong, PgenError, HostError if a parameter generator cannot be run
 */
export async function checkWhole(context: StudyContext): Promise<{ plan: Plan; warnings: readonly Problem[] }> {
  const read = context.read ?? readStudy(context);
  // What is checked here may run elsewhere.
  const missing = await missingPaths({ ...context, options: { ...context.options, isDryRun: true } }, read.spec);
  const all = { ...read, warnings: [...read.warnings, ...missing] };
  const isMissing = missing.some(({ severity }) => severity === 'error');
  // A generator that needs a path which is not there would only fail in its own words.
  if (isMissing && context.pgen !== undefined) throw new SpecError(all.warnings);
  const { plan, warnings } = await planOnly(context, all);
  const found = [...warnings, ...(await metricProblems(context.metrics ?? [], plan.graph))];
  if (isMissing || found.some(({ severity }) => severity === 'error')) throw new SpecError(found);
  return { plan, warnings: found };
}

/** Where the study would be does not matter to what is wrong with it, unless a generator wants to write there. */
async function planOnly(context: StudyContext, read: ReadStudy): Promise<ReturnType<typeof planAt>> {
  const { host, pgen } = context;
  if (pgen === undefined) return planAt(context, read, nowhere);
  const directory = (await mustRun(host, 'cannot make a temporary directory', 'mktemp -d')).toString().trim();
  try {
    return planAt(context, read, directory, (await generate(context, read, directory))?.parameters);
  } finally {
    await mustRun(host, `cannot remove ${directory}`, `rm -rf -- ${quote(directory)}`);
  }
}
