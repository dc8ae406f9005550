import { homedir } from 'node:os';
import path from 'node:path';
import { exitCodes } from './conductor/state.js';
import { describeError } from './errors.js';
import { ActionsLog } from './github/actions-log.js';
import { type Runner, readRunner, setOutputs, writeSummary } from './github/runner.js';
import { LocalHost } from './hosts/local-host.js';
import { loginEnvironment } from './hosts/login-environment.js';
import { actionInputs, type Inputs } from './inputs.js';
import { outcomeLine } from './report/final-table.js';
import { inline } from './report/markdown.js';
import { type RunOutcome, runStudy } from './run.js';
import { formatProblem, SpecError } from './spec/problem.js';
import { defaultStudyKey, shortHash, studyDirectory } from './study/directory.js';
import { overlaysOf, pgenOf, readSpecText, type Surroundings } from './surroundings.js';

/** The action's main step. Returns the exit status, by which the step fails when the study does. */
export async function action(surroundings: Surroundings): Promise<number> {
  const { environment } = surroundings;
  let log = new ActionsLog(true);
  let inputs: Inputs | undefined;
  try {
    const runner = readRunner(environment);
    inputs = actionInputs(environment);
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
    return 1;
  }
}

async function run(
  inputs: Inputs,
  runner: Runner,
  { environment, cancel, hangup }: Surroundings,
  log: ActionsLog,
): Promise<RunOutcome> {
  const specPath = path.resolve(runner.workspace, inputs.spec);
  const text = readSpecText(specPath, inputs.spec);
  const steps = await loginEnvironment(environment);
  const home = steps.HOME ?? homedir();
  const key =
    inputs['study-key'] ||
    defaultStudyKey(
      runner.runId,
      inputs.spec,
      inputs.parameters,
      inputs.variables,
      inputs.batch,
      inputs.pgen,
      JSON.stringify([...inputs.pargs]),
    );
  return runStudy({
    inputs,
    log,
    cancel,
    hangup,
    specPath,
    text,
    overlays: overlaysOf(inputs, (name) => `input '${name}'`),
    pgen: pgenOf(inputs, runner.workspace),
    workingDirectory: runner.workspace,
    host: new LocalHost(steps, inputs.setup),
    directory: (spec) => ({
      path: studyDirectory(spec, {
        outputPath: inputs['output-path'],
        // Not below the checkout, which the next run cleans.
        root: path.posix.join(home, 'maestro-studies', runner.repository),
        home,
        suffix: key,
      }),
      exact: inputs['output-path'] !== '',
    }),
    reportPath: (studyPath) =>
      inputs['report-path'] === ''
        ? path.join(runner.temporary, 'maestro-report', shortHash(studyPath), path.basename(studyPath))
        : path.resolve(runner.workspace, inputs['report-path']),
  });
}

/** Outputs first: they are there for later steps whatever else can be said. */
async function report({ results, reportPath, summary }: RunOutcome, inputs: Inputs, log: ActionsLog): Promise<void> {
  const failures = [setOutputs(results, reportPath), inputs.summary ? await writeSummary(summary) : undefined];
  for (const failure of failures) if (failure !== undefined) log.warning(failure);
  if (exitCodes[results.status] !== 0) log.error(outcomeLine(results));
}

function cannotRun(error: unknown, problems: readonly string[]): string {
  const lines = problems.length > 0 ? problems : [describeError(error)];
  return `## ❌ The study cannot be run\n\n${lines.map((line) => `- ${inline(line)}`).join('\n')}\n\n`;
}
