import { limitsOf } from '../conductor/policy.js';
import { leftWorkspaces, plannedSteps } from '../conductor/resume.js';
import { appendFile, areThere, replaceFile } from '../hosts/files.js';
import { type Host, HostError } from '../hosts/host.js';
import type { Tree } from '../hosts/upload/tree.js';
import type { Backend } from '../schedulers/backend.js';
import { createBackend } from '../schedulers/create-backend.js';
import type { Plan } from '../scripts/plan.js';
import { schedulerNames } from '../spec/spec.js';
import { isSameAttempt, LeaseHeldError } from '../store/lease.js';
import type { StudySession } from '../store/session.js';
import { statusCsv, statusOrder } from '../store/status-csv.js';
import { type Limits, limitsGoingOn } from '../store/update-lock.js';
import { newRecord, type StepRecord, studyStatus } from '../study/state.js';
import { type Clock, systemClock } from '../util/clock.js';
import { BackendError, describeError } from '../util/errors.js';
import { counted } from '../util/format.js';
import { KeptLog } from '../util/log/kept-log.js';
import type { RunContext } from './context.js';
import { describeLeftWorkspaces, describeResumption } from './describe-resume.js';
import { type ExecutionResult, execute } from './execute.js';
import { claimStudy, type DraftStudy, draftStudy, type OpenStudy } from './open-study.js';
import type { RunOutcome } from './report.js';
import { logPath } from './stage.js';
import { stageAll, treeOf } from './stage-all.js';
import { StopSignals } from './stop-signals.js';
import { studyEnd } from './study-end.js';

/**
 * Runs a study, from its text to its reports.
 *
 * @throws SpecError if the spec cannot be run, HostError if the host cannot do what the study needs, LeaseHeldError if
 *   another run drives the study
 */
export async function runStudy(context: RunContext): Promise<RunOutcome> {
  const { options } = context;
  const clock = systemClock;
  const log = new KeptLog(context.log, clock.now);
  const started = clock.now();
  const ending = new StopSignals({ ...context, policy: options.stop, clock });
  const own = { ...context, log, clock, ending, cancel: ending.waiting, onlyFinishes: context.finishes !== undefined };
  if (options.maestro !== undefined) {
    const { runWithMaestro } = await import(/* webpackMode: "eager" */ './run-maestro.js');
    return runWithMaestro({ ...own, maestro: options.maestro });
  }

  log.phase(`Read ${options.shownSpec}`);
  let draft: DraftStudy | undefined;
  let prepared: PreparedBackend | undefined;
  let study: OpenStudy | undefined;
  let result: ExecutionResult | undefined;
  let outcome: RunOutcome | undefined;
  try {
    const tree = await treeOf(own);
    while (study === undefined) {
      draft = await draftStudy(own);
      prepared = await prepareBackend(own, draft);
      study = await claimStudy(own, draft, prepared.plan);
      // Another run has created the study since the draft was read, so this run continues that study.
      if (study === undefined) await prepared.backend?.close({});
    }
    announce(own, study);
    const stopListening = ending.listen(study.session);
    study.session?.lost.addEventListener('abort', () => context.observer?.lost(), { once: true });
    await context.observer?.begun();
    try {
      result = await stageAndExecute(own, study, tree, prepared?.backend);
    } finally {
      stopListening();
    }
    // The code of the reports is loaded once the steps do not wait for it.
    const { report } = await import(/* webpackMode: "eager" */ './report.js');
    outcome = await report(own, study, { ...result, started, ended: clock.now() });
    return outcome;
  } catch (error) {
    const followed = followable(own, error);
    if (followed !== undefined) {
      const { followDetached } = await import(/* webpackMode: "eager" */ './detach/follow.js');
      return await followDetached(own, followed);
    }
    // The log is kept in the study directory, where it explains why the study has no results.
    log.note(`error: ${describeError(error)}`);
    throw error;
  } finally {
    ending.end();
    try {
      await prepared?.backend?.close({ keepJobs: result?.areJobsLeft });
    } finally {
      if (study !== undefined) await letGo(own, study, result, outcome);
      else await draft?.session?.release(undefined);
    }
  }
}

/** The study that cannot be run because a detached conductor drives it. */
function followable({ holder, finishes, options }: Own, error: unknown) {
  if (!(error instanceof LeaseHeldError) || error.holder?.detached === undefined) return undefined;
  // Another detached conductor follows nothing, and what is only finished is none's to follow.
  if (holder.detached !== undefined || finishes !== undefined || options.isDryRun) return undefined;
  return { studyPath: error.studyPath, token: error.holder.detached };
}

/** The context that the phases of a run share. */
interface Own extends RunContext {
  readonly log: KeptLog;
  readonly clock: Clock;
  readonly ending: StopSignals;
  readonly onlyFinishes: boolean;
}

interface PreparedBackend {
  /** Undefined if the study has no scheduled steps to run or cancel. */
  readonly backend: Backend | undefined;
  readonly plan: Plan;
}

/** Creates the backend for the scheduled steps, and adapts the plan to it. Writes and submits nothing. */
async function prepareBackend(context: Own, draft: DraftStudy): Promise<PreparedBackend> {
  const { plan, isDone, isOver, hasObsoleteJobs } = draft;
  if (context.options.isDryRun || isDone) return { backend: undefined, plan };
  const { ending, request } = context;
  const backend = await createBackend(plan, { ...context, leave: ending.leave }, request, hasObsoleteJobs);
  if (backend === undefined) return { backend, plan };
  try {
    return { backend, plan: await backend.prepare(plan, isOver) };
  } catch (error) {
    await backend.close({});
    // Steps that need no backend are cancelled all the same.
    if (context.finishes === undefined || !(error instanceof BackendError)) throw error;
    context.log.warning(error.message);
    return { backend: undefined, plan };
  }
}

/** Logs a summary of the study, and warns of options that have no effect. */
function announce({ log, ineffectiveOptions }: Own, { plan }: OpenStudy): void {
  log.info(describe(plan));
  for (const sentence of ineffectiveOptions(plan)) log.warning(sentence);
}

async function stageAndExecute(
  context: Own,
  study: OpenStudy,
  tree: Tree | undefined,
  backend: Backend | undefined,
): Promise<ExecutionResult> {
  const { log } = context;
  const { plan, session, resumption, isDone } = study;
  log.info(`Study directory ${plan.places.studyPath}`);
  if (context.finishes !== undefined) log.info(`Finishing what was begun: ${context.finishes}`);
  // A study that was only made has nothing to continue.
  else if (resumption && session?.state.plan !== undefined) {
    for (const line of describeResumption(resumption, isDone)) log.info(line);
  }
  if (resumption) await tellOfLeftWorkspaces(context, study);
  if (isDone) {
    warnOfRepeat(context, session);
    return done(plan, resumption!.records);
  }
  if (session === undefined) return dryRun(context, study, tree);

  const records = resumption?.records ?? plan.graph.steps.map(() => newRecord());
  if (context.finishes === undefined) {
    // The plan is journaled first, so that after a crash during staging the next run knows which scripts may be there.
    const { version = '' } = backend?.describe() ?? {};
    session.journal.writePlan(version, plannedSteps(plan.graph, study.digests, records));
    await session.journal.durable();
    await stageAll(context, study, tree);
    session.journal.write({ type: 'staged' });
  }
  context.remember({ study: plan.places.studyPath });

  log.phase('Run');
  const limits = limitsOfRun(context, session);
  return execute(context, { plan, session, backend, limits, resumption: { ...resumption, records } });
}

/** Warns of workspaces of steps that the spec no longer has: scripts that read files by a pattern still find them. */
async function tellOfLeftWorkspaces({ host, log }: Own, { plan, session }: OpenStudy): Promise<void> {
  const left = session === undefined ? [] : leftWorkspaces(session.state, plan.graph);
  const isThere = await areThere(
    host,
    left.map((workspace) => `${plan.places.studyPath}/${workspace}`),
  );
  const steps = new Set(plan.graph.steps.map(({ workspace }) => workspace.split('/')[0]!));
  const { warning, info } = describeLeftWorkspaces(
    left.filter((_, i) => isThere[i]),
    steps,
  );
  if (warning !== undefined) log.warning(warning);
  if (info !== undefined) log.info(info);
}

/** The limits to apply: those of the options, changed by what `maestro update` set during an earlier run. */
function limitsOfRun({ options, log }: Own, { state, journal }: StudySession): Limits {
  const own = limitsOf(options.policy);
  const { limits, overruled, told } = limitsGoingOn(state.limits, own);
  for (const line of told) log.info(line);
  if (Object.keys(overruled).length > 0) journal.write({ type: 'limits', ...overruled, inputs: own });
  return limits;
}

/**
 * Warns if the same attempt of the workflow run has finished the study: two steps or jobs probably share one study key.
 */
function warnOfRepeat({ log, holder, isKeyDerived, finishes }: Own, session: StudySession | undefined): void {
  const before = session?.state.opened?.holder;
  if (isKeyDerived !== true || finishes !== undefined || before === undefined || !isSameAttempt(before, holder)) return;
  log.warning(
    'nothing was run: another step or job of this attempt of the workflow run has finished the same study. ' +
      "If that is not intended (legs of a matrix that differ in no other input, a composite action or a called workflow that is used twice), give each its own 'study-key'",
  );
}

/**
 * Closes the journal, releases the lease and keeps the log in the study directory, unless another run has taken over.
 */
async function letGo(
  { host, log, remember, ending, redact = (text) => text }: Own,
  { plan, session }: OpenStudy,
  ran: ExecutionResult | undefined,
  outcome: RunOutcome | undefined,
): Promise<void> {
  await session?.release(studyEnd(ran, outcome));
  // If the cancellation could not be completed, the post step tries again.
  const isToFinish = ran?.status === 'INTERRUPTED' && ending.cancel.aborted;
  if (ran !== undefined && !isToFinish) remember({ study: undefined });
  const file = `${plan.places.studyPath}/${logPath(plan.spec.name)}`;
  if (session?.lost.aborted !== true) await keep(host, { file, text: redact(log.text) }, log);
}

/** The result of a study that was already finished when it was resumed. */
async function done({ spec }: Plan, records: readonly StepRecord[]): Promise<ExecutionResult> {
  const { outputsOfJob } = await import(/* webpackMode: "eager" */ '../schedulers/batch-systems.js');
  return {
    records,
    status: studyStatus(records),
    interruption: '',
    areJobsLeft: false,
    outputsOfJob: (step, id) => outputsOfJob(spec.batch.type, step, id),
    fluxUri: null,
  };
}

function describe({ spec, graph }: Plan): string {
  const scheduled = graph.steps.filter((step) => step.scheduled).length;
  const how = scheduled === 0 ? 'all local' : `${scheduled} of them jobs of ${schedulerNames[spec.batch.type]}`;
  return `Study ${spec.name}: ${counted(graph.steps.length, 'step')}, ${how}`;
}

/** Begins to stage a study of which nothing is run: its reports are made meanwhile. */
function dryRun(context: Own, study: OpenStudy, tree: Tree | undefined): ExecutionResult {
  const { host, clock } = context;
  const { graph, places } = study.plan;
  const staging = stageAll(context, study, tree);
  const records = graph.steps.map(() => newRecord('DRYRUN'));
  const status = statusCsv(graph, records, statusOrder(graph), clock.now());
  const staged = Promise.all([staging, replaceFile(host, `${places.studyPath}/status.csv`, status)]);
  staged.catch(() => {});
  return {
    records,
    status: 'DRYRUN',
    interruption: '',
    areJobsLeft: false,
    outputsOfJob: () => undefined,
    fluxUri: null,
    staged,
  };
}

/** Appends the log to the file in the study directory; a failure is only a warning. */
async function keep(
  host: Host,
  { file, text }: { readonly file: string; readonly text: string },
  log: KeptLog,
): Promise<void> {
  try {
    await appendFile(host, file, text);
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    log.warning(error.message);
  }
}
