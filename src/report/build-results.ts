import { areThere, readTails } from '../hosts/files.js';
import type { Host } from '../hosts/host.js';
import { type Outputs, outputsOf } from '../scripts/outputs.js';
import type { Plan } from '../scripts/plan.js';
import type { StepInstance } from '../study/graph.js';
import { lastJob, type StepRecord, type StudyStatus } from '../study/state.js';
import { tailText } from '../util/log/plain-text.js';
import { failuresOf } from './attention.js';
import { MAX_ERROR_TAILS, type StepResult, type StudyResults } from './results.js';

/** How a study ended, as the conductor reports it. */
export interface ExecutionEnd {
  readonly status: StudyStatus;
  /** By the index of the instance. */
  readonly records: readonly StepRecord[];
  /** Why the study stopped before its end; '' if it did not. */
  readonly interruption: string;
  /** Whether a later run can continue an interrupted study; so it is by default. */
  readonly isResumable?: boolean;
  /** Where a job of a step wrote to; undefined if nothing ran. */
  readonly outputsOfJob: (step: StepInstance, id: string) => Outputs | undefined;
  /** The Flux broker that ran the scheduled steps; null if none did. */
  readonly fluxUri: string | null;
  readonly started: number;
  readonly ended: number;
}

/** Of the end of stderr so much is read. */
const tails = { lines: 40, bytes: 16 * 1024 };

/** Puts together what the reports say, the last words of failed steps included. */
export async function buildResults(
  host: Host,
  plan: Plan,
  ending: ExecutionEnd,
  specShown: string,
): Promise<StudyResults> {
  const { spec, places, graph, scripts } = plan;
  const { status, interruption, records, outputsOfJob, fluxUri, started, ended } = ending;
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
  return {
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
    steps: await withErrorTails(host, places.studyPath, await withTrueNames(host, plan, steps)),
  };
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
  const paths = failed.map(({ outputs }) => `${studyPath}/${outputs!.stderr}`);
  // Reports without the steps' last words are better than none.
  const read = await readTails(host, paths, tails.bytes).catch(() => paths.map(() => null));
  const texts = new Map(
    failed.map((result, i) => [
      result,
      read[i] ? tailText(read[i], tails.lines, read[i].length === tails.bytes) : null,
    ]),
  );
  return steps.map((result) =>
    leftOut.has(result) ? { ...result, isTailLeftOut: true } : { ...result, errorTail: texts.get(result) ?? null },
  );
}
