import { lastJob, type ShownState, shownState } from '../../study/state.js';
import { isoTime } from '../../util/format.js';
import { printable } from '../../util/log/plain-text.js';
import { attentionRank } from '../attention.js';
import { runMilliseconds } from '../final-table.js';
import { reasonOf, type StepResult, type StudyResults } from '../results.js';
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
  readonly rows: readonly PageRow[];
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
  readonly line: number;
  /** What is shown of a row that is opened: titles and texts. */
  readonly more: readonly (readonly [string, string])[];
  /** Whether the section of failures has it. */
  readonly failure?: true;
}

/** @param failures the results that the section of failures shows */
export function pageData({ steps }: StudyResults, failures: ReadonlySet<StepResult>): PageData {
  const names = [...new Set(steps.map(({ step }) => step.step))];
  const stepIndex = new Map(names.map((name, i) => [name, i]));
  const params = [...new Set(steps.flatMap(({ step }) => Object.keys(step.params)))].sort();
  const there = new Set(steps.map(({ record }) => shownState(record)));
  const states = stateOrder.filter((state) => there.has(state));
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
      ran: runMilliseconds(result),
      restarts: record.restarts,
      reason: printable(reasonOf(record)),
      line: step.at.line,
      more: more(result).map(([title, text]) => [title, printable(text)] as const),
      ...(failures.has(result) ? { failure: true as const } : {}),
    };
  });
  return {
    states: states.map((name) => ({ name, tone: toneOf(name) })),
    steps: names.map(printable),
    params: params.map(printable),
    rows,
  };
}

function more({ step, record, scripts, outputs, dependsOn }: StepResult): [string, string][] {
  const others = dependsOn.length - mostDependencies;
  const after = dependsOn.slice(0, mostDependencies).join('\n') + (others > 0 ? `\nand ${others} more` : '');
  const jobs = record.jobs.map(({ id, attempt, submitted, started, ended, result }) =>
    [
      `${attempt}. ${id || 'no id'}: ${result ?? 'not over'}`,
      `submitted ${isoTime(submitted)}`,
      ...(started === null ? [] : [`began ${isoTime(started)}`]),
      ...(ended === null ? [] : [`ended ${isoTime(ended)}`]),
    ].join(', '),
  );
  const texts: [string, string][] = [
    ['Workspace', step.workspace],
    ['Script', scripts.main.path],
    ['Output', outputs?.stdout ?? ''],
    ['Errors', outputs?.stderr ?? ''],
    ['Exit code', record.exitCode === null ? '' : String(record.exitCode)],
    ['Signal', record.signal ?? ''],
    ['Runs after', after],
    ['Jobs', jobs.join('\n')],
  ];
  return texts.filter(([, text]) => text !== '');
}
