import { realpathSync } from 'node:fs';
import path from 'node:path';
import type { Runner } from '../github/runner-facts.js';
import { defaultStudyKey } from '../study/directory.js';
import { distinctions } from './parse.js';
import type { Inputs } from './schema.js';

/** The keys of a study of a workflow run. */
export interface StudyKeys {
  readonly key: string;
  /** The key that an earlier version gave the same study; undefined if it is the same, or the user chose the key. */
  readonly former: string | undefined;
}

/**
 * The study key of a step of a workflow. It includes the ids of the job and the step, which a re-run keeps, so that two steps
 * with one spec are two studies.
 *
 * @param inputs as they were given, however their paths are spelled
 */
export function studyKeys(inputs: Inputs, { runId, workspace, job, step }: Runner): StudyKeys {
  if (inputs['study-key'] !== '') return { key: inputs['study-key'], former: undefined };
  const plain = withPlainPaths(inputs, workspace);
  const origin = job === undefined && step === undefined ? [] : [job ?? '', step ?? ''];
  const key = defaultStudyKey(runId, plain.spec, ...distinctions(plain), ...origin);
  const former = defaultStudyKey(runId, inputs.spec, ...distinctions(inputs));
  return { key, former: former === key ? undefined : former };
}

/** The inputs with each path that tells studies apart in one spelling: `./a/../study.yaml` is `study.yaml`. */
export function withPlainPaths(inputs: Inputs, directory: string): Inputs {
  return { ...inputs, spec: plainPath(inputs.spec, directory), pgen: plainPath(inputs.pgen, directory) };
}

/** A path from a directory. One that leads out of it stays absolute if it was given so; '' stays. */
function plainPath(given: string, directory: string): string {
  if (given === '') return '';
  const file = path.resolve(directory, given);
  if (!path.isAbsolute(given)) return path.relative(directory, file) || '.';
  return within(file, directory) ?? within(real(file), real(directory)) ?? file;
}

function within(file: string, directory: string): string | undefined {
  const way = path.relative(directory, file);
  return way === '..' || way.startsWith('../') || path.isAbsolute(way) ? undefined : way || '.';
}

/** With links followed, of what is there. */
function real(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return file;
  }
}
