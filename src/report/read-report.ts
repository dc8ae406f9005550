import type * as z from 'zod';
import { type JobRecord, newRecord, type StepRecord } from '../study/state.js';
import { UserError } from '../util/errors.js';
import { faultOf } from './causes.js';
import { clip } from './markdown.js';
import { metricRows } from './metrics/reported.js';
import { REPORT_SCHEMA, type ReadableReport, readableSchema } from './report-schema.js';
import { causeIn } from './reported-cause.js';
import { type StepResult, type StudyResults, TOLERATED } from './results.js';

/** A text that is no report that this version can read; the message says why, as a clause: `is not JSON`. */
export class ReportError extends UserError {
  constructor(message: string) {
    super(message);
    this.name = 'ReportError';
  }
}

/**
 * Reads a report.json, also one of an earlier version. Nothing of the text gets into messages, but for the number of its schema.
 *
 * @throws ReportError
 */
export function readReport(text: string): ReadableReport {
  if (text.trim() === '') throw new ReportError('is empty');
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\ufeff/, ''));
  } catch {
    throw new ReportError('is not JSON');
  }
  const { schema, kind } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  if (kind === 'merged') throw new ReportError('is merged of several, and has no steps of its own');
  if (schema === undefined) throw new ReportError('has no `schema`');
  if (schema !== REPORT_SCHEMA) {
    const shown = clip(JSON.stringify(schema), 100);
    throw new ReportError(`has schema ${shown}, and this version knows schema ${REPORT_SCHEMA} only`);
  }
  const result = readableSchema.safeParse(value);
  if (result.success) return result.data;
  throw new ReportError(describeIssue(result.error.issues[0]!));
}

function describeIssue({ path, message }: z.core.$ZodIssue): string {
  const place = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');
  return `is wrong at \`${place.replace(/^\./, '')}\` (${clip(message, 100)})`;
}

/** Milliseconds since the epoch; null for what is not known. */
export function timeOf(text: string | null | undefined): number | null {
  return text == null ? null : Date.parse(text);
}

/** The results that a report was made of, as far as it keeps them: the reports of them are made as of those of a run. */
export function resultsOfReport({ status, run, study, steps, metrics }: ReadableReport): StudyResults {
  const spec = study.spec ?? '';
  const indexes = new Map(steps.map(({ name }, index) => [name, index]));
  const ended = timeOf(study.ended) ?? timeOf(study.started) ?? 0;
  const rows = metrics && metricRows(metrics, steps);
  const shown = steps.map((step, index): StepResult => {
    const { name, params = {}, workspace = '', scheduled = false, dependsOn = [] } = step;
    const { stdout, stderr } = step;
    return {
      step: {
        ...{ index, name, params, workspace, scheduled, step: step.step ?? name },
        at: { file: spec, line: step.line ?? 1, column: 1 },
        dependsOn: dependsOn.flatMap((other) => indexes.get(other) ?? []),
      },
      record: recordOf(step),
      scripts: {
        main: { path: step.script ?? '' },
        restart: step.restartScript == null ? null : { path: step.restartScript },
      },
      outputs: stdout == null || stderr == null ? null : { stdout, stderr },
      dependsOn,
      errorTail: step.stderrTail ?? null,
      outputTail: step.stdoutTail ?? null,
      ...known({ blame: causeIn(step), nodeHours: step.nodeHours ?? undefined }),
    };
  });
  return {
    status,
    interruption: study.interruption ?? '',
    name: study.name,
    description: study.description ?? '',
    path: study.path ?? '',
    spec,
    host: study.host ?? '',
    scheduler: study.scheduler ?? 'local',
    fluxUri: study.fluxUri ?? null,
    started: timeOf(study.started) ?? ended,
    ended,
    ...(rows && { metrics: rows }),
    ...studyCausesOf(study, new Map(steps.map(({ name, step = name }) => [name, step]))),
    ...(run && { run }),
    steps: shown,
    causeLine: faultOf(shown, rows).causeLine,
  };
}

/** @param stepOf the steps of the spec by the names of their instances */
function studyCausesOf(study: ReadableReport['study'], stepOf: ReadonlyMap<string, string>) {
  const { suspects, flaky, pattern, nodeHours, allocation } = study;
  return known({
    blame: causeIn(study),
    suspects,
    flaky: flaky?.map(({ name, passedAt, failures }) => ({
      ...{ name, passedAt },
      failures: failures.map((failure) => ({
        ...{ step: stepOf.get(name) ?? name, name, attempt: failure.attempt },
        ...{ nodes: failure.nodes ?? [], blame: causeIn(failure) ?? null },
      })),
    })),
    nodeHours: nodeHours ?? undefined,
    allocation: allocation ?? undefined,
    pattern,
  });
}

/** Without the members that a report of an earlier version does not have. */
function known<T extends object>(members: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as typeof members;
}

function recordOf(step: ReadableReport['steps'][number]): StepRecord {
  const { state, reason = '', exitCode = null, signal = null, restarts = 0 } = step;
  // Earlier versions told this by the reason alone.
  const tolerated = step.tolerated ?? reason.endsWith(TOLERATED);
  return {
    ...newRecord(),
    state,
    reason: tolerated && reason.endsWith(TOLERATED) ? reason.slice(0, -TOLERATED.length) : reason,
    tolerated,
    ...{ exitCode, signal, restarts },
    jobs: step.jobs.map(jobOf),
    submitted: timeOf(step.submitted),
    started: timeOf(step.started),
    ended: timeOf(step.ended),
  };
}

function jobOf(job: ReadableReport['steps'][number]['jobs'][number], index: number): JobRecord {
  const started = timeOf(job.started);
  return {
    ...{ attempt: index + 1, script: 'main', id: job.id ?? '', place: '', isDoubtful: false, started },
    ...{ submitted: timeOf(job.submitted) ?? started ?? 0, ended: timeOf(job.ended), result: job.result ?? null },
    ...known({ blame: causeIn(job), nodes: job.nodes ?? undefined }),
    ...(job.excluded?.length && { excluded: job.excluded }),
  };
}
