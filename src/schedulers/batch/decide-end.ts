import { type Blame, blame, isInfrastructure } from '../../causes/cause.js';
import { blameOfStart } from '../../causes/words.js';
import type { Claim } from '../claims/claims.js';
import { couldNotClaim, givenUp, neverBegan, notClaimed, notExecutable } from '../claims/launcher.js';
import { isOfDisk } from '../disk.js';
import type { JobOutcome } from '../scheduler.js';
import { signalOf } from '../signals.js';
import type { QueueRow, StateMeaning } from './batch-system.js';
import type { ExitRecord } from './bells.js';

/** What is known of a job that may have ended. */
export interface EndFacts {
  /** The batch system's name, for messages. */
  readonly systemName: string;
  readonly id: string;
  /** The job that the claim names; null if the conductor has it; undefined if there is no claim. */
  readonly owner: string | null | undefined;
  /** What the launcher recorded; undefined if nothing. */
  readonly exit: ExitRecord | undefined;
  /** What the batch system says of the job; undefined if it does not know it. */
  readonly row: QueueRow | undefined;
  readonly meaning: StateMeaning | undefined;
  /** Whether another job of the attempt may be in the queue. */
  readonly mayBeDuplicate: boolean;
  /** Whether this study cancelled the job. */
  readonly isCancelled: boolean;
  /** Whether the batch system has had enough time to show the end of a job whose script has ended. */
  readonly isLate: boolean;
  /** Whether that has taken so long that it is not waited for any more. */
  readonly isOverdue: boolean;
  /** Whether what the launcher recorded may not be visible here yet. */
  readonly mayBeUnseen: boolean;
  /** The last line of the job's stderr, if the script could not be started; '' otherwise. */
  readonly words: string;
}

export type EndDecision =
  | { readonly is: 'ended'; readonly outcome: JobOutcome; readonly at: number | null }
  /** It runs, waits, or has not shown its end yet. */
  | { readonly is: 'open' }
  /** It was requeued after it had begun: it has to be cancelled, because its attempt cannot run a second time. */
  | { readonly is: 'requeued'; readonly outcome: JobOutcome }
  /** Another job has the attempt, after a submit whose answer was lost. */
  | { readonly is: 'other-job'; readonly id: string }
  /** Whether a job has the attempt has to be found out, by taking the claim. */
  | { readonly is: 'unclaimed' };

/** How an attempt ended, without its exit status. */
type End = Pick<JobOutcome, 'result' | 'note' | 'blame'>;

/** Decides whether a job is over and how it ended, from what its launcher recorded and what the batch system says. */
export function decideEnd(facts: EndFacts): EndDecision {
  const { id, owner, exit, row, meaning } = facts;
  if (owner !== undefined && owner !== null && owner !== id) return { is: 'other-job', id: owner };
  // A script that succeeded needs no other witness.
  if (exit?.status === 0) return ended(facts, { result: 'completed', exitCode: 0, signal: null, note: '' });
  if (meaning === undefined) return forgotten(facts);
  switch (meaning.phase) {
    case 'waiting':
      if (typeof owner !== 'string') return { is: 'open' };
      return { is: 'requeued', outcome: requeued(facts) };
    case 'running':
    case 'finishing':
      return unshown(facts);
    case 'ended':
      return afterEnd(facts, row!, meaning);
  }
}

/** The batch system may take a moment to see the end of a script, and then knows why it ended. */
function unshown(facts: EndFacts): EndDecision {
  const { exit, isLate, isOverdue, isCancelled, systemName } = facts;
  if (exit === undefined || !isLate) return { is: 'open' };
  if (isCancelled || signalOf(exit.status) === null) return ended(facts, failed(facts, '', ofCode));
  // A signal may have come from the batch system, which may say so only once all nodes of the job are free again.
  if (!isOverdue) return { is: 'open' };
  const note = `${systemName} does not say why it was ended`;
  return ended(facts, withExit(facts, { result: 'node-failure', note, blame: ofNode }));
}

function afterEnd(facts: EndFacts, row: QueueRow, { result, note, blame: why = ofCode }: StateMeaning): EndDecision {
  const { owner, exit, isCancelled } = facts;
  // The conductor takes an attempt only if no job of it has begun.
  if (owner === null) {
    if (isCancelled || result === 'cancelled')
      return ended(facts, unfinished(facts, { result: 'cancelled', note, blame: ofCancel }));
    if (row.exitCode === couldNotClaim) return ended(facts, notRun(facts, givenUp));
    if (result === 'timeout') return ended(facts, unfinished(facts, { result, note, blame: why }));
    return ended(facts, notStarted(facts, note || describe(row), why));
  }
  if (owner === undefined) {
    if (row.exitCode === couldNotClaim) return ended(facts, notRun(facts, notClaimed));
    // It was cancelled in the queue, and no other job can begin the attempt.
    const isOver = result === 'cancelled' && !facts.mayBeDuplicate;
    return isOver ? ended(facts, unfinished(facts, { result: 'cancelled', note, blame: ofCancel })) : unclaimed(facts);
  }
  // The job began twice, and its second launcher did not run the script again. What ended the first was the requeue.
  if (row.exitCode === couldNotClaim && exit?.status !== couldNotClaim) {
    return ended(facts, requeued(facts));
  }
  switch (result) {
    case 'completed':
    case null:
      // The launcher could not write its record, perhaps because the disk is full.
      if (exit === undefined && row.exitCode === 0) {
        return ended(facts, { result: 'completed', exitCode: 0, signal: null, note: '' });
      }
      return ended(facts, failed(facts, note, exit === undefined ? why : ofCode));
    case 'failed':
      return ended(facts, failed(facts, note, why));
    default:
      return ended(facts, withExit(facts, { result, note, blame: why }));
  }
}

/** The end of a job that the batch system does not know, or not any more. */
function forgotten(facts: EndFacts): EndDecision {
  const { owner, exit, systemName, id, isCancelled } = facts;
  const note = `${systemName} does not know the job any more`;
  if (exit === undefined) {
    if (owner === undefined) return unclaimed(facts);
    if (owner === null && id === '') return ended(facts, notRun(facts, givenUp));
    if (facts.mayBeUnseen) return { is: 'open' };
    const said = owner === null ? `the script was not run: ${note}` : note;
    return ended(facts, unfinished(facts, { result: 'node-failure', note: said, blame: ofNode }));
  }
  // A signal may have come from the batch system, for any reason.
  const isOwnEnd = signalOf(exit.status) === null || isCancelled;
  if (isOwnEnd) return ended(facts, failed(facts, '', ofCode));
  return ended(facts, withExit(facts, { result: 'node-failure', note, blame: ofNode }));
}

function unclaimed({ mayBeUnseen }: EndFacts): EndDecision {
  return mayBeUnseen ? { is: 'open' } : { is: 'unclaimed' };
}

/** A script that failed, or was not started by the launcher. */
function failed(facts: EndFacts, note: string, why: Blame): JobOutcome {
  const { exit, words, row } = facts;
  if (exit?.word === neverBegan) {
    const said = words || note || `its launcher ended with exit status ${exit.status}`;
    return isOfDisk(said) ? notRun(facts, `the script was not run: ${said}`) : notStarted(facts, said, why);
  }
  if (exit?.word === notExecutable) return withExit(facts, { result: 'failed', note: words || note, blame: ofCode });
  const outcome = withExit(facts, { result: 'failed', note, blame: why });
  if (outcome.exitCode === couldNotClaim && exit === undefined) return notRun(facts, notClaimed);
  // The launcher was killed with its script, and the batch system says no exit status.
  const hasExit = outcome.exitCode !== null && outcome.exitCode !== 0;
  return hasExit || note !== '' || row === undefined ? outcome : { ...outcome, note: describe(row) };
}

/** An outcome with the exit status of the script, as far as it is known. */
function withExit({ exit, row, isCancelled }: EndFacts, end: End): JobOutcome {
  const exitCode = exit?.status ?? (end.result === 'completed' ? 0 : row?.exitCode || null);
  const signal = exitCode === null ? null : signalOf(exitCode);
  // The study knows the reason of its own cancellation better.
  return { exitCode, signal, ...(isCancelled ? ownCancel : end) };
}

/** An outcome of an attempt whose script did not run, or not to its end. */
function unfinished({ isCancelled }: EndFacts, end: End): JobOutcome {
  return { exitCode: null, signal: null, ...(isCancelled ? ownCancel : end) };
}

/** Without a word of the batch system's about its earlier run a lost node is the more frequent reason. */
function requeued(facts: EndFacts): JobOutcome {
  const why = facts.row?.requeuedFor ?? ofNode;
  return unfinished(facts, { result: 'node-failure', note: `${facts.systemName} requeued the job`, blame: why });
}

function notRun(facts: EndFacts, note: string): JobOutcome {
  return unfinished(facts, { result: 'not-run', note, blame: blameOfStart(note) });
}

/** The code is not to blame for a script that was not run, but what the step asks for may be, such as too little memory. */
function notStarted(facts: EndFacts, said: string, why: Blame): JobOutcome {
  const cause = why.cause === 'code' ? blameOfStart(said) : why;
  const result = isInfrastructure(cause) ? 'node-failure' : 'failed';
  return unfinished(facts, { result, note: `the script was not run: ${said}`, blame: cause });
}

const ofCode = blame('code');
const ofNode = blame('node');
const ofCancel = blame('cancelled');
const ownCancel: End = { result: 'cancelled', note: '', blame: ofCancel };

function ended({ exit, row }: EndFacts, outcome: JobOutcome): EndDecision {
  return { is: 'ended', outcome, at: exit?.at ?? row?.endedAt ?? null };
}

/** `FAILED (NonZeroExitCode)`. */
function describe({ state, reason }: QueueRow): string {
  return reason === '' ? `it is ${state}` : `it is ${state} (${reason})`;
}

/** What a claim says, in the terms of `EndFacts`. */
export function factsOfClaim(
  claim: Claim | undefined,
  idOfOwner: (owner: string) => string,
): Pick<EndFacts, 'owner' | 'exit'> {
  if (claim === undefined) return { owner: undefined, exit: undefined };
  const owner = claim.owner === null ? null : idOfOwner(claim.owner);
  const [status] = claim.exits;
  const at = claim.endedAt ?? null;
  if (claim.hasNeverBegun === true) return { owner, exit: { status: 126, at, word: neverBegan } };
  if (status === undefined) return { owner, exit: undefined };
  return { owner, exit: { status, at, word: claim.isNotExecutable === true ? notExecutable : '' } };
}
