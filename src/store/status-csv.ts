import { dependentsOf, type StepGraph, type StepInstance } from '../study/graph.js';
import { lastJob, type StepRecord } from '../study/state.js';

const columns = [
  'Step Name',
  'Job ID',
  'Workspace',
  'State',
  'Run Time',
  'Elapsed Time',
  'Start Time',
  'Submit Time',
  'End Time',
  'Number Restarts',
  'Params',
];

/** The order of Maestro's rows: breadth first from the steps that wait for nothing. */
export function statusOrder(graph: StepGraph): readonly number[] {
  const dependents = dependentsOf(graph);
  const order = graph.steps.filter((step) => step.dependsOn.length === 0).map((step) => step.index);
  const seen = new Set(order);
  for (let next = 0; next < order.length; next++) {
    for (const dependent of dependents[order[next]!]!) {
      if (seen.has(dependent)) continue;
      seen.add(dependent);
      order.push(dependent);
    }
  }
  return order;
}

/**
 * The text of status.csv, for `maestro status`: Maestro's columns, no final newline. Its reader splits lines at commas
 * and knows no quotes, so a comma inside a value is written `%2C`.
 *
 * @param order the rows, by index
 * @param now milliseconds since the epoch, for the times of what has not ended
 */
export function statusCsv(
  graph: StepGraph,
  records: readonly StepRecord[],
  order: readonly number[],
  now: number,
): string {
  const rows = order.map((index) => row(graph.steps[index]!, records[index]!, now).map(clean).join(','));
  return [columns.join(','), ...rows].join('\n');
}

function row(step: StepInstance, record: StepRecord, now: number): string[] {
  const { state, submitted, started, ended, restarts } = record;
  return [
    step.name,
    lastJob(record)?.id || '--',
    step.workspace,
    state,
    started === null ? '--:--:--' : duration((ended ?? now) - started),
    submitted === null ? '--:--:--' : duration((ended ?? now) - submitted),
    time(started),
    time(submitted),
    time(submitted === null ? null : ended),
    String(restarts),
    Object.entries(step.params)
      .map(([key, value]) => `${key}:${value}`)
      .join(';'),
  ];
}

const escapes: Readonly<Record<string, string>> = { ',': '%2C', '\r': '%0D', '\n': '%0A' };

function clean(value: string): string {
  return value.replace(/[,\r\n]/g, (character) => escapes[character]!);
}

const two = (value: number) => String(value).padStart(2, '0');

/** Local time, rounded to the second: `2026-01-31 23:59:00`. */
function time(at: number | null): string {
  if (at === null) return '--';
  const date = new Date(Math.round(at / 1000) * 1000);
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-');
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  const days = Math.floor(seconds / 86_400);
  return `${days}d:${two(Math.floor((seconds % 86_400) / 3600))}h:${two(Math.floor((seconds % 3600) / 60))}m:${two(seconds % 60)}s`;
}
