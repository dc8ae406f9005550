import { readdirSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import type { Runner } from '../github/runner-facts.js';
import { HostError } from '../hosts/host.js';
import { loginEnvironment } from '../hosts/login-environment.js';
import { directoryPrefix } from '../hosts/ssh/openssh-leftovers.js';
import { hostOptionsOf, requestOf } from '../inputs/derive.js';
import { actionInputs } from '../inputs/parse.js';
import type { Inputs } from '../inputs/schema.js';
import { studyKeys } from '../inputs/study-key.js';
import type { LeftBehind } from '../run/context.js';
import { type OpenedHosts, openHosts } from '../run/open-hosts.js';
import type { ProcessContext } from '../run/process-context.js';
import { runStudy } from '../run/run-study.js';
import { Allocation } from '../schedulers/allocation/allocation.js';
import type { JournalState } from '../store/journal/records.js';
import { JournalError } from '../store/journal/replay.js';
import { LeaseHeldError, ourHolder } from '../store/lease.js';
import { StudySession } from '../store/session.js';
import { systemClock } from '../util/clock.js';
import { describeError } from '../util/errors.js';
import { ActionsLog } from '../util/log/actions-log.js';
import { CheckRunObserver } from './check-run-observer.js';
import { studyEvent } from './fork-guard.js';
import { nameOf, placings, readableStudy, report, runContext } from './run-options.js';
import { maskSecrets, readRunner } from './runner.js';
import { savedLeftBehind } from './state.js';

/**
 * The action's post step: cleans up what the main step could not, because it was killed. It never fails a job; failures
 * are only logged.
 */
export async function post(context: ProcessContext): Promise<number> {
  const { environment } = context;
  const log = new ActionsLog('commands');
  try {
    try {
      await cleanUp(context);
    } finally {
      removeFiles(readRunner(environment).temporary);
    }
  } catch (error) {
    log.warning(describeError(error));
  }
  return 0;
}

async function cleanUp(context: ProcessContext): Promise<void> {
  const { environment } = context;
  const left = savedLeftBehind(environment);
  const isNothingHeld = left.allocation === undefined && left.study === undefined;
  if (isNothingHeld && !left.isShown) return;
  maskSecrets(environment);
  const inputs = actionInputs(environment);
  const runner = readRunner(environment);
  const log = new ActionsLog(placings[inputs.annotations]);
  let shown: Promise<CheckRunObserver> | undefined;
  // The spec may be gone, so it is only read by the parts that need it.
  const observer = () => {
    shown ??= audienceOf(inputs, runner, log, left.shownKey);
    return shown;
  };
  let isOthers = false;
  try {
    if (!isNothingHeld) await lookAfter({ left, inputs, runner, context, observer, log });
  } catch (error) {
    isOthers = error instanceof LeaseHeldError;
    throw error;
  } finally {
    // A new driver of the study publishes its own state.
    if (left.isShown && !isOthers) await (await observer()).stopped(isCancelled(left, inputs));
  }
}

async function audienceOf(
  inputs: Inputs,
  runner: Runner,
  log: ActionsLog,
  key = studyKeys(inputs, runner).key,
): Promise<CheckRunObserver> {
  const study = readableStudy(inputs, runner);
  const event = await studyEvent(inputs, runner, systemClock);
  return new CheckRunObserver({ study, runner, event, log, key });
}

interface Cleaning {
  readonly left: LeftBehind;
  readonly inputs: Inputs;
  readonly runner: Runner;
  readonly context: ProcessContext;
  readonly observer: () => Promise<CheckRunObserver>;
  readonly log: ActionsLog;
}

async function lookAfter(cleaning: Cleaning): Promise<void> {
  const { left, inputs, runner, context, log } = cleaning;
  const environment = await loginEnvironment(context.environment);
  const hosts = await openHosts(hostOptionsOf(inputs), {
    environment,
    process: context,
    log,
    temporary: runner.temporary,
  });
  try {
    // A failure of one part does not stop the other.
    try {
      if (left.study !== undefined) await finish(left.study, cleaning, hosts);
    } finally {
      await giveBack(left, inputs, runner, hosts, context.cancel, log);
    }
  } finally {
    hosts.close();
  }
}

/**
 * Whether what runs is to end. Some runners kill the main step of a cancelled job at once: then only the job's status
 * says that it was cancelled.
 */
function isCancelled(left: LeftBehind, inputs: Inputs): boolean {
  return wasCancelled(left, inputs) && inputs['on-cancel'] !== 'leave';
}

function wasCancelled(left: LeftBehind, inputs: Inputs): boolean {
  return left.isCancelled || inputs['job-status'] === 'cancelled';
}

/** Completes the cancellation of a study: cancels its jobs, and records how they ended. */
async function finish(studyPath: string, cleaning: Cleaning, hosts: OpenedHosts): Promise<void> {
  const { left, inputs, runner, context, log } = cleaning;
  if (!isCancelled(left, inputs)) {
    const jobs = isGivenBack(left, inputs) ? 'jobs in its allocation end with that' : 'its jobs go on';
    log.info(`The study in ${studyPath} was left unfinished; ${jobs}, and a run of the same study continues it`);
    return;
  }
  const study = readableStudy(inputs, runner);
  const observer = await cleaning.observer();
  const outcome = await runStudy({
    ...runContext(study, { runner, keys: studyKeys(inputs, runner), isUntrusted: false }, context, hosts, log),
    observer,
    run: observer.run,
    baseline: undefined,
    request: requestOf(inputs, nameOf),
    place: () => ({ path: studyPath, key: '', resume: 'always' }),
    finishes: 'the workflow was cancelled',
  });
  await report(outcome, inputs, log, observer);
}

/**
 * Whether the allocation is given back: the main step did not, and `on-cancel: leave` does not keep it for its jobs.
 */
function isGivenBack(left: LeftBehind, inputs: Inputs): boolean {
  return left.allocation !== undefined && !(wasCancelled(left, inputs) && inputs['on-cancel'] === 'leave');
}

/** Releases the allocation under the lease of the study, because another run may have taken over both. */
async function giveBack(
  left: LeftBehind,
  inputs: Inputs,
  { runUrl }: Runner,
  { host }: OpenedHosts,
  cancel: AbortSignal,
  log: ActionsLog,
): Promise<void> {
  const { allocation, study } = left;
  if (allocation === undefined || !isGivenBack(left, inputs)) return;
  const release = async () => {
    await Allocation.releaseDescribed(host, allocation);
    log.info(`Gave back the allocation ${allocation.id}`);
  };
  if (study === undefined) return release();
  let session: StudySession;
  try {
    session = await StudySession.take({
      host,
      studyPath: study,
      holder: ourHolder(runUrl),
      clock: systemClock,
      log,
      cancel,
    });
  } catch (error) {
    // No other process can drive a study that is missing or whose journal cannot be read.
    if (!(error instanceof HostError || error instanceof JournalError)) throw error;
    return release();
  }
  try {
    // Nothing is said of one that has been given back.
    if (session.state.allocation?.id !== allocation.id) return;
    if (wasOurs(session.state, left)) {
      await release();
      session.journal.write({ type: 'allocation', number: allocation.number, allocation: null });
    } else log.info(`The allocation ${allocation.id} now belongs to another run`);
  } finally {
    await session.release(undefined);
  }
}

/** Whether only the main step and this process have driven the study last. */
function wasOurs({ opened }: JournalState, { driver }: LeftBehind): boolean {
  const { machine, pid } = opened?.holder ?? {};
  return machine === hostname() && (pid === driver || pid === process.pid);
}

/** Removes keys and other files for `ssh`. */
function removeFiles(temporary: string): void {
  for (const name of readdirSync(temporary)) {
    if (name.startsWith(directoryPrefix)) rmSync(path.join(temporary, name), { recursive: true, force: true });
  }
}
