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
import { keptPath } from './existing/kept-inputs.js';

/** The log file in the study directory, at the path that Maestro uses. */
export function logPath(studyName: string): string {
  return `logs/${safeName(studyName)}.log`;
}

/** A spec that is staged. */
export interface StagedSpec {
  readonly name: string;
  readonly text: string;
  /** The text of the file that has what it was planned with besides: see existing/kept-inputs.ts. */
  readonly kept?: string;
}

/** What an earlier run has staged. */
export interface StagedBefore {
  /** Whether the scripts of the instance with this index are there and up to date. */
  readonly hasScripts: (index: number) => boolean;
}

/**
 * Writes the files of a study in one stream: its spec, its parameter generator, its scripts and the launcher.
 *
 * @param spec the spec's file name and text
 * @param before given when a study is resumed: scripts that are up to date are not replaced, because jobs may be
 *   reading them
 * @throws HostError if they cannot be written
 */
export async function stage(host: Host, plan: Plan, spec: StagedSpec, before?: StagedBefore): Promise<void> {
  await writeFiles(host, plan.places.studyPath, stagedFiles(plan, spec, before));
  if (before !== undefined && hasJobs(plan)) await renewLauncher(host, plan.places.studyPath);
}

/** Whether a step is a job: local steps need no launcher. */
const hasJobs = ({ graph }: Pick<Plan, 'graph'>) => graph.steps.some(({ scheduled }) => scheduled);

function* stagedFiles(
  { spec: study, graph, scripts, generator }: Plan,
  spec: StagedSpec,
  before: StagedBefore | undefined,
): Generator<HostFile | HostDirectory> {
  const specName = path.posix.basename(spec.name);
  yield { path: specName, text: spec.text };
  if (spec.kept !== undefined) yield { path: keptPath, text: spec.kept, isPrivate: true };
  if (generator !== undefined) {
    // At the path that Maestro uses, unless another file of the study has that name.
    const taken = [specName, ...reserved, ...graph.steps.map(({ workspace }) => workspace.split('/')[0]!)];
    const directory = taken.includes(generator.name) ? '.conductor/' : '';
    yield { path: `${directory}${generator.name}`, text: generator.bytes };
  }
  if (before === undefined) {
    yield { path: logPath(study.name), text: '' };
    if (hasJobs({ graph })) yield { path: launcherPath, text: launcherText, executable: true };
  } else {
    // An earlier driver may have ended before it created the directory.
    yield { directory: path.posix.dirname(logPath(study.name)) };
  }
  for (const [index, { main, restart }] of scripts.entries()) {
    if (before?.hasScripts(index)) continue;
    yield { ...main, executable: true };
    if (restart !== null) yield { ...restart, executable: true };
  }
  // Created now, so that jobs need not start a process for it.
  for (const { workspace, index } of graph.steps) {
    if (!before?.hasScripts(index)) yield { directory: `${claimsPath}/${workspace}` };
  }
}

/**
 * Replaces a launcher that is outdated or damaged. The rename is atomic, so a job that starts finds the old or the new
 * one.
 */
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

/** Clones the repositories of `env.dependencies`. */
export async function clone(
  host: Host,
  { spec, places, environment }: Plan,
  cancel: AbortSignal,
  log: Pick<Log, 'info' | 'warning'>,
): Promise<void> {
  const { studyPath } = places;
  await cloneRepositories({ host, studyPath, clones: environment.clones(spec, places), cancel, log });
}
