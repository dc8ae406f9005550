import { isFailure, lastJob, type StepState } from '../conductor/state.js';
import { oneLine, table } from './plain-text.js';
import { reasonOf, type StepResult, type StudyResults } from './results.js';
import { shortDuration } from './time.js';

/** More instances than this are shown as a line a step. */
const mostInstances = 40;

/** The table that ends a run: a line for each instance, or for each step of a big study, then the outcome. */
export function finalTable(results: StudyResults): string[] {
  const rows = results.steps.length <= mostInstances ? instanceRows(results.steps) : stepRows(results.steps);
  return [...table(rows), '', outcomeLine(results)];
}

/** `Study hello FINISHED in 1.2s: 8 steps, 8 finished`. */
export function outcomeLine({ name, status, interruption, started, ended, steps }: StudyResults): string {
  const counts = countStates(steps.map(({ record }) => record.state));
  const parts = [...counts].map(([state, count]) => `${count} ${state.toLowerCase()}`);
  return oneLine(
    `Study ${name} ${status} in ${shortDuration(ended - started)}: ${steps.length} step${steps.length === 1 ? '' : 's'}${parts.map((part) => `, ${part}`).join('')}${interruption === '' ? '' : ` (${interruption})`}`,
  );
}

/** How many are in each state, the most frequent first. */
export function countStates(states: readonly StepState[]): Map<StepState, number> {
  const counts = new Map<StepState, number>();
  for (const state of states) counts.set(state, (counts.get(state) ?? 0) + 1);
  return new Map([...counts].sort(([, a], [, b]) => b - a));
}

/** How long a step's last job ran; '' if none did. */
export function runTime({ record }: StepResult): string {
  const job = lastJob(record);
  return job?.started == null || job.ended === null ? '' : shortDuration(job.ended - job.started);
}

function instanceRows(steps: readonly StepResult[]): string[][] {
  return [
    ['STEP', 'STATE', 'TIME', 'RESTARTS', 'REASON'],
    ...steps.map((result) => {
      const { step, record } = result;
      return [oneLine(step.name), record.state, runTime(result), String(record.restarts), oneLine(reasonOf(record))];
    }),
  ];
}

function stepRows(steps: readonly StepResult[]): string[][] {
  const groups = new Map<string, StepResult[]>();
  for (const result of steps) {
    const group = groups.get(result.step.step);
    if (group === undefined) groups.set(result.step.step, [result]);
    else group.push(result);
  }
  return [
    ['STEP', 'INSTANCES', 'FINISHED', 'FAILED', 'CANCELLED', 'FIRST FAILURE'],
    ...[...groups].map(([name, group]) => {
      const count = (is: (state: StepState) => boolean) =>
        String(group.filter(({ record }) => is(record.state)).length);
      const failure = group.find(({ record }) => isFailure(record.state));
      const first = failure === undefined ? '' : `${failure.step.name}: ${reasonOf(failure.record)}`;
      return [
        oneLine(name),
        String(group.length),
        count((state) => state === 'FINISHED'),
        count(isFailure),
        count((state) => state === 'CANCELLED'),
        oneLine(first),
      ];
    }),
  ];
}
