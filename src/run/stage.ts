import path from 'node:path';
import { mustRun } from '../hosts/commands.js';
import { type HostDirectory, type HostFile, replacingCommand, writeFiles } from '../hosts/files.js';
import type { Host } from '../hosts/host.js';
import { claimsPath, launcherPath, launcherText } from '../schedulers/claims/launcher.js';
import type { Plan } from '../scripts/plan.js';
import { reserved } from '../study/check.js';
import { safeName } from '../study/names.js';
import type { Log } from '../util/log/log.js';
import { quote } from '../util/shell-quote.js';
import { cloneRepositories } from './dependencies.js';

/** The log of a study in its own directory, where Maestro has it. */
export function logPath(studyName: string): string {
  return `logs/${safeName(studyName)}.log`;
}

/** What of a study is staged already. */
export interface StagedBefore {
  /** By the index of the instance: whether its scripts are there as they are to be. */
  readonly hasScripts: (index: number) => boolean;
}

/**
 * Writes everything that a study has before it runs, in one stream: its spec, its generator, its scripts, the launcher.
 *
 * @param spec the spec's file name and text
 * @param before of a study that is continued: what is there is left alone, for its jobs may be reading it
 * @throws HostError if they cannot be written
 */
export async function stage(
  host: Host,
  plan: Plan,
  spec: { readonly name: string; readonly text: string },
  before?: StagedBefore,
): Promise<void> {
  await writeFiles(host, plan.places.studyPath, stagedFiles(plan, spec, before));
  if (before !== undefined) await renewLauncher(host, plan.places.studyPath);
}

function* stagedFiles(
  { spec: study, graph, scripts, generator }: Plan,
  spec: { readonly name: string; readonly text: string },
  before: StagedBefore | undefined,
): Generator<HostFile | HostDirectory> {
  const specName = path.posix.basename(spec.name);
  yield { path: specName, text: spec.text };
  if (generator !== undefined) {
    // Where Maestro has it, but not over anything else of the study.
    const taken = [specName, ...reserved, ...graph.steps.map(({ workspace }) => workspace.split('/')[0]!)];
    const directory = taken.includes(generator.name) ? '.conductor/' : '';
    yield { path: `${directory}${generator.name}`, text: generator.bytes };
  }
  if (before === undefined) {
    yield { path: logPath(study.name), text: '' };
    yield { path: launcherPath, text: launcherText, executable: true };
  } else {
    // A driver may have ended before it came to make it.
    yield { directory: path.posix.dirname(logPath(study.name)) };
  }
  for (const [index, { main, restart }] of scripts.entries()) {
    if (before?.hasScripts(index)) continue;
    yield { ...main, executable: true };
    if (restart !== null) yield { ...restart, executable: true };
  }
  // Made here, so that no job has to.
  for (const { workspace, index } of graph.steps) {
    if (!before?.hasScripts(index)) yield { directory: `${claimsPath}/${workspace}` };
  }
}

/** A launcher that is another version's, or damaged, or not executable any more, is replaced at once: a job that starts finds the one or the other. */
async function renewLauncher(host: Host, studyPath: string): Promise<void> {
  const launcher = quote(`${studyPath}/${launcherPath}`);
  await mustRun(
    host,
    `cannot write ${studyPath}/${launcherPath}`,
    `${replacingCommand(`${studyPath}/${launcherPath}`, launcherText)}\nchmod +x -- "$new" || exit\n` +
      `if [ -x ${launcher} ] && [ "$(<"$new")" = "$(<${launcher})" ]; then rm -f -- "$new"; else mv -fT -- "$new" ${launcher}; fi`,
    launcherText,
  );
}

/** Clones the repositories that the study depends on. */
export async function clone(
  host: Host,
  { spec, places, environment }: Plan,
  cancel: AbortSignal,
  log: Pick<Log, 'info' | 'warning'>,
): Promise<void> {
  const { studyPath } = places;
  await cloneRepositories({ host, studyPath, clones: environment.clones(spec, places), cancel, log });
}
