import { DetachedCheckRuns, type FoundCheckRun, type OpenCheckRun } from '../github/detached-check-runs.js';
import type { Runner } from '../github/runner-facts.js';
import { isWithin } from '../github/spec-lines.js';
import type { Inputs } from '../inputs/schema.js';
import { countStates } from '../report/attention.js';
import type { StudyResults } from '../report/results.js';
import type { EndedStudy, Publisher } from '../run/detach/collect.js';
import { detachedKey, type Registration } from '../run/detach/registration.js';
import type { StudyView } from '../run/existing/view.js';
import { systemClock } from '../util/clock.js';
import type { ActionsLog } from '../util/log/actions-log.js';
import { oneLine } from '../util/log/plain-text.js';
import { nameOf } from './run-options.js';
import { detachedStudyOf } from './study-issue.js';

/** For how long a study's check run waits for an issue that GitHub does not take, in milliseconds since its end. */
const MOST_ISSUE_DELAY_MS = 24 * 3_600_000;

/** What became of the check run of a study. */
export interface Shown {
  readonly url: string | undefined;
  /** Why there is none, or why it is not up to date; '' if it is. */
  readonly why: string;
}

/**
 * Shows detached studies in the check runs that their starts have left. Registrations are written by the account that steps run as: a
 * check run is touched only if GitHub says that it is the one that was made for the start.
 */
export class DetachedPublisher implements Publisher {
  readonly #checks: DetachedCheckRuns | undefined;
  readonly #log: ActionsLog;
  readonly #shown = new Map<string, Shown>();
  readonly #inputs: Inputs;
  readonly #runner: Runner;

  constructor(inputs: Inputs, runner: Runner, log: ActionsLog) {
    this.#log = log;
    this.#inputs = inputs;
    this.#runner = runner;
    if (inputs.annotations !== 'checks') return;
    this.#checks = new DetachedCheckRuns({ runner, token: inputs['github-token'], clock: systemClock });
  }

  shownOf({ token }: Registration): Shown | undefined {
    return this.#shown.get(token);
  }

  async running(registration: Registration, { instances }: StudyView): Promise<void> {
    if (this.#checks === undefined) return;
    const found = await this.#find(registration);
    if (found?.kind !== 'open') return;
    const why = await this.#checks.update(found, countStates(instances.map(({ record }) => record)));
    this.#note(registration, { url: found.run.url, why: why ?? '' });
  }

  /** Whether nothing that shows a study is left to be completed, by GitHub's word. */
  async isShown(registration: Registration): Promise<boolean> {
    for (const each of eachShown(registration)) {
      if (each.checkRun !== null && (await this.#find(each))?.kind !== 'over') return false;
    }
    return true;
  }

  ended(registration: Registration, study: EndedStudy): Promise<'done' | 'later'> {
    return onEach(registration, (each) => this.#endedOn(each, study, each === registration));
  }

  continued(registration: Registration): Promise<'done' | 'later'> {
    return this.#abandon(registration, 'continued');
  }

  removed(registration: Registration): Promise<'done' | 'later'> {
    return this.#abandon(registration, 'removed');
  }

  #abandon(registration: Registration, how: 'continued' | 'removed'): Promise<'done' | 'later'> {
    return onEach(registration, async (each) => {
      const found = await this.#find(each);
      if (found?.kind !== 'open') return withoutWord(found);
      return this.#published(each, await this.#checks!.abandon(found, how));
    });
  }

  async #endedOn(
    registration: Registration,
    { outcome, request }: EndedStudy,
    isNewest: boolean,
  ): Promise<'done' | 'later'> {
    const found = await this.#find(registration);
    if (registration.checkRun === null && this.#inputs.issue !== '') {
      this.#log.warning(
        `The issue about ${oneLine(registration.studyPath)} is not updated: its start left no check run, and only by that GitHub knows which run it was`,
      );
    }
    if (found?.kind !== 'open') return withoutWord(found);
    const { results, comparison, isNeutral } = outcome;
    // First: once the check run is over, nothing says any more that the issue is still to be kept.
    const kept = isNewest ? await this.#keepIssue(registration, found, results) : 'done';
    if (kept === 'later' && systemClock.now() - (results.ended ?? 0) < MOST_ISSUE_DELAY_MS) {
      const why =
        'its check run is not completed yet, because its issue could not be updated. The next collecting run tries again';
      this.#note(registration, { url: found.run.url, why });
      return 'later';
    }
    const path = plainSpecPath(registration.specPath);
    const spec = request === undefined ? undefined : { path, shown: results.spec, text: request.text };
    return this.#published(registration, await this.#checks!.complete(found, results, spec, { comparison, isNeutral }));
  }

  async #keepIssue({ leg }: Registration, { run: checkRun }: OpenCheckRun, results: StudyResults) {
    const { issue: title, 'github-token': token } = this.#inputs;
    if (title === '') return 'done';
    const { keepIssueOfDetached } = await import(/* webpackMode: "eager" */ '../github/issue/keep-issue.js');
    const { apiUrl, repository } = this.#runner;
    const runner = { apiUrl, repository };
    const study = detachedStudyOf(checkRun, leg);
    return keepIssueOfDetached({ runner, token, title, checkRun, study, results, log: this.#log, clock: systemClock });
  }

  /** @returns undefined if there is none to be looked for */
  async #find(registration: Registration): Promise<FoundCheckRun | undefined> {
    const { checkRun, sha, token } = registration;
    if (checkRun === null) return undefined;
    if (this.#checks === undefined) {
      const why = `its check run is not completed, because ${nameOf('annotations')} is ${this.#inputs.annotations}: a run where it is checks collects it`;
      this.#note(registration, { url: undefined, why });
      return { kind: 'unknown', why };
    }
    const keys = [token, ...(checkRun.token === undefined ? [] : [checkRun.token])].map(detachedKey);
    const found = await this.#checks.find({ id: checkRun.id, sha, keys });
    if (found.kind === 'over') this.#note(registration, { url: found.run.url, why: '' });
    else if (found.kind === 'unproven') {
      this.#note(registration, { url: undefined, why: `nothing is published for it: ${found.why}` });
    } else if (found.kind === 'unknown') this.#note(registration, { url: undefined, why: found.why });
    return found;
  }

  #published(
    registration: Registration,
    publication: Awaited<ReturnType<DetachedCheckRuns['complete']>>,
  ): 'done' | 'later' {
    if (publication.kind === 'shown') {
      this.#note(registration, { url: publication.url, why: '' });
      return 'done';
    }
    const why = `${publication.why}. The next collecting run tries again`;
    this.#note(registration, { url: undefined, why });
    return 'later';
  }

  #note(registration: Registration, shown: Shown): void {
    // That of the newest check run, which comes first, is the one that stays.
    if (!this.#shown.has(registration.token)) this.#shown.set(registration.token, shown);
    if (shown.why !== '') this.#log.warning(`${oneLine(registration.studyPath)}: ${shown.why}`);
  }
}

/** A registration for each check run that shows its study: itself, with the newest one, first. */
function eachShown(registration: Registration): Registration[] {
  return [registration, ...(registration.earlier ?? []).map((checkRun) => ({ ...registration, checkRun }))];
}

/** Does something with the check runs of a study, as long as none is to be tried again. @returns whether that is all */
async function onEach(
  registration: Registration,
  task: (each: Registration) => Promise<'done' | 'later'>,
): Promise<'done' | 'later'> {
  for (const each of eachShown(registration)) {
    // To complete an earlier one can complete the newest as well, on which more is said.
    if ((await task(each)) === 'later') return 'later';
  }
  return 'done';
}

/** What becomes of a study whose check run, if there is one, is none to complete now. */
function withoutWord(found: Exclude<FoundCheckRun, OpenCheckRun> | undefined): 'done' | 'later' {
  return found?.kind === 'unknown' ? 'later' : 'done';
}

/** A path of a file in a repository, as annotations take it; undefined for anything else that a registration may have. */
function plainSpecPath(path: string | undefined): string | undefined {
  const isPlain = path !== undefined && path !== '' && isWithin(path, '.') && !/(^|\/)\.{0,2}(\/|$)/.test(path);
  return isPlain ? path : undefined;
}
