import { createHash } from 'node:crypto';
import path from 'node:path';
import { pyStr } from '../spec/python.js';
import type { Spec } from '../spec/spec.js';
import { safeName } from './names.js';

/** What the path of a study directory depends on. */
export interface DirectoryRules {
  /** The input `output-path`; '' if it was not given. */
  readonly outputPath: string;
  /**
   * The base of relative paths: the current directory, or on GitHub a directory for the repository in the user's home.
   */
  readonly root: string;
  /** The user's home on the host. */
  readonly home: string;
  /** The end of the directory name: a time stamp, or on GitHub the study key. */
  readonly suffix: string;
}

/**
 * The study directory: `output-path` exactly, or `<name>_<suffix>` below the spec's OUTPUT_PATH (Maestro 1.1,
 * `run_study`). A leading `~/` is the user's home; Maestro would create a directory called `~`.
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

/** The default study key on GitHub: the id of the run, and a hash of what distinguishes studies of the same run. */
export function defaultStudyKey(runId: string, ...distinctions: readonly string[]): string {
  return `${runId}-${shortHash(distinctions.join('\0'))}`;
}

/** A short hash, enough to distinguish the few studies of a workflow job. */
export function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}

/** The directory of the studies on a host, by the home directory there. */
export function studiesRoot(home: string): string {
  return path.posix.join(home, 'maestro-studies');
}
