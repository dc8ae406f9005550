import { createHash } from 'node:crypto';
import type { Job } from '../scheduler.js';

/** The files that are submitted, relative to the study directory. */
export const jobsPath = '.conductor/jobs';

/** The part of a label that is the step's name, in characters. */
const MAX_NAME_LENGTH = 40;

/**
 * A name for an attempt that no other job of the user has: it names the file that is submitted and the bells of its
 * launcher, and finds its job if the answer to the submit was lost.
 *
 * @returns letters, digits, `_`, `-`, and `.` before the number of the attempt
 */
export function labelOf(studyPath: string, { step, attempt }: Pick<Job, 'attempt'> & LabelledStep): string {
  const hash = createHash('sha256').update(`${studyPath}\0${step.workspace}`).digest('hex').slice(0, 12);
  const name = step.name.replaceAll(/[^A-Za-z0-9_-]+/g, '-').slice(0, MAX_NAME_LENGTH);
  return `${name}-${hash}.${attempt}`;
}

interface LabelledStep {
  readonly step: Pick<Job['step'], 'name' | 'workspace'>;
}
