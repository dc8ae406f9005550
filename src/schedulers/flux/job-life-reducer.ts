import { blame, isInfrastructure } from '../../causes/cause.js';
import type { Interruption } from '../../causes/interruption.js';
import { blameOfRefusal } from '../../causes/refusals.js';
import { applyEvent, type FluxEvent, type JobView, newJob } from '../../flux/eventlog.js';
import { decodeJobId, encodeJobId, type JobId } from '../../flux/job-id.js';
import type { JobOutcome } from '../scheduler.js';
import { TROUBLE_LIMIT_MS } from '../submit-backoff.js';
import type { Found } from './find-inherited.js';
import {
  type Inheritance,
  type JobEnd,
  type JobLife,
  type LifeAction,
  type LifeEvent,
  newLife,
  type Report,
  type Step,
  stages,
} from './job-life.js';

/** How often the log of a job that the broker does not know is asked for. */
const MAX_LOG_FAILURES = 5;

/** When a job starts that may be a duplicate, the claim is read after this time. */
const CLAIM_DELAY_MS = 2_000;

const LOG_RETRY_FIRST_MS = 250;
const LOG_RETRY_MAX_MS = 30_000;

const nothing: readonly LifeAction[] = [];

/**
 * The first state of an attempt of an earlier driver.
 *
 * @param isHere whether all inherited jobs at `endpoint` are in the instance that is there now
 */
export function inheritedLife(endpoint: string, inheritance: Inheritance, isHere: boolean): Step {
  const id = isHere && inheritance.endpoint === endpoint ? decodeJobId(inheritance.id) : undefined;
  const mayBeDuplicate = inheritance.mayBeDuplicate || id === undefined;
  const life = { ...newLife(endpoint), phase: 'inherited', inheritance, id, mayBeDuplicate } as const;
  return mayBeDuplicate || id === undefined ? step(life) : read(life, id);
}

/** Applies an event to the state of an attempt. A pure function; late and repeated events change nothing. */
export function reduce(life: JobLife, event: LifeEvent): Step {
  switch (event.type) {
    case 'log':
      return life.phase === 'watching' ? readEntry(life, event.event) : step(life);
    case 'nodes':
      if (!hasLog(life) || life.reading !== event.reading) return step(life);
      return step({ ...life, view: { ...life.view, nodes: event.nodes } });
    case 'sent':
      return life.phase === 'waiting' ? step({ ...life, phase: 'submitting' }) : step(life);
    case 'accepted':
      return life.phase === 'submitting' ? accept(life, event.id) : step(life);
    case 'refused':
      return life.phase === 'submitting' ? refuse(life, event) : step(life);
    case 'unanswered':
      if (life.phase !== 'submitting') return step(life);
      // If this makes two jobs, the launcher lets only one of them run.
      return submitAgain(event.mayBeHeard ? { ...life, mayBeDuplicate: true } : life);
    case 'unsubmittable':
      if (life.phase !== 'submitting') return step(life);
      if (life.isCancelled) return withdraw(life, cancelledEarly);
      // No other job can be submitted either, so the step has not failed.
      return step(life, interruption(`no job can be submitted any more: ${event.words}`, 'host-lost', true));
    case 'owner':
      return learnOwner(life, event.owner, event.asked);
    case 'found':
      return life.phase === 'inherited' ? find(life, event.found) : step(life);
    case 'log-failed':
      return isReading(life, event.reading) ? failToRead(life, event.isUnknown) : step(life);
    case 'read-again':
      return isReading(life, event.reading) && life.id !== undefined ? read(life, life.id) : step(life);
    case 'classified':
      if (life.phase !== 'classifying' || life.reading !== event.reading) return step(life);
      return conclude(life, event.end);
    case 'fenced':
      if (life.phase !== 'withdrawing') return step(life);
      return event.owner === undefined ? end(life, life.withdrawal!) : adopt(life, event.owner);
    case 'cancel':
      return life.isCancelled || life.phase === 'over' ? step(life) : cancel({ ...life, isCancelled: true });
    case 'connected':
      return reconnect(life);
    case 'instance-runs':
      return life.phase === 'undetermined' ? classify(life) : step(life);
  }
}

const hasLog = ({ phase }: JobLife) => phase === 'watching' || phase === 'classifying' || phase === 'undetermined';
const isReading = ({ phase, reading }: JobLife, number: number) => phase === 'watching' && reading === number;

function step(life: JobLife, ...actions: readonly LifeAction[]): Step {
  return { life, actions: actions.length === 0 ? nothing : actions };
}

// From a step to a job.

/** Takes a submitted or found job as that of the attempt. */
function accept(life: JobLife, id: JobId): Step {
  const report = submission(id, life.endpoint, life.mayBeDuplicate);
  const next = read(life, id);
  return step(next.life, report, ...next.actions, ...cancellation(next.life));
}

/** Replaces the known job by the one that owns the claim. */
function adopt(life: JobLife, id: JobId): Step {
  return accept({ ...life, mayBeDuplicate: false }, id);
}

function refuse(life: JobLife, refused: Extract<LifeEvent, { type: 'refused' }>): Step {
  const { kind, words, at, loss, lastAccepted } = refused;
  if (kind === 'never') return withdraw(life, refusal(words));
  if (kind === 'instance-time') return defer(life, words);
  if (kind === 'unsatisfiable') {
    return loss === undefined ? withdraw(life, refusal(words)) : defer(life, `${loss} (${words})`);
  }
  const failingSince = kind === 'wait' ? undefined : (life.failingSince ?? at);
  const next = { ...life, failingSince, mayBeDuplicate: life.mayBeDuplicate || kind === 'doubt' };
  if (failingSince !== undefined && at - failingSince > TROUBLE_LIMIT_MS) {
    // If the broker has accepted other jobs since, this job is the problem.
    if (lastAccepted > failingSince) return withdraw(next, failure(words));
    const minutes = TROUBLE_LIMIT_MS / 60_000;
    const reason = `no job can be submitted any more, for ${minutes} minutes now: ${words}`;
    return step(next, interruption(reason, 'scheduler-lost', false));
  }
  const holdBack = { type: 'hold-back', kind, words } as const;
  // An earlier submit may have been accepted, and its job may be what the limit counts.
  if (next.mayBeDuplicate) return step({ ...next, phase: 'checking' }, holdBack, { type: 'read-claim', delayMs: 0 });
  const again = submitAgain(next);
  return step(again.life, holdBack, ...again.actions);
}

function submitAgain(life: JobLife): Step {
  if (life.isCancelled) return withdraw(life, cancelledEarly);
  return step({ ...life, phase: 'waiting' }, { type: 'enqueue' });
}

/** Reports that the job did not start and cannot start in this instance. */
function defer(life: JobLife, reason: string): Step {
  if (life.isCancelled) return withdraw(life, cancelledEarly);
  return withdraw(life, { type: 'deferred', reason, mayRenew: false });
}

/**
 * Gives up an attempt without a known job: at once if no submit can have been accepted, else after taking its claim.
 */
function withdraw(life: JobLife, withdrawal: Report): Step {
  if (!life.mayBeDuplicate) return end(life, withdrawal);
  return step({ ...life, phase: 'withdrawing', id: undefined, withdrawal }, { type: 'fence' });
}

// Attempts of an earlier driver.

function find(life: JobLife, found: Found): Step {
  const { id, endpoint, mayBeDuplicate } = life.inheritance!;
  const known = decodeJobId(id);
  switch (found.is) {
    case 'job': {
      const next = { ...life, mayBeDuplicate: found.mayBeDuplicate };
      const isKnown = found.id === known && endpoint === life.endpoint && found.mayBeDuplicate === mayBeDuplicate;
      return isKnown ? read(next, found.id) : accept(next, found.id);
    }
    case 'end': {
      const { owner, outcome } = found;
      const isLost = outcome.result === 'node-failure' || outcome.result === 'not-run';
      const ended = endWith(life, life.isCancelled && isLost ? asCancelled(outcome) : outcome);
      // The output files are named by the id of the job that ran.
      if (owner === undefined || owner === known) return ended;
      return step(ended.life, submission(owner, endpoint, life.mayBeDuplicate), ...ended.actions);
    }
    case 'no-job':
      return submitAgain({ ...life, id: undefined, mayBeDuplicate: true });
  }
}

// From a job's eventlog to reports.

/** Starts to read the log from its first entry. */
function read(life: JobLife, id: JobId): Step {
  const next = { ...life, phase: 'watching', id, view: newJob, reading: life.reading + 1 } as const;
  return step(next, { type: 'read-log', id });
}

function readEntry(before: JobLife, entry: FluxEvent): Step {
  const view = applyEvent(before.view, entry);
  const actions: LifeAction[] = [];
  let { reported, isOwnerSought } = before;
  if (view.state === 'SCHED' && reported < stages.queued) {
    reported = stages.queued;
    actions.push({ type: 'report', report: { type: 'queued', at: milliseconds(entry.timestamp) } });
  }
  // If there may be a duplicate, that one may run the step, so nothing is reported yet.
  if (!before.mayBeDuplicate) reported = reportRun(view, reported, actions);
  else if (view.started !== null && !isOwnerSought) {
    // The end of the job would also show it, but may be hours away.
    isOwnerSought = true;
    actions.push({ type: 'read-claim', delayMs: CLAIM_DELAY_MS });
  }
  const life: JobLife = { ...before, view, reported, isOwnerSought, logFailures: 0 };
  if (view.state !== 'INACTIVE') return { life, actions };
  const classifying = classify(life);
  return step(classifying.life, ...actions, ...classifying.actions);
}

/** Adds reports of stages that have not been reported yet. Returns the last reported stage. */
function reportRun({ started, finished, nodes }: JobView, reported: number, actions: LifeAction[]): number {
  let last = reported;
  if (started !== null && last < stages.started) {
    last = stages.started;
    actions.push({ type: 'report', report: { type: 'started', at: milliseconds(started), ...nodesOf(nodes) } });
  }
  if (started !== null && finished !== null && last < stages.finishing) {
    last = stages.finishing;
    actions.push({ type: 'report', report: { type: 'finishing', at: milliseconds(finished) } });
  }
  return last;
}

function learnOwner(life: JobLife, owner: JobId | undefined, asked: JobId | undefined): Step {
  if (life.phase === 'checking') return owner === undefined ? submitAgain(life) : adopt(life, owner);
  if (life.phase !== 'watching' || life.id !== asked || owner === undefined) return step(life);
  if (owner !== life.id) return adopt(life, owner);
  const actions: LifeAction[] = [];
  const reported = reportRun(life.view, life.reported, actions);
  return { life: { ...life, mayBeDuplicate: false, reported }, actions };
}

function failToRead(life: JobLife, isUnknown: boolean): Step {
  const logFailures = life.logFailures + 1;
  const next = { ...life, logFailures };
  if (isUnknown && logFailures > MAX_LOG_FAILURES) return classify(next, true);
  // Any other failure is the broker's, so the log is asked for again as long as there is a connection.
  const delayMs = Math.min(LOG_RETRY_MAX_MS, LOG_RETRY_FIRST_MS * 2 ** logFailures);
  return step(next, { type: 'read-log-later', delayMs });
}

// The end.

function classify(life: JobLife, isForgotten = false): Step {
  return step({ ...life, phase: 'classifying' }, { type: 'classify', isForgotten });
}

function conclude(classified: JobLife, jobEnd: JobEnd): Step {
  // If another job had the attempt, the classification would have shown it.
  const life = { ...classified, mayBeDuplicate: false };
  switch (jobEnd.is) {
    case 'ended':
      return endWith(life, jobEnd.outcome);
    case 'other-job':
      return adopt(life, jobEnd.id);
    case 'deferred':
      return defer(life, jobEnd.reason);
    case 'undetermined': {
      const endedWithInstance = life.endedWithInstance || jobEnd.isInstanceEnding;
      return step({ ...life, phase: 'undetermined', endedWithInstance });
    }
  }
}

function endWith(life: JobLife, outcome: JobOutcome): Step {
  const { view } = life;
  const reports: LifeAction[] = [];
  const reported = reportRun(view, life.reported, reports);
  const seconds = view.finished ?? view.exception?.timestamp ?? view.cleaned;
  const at = seconds === null ? outcome.endedAt : milliseconds(seconds);
  const when = at === undefined ? {} : { at };
  const ended = end({ ...life, reported }, { type: 'ended', outcome, ...when, ...nodesOf(view.nodes) });
  return step(ended.life, ...reports, ...ended.actions);
}

/**
 * Ends an attempt; it is dropped before the report, because the listener may submit the step's next attempt at once.
 */
function end(life: JobLife, report: Report): Step {
  return step({ ...life, phase: 'over' }, { type: 'forget' }, { type: 'report', report });
}

// Events that can come in any phase.

function cancel(life: JobLife): Step {
  const hasNoJob = life.phase === 'waiting' || (life.phase === 'inherited' && life.id === undefined);
  if (hasNoJob) return withdraw(life, cancelledEarly);
  if (life.phase !== 'undetermined') return step(life, ...cancellation(life));
  const classifying = classify(life);
  return step(classifying.life, ...cancellation(life), ...classifying.actions);
}

/** Reads the log again from its first entry, and classifies its end again. */
function reconnect(life: JobLife): Step {
  const { phase, id } = life;
  if (id === undefined || phase === 'over') return step(life);
  if (phase === 'inherited') return step(life, ...cancellation(life));
  const next = read(life, id);
  return step(next.life, ...next.actions, ...cancellation(life));
}

function cancellation({ isCancelled, id }: JobLife): readonly LifeAction[] {
  return isCancelled && id !== undefined ? [{ type: 'cancel', id }] : nothing;
}

function submission(id: JobId, endpoint: string, mayBeDuplicate: boolean): LifeAction {
  return { type: 'report', report: { type: 'submitted', id: encodeJobId(id), endpoint, mayBeDuplicate } };
}

const refusal = (reason: string): Report => ({ type: 'not-submitted', reason, blame: blameOfRefusal(reason) });
/** A refusal that says nothing against what the job asks for. */
const failure = (reason: string): Report => {
  const known = blameOfRefusal(reason);
  return { type: 'not-submitted', reason, blame: isInfrastructure(known) ? known : blame('submission') };
};
const cancelledEarly: Report = { type: 'not-submitted', reason: 'it was cancelled before', blame: blame('cancelled') };
const interruption = (reason: string, kind: Interruption, alsoLocal: boolean): LifeAction => ({
  type: 'interrupt',
  reason,
  kind,
  alsoLocal,
});
const asCancelled = (outcome: JobOutcome): JobOutcome => ({
  ...outcome,
  result: 'cancelled',
  note: '',
  blame: blame('cancelled'),
});
const nodesOf = (nodes: JobView['nodes']) => (nodes === undefined ? {} : { nodes });
const milliseconds = (seconds: number) => Math.round(seconds * 1000);
