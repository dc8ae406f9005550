import type { Interruption } from '../../causes/interruption.js';
import { readStatus } from '../../conductor/maestro/read-status.js';
import type { StudyEnd } from '../../store/journal/records.js';
import { type Driver, isDriven } from '../../store/look/driver.js';
import type { BriefSight, MaestroSight, Sighting, StudySight } from '../../store/look/look.js';
import {
  hasFailed,
  isFailure,
  isOver,
  newRecord,
  type ShownState,
  type StepRecord,
  type StudyStatus,
} from '../../study/state.js';
import { counted } from '../../util/format.js';

/** The status of a study that is looked at: how it ended, or that it is being driven. */
export type SeenStatus = StudyStatus | 'RUNNING';

/** One step instance, as the journal has it. */
export interface SeenInstance {
  readonly name: string;
  /** Relative to the study directory; '' if that is not known. */
  readonly workspace: string;
  readonly scheduled: boolean;
  readonly record: StepRecord;
}

/** A study, as it was seen. Times are milliseconds since the epoch. */
export interface StudyView {
  readonly path: string;
  readonly name: string;
  readonly status: SeenStatus;
  /** Why it has that status, if more is known than the steps tell; '' otherwise. */
  readonly why: string;
  /** What drives it, or did: this program, or Maestro by itself, of which nothing is known. */
  readonly driver: Driver | 'maestro';
  /** When the last driver began; undefined if there was none. */
  readonly begun: number | undefined;
  /** When the last driver stopped; undefined if it has not, or has not said so. */
  readonly ended: number | undefined;
  readonly now: number;
  readonly instances: readonly SeenInstance[];
}

/** Puts together what was seen of a study. */
export function viewOf(sight: StudySight | MaestroSight): StudyView {
  if (!('state' in sight)) return maestroView(sight);
  const { path, now, driver, state } = sight;
  const { plan, records, opened, ended, cancelReason, name } = state;
  const planned = plan?.steps.map(({ name, workspace, scheduled }, i) => {
    return { name, workspace, scheduled, record: records[i]! };
  });
  const instances = planned ?? rowsOf(sight);
  const status = statusBy(driver, ended, instances);
  return {
    ...{ path, name, status, driver, now, instances },
    why: whyOf({ status, driver, ended, isPlanned: planned !== undefined, cancelReason }),
    ...(isDriven(driver) ? { begun: opened?.at, ended: undefined } : timesOf(opened?.at, ended?.at, records)),
  };
}

/** When the last driver that did something began and stopped: one that only changed limits did nothing. */
function timesOf(
  opened: number | undefined,
  ended: number | undefined,
  records: readonly StepRecord[],
): Pick<StudyView, 'begun' | 'ended'> {
  const ends = records.flatMap((record) => (record.ended === null ? [] : [record.ended]));
  const isIdle = opened !== undefined && ends.length > 0 && ends.every((end) => end < opened);
  if (!isIdle || ended === undefined) return { begun: opened, ended };
  return { begun: smallest(records.map(({ submitted }) => submitted)), ended: ends.reduce((a, b) => Math.max(a, b)) };
}

/** @param ended how the last driver said that the study ended */
function statusBy(
  driver: Driver,
  ended: StudyEnd | undefined,
  instances: readonly Pick<SeenInstance, 'record'>[],
): SeenStatus {
  if (isDriven(driver)) return 'RUNNING';
  if (ended !== undefined) return statusWithMetrics(ended);
  const isDryRun = instances.length > 0 && instances.every(({ record }) => record.state === 'DRYRUN');
  return isDryRun ? 'DRYRUN' : 'INTERRUPTED';
}

/** A metric fails a study whose steps are all FINISHED. */
function statusWithMetrics({ status, failedMetrics = 0 }: StudyEnd): StudyStatus {
  return status === 'FINISHED' && failedMetrics > 0 ? 'FAILURE' : status;
}

interface Circumstances {
  readonly status: SeenStatus;
  readonly driver: Driver;
  readonly ended: StudyEnd | undefined;
  readonly isPlanned: boolean;
  readonly cancelReason: string | undefined;
}

function whyOf({ status, driver, ended, isPlanned, cancelReason }: Circumstances): string {
  if (status === 'RUNNING') {
    if (cancelReason !== undefined) return `it is being cancelled: ${cancelReason}`;
    return isPlanned ? '' : 'it is being planned and staged';
  }
  if (status === 'CANCELLED') return cancelReason ?? '';
  if (status === 'FAILURE' && ended?.failedMetrics !== undefined)
    return `${counted(ended.failedMetrics, 'metric')} failed`;
  if (status !== 'INTERRUPTED') return '';
  if (ended?.interruption !== undefined) return stoppedBy[ended.interruption];
  if (driver.state === 'gone') {
    const gone = 'its driver is gone and has not said how the study ended';
    if (driver.holder?.detached === undefined || driver.holder.job !== undefined) return gone;
    // As some sites do after a logout or after a time.
    return `${gone}; if this machine kills background processes, \`detach: job\` runs the conductor as a job`;
  }
  if (ended !== undefined) return 'its driver left it as it was';
  return isPlanned ? 'its driver stopped early' : 'it could not be started';
}

/** Why the last driver left the study, for people. */
const stoppedBy: Readonly<Record<Interruption, string>> = {
  'host-lost': 'its driver lost the connection to the host',
  'scheduler-lost': 'its driver lost the connection to the scheduler',
  'allocation-over': 'the allocation or Flux instance of its jobs ended',
  'allocation-refused': 'its allocation was refused',
  'waited-too-long': 'nothing began to run within `max-wait`',
  'disk-full': 'its directory could not be written',
  'conductor-failed': 'its conductors failed',
  'time-over': 'its `timeout-minutes`, or the time of the job that drove it, was up',
  left: 'its driver left it as it was',
};

/** A study that Maestro runs, by itself, as far as its status.csv tells. */
function maestroView(sight: MaestroSight): StudyView {
  const instances = rowsOf(sight);
  const records = instances.map(({ record }) => record);
  return {
    path: sight.path,
    // Maestro names the directory by the study and the time.
    name: /([^/]*?)(?:_\d{8}-\d{6})?$/.exec(sight.path)![1]!,
    status: statusByStates(records.map(({ state }) => state)),
    why: '',
    driver: 'maestro',
    begun: smallest(records.map(({ submitted }) => submitted)),
    ended: undefined,
    now: sight.now,
    instances,
  };
}

/** The states of steps that are not over, as status.csv has them. */
export const unfinished: ReadonlySet<string> = new Set([
  'INITIALIZED',
  'PENDING',
  'QUEUED',
  'RUNNING',
  'FINISHING',
  'UNKNOWN',
]);

/** How a study of Maestro's stands, of which only the states are known: whether anything drives it, nobody can tell. */
function statusByStates(states: readonly string[]): SeenStatus {
  if (states.includes('CANCELLED')) return 'CANCELLED';
  if (states.some((state) => unfinished.has(state))) return 'RUNNING';
  if (states.some((state) => isFailure(state as ShownState))) return 'FAILURE';
  return states.length > 0 && states.every((state) => state === 'DRYRUN') ? 'DRYRUN' : 'FINISHED';
}

function rowsOf({ statusCsv, offsetMinutes }: Sighting & { readonly statusCsv: string }): SeenInstance[] {
  return readStatus(statusCsv, offsetMinutes).map(({ name, jobId, state, submitted, started, ended, restarts }) => {
    const at = { submitted, started, ended };
    const job = { attempt: 1, script: 'main' as const, id: jobId, place: '', isDoubtful: false, result: null };
    const jobs = submitted === null ? [] : [{ ...job, ...at, submitted }];
    return { name, workspace: '', scheduled: true, record: { ...newRecord(), ...at, state, restarts, jobs } };
  });
}

/** A study of which only a little was read: a line of a list. */
export interface BriefView {
  readonly path: string;
  readonly name: string;
  readonly status: SeenStatus;
  readonly driver: Driver | 'maestro';
  /** When the study was begun for the first time. */
  readonly created: number | undefined;
  /** When its state last changed. */
  readonly changed: number | undefined;
  readonly now: number;
  readonly steps: number;
  /** How many steps are in each state, by status.csv, as Maestro names them. */
  readonly counts: ReadonlyMap<string, number>;
  readonly bytes: number | undefined;
}

export function briefViewOf(sight: BriefSight): BriefView {
  const { path, kind, now, changed, counts, bytes } = sight;
  const first = parsed(sight.first);
  const last = parsed(sight.last.split('\n').findLast((line) => line !== '') ?? '');
  const states = [...counts.keys()];
  const isDryRun = states.length === 1 && states[0] === 'DRYRUN';
  const ended = last.type === 'end' && typeof last.status === 'string' ? (last as unknown as StudyEnd) : undefined;
  const { state } = sight.driver;
  return {
    ...{ path, now, changed, counts, bytes },
    name: typeof first.name === 'string' ? first.name : path.slice(path.lastIndexOf('/') + 1),
    status:
      kind === 'maestro'
        ? statusByStates(states)
        : state === 'driving' || state === 'silent'
          ? 'RUNNING'
          : ((ended && statusWithMetrics(ended)) ?? (isDryRun ? 'DRYRUN' : 'INTERRUPTED')),
    driver: kind === 'maestro' ? 'maestro' : sight.driver,
    created: typeof first.at === 'number' ? first.at : undefined,
    steps: [...counts.values()].reduce((sum, count) => sum + count, 0),
  };
}

function parsed(line: string): Readonly<Record<string, unknown>> {
  // A driver may have appended to a line that a crash tore.
  const start = line.lastIndexOf('{"seq":');
  try {
    return start < 0 ? {} : JSON.parse(line.slice(start));
  } catch {
    return {};
  }
}

/** The instances of a step of the spec: they have the first directory of their workspaces in common. */
export function stepNameOf({ name, workspace }: Pick<SeenInstance, 'name' | 'workspace'>): string {
  return workspace === '' ? name : workspace.split('/')[0]!;
}

/** The instances that ran and failed, those that may fail last. */
export function failedInstances(instances: readonly SeenInstance[]): SeenInstance[] {
  const failed = instances.filter(({ record }) => hasFailed(record));
  return [...failed.filter(({ record }) => !record.tolerated), ...failed.filter(({ record }) => record.tolerated)];
}

/** Why jobs wait, in the scheduler's words, and how many do for each reason: the most frequent first. */
export function waitingReasons(instances: readonly SeenInstance[]): (readonly [reason: string, count: number])[] {
  const counts = new Map<string, number>();
  for (const { record, scheduled } of instances) {
    const isQueued = record.state === 'QUEUED' || (record.state === 'PENDING' && scheduled);
    if (!isQueued || isOver(record)) continue;
    counts.set(record.reason, (counts.get(record.reason) ?? 0) + 1);
  }
  return [...counts].sort(([, a], [, b]) => b - a);
}

function smallest(times: readonly (number | null)[]): number | undefined {
  return times.reduce<number | undefined>((least, time) => {
    return time !== null && (least === undefined || time < least) ? time : least;
  }, undefined);
}
