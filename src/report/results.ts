import type { Blame } from '../causes/cause.js';
import type { FlakyInstance } from '../causes/flaky.js';
import type { Interruption } from '../causes/interruption.js';
import type { AllocationUse } from '../causes/node-hours.js';
import type { Suspect } from '../causes/suspects.js';
import type { Change } from '../history/outcomes.js';
import type { Script } from '../scripts/dialect.js';
import type { SchedulerType } from '../spec/spec.js';
import type { StepInstance } from '../study/graph.js';
import type { StepRecord, StudyStatus } from '../study/state.js';
import { groupBy } from '../util/group-by.js';
import type { MetricRow } from './metrics/rows.js';

/** A study that has ended, as the reports see it. Times are milliseconds since the epoch. */
export interface StudyResults {
  readonly status: StudyStatus;
  /** Why it stopped before its end; '' if it did not. */
  readonly interruption: string;
  /** What kind of thing stopped it; undefined if nothing did, or it is not known. */
  readonly interruptionKind?: Interruption;
  readonly name: string;
  readonly description: string;
  /** The study directory on the host. */
  readonly path: string;
  /** The spec's path, as it was given. */
  readonly spec: string;
  readonly host: string;
  readonly scheduler: SchedulerType;
  readonly fluxUri: string | null;
  readonly started: number;
  readonly ended: number;
  readonly steps: readonly StepResult[];
  /** Why the study is not FINISHED; null if it is, undefined if that is not known. */
  readonly blame?: Blame | null;
  /** The sentence that reports begin with: whose fault it was. '' if nothing went wrong, or steps were only cancelled. */
  readonly causeLine: string;
  /** Nodes on which what runs elsewhere fails. */
  readonly suspects?: readonly Suspect[];
  /** Instances that passed only after they had failed. */
  readonly flaky?: readonly FlakyInstance[];
  /** Nodes × run time of all jobs, in hours; undefined if none was a batch system's, or that is not known. */
  readonly nodeHours?: number;
  /** What it had of nodes for itself, and used; undefined if no allocation was got for it. */
  readonly allocation?: AllocationUse;
  /** What all failures have in common, in one sentence; '' if nothing holds. */
  readonly pattern?: string;
  /** The run on GitHub; undefined elsewhere. */
  readonly run?: GitHubRun;
  /** What its output says; undefined if no metrics are asked for. */
  readonly metrics?: readonly MetricRow[];
  /** What its history says; undefined without one. */
  readonly history?: ShownHistory;
}

/** The run on GitHub that a study was started for. */
export interface GitHubRun {
  /** `owner/name`. */
  readonly repository: string;
  readonly commit: string;
  readonly ref: string;
  readonly event: string;
  readonly workflow: string;
  readonly job: string;
  readonly url: string;
  readonly attempt: number;
  /** Whether the commit is another than the event's, because the input `sha` names it. */
  readonly isOtherCommit?: boolean | undefined;
}

/** What earlier runs of a study say of this one. */
export interface ShownHistory {
  /** The branch that its runs are of. */
  readonly branch: string;
  /** Whether the last run before this one on the branch did not finish, whatever for; undefined if none is known. */
  readonly wasBad?: boolean;
  /** The commit of this run, and where GitHub's pages are, for links; '' or undefined if it has none. */
  readonly commit?: string;
  readonly server?: string;
  /** How many runs there are to compare with. */
  readonly runs: number;
  /** One for each instance. */
  readonly changes: readonly Change[];
  /** Instances that ran longer than the history allows for: milliseconds. */
  readonly slower: readonly { readonly name: string; readonly time: number; readonly usual: number }[];
  /** By metric, then instance: the values of earlier runs that had one, the earliest first. */
  readonly values: Readonly<Record<string, Readonly<Record<string, readonly HistoryValue[]>>>>;
}

/** A metric's value in an earlier run. */
export interface HistoryValue {
  readonly commit: string;
  /** When that run ended: milliseconds since the epoch. */
  readonly ended: number;
  readonly value: number;
}

/** What reports say of an instance: as much as report.json keeps of it. */
export type ShownStep = Pick<
  StepInstance,
  'index' | 'name' | 'step' | 'at' | 'params' | 'workspace' | 'scheduled' | 'dependsOn'
>;

export interface StepResult {
  readonly step: ShownStep;
  readonly record: StepRecord;
  readonly scripts: { readonly main: Pick<Script, 'path'>; readonly restart: Pick<Script, 'path'> | null };
  /** The outputs of its last job, relative to the study; null if none ran. */
  readonly outputs: { readonly stdout: string; readonly stderr: string } | null;
  /** The names of the instances that it waited for. */
  readonly dependsOn: readonly string[];
  /** The end of its stderr, '' if there is none; null if it was not read. */
  readonly errorTail: string | null;
  /** The end of its stdout, as of its stderr; undefined of reports that have none. */
  readonly outputTail?: string | null;
  /** Whether its stderr was not read because there were too many failures before it. */
  readonly isTailLeftOut?: boolean;
  /** Why it is not FINISHED; null if it is, undefined if that is not known. */
  readonly blame?: Blame | null;
  /** Nodes × run time of all its jobs, in hours; undefined of a step on the host. */
  readonly nodeHours?: number;
}

/** What follows the reason of a failure that may be. */
export const TOLERATED = ' (allowed to fail)';

/** Why a step is in its state, with what the policy makes of it. */
export function reasonOf({ reason, tolerated }: StepRecord): string {
  return tolerated ? `${reason}${TOLERATED}` : reason;
}

/** For how many failed steps the end of stderr is read. */
export const MAX_ERROR_TAILS = 50;

/** What a failed step said last, or why that is not shown. */
export function lastWords({ errorTail, outputs, isTailLeftOut }: StepResult): string {
  if (outputs === null) return 'it did not begin to run';
  if (isTailLeftOut) return `its stderr was not read: only that of the first ${MAX_ERROR_TAILS} failed steps is`;
  if (errorTail === null) return 'its stderr could not be read';
  return errorTail === '' ? 'nothing on stderr' : errorTail;
}

/** The instances of each step of the spec, in the order of their first ones. */
export function byStep(steps: readonly StepResult[]): Map<string, StepResult[]> {
  return groupBy(steps, ({ step }) => step.step);
}
