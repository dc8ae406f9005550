import type { Interruption } from '../causes/interruption.js';
import { allocationUse, type HeldNodes, type RanOn } from '../causes/node-hours.js';
import { areThere, readTails } from '../hosts/files.js';
import type { Host } from '../hosts/host.js';
import { resource } from '../scripts/dialect.js';
import { type Outputs, outputsOf } from '../scripts/outputs.js';
import type { Plan } from '../scripts/plan.js';
import type { StepInstance } from '../study/graph.js';
import { lastJob, type StepRecord, type StudyStatus } from '../study/state.js';
import { tailText } from '../util/log/plain-text.js';
import { failuresOf } from './attention.js';
import { explainStep, explainStudy } from './causes.js';
import { type GitHubRun, MAX_ERROR_TAILS, type StepResult, type StudyResults } from './results.js';

/** How a study ended, as the conductor reports it. */
export interface ExecutionEnd {
  readonly status: StudyStatus;
  /** By the index of the instance. */
  readonly records: readonly StepRecord[];
  /** Why the study stopped before its end; '' if it did not. */
  readonly interruption: string;
  /** What stopped it; undefined if nothing did, or that is not known. */
  readonly interruptionKind?: Interruption | undefined;
  /** Whether a later run can continue an interrupted study; so it is by default. */
  readonly isResumable?: boolean;
  /** Where a job of a step wrote to; undefined if nothing ran. */
  readonly outputsOfJob: (step: StepInstance, id: string) => Outputs | undefined;
  /** The Flux broker that ran the scheduled steps; null if none did. */
  readonly fluxUri: string | null;
  /** The allocations that were got for it in this run. */
  readonly allocated?: readonly HeldNodes[];
  readonly started: number;
  readonly ended: number;
}

/** Of the end of stderr so much is read. */
const tails = { lines: 40, bytes: 16 * 1024 };

/** What the reports say besides how the study ended. */
export interface ShownWith {
  /** The spec's path, as it was given. */
  readonly spec: string;
  /** The run on GitHub. */
  readonly run?: GitHubRun | undefined;
}

/** Puts together what the reports say: the last words of failed steps, and whose fault it was, included. */
export async function buildResults(
  host: Host,
  plan: Plan,
  ending: ExecutionEnd,
  { spec: specShown, run }: ShownWith,
): Promise<StudyResults> {
  const { spec, places, graph, scripts } = plan;
  const { status, interruption, interruptionKind, records, outputsOfJob, fluxUri, started, ended } = ending;
  const { allocated = [] } = ending;
  const steps = graph.steps.map((step): StepResult => {
    const record = records[step.index]!;
    const job = lastJob(record);
    return {
      step,
      record,
      scripts: scripts[step.index]!,
      // A job that never began wrote nothing.
      outputs: job === undefined || job.started === null ? null : (outputsOfJob(step, job.id) ?? null),
      dependsOn: step.dependsOn.map((index) => graph.steps[index]!.name),
      errorTail: null,
    };
  });
  const read = await withErrorTails(host, places.studyPath, await withTrueNames(host, plan, steps));
  const explained = read.map((result) => {
    const requestedNodes = result.step.scheduled ? nodesAskedFor(graph.steps[result.step.index]!) : 0;
    return explainStep(result, { interruption: interruptionKind, requestedNodes, ended });
  });
  const results = {
    status,
    interruption,
    name: spec.name,
    description: spec.description,
    path: places.studyPath,
    spec: specShown,
    host: host.name,
    scheduler: spec.batch.type,
    fluxUri,
    started,
    ended,
    steps: explained,
    ...(run && { run }),
    ...(interruptionKind && { interruptionKind }),
  };
  const ran = () =>
    explained.flatMap((result) => ranJobs(result, nodesAskedFor(graph.steps[result.step.index]!), ended));
  const use = allocated.length === 0 ? undefined : allocationUse(allocated, ran(), ended);
  return { ...results, ...explainStudy(results), ...(use && { allocation: use }) };
}

const nodesAskedFor = ({ run }: StepInstance) => Number(resource(run, 'nodes')) || 1;

/** The jobs of a step that have begun, by where and when they ran. */
function ranJobs({ step, record }: StepResult, count: number, ended: number): RanOn[] {
  if (!step.scheduled) return [];
  return record.jobs.flatMap(({ nodes = [], started: from, ended: until }) =>
    from === null ? [] : [{ nodes, count, from, until: until ?? ended }],
  );
}

/**
 * Flux writes a job's id into the names of its outputs, as `ƒ...`, or `f...` where its shell has no UTF-8 locale; which, the
 * files say.
 */
async function withTrueNames(
  host: Host,
  { graph, places }: Plan,
  steps: readonly StepResult[],
): Promise<readonly StepResult[]> {
  const named = steps.filter(({ record, outputs }) => outputs !== null && record.jobs.at(-1)?.id.startsWith('ƒ'));
  if (named.length === 0) return steps;
  const there = await areThere(
    host,
    named.map(({ outputs }) => `${places.studyPath}/${outputs!.stdout}`),
  ).catch(() => named.map(() => true));
  const plain = new Set(named.filter((_, i) => !there[i]));
  return steps.map((result) => {
    if (!plain.has(result)) return result;
    return {
      ...result,
      outputs: outputsOf(graph.steps[result.step.index]!, result.record.jobs.at(-1)!.id.replace('ƒ', 'f')),
    };
  });
}

async function withErrorTails(
  host: Host,
  studyPath: string,
  steps: readonly StepResult[],
): Promise<readonly StepResult[]> {
  const all = failuresOf(steps).filter(({ outputs }) => outputs !== null);
  if (all.length === 0) return steps;
  const failed = all.slice(0, MAX_ERROR_TAILS);
  const leftOut = new Set(all.slice(MAX_ERROR_TAILS));
  const paths = failed.flatMap(({ outputs }) =>
    [outputs!.stderr, outputs!.stdout].map((file) => `${studyPath}/${file}`),
  );
  // Reports without the steps' last words are better than none.
  const read = await readTails(host, paths, tails.bytes).catch(() => paths.map(() => null));
  const texts = read.map((bytes) => bytes && tailText(bytes, tails.lines, bytes.length === tails.bytes));
  const places = new Map(failed.map((result, i) => [result, 2 * i]));
  return steps.map((result) => {
    if (leftOut.has(result)) return { ...result, isTailLeftOut: true };
    const place = places.get(result);
    return place === undefined ? result : { ...result, errorTail: texts[place]!, outputTail: texts[place + 1]! };
  });
}
