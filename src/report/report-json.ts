import { hasFailed, isSkipped, type JobRecord, jobsOfRun, lastJob } from '../study/state.js';
import { isoTime } from '../util/format.js';
import { blameIn } from './causes.js';
import { reportedHistory, reportedMetric } from './metrics/reported.js';
import { REPORT_SCHEMA, type Report, type ReportedStep } from './report-schema.js';
import { reportedCause } from './reported-cause.js';
import { reasonOf, type StepResult, type StudyResults } from './results.js';

/** The text of report.json: for programs, for comparison with a later run, and to be merged with those of other machines. */
export function reportJson(results: StudyResults): string {
  return `${JSON.stringify(reportOf(results), null, 1)}\n`;
}

function reportOf(results: StudyResults): Report {
  return {
    schema: REPORT_SCHEMA,
    status: results.status,
    run: results.run ?? null,
    study: studyJson(results),
    steps: results.steps.map(stepJson),
    metrics: (results.metrics ?? []).map(reportedMetric),
    history: results.history === undefined ? null : reportedHistory(results.history),
  };
}

/** What reports say of the study as a whole. */
export function studyJson(results: StudyResults): Report['study'] {
  const { name, description, path, spec, host, scheduler, fluxUri, interruption } = results;
  const { blame, pattern = '', suspects = [], flaky = [], nodeHours = null, allocation = null } = results;
  return {
    name,
    description,
    path,
    spec,
    host,
    scheduler,
    fluxUri,
    interruption,
    ...reportedCause(blame),
    pattern,
    suspects: suspects.map(({ node, failed, steps }) => ({ node, failed: [...failed], steps: [...steps] })),
    flaky: flaky.map(({ name: of, passedAt, failures }) => ({
      name: of,
      passedAt,
      failures: failures.map((failure) => ({
        attempt: failure.attempt,
        nodes: failure.nodes.length === 0 ? null : [...failure.nodes],
        ...reportedCause(failure.blame),
      })),
    })),
    nodeHours,
    allocation,
    started: isoTime(results.started),
    ended: isoTime(results.ended),
  };
}

function stepJson(result: StepResult): ReportedStep {
  const { step, record, scripts, outputs, dependsOn, errorTail, blame, nodeHours = null } = result;
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
    ...reportedCause(blame),
    nodes: nodesOf(lastJob(record)),
    attempts: jobsOfRun(record).length,
    nodeHours,
    restarts: record.restarts,
    jobs: record.jobs.map((job) => ({
      id: job.id,
      submitted: isoTime(job.submitted),
      started: isoTime(job.started),
      ended: isoTime(job.ended),
      result: job.result,
      nodes: nodesOf(job),
      excluded: [...(job.excluded ?? [])],
      ...reportedCause(blameIn(result, job)),
    })),
    script: scripts.main.path,
    restartScript: scripts.restart?.path ?? null,
    stdout: outputs?.stdout ?? null,
    stderr: outputs?.stderr ?? null,
    stderrTail: outputs === null || !hasFailed(record) ? null : errorTail,
    stdoutTail: outputs === null || !hasFailed(record) ? null : (result.outputTail ?? null),
    submitted: isoTime(record.submitted),
    started: isoTime(record.started),
    ended: isoTime(record.ended),
  };
}

const nodesOf = (job: JobRecord | undefined) => (job?.nodes === undefined ? null : [...job.nodes]);
