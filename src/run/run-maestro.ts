import path from 'node:path';
import { kindOf } from '../causes/interruption.js';
import { maestroWords } from '../conductor/maestro/command-line.js';
import { prepareMaestro, type UsableMaestro } from '../conductor/maestro/find-maestro.js';
import { type MaestroExit, MaestroRun } from '../conductor/maestro/maestro-run.js';
import type { MaestroOptions } from '../conductor/maestro/options.js';
import { controlDirectoryOf, stageBeside } from '../conductor/maestro/places.js';
import type { MaestroEnd } from '../conductor/maestro/records.js';
import { seriesOf } from '../conductor/maestro/versions.js';
import { digestsOf, isOverAndSame, plannedSteps, restoreRecords } from '../conductor/resume.js';
import { mustRun, run } from '../hosts/commands.js';
import { appendFile } from '../hosts/files.js';
import { HostError } from '../hosts/host.js';
import { sendTree } from '../hosts/upload/send.js';
import type { Tree } from '../hosts/upload/tree.js';
import type { Backend } from '../schedulers/backend.js';
import { batchSystems, outputsOfJob } from '../schedulers/batch-systems.js';
import { createBackend } from '../schedulers/create-backend.js';
import type { Plan } from '../scripts/plan.js';
import type { JournalState } from '../store/journal/records.js';
import { newRecord, type StepRecord, studyStatus } from '../study/state.js';
import type { Clock } from '../util/clock.js';
import { BackendError } from '../util/errors.js';
import type { KeptLog } from '../util/log/kept-log.js';
import { quote, quoteAll } from '../util/shell-quote.js';
import type { RunContext } from './context.js';
import type { ExecutionResult } from './execute.js';
import { MaestroFollower } from './maestro-follower.js';
import { MaestroLog } from './maestro-log.js';
import { type MaestroStudy, markTold, takeMaestroStudy } from './maestro-study.js';
import type { OpenStudy } from './open-study.js';
import { type Planner, planner, stagePath } from './prepare.js';
import { type RunOutcome, report } from './report.js';
import { treeOf } from './stage-all.js';
import type { StopSignals } from './stop-signals.js';
import { studyEnd } from './study-end.js';

/** The context that the phases of a run share. */
interface Own extends RunContext {
  readonly log: KeptLog;
  readonly clock: Clock;
  readonly ending: StopSignals;
  readonly onlyFinishes: boolean;
  readonly maestro: MaestroOptions;
}

/** Flux's system instance: there Maestro needs no address. */
const systemEndpoint = 'local:///run/flux/local';

/**
 * Runs a study with the host's own Maestro, from its text to its reports: plan → study → backend → Maestro → report.
 *
 * @throws SpecError, BackendError, HostError, LeaseHeldError
 */
export async function runWithMaestro(own: Own): Promise<RunOutcome> {
  const { options, clock, log, ending } = own;
  const started = clock.now();
  log.phase(`Read ${options.shownSpec}`);
  const tree = await treeOf(own);
  const planning = await planner(own);
  const study = await takeStudy(own, planning);
  const stopListening = ending.listen(study.session);
  study.session.lost.addEventListener('abort', () => own.observer?.lost(), { once: true });
  let backend: Backend | undefined;
  let result: ExecutionResult | undefined;
  let outcome: RunOutcome | undefined;
  try {
    const { plan, warnings } = await planning.at(study.path);
    for (const warning of warnings) log.problem(warning);
    for (const sentence of own.ineffectiveOptions(plan)) log.warning(sentence);
    log.info(`Study directory ${study.path}`);
    const digests = digestsOf(plan.graph, plan.scripts);
    const open: OpenStudy = { plan, digests, session: study.session, resumption: undefined, isDone: study.hasEnded };
    await own.observer?.begun();
    if (study.hasEnded) {
      log.info('Maestro has finished this study: nothing is run');
      result = finished(plan, restoreRecords(study.session.state));
    } else {
      backend = await openBackend(own, study, plan);
      result = await drive(own, { study, plan, tree, backend });
    }
    outcome = await report(own, open, { ...result, started, ended: clock.now() });
    return outcome;
  } finally {
    stopListening();
    ending.end();
    try {
      await backend?.close({ keepJobs: result?.areJobsLeft });
    } finally {
      await letGo(own, study, result, outcome);
    }
  }
}

async function takeStudy(own: Own, planning: Planner): Promise<MaestroStudy> {
  const { allowsSharedDirectory: isShared, isDryRun } = own.options;
  const place = own.place(planning.spec);
  const wanted = { ...place, isShared, ...(isDryRun ? { resume: 'never' as const } : {}) };
  const isDone = async (state: JournalState, studyPath: string) => {
    const { plan } = await planning.at(studyPath);
    return isOverAndSame(state, plan.graph, digestsOf(plan.graph, plan.scripts), own.options.policy);
  };
  return takeMaestroStudy(own, { wanted, name: planning.spec.name, isDone });
}

/** Finds, or gets, the Flux instance for a study of Flux jobs; Maestro itself submits to the other batch systems. */
async function openBackend(
  own: Own,
  { session, path: studyPath }: MaestroStudy,
  plan: Plan,
): Promise<Backend | undefined> {
  if (plan.spec.batch.type !== 'flux' || own.options.isDryRun || own.finishes !== undefined) return undefined;
  const backend = await createBackend(
    plan,
    { ...own, cancel: own.ending.waiting, leave: own.ending.leave },
    own.request,
    false,
  );
  if (backend === undefined) return undefined;
  try {
    const prepared = await backend.prepare(plan);
    // What an allocation needs is in `.conductor`, which is beside the study directory until that is there.
    const places = { ...prepared.places, studyPath: controlDirectoryOf(studyPath) };
    const scheduler = await backend.open({ ...prepared, places }, session, () => {});
    // Maestro submits the jobs.
    scheduler.close();
    return backend;
  } catch (error) {
    await backend.close({});
    throw error;
  }
}

interface Driven {
  readonly study: MaestroStudy;
  readonly plan: Plan;
  readonly tree: Tree | undefined;
  readonly backend: Backend | undefined;
}

/** Starts Maestro unless it was started before, and watches it to its end. */
async function drive(own: Own, { study, plan, tree, backend }: Driven): Promise<ExecutionResult> {
  const { host, clock, log, ending, maestro, options } = own;
  const { session } = study;
  const { graph, spec } = plan;
  const needsFlux = spec.batch.type === 'flux' && graph.steps.some(({ scheduled }) => scheduled);
  const root = path.posix.dirname(study.path);
  const tell = (line: string) => log.info(line);
  const usable = await prepareMaestro({ host, options: maestro, needsFlux, root, log: tell });
  if (options.hashWorkspaces && !study.isStarted && seriesOf(usable.version)?.hashedNames !== 'md5') {
    throw new BackendError(
      `with \`hash-workspaces\`, ${usable.version} names workspaces as STEP_instance_N, where the reports would not find them`,
      'leave it out, or use Maestro 1.1: by `setup`, or `bindings: pip` with `maestro-version`',
    );
  }
  const exports = exportsOf(own, usable, backend);
  const { observer } = own;
  const endpoint = backend?.describe().endpoint ?? '';
  const follower = new MaestroFollower({ host, log, clock, observer, session, plan, endpoint });
  const maestroLog = new MaestroLog(log);
  const maestroRun = new MaestroRun({
    ...{ host, clock, studyPath: study.path },
    onLog: (line) => maestroLog.add(line),
    onStatus: (rows) => follower.take(rows),
  });
  if (!study.isStarted) {
    log.info(`The study is run by ${usable.version}${usable.how === '' ? '' : `, with ${usable.how}`}`);
    session.journal.writePlan(
      '',
      plannedSteps(
        graph,
        digestsOf(graph, plan.scripts),
        graph.steps.map(() => newRecord()),
      ),
    );
    await session.journal.durable();
    if (tree !== undefined) await send(own, tree, study.path);
    await maestroRun.start(maestroWords(commandOf(own, study, tree)), exports);
  } else log.info('Watching the Maestro of an earlier run');
  own.remember({ study: study.path });
  log.phase('Run');
  const over = new AbortController();
  const cancelled = onAbort(ending.cancel, () => maestroRun.cancel(exports, maestro.sleepSeconds, over.signal));
  const exit = await maestroRun.watch(ending.leave).finally(() => over.abort());
  await cancelled();
  maestroLog.end();
  // One that had to be killed has cancelled the study all the same.
  const wasKilled = exit !== undefined && isCrash(exit) && ending.cancel.aborted;
  // Without rows nothing is known of the steps.
  const isUnread = exit !== undefined && !isCrash(exit) && !follower.hasRows;
  const end = exit && (wasKilled ? 'CANCELLED' : isUnread ? 'crashed' : endOf(exit));
  await follower.finish(end, ending.cancel.aborted ? String(ending.cancel.reason) : 'cancelled on the host');
  const { records } = follower;
  if (exit !== undefined && ending.cancel.aborted) await endJobs(own, plan, records, exports);
  await session.journal.durable();
  const interruption = exit === undefined ? String(ending.leave.reason) : end === 'crashed' ? crashed(exit) : '';
  if (exit !== undefined && end === 'crashed') {
    if (!follower.hasRows) {
      await markTold(host, study.path);
      throw new BackendError(crashed(exit), `its log is in ${study.path} or beside it, in .conductor/maestro/log`);
    }
    log.warning(crashed(exit));
  }
  return {
    records,
    status: options.isDryRun ? 'DRYRUN' : studyStatus(records),
    interruption,
    ...(exit === undefined ? { interruptionKind: kindOf(ending.leave.reason) } : {}),
    // A Maestro that has ended continues nothing.
    isResumable: exit === undefined,
    areJobsLeft: exit === undefined,
    outputsOfJob: (step, id) => (id === '' ? undefined : outputsOfJob(spec.batch.type, step, id)),
    fluxUri: backend?.describe().endpoint || null,
  };
}

/** Cancels the jobs that a Maestro has left which had to be killed. */
async function endJobs(
  { host, log }: Own,
  { graph, spec }: Plan,
  records: readonly StepRecord[],
  exports: string,
): Promise<void> {
  const ids = graph.steps.flatMap(({ index, scheduled }) => {
    const { state, jobs } = records[index]!;
    const id = jobs.at(-1)?.id ?? '';
    return scheduled && state === 'CANCELLED' && id !== '' ? [id] : [];
  });
  if (ids.length === 0) return;
  const { type } = spec.batch;
  const text =
    type === 'slurm' || type === 'lsf'
      ? `${batchSystems[type].program}\nend_jobs ${quoteAll(ids)}`
      : `${exports}flux cancel ${quoteAll(ids)} || flux job cancel ${quoteAll(ids)}`;
  const { code, stderr } = await run(host, text, '', { isForSteps: true });
  // Those that Maestro has cancelled are over.
  if (code !== 0) log.info(`jobs that Maestro may have left: ${ids.join(', ')} (${stderr.trim().split('\n').at(-1)})`);
}

/** The exit status of `maestro run -fg` (Maestro 1.1). */
function endOf({ status }: MaestroExit): MaestroEnd {
  const ends = new Map<number | null, MaestroEnd>([
    [0, 'FINISHED'],
    [2, 'FAILURE'],
    [3, 'CANCELLED'],
  ]);
  return ends.get(status) ?? 'crashed';
}

const isCrash = (exit: MaestroExit) => endOf(exit) === 'crashed';

function crashed(exit: MaestroExit): string {
  const { status, lastWords } = exit;
  if (!isCrash(exit))
    return 'the status.csv that Maestro has written cannot be read; is this version of Maestro known?';
  const how = status === null ? 'is gone without an exit status' : `ended with exit status ${status}`;
  return `Maestro ${how}${lastWords === '' ? '' : `: ${lastWords}`}`;
}

function commandOf(
  own: Own,
  { path: studyPath }: MaestroStudy,
  tree: Tree | undefined,
): Parameters<typeof maestroWords>[0] {
  const { options, specPath, stageRoot, pgen, maestro } = own;
  const staged = stageBeside(studyPath);
  const onHost = (file: string) =>
    tree === undefined || stageRoot === undefined
      ? file
      : path.posix.join(staged, path.posix.relative(stageRoot, file));
  return {
    ...{ studyPath, specPath: onHost(specPath), policy: options.policy, hashWorkspaces: options.hashWorkspaces },
    ...{ isDryRun: options.isDryRun, sleepSeconds: maestro.sleepSeconds },
    pgen: pgen && { file: onHost(pgen.file), kwargs: pgen.kwargs },
  };
}

/** Bash lines for Maestro's environment: its Python, the Flux instance, and the variables of the steps. */
function exportsOf({ options }: Own, usable: UsableMaestro, backend: Backend | undefined): string {
  const { endpoint = '', environment = {} } = backend?.describe() ?? {};
  const uri = endpoint === '' || endpoint === systemEndpoint ? {} : { FLUX_URI: endpoint };
  const { PATH } = environment;
  const variables = { ...(PATH === undefined ? {} : { PATH }), ...uri };
  const lines = [...Object.entries(variables), ...options.stepEnvironment];
  return `${lines.map(([name, value]) => `export ${name}=${quote(value)}\n`).join('')}${usable.exports}`;
}

/** Sends the staged directory, with a link to it where other studies have theirs. */
async function send({ host, log, ending }: Own, tree: Tree, studyPath: string): Promise<void> {
  log.phase('Stage');
  const directory = stageBeside(studyPath);
  await sendTree(host, tree, directory, {
    tell: (line) => log.info(line),
    warn: (line) => log.warning(line),
    progress: () => {},
    cancel: ending.waiting,
  });
  // As seen from `.conductor/`, which moves from one directory to its neighbour.
  const target = path.posix.join('../..', path.posix.relative(path.posix.dirname(studyPath), directory));
  const link = `${controlDirectoryOf(studyPath)}/${stagePath}`;
  await mustRun(host, `cannot make ${link}`, `ln -sfn -- ${quoteAll([target, link])}`);
}

/** Runs a task once a signal is aborted. @returns a function that waits for the task, if it was begun */
function onAbort(signal: AbortSignal, task: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> = Promise.resolve();
  const begin = () => {
    running = task();
  };
  if (signal.aborted) begin();
  else signal.addEventListener('abort', begin, { once: true });
  return () => running;
}

function finished(plan: Plan, records: readonly StepRecord[]): ExecutionResult {
  return {
    records,
    status: studyStatus(records),
    interruption: '',
    areJobsLeft: false,
    outputsOfJob: (step, id) => (id === '' ? undefined : outputsOfJob(plan.spec.batch.type, step, id)),
    fluxUri: null,
  };
}

/** Gives the study back, and keeps the log of this run. */
async function letGo(
  { host, log, remember }: Own,
  study: MaestroStudy,
  result: ExecutionResult | undefined,
  outcome: RunOutcome | undefined,
): Promise<void> {
  const { session, path: studyPath } = study;
  await session.release(studyEnd(result, outcome));
  if (result !== undefined && !result.areJobsLeft) remember({ study: undefined });
  if (session.lost.aborted || result === undefined) return;
  try {
    if (!result.areJobsLeft) await markTold(host, studyPath);
    await appendFile(host, `${studyPath}/.conductor/log`, log.text);
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    log.warning(error.message);
  }
}
