import { type Host, HostError } from '../../hosts/host.js';
import type { GitHubRun } from '../../report/results.js';
import { lookAtStudy, NoStudyError, type StudySight } from '../../store/look/look.js';
import { describeError } from '../../util/errors.js';
import { groupBy } from '../../util/group-by.js';
import type { Log } from '../../util/log/log.js';
import { type GivenUp, reportExisting } from '../existing/report.js';
import type { StudyView } from '../existing/view.js';
import type { HistoryOptions } from '../history-options.js';
import type { ReportContext, RunOutcome } from '../report.js';
import { bringProgram } from './program.js';
import { Claim, findRegistrations, type Registration, registrationsPath } from './registration.js';
import { seekRemoved } from './removed.js';
import { type Failures, failuresOf, MOST_FAILURES, noteRestart, ownLimitOf } from './restarts.js';
import { startConductor } from './start-conductor.js';
import { startFiles, startPath } from './start-files.js';
import { readStartRequest, type StartRequest } from './start-request.js';
import { findUnbegun } from './unbegun.js';
import { conductedView } from './waiting.js';

/** What became of a study that was detached. */
export type Collected = {
  /** Of its last start. */
  readonly registration: Registration;
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
  readonly request: StartRequest | undefined;
}

/** Shows what is collected where it was promised: in a check run, or nowhere. */
export interface Publisher {
  /** It goes on. */
  running(registration: Registration, view: StudyView): Promise<void>;
  /** It is over. Done again, it says the same. @returns whether that is all, or it is to be tried again later */
  ended(registration: Registration, study: EndedStudy): Promise<'done' | 'later'>;
  /** A later start has continued the study, for another commit. */
  continued(registration: Registration): Promise<'done' | 'later'>;
  /** Its directory was removed, and with it how it ended. */
  removed(registration: Registration): Promise<'done' | 'later'>;
}

/** For those who show studies nowhere but where they collect them. */
export const unpublished: Publisher = {
  running: async () => {},
  ended: async (registration) => (isOfWorkflow(registration) ? 'later' : 'done'),
  continued: async (registration) => (isOfWorkflow(registration) ? 'later' : 'done'),
  removed: async (registration) => (isOfWorkflow(registration) ? 'later' : 'done'),
};

/** Whether a workflow has started it: then it is to be reported there, whoever else has looked at it. */
export function isOfWorkflow({ repository }: Registration): boolean {
  return repository !== '';
}

export interface CollectContext {
  readonly host: Host;
  readonly log: Log;
  /** The directory of the studies on the host. */
  readonly root: string;
  /** Which of them are collected. */
  readonly isWanted: (registration: Registration) => boolean;
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
  const wanted = (await findRegistrations(host, root, log)).filter(isWanted);
  for (const starts of groupBy(wanted, ({ studyPath }) => studyPath).values()) {
    const collecting = new Collecting(context, starts);
    try {
      collected.push(await collecting.collect());
    } catch (error) {
      // That one cannot be collected, for whatever reason, must not keep the others.
      collected.push({ state: 'lost', registration: starts.at(-1)!, why: await collecting.whyLost(error) });
    }
  }
  return collected;
}

/** Collects one study, which may have been started several times. */
class Collecting {
  readonly #context: CollectContext;
  readonly #starts: readonly Registration[];
  readonly #last: Registration;

  /** @param starts in the order in which they were */
  constructor(context: CollectContext, starts: readonly Registration[]) {
    this.#context = context;
    this.#starts = starts;
    this.#last = starts.at(-1)!;
  }

  async collect(): Promise<Collected> {
    const { host, root } = this.#context;
    const registration = this.#last;
    const seen = await this.#see();
    if (seen.view.status === 'RUNNING') return this.#goesOn(seen.view);
    const claim = await Claim.take(host, root, registration);
    if (claim === undefined) return { state: 'taken', registration };
    try {
      // Another process may have started it again before this one had the claim.
      const { sight, view, unbegun } = await this.#see();
      if (view.status === 'RUNNING') return await this.#goesOn(view);
      const left = unbegun ?? (view.status === 'INTERRUPTED' ? registration : undefined);
      if (left === undefined) return await this.#report(sight, claim);
      const limit = unbegun === undefined ? ownLimitOf(sight.state) : undefined;
      if (limit !== undefined) return await this.#giveUp(sight, claim, { why: view.why, kind: limit });
      const failures = await failuresOf(host, left, sight.state);
      if (failures.count >= MOST_FAILURES)
        return await this.#giveUp(sight, claim, { why: failureText(failures, left), kind: 'conductor-failed' });
      return await this.#restart({ sight, view, registration: left, failures }, claim);
    } finally {
      await claim.release();
    }
  }

  /** Why it cannot be collected. One that was removed is noted as reported: it is lost only once. Does not throw. */
  async whyLost(error: unknown): Promise<string> {
    const { host, root } = this.#context;
    const why = describeError(error);
    if (!(error instanceof NoStudyError)) return why;
    const file = `${root}/${registrationsPath}/${this.#last.token}.json`;
    const help = `if it was removed for good, remove ${file} too, and it is no longer looked for`;
    try {
      switch (await seekRemoved(host, root, this.#last)) {
        case 'unknown':
          return `${why}; ${help}`;
        case 'missing':
          return `${why}; it started less than a week ago, so it counts as missing: ${help}`;
        case 'removed':
          return (await this.#forget())
            ? `${why}: it was removed, and is no longer looked for`
            : `${why}: it was removed, but the check run of its start does not show that yet`;
      }
    } catch (another) {
      return `${why}; ${describeError(another)}`;
    }
  }

  /** Notes a study that was removed as reported. @returns whether that is all */
  async #forget(): Promise<boolean> {
    const { host, root, publisher } = this.#context;
    let isAll = true;
    for (const start of this.#starts) {
      const claim = await Claim.take(host, root, start);
      if (claim === undefined) continue;
      try {
        if ((await publisher.removed(start)) === 'done') await claim.reported();
        else isAll = false;
      } finally {
        await claim.release();
      }
    }
    return isAll;
  }

  /** How the study is: of one whose conductor is being started the journal does not say yet that it goes on. */
  async #see(): Promise<{
    readonly sight: StudySight;
    readonly view: StudyView;
    /** The start that no conductor has begun, and none is about to. */
    readonly unbegun: Registration | undefined;
  }> {
    const { host, root } = this.#context;
    const sight = await this.#look();
    const { view } = await conductedView(host, sight);
    if (view.status === 'RUNNING') return { sight, view, unbegun: undefined };
    // One without a registration is still being left, or is for others to collect.
    const tokens = this.#starts.map(({ token }) => token);
    const found = await findUnbegun(host, root, sight.path, tokens);
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
    return { state: 'runs', registration: this.#last, view, isRestarted: false };
  }

  /** @param interrupted why it is reported although it is not over */
  async #report(sight: StudySight, claim: Claim, interrupted?: GivenUp): Promise<Collected> {
    const { host, root, log, report, reportPlace, baseline, publisher, server } = this.#context;
    const registration = this.#last;
    const request = await readStartRequest(host, registration);
    const collect = [...new Set([...(request?.inputs.collect ?? '').split('\n'), ...report.collect])];
    const options = { ...report, collect: collect.map((line) => line.trim()).filter((line) => line !== '') };
    const context = { host, log, options, reportPlace, baseline, interrupted };
    const history = await historyIn(registration);
    const known = { run: runOf(registration), history: history && { ...history, server: server ?? history.server } };
    const outcome = await reportExisting({ ...context, ...known }, sight);
    // Whoever has the claim by now reports the study too, and only one of the two is to show it.
    if (!(await claim.keep())) return { state: 'taken', registration };
    let isMarked = (await publisher.ended(registration, { outcome, request })) === 'done';
    for (const start of this.#starts.slice(0, -1)) {
      const isSame = start.sha === registration.sha && start.repository === registration.repository;
      const earlier = await Claim.take(host, root, start);
      if (earlier === undefined) continue;
      try {
        const done = isSame ? publisher.ended(start, { outcome, request }) : publisher.continued(start);
        if ((await done) === 'done') await earlier.reported();
        else isMarked = false;
      } finally {
        await earlier.release();
      }
    }
    // Last: what is killed before this is reported again.
    if (isMarked) await claim.reported();
    return { state: 'over', registration, outcome, isMarked };
  }

  /** Reports a study that has work left, but with which no conductor is to go on by itself. */
  #giveUp(sight: StudySight, claim: Claim, given: GivenUp): Promise<Collected> {
    const { studyPath } = this.#last;
    this.#context.log.warning(
      `${studyPath} is not over, but will not be continued automatically: ${given.why}; \`resume ${studyPath}\` continues it`,
    );
    return this.#report(sight, claim, given);
  }

  /** Nobody drives it, and there is work left. */
  async #restart({ sight, view, registration, failures }: Left, claim: Claim): Promise<Collected> {
    const { host, root, node, log } = this.#context;
    const { studyPath, token } = registration;
    log.warning(`the conductor of ${studyPath} is gone but its study is not over; starting another one`);
    const program = await bringProgram(host, root, node);
    const state = await startConductor(host, { program, studyPath, token }, log);
    // One that could not even be started says nothing of the study.
    await noteRestart(host, registration, sight.state, failures.count);
    if (state.state === 'failed') return { state: 'lost', registration, why: state.reasons.join('\n') };
    if (state.state === 'ended') {
      const now = await this.#see();
      const isOver = now.unbegun === undefined && !['RUNNING', 'INTERRUPTED'].includes(now.view.status);
      if (isOver) return this.#report(now.sight, claim);
    }
    const file = `${studyPath}/${startPath(token)}/${startFiles.log}`;
    log.info(`The conductor of ${studyPath} runs again; its log is ${file}`);
    return { state: 'runs', registration, view, isRestarted: true };
  }
}

/** A study that nothing drives, with the start that is to go on. */
interface Left {
  readonly sight: StudySight;
  readonly view: StudyView;
  readonly registration: Registration;
  readonly failures: Failures;
}

function failureText({ count, words }: Failures, { studyPath, token }: Registration): string {
  if (words.length > 0) return `its conductor failed ${count} times: ${words.join('; ')}`;
  return `its conductor was started ${count} times and never began; its log is ${studyPath}/${startPath(token)}/${startFiles.log}`;
}

/** What its start said of its history; loaded only where there is one. */
async function historyIn({ history }: Registration): Promise<HistoryOptions | undefined> {
  if (history === undefined) return undefined;
  const { parseHistory } = await import(/* webpackMode: "eager" */ '../figures/kept-history.js');
  return parseHistory(history);
}

/** The run on GitHub that has started a study; undefined if none has. */
function runOf(registration: Registration): GitHubRun | undefined {
  const { repository, sha: commit, runUrl: url, ref = '', workflow = '', job = '', attempt = 1 } = registration;
  const { isOtherCommit } = registration;
  if (repository === '') return undefined;
  // Earlier versions did not say which event it was, but whether it was a pull request's.
  const event = registration.event ?? (registration.pullRequest === undefined ? '' : 'pull_request');
  return { repository, commit, ref, event, workflow, job, url, attempt, ...(isOtherCommit && { isOtherCommit }) };
}
