import { conduct } from '../conductor/conductor.js';
import { cancelledObsolete, type Resumption } from '../conductor/resume.js';
import type { Host } from '../hosts/host.js';
import type { ExecutionEnd } from '../report/build-results.js';
import type { Batch } from '../schedulers/flux/backend.js';
import { LocalScheduler } from '../schedulers/local/scheduler.js';
import type { BatchScheduler, SchedulerListener } from '../schedulers/scheduler.js';
import { UnavailableScheduler } from '../schedulers/unavailable.js';
import type { Plan } from '../scripts/plan.js';
import type { ObsoleteJob } from '../store/journal/records.js';
import type { StudySession } from '../store/session.js';
import { StatusFile } from '../store/status-file.js';
import type { Limits } from '../store/update-lock.js';
import { openJob, type StepRecord, studyStatus } from '../study/state.js';
import type { Clock } from '../util/clock.js';
import type { Log } from '../util/log/log.js';
import type { RunOptions } from './options.js';
import { Signalled } from './process-context.js';
import { Progress } from './progress.js';

/** What driving a study to its end needs from outside. */
export interface ExecuteContext {
  readonly options: Pick<RunOptions, 'policy' | 'stepEnvironment'>;
  readonly host: Host;
  readonly log: Log;
  readonly clock: Clock;
  /** What may end it before. */
  readonly ending: { readonly cancel: AbortSignal; readonly leave: AbortSignal };
  /** Aborted when the process gets a SIGHUP, whatever it got before. */
  readonly hangup: AbortSignal;
  readonly session: StudySession;
  /** Who is told how the steps change. */
  readonly observer?: { changed(records: readonly StepRecord[]): void } | undefined;
  /** Limits that are not those of the options: somebody changed them while an earlier run drove the study. */
  readonly limits: Limits;
  /** Where the study stands: nothing has run yet, or it is resumed. */
  readonly standing: Pick<Resumption, 'records'> & Partial<Pick<Resumption, 'obsolete'>>;
}

/** How a study was left, as far as that is known without reading any output. */
export interface ExecutionResult extends Omit<ExecutionEnd, 'started' | 'ended'> {
  /** Whether jobs go on, to be taken over by whoever resumes the study. */
  readonly areJobsLeft: boolean;
}

/**
 * Runs the steps of a study that is staged.
 *
 * @param flux what its scheduled steps run on; undefined if it has none, or if the study was stopped before it was there
 */
export async function execute(context: ExecuteContext, plan: Plan, flux: Batch | undefined): Promise<ExecutionResult> {
  const { options, host, log, clock, session, standing } = context;
  const { graph, scripts, places } = plan;
  const progress = new Progress(log, graph, clock);
  const statusFile = new StatusFile((text) => session.writeStatus(text), graph, clock);
  // Schedulers are there before the conductor is: what they report until then it is told when it begins.
  const early: Parameters<SchedulerListener>[0][] = [];
  let listener: SchedulerListener = (event) => early.push(event);
  const hear: SchedulerListener = (event) => listener(event);
  const tell = (line: string) => log.warning(line);
  const local = new LocalScheduler(host, places.studyPath, localEnvironment(options, flux), clock, hear, tell);
  const batch = flux?.scheduler(plan, { log, confirm: () => session.confirm() }, hear) ?? absentFor(plan, clock, hear);
  const { cancel, interrupt } = endings(context, flux, () => batch);
  const run = async () => {
    await cancelObsoleteJobs(context, standing.obsolete ?? [], local, batch);
    return conduct({
      graph,
      scripts,
      policy: { ...options.policy, ...context.limits },
      clock,
      cancel,
      interrupt,
      leave: context.ending.leave,
      journal: session.journal,
      records: standing.records,
      schedulers: (conductor) => {
        listener = conductor;
        queueMicrotask(() => early.forEach(conductor));
        return { local, batch };
      },
      onLimits: (onLimits) => session.onLimits(onLimits),
      onChange: (changedMachine, changed) => {
        statusFile.changed(changedMachine.steps);
        progress.onChange(changedMachine, changed);
        context.observer?.changed(changedMachine.steps);
      },
    });
  };
  // Told and written even if the conductor fails.
  const machine = await run().finally(async () => {
    batch?.close();
    local.leave();
    progress.end();
    await statusFile.end();
  });
  if (statusFile.failure !== undefined) log.warning(statusFile.failure);
  return {
    records: machine.steps,
    status: studyStatus(machine.steps),
    interruption: machine.isOver && machine.remaining === 0 ? '' : (machine.interruption ?? ''),
    // Jobs that are out of sight may be running, and their end is wanted only if the study was cancelled.
    areJobsLeft:
      machine.isLeft ||
      ((!machine.isOver || machine.steps.some((record) => openJob(record) !== undefined)) &&
        machine.cancellation === undefined),
    schedulerOf: (step) => (step.scheduled ? batch : local),
    fluxUri: flux?.uri ?? null,
  };
}

/** What stands for a batch system that was not reached; undefined if the study needs none. */
function absentFor({ graph }: Plan, clock: Clock, listener: SchedulerListener): BatchScheduler | undefined {
  if (!graph.steps.some(({ scheduled }) => scheduled)) return undefined;
  return new UnavailableScheduler('what runs its jobs was not reached', clock, listener);
}

/** How long schedulers may take to tell obsolete jobs to end before the steps begin. */
const CANCEL_OBSOLETE_TIMEOUT_MS = 10_000;

/**
 * Cancels the jobs that no step of the new plan has, and notes in the journal those that were told to end: the new steps may
 * need the same files. The others stay obsolete in the journal, and a later run cancels them.
 */
async function cancelObsoleteJobs(
  { clock, session, log }: ExecuteContext,
  obsolete: readonly ObsoleteJob[],
  local: LocalScheduler,
  batch: BatchScheduler | undefined,
): Promise<void> {
  const schedulers = [
    [local, obsolete.filter(({ scheduled }) => !scheduled)],
    [batch instanceof UnavailableScheduler ? undefined : batch, obsolete.filter(({ scheduled }) => scheduled)],
  ] as const;
  for (const [scheduler, jobs] of schedulers) {
    if (jobs.length === 0) continue;
    const isDone =
      scheduler !== undefined &&
      (await isDoneWithin(clock, CANCEL_OBSOLETE_TIMEOUT_MS, scheduler.cancelObsolete(jobs)));
    if (isDone) session.journal.write(cancelledObsolete(jobs));
    else {
      const names = jobs.map(({ step, id }) => `${id || 'a job'} of ${step}`).join(', ');
      log.warning(
        `jobs of steps that the study does not have any more may run still, and are ended by a later run: ${names}`,
      );
    }
  }
}

/** Whether a task ends before its time is up. */
async function isDoneWithin(clock: Clock, timeoutMs: number, task: void | Promise<void>): Promise<boolean> {
  let stop = () => {};
  const tooLong = new Promise<false>((resolve) => {
    stop = clock.after(timeoutMs, () => resolve(false));
  });
  const done = await Promise.race([Promise.resolve(task).then(() => true), tooLong]);
  stop();
  return done;
}

/** After a SIGTERM, so many milliseconds to see whether it is a whole Flux instance that ends. */
const instanceTime = 1000;

/**
 * What the end of this process means for the study: that it is cancelled, or, if it is our time that is up and not the
 * study that is not wanted, that it is interrupted. As the initial program of a Flux instance, or a part of it, we are told
 * to end when the instance is: its jobs end with it whatever we do.
 *
 * @param batch what runs the study's jobs, once it is there
 */
function endings(
  { ending: { cancel }, hangup }: ExecuteContext,
  flux: Batch | undefined,
  batch: () => BatchScheduler | undefined,
): { readonly cancel: AbortSignal; readonly interrupt: AbortSignal } {
  const [cancelling, interrupting] = [new AbortController(), new AbortController()];
  // Now, because what started us may get the same signal, and be gone before we look.
  const isWithin = flux?.isAround(process.pid) === true;
  const end = async () => {
    const { reason } = cancel;
    if (!(reason instanceof Signalled) || flux === undefined) return cancelling.abort(reason);
    const { signal } = reason;
    const interrupt = async (why: string) => {
      // It knows of jobs that have ended already.
      await batch()?.interrupt(why);
      interrupting.abort(why);
    };
    if (signal === 'SIGALRM') return interrupt('the time of the job that this program runs in is up');
    const isEnding = async () => (await batch()?.isEnding()) === true;
    const isInstances =
      isWithin && (signal === 'SIGHUP' || (signal === 'SIGTERM' && (await soon(hangup, instanceTime, isEnding))));
    if (isInstances) return interrupt(`the Flux instance that this program runs in is ending (${signal})`);
    cancelling.abort(reason);
  };
  if (cancel.aborted) void end();
  else cancel.addEventListener('abort', () => void end(), { once: true });
  return { cancel: cancelling.signal, interrupt: interrupting.signal };
}

/** Whether a signal is aborted within so many milliseconds, or after them something else is so. */
function soon(signal: AbortSignal, milliseconds: number, otherwise: () => Promise<boolean>): Promise<boolean> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(true);
    signal.addEventListener('abort', () => resolve(true), { once: true });
    setTimeout(() => void otherwise().then(resolve), milliseconds);
  });
}

/** What local steps find in their environment besides the host's: the same `flux` as jobs. */
function localEnvironment(
  { stepEnvironment }: Pick<RunOptions, 'stepEnvironment'>,
  flux: Batch | undefined,
): ReadonlyMap<string, string> {
  const path = flux?.environment.PATH;
  return path === undefined ? stepEnvironment : new Map([['PATH', path], ...stepEnvironment]);
}
