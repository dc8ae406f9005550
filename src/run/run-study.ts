import { limitsOf } from '../conductor/policy.js';
import { leftWorkspaces, plannedSteps } from '../conductor/resume.js';
import { BrokerError } from '../flux/connect/errors.js';
import { appendFile, areThere, replaceFile } from '../hosts/files.js';
import { type Host, HostError } from '../hosts/host.js';
import type { Tree } from '../hosts/upload/tree.js';
import type { AllocationRequest } from '../schedulers/allocation/request.js';
import type { Backend } from '../schedulers/backend.js';
import { createBackend } from '../schedulers/create-backend.js';
import { outputsOf } from '../scripts/outputs.js';
import type { Plan } from '../scripts/plan.js';
import type { Spec } from '../spec/spec.js';
import type { WantedPlace } from '../store/directory.js';
import type { DescribedAllocation } from '../store/journal/records.js';
import { isSameAttempt, type LeaseHolder } from '../store/lease.js';
import type { StudySession } from '../store/session.js';
import { statusCsv, statusOrder } from '../store/status-csv.js';
import { type Limits, limitsGoingOn } from '../store/update-lock.js';
import { newRecord, type StepRecord, studyStatus } from '../study/state.js';
import { type Clock, systemClock } from '../util/clock.js';
import { describeError } from '../util/errors.js';
import { KeptLog } from '../util/log/kept-log.js';
import { counted } from '../util/log/plain-text.js';
import { describeLeftWorkspaces, describeResumption } from './describe-resume.js';
import { type ExecutionResult, execute } from './execute.js';
import { claimStudy, type DraftStudy, draftStudy, type OpenStudy } from './open-study.js';
import type { StudyContext } from './prepare.js';
import { type ReportContext, type RunOutcome, report } from './report.js';
import { logPath } from './stage.js';
import { stageAll, treeOf } from './stage-all.js';
import { StopSignals } from './stop-signals.js';

/** Everything that a run needs from outside. */
export interface RunContext extends StudyContext, Omit<ReportContext, 'options' | 'host' | 'log'> {
  /** Where the study goes, once the spec is read. */
  readonly place: (spec: Spec) => WantedPlace;
  /** The allocation that is wanted, if one is. */
  readonly request: AllocationRequest | undefined;
  /** The URI of the Flux instance around this program, if steps do not find it in their environment; '' if there is none. */
  readonly around: string;
  /** Who drives the study. */
  readonly holder: LeaseHolder;
  /** Whether nobody chose the study key, so that only a re-run is expected to find the study finished. */
  readonly isKeyDerived?: boolean;
  /** Told of what another process has to look after, should this one be killed; of nothing, once it need not. */
  readonly remember: (left: Partial<LeftBehind>) => void;
  /** Who shows the study elsewhere than in the log. */
  readonly observer?: RunObserver;
  /** What a user is to be warned of about options that change nothing for this study. */
  readonly ineffectiveOptions: (study: Plan) => readonly string[];
  /** Why what was begun, by a driver that was killed, is only brought to its end: cancelled. Undefined otherwise. */
  readonly finishes?: string;
}

/** What is to be looked after if the main step was killed before it came to it. */
export interface LeftBehind {
  /** The allocation that is to be given back. */
  readonly allocation: DescribedAllocation | undefined;
  /** The directory of the study that was being driven. */
  readonly study: string | undefined;
  /** The process id of who drove it. */
  readonly driver: number | undefined;
  /** Whether the workflow was cancelled meanwhile. */
  readonly isCancelled: boolean;
  /** Whether there is a check run that says that the study runs. */
  readonly isShown: boolean;
}

/** Who is told how a study goes. */
export interface RunObserver {
  /** It is ours to drive. */
  begun(): Promise<void>;
  /** @param records of the steps, now and later */
  changed(records: readonly StepRecord[]): void;
  /** It is somebody else's. */
  lost(): void;
}

/**
 * Runs a study, from its text to its reports.
 *
 * @throws SpecError for a spec that cannot be run, HostError for a machine that does not do what it must, LeaseHeldError for
 *   a study that somebody else drives
 */
export async function runStudy(context: RunContext): Promise<RunOutcome> {
  const { options } = context;
  const clock = systemClock;
  const log = new KeptLog(context.log, clock.now);
  const started = clock.now();
  const ending = new StopSignals({ ...context, policy: options.stop, clock });
  const own = { ...context, log, clock, ending, cancel: ending.waiting, onlyFinishes: context.finishes !== undefined };

  log.phase(`Read ${options.shownSpec}`);
  let draft: DraftStudy | undefined;
  let prepared: PreparedBackend | undefined;
  let study: OpenStudy | undefined;
  let result: ExecutionResult | undefined;
  try {
    const tree = await treeOf(own);
    while (study === undefined) {
      draft = await draftStudy(own);
      prepared = await prepareBackend(own, draft);
      study = await claimStudy(own, draft, prepared.plan);
      // Another run has made the study meanwhile: it is continued.
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
    return await report(own, study, { ...result, started, ended: clock.now() });
  } catch (error) {
    // Somebody who looks into the study directory later finds there why nothing more is in it.
    log.note(`error: ${describeError(error)}`);
    throw error;
  } finally {
    ending.end();
    try {
      await prepared?.backend?.close({ keepJobs: result?.areJobsLeft });
    } finally {
      if (study !== undefined) await letGo(own, study, result);
      else await draft?.session?.release(undefined);
    }
  }
}

/** What the parts of a run have in common. */
interface Own extends RunContext {
  readonly log: KeptLog;
  readonly clock: Clock;
  readonly ending: StopSignals;
  readonly onlyFinishes: boolean;
}

interface PreparedBackend {
  /** Undefined if nothing of the study needs one. */
  readonly backend: Backend | undefined;
  readonly plan: Plan;
}

/** What will run the scheduled steps of a study, and the plan as that has it. Nothing has been made yet. */
async function prepareBackend(context: Own, draft: DraftStudy): Promise<PreparedBackend> {
  const { plan, isDone, isOver, hasObsoleteJobs } = draft;
  if (context.options.isDryRun || isDone) return { backend: undefined, plan };
  const { ending, request } = context;
  const backend = createBackend(plan, { ...context, leave: ending.leave }, request, hasObsoleteJobs);
  if (backend === undefined) return { backend, plan };
  try {
    return { backend, plan: await backend.prepare(plan, isOver) };
  } catch (error) {
    await backend.close({});
    // What does not need it is brought to its end all the same.
    if (context.finishes === undefined || !(error instanceof BrokerError)) throw error;
    context.log.warning(error.message);
    return { backend: undefined, plan };
  }
}

/** Tells what is going to be run, and what of the options has no effect. */
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
  const { log, clock, host } = context;
  const { plan, session, resumption, isDone } = study;
  log.info(`Study directory ${plan.places.studyPath}`);
  if (context.finishes !== undefined) log.info(`Bringing to its end what was begun: ${context.finishes}`);
  else if (resumption) for (const line of describeResumption(resumption, isDone)) log.info(line);
  if (resumption) await tellOfLeftWorkspaces(context, study);
  if (isDone) {
    warnOfRepeat(context, session);
    return done(resumption!.records);
  }
  if (session === undefined) {
    await stageAll(context, study, tree);
    return dryRun(host, plan, clock);
  }

  const records = resumption?.records ?? plan.graph.steps.map(() => newRecord());
  if (context.finishes === undefined) {
    // The plan is written first, so that a crash in the middle leaves no doubt about which scripts are there.
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

/** What is in the workspaces of steps that are gone is still read by whoever looks for it by a pattern. */
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

/** What `maestro update` changed while an earlier run drove the study. */
function limitsOfRun({ options, log }: Own, { state, journal }: StudySession): Limits {
  const own = limitsOf(options.policy);
  const { limits, overruled, told } = limitsGoingOn(state.limits, own);
  for (const line of told) log.info(line);
  if (Object.keys(overruled).length > 0) journal.write({ type: 'limits', ...overruled, inputs: own });
  return limits;
}

/** Nothing was run, although this is no re-run: two steps, or two jobs, take each other's study for their own. */
function warnOfRepeat({ log, holder, isKeyDerived, finishes }: Own, session: StudySession | undefined): void {
  const before = session?.state.opened?.holder;
  if (isKeyDerived !== true || finishes !== undefined || before === undefined || !isSameAttempt(before, holder)) return;
  log.warning(
    'nothing was run: another step or job of this attempt of the workflow run has finished the same study. ' +
      "If that is not meant (legs of a matrix that differ in no other input, a composite action or a called workflow that is used twice), give each its own 'study-key'",
  );
}

/** The journal, the lease and the study's own log at the end; nothing of it if the study is somebody else's by now. */
async function letGo(
  { host, log, remember, ending }: Own,
  { plan, session }: OpenStudy,
  ran: ExecutionResult | undefined,
): Promise<void> {
  await session?.release(ran?.status);
  // One that was cancelled, and could not be brought to its end, is tried again by whoever comes after us.
  const isToFinish = ran?.status === 'INTERRUPTED' && ending.cancel.aborted;
  if (ran !== undefined && !isToFinish) remember({ study: undefined });
  if (session?.lost.aborted !== true) await keep(host, `${plan.places.studyPath}/${logPath(plan.spec.name)}`, log);
}

/** A study of which nothing is left to do. */
function done(records: readonly StepRecord[]): ExecutionResult {
  return {
    records,
    status: studyStatus(records),
    interruption: '',
    areJobsLeft: false,
    outputsOfJob: outputsOf,
    fluxUri: null,
  };
}

function describe({ spec, graph }: Plan): string {
  const scheduled = graph.steps.filter((step) => step.scheduled).length;
  const how = scheduled === 0 ? 'all local' : `${scheduled} of them jobs of ${spec.batch.type}`;
  return `Study ${spec.name}: ${counted(graph.steps.length, 'step')}, ${how}`;
}

async function dryRun(host: Host, { graph, places }: Plan, clock: Clock): Promise<ExecutionResult> {
  const records = graph.steps.map(() => newRecord('DRYRUN'));
  await replaceFile(host, `${places.studyPath}/status.csv`, statusCsv(graph, records, statusOrder(graph), clock.now()));
  return {
    records,
    status: 'DRYRUN',
    interruption: '',
    areJobsLeft: false,
    outputsOfJob: () => undefined,
    fluxUri: null,
  };
}

/** The log goes into the study too. That it cannot is told, and no more. */
async function keep(host: Host, file: string, log: KeptLog): Promise<void> {
  try {
    await appendFile(host, file, log.text);
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    log.warning(error.message);
  }
}
