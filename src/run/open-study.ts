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
import type { IsOver } from '../schedulers/flux/backend.js';
import type { Plan } from '../scripts/plan.js';
import { forFlux } from '../scripts/plan.js';
import type { Spec } from '../spec/spec.js';
import { findPlace, isOurs, makePlace, otherStudy, type WantedPlace } from '../store/directory.js';
import type { JournalState } from '../store/journal/records.js';
import type { LeaseHolder } from '../store/lease.js';
import { StudySession } from '../store/session.js';
import type { AnswerStore } from '../study/pgen/answer.js';
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
 * Makes the last changes to a plan, or says by throwing what is wrong with it besides.
 *
 * @param needsBatch whether there are jobs of a batch system to be ended, whatever the plan has
 * @param isOver whether a step, by its index, does not run any more
 */
export type Settle = (plan: Plan, needsBatch: boolean, isOver: IsOver) => Promise<Plan>;

/**
 * Begins a study, or takes up one that was begun before. What can be found wrong before anything is made, is.
 *
 * @throws SpecError, PgenError, HostError, LeaseHeldError, JournalError, and what `settle` throws
 */
export async function openStudy(context: OpenContext, settle: Settle): Promise<OpenStudy> {
  const planning = await planner(context);
  const place = context.place(planning.spec);
  // A dry run continues nothing: beside a study, or another dry run, it has a directory of its own.
  const isShared = context.options.allowsSharedDirectory;
  const wanted = { ...place, isShared, ...(context.options.isDryRun ? { resume: 'never' as const } : {}) };
  for (;;) {
    const found = await findPlace(context.host, wanted);
    if (found.state !== undefined) return resume(context, planning, found.path, found.state, wanted, settle);
    if (context.onlyFinishes) throw new HostError(`there is no study in ${found.path} to be finished`);
    const study = await make(context, planning, { ...wanted, path: found.path }, settle);
    // Undefined: somebody made a study there meanwhile.
    if (study !== undefined) return study;
  }
}

async function make(
  context: OpenContext,
  planning: Planner,
  { path, key, isShared = false }: WantedPlace,
  settle: Settle,
): Promise<OpenStudy | undefined> {
  const { host, clock } = context;
  const settled = async (answers?: AnswerStore) => {
    const { plan, warnings } = await planning.at(path, answers);
    return { plan: await settle(plan, false, () => false), warnings };
  };
  const early = planning.needsDirectory ? undefined : await settled();
  if (!(await makePlace(host, path, { key, name: planning.spec.name, isShared }, clock))) return undefined;
  return holding(context, path, 0, async (session) => {
    if (session?.state.plan !== undefined) {
      // Somebody else had it in between.
      await session.release(undefined);
      return undefined;
    }
    const { plan, warnings } = early ?? (await settled(session && answersIn(context, session)));
    for (const warning of warnings) context.log.problem(warning);
    return {
      plan,
      digests: digestsOf(plan.graph, plan.scripts),
      session,
      resumption: undefined,
      isDone: false,
    };
  });
}

async function resume(
  context: OpenContext,
  planning: Planner,
  path: string,
  { fence }: JournalState,
  wanted: WantedPlace,
  settle: Settle,
): Promise<OpenStudy> {
  return holding(context, path, fence, async (session) => {
    const { state, journal } = session!;
    const { key } = wanted;
    if (state.key !== key && !context.onlyFinishes) {
      // Its key may have been changed since we looked.
      if (wanted.resume === 'auto' && !isOurs(state, wanted)) throw otherStudy(path, state, key);
      if (state.key === wanted.former?.key) {
        context.log.info(`This study has the key ${state.key}, of an earlier version; from now on its key is ${key}`);
      }
      journal.write({ type: 'study', version: 1, key, name: planning.spec.name });
    }
    const { plan: draft, warnings } = await planning.at(path, answersIn(context, session!));
    const resumed = (plan: Plan) => {
      const digests = digestsOf(plan.graph, plan.scripts);
      return {
        plan,
        digests,
        resumption: onlyFinishing(context, session!, plan) ?? planResumption(state, plan.graph, digests),
      };
    };
    // As it was planned last: no Flux is asked which version it is if there is nothing to do.
    const before = resumed(state.plan ? forFlux(draft, state.plan.flux) : draft);
    const isSame = isOverAndSame(state, before.plan.graph, before.digests, context.options.policy);
    const isDone = state.isStaged && (isSame || (!context.onlyFinishes && isFinished(before.resumption)));
    const done = isSame ? { ...before, resumption: { ...before.resumption, records: restoreRecords(state) } } : before;
    const needsBatch = before.resumption.obsolete.some(({ scheduled }) => scheduled);
    const stands = (index: number) => isOver(before.resumption.records[index]!);
    const after = isDone ? done : resumed(await settle(draft, needsBatch, stands));
    for (const warning of warnings) context.log.problem(warning);
    return { ...after, session, isDone };
  });
}

/** A generator that is not deterministic would give other parameters now: what it gave belongs to the study. */
function answersIn({ onlyFinishes }: OpenContext, { state, journal }: StudySession): AnswerStore {
  return {
    known: state.answers,
    takesLast: onlyFinishes,
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

/** Takes the study, and lets go of it again if something goes wrong. */
async function holding<T>(
  context: OpenContext,
  studyPath: string,
  lastFence: number,
  task: (session: StudySession | undefined) => Promise<T>,
): Promise<T> {
  const { host, holder, clock, log, options, cancel } = context;
  if (options.isDryRun) return task(undefined);
  const limits = limitsOf(options.policy);
  const session = await StudySession.take({ host, studyPath, holder, clock, log, cancel, lastFence, limits });
  try {
    return await task(session);
  } catch (error) {
    await session.release(undefined);
    throw error;
  }
}
