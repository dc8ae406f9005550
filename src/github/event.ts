import { readFileSync } from 'node:fs';
import type { GitHubRun } from '../report/results.js';
import type { Runner } from './runner-facts.js';

/** What started a workflow run, as far as reports and the fork guard care. */
export interface GitHubEvent {
  /** `pull_request`, `push`, ... */
  readonly name: string;
  /** The commit that people look at for results: a pull request's head, not what would come of merging it. '' if unknown. */
  readonly sha: string;
  readonly origin: Origin;
  /** The number of the pull request that it is about, if the payload is one of a pull request. */
  readonly pullRequest?: number;
  /** Whether the commit is another than the event's, because the input `sha` names it. */
  readonly isOtherCommit?: boolean;
}

/** Whose code the run may be about to run. */
export type Origin =
  /** The repository's own, by a person who may write to it. */
  | { readonly kind: 'own' }
  /** Another repository's; '' if that was deleted. */
  | { readonly kind: 'fork'; readonly repository: string }
  /** That of a pull request of which only the number is known. */
  | { readonly kind: 'pull request'; readonly number: number }
  /** An event that may be about a fork's code, and does not say. */
  | { readonly kind: 'unknown' };

/** What the event is read with. */
export interface EventContext {
  readonly name: string;
  /** `owner/name` of the repository whose workflow runs. */
  readonly repository: string;
  /** What the runner gives as the commit. */
  readonly sha: string;
}

/** Events that are about a pull request, or about a commit that may be of one: without saying whose, they are not trusted. */
const mustSay =
  /^(pull_request|(workflow_run|issue_comment|check_suite|check_run|status|deployment|deployment_status)$)/;

/** The event of this run. A file that cannot be read, or holds something else, says nothing. */
export function readEvent({ eventName: name, eventPath, repository, sha }: Runner): GitHubEvent {
  let payload: unknown;
  try {
    payload = JSON.parse(readFileSync(eventPath, 'utf8'));
  } catch {
    payload = undefined;
  }
  return eventOf(payload, { name, repository, sha });
}

/** The run on GitHub as reports name it. */
export function gitHubRun(
  runner: Runner,
  { name: event, sha: commit, isOtherCommit }: Pick<GitHubEvent, 'name' | 'sha' | 'isOtherCommit'>,
): GitHubRun {
  const { repository, ref = '', workflow = '', job = '', runUrl: url } = runner;
  const attempt = Number(runner.attempt) || 1;
  return { repository, commit, ref, event, workflow, job, url, attempt, ...(isOtherCommit && { isOtherCommit }) };
}

/** The same from a payload. Never throws, whatever that is. */
export function eventOf(payload: unknown, context: EventContext): GitHubEvent {
  const { name } = context;
  const pull = member(payload, 'pull_request');
  if (isObject(pull)) return pullRequestEvent(pull, context);
  const run = member(payload, 'workflow_run');
  if (name === 'workflow_run' && isObject(run)) {
    const origin = originOf(member(run, 'head_repository'), context.repository);
    return { name, sha: shaOf(member(run, 'head_sha')) ?? context.sha, origin };
  }
  if (isObject(member(payload, 'issue', 'pull_request'))) {
    const number = member(payload, 'issue', 'number');
    const isNumber = Number.isSafeInteger(number) && Number(number) > 0;
    return {
      name,
      sha: context.sha,
      origin: isNumber ? { kind: 'pull request', number: Number(number) } : { kind: 'unknown' },
    };
  }
  if (name === 'issue_comment' && isObject(member(payload, 'issue'))) {
    return { name, sha: context.sha, origin: { kind: 'own' } };
  }
  const foreign = foreignHead(payload, context.repository);
  if (foreign !== undefined) return { name, sha: context.sha, origin: { kind: 'fork', repository: foreign } };
  if (isOnOwnBranch(name, payload)) return { name, sha: context.sha, origin: { kind: 'own' } };
  if (mustSay.test(name)) return { name, sha: context.sha, origin: { kind: 'unknown' } };
  // Of an annotated tag `after` is the tag, not the commit.
  const pushed = name === 'push' ? shaOf(member(payload, 'head_commit', 'id')) : undefined;
  return { name, sha: pushed ?? context.sha, origin: { kind: 'own' } };
}

/** The event of a pull request, as payloads and the API describe one. */
export function pullRequestEvent(pull: unknown, { name, repository, sha }: EventContext): GitHubEvent {
  const base = member(pull, 'base', 'repo', 'full_name');
  const head = member(pull, 'head');
  // A payload without a head is none that GitHub sends.
  const origin: Origin = isObject(head)
    ? originOf(member(head, 'repo'), typeof base === 'string' ? base : repository)
    : { kind: 'unknown' };
  const number = member(pull, 'number');
  const isNumber = Number.isSafeInteger(number) && Number(number) > 0;
  return { name, sha: shaOf(member(head, 'sha')) ?? sha, origin, ...(isNumber && { pullRequest: Number(number) }) };
}

/** The repository itself may be a fork: whether its `fork` is set says nothing. */
function originOf(from: unknown, repository: string): Origin {
  const name = member(from, 'full_name') ?? nameIn(member(from, 'url'));
  // A fork that was deleted is null.
  if (typeof name !== 'string') return { kind: 'fork', repository: '' };
  return name.toLowerCase() === repository.toLowerCase() ? { kind: 'own' } : { kind: 'fork', repository: name };
}

/** `owner/name` of the API's address of a repository, which is all that some payloads have of it. */
function nameIn(url: unknown): string | undefined {
  return typeof url === 'string' ? /\/repos\/([^/]+\/[^/]+)$/.exec(url)?.[1] : undefined;
}

/**
 * Whether a commit that the event is about is on a branch of the repository itself. Of a fork's GitHub names no branch: the
 * `head_branch` of a check suite is null then, the `branches` of a status are none, and a deployment has the commit for its ref.
 */
function isOnOwnBranch(name: string, payload: unknown): boolean {
  const isNamed = (value: unknown) => typeof value === 'string' && value !== '';
  switch (name) {
    case 'check_suite':
      return isNamed(member(payload, 'check_suite', 'head_branch'));
    case 'check_run':
      return isNamed(member(payload, 'check_run', 'check_suite', 'head_branch'));
    case 'status': {
      const branches = member(payload, 'branches');
      return Array.isArray(branches) && branches.some((branch) => isNamed(member(branch, 'name')));
    }
    case 'deployment':
    case 'deployment_status': {
      const ref = member(payload, 'deployment', 'ref');
      return (
        typeof ref === 'string' && ref !== '' && !/^([0-9a-f]{7,64}$|(refs\/)?pull\/|\d+\/(merge|head)$)/i.test(ref)
      );
    }
    default:
      return false;
  }
}

/**
 * The repository of a head, of a pull request or of a run, that is not this one, wherever in the payload it is named; '' for one
 * that was deleted. Undefined if there is none.
 */
function foreignHead(payload: unknown, repository: string): string | undefined {
  const rest = [payload];
  while (rest.length > 0) {
    const at = rest.pop();
    if (!isObject(at)) continue;
    // One that was deleted is null.
    for (const head of [member(at, 'head', 'repo'), member(at, 'head_repository')]) {
      const origin = head === undefined ? undefined : originOf(head, repository);
      if (origin?.kind === 'fork') return origin.repository;
    }
    rest.push(...Object.values(at));
  }
  return undefined;
}

/** A commit's id; undefined for anything else, and for the zeros that stand for none. */
function shaOf(value: unknown): string | undefined {
  return typeof value === 'string' && /^(?!0+$)([0-9a-f]{40}|[0-9a-f]{64})$/.test(value) ? value : undefined;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** What is at a path of keys; undefined if there is nothing. */
export function member(value: unknown, ...keys: readonly string[]): unknown {
  return keys.reduce<unknown>(
    (at, key) => (isObject(at) && Object.hasOwn(at, key) ? (at as Record<string, unknown>)[key] : undefined),
    value,
  );
}
