import type { Script } from '../scripts/dialect.js';
import type { SchedulerType } from '../spec/spec.js';
import type { StepInstance } from '../study/graph.js';
import type { StepRecord, StudyStatus } from '../study/state.js';
import { groupBy } from '../util/group-by.js';

/** A study that has ended, as the reports see it. Times are milliseconds since the epoch. */
export interface StudyResults {
  readonly status: StudyStatus;
  /** Why it stopped before its end; '' if it did not. */
  readonly interruption: string;
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
  /** Whether its stderr was not read because there were too many failures before it. */
  readonly isTailLeftOut?: boolean;
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
