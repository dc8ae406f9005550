import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { systemClock } from './conductor/clock.js';
import { conduct } from './conductor/conductor.js';
import { checkPaths, cloneRepositories } from './conductor/dependencies.js';
import type { StudyMachine } from './conductor/machine.js';
import type { Policy } from './conductor/policy.js';
import { type StepRecord, type StudyStatus, studyStatus } from './conductor/state.js';
import { statusCsv, statusOrder } from './conductor/status-csv.js';
import { StatusFile } from './conductor/status-file.js';
import { matchAny } from './globs.js';
import { createDirectory, type HostFile, readTails, writeFiles } from './hosts/files.js';
import { type Host, HostError } from './hosts/host.js';
import type { Inputs } from './inputs.js';
import { type Plan, planStudy } from './plan.js';
import { finalTable } from './report/final-table.js';
import type { Log } from './report/log.js';
import { tailText } from './report/plain-text.js';
import { Progress } from './report/progress.js';
import { reportJson } from './report/report-json.js';
import { failedItself, reasonOf, type StepResult, type StudyResults } from './report/results.js';
import { summaryMarkdown } from './report/summary.js';
import { launcherPath, launcherText } from './schedulers/launcher.js';
import { LocalScheduler } from './schedulers/local.js';
import type { Scheduler } from './schedulers/scheduler.js';
import { type Problem, SpecError } from './spec/problem.js';
import { Source } from './spec/source.js';
import { readSpec, type Spec } from './spec/spec.js';
import { safeName } from './study/names.js';

/** Everything that a run needs from outside. */
export interface RunContext {
  readonly inputs: Inputs;
  readonly host: Host;
  readonly log: Log;
  /** The spec's text. */
  readonly text: string;
  /** The spec's absolute path on the host. */
  readonly specPath: string;
  /** What relative paths of the spec start from, on the host. */
  readonly workingDirectory: string;
  /** Where the study goes, once the spec is read. If it must not be there yet, others beside it are tried. */
  readonly directory: (spec: Spec) => { readonly path: string; readonly exact: boolean };
  /** Where the reports go, on this machine. */
  readonly reportPath: (studyPath: string) => string;
  /** Aborted, with a reason for people, to cancel the study. */
  readonly cancel: AbortSignal;
}

export interface RunOutcome {
  readonly results: StudyResults;
  readonly reportPath: string;
  readonly summary: string;
}

/**
 * Runs a study from its text to its reports.
 *
 * @throws SpecError for a spec that cannot be run, HostError for a machine that does not do what it must
 */
export async function runStudy(context: RunContext): Promise<RunOutcome> {
  const { inputs, log } = context;
  const started = systemClock.now();

  log.phase(`Read ${inputs.spec}`);
  const spec = readAndCheck(context);
  const { plan, warnings } = await makePlan(context, spec);
  for (const warning of warnings) log.problem(warning);
  const scheduled = plan.graph.steps.filter((step) => step.scheduled).length;
  log.info(
    `Study ${spec.name}: ${count(plan.graph.steps.length, 'step')}, ${scheduled} to be scheduled by ${spec.batch.type}`,
  );
  if (!inputs['dry-run']) refuseUnrunnable(plan);

  log.phase('Stage');
  await stage(context, plan);
  log.info(`Study directory ${plan.places.studyPath}`);

  log.phase('Run');
  const { records, status, scheduler } = inputs['dry-run'] ? dryRun(plan) : await runSteps(context, plan);

  log.phase('Report');
  const results = await collectResults(context, plan, { records, status, scheduler, started });
  if (inputs['dry-run']) await writeFiles(context.host, plan.places.studyPath, [statusFile(plan, records)]);
  const reportPath = context.reportPath(plan.places.studyPath);
  const summary = summaryMarkdown(results);
  await mkdir(reportPath, { recursive: true });
  await writeFile(path.join(reportPath, 'report.json'), reportJson(results));
  await writeFile(path.join(reportPath, 'summary.md'), summary);
  log.info(`Reports in ${reportPath}`);
  log.endPhase();

  for (const result of results.steps.filter(failedItself)) reportFailure(log, result);
  for (const line of finalTable(results)) log.info(line);
  return { results, reportPath, summary };
}

/** @throws SpecError */
function readAndCheck({ inputs, text, log }: Pick<RunContext, 'inputs' | 'text' | 'log'>): Spec {
  const { spec, problems } = readSpec(new Source(inputs.spec, text));
  if (spec === undefined) throw new SpecError(problems);
  for (const problem of problems) log.problem(problem);
  return spec;
}

/** Plans the study in a directory that is made for it: nobody else can have it then. */
async function makePlan(context: RunContext, spec: Spec): Promise<{ plan: Plan; warnings: readonly Problem[] }> {
  const { host, inputs, specPath, workingDirectory } = context;
  const directory = context.directory(spec);
  const options = { hashWorkspaces: inputs['hash-workspaces'] };
  const planIn = (studyPath: string) => {
    const planned = planStudy(spec, { studyPath, specRoot: path.posix.dirname(specPath), workingDirectory }, options);
    if (planned.plan === undefined) throw new SpecError(planned.problems);
    return { plan: planned.plan, warnings: planned.problems };
  };
  // A first time only to find what is wrong: a spec that cannot be staged leaves no directory behind.
  const first = planIn(directory.path);
  const studyPath = await claimDirectory(host, directory);
  return studyPath === directory.path ? first : planIn(studyPath);
}

async function claimDirectory(host: Host, { path: wanted, exact }: { path: string; exact: boolean }): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    const candidate = attempt === 1 ? wanted : `${wanted}.${attempt}`;
    if (await createDirectory(host, candidate)) return candidate;
    if (exact) {
      throw new HostError(
        `the study directory ${wanted} exists and is not empty: choose another output-path, or remove it if its results are not needed`,
      );
    }
  }
}

function refuseUnrunnable({ spec, graph }: Plan): void {
  const step = graph.steps.find(({ scheduled }) => scheduled);
  if (step === undefined) return;
  throw new SpecError([
    {
      severity: 'error',
      at: spec.batch.at,
      message: `jobs of type ${spec.batch.type} cannot be run yet, and step '${step.step}' is one`,
      hint: 'a dry run stages the study and writes all its scripts',
    },
  ]);
}

async function stage({ host, inputs, text, specPath, cancel, log }: RunContext, plan: Plan): Promise<void> {
  const { spec, places, environment, scripts } = plan;
  const missing = await checkPaths(host, spec, places);
  if (missing.length > 0) throw new SpecError(missing);
  await writeFiles(host, places.studyPath, stagedFiles(plan, path.posix.basename(specPath), text));
  log.info(`${count(scripts.length, 'script')} written`);
  if (!inputs['dry-run'])
    await cloneRepositories(host, environment.clones(spec, places), cancel, (line) => log.info(line));
}

function* stagedFiles({ spec, scripts }: Plan, specName: string, text: string): Generator<HostFile> {
  yield { path: specName, text };
  yield { path: `logs/${safeName(spec.name)}.log`, text: '' };
  yield { path: launcherPath, text: launcherText, executable: true };
  for (const { main, restart } of scripts) {
    yield { ...main, executable: true };
    if (restart !== null) yield { ...restart, executable: true };
  }
}

interface Ran {
  readonly records: readonly StepRecord[];
  readonly status: StudyStatus;
  readonly scheduler: Scheduler | undefined;
}

function dryRun({ graph }: Plan): Ran {
  const records = graph.steps.map(
    (): StepRecord => ({
      state: 'DRYRUN',
      reason: '',
      exitCode: null,
      signal: null,
      restarts: 0,
      jobs: [],
      submitted: null,
      started: null,
      ended: null,
      tolerated: false,
    }),
  );
  return { records, status: 'DRYRUN', scheduler: undefined };
}

async function runSteps({ host, inputs, log, cancel }: RunContext, { graph, scripts, places }: Plan): Promise<Ran> {
  const clock = systemClock;
  const progress = new Progress(log, graph, clock);
  let local: LocalScheduler | undefined;
  let statusFile: StatusFile | undefined;
  const machine: StudyMachine = await conduct({
    graph,
    scripts,
    policy: policyOf(inputs),
    clock,
    cancel,
    schedulers: (listener) => {
      local = new LocalScheduler(host, places.studyPath, inputs.env, clock, listener);
      return { local, batch: undefined };
    },
    onChange: (machine_, changed) => {
      statusFile ??= new StatusFile(host, places.studyPath, graph, machine_.steps, clock);
      statusFile.changed();
      progress.onChange(machine_, changed);
    },
  });
  progress.end();
  await statusFile?.end();
  if (statusFile?.failure !== undefined) log.warning(statusFile.failure);
  return { records: machine.steps, status: studyStatus(machine.steps), scheduler: local };
}

function policyOf(inputs: Inputs): Policy {
  const allowed = matchAny(inputs['allow-failure']);
  return {
    throttle: inputs.throttle,
    localJobs: inputs['local-jobs'],
    submissionAttempts: inputs['submission-attempts'],
    restartLimit: inputs['restart-limit'],
    allowsFailure: ({ name, step }) => allowed(name) || allowed(step),
  };
}

function statusFile({ graph }: Plan, records: readonly StepRecord[]): HostFile {
  return { path: 'status.csv', text: statusCsv(graph, records, statusOrder(graph), systemClock.now()) };
}

/** Of so many failures the end of stderr is read: this many lines, of so many bytes. */
const tails = { most: 50, lines: 40, bytes: 16 * 1024 };

async function collectResults(
  { inputs, host }: RunContext,
  { spec, places, graph, scripts }: Plan,
  { records, status, scheduler, started }: Ran & { started: number },
): Promise<StudyResults> {
  const steps = graph.steps.map((step): StepResult => {
    const record = records[step.index]!;
    const id = record.jobs.at(-1)?.id ?? '';
    return {
      step,
      record,
      scripts: scripts[step.index]!,
      outputs: id === '' || scheduler === undefined ? null : scheduler.outputs(step, id),
      dependsOn: step.dependsOn.map((index) => graph.steps[index]!.name),
    };
  });
  const failed = steps.filter((result) => failedItself(result) && result.outputs !== null).slice(0, tails.most);
  const read = await readTails(
    host,
    failed.map(({ outputs }) => `${places.studyPath}/${outputs!.stderr}`),
    tails.bytes,
  );
  const errorTails = new Map(failed.map(({ step }, i) => [step.index, read[i] ? tailText(read[i], tails.lines) : '']));
  return {
    status,
    name: spec.name,
    description: spec.description,
    path: places.studyPath,
    spec: inputs.spec,
    host: host.name,
    scheduler: spec.batch.type,
    fluxUri: null,
    started,
    ended: systemClock.now(),
    steps: steps.map((result) => ({ ...result, errorTail: errorTails.get(result.step.index) ?? '' })),
  };
}

/** A failure on its line of the spec: the title says what, the message ends with what the step said last. */
function reportFailure(log: Log, { step, record, errorTail, outputs }: StepResult): void {
  const title = `${step.name} ${record.state}: ${reasonOf(record)}`;
  const lines = [errorTail || 'nothing on stderr', ...(outputs === null ? [] : [`(${outputs.stderr})`])];
  log[record.tolerated ? 'warning' : 'error'](lines.join('\n'), { at: step.at, title });
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
