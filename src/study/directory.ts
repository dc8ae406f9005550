import { createHash } from 'node:crypto';
import path from 'node:path';
import { pyStr } from '../spec/python.js';
import type { Spec } from '../spec/spec.js';
import { safeName } from './names.js';

/** What decides where a study's directory is. */
export interface DirectoryRules {
  /** The input `output-path`; '' if it was not given. */
  readonly outputPath: string;
  /** Where relative paths start: the current directory, or on GitHub a directory of the repository's under the home. */
  readonly root: string;
  /** The user's home on the host. */
  readonly home: string;
  /** What ends the directory's name: a time stamp, or on GitHub the study key. */
  readonly suffix: string;
}

/**
 * The study directory: `output-path` exactly, or `<name>_<suffix>` below the spec's OUTPUT_PATH (Maestro 1.1,
 * `run_study`). Unlike Maestro, which makes a directory called `~`, a leading `~/` is the home.
 */
export function studyDirectory(spec: Spec, { outputPath, root, home, suffix }: DirectoryRules): string {
  const resolve = (given: string) =>
    path.posix.resolve(
      root,
      given.replace(/^~(?=\/|$)/, () => home),
    );
  if (outputPath !== '') return resolve(outputPath);
  const variable = [...spec.variables, ...spec.labels].find(({ name }) => name === 'OUTPUT_PATH');
  const base = resolve(variable === undefined ? '' : pyStr(variable.value));
  return `${base === '/' ? '' : base}/${safeName(`${spec.name}_${suffix}`)}`;
}

/** Maestro's time stamp, in local time: `20260131-235900`. */
export function timeStamp(now: Date): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}`;
  return `${day}-${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}`;
}

/** The default study key on GitHub: the run, and what tells this study from others of the same run. */
export function defaultStudyKey(runId: string, ...distinctions: readonly string[]): string {
  return `${runId}-${shortHash(distinctions.join('\0'))}`;
}

/** Enough of a hash to tell the few things apart that one job of a workflow has. */
export function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}
