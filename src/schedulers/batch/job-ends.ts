import { type Host, HostError } from '../../hosts/host.js';
import type { Clock } from '../../util/clock.js';
import type { AttemptClaims } from '../claims/attempt-claims.js';
import type { Claim } from '../claims/claims.js';
import { lastWords } from '../claims/last-words.js';
import { neverBegan, notExecutable } from '../claims/launcher.js';
import type { JobOutcome } from '../scheduler.js';
import type { BatchSystem, QueueRow } from './batch-system.js';
import type { ExitRecord } from './bells.js';
import type { Canceller } from './canceller.js';
import { decideEnd, type EndDecision, type EndFacts, factsOfClaim } from './decide-end.js';
import { completeId } from './job-id.js';
import type { QueueWatch } from './queue-watch.js';
import type { QueuedJob } from './queued-job.js';

/** How long the batch system may take to show why a job whose script has ended did so. */
const END_TIMEOUT_MS = 60_000;

/** How long it may take if a signal ended the script. */
const SIGNAL_TIMEOUT_MS = 600_000;

/** How long a claim that should be there may be missing: a file server may be late to show files of other machines. */
const CLAIM_TIMEOUT_MS = 5_000;

export interface JobEndsOptions {
  readonly host: Host;
  readonly studyPath: string;
  readonly system: BatchSystem;
  readonly clock: Clock;
  readonly claims: AttemptClaims;
  readonly canceller: Pick<Canceller, 'cancel'>;
  readonly watch: Pick<QueueWatch, 'explain' | 'forget' | 'onChange'>;
  readonly onEnd: (queued: QueuedJob, outcome: JobOutcome, at: number | null) => Promise<void>;
  /** Another job turned out to have the attempt. */
  readonly onOtherJob: (queued: QueuedJob, id: string) => void;
  /** A job whose start was not heard of has begun. */
  readonly onBegun: (queued: QueuedJob) => void;
  readonly onFinishing: (queued: QueuedJob) => void;
}

/** Finds out how jobs ended, and asks for what is missing until the end is known. */
export class JobEnds {
  readonly #options: JobEndsOptions;

  constructor(options: JobEndsOptions) {
    this.#options = options;
  }

  /** The launcher has recorded the end of the script. */
  async onExit(queued: QueuedJob, exit: ExitRecord): Promise<void> {
    const { clock, watch, onFinishing } = this.#options;
    queued.exit = exit;
    queued.endExpectedSince ??= clock.now();
    if (exit.status === 0) return this.conclude(queued);
    // What the batch system said before the end does not explain it.
    onFinishing(queued);
    watch.explain([queued]);
  }

  /** Takes what the batch system says of a job; undefined if it does not know it. */
  takeRow(queued: QueuedJob, row: QueueRow | undefined): void {
    queued.row = row;
    // The attempt is that of the run whose nodes were known first, and the launcher says them if that is wrong.
    if (row?.isLaterRun !== true) queued.nodes ??= row?.nodes;
    queued.meaning = row && this.#options.system.meaningOf(row);
    if (queued.meaning === undefined || queued.meaning.phase === 'ended') {
      queued.endExpectedSince ??= this.#options.clock.now();
    } else if (queued.exit === undefined) queued.endExpectedSince = undefined;
  }

  /** Takes answers about jobs that should be over. A job without one is not known to the batch system. */
  async onExplained(jobs: readonly QueuedJob[], rows: ReadonlyMap<string, QueueRow>): Promise<void> {
    const open = jobs.filter(({ isOver }) => !isOver);
    for (const queued of open) this.takeRow(queued, rows.get(queued.id));
    const unheard = open.filter(({ exit }) => exit === undefined);
    const claims = await this.#options.claims.read(unheard.map(({ job }) => job));
    for (const [i, queued] of unheard.entries()) {
      if (claims[i] !== undefined && !queued.isOver) this.takeClaim(queued, claims[i]);
    }
    for (const queued of open) await this.conclude(queued);
  }

  takeClaim(queued: QueuedJob, claim: Claim): void {
    Object.assign(
      queued,
      factsOfClaim(claim, (owner) => this.idOfOwner(queued, owner)),
    );
  }

  /** The id of the job that an owner in a claim names. */
  idOfOwner({ id, twins }: Pick<QueuedJob, 'id' | 'twins'>, owner: string): string {
    const known = [id, ...twins].filter((known) => known !== '');
    return completeId(this.#options.system.idOfOwner(owner), known);
  }

  /** Ends a job if what is known suffices; otherwise sees to it that more becomes known. */
  async conclude(queued: QueuedJob): Promise<void> {
    if (!queued.isOver) await this.#apply(queued, decideEnd(await this.#factsOf(queued)));
  }

  /** Ends a job that cannot be asked about, by what its launcher recorded. */
  async concludeElsewhere(queued: QueuedJob): Promise<void> {
    queued.endExpectedSince = Number.NEGATIVE_INFINITY;
    await this.conclude(queued);
  }

  /**
   * Cancels a job in the queue, and takes its claim before, so that it cannot begin meanwhile.
   *
   * @returns whether that is so: not if it has begun, was cancelled, or the claim cannot be taken now
   */
  async withdraw(queued: QueuedJob): Promise<boolean> {
    const { claims, canceller } = this.#options;
    try {
      const { owner } = await claims.settle(queued.job);
      if (owner !== null || queued.isOver || queued.isCancelled) return false;
    } catch (error) {
      if (error instanceof HostError) return false;
      throw error;
    }
    canceller.cancel([queued.id, ...queued.twins]);
    return true;
  }

  async #apply(queued: QueuedJob, decision: EndDecision): Promise<void> {
    const { watch, canceller, claims, onEnd, onOtherJob } = this.#options;
    if (queued.isOver) return;
    switch (decision.is) {
      case 'ended':
        // Where jobs are requeued it may be on its way into the queue, in which its attempt cannot run a second time.
        if (decision.outcome.result === 'node-failure' && queued.row !== undefined) canceller.cancel([queued.id]);
        return onEnd(queued, decision.outcome, decision.at);
      case 'requeued':
        canceller.cancel([queued.id]);
        return onEnd(queued, decision.outcome, null);
      case 'other-job':
        onOtherJob(queued, decision.id);
        return watch.explain([queued]);
      case 'unclaimed':
        this.takeClaim(queued, await claims.settle(queued.job));
        return this.conclude(queued);
      case 'open':
        return this.#onOpen(queued);
    }
  }

  #onOpen(queued: QueuedJob): void {
    const { watch, onBegun, onFinishing } = this.#options;
    const { exit, meaning, isCancelled, owner } = queued;
    if (typeof owner === 'string') onBegun(queued);
    if (exit !== undefined) onFinishing(queued);
    const goesOn = meaning?.phase === 'waiting' || meaning?.phase === 'running';
    if (!goesOn || exit !== undefined || isCancelled) return watch.explain([queued]);
    // It is asked about with the others.
    watch.forget(queued);
    watch.onChange();
  }

  async #factsOf(queued: QueuedJob): Promise<EndFacts> {
    const { host, system, studyPath, clock } = this.#options;
    const { id, owner, exit, row, meaning, isCancelled, mayBeDuplicate, endExpectedSince, job } = queued;
    const waitedMs = endExpectedSince === undefined ? 0 : clock.now() - endExpectedSince;
    const isUnstarted = exit?.word === neverBegan || exit?.word === notExecutable;
    const { stderr } = system.outputs(job.step, id);
    return {
      ...{ systemName: system.name, id, owner, exit, row, meaning, isCancelled, mayBeDuplicate },
      isLate: waitedMs >= END_TIMEOUT_MS,
      isOverdue: waitedMs >= SIGNAL_TIMEOUT_MS,
      mayBeUnseen: waitedMs < CLAIM_TIMEOUT_MS,
      words: isUnstarted ? await lastWords(host, `${studyPath}/${stderr}`) : '',
    };
  }
}
