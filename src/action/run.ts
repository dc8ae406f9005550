import type { GitHubEvent } from '../github/event.js';
import type { Runner } from '../github/runner-facts.js';
import { loginEnvironment } from '../hosts/login-environment.js';
import { SshError } from '../hosts/ssh/transport.js';
import { hostOptionsOf, requestOf } from '../inputs/derive.js';
import type { Inputs } from '../inputs/schema.js';
import { studyKeys } from '../inputs/study-key.js';
import { openHosts } from '../run/open-hosts.js';
import { readStudy } from '../run/prepare.js';
import {
  givenReportPlace,
  isCancelled,
  type ProcessContext,
  readBaseline,
  refuseReportPath,
} from '../run/process-context.js';
import type { RunOutcome } from '../run/report.js';
import { runStudy } from '../run/run-study.js';
import { formatProblem, SpecError } from '../spec/problem.js';
import { exitCodes } from '../study/state.js';
import { systemClock } from '../util/clock.js';
import { describeError, InputError } from '../util/errors.js';
import { ActionsLog } from '../util/log/actions-log.js';
import { CheckRunObserver } from './check-run-observer.js';
import { isUntrusted, refusal, refuseOtherCommit, studyEvent } from './fork-guard.js';
import {
  type GivenStudy,
  givenStudy,
  nameOf,
  type OnRunner,
  placings,
  refuseForeignFiles,
  report,
  runContext,
} from './run-options.js';
import { cannotRun, setStatus, writeSummary } from './runner.js';
import { saveLeftBehind } from './state.js';

/** `command: run`. Returns the exit status, by which the step fails when the study does. */
export async function runCommand(inputs: Inputs, runner: Runner, context: ProcessContext): Promise<number> {
  const { cancel } = context;
  const log = new ActionsLog(placings[inputs.annotations]);
  let publication: CheckRunObserver | undefined;
  try {
    // Saved first, because the runner may kill this process soon.
    const saveCancelled = () => saveLeftBehind({ isCancelled: isCancelled(cancel) });
    cancel.addEventListener('abort', saveCancelled, { once: true });
    refuseOtherCommit(inputs, runner);
    const event = await studyEvent(inputs, runner, systemClock);
    refuseForks(inputs, event);
    const isForeign = isUntrusted(event, inputs['allow-fork-pr']);
    if (isForeign) refuseForeignFiles(inputs, runner);
    const keys = studyKeys(inputs, runner);
    const study = givenStudy(inputs, runner);
    publication = new CheckRunObserver({ study, runner, event, log, key: keys.key });
    const outcome = await run(study, { runner, keys, isUntrusted: isForeign }, context, log, publication);
    await report(outcome, inputs, log, publication);
    return exitCodes[outcome.results.status];
  } catch (error) {
    log.endPhase();
    if (error instanceof SshError && error.kind === 'connection') setStatus('UNREACHABLE');
    const problems = error instanceof SpecError ? error.problems : [];
    for (const problem of problems) log.problem(problem);
    if (problems.length === 0) log.error(describeError(error));
    const reasons = problems.length > 0 ? problems.map(formatProblem) : [describeError(error)];
    // The summary comes first, because GitHub's API may take longer than a runner waits after a cancellation.
    if (inputs.summary) await writeSummary(cannotRun(reasons));
    if (publication === undefined) log.annotateKept();
    else await publication.failed(error, reasons, problems, isCancelled(cancel));
    return isCancelled(cancel) ? exitCodes.CANCELLED : 1;
  }
}

/** @throws InputError for a pull request of a fork, unless the inputs allow it */
function refuseForks(inputs: Inputs, event: GitHubEvent): void {
  const why = refusal(event, {
    allowForkPr: inputs['allow-fork-pr'],
    isDryRun: inputs['dry-run'],
    hasPgen: inputs.pgen !== '',
  });
  if (why !== undefined) throw new InputError([why]);
}

async function run(
  study: GivenStudy,
  on: OnRunner,
  context: ProcessContext,
  log: ActionsLog,
  observer: CheckRunObserver,
): Promise<RunOutcome> {
  const { inputs } = study;
  const { runner } = on;
  // Errors in the inputs and the spec are reported before any host is connected to.
  readStudy(study);
  const request = requestOf(inputs, nameOf);
  const baseline = readBaseline(inputs.baseline, runner.workspace, (line) => log.warning(line));
  await refuseReportPath(givenReportPlace(study, runner.workspace), nameOf);
  const environment = await loginEnvironment(context.environment);
  if (on.isUntrusted)
    log.info("The study may be a fork's: it is staged in the runner's temporary directory, without `setup`");
  // Its lines may name files of the checkout.
  const opened = on.isUntrusted ? { ...inputs, setup: '' } : inputs;
  const hosts = await openHosts(hostOptionsOf(opened), {
    environment,
    process: context,
    log,
    temporary: runner.temporary,
  });
  try {
    return await runStudy({ ...runContext(study, on, context, hosts, log), request, baseline, observer });
  } finally {
    hosts.close();
  }
}
