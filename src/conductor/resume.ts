import { createHash } from 'node:crypto';
import type { StepScripts } from '../scripts/render.js';
import { obsoleteAfter } from '../store/journal/obsolete-jobs.js';
import { cloneRecord, diffRecord } from '../store/journal/patch.js';
import type { Entry, JournalState, ObsoleteJob, PlannedStep } from '../store/journal/records.js';
import type { StepGraph, StepInstance } from '../study/graph.js';
import { hasRun, isFailure, isOver, type JobRecord, newRecord, openJob, type StepRecord } from '../study/state.js';
import type { Policy } from './policy.js';

/** What tells whether a step is still what it was. */
export interface StepDigests {
  /** Of its scripts and their places. */
  readonly script: string;
  /** Of the names of what it depends on, and of the condition. */
  readonly dependencies: string;
}

/** How a study goes on that was begun before. */
export interface Resumption {
  /** The steps as they are to begin, by index. */
  readonly records: readonly StepRecord[];
  /** Jobs that may run, and that no step has any more. They are to be discarded, and that is to be noted. */
  readonly obsolete: readonly ObsoleteJob[];
  /** Why steps run that ran before, in the order of the graph. */
  readonly notes: readonly { readonly step: string; readonly why: string }[];
  /** Every step is one of these: done, in flight, to run although it ran before, to run for the first time. */
  readonly counts: Readonly<Record<Standing, number>>;
}

type Standing = 'finished' | 'running' | 'again' | 'fresh';

/** What is found out about one step. */
interface Outlook {
  readonly record: StepRecord;
  readonly standing: Standing;
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

/** What a journal is told once jobs are discarded: until then whoever resumes the study discards them again. */
export function cancelledObsolete(jobs: readonly ObsoleteJob[]): Entry {
  return { type: 'discarded', jobs: jobs.map(({ workspace, attempt }) => ({ workspace, attempt })) };
}

/** The records as they are, for a driver that only brings to its end what was begun. */
export function restoreRecords(state: JournalState): StepRecord[] {
  return state.records.map(restore);
}

/** Whether there is nothing left to do. */
export function isFinished({ counts, obsolete }: Resumption): boolean {
  return counts.running + counts.again + counts.fresh + obsolete.length === 0;
}

/**
 * Whether a study ended well and is still the same: then it is over, although a step that may fail did, and would run again if
 * others had to.
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
    // What was allowed to fail then may not be now; what did not run because of that goes with it.
    const isBorne = !isFailure(record.state) || !hasRun(record) || allowsFailure(step);
    return isSame && isOver(record) && isBorne;
  });
}

/** Workspaces that an earlier plan had and this one has not; none that others are in. */
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
 * Decides what becomes of every step of a study that is resumed. What finished and is still the same, after what is still the
 * same, stays; jobs in flight are taken over; all else runs.
 *
 * A step is known by its workspace rather than its name, for that is where its files are, and its claims: the number of an
 * attempt that a workspace has had is spent for whichever step has it now.
 */
export function planResumption(state: JournalState, graph: StepGraph, digests: readonly StepDigests[]): Resumption {
  const known = new Map(
    (state.plan?.steps ?? []).map((step, index) => [step.workspace, { step, record: state.records[index]! }]),
  );
  const isCancelled = state.cancelReason !== undefined;
  const outlooks: Outlook[] = [];
  for (const step of graph.steps) {
    const before = known.get(step.workspace);
    if (before === undefined) outlooks.push(newcomer(step, state));
    else {
      const again = step.dependsOn.find((dependency) => runs(outlooks[dependency]!));
      const why = changeOf(
        step,
        digests[step.index]!,
        before,
        again === undefined ? undefined : graph.steps[again]!.name,
      );
      outlooks.push(why === undefined ? unchanged(step, before.record, isCancelled) : changed(step, before, why));
    }
  }
  const planned = { steps: state.plan?.steps ?? [], records: state.records };
  const after = outlooks.map(({ record }, index) => ({ workspace: graph.steps[index]!.workspace, record }));
  const counts = { finished: 0, running: 0, again: 0, fresh: 0 };
  for (const { standing } of outlooks) counts[standing] += 1;
  return {
    records: outlooks.map(({ record }) => record),
    obsolete: obsoleteAfter(state.obsolete, planned, after),
    notes: outlooks.flatMap(({ why }, index) => (why === undefined ? [] : [{ step: graph.steps[index]!.name, why }])),
    counts,
  };
}

/** Whether something that depends on it must wait until it has run. */
const runs = ({ standing }: Outlook) => standing === 'again' || standing === 'fresh';

/**
 * A step that the last plan did not have. Its workspace may have had another, under a plan before that, whose last job may
 * run. Then that is taken over, to be ended before the step begins; one that another scheduler has is removed instead.
 */
function newcomer({ workspace, scheduled }: StepInstance, { former, obsolete }: JournalState): Outlook {
  const jobs = former.get(workspace) ?? [];
  const last = jobs.at(-1);
  const mayRun = obsolete.some(
    (job) => job.workspace === workspace && job.attempt === last?.attempt && job.scheduled === scheduled,
  );
  if (last?.ended !== null || !mayRun) return { record: { ...newRecord(), jobs: jobs.map(close) }, standing: 'fresh' };
  const { submitted, started } = last;
  const record: StepRecord = {
    ...newRecord(),
    state: started === null ? 'PENDING' : 'RUNNING',
    submitted,
    started,
    rerun: 'changed',
    jobs: [...jobs.slice(0, -1).map(close), { ...last }],
  };
  return { record, standing: 'again', why: 'it was not in the study for a while' };
}

/** Of a job that is not followed any more nothing will be heard. */
function close(job: JobRecord): JobRecord {
  return job.ended === null ? { ...job, ended: job.started ?? job.submitted, result: 'cancelled' } : { ...job };
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
  // An earlier driver that found it changed did not live to run it.
  return isOpen && record.rerun === 'changed' ? 'it has changed since its job began' : undefined;
}

function changed({ scheduled }: StepInstance, { step, record }: KnownStep, why: string): Outlook {
  const { jobs } = cloneRecord(record);
  const anew = { ...newRecord(), jobs };
  const told = hasRun(record) ? { why } : {};
  if (openJob(record) === undefined) return { record: anew, ...ranBefore(record), ...told };
  if (scheduled !== step.scheduled) return { record: { ...anew, jobs: jobs.map(close) }, standing: 'again', ...told };
  const { state, submitted, started } = restore(record);
  return { record: { ...anew, state, submitted, started, rerun: 'changed' }, standing: 'again', ...told };
}

function unchanged(step: StepInstance, before: StepRecord, isCancelled: boolean): Outlook {
  const record = restore(before);
  if (record.state === 'FINISHED') return { record, standing: 'finished' };
  if (isOver(record)) return over(step, record);
  // Places to run that were lost with an earlier driver are no fault of the step's.
  Object.assign(record, { nodeFailures: 0, notRun: 0 });
  // What waited for another attempt goes on where it was: its other failures are counted on.
  if (openJob(record) === undefined) return { record, ...ranBefore(record) };
  if (isCancelled) record.rerun ??= 'cancelled';
  return { record, standing: 'running' };
}

/** A step that is over but did not finish runs again, with all the attempts and restarts that a new one has. */
function over(step: StepInstance, before: StepRecord): Outlook {
  const restarts = restartsOf(step, before);
  return {
    record: { ...newRecord(), jobs: before.jobs, restarts, restartsBefore: restarts },
    ...ranBefore(before),
    ...(hasRun(before) && { why: described(before) }),
  };
}

/**
 * How many restarts the step is to begin with: 0 makes it begin with its main script. One whose time ran out goes on with its
 * restart script, as it would have without the limit; so does one that was to, but did not come to run.
 */
function restartsOf({ run }: StepInstance, before: StepRecord): number {
  const { jobs, restarts } = before;
  if (!hasRun(before)) return restarts;
  const last = jobs.findLast(({ result }) => result !== 'not-run');
  if (last?.result !== 'timeout' || run.get('restart') === '') return 0;
  // Each timeout since it began with its main script; whether the last was counted depends on how it went on.
  const first = jobs.findLastIndex(({ script }) => script === 'main');
  return jobs.slice(Math.max(0, first)).filter(({ result }) => result === 'timeout').length;
}

const longestReason = 120;

/** `was FAILED: exit 3`. */
function described({ state, reason }: StepRecord): string {
  const line = reason.trim().split('\n')[0]!.trimEnd();
  const shown = line.length > longestReason ? `${line.slice(0, longestReason - 1).trimEnd()}…` : line;
  return `was ${state}${shown === '' ? '' : `: ${shown}`}`;
}

function ranBefore({ jobs }: StepRecord): { readonly standing: Standing } {
  return { standing: jobs.length > 0 ? 'again' : 'fresh' };
}

/** A copy, in which what an earlier driver lost sight of is in the state that it was last seen in. */
function restore(before: StepRecord): StepRecord {
  const record = cloneRecord(before);
  if (record.state !== 'UNKNOWN') return record;
  record.state = (openJob(record)?.started ?? null) === null ? 'PENDING' : 'RUNNING';
  record.reason = '';
  return record;
}
