import { existsSync } from 'node:fs';
import path from 'node:path';
import type { StepDigests } from '../conductor/resume.js';
import { HostError } from '../hosts/host.js';
import { sendTree } from '../hosts/upload/send.js';
import { largeTreeWarning, leftOutText } from '../hosts/upload/texts.js';
import { readTree, StagingStopped, type Tree } from '../hosts/upload/tree.js';
import type { Plan } from '../scripts/plan.js';
import type { JournalState } from '../store/journal/records.js';
import { openJob, type StepRecord } from '../study/state.js';
import type { Clock } from '../util/clock.js';
import { counted } from '../util/format.js';
import { type KeptContext, keptInputs } from './existing/kept-inputs.js';
import type { OpenStudy } from './open-study.js';
import { type Arrived, type StudyContext, stagePath } from './prepare.js';
import { clone, type StagedBefore, stage } from './stage.js';
import { UploadProgress } from './upload-progress.js';

interface StagingContext extends Pick<StudyContext, 'host' | 'log' | 'text' | 'cancel'>, KeptContext {
  readonly clock: Clock;
}

/** Writes the study's files, uploads the working tree and clones the repositories of `env.dependencies`. */
export async function stageAll(
  context: StagingContext,
  { plan, digests, session, resumption }: OpenStudy,
  tree: Tree | undefined,
): Promise<void> {
  const { options, host, log, text, specPath, cancel } = context;
  const { studyPath } = plan.places;
  // After a takeover the new driver stages the study.
  const stopIfLost = () => {
    if (session?.lost.aborted) throw new HostError(String(session.lost.reason));
  };
  log.phase('Stage');
  const before = resumption && stagedBefore(session!.state, plan, digests, resumption.records);
  await stage(host, plan, { name: specPath, text, kept: keptInputs(context) }, before);
  if (before === undefined) log.info(`${counted(plan.scripts.length, 'step')} staged`);
  stopIfLost();
  if (tree !== undefined)
    await upload(context, tree, { directory: `${studyPath}/${stagePath}`, isNew: before === undefined });
  stopIfLost();
  if (!options.isDryRun) await clone(host, plan, cancel, log);
}

/**
 * Finds the scripts that need not be written again. If the last staging was not completed, all are written. A step that
 * will run always gets its scripts again, because people remove the workspaces of failed steps.
 */
function stagedBefore(
  state: JournalState,
  { graph }: Plan,
  digests: readonly StepDigests[],
  records: readonly StepRecord[],
): StagedBefore {
  if (!state.isStaged) return { hasScripts: () => false };
  const scripts = new Map(state.plan?.steps.map(({ name, script }) => [name, script]));
  const isToRun = (record: StepRecord) => record.state !== 'FINISHED' && openJob(record) === undefined;
  return {
    hasScripts: (index) =>
      !isToRun(records[index]!) && scripts.get(graph.steps[index]!.name) === digests[index]!.script,
  };
}

/** Uploads the tree; stops early if the study is cancelled, because then no step will run. */
async function upload(
  { host, log, cancel, clock }: StagingContext,
  tree: Tree,
  { directory, isNew }: { readonly directory: string; readonly isNew: boolean },
): Promise<void> {
  const progress = new UploadProgress(log, clock, tree.bytes);
  try {
    await sendTree(host, tree, directory, {
      isNew,
      tell: (line) => log.info(line),
      warn: (line) => log.warning(line),
      progress: progress.update,
      cancel,
    });
  } catch (error) {
    if (!(error instanceof StagingStopped)) throw error;
    log.info(`Staging was stopped before its end: ${cancel.reason}`);
  } finally {
    progress.end();
  }
}

/**
 * Lists the files to upload; undefined if the host is this machine, or if the study is stopped during the listing.
 *
 * @throws HostError, SpecError
 */
export async function treeOf(context: StudyContext): Promise<Tree | undefined> {
  const { stageRoot, options, log, workingDirectory, cancel, arrived } = context;
  if (stageRoot === undefined) return undefined;
  if (arrived !== undefined) return arrivedTree(arrived, cancel);
  const report = options.report.path;
  const own = {
    reportPath: report === '' ? undefined : path.resolve(workingDirectory, report),
    isNeeded: neededBy(context, stageRoot),
    secrets: options.stage.secrets,
  };
  let tree: Tree;
  try {
    tree = await readTree(stageRoot, options.stage.excluded, { own, cancel });
  } catch (error) {
    if (error instanceof StagingStopped) return undefined;
    throw error;
  }
  const leftOut = leftOutText(tree);
  if (leftOut !== undefined) log.info(leftOut);
  for (const warning of tree.warnings) log.warning(warning);
  const large = largeTreeWarning(tree);
  if (large !== undefined) log.warning(large);
  return tree;
}

/** What was chosen, and told, where the study was started. Undefined if it is staged already. */
async function arrivedTree({ tree }: Arrived, cancel: AbortSignal): Promise<Tree | undefined> {
  if (!existsSync(tree)) return undefined;
  const own = { reportPath: undefined, isNeeded: () => true, secrets: [] };
  try {
    return await readTree(tree, [], { own, cancel });
  } catch (error) {
    if (error instanceof StagingStopped) return undefined;
    throw error;
  }
}

/**
 * Whether a directory of the tree contains the spec or is named in it: a study may read the results of an earlier one,
 * so such a directory is uploaded even if it looks like a study's output.
 */
function neededBy({ specPath, text }: StudyContext, stageRoot: string): (directory: string) => boolean {
  return (directory) => {
    if (specPath.startsWith(`${path.join(stageRoot, directory)}/`)) return true;
    const name = path.basename(directory).replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
    // The name counts only as a part of a path, because the same word elsewhere in the spec means nothing.
    return new RegExp(`(?:/|\\bpath:\\s*["']?)${name}(?![\\w.-])`, 'u').test(text);
  };
}
