import { mkdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { AllocatedInstance } from './allocated-instance.js';
import { type Begun, begin } from './begin.js';
import type { AllocationRequest } from './broker/allocation/request.js';
import { BrokerError } from './broker/errors.js';
import { type Clock, systemClock } from './clock.js';
import type { JournalState } from './conductor/journal/records.js';
import type { LeaseHolder } from './conductor/lease.js';
import { plannedSteps, type StepDigests } from './conductor/resumption.js';
import { newRecord, openJob, type StepRecord, studyStatus } from './conductor/state.js';
import { statusCsv, statusOrder } from './conductor/status-csv.js';
import { drive, type Ran } from './drive.js';
import { RunEnding } from './ending.js';
import { describeError } from './errors.js';
import type { LeftBehind } from './github/state.js';
import { appendFile, replaceFile } from './hosts/files.js';
import { type Host, HostError } from './hosts/host.js';
import { sendTree } from './hosts/tree/send.js';
import { largeTreeWarning } from './hosts/tree/texts.js';
import { readTree, type Tree } from './hosts/tree/tree.js';
import { type Instance, RunningInstance } from './instances.js';
import type { Plan } from './plan.js';
import { type StudyContext, stagePath } from './prepare.js';
import { collectResults, type Ending } from './report/collect.js';
import { collect, collectedText, collectedWarnings } from './report/collected.js';
import { type BaselineReport, type Comparison, compare, comparisonLine, findings } from './report/comparison.js';
import { bringLogs } from './report/failed-logs.js';
import { finalTable } from './report/final-table.js';
import { reportHtml } from './report/html/report-html.js';
import { junitXml } from './report/junit.js';
import { KeptLog } from './report/kept-log.js';
import type { Log } from './report/log.js';
import { reportJson } from './report/report-json.js';
import { failedItself, lastWords, reasonOf, type StepResult, type StudyResults } from './report/results.js';
import { describeResumption } from './report/resumed.js';
import { summaryMarkdown } from './report/summary.js';
import { outputsOf } from './schedulers/outputs.js';
import { SpecError } from './spec/problem.js';
import type { Spec } from './spec/spec.js';
import { clone, logPath, type StagedBefore, stage } from './stage.js';
import type { WantedPlace } from './study-place.js';

/** Everything that a run needs from outside. */
export interface RunContext extends StudyContext {
  /** Where the study goes, once the spec is read. */
  readonly place: (spec: Spec) => WantedPlace;
  /** Where the reports go, on this machine. */
  readonly reportPath: (studyPath: string) => string;
  /** The allocation that is wanted, if one is. */
  readonly request: AllocationRequest | undefined;
  /** The URI of the Flux instance around this program, if steps do not find it in their environment; '' if there is none. */
  readonly around: string;
  /** Who drives the study. */
  readonly holder: LeaseHolder;
  /** Told of what another process has to look after, should this one be killed; of nothing, once it need not. */
  readonly remember: (left: Partial<LeftBehind>) => void;
  /** What the results are compared with. */
  readonly baseline: BaselineReport | undefined;
  /** Who shows the study elsewhere than in the log. */
  readonly audience?: Audience;
  /** Why what was begun, by a driver that was killed, is only brought to its end: cancelled. Undefined otherwise. */
  readonly finishes?: string;
}

/** Who is told how a study goes. */
export interface Audience {
  /** It is ours to drive. */
  begun(): Promise<void>;
  /** @param records of the steps, now and later */
  changed(records: readonly StepRecord[]): void;
  /** It is somebody else's. */
  lost(): void;
}

export interface RunOutcome {
  readonly results: StudyResults;
  /** With the baseline; undefined if there is none. */
  readonly comparison: Comparison | undefined;
  /** Whether the same run again would continue the study: nobody else drives it. */
  readonly isResumable: boolean;
  readonly reportPath: string;
  /** The job summary. */
  readonly summary: string;
}

/**
 * Runs a study, from its text to its reports.
 *
 * @throws SpecError for a spec that cannot be run, HostError for a machine that does not do what it must, LeaseHeldError for
 *   a study that somebody else drives
 */
export async function runStudy(context: RunContext): Promise<RunOutcome> {
  const { inputs, request } = context;
  const clock = systemClock;
  const log = new KeptLog(context.log, clock.now);
  const started = clock.now();
  const ending = new RunEnding({ ...context, clock });
  const own = { ...context, log, clock, ending, cancel: ending.waiting, onlyFinishes: context.finishes !== undefined };

  log.phase(`Read ${inputs.spec}`);
  let instance: Instance | undefined;
  const settle = async (candidate: Plan, needsBatch: boolean) => {
    if (inputs['dry-run']) return candidate;
    refuseUnrunnable(candidate);
    if (!isFluxStudy(candidate) && !needsBatch) return candidate;
    instance ??= request ? new AllocatedInstance(own, request, context) : new RunningInstance(own);
    try {
      return await instance.settle(candidate);
    } catch (error) {
      // What does not need it is brought to its end all the same.
      if (context.finishes === undefined || !(error instanceof BrokerError)) throw error;
      log.warning(error.message);
      instance = undefined;
      return candidate;
    }
  };
  let begun: Begun | undefined;
  let ran: Ran | undefined;
  try {
    const tree = await treeOf(own);
    begun = await begin(own, settle);
    log.info(describe(begun.plan));
    const stop = ending.listen(begun.hold);
    begun.hold?.lost.addEventListener('abort', () => context.audience?.lost(), { once: true });
    await context.audience?.begun();
    try {
      ran = await stageAndDrive(own, begun, tree, instance);
    } finally {
      stop();
    }
    return await report(own, begun, { ...ran, started, ended: clock.now() });
  } catch (error) {
    // Whoever looks into the study directory later finds there why nothing more is in it.
    log.note(`error: ${describeError(error)}`);
    throw error;
  } finally {
    ending.end();
    try {
      await instance?.close(ran?.areJobsLeft);
    } finally {
      if (begun !== undefined) await letGo(own, begun, ran);
    }
  }
}

/** What the parts of a run have in common. */
interface Own extends RunContext {
  readonly log: KeptLog;
  readonly clock: Clock;
  readonly ending: RunEnding;
}

async function stageAndDrive(
  context: Own,
  begun: Begun,
  tree: Tree | undefined,
  instance: Instance | undefined,
): Promise<Ran> {
  const { inputs, host, log, ending, clock } = context;
  const { plan, hold, resumption, isDone } = begun;
  log.info(`Study directory ${plan.places.studyPath}`);
  if (context.finishes !== undefined) log.info(`Bringing to its end what was begun: ${context.finishes}`);
  else if (resumption) for (const line of describeResumption(resumption, isDone)) log.info(line);
  if (isDone) return done(resumption!.records);

  const records = resumption?.records ?? plan.graph.steps.map(() => newRecord());
  if (hold === undefined) {
    await stageAll(context, begun, tree);
    return dryRun(host, plan, clock);
  }
  if (context.finishes === undefined) {
    // First, so that a crash in the middle leaves no doubt about which scripts are there.
    hold.journal.writePlan(instance?.version ?? '', plannedSteps(plan.graph, begun.digests, records));
    await hold.journal.durable();
    await stageAll(context, begun, tree);
    hold.journal.write({ type: 'staged' });
  }
  context.remember({ study: plan.places.studyPath });

  log.phase('Run');
  /** Nothing of a study that was stopped before it had an instance needs one. */
  const open = async () => {
    try {
      return await instance?.open(plan, hold);
    } catch (error) {
      if (ending.waiting.aborted) return undefined;
      if (context.finishes === undefined || !(error instanceof BrokerError)) throw error;
      log.warning(error.message);
      return undefined;
    }
  };
  const standing = { ...resumption, records };
  const { hangup, audience } = context;
  return drive({ inputs, host, log, clock, ending, hangup, hold, standing, audience }, plan, await open());
}

/** Brings all files of a study to where they belong. */
async function stageAll(
  context: Own,
  { plan, digests, hold, resumption }: Begun,
  tree: Tree | undefined,
): Promise<void> {
  const { inputs, host, log, text, specPath, cancel } = context;
  const { studyPath } = plan.places;
  // Whoever drives the study by now has staged it as he wants it.
  const stopIfLost = () => {
    if (hold?.lost.aborted) throw new HostError(String(hold.lost.reason));
  };
  log.phase('Stage');
  const before = resumption && stagedBefore(hold!.state, plan, digests, resumption.records);
  await stage(host, plan, { name: specPath, text }, before);
  if (before === undefined) log.info(`${count(plan.scripts.length, 'step')} staged`);
  stopIfLost();
  if (tree !== undefined) await sendTree(host, tree, `${studyPath}/${stagePath}`, { tell: (line) => log.info(line) });
  stopIfLost();
  if (!inputs['dry-run']) await clone(host, plan, cancel, (line) => log.info(line));
}

/**
 * Which scripts are there already as they are to be. Of what was not staged to its end nothing is known, and a step that is
 * to run gets its scripts again: people remove workspaces of what went wrong.
 */
function stagedBefore(
  state: JournalState,
  { graph }: Plan,
  digests: readonly StepDigests[],
  records: readonly StepRecord[],
): StagedBefore {
  if (!state.isStaged) return { hasScripts: () => false };
  const scripts = new Map(state.plan?.steps.map(({ name, script }) => [name, script]));
  const isToRun = (record: StepRecord) => record.state !== 'FINISHED' && openJob(record) === undefined;
  return {
    hasScripts: (index) =>
      !isToRun(records[index]!) && scripts.get(graph.steps[index]!.name) === digests[index]!.script,
  };
}

/** What is to be copied to the host, if that is another machine. */
async function treeOf({ stageRoot, inputs, log }: StudyContext): Promise<Tree | undefined> {
  if (stageRoot === undefined) return undefined;
  const tree = await readTree(stageRoot, inputs['stage-exclude']);
  for (const warning of tree.warnings) log.warning(warning);
  const large = largeTreeWarning(tree);
  if (large !== undefined) log.warning(large);
  return tree;
}

async function report(context: Own, { plan, hold }: Begun, ending: Ending): Promise<RunOutcome> {
  const { inputs, host, log } = context;
  log.phase('Report');
  const results = await collectResults(host, plan, ending, inputs.spec);
  const reportPath = context.reportPath(plan.places.studyPath);
  const comparison = context.baseline && compare(context.baseline, results, inputs['slower-than']);
  const summary = summaryMarkdown(results, { comparison });
  const files = {
    'report.json': reportJson(results),
    'summary.md': summary,
    'junit.xml': junitXml(results),
    'report.html': reportHtml(results, { comparison, runUrl: context.holder.runUrl }),
  };
  // What is said of a study is for who drives it to say.
  if (hold?.lost.aborted !== true) await write(context, results, files, reportPath);
  log.endPhase();

  for (const result of results.steps.filter(failedItself)) reportFailure(log, result);
  for (const { level, at, title, message } of comparison === undefined ? [] : findings(comparison)) {
    // What newly fails has been told as a failure.
    if (level === 'warning') log.warning(message, { at, title });
  }
  if (comparison !== undefined) log.info(`Compared with the baseline: ${comparisonLine(comparison)}`);
  for (const line of finalTable(results)) log.info(line);
  const isResumable = results.status === 'INTERRUPTED' && hold?.lost.aborted !== true;
  return { results, comparison, reportPath, summary, isResumable };
}

async function write(
  context: Own,
  results: StudyResults,
  files: Readonly<Record<string, string>>,
  reportPath: string,
): Promise<void> {
  const { log } = context;
  const unwritten = await writeReports(reportPath, files);
  for (const warning of await bring(context, results, reportPath)) log.warning(warning);
  if (unwritten === undefined) log.info(`Reports in ${reportPath}`);
  else log.warning(unwritten);
}

/** The journal, the lease and the study's own log at the end; nothing of it if the study is somebody else's by now. */
async function letGo({ host, log, remember, ending }: Own, { plan, hold }: Begun, ran: Ran | undefined): Promise<void> {
  await hold?.release(ran?.status);
  // One that was cancelled, and could not be brought to its end, is tried again by whoever comes after us.
  const isToFinish = ran?.status === 'INTERRUPTED' && ending.cancel.aborted;
  if (ran !== undefined && !isToFinish) remember({ study: undefined });
  if (hold?.lost.aborted !== true) await keep(host, `${plan.places.studyPath}/${logPath(plan.spec.name)}`, log);
}

/** A study of which nothing is left to do. */
function done(records: readonly StepRecord[]): Ran {
  return {
    records,
    status: studyStatus(records),
    interruption: '',
    areJobsLeft: false,
    schedulerOf: () => ({ outputs: outputsOf }),
    fluxUri: null,
  };
}

function isFluxStudy({ spec, graph }: Plan): boolean {
  return spec.batch.type === 'flux' && graph.steps.some(({ scheduled }) => scheduled);
}

function refuseUnrunnable({ spec, graph }: Plan): void {
  const step = graph.steps.find(({ scheduled }) => scheduled);
  if (step === undefined || spec.batch.type === 'flux') return;
  throw new SpecError([
    {
      severity: 'error',
      at: spec.batch.at,
      message: `jobs of type ${spec.batch.type} cannot be run yet, and step '${step.step}' is one`,
      hint: 'a dry run stages the study and writes all its scripts',
    },
  ]);
}

function describe({ spec, graph }: Plan): string {
  const scheduled = graph.steps.filter((step) => step.scheduled).length;
  const how = scheduled === 0 ? 'all local' : `${scheduled} of them jobs of ${spec.batch.type}`;
  return `Study ${spec.name}: ${count(graph.steps.length, 'step')}, ${how}`;
}

async function dryRun(host: Host, { graph, places }: Plan, clock: Clock): Promise<Ran> {
  const records = graph.steps.map(() => newRecord('DRYRUN'));
  await replaceFile(host, `${places.studyPath}/status.csv`, statusCsv(graph, records, statusOrder(graph), clock.now()));
  return {
    records,
    status: 'DRYRUN',
    interruption: '',
    areJobsLeft: false,
    schedulerOf: () => undefined,
    fluxUri: null,
  };
}

/** Writes files of this machine. That they cannot be written must not hide how the study ended: returns why instead. */
async function writeReports(directory: string, files: Readonly<Record<string, string>>): Promise<string | undefined> {
  try {
    await mkdir(directory, { recursive: true });
    for (const [name, text] of Object.entries(files)) {
      // Whole or not at all, on a full disk too.
      const file = path.join(directory, name);
      await writeFile(`${file}.new`, text);
      await rename(`${file}.new`, file);
    }
    return undefined;
  } catch (error) {
    return `the reports cannot be written: ${(error as Error).message}`;
  }
}

/** Names in the directory of the reports that are not for files of the study. */
const reserved = ['report.json', 'junit.xml', 'report.html', 'summary.md', 'logs'];

/**
 * Brings to the reports what is wanted of the study's files, and the logs of failed steps. That it cannot be brought does
 * not change how the study ended.
 *
 * @returns what a person is to be warned of
 */
async function bring({ host, inputs, log }: Own, results: StudyResults, reportPath: string): Promise<string[]> {
  if (inputs['dry-run']) return [];
  const logs = results.steps.filter(failedItself).flatMap(({ step, outputs }) => {
    const [stdout, stderr] = [`${results.path}/${outputs?.stdout}`, `${results.path}/${outputs?.stderr}`];
    return outputs === null ? [] : [{ name: step.name, stdout, stderr }];
  });
  try {
    await bringLogs(host, logs, reportPath);
    if (inputs.collect.length === 0) return [];
    const collected = await collect(host, results.path, inputs.collect, reportPath, reserved);
    log.info(collectedText(collected));
    return collectedWarnings(collected);
  } catch (error) {
    return [`not everything could be collected: ${describeError(error)}`];
  }
}

/** A failure on its line of the spec: the title says what, the message how the step's stderr ended. */
function reportFailure(log: Log, result: StepResult): void {
  const { step, record, outputs } = result;
  const title = `${step.name} ${record.state}: ${reasonOf(record)}`;
  const lines = [lastWords(result), ...(outputs === null ? [] : [`(${outputs.stderr})`])];
  log[record.tolerated ? 'warning' : 'error'](lines.join('\n'), { at: step.at, title });
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

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
