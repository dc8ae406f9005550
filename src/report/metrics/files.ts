import { numberText } from '../../metrics/verdict.js';
import { groupBy } from '../../util/group-by.js';
import type { StudyResults } from '../results.js';
import type { MetricRow } from './rows.js';

/** Of the directory of reports, if there are metrics. */
export const metricFileNames = ['metrics.csv', 'benchmark-smaller.json', 'benchmark-bigger.json'] as const;

type MeasuredStudy = Pick<StudyResults, 'metrics' | 'steps'>;

/** The files for other programs, by their names. Where a file would have no value, there is none: its reader takes that for an error. */
export function metricFiles({ metrics: rows = [], steps }: MeasuredStudy): Readonly<Record<string, string>> {
  if (rows.length === 0) return {};
  const [csv, smallerName, biggerName] = metricFileNames;
  const { smaller, bigger } = benchmarkFiles(rows);
  return {
    [csv]: metricsCsv(
      rows,
      steps.map(({ step }) => step),
    ),
    ...(smaller === none ? {} : { [smallerName]: smaller }),
    ...(bigger === none ? {} : { [biggerName]: bigger }),
  };
}

const none = '[]\n';

/**
 * The text of metrics.csv: a row for each instance of the study, with a column for each parameter and each metric, empty where
 * there is no value. A name that stands for two things gets `param.` or `metric.` before it.
 */
export function metricsCsv(rows: readonly MetricRow[], instances: readonly MetricRow['step'][]): string {
  const params = [...new Set(instances.flatMap(({ params }) => Object.keys(params)))];
  const metrics = [...new Set(rows.map(({ metric }) => metric.name))];
  const fixed = ['instance', 'step'];
  const paramColumns = params.map((name) => (fixed.includes(name) ? `param.${name}` : name));
  const taken = new Set([...fixed, ...paramColumns]);
  const metricColumns = metrics.map((name) => (taken.has(name) ? `metric.${name}` : name));
  const byInstance = groupBy(rows, ({ step }) => step.name);
  const lines = instances.map((step) => {
    const own = byInstance.get(step.name) ?? [];
    const values = metrics.map((name) => own.find(({ metric }) => metric.name === name)?.verdict.value ?? '');
    const given = params.map((name) => (Object.hasOwn(step.params, name) ? step.params[name]! : ''));
    return [step.name, step.step, ...given, ...values.map(String)];
  });
  return [[...fixed, ...paramColumns, ...metricColumns], ...lines].map(csvLine).join('');
}

/** RFC 4180, with the line ends of Unix. */
function csvLine(cells: readonly string[]): string {
  const quoted = cells.map((cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell));
  return `${quoted.join(',')}\n`;
}

/** An entry of the files that github-action-benchmark reads. */
interface BenchmarkEntry {
  readonly name: string;
  readonly unit: string;
  readonly value: number;
  readonly range?: string;
  readonly extra?: string;
}

/**
 * What github-action-benchmark reads as `customSmallerIsBetter` and `customBiggerIsBetter`, as text of JSON. Values that are
 * not there, and metrics of which no direction is better, are in neither.
 */
export function benchmarkFiles(rows: readonly MetricRow[]): { readonly smaller: string; readonly bigger: string } {
  const text = (better: 'lower' | 'higher') => {
    const entries = rows.filter(({ metric }) => metric.better === better).flatMap((row) => benchmarkEntry(row) ?? []);
    return `${JSON.stringify(entries, null, 1)}\n`;
  };
  return { smaller: text('lower'), bigger: text('higher') };
}

function benchmarkEntry({ metric, step, verdict, judgement }: MetricRow): BenchmarkEntry | undefined {
  if (verdict.value === null) return undefined;
  const params = Object.entries(step.params).map(([name, value]) => `${name}=${value}`);
  const limit = judgement?.limit ?? null;
  return {
    name: `${metric.name} of ${step.name}`,
    // It asks for one.
    unit: metric.unit === '' ? '1' : metric.unit,
    value: verdict.value,
    ...(limit === null ? {} : { range: `± ${numberText(limit)}` }),
    ...(params.length === 0 ? {} : { extra: params.join('\n') }),
  };
}
