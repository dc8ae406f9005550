import { quoteAll } from '../../util/shell-quote.js';
import { launcherWords } from '../claims/launcher.js';
import type { Job } from '../scheduler.js';
import type { BatchSystem } from './batch-system.js';

/**
 * The text of the file that is submitted for an attempt: the directives of the step's script, and the launcher in place
 * of its commands.
 *
 * @param header the first lines of the step's script
 */
export function jobFile(
  system: Pick<BatchSystem, 'jobIdExpression' | 'nodesExpression' | 'redirections' | 'replacesDirective'>,
  { studyPath, job, label, header }: JobFileOptions,
): string {
  const { step, attempt, script } = job;
  // The script may be for another shell, and finds its own when the launcher starts it.
  const [, ...lines] = header.split('\n');
  const directives = lines.filter((line) => system.replacesDirective?.(line.replace(/^#\S+ /, '')) !== true);
  const launcher = quoteAll([...launcherWords(studyPath, step.workspace, attempt), `${studyPath}/${script}`]);
  const redirections = system.redirections?.(step, studyPath, directives) ?? '';
  return [
    '#!/bin/bash -p',
    ...directives,
    '',
    `export CONDUCTOR_JOB=${system.jobIdExpression} CONDUCTOR_BELL=${label} CONDUCTOR_NODES=${system.nodesExpression}`,
    `exec ${launcher}${redirections}`,
    '',
  ].join('\n');
}

export interface JobFileOptions {
  readonly studyPath: string;
  readonly job: Job;
  readonly label: string;
  readonly header: string;
}
