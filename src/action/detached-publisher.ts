import { DetachedCheckRuns, type FoundCheckRun, type OpenCheckRun } from '../github/detached-check-runs.js';
import type { Runner } from '../github/runner-facts.js';
import { isWithin } from '../github/spec-lines.js';
import type { Inputs } from '../inputs/schema.js';
import { countStates } from '../report/attention.js';
import type { StudyResults } from '../report/results.js';
import type { EndedStudy, Publisher } from '../run/detach/collect.js';
import { detachedKey, type Pointer } from '../run/detach/parcel.js';
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
 * Shows detached studies in the check runs that their starts have left. Pointers are written by the account that steps run as: a
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

  shownOf({ token }: Pointer): Shown | undefined {
    return this.#shown.get(token);
  }

  async running(pointer: Pointer, { instances }: StudyView): Promise<void> {
    if (this.#checks === undefined) return;
    const found = await this.#find(pointer);
    if (found?.kind !== 'open') return;
    const why = await this.#checks.update(found, countStates(instances.map(({ record }) => record)));
    this.#note(pointer, { url: found.run.url, why: why ?? '' });
  }

  /** Whether nothing that shows a study is left to be completed, by GitHub's word. */
  async isShown(pointer: Pointer): Promise<boolean> {
    for (const each of eachShown(pointer)) {
      if (each.checkRun !== null && (await this.#find(each))?.kind !== 'over') return false;
    }
    return true;
  }

  ended(pointer: Pointer, study: EndedStudy): Promise<'done' | 'later'> {
    return onEach(pointer, (each) => this.#endedOn(each, study, each === pointer));
  }

  continued(pointer: Pointer): Promise<'done' | 'later'> {
    return this.#abandon(pointer, 'continued');
  }

  removed(pointer: Pointer): Promise<'done' | 'later'> {
    return this.#abandon(pointer, 'removed');
  }

  #abandon(pointer: Pointer, how: 'continued' | 'removed'): Promise<'done' | 'later'> {
    return onEach(pointer, async (each) => {
      const found = await this.#find(each);
      if (found?.kind !== 'open') return withoutWord(found);
      return this.#published(each, await this.#checks!.abandon(found, how));
    });
  }

  async #endedOn(pointer: Pointer, { outcome, order }: EndedStudy, isLast: boolean): Promise<'done' | 'later'> {
    const found = await this.#find(pointer);
    if (pointer.checkRun === null && this.#inputs.issue !== '') {
      this.#log.warning(
        `The issue about ${oneLine(pointer.studyPath)} is not updated: its start left no check run, and only by that GitHub knows which run it was`,
      );
    }
    if (found?.kind !== 'open') return withoutWord(found);
    const { results, comparison, isNeutral } = outcome;
    // First: once the check run is over, nothing says any more that the issue is still to be kept.
    const kept = isLast ? await this.#keepIssue(pointer, found, results) : 'done';
    if (kept === 'later' && systemClock.now() - (results.ended ?? 0) < MOST_ISSUE_DELAY_MS) {
      const why =
        'its check run is not completed yet, because its issue is not kept. The next collecting run tries again';
      this.#note(pointer, { url: found.run.url, why });
      return 'later';
    }
    const path = plainSpecPath(pointer.specPath);
    const spec = order === undefined ? undefined : { path, shown: results.spec, text: order.text };
    return this.#published(pointer, await this.#checks!.complete(found, results, spec, { comparison, isNeutral }));
  }

  async #keepIssue({ leg }: Pointer, { run: checkRun }: OpenCheckRun, results: StudyResults) {
    const { issue: title, 'github-token': token } = this.#inputs;
    if (title === '') return 'done';
    const { keepIssueOfDetached } = await import(/* webpackMode: "eager" */ '../github/issue/keep-issue.js');
    const { apiUrl, repository } = this.#runner;
    const runner = { apiUrl, repository };
    const study = detachedStudyOf(checkRun, leg);
    return keepIssueOfDetached({ runner, token, title, checkRun, study, results, log: this.#log, clock: systemClock });
  }

  /** @returns undefined if there is none to be looked for */
  async #find(pointer: Pointer): Promise<FoundCheckRun | undefined> {
    const { checkRun, sha, token } = pointer;
    if (checkRun === null) return undefined;
    if (this.#checks === undefined) {
      const why = `its check run is not completed, because ${nameOf('annotations')} is ${this.#inputs.annotations}: a run where it is checks collects it`;
      this.#note(pointer, { url: undefined, why });
      return { kind: 'unknown', why };
    }
    const keys = [token, ...(checkRun.token === undefined ? [] : [checkRun.token])].map(detachedKey);
    const found = await this.#checks.find({ id: checkRun.id, sha, keys });
    if (found.kind === 'over') this.#note(pointer, { url: found.run.url, why: '' });
    else if (found.kind === 'unproven') {
      this.#note(pointer, { url: undefined, why: `nothing is published for it: ${found.why}` });
    } else if (found.kind === 'unknown') this.#note(pointer, { url: undefined, why: found.why });
    return found;
  }

  #published(pointer: Pointer, publication: Awaited<ReturnType<DetachedCheckRuns['complete']>>): 'done' | 'later' {
    if (publication.kind === 'shown') {
      this.#note(pointer, { url: publication.url, why: '' });
      return 'done';
    }
    const why = `${publication.why}. The next collecting run tries again`;
    this.#note(pointer, { url: undefined, why });
    return 'later';
  }

  #note(pointer: Pointer, shown: Shown): void {
    this.#shown.set(pointer.token, shown);
    if (shown.why !== '') this.#log.warning(`${oneLine(pointer.studyPath)}: ${shown.why}`);
  }
}

/** A pointer for each check run that shows its study: itself last. */
function eachShown(pointer: Pointer): Pointer[] {
  return [...(pointer.earlier ?? []).map((checkRun) => ({ ...pointer, checkRun })), pointer];
}

/** Does something with every check run of a study. @returns whether that is all */
async function onEach(pointer: Pointer, task: (each: Pointer) => Promise<'done' | 'later'>): Promise<'done' | 'later'> {
  const done: ('done' | 'later')[] = [];
  for (const each of eachShown(pointer)) done.push(await task(each));
  return done.includes('later') ? 'later' : 'done';
}

/** What becomes of a study whose check run, if there is one, is none to complete now. */
function withoutWord(found: Exclude<FoundCheckRun, OpenCheckRun> | undefined): 'done' | 'later' {
  return found?.kind === 'unknown' ? 'later' : 'done';
}

/** A path of a file in a repository, as annotations take it; undefined for anything else that a pointer may have. */
function plainSpecPath(path: string | undefined): string | undefined {
  const isPlain = path !== undefined && path !== '' && isWithin(path, '.') && !/(^|\/)\.{0,2}(\/|$)/.test(path);
  return isPlain ? path : undefined;
}
