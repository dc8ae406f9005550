import { hasFailed, isSkipped, lastJob, type StepRecord, shownState } from '../study/state.js';
import { shortDuration } from '../util/format.js';
import { oneLine, table } from '../util/log/plain-text.js';
import { countsText, failuresOf } from './attention.js';
import { byStep, reasonOf, type StepResult, type StudyResults } from './results.js';

/** More instances than this are shown as a line a step. */
const mostInstances = 40;

/** The table that ends a run: a line for each instance, or for each step of a big study, then the outcome. */
export function finalTable(results: StudyResults): string[] {
  const rows = results.steps.length <= mostInstances ? instanceRows(results.steps) : stepRows(results.steps);
  return [...table(rows), '', outcomeLine(results)];
}

/** `Study hello FINISHED in 1.2s: 8 steps, 8 finished`. */
export function outcomeLine({ name, status, interruption, started, ended, steps }: StudyResults): string {
  const counts = countsText(steps);
  return oneLine(
    `Study ${name} ${status} in ${shortDuration(ended - started)}: ${steps.length} step${steps.length === 1 ? '' : 's'}${counts && `, ${counts}`}${interruption === '' ? '' : ` (${interruption})`}`,
  );
}

/** How long a step's last job ran; '' if none did. */
export function runTime(result: StepResult): string {
  const time = runMilliseconds(result);
  return time === null ? '' : shortDuration(time);
}

/** How long a step's last job ran; null if none did, or it is not over. */
export function runMilliseconds({ record }: StepResult): number | null {
  const job = lastJob(record);
  return job?.started == null || job.ended === null ? null : Math.max(0, job.ended - job.started);
}

function instanceRows(steps: readonly StepResult[]): string[][] {
  return [
    ['STEP', 'STATE', 'TIME', 'RESTARTS', 'REASON'],
    ...steps.map((result) => {
      const { step, record } = result;
      return [
        oneLine(step.name),
        shownState(record),
        runTime(result),
        String(record.restarts),
        oneLine(reasonOf(record)),
      ];
    }),
  ];
}

function stepRows(steps: readonly StepResult[]): string[][] {
  return [
    ['STEP', 'INSTANCES', 'FINISHED', 'FAILED', 'SKIPPED', 'CANCELLED', 'FIRST FAILURE'],
    ...[...byStep(steps)].map(([name, group]) => {
      const count = (is: (record: StepRecord) => boolean) => String(group.filter(({ record }) => is(record)).length);
      const [failure] = failuresOf(group);
      const first = failure === undefined ? '' : `${failure.step.name}: ${reasonOf(failure.record)}`;
      return [
        oneLine(name),
        String(group.length),
        count(({ state }) => state === 'FINISHED'),
        count(hasFailed),
        count(isSkipped),
        count((record) => shownState(record) === 'CANCELLED'),
        oneLine(first),
      ];
    }),
  ];
}
