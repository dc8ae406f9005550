import { limitsOf } from '../conductor/policy.js';
import {
  digestsOf,
  isFinished,
  isOverAndSame,
  planResumption,
  type Resumption,
  restoreRecords,
  type StepDigests,
} from '../conductor/resume.js';
import { HostError } from '../hosts/host.js';
import type { IsOver } from '../schedulers/backend.js';
import { asPrepared } from '../schedulers/create-backend.js';
import type { Plan } from '../scripts/plan.js';
import type { Problem } from '../spec/problem.js';
import type { Spec } from '../spec/spec.js';
import { findPlace, isOurs, makeAndTake, makePlace, otherStudy, type WantedPlace } from '../store/directory.js';
import type { JournalState } from '../store/journal/records.js';
import type { LeaseHolder } from '../store/lease.js';
import { type SessionOptions, StudySession } from '../store/session.js';
import { type AnswerStore, isSameAnswer } from '../study/pgen/answer.js';
import { isOver } from '../study/state.js';
import type { Clock } from '../util/clock.js';
import { type Planner, planner, type StudyContext } from './prepare.js';

/** What beginning, or continuing, a study takes besides. */
export interface OpenContext extends StudyContext {
  readonly clock: Clock;
  /** Where the study goes, once the spec is read. */
  readonly place: (spec: Spec) => WantedPlace;
  /** Who drives it. */
  readonly holder: LeaseHolder;
  /** Whether only what was begun is brought to its end: nothing is planned anew, nor begins. */
  readonly onlyFinishes: boolean;
  /** Takes secrets out of what is kept in the study; undefined if that is not asked for. */
  readonly redact?: ((text: string) => string) | undefined;
}

/** A study that is planned as far as that can be done without asking what will run it. */
export interface DraftStudy {
  readonly plan: Plan;
  readonly warnings: readonly Problem[];
  readonly place: WantedPlace & { readonly path: string };
  /** Whether the directory is there already: otherwise it is made once the study can be run. */
  readonly isMade: boolean;
  /** The hold on a study whose directory is there already; undefined for a dry run. */
  readonly session: StudySession | undefined;
  /** How a study that was begun before goes on with the plan that it had last; undefined if it was not. */
  readonly earlier: PlannedResumption | undefined;
  /** Whether everything is done already. */
  readonly isDone: boolean;
  /** Whether a step, by its index, does not run any more. */
  readonly isOver: IsOver;
  /** Whether jobs of a batch system are to be cancelled, whatever the plan has. */
  readonly hasObsoleteJobs: boolean;
}

/** A plan, and how a study goes on with it. */
interface PlannedResumption {
  readonly plan: Plan;
  readonly digests: readonly StepDigests[];
  readonly resumption: Resumption;
}

/** A study that is planned, and ours to drive. */
export interface OpenStudy {
  readonly plan: Plan;
  readonly digests: readonly StepDigests[];
  /** Undefined for a dry run, which nobody drives. */
  readonly session: StudySession | undefined;
  /** How a study that was begun before goes on; undefined if it was not. */
  readonly resumption: Resumption | undefined;
  /** Whether everything is done already. */
  readonly isDone: boolean;
}

/**
 * Plans a study: a new one, or one that was begun before, which is taken hold of then, because its plan depends on what its
 * journal says. The directory of a new study is made only if a parameter generator needs one.
 *
 * @throws SpecError, PgenError, HostError, LeaseHeldError, JournalError
 */
export async function draftStudy(context: OpenContext): Promise<DraftStudy> {
  const planning = await planner(context);
  // A dry run continues nothing: beside a study, or another dry run, it has a directory of its own.
  const { allowsSharedDirectory: isShared, isDryRun } = context.options;
  const wanted = { ...context.place(planning.spec), isShared, ...(isDryRun ? { resume: 'never' as const } : {}) };
  for (;;) {
    const { path, state } = await findPlace(context.host, wanted);
    const place = { ...wanted, path };
    if (state !== undefined) return draftResumption(context, planning, place, state);
    if (context.onlyFinishes) throw new HostError(`there is no study in ${path} to be finished`);
    if (!planning.needsDirectory) return draftNew(place, undefined, await planning.at(path));
    const made = await makeStudy(context, place, planning.spec.name);
    // Otherwise another run has made a study there meanwhile.
    if (made !== undefined) {
      const { session } = made;
      return releasedOnError(session, async () => {
        return draftNew(place, made, await planning.at(path, session && answersIn(context, session)));
      });
    }
  }
}

/** @param made what was made for it already; undefined if nothing was */
function draftNew(
  place: DraftStudy['place'],
  made: { readonly session: StudySession | undefined } | undefined,
  { plan, warnings }: Pick<DraftStudy, 'plan' | 'warnings'>,
): DraftStudy {
  const beginning = { earlier: undefined, isDone: false, isOver: () => false, hasObsoleteJobs: false };
  return { plan, warnings, place, isMade: made !== undefined, session: made?.session, ...beginning };
}

async function draftResumption(
  context: OpenContext,
  planning: Planner,
  place: DraftStudy['place'],
  { fence }: JournalState,
): Promise<DraftStudy> {
  const { path } = place;
  const session = await takeSession(context, path, { lastFence: fence });
  return releasedOnError(session, async () => {
    const { state, journal } = session;
    const { key } = place;
    if (state.key !== key && !context.onlyFinishes) {
      // Its key may have been changed since we looked.
      if (place.resume === 'auto' && !isOurs(state, place)) throw otherStudy(path, state, key);
      if (state.key === place.former?.key) {
        context.log.info(`This study has the key ${state.key}, of an earlier version; from now on its key is ${key}`);
      }
      journal.write({ type: 'study', version: 1, key, name: planning.spec.name });
    }
    const { plan, warnings } = await planning.at(path, answersIn(context, session));
    // As it was planned last, so that nothing is asked for its version if there is nothing to do.
    const before = resumed(context, session, state.plan ? asPrepared(plan, state.plan.flux) : plan);
    const isSame = isOverAndSame(state, before.plan.graph, before.digests, context.options.policy);
    const isDone = state.isStaged && (isSame || (!context.onlyFinishes && isFinished(before.resumption)));
    const done = { ...before, resumption: { ...before.resumption, records: restoreRecords(state) } };
    return {
      plan,
      warnings,
      place,
      isMade: true,
      session,
      earlier: isSame ? done : before,
      isDone,
      isOver: (index) => isOver(before.resumption.records[index]!),
      hasObsoleteJobs: before.resumption.obsolete.some(({ scheduled }) => scheduled),
    };
  });
}

/**
 * Makes a study ours to drive, as it is planned in the end. A new one is made now.
 *
 * @param plan as what runs it has prepared it
 * @returns undefined if another run has made a study there meanwhile
 * @throws HostError, LeaseHeldError, JournalError
 */
export async function claimStudy(context: OpenContext, draft: DraftStudy, plan: Plan): Promise<OpenStudy | undefined> {
  const { place, earlier, isDone, warnings } = draft;
  let { session } = draft;
  if (!draft.isMade) {
    const made = await makeStudy(context, place, plan.spec.name);
    if (made === undefined) return undefined;
    session = made.session;
  }
  for (const warning of warnings) context.log.problem(warning);
  if (earlier === undefined || session === undefined) {
    // No journal has those of a dry run.
    const digests = session === undefined ? [] : digestsOf(plan.graph, plan.scripts);
    return { plan, digests, session, resumption: undefined, isDone: false };
  }
  return { ...(isDone ? earlier : resumed(context, session, plan)), session, isDone };
}

/**
 * Makes the directory of a study, and takes hold of it unless nothing will be run.
 *
 * @returns undefined if another run has made a study there meanwhile
 */
async function makeStudy(
  context: OpenContext,
  { path, key, isShared = false }: DraftStudy['place'],
  name: string,
): Promise<{ readonly session: StudySession | undefined } | undefined> {
  const { host, clock, holder, options } = context;
  const study = { key, name, isShared };
  if (options.isDryRun) return (await makePlace(host, path, study, clock)) ? { session: undefined } : undefined;
  const made = await makeAndTake(host, path, { ...study, holder }, clock);
  if (made === undefined) return undefined;
  const session = await takeSession(context, path, made);
  if (session.state.plan === undefined) return { session };
  await session.release(undefined);
  return undefined;
}

function resumed(context: OpenContext, session: StudySession, plan: Plan): PlannedResumption {
  const digests = digestsOf(plan.graph, plan.scripts);
  const resumption = onlyFinishing(context, session, plan) ?? planResumption(session.state, plan.graph, digests);
  return { plan, digests, resumption };
}

/** A generator that is not deterministic would give other parameters now: what it gave belongs to the study. */
function answersIn({ onlyFinishes, arrived, clock }: OpenContext, { state, journal }: StudySession): AnswerStore {
  const { answer } = arrived ?? {};
  const given = answer === undefined ? [] : [{ ...answer, at: clock.now() }];
  // Where the study was started there was no journal to keep it in.
  if (answer !== undefined && !state.answers.some((known) => isSameAnswer(known, answer))) {
    journal.write({ type: 'generated', ...answer });
  }
  return {
    known: [...state.answers, ...given],
    takesLast: onlyFinishes || given.length > 0,
    keep: (answer) => {
      journal.write({ type: 'generated', ...answer });
      return journal.durable();
    },
  };
}

/** Steps as they were left, if what was begun is only to be brought to its end. */
function onlyFinishing(
  { onlyFinishes }: OpenContext,
  { state }: StudySession,
  { graph }: Plan,
): Resumption | undefined {
  if (!onlyFinishes) return undefined;
  const steps = state.plan?.steps ?? [];
  if (steps.length !== graph.steps.length || graph.steps.some(({ name }, i) => name !== steps[i]!.name)) {
    throw new HostError('the study is not the one that was begun: nothing can be finished');
  }
  const records = restoreRecords(state);
  return {
    records,
    obsolete: [],
    notes: [],
    counts: { finished: 0, running: 0, again: 0, fresh: 0 },
  };
}

function takeSession(
  context: OpenContext,
  studyPath: string,
  known: Pick<SessionOptions, 'lastFence' | 'taken'>,
): Promise<StudySession> {
  const { host, holder, clock, log, options, cancel, redact } = context;
  const limits = limitsOf(options.policy);
  return StudySession.take({ host, studyPath, holder, clock, log, cancel, limits, redact, ...known });
}

/** Lets go of a study if something goes wrong. */
async function releasedOnError<T>(session: StudySession | undefined, task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (error) {
    await session?.release(undefined);
    throw error;
  }
}
