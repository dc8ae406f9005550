import type { GitHubEvent } from '../github/event.js';
import type { Runner } from '../github/runner-facts.js';
import { endConductorJob } from '../run/detach/job.js';
import { findRegistrations, type Registration, type StartedFor } from '../run/detach/registration.js';
import { readStartRequest } from '../run/detach/start-request.js';
import { goesOnByItself } from '../run/detach/unbegun.js';
import { awaitedJob } from '../run/detach/waiting.js';
import { askToCancel } from '../run/existing/ask-driver.js';
import { cancelUndriven, isCancellable, type TakeContext } from '../run/existing/cancel.js';
import { JournalError } from '../store/journal/replay.js';
import { isDriven } from '../store/look/driver.js';
import { followStudy } from '../store/look/follow.js';
import { lookAtStudy, type StudySight } from '../store/look/look.js';
import { describeError, UserError } from '../util/errors.js';
import { capitalized } from '../util/format.js';
import { oneLine } from '../util/log/plain-text.js';

/** What a study is started for: what its results are shown on, and which later start takes its place. */
export function startOf(
  runner: Runner,
  { name: event, sha, pullRequest, isOtherCommit }: GitHubEvent,
): Omit<StartedFor, 'checkRun' | 'specPath'> {
  const { repository, runUrl, workflow, job, step, runNumber, ref } = runner;
  const attempt = Number(runner.attempt) || undefined;
  return { repository, sha, runUrl, workflow, job, step, runNumber, pullRequest, event, ref, attempt, isOtherCommit };
}

type Start = ReturnType<typeof startOf>;

/** For how long a conductor is waited for that was asked to cancel its study. */
const CANCEL_TIMEOUT_MS = 60_000;

/** Whether a study was started for the same pull request by an earlier run of the same step. */
export function isSuperseded(earlier: StartedFor, now: Start): boolean {
  const { pullRequest, workflow, job, step, runNumber } = now;
  if (pullRequest === undefined || workflow === undefined || runNumber === undefined) return false;
  const isSameStep = earlier.workflow === workflow && earlier.job === job && earlier.step === step;
  const isSamePull =
    earlier.repository.toLowerCase() === now.repository.toLowerCase() && earlier.pullRequest === pullRequest;
  // A re-run has the number of its run: that of an older one is none of a newer.
  return isSamePull && isSameStep && earlier.runNumber !== undefined && earlier.runNumber < runNumber;
}

/**
 * Cancels the detached studies whose place this start takes. What cannot be cancelled is a warning.
 *
 * @param root the directory of the studies on the host
 * @throws HostError if the host cannot be asked which there are
 */
export async function supersede(context: TakeContext, root: string, runner: Runner, event: GitHubEvent): Promise<void> {
  const now = startOf(runner, event);
  const { host, log } = context;
  const earlier = (await findRegistrations(host, root, log)).filter((registration) => isSuperseded(registration, now));
  for (const registration of earlier) {
    const what = `the study ${oneLine(registration.studyPath)} of run ${registration.runNumber}, which this one supersedes,`;
    try {
      const how = await cancelEarlier(context, { registration, root, runner });
      log.info(`${capitalized(what)} ${how}`);
    } catch (error) {
      if (!(error instanceof UserError || error instanceof JournalError)) throw error;
      log.warning(`${what} cannot be cancelled: ${describeError(error)}`);
    }
  }
}

interface Earlier {
  readonly registration: Registration;
  readonly root: string;
  readonly runner: Runner;
}

/** @returns what became of it, for people */
async function cancelEarlier(context: TakeContext, { registration, root, runner }: Earlier): Promise<string> {
  const { host } = context;
  const { studyPath } = registration;
  const sight = await lookAtStudy(host, studyPath);
  if (!('state' in sight) || !(await isOfRepository(context, registration, sight, runner))) {
    return 'does not match the record of its start, and is left as it is';
  }
  const job = (await awaitedJob(host, sight))?.job;
  const awaited = isDriven(sight.driver) || job !== undefined ? undefined : await goesOnByItself(host, root, sight);
  if (isDriven(sight.driver) || awaited === 'soon') {
    const answer = await askToCancel(host, studyPath, { waits: true });
    // A conductor that is being started hears of it once it has begun.
    const isHeard = answer === 'taken' || awaited === undefined;
    return isHeard && (await isOver(context, studyPath)) ? 'is cancelled' : 'was asked to be cancelled';
  }
  if (job !== undefined) await endConductorJob(host, job);
  else if (!isCancellable(sight.state) && awaited === undefined) return 'is over';
  return (await cancelUndriven({ ...context, flux: undefined }, studyPath)) === 'INTERRUPTED'
    ? 'is cancelled, except for some jobs, which may still be running'
    : 'is cancelled';
}

/** Whether a run of this repository has started the study: a registration alone could name any study of the account. */
async function isOfRepository(
  { host }: TakeContext,
  registration: Registration,
  { state }: StudySight,
  { serverUrl, repository }: Runner,
): Promise<boolean> {
  const request = await readStartRequest(host, registration);
  const runs = `${serverUrl}/${repository}/actions/runs/`.toLowerCase();
  return (
    request?.key === state.key && request?.sha === registration.sha && request.runUrl.toLowerCase().startsWith(runs)
  );
}

/** Waits for the end of a study that is being cancelled. */
async function isOver({ host, cancel }: TakeContext, studyPath: string): Promise<boolean> {
  const stop = AbortSignal.any([cancel, AbortSignal.timeout(CANCEL_TIMEOUT_MS)]);
  for await (const { driver } of followStudy(host, studyPath, stop)) if (!isDriven(driver)) return true;
  return false;
}
