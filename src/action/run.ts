import type { GitHubEvent } from '../github/event.js';
import type { Runner } from '../github/runner-facts.js';
import { loginEnvironment } from '../hosts/login-environment.js';
import { SshError } from '../hosts/ssh/transport.js';
import { hostOptionsOf } from '../inputs/derive.js';
import { inputsForHost } from '../inputs/for-host.js';
import { withMetricsText } from '../inputs/metrics.js';
import { tryActionInputs } from '../inputs/parse.js';
import { preflight, type Ready } from '../inputs/preflight.js';
import type { Inputs } from '../inputs/schema.js';
import { studyKeys } from '../inputs/study-key.js';
import { newToken } from '../run/detach/detach-study.js';
import { detachedKey, hasCheckRun, markReported } from '../run/detach/registration.js';
import { type Mistakes, partsOf } from '../run/mistakes.js';
import { type OpenedHosts, openHosts } from '../run/open-hosts.js';
import { isCancelled, type ProcessContext } from '../run/process-context.js';
import { runStudy } from '../run/run-study.js';
import { formatProblem } from '../spec/problem.js';
import { studiesRoot } from '../study/directory.js';
import { exitCodes } from '../study/state.js';
import { systemClock } from '../util/clock.js';
import { InputError } from '../util/errors.js';
import { ActionsLog } from '../util/log/actions-log.js';
import { CheckRunObserver } from './check-run-observer.js';
import { detach } from './detach.js';
import { DetachedPublisher } from './detached-publisher.js';
import { isUntrusted, refusal, refuseOtherCommit, studyEvent } from './fork-guard.js';
import { historyOf } from './history.js';
import {
  type GivenStudy,
  givenStudy,
  nameOf,
  type OnRunner,
  placings,
  refuseForeignFiles,
  report,
  runContext,
  withoutFileNames,
} from './run-options.js';
import { cannotRun, setStatus, writeSummary } from './runner.js';
import { saveLeftBehind } from './state.js';
import { keepIssueOfError, keepStudyIssue } from './study-issue.js';

/**
 * `command: run`. Returns the exit status, by which the step fails when the study does.
 *
 * @param given with the default of each input that is wrong
 * @param mistakes what is wrong so far: it is told with what is wrong with the study
 */
export async function runCommand(
  given: Inputs,
  runner: Runner,
  context: ProcessContext,
  mistakes: Mistakes,
): Promise<number> {
  const inputs = withoutFileNames(given, runner, mistakes);
  const { cancel } = context;
  const log = new ActionsLog(placings[inputs.annotations]);
  let publication: CheckRunObserver | undefined;
  try {
    // Saved first, because the runner may kill this process soon.
    const saveCancelled = () => saveLeftBehind({ isCancelled: isCancelled(cancel) });
    cancel.addEventListener('abort', saveCancelled, { once: true });
    const event = await studyEvent(inputs, runner, systemClock);
    const isForeign = isUntrusted(event, inputs['allow-fork-pr']);
    const isAllowed = mistakes.attempt(() => {
      refuseOtherCommit(inputs, runner);
      refuseForks(inputs, event);
      if (isForeign) refuseForeignFiles(inputs, runner);
      return true;
    });
    // Nothing of a fork's is read that is not allowed to run.
    if (isAllowed !== true) mistakes.refuse();
    const keys = studyKeys(inputs, runner);
    const texts = withMetricsText(tryActionInputs(context.environment).texts, inputs, runner.workspace);
    const hostInputs = inputsForHost(texts);
    const study = givenStudy(inputs, runner, mistakes, hostInputs);
    const token = inputs.detach === 'false' ? undefined : newToken();
    // A collecting run finds the check run by the start's secret token.
    const key = token === undefined ? keys.key : detachedKey(token);
    if (study !== undefined) publication = new CheckRunObserver({ study, runner, event, log, key });
    const ready = await preflight(study, inputs, mistakes, {
      nameOf,
      directory: runner.workspace,
      warn: (line) => log.warning(line),
    });
    mistakes.refuse();
    if (study === undefined || publication === undefined) throw new InputError(['there is no study']);
    if (token !== undefined) {
      const own = { ...study, metrics: ready.metrics };
      const detaching = { study: own, on: { runner, keys, isUntrusted: isForeign }, event, hostInputs, token };
      return await onHosts(study, detaching.on, context, log, (hosts) =>
        detach(detaching, context, hosts, log, publication!),
      );
    }
    const on = { runner, keys, isUntrusted: isForeign, ready, event };
    return await run(study, on, context, log, publication);
  } catch (error) {
    log.endPhase();
    if (error instanceof SshError && error.kind === 'connection') setStatus('UNREACHABLE');
    const { lines, problems } = partsOf(error);
    for (const problem of problems) log.problem(problem);
    if (lines.length > 0) log.error(lines.join('\n'));
    const reasons = [...lines, ...problems.map(formatProblem)];
    // The summary comes first, because GitHub's API may take longer than a runner waits after a cancellation.
    if (inputs.summary) await writeSummary(cannotRun(reasons));
    if (publication === undefined) log.annotateKept();
    else {
      await publication.failed(error, reasons, problems, isCancelled(cancel));
      if (!isCancelled(cancel)) await keepIssueOfError(error, { inputs, runner, log, reasons, run: publication.run });
    }
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
  on: OnRunner & { readonly ready: Ready; readonly event: GitHubEvent },
  context: ProcessContext,
  log: ActionsLog,
  observer: CheckRunObserver,
): Promise<number> {
  const { ready, event } = on;
  return onHosts(study, on, context, log, async (hosts) => {
    const outcome = await runStudy({
      ...runContext(study, on, context, hosts, log),
      ...ready,
      ...{ observer, commit: event.sha, run: observer.run },
      isCollected: (token) => hasCheckRun(hosts.host, studiesRoot(hosts.home), token, on.runner.repository),
      history: historyOf(study.inputs, { runner: on.runner, event, home: hosts.home }),
    });
    await report(outcome, study.inputs, log, observer);
    await keepStudyIssue(outcome, { inputs: study.inputs, runner: on.runner, log });
    if (outcome.followed !== undefined) {
      // What shows it and is not completed is for a run that collects.
      const publisher = new DetachedPublisher(study.inputs, on.runner, log);
      await markReported(hosts.host, studiesRoot(hosts.home), outcome.followed, (each) => publisher.isShown(each));
    }
    return outcome.exitCode;
  });
}

/** Does something with the machines of a study, and closes them. */
async function onHosts<T>(
  { inputs }: GivenStudy,
  on: OnRunner,
  context: ProcessContext,
  log: ActionsLog,
  task: (hosts: OpenedHosts) => Promise<T>,
): Promise<T> {
  const environment = await loginEnvironment(context.environment);
  if (on.isUntrusted)
    log.info("The study may be a fork's: it is staged in the runner's temporary directory, without `setup`");
  // Its lines may name files of the checkout.
  const opened = on.isUntrusted ? { ...inputs, setup: '' } : inputs;
  const hosts = await openHosts(hostOptionsOf(opened), {
    environment,
    process: context,
    log,
    temporary: on.runner.temporary,
  });
  try {
    return await task(hosts);
  } finally {
    hosts.close();
  }
}
