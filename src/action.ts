import path from 'node:path';
import { requestOf } from './allocated-instance.js';
import { ourHolder } from './conductor/holder.js';
import { exitCodes } from './conductor/state.js';
import { describeError } from './errors.js';
import { ActionsLog } from './github/actions-log.js';
import { maskSecrets, type Runner, readRunner, setOutputs, writeSummary } from './github/runner.js';
import { isPost, saveLeftBehind, savePost } from './github/state.js';
import { loginEnvironment } from './hosts/login-environment.js';
import { actionInputs, distinctions, type Inputs } from './inputs.js';
import { isElsewhere, type Machines, openMachines, stageRootOf } from './machines.js';
import { post } from './post.js';
import { readStudy, type SpecContext } from './prepare.js';
import { outcomeLine } from './report/final-table.js';
import { inline } from './report/markdown.js';
import { type RunContext, type RunOutcome, runStudy } from './run.js';
import { formatProblem, SpecError } from './spec/problem.js';
import { defaultStudyKey, shortHash, studyDirectory } from './study/directory.js';
import { overlaysOf, pgenOf, readSpecText, type Surroundings } from './surroundings.js';

export { isPost, post };

/** The action's main step. Returns the exit status, by which the step fails when the study does. */
export async function action(surroundings: Surroundings): Promise<number> {
  const { environment } = surroundings;
  let log = new ActionsLog(true);
  let inputs: Inputs | undefined;
  try {
    const runner = readRunner(environment);
    savePost();
    inputs = actionInputs(environment);
    maskSecrets(inputs);
    log = new ActionsLog(inputs.annotations === 'commands');
    const outcome = await run(inputs, runner, surroundings, log);
    await report(outcome, inputs, log);
    return exitCodes[outcome.results.status];
  } catch (error) {
    log.endPhase();
    const problems = error instanceof SpecError ? error.problems : [];
    for (const problem of problems) log.problem(problem);
    if (problems.length === 0) log.error(describeError(error));
    if (inputs?.summary !== false) await writeSummary(cannotRun(error, problems.map(formatProblem)));
    return surroundings.cancel.aborted ? exitCodes.CANCELLED : 1;
  }
}

async function run(inputs: Inputs, runner: Runner, surroundings: Surroundings, log: ActionsLog): Promise<RunOutcome> {
  const { environment, cancel } = surroundings;
  // Written at once, whatever else there is still time for.
  cancel.addEventListener('abort', () => saveLeftBehind({ isCancelled: true }), { once: true });
  const study = givenStudy(inputs, runner);
  // What is wrong with what was given is told before anything is connected to.
  readStudy(study);
  const request = requestOf(inputs, nameOf);
  const machines = await openMachines(inputs, await loginEnvironment(environment), surroundings, log, runner.temporary);
  try {
    return await runStudy({ ...runContext(study, runner, surroundings, machines, log), request });
  } finally {
    machines.close();
  }
}

const nameOf = (name: string) => `input '${name}'`;

/** The study as the inputs give it. */
export function givenStudy(inputs: Inputs, runner: Runner): SpecContext {
  const specPath = path.resolve(runner.workspace, inputs.spec);
  return {
    inputs,
    specPath,
    text: readSpecText(specPath, inputs.spec),
    overlays: overlaysOf(inputs, nameOf),
    workingDirectory: runner.workspace,
    stageRoot: isElsewhere(inputs) ? stageRootOf(inputs, specPath, runner.workspace) : undefined,
  };
}

/** What a run of the study takes on a runner, but for its allocation. */
export function runContext(
  study: SpecContext,
  runner: Runner,
  { environment, cancel, hangup }: Surroundings,
  { host, here, home, isElsewhere }: Machines,
  log: ActionsLog,
): Omit<RunContext, 'request'> {
  const { inputs } = study;
  const key = inputs['study-key'] || keyOf(inputs, runner);
  return {
    ...study,
    log,
    cancel,
    hangup,
    pgen: pgenOf(inputs, runner.workspace),
    host,
    here,
    place: (spec) => ({
      path: studyDirectory(spec, {
        outputPath: inputs['output-path'],
        // Not below the checkout, which the next run cleans.
        root: path.posix.join(home, 'maestro-studies', runner.repository),
        home,
        suffix: key,
      }),
      key,
      resume: inputs.resume,
    }),
    reportPath: (studyPath) =>
      inputs['report-path'] === ''
        ? path.join(runner.temporary, 'maestro-report', shortHash(studyPath), path.basename(studyPath))
        : path.resolve(runner.workspace, inputs['report-path']),
    // A runner in an allocation, whose steps have a login's environment.
    around: isElsewhere ? '' : (environment.FLUX_URI ?? ''),
    holder: ourHolder(runner.runUrl),
    remember: saveLeftBehind,
  };
}

function keyOf(inputs: Inputs, { runId }: Runner): string {
  return defaultStudyKey(runId, inputs.spec, ...distinctions(inputs));
}

/** Outputs first: they are there for later steps whatever else can be said. */
export async function report(
  { results, reportPath, summary, isResumable }: RunOutcome,
  inputs: Inputs,
  log: ActionsLog,
): Promise<void> {
  const failures = [setOutputs(results, reportPath), inputs.summary ? await writeSummary(summary) : undefined];
  for (const failure of failures) if (failure !== undefined) log.warning(failure);
  if (exitCodes[results.status] !== 0) log.error(outcomeLine(results));
  if (isResumable) {
    log.info('To continue it, re-run this job, or run the workflow again with the same study-key');
  }
}

function cannotRun(error: unknown, problems: readonly string[]): string {
  const lines = problems.length > 0 ? problems : [describeError(error)];
  return `## ❌ The study cannot be run\n\n${lines.map((line) => `- ${inline(line)}`).join('\n')}\n\n`;
}
