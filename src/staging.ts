import type { Begun } from './begin.js';
import type { JournalState } from './conductor/journal/records.js';
import type { StepDigests } from './conductor/resumption.js';
import { openJob, type StepRecord } from './conductor/state.js';
import { HostError } from './hosts/host.js';
import { sendTree } from './hosts/tree/send.js';
import { largeTreeWarning } from './hosts/tree/texts.js';
import { readTree, type Tree } from './hosts/tree/tree.js';
import type { Plan } from './plan.js';
import { type StudyContext, stagePath } from './prepare.js';
import { counted } from './report/plain-text.js';
import { clone, type StagedBefore, stage } from './stage.js';

type StagingContext = Pick<StudyContext, 'inputs' | 'host' | 'log' | 'text' | 'specPath' | 'cancel'>;

/** Brings all files of a study to where they belong. */
export async function stageAll(
  context: StagingContext,
  { plan, digests, hold, resumption }: Begun,
  tree: Tree | undefined,
): Promise<void> {
  const { inputs, host, log, text, specPath, cancel } = context;
  const { studyPath } = plan.places;
  // Whoever drives the study by now has staged it as he wants it.
  const stopIfLost = () => {
    if (hold?.lost.aborted) throw new HostError(String(hold.lost.reason));
  };
  log.phase('Stage');
  const before = resumption && stagedBefore(hold!.state, plan, digests, resumption.records);
  await stage(host, plan, { name: specPath, text }, before);
  if (before === undefined) log.info(`${counted(plan.scripts.length, 'step')} staged`);
  stopIfLost();
  if (tree !== undefined) await sendTree(host, tree, `${studyPath}/${stagePath}`, { tell: (line) => log.info(line) });
  stopIfLost();
  if (!inputs['dry-run']) await clone(host, plan, cancel, log);
}

/**
 * Which scripts are there already as they are to be. Of what was not staged to its end nothing is known, and a step that is
 * to run gets its scripts again: people remove workspaces of what went wrong.
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

/** What is to be copied to the host, if that is another machine. */
export async function treeOf({ stageRoot, inputs, log }: StudyContext): Promise<Tree | undefined> {
  if (stageRoot === undefined) return undefined;
  const tree = await readTree(stageRoot, inputs['stage-exclude']);
  for (const warning of tree.warnings) log.warning(warning);
  const large = largeTreeWarning(tree);
  if (large !== undefined) log.warning(large);
  return tree;
}
