import { mkdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { AllocatedInstance, type Holder } from './allocated-instance.js';
import type { AllocationRequest } from './broker/allocation/request.js';
import { type Clock, systemClock } from './clock.js';
import { newRecord } from './conductor/state.js';
import { statusCsv, statusOrder } from './conductor/status-csv.js';
import { drive, type Ran } from './drive.js';
import { describeError } from './errors.js';
import { replaceFile } from './hosts/files.js';
import { type Host, HostError } from './hosts/host.js';
import { sendTree } from './hosts/tree/send.js';
import { largeTreeWarning } from './hosts/tree/texts.js';
import { readTree, type Tree } from './hosts/tree/tree.js';
import { type Instance, RunningInstance } from './instances.js';
import type { Plan } from './plan.js';
import { prepare, type StudyContext, stagePath } from './prepare.js';
import { collectResults } from './report/collect.js';
import { collect, collectedText, collectedWarnings } from './report/collected.js';
import { bringLogs } from './report/failed-logs.js';
import { finalTable } from './report/final-table.js';
import { KeptLog } from './report/kept-log.js';
import type { Log } from './report/log.js';
import { reportJson } from './report/report-json.js';
import { failedItself, lastWords, reasonOf, type StepResult, type StudyResults } from './report/results.js';
import { summaryMarkdown } from './report/summary.js';
import { SpecError } from './spec/problem.js';
import type { Spec } from './spec/spec.js';
import { clone, logPath, stage, type WantedDirectory } from './stage.js';

/** Everything that a run needs from outside. */
export interface RunContext extends StudyContext {
  /** Where the study goes, once the spec is read. */
  readonly directory: (spec: Spec) => WantedDirectory;
  /** Where the reports go, on this machine. */
  readonly reportPath: (studyPath: string) => string;
  /** The allocation that is wanted, if one is. */
  readonly request: AllocationRequest | undefined;
  /** The URI of the Flux instance around this program, if steps do not find it in their environment; '' if there is none. */
  readonly around: string;
  /** Of an allocation, if the study gets one. */
  readonly holder: Holder;
}

export interface RunOutcome {
  readonly results: StudyResults;
  readonly reportPath: string;
  /** The job summary. */
  readonly summary: string;
}

/**
 * Runs a study, from its text to its reports.
 *
 * @throws SpecError for a spec that cannot be run, HostError for a machine that does not do what it must
 */
export async function runStudy(context: RunContext): Promise<RunOutcome> {
  const { inputs, host, request } = context;
  const clock = systemClock;
  const log = new KeptLog(context.log, clock.now);
  const started = clock.now();

  log.phase(`Read ${inputs.spec}`);
  const tree = await treeOf(context);
  let instance: Instance | undefined;
  const settle = async (candidate: Plan) => {
    if (inputs['dry-run']) return candidate;
    refuseUnrunnable(candidate);
    if (!isFluxStudy(candidate)) return candidate;
    const own = { ...context, log, clock };
    instance ??= request ? new AllocatedInstance(own, request, context.holder) : new RunningInstance(own);
    return instance.settle(candidate);
  };
  let plan: Plan;
  try {
    plan = await prepare({ ...context, log }, context.directory, settle);
  } catch (error) {
    await instance?.close();
    throw error;
  }
  log.info(describe(plan));
  try {
    return await stageAndRun({ ...context, log }, plan, tree, instance, clock, started);
  } catch (error) {
    // Whoever looks into the study directory later finds there why nothing more is in it.
    log.note(`error: ${describeError(error)}`);
    throw error;
  } finally {
    await instance?.close();
    await keep(host, `${plan.places.studyPath}/${logPath(plan.spec.name)}`, log);
  }
}

/** What is to be copied to the host, if that is another machine. */
async function treeOf({ stageRoot, inputs, log }: RunContext): Promise<Tree | undefined> {
  if (stageRoot === undefined) return undefined;
  const tree = await readTree(stageRoot, inputs['stage-exclude']);
  for (const warning of tree.warnings) log.warning(warning);
  const large = largeTreeWarning(tree);
  if (large !== undefined) log.warning(large);
  return tree;
}

async function stageAndRun(
  context: RunContext,
  plan: Plan,
  tree: Tree | undefined,
  instance: Instance | undefined,
  clock: Clock,
  started: number,
): Promise<RunOutcome> {
  const { inputs, host, log, text, specPath, cancel } = context;
  const { studyPath } = plan.places;

  log.phase('Stage');
  log.info(`Study directory ${studyPath}`);
  await stage(host, plan, { name: specPath, text });
  log.info(`${count(plan.scripts.length, 'step')} staged`);
  if (tree !== undefined) await sendTree(host, tree, `${studyPath}/${stagePath}`, { tell: (line) => log.info(line) });
  if (!inputs['dry-run']) await clone(host, plan, cancel, (line) => log.info(line));

  /** Nothing of a study that was cancelled before it had an instance needs one. */
  const open = async () => {
    try {
      return await instance?.open(plan);
    } catch (error) {
      if (cancel.aborted) return undefined;
      throw error;
    }
  };
  log.phase('Run');
  const ran = inputs['dry-run'] ? await dryRun(host, plan, clock) : await drive(context, plan, await open(), clock);

  log.phase('Report');
  const results = await collectResults(host, plan, { ...ran, started, ended: clock.now() }, inputs.spec);
  const reportPath = context.reportPath(studyPath);
  const summary = summaryMarkdown(results);
  const unwritten = await writeReports(reportPath, { 'report.json': reportJson(results), 'summary.md': summary });
  for (const warning of await bring(context, results, reportPath)) log.warning(warning);
  if (unwritten === undefined) log.info(`Reports in ${reportPath}`);
  log.endPhase();
  if (unwritten !== undefined) log.warning(unwritten);

  for (const result of results.steps.filter(failedItself)) reportFailure(log, result);
  for (const line of finalTable(results)) log.info(line);
  return { results, reportPath, summary };
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
  return { records, status: 'DRYRUN', interruption: '', schedulerOf: () => undefined, fluxUri: null };
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
const reserved = ['report.json', 'summary.md', 'logs'];

/**
 * Brings to the reports what is wanted of the study's files, and the logs of failed steps. That it cannot be brought does
 * not change how the study ended.
 *
 * @returns what a person is to be warned of
 */
async function bring({ host, inputs, log }: RunContext, results: StudyResults, reportPath: string): Promise<string[]> {
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
    await replaceFile(host, file, log.text);
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    log.warning(error.message);
  }
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
