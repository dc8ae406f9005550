import type { Blame } from '../causes/cause.js';
import { flakyInstances } from '../causes/flaky.js';
import type { Interruption } from '../causes/interruption.js';
import { nodeHours } from '../causes/node-hours.js';
import { blameOfJob, blameOfStep } from '../causes/of-step.js';
import { type BlamedStep, blameOfStudy, causeLine } from '../causes/of-study.js';
import { type NodeAttempt, suspectNodes } from '../causes/suspects.js';
import { blameOfScript } from '../causes/words.js';
import { hasFailed, type JobRecord, jobsOfRun, lastJob } from '../study/state.js';
import type { MetricRow } from './metrics/rows.js';
import { findPattern } from './patterns/find.js';
import { patternText } from './patterns/sentence.js';
import type { StepResult, StudyResults } from './results.js';
import { runTimeOf } from './run-time.js';

/** A step with why it did not finish, and for how long it had how many nodes. */
export function explainStep(result: StepResult, { interruption, requestedNodes, ended }: StepFacts): StepResult {
  const { record, step, errorTail } = result;
  const found = blameOfStep(record, { ofLastJob: lastJob(record)?.blame ?? undefined, interruption });
  // What a step wrote changes nothing but which of its own faults it was.
  const blame = found?.cause === 'code' && errorTail ? blameOfScript(errorTail) : found;
  // A step that is a process on the host has no node to itself.
  if (!step.scheduled) return { ...result, blame };
  const times = record.jobs.map((job) => ({
    nodes: job.nodes?.length || requestedNodes,
    runTime: runTimeOf(job, ended),
  }));
  return { ...result, blame, nodeHours: nodeHours(times) };
}

interface StepFacts {
  /** What left the study INTERRUPTED; undefined if nothing did, or that is not known. */
  readonly interruption: Interruption | undefined;
  /** How many nodes the spec asks for: what counts where a job's nodes are not known. */
  readonly requestedNodes: number;
  /** When the study ended: milliseconds since the epoch. */
  readonly ended: number;
}

/** What the steps of a study say together, once each has been explained. */
export function explainStudy({
  steps,
}: Pick<StudyResults, 'steps'>): Pick<
  StudyResults,
  'blame' | 'causeLine' | 'suspects' | 'flaky' | 'nodeHours' | 'pattern'
> {
  const fault = faultOf(steps);
  const hours = sumOfNodeHours(steps);
  const ofAll = { ...(hours !== undefined && { nodeHours: hours }) };
  // Most studies have nothing to explain, and some have 100,000 steps.
  if (steps.every(isPlain)) return { ...fault, suspects: [], flaky: [], pattern: '', ...ofAll };
  const attempts = steps.flatMap(attemptsOf);
  const pattern = findPattern(steps.flatMap((step) => observed(step) ?? []));
  return {
    ...fault,
    suspects: suspectNodes(attempts),
    flaky: flakyInstances(attempts),
    ...ofAll,
    pattern: pattern === undefined ? '' : patternText(pattern),
  };
}

/** Whether a step finished, at its first attempt. */
const isPlain = ({ record, blame }: StepResult) =>
  blame == null && !hasFailed(record) && record.jobs.every(({ result }) => result === 'completed' || result === null);

/** The node-hours of some steps together; undefined if all of them were processes on the host. */
export function sumOfNodeHours(steps: readonly StepResult[]): number | undefined {
  let sum: number | undefined;
  for (const { nodeHours = undefined } of steps) if (nodeHours !== undefined) sum = (sum ?? 0) + nodeHours;
  return sum;
}

/** Why a job of a step did not complete: the last one of a step that failed, for what the step failed. */
export function blameIn({ record, blame: ofStep }: StepResult, job: JobRecord): Blame | null {
  const isLast = job === lastJob(record);
  return (isLast && hasFailed(record) && ofStep) || blameOfJob(job);
}

function attemptsOf(result: StepResult): NodeAttempt[] {
  const { step, record } = result;
  const jobs = jobsOfRun(record);
  return jobs.flatMap((job, i) => {
    const blame = blameIn(result, job);
    if (!hasTried(job, blame)) return [];
    const isRestarted = job.result === 'timeout' && jobs[i + 1]?.script === 'restart';
    return {
      ...{ step: step.step, name: step.name, attempt: job.attempt, nodes: job.nodes ?? [], blame },
      ...(isRestarted && { isRestarted }),
    };
  });
}

/** What is said of a job that was not let in, or taken out of the queue, although it never came to a node. */
const beforeNodes: ReadonlySet<string> = new Set(['allocation', 'queue', 'connection', 'submission']);

/** Whether a job has passed or failed: it is over, and came so far that its step or its nodes may be to blame. */
function hasTried({ ended, started, result }: JobRecord, blame: Blame | null): boolean {
  if (ended === null || result === 'not submitted') return false;
  return blame === null || !beforeNodes.has(blame.cause) || (started !== null && result !== 'not-run');
}

/** What a search for a pattern looks at; undefined for what did not run to an end of its own, or may fail. */
function observed({ step, record }: StepResult) {
  const isOwnEnd = record.state === 'FINISHED' || (hasFailed(record) && !record.tolerated);
  if (!isOwnEnd) return undefined;
  const { step: name, params } = step;
  return { step: name, params, nodes: lastJob(record)?.nodes ?? [], hasFailed: hasFailed(record) };
}

/** Whose fault it was that a study is not FINISHED, and the sentence that says so. */
export function faultOf(
  steps: readonly StepResult[],
  metrics: readonly MetricRow[] = [],
): { readonly blame: Blame | null; readonly causeLine: string } {
  const blamed = blamedSteps(steps);
  const regressions = metrics.filter(({ verdict }) => verdict.severity === 'failure').length;
  return { blame: blameOfStudy(blamed, regressions > 0), causeLine: causeLine(blamed, regressions) };
}

/** What the cause of a study depends on: the steps with which something is wrong. */
function blamedSteps(steps: readonly StepResult[]): BlamedStep[] {
  const blamed: BlamedStep[] = [];
  // Some studies have 100,000 steps.
  for (const result of steps) if (result.blame != null) blamed.push(blamedStep(result, result.blame));
  return blamed;
}

function blamedStep(result: StepResult, of: Blame): BlamedStep {
  const { step, record } = result;
  const lost = jobsOfRun(record).filter((job) => blameIn(result, job)?.cause === 'node');
  return {
    name: step.name,
    blame: of,
    tolerated: record.tolerated,
    // Which of several nodes it was is not known.
    lostNodes: lost.flatMap(({ nodes = [] }) => (nodes.length === 1 ? nodes : [])),
  };
}
