import { type Host, HostError } from '../../hosts/host.js';
import type { GitHubRun } from '../../report/results.js';
import { lookAtStudy, type StudySight } from '../../store/look/look.js';
import { describeError } from '../../util/errors.js';
import { groupBy } from '../../util/group-by.js';
import type { Log } from '../../util/log/log.js';
import { reportExisting } from '../existing/report.js';
import type { StudyView } from '../existing/view.js';
import type { HistoryOptions } from '../history-options.js';
import type { ReportContext, RunOutcome } from '../report.js';
import { type Order, type Pointer, parcelFiles, parcelPath } from './parcel.js';
import { Claim, findPointers } from './pointers.js';
import { bringProgram } from './program.js';
import { readOrder } from './read-order.js';
import { startConductor } from './start-conductor.js';
import { findUnbegun } from './unbegun.js';
import { conductedView } from './waiting.js';

/** What became of a study that was detached. */
export type Collected = {
  /** Of its last start. */
  readonly pointer: Pointer;
} & (
  | /** It goes on; `isRestarted` if its conductor was dead and another one was started. */ {
      readonly state: 'runs';
      readonly view: StudyView;
      readonly isRestarted: boolean;
    }
  /** It is over, and was reported; `isMarked` unless it is to be reported again, because it was not shown where it was promised. */
  | { readonly state: 'over'; readonly outcome: RunOutcome; readonly isMarked: boolean }
  /** Another process collects it, or has. */
  | { readonly state: 'taken' }
  /** It cannot be looked at, or cannot go on. */
  | { readonly state: 'lost'; readonly why: string }
);

/** A study that is over, and what its last start was given. */
export interface EndedStudy {
  readonly outcome: RunOutcome;
  /** Undefined if it cannot be read any more. */
  readonly order: Order | undefined;
}

/** Shows what is collected where it was promised: in a check run, or nowhere. */
export interface Publisher {
  /** It goes on. */
  running(pointer: Pointer, view: StudyView): Promise<void>;
  /** It is over. Done again, it says the same. @returns whether that is all, or it is to be tried again later */
  ended(pointer: Pointer, study: EndedStudy): Promise<'done' | 'later'>;
  /** A later start has continued the study, for another commit. */
  continued(pointer: Pointer): Promise<'done' | 'later'>;
}

/** For those who show studies nowhere but where they collect them. */
export const unpublished: Publisher = {
  running: async () => {},
  ended: async (pointer) => (isOfWorkflow(pointer) ? 'later' : 'done'),
  continued: async (pointer) => (isOfWorkflow(pointer) ? 'later' : 'done'),
};

/** Whether a workflow has started it: then it is to be reported there, whoever else has looked at it. */
export function isOfWorkflow({ repository }: Pointer): boolean {
  return repository !== '';
}

export interface CollectContext {
  readonly host: Host;
  readonly log: Log;
  /** The directory of the studies on the host. */
  readonly root: string;
  /** Which of them are collected. */
  readonly isWanted: (pointer: Pointer) => boolean;
  /** The path of Node on the host, for a conductor that is started again; '' for the one on PATH. */
  readonly node: string;
  /** `collect` is in addition to what the study was started with. */
  readonly report: ReportContext['options']['report'];
  readonly baseline: ReportContext['baseline'];
  readonly reportPlace: ReportContext['reportPlace'];
  readonly publisher: Publisher;
  /** Where GitHub's pages are: links in reports lead nowhere else. Undefined where nothing is published. */
  readonly server?: string;
}

/**
 * Collects the studies that were detached and not reported: reports those that are over, and starts the conductors again of those that
 * are not and have none.
 *
 * @throws HostError
 */
export async function collectStudies(context: CollectContext): Promise<Collected[]> {
  const { host, root, log, isWanted } = context;
  const collected: Collected[] = [];
  const wanted = (await findPointers(host, root, log)).filter(isWanted);
  for (const starts of groupBy(wanted, ({ studyPath }) => studyPath).values()) {
    try {
      collected.push(await new Collecting(context, starts).collect());
    } catch (error) {
      // That one cannot be collected, for whatever reason, must not keep the others.
      collected.push({ state: 'lost', pointer: starts.at(-1)!, why: describeError(error) });
    }
  }
  return collected;
}

/** Collects one study, which may have been started several times. */
class Collecting {
  readonly #context: CollectContext;
  readonly #starts: readonly Pointer[];
  readonly #last: Pointer;

  /** @param starts in the order in which they were */
  constructor(context: CollectContext, starts: readonly Pointer[]) {
    this.#context = context;
    this.#starts = starts;
    this.#last = starts.at(-1)!;
  }

  async collect(): Promise<Collected> {
    const { host, root } = this.#context;
    const pointer = this.#last;
    const seen = await this.#see();
    if (seen.view.status === 'RUNNING') return this.#goesOn(seen.view);
    const claim = await Claim.take(host, root, pointer);
    if (claim === undefined) return { state: 'taken', pointer };
    try {
      // Another process may have started it again before this one had the claim.
      const { sight, view, unbegun } = await this.#see();
      if (view.status === 'RUNNING') return await this.#goesOn(view);
      if (unbegun !== undefined) return await this.#restart(view, unbegun);
      if (view.status === 'INTERRUPTED' && !hasGivenUp(sight)) return await this.#restart(view, pointer);
      return await this.#report(sight, claim);
    } finally {
      await claim.release();
    }
  }

  /** How the study is: of one whose conductor is being started the journal does not say yet that it goes on. */
  async #see(): Promise<{
    readonly sight: StudySight;
    readonly view: StudyView;
    /** The start that no conductor has begun, and none is about to. */
    readonly unbegun: Pointer | undefined;
  }> {
    const { host, root } = this.#context;
    const sight = await this.#look();
    const { view } = await conductedView(host, sight);
    if (view.status === 'RUNNING') return { sight, view, unbegun: undefined };
    const found = await findUnbegun(host, root, sight.path);
    // One without a pointer is still being left, or is for others to collect.
    const unbegun = this.#starts.find(({ token }) => token === found?.token);
    if (unbegun === undefined || found?.isStarting !== true) return { sight, view, unbegun };
    const starting = { ...view, status: 'RUNNING', why: 'its conductor is being started', ended: undefined } as const;
    return { sight, view: starting, unbegun: undefined };
  }

  async #look(): Promise<StudySight> {
    const { host } = this.#context;
    const { studyPath } = this.#last;
    const sight = await lookAtStudy(host, studyPath);
    if (!('state' in sight)) throw new HostError(`the journal of ${studyPath} is gone`);
    return sight;
  }

  async #goesOn(view: StudyView): Promise<Collected> {
    await this.#context.publisher.running(this.#last, view);
    return { state: 'runs', pointer: this.#last, view, isRestarted: false };
  }

  async #report(sight: StudySight, claim: Claim): Promise<Collected> {
    const { host, root, log, report, reportPlace, baseline, publisher, server } = this.#context;
    const pointer = this.#last;
    const order = await readOrder(host, pointer);
    const collect = [...new Set([...(order?.inputs.collect ?? '').split('\n'), ...report.collect])];
    const options = { ...report, collect: collect.map((line) => line.trim()).filter((line) => line !== '') };
    const context = { host, log, options, reportPlace, baseline };
    const history = await historyIn(pointer);
    const known = { run: runOf(pointer), history: history && { ...history, server: server ?? history.server } };
    const outcome = await reportExisting({ ...context, ...known }, sight);
    // Whoever has the claim by now reports the study too, and only one of the two is to show it.
    if (!(await claim.keep())) return { state: 'taken', pointer };
    let isMarked = (await publisher.ended(pointer, { outcome, order })) === 'done';
    for (const start of this.#starts.slice(0, -1)) {
      const isSame = start.sha === pointer.sha && start.repository === pointer.repository;
      const earlier = await Claim.take(host, root, start);
      if (earlier === undefined) continue;
      try {
        const done = isSame ? publisher.ended(start, { outcome, order }) : publisher.continued(start);
        if ((await done) === 'done') await earlier.reported();
        else isMarked = false;
      } finally {
        await earlier.release();
      }
    }
    // Last: what is killed before this is reported again.
    if (isMarked) await claim.reported();
    return { state: 'over', pointer, outcome, isMarked };
  }

  /** Nobody drives it, and there is work left. */
  async #restart(view: StudyView, pointer: Pointer): Promise<Collected> {
    const { host, root, node, log } = this.#context;
    const { studyPath, token } = pointer;
    log.warning(`the conductor of ${studyPath} is gone but its study is not over; starting another one`);
    const program = await bringProgram(host, root, node);
    const state = await startConductor(host, { program, studyPath, token }, log);
    if (state.state === 'failed') return { state: 'lost', pointer, why: state.reasons.join('\n') };
    const file = `${studyPath}/${parcelPath(token)}/${parcelFiles.log}`;
    log.info(`The conductor of ${studyPath} runs again; its log is ${file}`);
    return { state: 'runs', pointer, view, isRestarted: true };
  }
}

/** Whether its conductor ended by a limit of the study's own, for which another one would begin anew. */
function hasGivenUp({ state }: StudySight): boolean {
  return state?.ended?.interruption === 'waited-too-long';
}

/** What its start said of its history; loaded only where there is one. */
async function historyIn({ history }: Pointer): Promise<HistoryOptions | undefined> {
  if (history === undefined) return undefined;
  const { parseHistory } = await import(/* webpackMode: "eager" */ '../figures/kept-history.js');
  return parseHistory(history);
}

/** The run on GitHub that has started a study; undefined if none has. */
function runOf(pointer: Pointer): GitHubRun | undefined {
  const { repository, sha: commit, runUrl: url, ref = '', workflow = '', job = '', attempt = 1 } = pointer;
  const { isOtherCommit } = pointer;
  if (repository === '') return undefined;
  // Earlier versions did not say which event it was, but whether it was a pull request's.
  const event = pointer.event ?? (pointer.pullRequest === undefined ? '' : 'pull_request');
  return { repository, commit, ref, event, workflow, job, url, attempt, ...(isOtherCommit && { isOtherCommit }) };
}
