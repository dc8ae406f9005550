import { CheckRun, type Delivery } from '../github/check-run.js';
import { type GitHubEvent, gitHubRun } from '../github/event.js';
import type { Runner } from '../github/runner-facts.js';
import { pathInRepository } from '../github/spec-lines.js';
import { withoutIds } from '../inputs/history.js';
import { distinctions } from '../inputs/parse.js';
import type { Inputs } from '../inputs/schema.js';
import { countStates } from '../report/attention.js';
import type { GitHubRun } from '../report/results.js';
import type { RunObserver } from '../run/context.js';
import { UnfollowedError } from '../run/detach/follow.js';
import { ConductorError } from '../run/detach/job.js';
import { detachedKey } from '../run/detach/registration.js';
import type { SpecContext } from '../run/prepare.js';
import type { RunOutcome } from '../run/report.js';
import type { Problem } from '../spec/problem.js';
import { LeaseHeldError } from '../store/lease.js';
import { shortHash } from '../study/directory.js';
import type { StepRecord } from '../study/state.js';
import { systemClock } from '../util/clock.js';
import type { ActionsLog } from '../util/log/actions-log.js';
import { runIdsOf } from './history.js';
import { saveLeftBehind } from './state.js';

type EndedRun = Pick<RunOutcome, 'results' | 'comparison' | 'isNeutral'>;

export interface PublicationContext {
  readonly study: SpecContext & { readonly inputs: Inputs };
  readonly runner: Runner;
  readonly event: GitHubEvent;
  readonly log: ActionsLog;
  /** The study's key. */
  readonly key: string;
}

/**
 * Shows a study on the commit, by a check run if that is wanted and GitHub takes it; what is wrong on lines of the spec
 * becomes workflow commands otherwise.
 */
export class CheckRunObserver implements RunObserver {
  readonly #context: PublicationContext;
  #check: CheckRun | undefined;
  #key: string;
  #isLost = false;
  #isOver = false;
  /** Whether another run completes the check run if this one does not: then there is nothing for the post step to say. */
  #isCollected = false;
  /** The spec's path in the repository that annotations are of; undefined if it is not in that. */
  readonly #specPath: string | undefined;

  constructor(context: PublicationContext) {
    this.#context = context;
    this.#key = context.key;
    const { study, runner, event, log } = context;
    const fork = event.origin.kind === 'fork' ? [event.origin.repository] : [];
    this.#specPath = pathInRepository(study.specPath, runner.workspace, [runner.repository, ...fork]);
    log.placeSpec(study.inputs.spec, this.#specPath);
  }

  /** The spec's path in the repository; undefined if it is not in it. */
  get specPath(): string | undefined {
    return this.#specPath;
  }

  /** The run on GitHub, as reports name it. */
  get run(): GitHubRun {
    return gitHubRun(this.#context.runner, this.#context.event);
  }

  /** The page of the check run, as far as there is one by now. */
  get url(): string | undefined {
    return this.#isLost ? undefined : this.#check?.url;
  }

  async begun(): Promise<void> {
    const { study, runner, event, log } = this.#context;
    const key = this.#key;
    const { inputs, text } = study;
    if (inputs.annotations !== 'checks' || this.#check !== undefined) return;
    this.#check = CheckRun.begin({
      runner,
      event,
      token: inputs['github-token'],
      name: checkName(inputs, runner, event.sha),
      // Its success is not that of the study, and must not take the place of that.
      key: inputs['dry-run'] ? `${key}-dry-run` : key,
      spec: { path: this.#specPath, shown: inputs.spec, text },
      log,
      clock: systemClock,
      onOpen: () => {
        if (!this.#isLost && !this.#isOver && !this.#isCollected) saveLeftBehind({ isShown: true, shownKey: key });
      },
    });
  }

  /** From now on it is the check run that the detached start with that token has left, if it has left one. */
  async follows(token: string, isCollected: boolean): Promise<void> {
    this.#key = detachedKey(token);
    this.#isCollected = isCollected;
    await this.begun();
  }

  /** The check run, once GitHub has answered; undefined if there is none. */
  async opened(): Promise<{ readonly id: number; readonly name: string } | undefined> {
    await this.begun();
    return this.#check?.opened();
  }

  /** If this run is killed from now on, the check run is not the post step's to complete. */
  leftToCollectors(): void {
    this.#isCollected = true;
    saveLeftBehind({ isShown: false });
  }

  /**
   * The study runs detached, and another run completes the check run.
   *
   * @param where it is, in Markdown
   * @param token of its start, if another one has started it: those who collect that find the check run by it
   * @returns whether GitHub has taken that
   */
  async leaveToCollector(where: string, token: string): Promise<boolean> {
    return (await this.#check?.leaveToCollector(where, detachedKey(token))) ?? false;
  }

  changed(records: readonly StepRecord[]): void {
    this.#check?.update(() => countStates(records));
  }

  lost(): void {
    this.#isLost = true;
    this.#check?.leave();
    if (this.#check !== undefined) saveLeftBehind({ isShown: false });
  }

  /**
   * The study ended, or stopped.
   *
   * @returns the page of the check run; undefined if there is none
   */
  async ended({ results, comparison, isNeutral }: EndedRun): Promise<string | undefined> {
    const { log } = this.#context;
    return this.#finish((check) => check.complete(results, { comparison, warnings: log.problems, isNeutral }));
  }

  /**
   * It could not be run.
   *
   * @param reasons for people; `problems` of the spec say more
   */
  async failed(
    error: unknown,
    reasons: readonly string[],
    problems: readonly Problem[],
    isCancelled: boolean,
  ): Promise<void> {
    // What follows a study that nobody collects has a check run which nobody else completes.
    const isOnlyOurs = !this.#isCollected && this.#check !== undefined;
    // The new driver has its own check run; that of a study which may go on by itself is for those who collect it.
    const goesOn = this.#isCollected && !(error instanceof ConductorError);
    if (error instanceof LeaseHeldError || goesOn || (error instanceof UnfollowedError && !isOnlyOurs)) this.lost();
    else await this.begun();
    await this.#finish((check) => check.cannotRun(reasons, { problems, isCancelled }));
  }

  /** The main step was killed. A conclusion that was published before stays. */
  async stopped(isCancelled: boolean): Promise<void> {
    if (this.#isOver) return;
    await this.begun();
    await this.#finish((check) => check.stopped(isCancelled ? 'cancelled' : 'timed_out'));
  }

  async #finish(say: (check: CheckRun) => Promise<Delivery>): Promise<string | undefined> {
    this.#isOver = true;
    const check = this.#isLost ? undefined : this.#check;
    const delivery = check && (await say(check));
    if (check !== undefined) saveLeftBehind({ isShown: false });
    if (delivery?.isDelivered !== true) this.#context.log.annotateKept();
    return delivery?.url;
  }
}

/**
 * Jobs and steps with one spec have a name each: GitHub shows only the newest check run of a name. It is the same in each run, so
 * that it can be required, and an issue about the study be found again.
 *
 * @param commit that the results are about
 */
export function checkName(inputs: Inputs, runner: Runner, commit: string): string {
  if (inputs['check-name'] !== '') return inputs['check-name'];
  const { job, step } = runner;
  const ids = runIdsOf(runner, commit);
  const others = distinctions(inputs)
    .filter((text) => text !== '' && text !== '[]' && text !== 'auto')
    .map((text) => withoutIds(text, ids));
  const notes = [
    ...(job === undefined ? [] : [job]),
    ...shownStep(step),
    ...(others.length === 0 ? [] : [shortHash(others.join('\0')).slice(0, 4)]),
    ...(inputs['dry-run'] ? ['dry run'] : []),
  ];
  return `maestro: ${inputs.spec}${notes.length === 0 ? '' : ` (${notes.join(', ')})`}`;
}

/** The id of a step, unless GitHub made it of the action's name for the only step of the job that uses it. */
function shownStep(step: string | undefined): string[] {
  if (step === undefined) return [];
  const made = /^__(.*)$/.exec(step)?.[1];
  if (made === undefined) return [step];
  return /_\d+$/.test(made) ? [made] : [];
}
