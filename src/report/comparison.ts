import type { Position } from '../spec/source.js';
import {
  hasFailed,
  isFailure,
  isSkipped,
  lastJob,
  type ShownState,
  type StepState,
  type StudyStatus,
} from '../study/state.js';
import { UserError } from '../util/errors.js';
import { shortDuration } from '../util/format.js';
import { groupBy } from '../util/group-by.js';
import { median } from '../util/median.js';
import { clip } from './markdown.js';
import { ReportError, readReport, timeOf } from './read-report.js';
import type { ReadableReport } from './report-schema.js';
import { reasonOf, type StepResult, type StudyResults } from './results.js';
import { runTimeOf } from './run-time.js';

/** What is compared of an earlier report.json. Times are milliseconds since the epoch. */
export interface BaselineReport {
  readonly name: string;
  readonly status: StudyStatus;
  readonly ended: number | null;
  /** By the name of the instance. */
  readonly steps: ReadonlyMap<string, BaselineStep>;
}

export interface BaselineStep {
  readonly state: ShownState;
  /** How long its last job ran, in milliseconds; null if none did, or it is not known. */
  readonly runTime: number | null;
}

/** An instance that ran and fails now, or did. */
export interface ComparedInstance {
  readonly name: string;
  readonly step: string;
  readonly at: Position;
  /** Null for an instance that the baseline does not have. */
  readonly was: ShownState | null;
  readonly now: StepState;
  /** Why it is in its state now, as the reports say it. */
  readonly reason: string;
  readonly tolerated: boolean;
}

/** What takes longer than it did. Times are milliseconds. */
export interface Slower {
  /** The instance, or the step of the spec. */
  readonly name: string;
  readonly step: string;
  readonly at: Position;
  readonly was: number;
  readonly now: number;
  /** By how many percent of what it was. */
  readonly percent: number;
}

/** Medians over the instances that FINISHED in both. */
export interface SlowerStep extends Slower {
  readonly instances: number;
}

/** How a study's results differ from those of an earlier run. Instances are the same if their names are. */
export interface Comparison {
  readonly baseline: { readonly name: string; readonly status: StudyStatus; readonly ended: number | null };
  readonly isOfSameStudy: boolean;
  /** In percent: what counts as slower. */
  readonly slowerThan: number;
  /** Fails, and did not, or was not there, or had not come to its end. */
  readonly newlyFailing: readonly ComparedInstance[];
  readonly stillFailing: readonly ComparedInstance[];
  /** Failed, and is FINISHED. */
  readonly fixed: readonly ComparedInstance[];
  /** How many did not run because of others, and did before. */
  readonly newlySkipped: number;
  /** How many were FINISHED and are neither that nor failed nor skipped for a failure: cancelled, or not over. */
  readonly unfinished: number;
  readonly slowerSteps: readonly SlowerStep[];
  readonly slowerInstances: readonly Slower[];
  /** How many instances both have, and how many only this run. */
  readonly common: number;
  readonly added: number;
  /** The instances that only the baseline has. */
  readonly gone: readonly string[];
}

/** A baseline that cannot be compared with, said for people. */
export class BaselineError extends UserError {
  constructor(message: string) {
    super(`the baseline ${message}: it has to be the report.json of an earlier run`);
    this.name = 'BaselineError';
  }
}

/** A step that takes less than this longer is not called slower, whatever share of its time it is. */
export const MIN_GROWTH_MS = 10_000;

/**
 * Reads a report.json of schema 1. Of what it has only that is looked at which is compared.
 *
 * @throws BaselineError
 */
export function parseBaseline(text: string): BaselineReport {
  const { status, study, steps } = readBaselineReport(text);
  if (status === 'DRYRUN') throw new BaselineError('is of a dry run, in which nothing ran');
  const byName = new Map<string, BaselineStep>();
  for (const { name, state, submitted, jobs } of steps) {
    if (byName.has(name)) throw new BaselineError(`has two steps of the name ${JSON.stringify(clip(name, 100))}`);
    // Jobs from before the study was resumed stay on record, and are none of that run's.
    const job = submitted === null ? undefined : jobs.at(-1);
    const isUnrun = submitted === null && (isFailure(state) || state === 'CANCELLED');
    byName.set(name, {
      state: isUnrun ? 'SKIPPED' : state,
      runTime: runTimeOf(job && { started: timeOf(job.started), ended: timeOf(job.ended) }),
    });
  }
  return { name: study.name, status, ended: timeOf(study.ended), steps: byName };
}

function readBaselineReport(text: string): ReadableReport {
  try {
    return readReport(text);
  } catch (error) {
    if (!(error instanceof ReportError)) throw error;
    throw new BaselineError(error.message);
  }
}

/** What is new in a study's results since the baseline. `slowerThan` is in percent. */
export function compare(baseline: BaselineReport, results: StudyResults, slowerThan: number): Comparison {
  const known = results.steps.filter(({ step }) => baseline.steps.has(step.name));
  const was = (result: StepResult) => baseline.steps.get(result.step.name)?.state ?? null;
  const failed = (result: StepResult) => isFailure(was(result) ?? 'UNKNOWN');
  const failing = results.steps.filter(({ record }) => hasFailed(record));
  const isConsequence = ({ record }: StepResult) => isSkipped(record) && isFailure(record.state);
  const compared = (result: StepResult): ComparedInstance => {
    const { step, record } = result;
    return {
      ...{ name: step.name, step: step.step, at: step.at, was: was(result), now: record.state },
      ...{ reason: reasonOf(record), tolerated: record.tolerated },
    };
  };
  const timed = known.flatMap((result) => timesOf(result, baseline.steps.get(result.step.name)!));
  return {
    baseline: { name: baseline.name, status: baseline.status, ended: baseline.ended },
    isOfSameStudy: baseline.name === results.name,
    slowerThan,
    newlyFailing: failing.filter((result) => !failed(result)).map(compared),
    stillFailing: failing.filter(failed).map(compared),
    fixed: known.filter((result) => failed(result) && result.record.state === 'FINISHED').map(compared),
    newlySkipped: known.filter(
      (result) => isConsequence(result) && (was(result) === 'FINISHED' || isFailure(was(result)!)),
    ).length,
    unfinished: known.filter(
      (result) => was(result) === 'FINISHED' && result.record.state !== 'FINISHED' && !isFailure(result.record.state),
    ).length,
    slowerSteps: slowerSteps(timed, slowerThan),
    slowerInstances: timed.flatMap(({ result: { step }, was, now }) =>
      slower({ name: step.name, step: step.step, at: step.at }, was, now, slowerThan),
    ),
    common: known.length,
    added: results.steps.length - known.length,
    gone: missingNow(baseline, results),
  };
}

function missingNow(baseline: BaselineReport, { steps }: StudyResults): string[] {
  const there = new Set(steps.map(({ step }) => step.name));
  return [...baseline.steps.keys()].filter((name) => !there.has(name));
}

interface Timed {
  readonly result: StepResult;
  readonly was: number;
  readonly now: number;
}

/** The run times of an instance that FINISHED in both: how long a failure took says nothing. */
function timesOf(result: StepResult, { state, runTime }: BaselineStep): Timed[] {
  const now = runTimeOf(lastJob(result.record));
  if (state !== 'FINISHED' || result.record.state !== 'FINISHED' || runTime === null || now === null) return [];
  return [{ result, was: runTime, now }];
}

function slowerSteps(timed: readonly Timed[], slowerThan: number): SlowerStep[] {
  const groups = groupBy(timed, ({ result }) => result.step.step);
  return [...groups].flatMap(([name, group]) => {
    const was = median(group.map(({ was }) => was));
    const now = median(group.map(({ now }) => now));
    const { at } = group[0]!.result.step;
    return slower({ name, step: name, at }, was, now, slowerThan).map((found) => ({
      ...found,
      instances: group.length,
    }));
  });
}

function slower(what: Pick<Slower, 'name' | 'step' | 'at'>, was: number, now: number, slowerThan: number): Slower[] {
  if (now - was < MIN_GROWTH_MS || now <= was * (1 + slowerThan / 100)) return [];
  return [{ ...what, was, now, percent: was === 0 ? Number.POSITIVE_INFINITY : ((now - was) / was) * 100 }];
}

/** `1.0s, was 0.5s: +100 %`. */
export function growthText({ was, now, percent }: Slower): string {
  const growth = Number.isFinite(percent) ? `: +${Math.round(percent)} %` : '';
  return `${shortDuration(now)}, was ${shortDuration(was)}${growth}`;
}

/** Whether nothing can be compared: the baseline is of other steps altogether. */
export function hasNothingInCommon({ common, added, gone }: Comparison): boolean {
  return common === 0 && added + gone.length > 0;
}

/** `2 newly failing, 1 fixed, 1 step slower`; `nothing new`. For a title, or the log. */
export function comparisonLine(comparison: Comparison): string {
  if (hasNothingInCommon(comparison)) return 'no step is in common, so nothing can be compared';
  const { newlySkipped, gone, newlyFailing, fixed, stillFailing, slowerSteps, slowerInstances, unfinished } =
    comparison;
  const counts: [count: number, what: string][] = [
    [newlyFailing.length, 'newly failing'],
    [fixed.length, 'fixed'],
    [stillFailing.length, 'still failing'],
    [newlySkipped, 'newly skipped'],
    [unfinished, 'did not come to their end this time'],
    [slowerSteps.length, slowerSteps.length === 1 ? 'step slower' : 'steps slower'],
    [slowerInstances.length, slowerInstances.length === 1 ? 'instance slower' : 'instances slower'],
    [gone.length, 'not there any more'],
  ];
  const parts = counts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  return parts.length === 0 ? 'nothing new' : parts.join(', ');
}
