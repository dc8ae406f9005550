import { createHash } from 'node:crypto';
import { isInfrastructure } from '../../causes/cause.js';
import { recordFile } from '../../history/files.js';
import {
  HISTORY_FORMAT,
  HISTORY_SCHEMA,
  type HistoryRecord,
  type HistoryRun,
  type HistoryStep,
  recordText,
} from '../../history/record.js';
import type { MetricRow } from '../../report/metrics/rows.js';
import type { StepResult, StudyResults } from '../../report/results.js';
import { runTime } from '../../report/run-time.js';
import { isSkipped, type JobRecord } from '../../study/state.js';
import { groupBy } from '../../util/group-by.js';

/** What became of the instances, as a record of the history has it. */
export function historySteps(steps: readonly StepResult[]): Readonly<Record<string, HistoryStep>> {
  return Object.fromEntries(steps.map((result) => [result.step.name, historyStep(result)]));
}

function historyStep(result: StepResult): HistoryStep {
  const { record, blame = null } = result;
  return {
    state: record.state,
    skipped: isSkipped(record),
    tolerated: record.tolerated,
    cause: blame?.cause ?? null,
    isOfSpec: blame?.isOfSpec ?? false,
    time: runTime(result),
    failures: record.jobs.slice(0, -1).filter(hasFailedByItself).length,
  };
}

function hasFailedByItself({ result, blame }: JobRecord): boolean {
  return result === 'failed' && !(blame != null && isInfrastructure(blame));
}

/** The file of a study's record; undefined of a study that says nothing of the code: a dry run, or one that was cancelled. */
export function recordOf(
  results: StudyResults,
  run: HistoryRun,
): { readonly name: string; readonly text: string } | undefined {
  const { status, started, ended, name, path, blame, steps, metrics = [] } = results;
  if (status === 'DRYRUN' || status === 'CANCELLED') return undefined;
  const record: HistoryRecord = {
    ...{ format: HISTORY_FORMAT, schema: HISTORY_SCHEMA, run, study: name },
    ...{ status, cause: blame?.cause ?? null, started, ended },
    steps: historySteps(steps),
    metrics: valuesOf(metrics),
  };
  // A study that is reported twice is one record, and no other has its name.
  const identity = JSON.stringify([run, path, started, ended]);
  const digest = createHash('sha256').update(identity).digest('hex').slice(0, 16);
  return { name: recordFile(ended, digest), text: recordText(record) };
}

function valuesOf(rows: readonly MetricRow[]): HistoryRecord['metrics'] {
  const known = rows.filter(({ verdict }) => verdict.value !== null);
  return Object.fromEntries(
    [...groupBy(known, ({ metric }) => metric.name)].map(([metric, of]) => [
      metric,
      Object.fromEntries(of.map(({ step, verdict }) => [step.name, verdict.value!])),
    ]),
  );
}
