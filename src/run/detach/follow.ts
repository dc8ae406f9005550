import path from 'node:path';
import { followStudy } from '../../store/look/follow.js';
import { lookAtStudy, type StudySight } from '../../store/look/look.js';
import type { Clock } from '../../util/clock.js';
import { UserError } from '../../util/errors.js';
import { sleep } from '../../util/sleep.js';
import type { RunContext } from '../context.js';
import { SeenProgress } from '../existing/seen-progress.js';
import { viewOf } from '../existing/view.js';
import { planner } from '../prepare.js';
import type { RunOutcome } from '../report.js';
import { ownLimitOf } from './restarts.js';
import { planAsDriven } from './same-study.js';
import { readStartRequest } from './start-request.js';
import { findUnbegun } from './unbegun.js';
import { awaitedJob, followConducted } from './waiting.js';

/** A study is not followed any more, and goes on. The message is for people. */
export class UnfollowedError extends UserError {
  constructor(message: string) {
    super(message);
    this.name = 'UnfollowedError';
  }
}

/** A study that a detached conductor drives, by the token of its start. */
export interface Followed {
  readonly studyPath: string;
  readonly token: string;
}

/**
 * Follows a study that a detached conductor drives until it is over, and reports it as if this process had driven it.
 *
 * @throws InputError if it is not the study that this process was to run; UnfollowedError if it is not followed to its end;
 *   SpecError, PgenError, HostError
 */
export async function followDetached(context: RunContext, { studyPath, token }: Followed): Promise<RunOutcome> {
  const { host, log, cancel, observer } = context;
  // The plan of a detached study is always that of a copy.
  const stageRoot = context.stageRoot ?? path.dirname(context.specPath);
  const planning = await planner({ ...context, stageRoot });
  const request = await readStartRequest(host, { studyPath, token });
  log.info(`Study directory ${studyPath}`);
  log.phase('Follow');
  const progress = new SeenProgress(log);
  let isSame = false;
  let last: StudySight | undefined;
  let told = '';
  try {
    for await (const { sight, view, job } of followConducted(host, studyPath, cancel)) {
      const { state } = sight;
      if (!isSame && state.plan !== undefined) {
        await planAsDriven(
          planning,
          { studyPath, state, request },
          { commit: context.commit ?? '', text: context.text },
        );
        isSame = true;
        log.info(`The study is driven by a detached conductor on ${host.name}, and is followed from here`);
        await observer?.follows?.(token, (await context.isCollected?.(token)) ?? false);
      }
      if (isSame) {
        progress.see(view.instances);
        observer?.changed(view.instances.map(({ record }) => record));
      }
      if (view.status === 'RUNNING') {
        if (job !== undefined && view.why !== told) {
          told = view.why;
          log.info(`Waiting: ${told}`);
        }
        continue;
      }
      last = sight;
      break;
    }
  } finally {
    progress.end();
    log.endPhase();
  }
  if (last === undefined)
    throw new UnfollowedError(`${cancel.reason}: stopped following the study ${studyPath}, which keeps running`);
  if (!isSame || viewOf(last).status === 'INTERRUPTED') {
    const stopped = `the detached conductor of ${studyPath} stopped before the study was over`;
    throw new UnfollowedError(
      ownLimitOf(last.state) !== undefined
        ? `${stopped}: ${viewOf(last).why}; run the same command again, or \`resume\` the study, to continue it`
        : `${stopped}; run the same command again, or collect the study, to continue it`,
    );
  }
  if (last.driver.holder?.detached !== token) throw new UnfollowedError(`another run has driven ${studyPath} since`);
  // The code of the reports is loaded once they are wanted.
  const { reportExisting } = await import(/* webpackMode: "eager" */ '../existing/report.js');
  const outcome = await reportExisting({ ...context, options: context.options.report }, last);
  // One that was started for something else is still to be reported there.
  return (request?.sha ?? '') === (context.commit ?? '') ? { ...outcome, followed: token } : outcome;
}

/**
 * Waits until a study that a detached conductor has begun has a plan. One whose conductor waits in a queue may have none.
 *
 * @returns undefined if nothing drives it, or something else does
 */
export async function seeDriven(
  context: Pick<RunContext, 'host' | 'cancel'>,
  studyPath: string,
): Promise<{ readonly token: string; readonly sight: StudySight } | undefined> {
  const first = await lookAtStudy(context.host, studyPath);
  if (!('state' in first)) return undefined;
  const seen = await awaitedJob(context.host, first);
  if (seen !== undefined) {
    const { state } = first;
    // The plan of another driver says nothing of what this job is to do.
    const isTheirs = state.opened?.holder.detached === seen.token;
    return { token: seen.token, sight: isTheirs ? first : { ...first, state: { ...state, plan: undefined } } };
  }
  if (!isDetached(first)) return undefined;
  for await (const sight of followStudy(context.host, studyPath, context.cancel)) {
    if (!isDetached(sight)) return undefined;
    if (sight.state.plan !== undefined) return { token: sight.driver.holder!.detached!, sight };
  }
  throw context.cancel.reason;
}

/** How often it is looked whether a conductor that is being started has begun. */
const BEGIN_LOOK_MS = 1000;

/**
 * The same, and waits for a conductor that another process is starting right now: of two starts at once the second one finds the first.
 *
 * @param root the directory of the studies on the host
 */
export async function seeStarted(
  context: Pick<RunContext, 'host' | 'cancel'> & { readonly root: string; readonly clock: Clock },
  studyPath: string,
): ReturnType<typeof seeDriven> {
  const { host, root, clock, cancel } = context;
  for (;;) {
    const seen = await seeDriven(context, studyPath);
    if (seen !== undefined) return seen;
    if ((await findUnbegun(host, root, studyPath))?.isAlive !== true) return undefined;
    await sleep(clock, BEGIN_LOOK_MS, cancel);
    cancel.throwIfAborted();
  }
}

function isDetached(sight: StudySight): boolean {
  return viewOf(sight).status === 'RUNNING' && sight.driver.holder?.detached !== undefined;
}
