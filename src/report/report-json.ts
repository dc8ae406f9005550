import { hasFailed, isSkipped } from '../study/state.js';
import { isoTime } from '../util/format.js';
import { REPORT_SCHEMA, type Report, type ReportedStep } from './report-schema.js';
import { reasonOf, type StepResult, type StudyResults } from './results.js';

/** The text of report.json: for programs, for comparison with a later run, and to be merged with those of other machines. */
export function reportJson(results: StudyResults): string {
  return `${JSON.stringify(reportOf(results), null, 1)}\n`;
}

function reportOf(results: StudyResults): Report {
  return {
    schema: REPORT_SCHEMA,
    status: results.status,
    study: studyJson(results),
    steps: results.steps.map(stepJson),
  };
}

/** What reports say of the study as a whole. */
export function studyJson(results: StudyResults): Report['study'] {
  const { name, description, path, spec, host, scheduler, fluxUri, interruption } = results;
  return {
    name,
    description,
    path,
    spec,
    host,
    scheduler,
    fluxUri,
    interruption,
    started: isoTime(results.started),
    ended: isoTime(results.ended),
  };
}

function stepJson({ step, record, scripts, outputs, dependsOn, errorTail }: StepResult): ReportedStep {
  return {
    name: step.name,
    step: step.step,
    line: step.at.line,
    params: step.params,
    workspace: step.workspace,
    scheduled: step.scheduled,
    dependsOn: [...dependsOn],
    state: record.state,
    skipped: isSkipped(record),
    reason: reasonOf(record),
    tolerated: record.tolerated,
    exitCode: record.exitCode,
    signal: record.signal,
    restarts: record.restarts,
    jobs: record.jobs.map(({ id, submitted, started, ended, result }) => ({
      id,
      submitted: isoTime(submitted),
      started: isoTime(started),
      ended: isoTime(ended),
      result,
    })),
    script: scripts.main.path,
    restartScript: scripts.restart?.path ?? null,
    stdout: outputs?.stdout ?? null,
    stderr: outputs?.stderr ?? null,
    stderrTail: outputs === null || !hasFailed(record) ? null : errorTail,
    submitted: isoTime(record.submitted),
    started: isoTime(record.started),
    ended: isoTime(record.ended),
  };
}
