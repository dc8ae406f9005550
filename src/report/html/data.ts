import { causes } from '../../causes/cause.js';
import { numberText } from '../../metrics/verdict.js';
import { lastJob, type ShownState, shownState } from '../../study/state.js';
import { isoTime, someOf } from '../../util/format.js';
import { groupBy } from '../../util/group-by.js';
import { printable } from '../../util/log/plain-text.js';
import { attentionRank } from '../attention.js';
import { type MetricRow, unitSuffix } from '../metrics/rows.js';
import { reasonOf, type StepResult, type StudyResults } from '../results.js';
import { runTime } from '../run-time.js';
import type { GridAxes } from './grid.js';
import { toneOf } from './states.js';

/** In this order states are sorted and offered: what wants looking at first. */
export const stateOrder: readonly ShownState[] = [
  ...(['FAILED', 'TIMEDOUT', 'HWFAILURE', 'CANCELLED', 'UNKNOWN', 'RUNNING', 'FINISHING', 'QUEUED'] as const),
  ...(['PENDING', 'INITIALIZED', 'SKIPPED', 'FINISHED', 'DRYRUN'] as const),
];

/** How many of the steps that a step waits for are named. */
const mostDependencies = 20;

/** What the page's script makes its table of. Texts are fit to be shown; times are milliseconds. Short keys: there are many rows. */
export interface PageData {
  readonly states: readonly { readonly name: ShownState; readonly tone: string }[];
  /** Names of steps of the spec, and of parameters; rows have indexes and values in this order. */
  readonly steps: readonly string[];
  readonly params: readonly string[];
  /** Why steps did not finish, in the order of the documentation. */
  readonly causes: readonly string[];
  readonly metrics: readonly PageMetric[];
  /** The grid's first rows and columns, as indexes of parameters; null: one row. Not there if there is no grid. */
  readonly axes?: readonly [rows: number | null, columns: number];
  readonly rows: readonly PageRow[];
}

export interface PageMetric {
  readonly name: string;
  readonly unit: string;
  readonly better: MetricRow['metric']['better'];
}

export interface PageRow {
  readonly name: string;
  readonly step: number;
  readonly state: number;
  /** Rows with a lower one come first where not all rows are on the page. */
  readonly rank: number;
  /** Null where the instance does not have the parameter. */
  readonly params: readonly (string | null)[];
  readonly waited: number | null;
  readonly ran: number | null;
  readonly restarts: number;
  readonly reason: string;
  readonly cause?: number;
  /** By the page's metrics; not there if there are none. */
  readonly values?: readonly (number | null)[];
  /** The metrics that are worse than allowed. */
  readonly worse?: readonly number[];
  readonly line: number;
  /** What is shown of a row that is opened: titles and texts. */
  readonly more: readonly (readonly [string, string])[];
  /** Whether the section of failures has it. */
  readonly failure?: true;
}

/** What the page's script is told about the results. */
export interface PageDataOptions {
  /** The results that the section of failures shows. */
  readonly failures: ReadonlySet<StepResult>;
  readonly axes: GridAxes | undefined;
}

export function pageData({ steps, metrics = [] }: StudyResults, { failures, axes }: PageDataOptions): PageData {
  const names = [...new Set(steps.map(({ step }) => step.step))];
  const stepIndex = new Map(names.map((name, i) => [name, i]));
  const params = [...new Set(steps.flatMap(({ step }) => Object.keys(step.params)))].sort();
  const there = new Set(steps.map(({ record }) => shownState(record)));
  const states = stateOrder.filter((state) => there.has(state));
  const blamed = new Set(steps.flatMap(({ blame }) => blame?.cause ?? []));
  const causesThere = causes.filter((cause) => blamed.has(cause));
  const measured = [...groupBy(metrics, ({ metric }) => metric.name).values()].map((of) => of[0]!.metric);
  const metricIndex = new Map(measured.map(({ name }, i) => [name, i]));
  const metricsOf = groupBy(metrics, ({ step }) => step.name);
  const rows = steps.map((result): PageRow => {
    const { step, record } = result;
    const job = lastJob(record);
    return {
      name: printable(step.name),
      step: stepIndex.get(step.step)!,
      state: states.indexOf(shownState(record)),
      rank: attentionRank(record),
      params: params.map((name) => (Object.hasOwn(step.params, name) ? printable(step.params[name]!) : null)),
      waited: job?.started == null ? null : Math.max(0, job.started - job.submitted),
      ran: runTime(result),
      restarts: record.restarts,
      reason: printable(reasonOf(record)),
      ...(result.blame == null ? {} : { cause: causesThere.indexOf(result.blame.cause) }),
      ...(measured.length === 0 ? {} : valuesOf(metricsOf.get(step.name) ?? [], metricIndex)),
      line: step.at.line,
      more: more(result, metricsOf.get(step.name) ?? []),
      ...(failures.has(result) ? { failure: true as const } : {}),
    };
  });
  return {
    states: states.map((name) => ({ name, tone: toneOf(name) })),
    steps: names.map(printable),
    params: params.map(printable),
    causes: causesThere,
    metrics: measured.map(({ name, unit, better }) => ({ name: printable(name), unit: printable(unit), better })),
    ...(axes === undefined
      ? {}
      : { axes: [axes[0] === null ? null : params.indexOf(axes[0]), params.indexOf(axes[1])] as const }),
    rows,
  };
}

function valuesOf(rows: readonly MetricRow[], indexes: ReadonlyMap<string, number>): Pick<PageRow, 'values' | 'worse'> {
  const values = new Array<number | null>(indexes.size).fill(null);
  const worse: number[] = [];
  for (const { metric, verdict } of rows) {
    const index = indexes.get(metric.name)!;
    values[index] = verdict.value;
    if (verdict.severity !== 'none' && verdict.value !== null) worse.push(index);
  }
  return { values, ...(worse.length === 0 ? {} : { worse }) };
}

/** `grind-time: 3.5 ns/zone, 12.9 % above the reference 3.1 (at most 3.255)`. */
function metricLine({ metric, verdict }: MetricRow): string {
  const value = verdict.value === null ? 'no value' : `${numberText(verdict.value)}${unitSuffix(metric)}`;
  return `${metric.name}: ${value}${verdict.reason === '' ? '' : `, ${verdict.reason}`}`;
}

/** @param metrics those of the instance */
function more(
  { step, record, scripts, outputs, dependsOn, blame }: StepResult,
  metrics: readonly MetricRow[],
): readonly (readonly [string, string])[] {
  const others = dependsOn.length - mostDependencies;
  const after = dependsOn.slice(0, mostDependencies).join('\n') + (others > 0 ? `\nand ${others} more` : '');
  const jobs = record.jobs.map(({ id, attempt, submitted, started, ended, result, blame, nodes = [], excluded = [] }) =>
    [
      `${attempt}. ${id || 'no id'}: ${result ?? 'not over'}`,
      `submitted ${isoTime(submitted)}`,
      ...(started === null ? [] : [`began ${isoTime(started)}`]),
      ...(ended === null ? [] : [`ended ${isoTime(ended)}`]),
      ...(nodes.length === 0 ? [] : [`on ${someOf(nodes)}`]),
      ...(excluded.length === 0 ? [] : [`not on ${someOf(excluded)}`]),
      ...(blame == null ? [] : [`cause: ${blame.cause}`]),
    ].join(', '),
  );
  const texts: (readonly [string, string])[] = [];
  const add = (title: string, text: string) => {
    if (text !== '') texts.push([title, printable(text)]);
  };
  add('Workspace', step.workspace);
  add('Script', scripts.main.path);
  add('Output', outputs?.stdout ?? '');
  add('Errors', outputs?.stderr ?? '');
  add('Cause', blame?.cause ?? '');
  add('Nodes', someOf(lastJob(record)?.nodes ?? [], mostDependencies));
  add('Metrics', metrics.map(metricLine).join('\n'));
  add('Exit code', record.exitCode === null ? '' : String(record.exitCode));
  add('Signal', record.signal ?? '');
  add('Runs after', after);
  add('Jobs', jobs.join('\n'));
  return texts;
}
