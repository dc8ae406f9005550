import { isSkipped } from '../study/state.js';
import { isoTime } from '../util/format.js';
import { reasonOf, type StepResult, type StudyResults } from './results.js';

/** The text of report.json, schema 1: for programs, and for comparison with a later run. */
export function reportJson(results: StudyResults): string {
  const { name, description, path, spec, host, scheduler, fluxUri, started, ended } = results;
  const report = {
    schema: 1,
    status: results.status,
    study: {
      name,
      description,
      path,
      spec,
      host,
      scheduler,
      fluxUri,
      started: isoTime(started),
      ended: isoTime(ended),
    },
    steps: results.steps.map(stepJson),
  };
  return `${JSON.stringify(report, null, 1)}\n`;
}

function stepJson({ step, record, scripts, outputs, dependsOn }: StepResult) {
  return {
    name: step.name,
    step: step.step,
    line: step.at.line,
    params: step.params,
    workspace: step.workspace,
    scheduled: step.scheduled,
    dependsOn,
    state: record.state,
    skipped: isSkipped(record),
    reason: reasonOf(record),
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
    submitted: isoTime(record.submitted),
    started: isoTime(record.started),
    ended: isoTime(record.ended),
  };
}
