import path from 'node:path';
import * as core from '@actions/core';
import type { Runner } from '../github/runner-facts.js';
import type { collectOutputs, commentOutputs, runOutputs } from '../inputs/outputs.js';
import { inputVariable } from '../inputs/parse.js';
import { secrets } from '../inputs/traits.js';
import { inline } from '../report/markdown.js';
import type { StudyResults } from '../report/results.js';
import { hasFailed, isSkipped, type StepRecord } from '../study/state.js';
import { InputError } from '../util/errors.js';

/** @throws InputError if a variable that every runner sets is missing */
export function readRunner(environment: Readonly<Record<string, string | undefined>>): Runner {
  const need = (name: string) => {
    const value = environment[name];
    if (value === undefined || value === '')
      throw new InputError([`${name} is not set, although every GitHub Actions runner sets it`]);
    return value;
  };
  const serverUrl = withoutSlash(environment.GITHUB_SERVER_URL || 'https://github.com');
  return {
    workspace: path.resolve(need('GITHUB_WORKSPACE')),
    repository: need('GITHUB_REPOSITORY'),
    runId: need('GITHUB_RUN_ID'),
    runUrl: `${serverUrl}/${need('GITHUB_REPOSITORY')}/actions/runs/${need('GITHUB_RUN_ID')}`,
    apiUrl: withoutSlash(environment.GITHUB_API_URL || 'https://api.github.com'),
    serverUrl,
    sha: environment.GITHUB_SHA ?? '',
    eventName: environment.GITHUB_EVENT_NAME ?? '',
    eventPath: environment.GITHUB_EVENT_PATH ?? '',
    temporary: need('RUNNER_TEMP'),
    job: environment.GITHUB_JOB || undefined,
    step: environment.GITHUB_ACTION || undefined,
    attempt: environment.GITHUB_RUN_ATTEMPT || undefined,
    // Without the branch: that of a pull request is its own.
    workflow: environment.GITHUB_WORKFLOW_REF?.split('@')[0] || environment.GITHUB_WORKFLOW || undefined,
    runNumber: Number(environment.GITHUB_RUN_NUMBER) || undefined,
    ref: environment.GITHUB_REF || undefined,
    baseRef: environment.GITHUB_BASE_REF || undefined,
  };
}

const withoutSlash = (url: string) => url.replace(/\/+$/, '');

/**
 * Keeps secrets out of the log, before inputs that are wrong are told of: line by line, because that is how the log is
 * looked through.
 */
export function maskSecrets(environment: Readonly<Record<string, string | undefined>>): void {
  const texts = secrets.map((name) => environment[inputVariable(name)] ?? '');
  const lines = texts.flatMap((text) => text.split(/\r\n|\r|\n|\\n/));
  // A short line would be masked wherever it occurs in the log.
  for (const line of new Set(lines.map((text) => text.trim()))) if (line.length >= 4) core.setSecret(line);
}

/** The outputs of a run, or of several. */
export type Outputs = Readonly<Record<keyof typeof runOutputs, string>>;

/** What a comment asks for. */
export type CommentOutputs = Readonly<Record<keyof typeof commentOutputs, string>>;

/** What is said of each of several studies. */
export type CollectOutputs = Outputs & Readonly<Record<keyof typeof collectOutputs, string>>;

/** The outputs that count steps. */
export function stepCounts(records: readonly StepRecord[]) {
  const number = (is: (record: StepRecord) => boolean) => String(records.filter(is).length);
  return {
    'steps-total': String(records.length),
    'steps-finished': number(({ state }) => state === 'FINISHED'),
    'steps-failed': number(hasFailed),
    'steps-skipped': number(isSkipped),
  };
}

/** The outputs of a run. */
export function outputsOf(results: StudyResults, reportPath: string, checkRunUrl: string | undefined): Outputs {
  return {
    status: results.status,
    cause: results.blame?.cause ?? '',
    'study-path': results.path,
    'flux-uri': results.fluxUri ?? '',
    ...stepCounts(results.steps.map(({ record }) => record)),
    'report-path': reportPath,
    'check-run-url': checkRunUrl ?? '',
  };
}

/** Writes the action's outputs to the file GITHUB_OUTPUT. Never throws: returns the reason of a failure. */
export function setOutputs(values: Outputs | CommentOutputs | CollectOutputs): string | undefined {
  try {
    for (const [name, value] of Object.entries(values)) core.setOutput(name, value);
    return undefined;
  } catch (error) {
    return `the outputs cannot be set: ${(error as Error).message}`;
  }
}

/** Sets the status of a study that has not begun. Never throws. */
export function setStatus(status: 'UNREACHABLE'): void {
  try {
    core.setOutput('status', status);
  } catch {
    // The error that is the reason for the status is reported anyway.
  }
}

/** Appends to the job summary. Never throws: returns the reason of a failure. */
export async function writeSummary(markdown: string): Promise<string | undefined> {
  try {
    await core.summary.addRaw(markdown).write();
    return undefined;
  } catch (error) {
    return `the job summary cannot be written: ${(error as Error).message}`;
  }
}

/**
 * The job summary of a command that could not be carried out.
 *
 * @param title what cannot be done, for people
 */
export function cannotRun(reasons: readonly string[], title = 'The study cannot be run'): string {
  return `## ❌ ${title}\n\n${reasons.map((line) => `- ${inline(line)}`).join('\n')}\n\n`;
}
