import { hasFailed, isSkipped, lastJob, type StepRecord, shownState } from '../study/state.js';
import { counted, shortDuration, someOf } from '../util/format.js';
import { oneLine, table } from '../util/log/plain-text.js';
import { countsText, failuresOf } from './attention.js';
import { flakyText, nodeHoursText, suspectText } from './cause-texts.js';
import { byStep, reasonOf, type StepResult, type StudyResults } from './results.js';
import { runTimeText } from './run-time.js';

/** More instances than this are shown as a line a step. */
const mostInstances = 40;

/** Of suspect nodes and of flaky steps so many are named: the log is not the place for all. */
const mostNamed = 10;

/**
 * The table that ends a run: a line for each instance, or for each step of a big study, then whose fault it was, and the
 * outcome.
 */
export function finalTable(results: StudyResults): string[] {
  const rows = results.steps.length <= mostInstances ? instanceRows(results) : stepRows(results.steps);
  return [...table(rows), '', ...causeLines(results).map(oneLine), outcomeLine(results)];
}

function causeLines(results: StudyResults): string[] {
  const { causeLine, pattern = '', suspects = [], flaky = [] } = results;
  const plain = (text: string) => text;
  const hours = nodeHoursText(results);
  return [
    ...(causeLine === '' ? [] : [causeLine]),
    ...(pattern === '' ? [] : [pattern]),
    ...some(suspects.map((suspect) => `Suspect node ${suspectText(suspect, plain)}`)),
    ...some(flaky.map((instance) => `Flaky: ${flakyText(instance, plain)}`)),
    ...(hours === '' ? [] : [`Used: ${hours}`]),
  ];
}

function some(lines: readonly string[]): string[] {
  const left = lines.length - mostNamed;
  return left <= 0 ? [...lines] : [...lines.slice(0, mostNamed), `and ${left} more, which are in report.json`];
}

/** `Study hello FINISHED in 1.2s: 8 steps, 8 finished`. */
export function outcomeLine({ name, status, interruption, started, ended, steps }: StudyResults): string {
  const counts = countsText(steps);
  return oneLine(
    `Study ${name} ${status} in ${shortDuration(ended - started)}: ${counted(steps.length, 'step')}${counts && `, ${counts}`}${interruption === '' ? '' : ` (${interruption})`}`,
  );
}

/** Columns that would be empty, or say only what the state and the reason do, are left out. */
function instanceRows({ steps }: StudyResults): string[][] {
  const cause = (result: StepResult) => {
    const word = result.blame?.cause ?? '';
    return word === 'dependency' || word === 'cancelled' ? '' : word;
  };
  const nodes = ({ step, record }: StepResult) =>
    step.scheduled && hasFailed(record) ? someOf((lastJob(record)?.nodes ?? []).map(oneLine), 2) : '';
  const optional = (title: string, cell: (result: StepResult) => string) =>
    steps.some((result) => cell(result) !== '') ? [{ title, cell }] : [];
  const columns: { readonly title: string; readonly cell: (result: StepResult) => string }[] = [
    { title: 'STEP', cell: ({ step }) => oneLine(step.name) },
    { title: 'STATE', cell: ({ record }) => shownState(record) },
    ...optional('CAUSE', cause),
    { title: 'TIME', cell: runTimeText },
    { title: 'RESTARTS', cell: ({ record }) => String(record.restarts) },
    ...optional('NODES', nodes),
    { title: 'REASON', cell: ({ record }) => oneLine(reasonOf(record)) },
  ];
  return [columns.map(({ title }) => title), ...steps.map((result) => columns.map(({ cell }) => cell(result)))];
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
