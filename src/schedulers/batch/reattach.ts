import type { AttemptClaims } from '../claims/attempt-claims.js';
import type { InheritedJob } from '../scheduler.js';
import type { BatchSystem } from './batch-system.js';
import type { BatchCommands } from './commands.js';
import { type EndFacts, factsOfClaim } from './decide-end.js';
import { completeId } from './job-id.js';
import type { QueuedJob } from './queued-job.js';

export interface FindOptions {
  readonly commands: Pick<BatchCommands, 'find'>;
  readonly claims: Pick<AttemptClaims, 'read'>;
  readonly system: Pick<BatchSystem, 'idOfOwner'>;
  /** The installation of this run, in the records of jobs. */
  readonly endpoint: string;
}

/** What was found about an attempt of an earlier driver. */
export interface FoundJob {
  readonly queued: QueuedJob;
  /** The id of its job; '' if none was found. */
  readonly id: string;
  /** The id in the journal. */
  readonly knownId: string;
  readonly facts: Pick<EndFacts, 'owner' | 'exit'>;
  /** Other jobs of the attempt. */
  readonly twins: readonly string[];
  readonly mayBeDuplicate: boolean;
  /** Whether it ran in another installation, which cannot be asked: only what its launcher recorded counts. */
  readonly isElsewhere: boolean;
}

/**
 * Finds the jobs of attempts that an earlier driver submitted, or was about to submit: by the claim, by the id in the
 * journal, or else by the label.
 *
 * @throws NotAnsweredError, HostError
 */
export async function findInherited(
  inherited: readonly { readonly job: InheritedJob; readonly queued: QueuedJob }[],
  { commands, claims, system, endpoint }: FindOptions,
): Promise<readonly FoundJob[]> {
  const found = await claims.read(inherited.map(({ job }) => job));
  const facts = found.map((claim) => factsOfClaim(claim, system.idOfOwner));
  const isOfOther = ({ job }: (typeof inherited)[number]) => job.endpoint !== '' && job.endpoint !== endpoint;
  const isSought = (one: (typeof inherited)[number]) => one.job.id === '' || one.job.mayBeDuplicate || isOfOther(one);
  const ids = await commands.find(inherited.filter(isSought).map(({ queued }) => queued.label));
  return inherited.map((one, i) => {
    const { job, queued } = one;
    const listed = ids.get(queued.label) ?? [];
    const { owner } = facts[i]!;
    // The same id is another job elsewhere.
    const isElsewhere = isOfOther(one) && listed.length === 0;
    const all = [isOfOther(one) ? '' : job.id, ...listed].filter((id) => id !== '');
    const id = typeof owner === 'string' ? completeId(owner, all) : (all[0] ?? '');
    const twins = listed.filter((twin) => twin !== id);
    // An attempt without an id may have been submitted, even if no job is found.
    const mayBeDuplicate = job.mayBeDuplicate || all.length === 0 || twins.length > 0;
    return { queued, id, knownId: job.id, facts: facts[i]!, twins, mayBeDuplicate, isElsewhere };
  });
}
