import { Conductor } from '../conductor/conductor.js';
import { cancelledObsolete, type Resumption } from '../conductor/resume.js';
import type { Host } from '../hosts/host.js';
import type { ExecutionEnd } from '../report/build-results.js';
import { NoAllocationError } from '../schedulers/allocation/no-allocation.js';
import type { Backend } from '../schedulers/backend.js';
import { LocalScheduler } from '../schedulers/local/scheduler.js';
import type { BatchScheduler, JobRef, Scheduler, SchedulerListener } from '../schedulers/scheduler.js';
import { UnavailableScheduler } from '../schedulers/unavailable.js';
import type { Plan } from '../scripts/plan.js';
import { schedulerNames } from '../spec/spec.js';
import type { ObsoleteJob } from '../store/journal/records.js';
import type { StudySession } from '../store/session.js';
import { StatusFile } from '../store/status-file.js';
import type { Limits } from '../store/update-lock.js';
import { openJob, type StepRecord, studyStatus } from '../study/state.js';
import type { Clock } from '../util/clock.js';
import { BackendError } from '../util/errors.js';
import type { Log } from '../util/log/log.js';
import { isDoneWithin } from '../util/sleep.js';
import type { HandOver } from './detach/job-time.js';
import { interpretSignals } from './interpret-signals.js';
import type { RunOptions } from './options.js';
import { Progress } from './progress.js';

/** What driving a study to its end needs from outside. */
export interface ExecuteContext {
  readonly options: Pick<RunOptions, 'policy' | 'stepEnvironment'>;
  readonly host: Host;
  readonly log: Log;
  readonly clock: Clock;
  /** What may end it before. */
  readonly ending: { readonly cancel: AbortSignal; readonly leave: AbortSignal; readonly waiting: AbortSignal };
  /** Aborted when the process gets a SIGHUP, whatever it got before. */
  readonly hangup: AbortSignal;
  /** Is told that the steps begin or go on, and how they change. */
  readonly observer?:
    | { executing?(records: readonly StepRecord[]): void; changed(records: readonly StepRecord[]): void }
    | undefined;
  /** When and how this run makes room for the next one. */
  readonly handOver?: HandOver | undefined;
  /** Why what was begun, by a driver that was killed, is only brought to its end: cancelled. Undefined otherwise. */
  readonly finishes?: string | undefined;
}

/** A study that is staged, and what runs it. */
export interface StagedStudy {
  readonly plan: Plan;
  readonly session: StudySession;
  /** What its scheduled steps run on; undefined if it has none. */
  readonly backend: Backend | undefined;
  /** Limits that are not those of the options: somebody changed them while an earlier run drove the study. */
  readonly limits: Limits;
  /** What is known of its steps: nothing has run yet, or it is resumed. */
  readonly resumption: Pick<Resumption, 'records'> & Partial<Pick<Resumption, 'obsolete'>>;
}

/** How a study was left, as far as that is known without reading any output. */
export interface ExecutionResult extends Omit<ExecutionEnd, 'started' | 'ended'> {
  /** Whether jobs go on, to be taken over by the driver that resumes the study. */
  readonly areJobsLeft: boolean;
  /** Of a dry run: when its files are written. */
  readonly staged?: Promise<unknown>;
}

/** How long schedulers may take to tell obsolete jobs to end before the steps begin. */
const CANCEL_OBSOLETE_TIMEOUT_MS = 10_000;

/**
 * Runs the steps of a study that is staged: opens its schedulers with the conductor as their listener, and drives the study to
 * its end.
 *
 * @throws SpecError, BackendError, HostError if there is nothing to run its jobs in, and the study was not stopped meanwhile
 */
export async function execute(context: ExecuteContext, study: StagedStudy): Promise<ExecutionResult> {
  const { options, host, log, clock, ending, hangup } = context;
  const { plan, session, backend, resumption, limits } = study;
  const { graph, scripts, places } = plan;
  const { journal } = session;
  const policy = { ...options.policy, ...limits };
  const conductor = new Conductor({ graph, scripts, policy, clock, journal, records: resumption.records });
  const { listener } = conductor;
  const { opened, missing } = await openBatch(context, study, listener);
  const batch = opened ?? (await standIn(plan, { clock, listener, missing }));
  const env = localEnvironment(options, opened && backend);
  const warn = (line: string) => log.warning(line);
  const local = new LocalScheduler({ host, studyPath: places.studyPath, env, clock, log: warn }, listener);
  const progress = new Progress(log, graph, clock);
  const statusFile = new StatusFile((text) => session.writeStatus(text), graph, clock);
  const signals = interpretSignals({ clock, cancel: ending.cancel, hangup, backend: opened && backend, batch });
  const onHandOver = () => {
    const { signal, graceMs, done } = context.handOver!;
    void local.vacate(String(signal.reason), graceMs).then(done);
  };
  if (context.handOver?.signal.aborted) onHandOver();
  else context.handOver?.signal.addEventListener('abort', onHandOver, { once: true });
  const run = async () => {
    await cancelObsolete(context, study, { local, batch: opened });
    context.observer?.executing?.(resumption.records);
    return conductor.run({
      local,
      batch,
      ...signals,
      leave: ending.leave,
      onLimits: (onLimits) => session.onLimits(onLimits),
      onChange: (records, changed) => {
        statusFile.changed(records);
        progress.onChange(records, changed);
        context.observer?.changed(records);
      },
    });
  };
  // Told and written even if the conductor fails.
  const conducted = await run().finally(async () => {
    context.handOver?.signal.removeEventListener('abort', onHandOver);
    batch?.close();
    local.close();
    progress.end();
    await statusFile.end();
  });
  if (statusFile.failure !== undefined) log.warning(statusFile.failure);
  const { steps, isOver, isLeft, remaining, interruption, interruptionKind, cancellation } = conducted;
  const isInterrupted = !(isOver && remaining === 0) && interruption !== undefined;
  const hasOpenJobs = !isOver || steps.some((record) => openJob(record) !== undefined);
  return {
    records: steps,
    status: studyStatus(steps),
    interruption: isInterrupted ? interruption : '',
    ...(isInterrupted && interruptionKind !== undefined ? { interruptionKind } : {}),
    // Jobs that are out of sight may be running, unless the study was cancelled: then their end is wanted.
    areJobsLeft: isLeft || (hasOpenJobs && cancellation === undefined),
    outputsOfJob: (step, id) => (step.scheduled ? batch : local)?.outputs({ step, id }),
    allocated: backend?.describe().allocated ?? [],
    fluxUri: (plan.spec.batch.type === 'flux' && opened && backend?.describe().endpoint) || null,
  };
}

interface OpenedBatch {
  /** Undefined if the study has no scheduled steps, or there is nothing to run them in. */
  readonly opened?: BatchScheduler | undefined;
  /** Why it is without an allocation for now. */
  readonly missing?: NoAllocationError;
}

async function openBatch(
  { ending, finishes, log }: ExecuteContext,
  { plan, session, backend }: StagedStudy,
  listener: SchedulerListener,
): Promise<OpenedBatch> {
  try {
    return { opened: await backend?.open(plan, session, listener) };
  } catch (error) {
    if (ending.waiting.aborted) return {};
    if (error instanceof NoAllocationError && error.kind === 'waited-too-long') return { missing: error };
    if (finishes === undefined || !(error instanceof BackendError)) throw error;
    log.warning(error.message);
    return {};
  }
}

interface StandInFacts {
  readonly clock: Clock;
  readonly listener: SchedulerListener;
  /** Why there is no allocation; undefined if that is not why. */
  readonly missing: NoAllocationError | undefined;
}

/** Takes the place of a batch system that could not be reached; undefined if the study needs none. */
async function standIn(
  { spec, graph }: Plan,
  { clock, listener, missing }: StandInFacts,
): Promise<BatchScheduler | undefined> {
  if (!graph.steps.some(({ scheduled }) => scheduled)) return undefined;
  const { outputsOfJob } = await import(/* webpackMode: "eager" */ '../schedulers/batch-systems.js');
  const lost = `${schedulerNames[spec.batch.type]}, which has its jobs, could not be reached`;
  const { message: reason, kind } = missing ?? { message: lost, kind: 'scheduler-lost' as const };
  const outputs = ({ step, id }: JobRef) => outputsOfJob(spec.batch.type, step, id);
  return new UnavailableScheduler({ reason, kind, outputs, clock }, listener);
}

/**
 * Cancels the jobs that no step of the new plan has, and notes in the journal those that were told to end: the new steps may
 * need the same files. The others stay obsolete in the journal, and a later run cancels them.
 */
async function cancelObsolete(
  { clock, log }: ExecuteContext,
  { session, resumption: { obsolete = [] } }: StagedStudy,
  { local, batch }: { readonly local: Scheduler; readonly batch: Scheduler | undefined },
): Promise<void> {
  const isDone = (scheduler: Scheduler, jobs: readonly ObsoleteJob[]) =>
    isDoneWithin(clock, CANCEL_OBSOLETE_TIMEOUT_MS, scheduler.cancelObsolete(jobs));
  for (const [scheduler, jobs] of [
    [local, obsolete.filter(({ scheduled }) => !scheduled)],
    [batch, obsolete.filter(({ scheduled }) => scheduled)],
  ] as const) {
    if (jobs.length === 0) continue;
    if (scheduler !== undefined && (await isDone(scheduler, jobs))) {
      session.journal.write(cancelledObsolete(jobs));
    } else {
      const names = jobs.map(({ step, id }) => `${id || 'a job'} of ${step}`).join(', ');
      log.warning(
        `jobs of steps that the study no longer has may still be running, and are ended by a later run: ${names}`,
      );
    }
  }
}

/** What local steps find in their environment besides the host's: the same `flux` as jobs. */
function localEnvironment(
  { stepEnvironment }: Pick<RunOptions, 'stepEnvironment'>,
  backend: Backend | undefined,
): ReadonlyMap<string, string> {
  const path = backend?.describe().environment.PATH;
  return path === undefined ? stepEnvironment : new Map([['PATH', path], ...stepEnvironment]);
}
