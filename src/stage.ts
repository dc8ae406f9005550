import path from 'node:path';
import { cloneRepositories } from './conductor/dependencies.js';
import { claimEmptyDirectory, type HostDirectory, type HostFile, writeFiles } from './hosts/files.js';
import { type Host, HostError } from './hosts/host.js';
import type { Plan } from './plan.js';
import { claimsPath, launcherPath, launcherText } from './schedulers/launcher.js';
import { safeName } from './study/names.js';

/** Where a study is to go: exactly there, or there or beside it. */
export interface WantedDirectory {
  readonly path: string;
  readonly exact: boolean;
}

/**
 * Makes the study directory. It is new or empty, so nobody else's study is in it.
 *
 * @throws HostError if it is not to be had
 */
export async function claimDirectory(host: Host, { path: wanted, exact }: WantedDirectory): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    const candidate = attempt === 1 ? wanted : `${wanted}.${attempt}`;
    if (await claimEmptyDirectory(host, candidate, '.conductor')) return candidate;
    if (exact) {
      throw new HostError(
        `the study directory ${wanted} exists and is not empty: choose another output-path, or move it away if its results are not needed`,
      );
    }
  }
}

/** The log of a study in its own directory, where Maestro has it. */
export function logPath(studyName: string): string {
  return `logs/${safeName(studyName)}.log`;
}

/**
 * Writes everything that a study has before it runs, in one stream: its spec, its scripts, the launcher.
 *
 * @param spec the spec's file name and text
 * @throws HostError if they cannot be written
 */
export async function stage(
  host: Host,
  plan: Plan,
  spec: { readonly name: string; readonly text: string },
): Promise<void> {
  await writeFiles(host, plan.places.studyPath, stagedFiles(plan, spec));
}

function* stagedFiles(
  { spec: study, graph, scripts }: Plan,
  spec: { readonly name: string; readonly text: string },
): Generator<HostFile | HostDirectory> {
  yield { path: path.posix.basename(spec.name), text: spec.text };
  yield { path: logPath(study.name), text: '' };
  yield { path: launcherPath, text: launcherText, executable: true };
  for (const { main, restart } of scripts) {
    yield { ...main, executable: true };
    if (restart !== null) yield { ...restart, executable: true };
  }
  // Made here, so that no job has to.
  for (const { workspace } of graph.steps) yield { directory: `${claimsPath}/${workspace}` };
}

/** Clones the repositories that the study depends on. */
export async function clone(
  host: Host,
  { spec, places, environment }: Plan,
  cancel: AbortSignal,
  tell: (line: string) => void,
): Promise<void> {
  await cloneRepositories(host, environment.clones(spec, places), cancel, tell);
}
