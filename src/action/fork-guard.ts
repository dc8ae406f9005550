import path from 'node:path';
import { GitHubApi, repositoryPath } from '../github/api.js';
import { checkedOut } from '../github/checked-out.js';
import { type GitHubEvent, pullRequestEvent, readEvent } from '../github/event.js';
import type { Runner } from '../github/runner-facts.js';
import type { Inputs } from '../inputs/schema.js';
import type { Clock } from '../util/clock.js';
import { InputError } from '../util/errors.js';
import { oneLine } from '../util/log/plain-text.js';

/** What is wanted of a run that may be a fork's. */
export interface ForkPolicy {
  readonly allowForkPr: boolean;
  readonly isDryRun: boolean;
  /** A parameter generator runs in a dry run too. */
  readonly hasPgen: boolean;
}

/** Whether the code of the run may come from a user without write permission, and the inputs do not allow it. */
export function isUntrusted({ origin }: GitHubEvent, allowForkPr: boolean): boolean {
  return !allowForkPr && origin.kind !== 'own';
}

/** How long to look a pull request up. */
const lookUpTime = 20_000;

/**
 * Asks GitHub whose code a pull request is of, if the event alone does not say. Never throws: what cannot be found out
 * stays open.
 *
 * @param token '' for none
 */
export async function lookUp(
  event: GitHubEvent,
  { apiUrl, repository, sha }: Pick<Runner, 'apiUrl' | 'repository' | 'sha'>,
  token: string,
  clock: Clock,
): Promise<GitHubEvent> {
  if (event.origin.kind !== 'pull request' || token === '') return event;
  try {
    const path = `${repositoryPath(repository)}/pulls/${event.origin.number}`;
    const api = new GitHubApi({ url: apiUrl, token, clock });
    const pull = await api.request('GET', path, { milliseconds: lookUpTime });
    return pullRequestEvent(pull, { repository, sha, name: event.name });
  } catch {
    return event;
  }
}

/** The event of a run of a study, put on the commit that the inputs name, if they name one. */
export async function studyEvent(
  { sha, 'github-token': token }: Pick<Inputs, 'sha' | 'github-token'>,
  runner: Runner,
  clock: Clock,
): Promise<GitHubEvent> {
  const event = await lookUp(readEvent(runner), runner, token, clock);
  if (sha === '') return event;
  const isOtherCommit = sha !== event.sha && sha !== runner.sha;
  return { ...event, sha, ...(isOtherCommit && { isOtherCommit }) };
}

/**
 * Refuses to put the results of one commit on another: a forgotten `ref` of the checkout would make it green.
 *
 * @throws InputError
 */
export function refuseOtherCommit({ sha, spec }: Pick<Inputs, 'sha' | 'spec'>, { workspace }: Runner): void {
  if (sha === '') return;
  const found = checkedOut(path.resolve(workspace, spec), workspace);
  if (found === undefined || found === sha) return;
  throw new InputError([
    `input 'sha' is ${sha}, but ${found} is checked out: give the step of actions/checkout 'ref: ' and the same commit`,
  ]);
}

/**
 * Why a run is refused that would run code of a user without write permission; undefined if it is not refused.
 * A dry run without a parameter generator runs nothing, and is never refused.
 */
export function refusal(event: GitHubEvent, { allowForkPr, isDryRun, hasPgen }: ForkPolicy): string | undefined {
  if (!isUntrusted(event, allowForkPr) || (isDryRun && !hasPgen)) return undefined;
  const runs = isDryRun
    ? 'its parameter generator would run Python on this runner'
    : `its steps would run shell commands on your machines${hasPgen ? ', and its parameter generator Python on this runner' : ''}`;
  return (
    `${whose(event)}: ${runs}. It is refused unless 'allow-fork-pr: true' is set; set that only where nobody can start the ` +
    'workflow before a person has read what it runs (an environment with required reviewers does that). ' +
    `${isDryRun ? "A dry run without 'pgen'" : "'dry-run: true'"} is always allowed`
  );
}

function whose({ name, origin }: GitHubEvent): string {
  const event = oneLine(name) || 'this event';
  switch (origin.kind) {
    case 'fork': {
      const fork = origin.repository === '' ? 'which no longer exists' : oneLine(origin.repository);
      return `the study may come from a fork, ${fork} (${event})`;
    }
    case 'pull request':
      return `the study may come from a fork (${event} on pull request ${origin.number}, which could not be looked up: that needs 'github-token', and 'pull-requests: read' in the job's 'permissions')`;
    default:
      return `the study may come from a fork (${event} does not say whose code it is about)`;
  }
}
