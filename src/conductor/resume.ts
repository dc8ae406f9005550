import { createHash } from 'node:crypto';
import { blame } from '../causes/cause.js';
import type { StepScripts } from '../scripts/render.js';
import { obsoleteAfter } from '../store/journal/obsolete-jobs.js';
import { cloneRecord, diffRecord } from '../store/journal/patch.js';
import type { Entry, JournalState, ObsoleteJob, PlannedStep } from '../store/journal/records.js';
import type { StepGraph, StepInstance } from '../study/graph.js';
import {
  isFailure,
  isOver,
  type JobRecord,
  newRecord,
  openJob,
  type StepRecord,
  wasSubmitted,
} from '../study/state.js';
import { countedAnew } from './attempts.js';
import type { Policy } from './policy.js';

/** By these hashes a step that has changed is found. */
export interface StepDigests {
  /** Of its scripts and their places. */
  readonly script: string;
  /** Of the names of its dependencies, and of the condition. */
  readonly dependencies: string;
}

/** How a study that an earlier driver began goes on. */
export interface Resumption {
  /** The records that the steps begin with, by index. */
  readonly records: readonly StepRecord[];
  /** Jobs that may still run although no step has them any more: they are cancelled before the steps begin. */
  readonly obsolete: readonly ObsoleteJob[];
  /** Why steps that ran before run again, in the order of the graph. */
  readonly notes: readonly { readonly step: string; readonly why: string }[];
  /** How many steps there are of each kind. */
  readonly counts: Readonly<Record<Disposition, number>>;
}

/** Finished, in flight, to run although it ran before, to run for the first time. */
type Disposition = 'finished' | 'running' | 'again' | 'fresh';

/** How one step goes on. */
interface StepResumption {
  readonly record: StepRecord;
  readonly disposition: Disposition;
  readonly why?: string;
}

/** A step as the journal has it. */
interface KnownStep {
  readonly step: Omit<PlannedStep, 'record'>;
  readonly record: StepRecord;
}

/** The digests of every step, by index. */
export function digestsOf(graph: StepGraph, scripts: readonly StepScripts[]): StepDigests[] {
  return graph.steps.map(({ index, dependsOn, condition }) => {
    const { main, restart } = scripts[index]!;
    const names = dependsOn.map((dependency) => graph.steps[dependency]!.name).sort();
    return {
      script: digest([main.path, main.text, restart && [restart.path, restart.text]]),
      dependencies: digest([condition, ...names]),
    };
  });
}

function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16);
}

/** The steps as a journal's plan has them. */
export function plannedSteps(
  graph: StepGraph,
  digests: readonly StepDigests[],
  records: readonly StepRecord[],
): PlannedStep[] {
  return graph.steps.map(({ index, name, workspace, scheduled }) => {
    const record = diffRecord(newRecord(), records[index]!) ?? {};
    return { name, workspace, scheduled, ...digests[index]!, record };
  });
}

/** The journal's entry about obsolete jobs that were told to end; without it the next run cancels them again. */
export function cancelledObsolete(jobs: readonly ObsoleteJob[]): Entry {
  return { type: 'discarded', jobs: jobs.map(({ workspace, attempt }) => ({ workspace, attempt })) };
}

/** The records as they are, for a run that only ends what an earlier one began. */
export function restoreRecords(state: JournalState): StepRecord[] {
  return state.records.map(restore);
}

/** Whether every step is finished and no job is obsolete. */
export function isFinished({ counts, obsolete }: Resumption): boolean {
  return counts.running + counts.again + counts.fresh + obsolete.length === 0;
}

/**
 * Whether a study ended FINISHED and is still the same. Then nothing runs, not even a step that failed and was allowed to.
 */
export function isOverAndSame(
  { plan, ended, records, obsolete }: JournalState,
  graph: StepGraph,
  digests: readonly StepDigests[],
  { allowsFailure }: Pick<Policy, 'allowsFailure'>,
): boolean {
  if (ended?.status !== 'FINISHED' || obsolete.length > 0) return false;
  if (plan?.steps.length !== graph.steps.length) return false;
  return graph.steps.every((step, i) => {
    const [before, record, now] = [plan.steps[i]!, records[i]!, digests[i]!];
    const isSame =
      before.workspace === step.workspace && before.script === now.script && before.dependencies === now.dependencies;
    // A failure that was allowed then may not be allowed now.
    const isAllowed = !isFailure(record.state) || !wasSubmitted(record) || allowsFailure(step);
    return isSame && isOver(record) && isAllowed;
  });
}

/** Workspaces of earlier plans that this plan does not have, without those that contain one of its own. */
export function leftWorkspaces(
  { plan, formerWorkspaces }: Pick<JournalState, 'plan' | 'formerWorkspaces'>,
  { steps }: StepGraph,
): string[] {
  const earlier = new Set([...formerWorkspaces, ...(plan?.steps ?? []).map(({ workspace }) => workspace)]);
  for (const { workspace } of steps) {
    const parts = workspace.split('/');
    for (let length = 1; length <= parts.length; length++) earlier.delete(parts.slice(0, length).join('/'));
  }
  return [...earlier];
}

/**
 * Decides what becomes of every step of a study that is resumed. A step that finished, has not changed and depends on no
 * step that runs again stays as it is. Jobs in flight are taken over. All other steps run.
 *
 * A step is identified by its workspace, not by its name, because its files and claims are there: the number of an attempt
 * is used up for every later step in that workspace.
 */
export function planResumption(state: JournalState, graph: StepGraph, digests: readonly StepDigests[]): Resumption {
  const known = new Map(
    (state.plan?.steps ?? []).map((step, index) => [step.workspace, { step, record: state.records[index]! }]),
  );
  const isCancelled = state.cancelReason !== undefined;
  const resumed: StepResumption[] = [];
  for (const step of graph.steps) {
    const before = known.get(step.workspace);
    if (before === undefined) resumed.push(newStep(step, state));
    else {
      const again = step.dependsOn.find((dependency) => runs(resumed[dependency]!));
      const why = changeOf(
        step,
        digests[step.index]!,
        before,
        again === undefined ? undefined : graph.steps[again]!.name,
      );
      resumed.push(why === undefined ? unchanged(step, before.record, isCancelled) : changed(step, before, why));
    }
  }
  // What an earlier driver lost does not count against the step now.
  for (const { record, disposition } of resumed)
    if (disposition !== 'finished') Object.assign(record, countedAnew(record));
  const planned = { steps: state.plan?.steps ?? [], records: state.records };
  const after = resumed.map(({ record }, index) => ({ workspace: graph.steps[index]!.workspace, record }));
  const counts = { finished: 0, running: 0, again: 0, fresh: 0 };
  for (const { disposition } of resumed) counts[disposition] += 1;
  return {
    records: resumed.map(({ record }) => record),
    obsolete: obsoleteAfter(state.obsolete, planned, after),
    notes: resumed.flatMap(({ why }, index) => (why === undefined ? [] : [{ step: graph.steps[index]!.name, why }])),
    counts,
  };
}

/** Whether the steps that depend on it must wait for it to run. */
const runs = ({ disposition }: StepResumption) => disposition === 'again' || disposition === 'fresh';

/**
 * A step that the last plan did not have, although a plan before that may have had one in the same workspace. A job of that
 * one that may still run is taken over, so that it ends before the step begins, unless another scheduler has it: then it is
 * obsolete.
 */
function newStep({ workspace, scheduled }: StepInstance, { former, obsolete }: JournalState): StepResumption {
  const jobs = former.get(workspace) ?? [];
  const last = jobs.at(-1);
  const mayRun = obsolete.some(
    (job) => job.workspace === workspace && job.attempt === last?.attempt && job.scheduled === scheduled,
  );
  if (last?.ended !== null || !mayRun)
    return { record: { ...newRecord(), jobs: jobs.map(close) }, disposition: 'fresh' };
  const { submitted, started } = last;
  const record: StepRecord = {
    ...newRecord(),
    state: started === null ? 'PENDING' : 'RUNNING',
    submitted,
    started,
    rerun: 'changed',
    jobs: [...jobs.slice(0, -1).map(close), { ...last }],
  };
  return { record, disposition: 'again', why: 'it was not in the study for a while' };
}

/** A job that is not watched any more counts as cancelled. */
function close(job: JobRecord): JobRecord {
  return job.ended === null
    ? { ...job, ended: job.started ?? job.submitted, result: 'cancelled', blame: blame('cancelled') }
    : { ...job };
}

/** @returns why a step runs anew even if it has finished; undefined if it does not */
function changeOf(
  { name, scheduled }: StepInstance,
  digests: StepDigests,
  { step, record }: KnownStep,
  again: string | undefined,
): string | undefined {
  if (name !== step.name) return `it was ${step.name} before`;
  if (digests.script !== step.script || scheduled !== step.scheduled) return 'its script changed';
  if (digests.dependencies !== step.dependencies) return 'its dependencies changed';
  const isOpen = openJob(record) !== undefined;
  if (again !== undefined && (isOver(record) || isOpen)) return `${again}, which it depends on, runs again`;
  // An earlier driver found that it had changed, and was killed before it ran it.
  return isOpen && record.rerun === 'changed' ? 'it has changed since its job began' : undefined;
}

function changed({ scheduled }: StepInstance, { step, record }: KnownStep, why: string): StepResumption {
  const { jobs } = cloneRecord(record);
  const anew = { ...newRecord(), jobs };
  const told = wasSubmitted(record) ? { why } : {};
  if (openJob(record) === undefined) return { record: anew, ...ranBefore(record), ...told };
  if (scheduled !== step.scheduled)
    return { record: { ...anew, jobs: jobs.map(close) }, disposition: 'again', ...told };
  const { state, submitted, started } = restore(record);
  return { record: { ...anew, state, submitted, started, rerun: 'changed' }, disposition: 'again', ...told };
}

function unchanged(step: StepInstance, before: StepRecord, isCancelled: boolean): StepResumption {
  const record = restore(before);
  if (record.state === 'FINISHED') return { record, disposition: 'finished' };
  if (isOver(record)) return over(step, record);
  // Nodes and disks that an earlier driver lost do not count against the step now.
  Object.assign(record, { nodeFailures: 0, notRun: 0 });
  // A step that waited for its next attempt keeps the count of its failures.
  if (openJob(record) === undefined) return { record, ...ranBefore(record) };
  if (isCancelled) record.rerun ??= 'cancelled';
  return { record, disposition: 'running' };
}

/** A step that is over but did not finish runs again, with as many attempts and restarts as a new one. */
function over(step: StepInstance, before: StepRecord): StepResumption {
  const restarts = restartsOf(step, before);
  return {
    record: { ...newRecord(), jobs: before.jobs, restarts, restartsBefore: restarts },
    ...ranBefore(before),
    ...(wasSubmitted(before) && { why: described(before) }),
  };
}

/**
 * How many restarts the step begins with; with 0 it begins with its main script. A step whose time ran out goes on with its
 * restart script, as if there were no limit, and so does a step that was about to.
 */
function restartsOf({ run }: StepInstance, before: StepRecord): number {
  const { jobs, restarts } = before;
  if (!wasSubmitted(before)) return restarts;
  // A job that never ran, or was lost, leaves the step where it was.
  const last = jobs.findLast((job) => job.result !== 'node-failure' && !neverRan(job));
  if (last?.result !== 'timeout' || run.get('restart') === '') return 0;
  // Each timeout since its main script ran last: the record may not have counted the last one.
  const first = jobs.findLastIndex(({ script }) => script === 'main');
  return jobs.slice(Math.max(0, first)).filter(({ result }) => result === 'timeout').length;
}

/** Whether a job was over before its script ran: it was cancelled in the queue, refused, deferred or taken back. */
function neverRan({ result, started, blame }: JobRecord): boolean {
  if (result === 'not-run' || result === 'not submitted') return true;
  return started === null && (result === 'cancelled' || blame?.cause === 'queue' || blame?.cause === 'submission');
}

const longestReason = 120;

/** `was FAILED: exit 3`. */
function described({ state, reason }: StepRecord): string {
  const line = reason.trim().split('\n')[0]!.trimEnd();
  const shown = line.length > longestReason ? `${line.slice(0, longestReason - 1).trimEnd()}…` : line;
  return `was ${state}${shown === '' ? '' : `: ${shown}`}`;
}

function ranBefore({ jobs }: StepRecord): { readonly disposition: Disposition } {
  return { disposition: jobs.length > 0 ? 'again' : 'fresh' };
}

/** A copy in which a step that the earlier driver lost sight of has its last known state. */
function restore(before: StepRecord): StepRecord {
  const record = cloneRecord(before);
  if (record.state !== 'UNKNOWN') return record;
  record.state = (openJob(record)?.started ?? null) === null ? 'PENDING' : 'RUNNING';
  record.reason = '';
  return record;
}
