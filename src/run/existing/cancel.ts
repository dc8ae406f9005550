import { restoreRecords } from '../../conductor/resume.js';
import { mustRun } from '../../hosts/commands.js';
import type { Host } from '../../hosts/host.js';
import { Allocation } from '../../schedulers/allocation/allocation.js';
import type { AllocationRequest } from '../../schedulers/allocation/request.js';
import type { Backend } from '../../schedulers/backend.js';
import { createBackend } from '../../schedulers/create-backend.js';
import type { Plan } from '../../scripts/plan.js';
import { findPlace } from '../../store/directory.js';
import type { JournalState, StudyEnd } from '../../store/journal/records.js';
import { ourHolder } from '../../store/lease.js';
import { StudySession } from '../../store/session.js';
import { isOver, openJob, type StudyStatus } from '../../study/state.js';
import { type Clock, systemClock } from '../../util/clock.js';
import { BackendError } from '../../util/errors.js';
import type { Log } from '../../util/log/log.js';
import { quote } from '../../util/shell-quote.js';
import { startFiles, startPath } from '../detach/start-files.js';
import { type ExecutionResult, execute } from '../execute.js';
import type { RunOptions } from '../options.js';
import { StopSignals } from '../stop-signals.js';
import { knownPlan, paramsIn } from './known-plan.js';

/** What taking an existing study takes. */
export interface TakeContext {
  readonly host: Host;
  readonly log: Log;
  /** Aborted when this process is told to end. */
  readonly cancel: AbortSignal;
  readonly hangup: AbortSignal;
  /** Whether members of a group who can write to the directory are trusted. */
  readonly isShared: boolean;
}

/**
 * Takes the lease of an existing study. Who may write there is checked before, because what its journal names is cancelled.
 *
 * @throws HostError, JournalError; LeaseHeldError if another process drives it
 */
export async function takeExisting(context: TakeContext, studyPath: string): Promise<StudySession> {
  const { host, log, cancel, isShared } = context;
  const { state } = await findPlace(host, { path: studyPath, key: '', resume: 'always', isShared });
  return StudySession.take({
    ...{ host, studyPath, log, cancel },
    holder: ourHolder(),
    clock: systemClock,
    lastFence: state?.fence ?? 0,
  });
}

/** Whether there is something in a study that can be cancelled. */
export function isCancellable({ plan, records, obsolete, allocation }: JournalState): boolean {
  return (
    obsolete.length > 0 || allocation !== undefined || (plan !== undefined && records.some((each) => !isOver(each)))
  );
}

/**
 * Cancels a study that nothing drives: takes it, cancels its jobs and local steps, waits for their ends, and notes how each ended. Needs
 * only what is in the journal.
 *
 * @param flux the Flux instance that has its jobs; undefined for the one that the journal names
 * @returns the status that the study has now; INTERRUPTED if some jobs could not be cancelled
 * @throws HostError, JournalError; LeaseHeldError if another process drives it
 */
export async function cancelUndriven(
  context: TakeContext & { readonly flux: string | undefined },
  studyPath: string,
): Promise<StudyStatus> {
  const { host, log } = context;
  const session = await takeExisting(context, studyPath);
  let end: StudyEnd | undefined = session.state.ended;
  const reason = 'cancelled while nothing drove it';
  const clock = systemClock;
  const policy = { onCancel: 'cancel', timeoutMinutes: 0 } as const;
  const ending = new StopSignals({ policy, clock, cancel: context.cancel, finishes: reason });
  const stopListening = ending.listen(session);
  let backend: Backend | undefined;
  let result: ExecutionResult | undefined;
  try {
    const csv = await mustRun(host, 'cannot read status.csv', `cat -- ${quote(`${studyPath}/status.csv`)} || :`);
    const plan = knownPlan(session.state, studyPath, paramsIn(csv.toString()));
    const options = optionsOf(session.state, context.flux);
    const own = { ...context, options, clock, ending, finishes: reason };
    const records = restoreRecords(session.state);
    backend = await prepare(own, session.state, plan);
    const resumption = { records, obsolete: session.state.obsolete };
    result = await execute(own, { plan, session, backend, limits: {}, resumption });
    // One that was left to a conductor that never began has no steps that could say so.
    const status = session.state.plan === undefined ? 'CANCELLED' : result.status;
    const { ended } = session.state;
    // A study that was over, of which only a start was cancelled, ended as it did.
    end = ended?.status === status ? ended : { status };
    if (status !== 'INTERRUPTED') await forgetSecrets(host, studyPath);
    if (session.state.allocation !== undefined && backend === undefined) {
      await Allocation.releaseDescribed(host, session.state.allocation);
      session.journal.write({ type: 'allocation', number: session.state.allocations, allocation: null });
      log.info(`Gave back the allocation ${session.state.allocation.id}`);
    }
    return status;
  } finally {
    stopListening();
    ending.end();
    await backend?.close({ keepJobs: result?.areJobsLeft });
    await session.release(end);
  }
}

/** Inputs that may hold secrets are kept for as long as a conductor may need them. */
async function forgetSecrets(host: Host, studyPath: string): Promise<void> {
  const files = `${quote(`${studyPath}/${startPath('')}`)}*/${startFiles.secrets}`;
  await mustRun(host, `cannot remove the inputs that are kept in ${studyPath}`, `rm -f -- ${files}`);
}

interface Own extends TakeContext {
  readonly options: Pick<RunOptions, 'policy' | 'stepEnvironment' | 'fluxTarget' | 'ignoresJobsElsewhere'>;
  readonly clock: Clock;
  readonly ending: StopSignals;
  readonly finishes: string;
}

function optionsOf({ endpoints }: JournalState, flux: string | undefined): Own['options'] {
  return {
    policy: {
      throttle: 0,
      localJobs: 4,
      submissionAttempts: 1,
      resubmitOn: new Map(),
      maxWaitMs: 0,
      restartLimit: 1,
      allowsFailure: () => false,
    },
    stepEnvironment: new Map(),
    fluxTarget: flux ?? endpoints.at(-1)?.place ?? 'auto',
    ignoresJobsElsewhere: false,
  };
}

/** @returns undefined if no job needs a batch system to be cancelled, or it cannot be reached, which is warned of */
async function prepare(context: Own, state: JournalState, plan: Plan): Promise<Backend | undefined> {
  const { log, ending } = context;
  const isQueued = state.records.some((record, i) => {
    return state.plan?.steps[i]?.scheduled === true && openJob(record) !== undefined;
  });
  const hasObsoleteJobs = state.obsolete.some(({ scheduled }) => scheduled);
  if (!isQueued && !hasObsoleteJobs) return undefined;
  const backend = await createBackend(
    plan,
    { ...context, cancel: ending.waiting, leave: ending.leave, onlyFinishes: true, around: '', remember: () => {} },
    requestOf(state),
    hasObsoleteJobs,
  );
  try {
    await backend?.prepare(plan, () => true);
    return backend;
  } catch (error) {
    await backend?.close({});
    if (!(error instanceof BackendError)) throw error;
    log.warning(error.message);
    return undefined;
  }
}

/** A request for what the study has already: with it nothing is requested. */
function requestOf({ allocation }: JournalState): AllocationRequest | undefined {
  if (allocation === undefined) return undefined;
  const defaults = { tasks: undefined, gpus: undefined, minutes: undefined, queue: undefined, bank: undefined };
  return { with: allocation.kind, nodes: 1, ...defaults, args: [], keep: false, renew: 0 };
}
