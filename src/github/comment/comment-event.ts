import { readFileSync } from 'node:fs';
import { member } from '../event.js';

/** A comment that somebody has just made, as the event `issue_comment` describes it. */
export interface NewComment {
  readonly id: number;
  readonly text: string;
  /** Its page; '' if that is not an address. */
  readonly url: string;
  /** When it was made, in ISO 8601. */
  readonly created: string;
  readonly author: { readonly login: string; readonly id: number };
  /** The number of the pull request, or of the issue. */
  readonly issue: number;
  readonly isOnPullRequest: boolean;
}

/**
 * The comment that started this run; undefined for one that is none of our business: edited or deleted, or a bot's.
 *
 * @param file with the event's payload
 * @returns 'unreadable' if the payload is not that of a comment
 */
export function readComment(file: string): NewComment | 'unreadable' | undefined {
  try {
    return commentIn(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return 'unreadable';
  }
}

/** The same from a payload. Never throws, whatever that is. */
export function commentIn(payload: unknown): NewComment | 'unreadable' | undefined {
  if (member(payload, 'action') !== 'created')
    return member(payload, 'action') === undefined ? 'unreadable' : undefined;
  const of = (...keys: readonly string[]) => member(payload, 'comment', ...keys);
  if (of('user', 'type') === 'Bot') return undefined;
  const issue = member(payload, 'issue');
  const [id, text, created, login, author, number] = [
    of('id'),
    of('body'),
    of('created_at'),
    of('user', 'login'),
    of('user', 'id'),
    member(issue, 'number'),
  ];
  if (!isId(id) || !isId(author) || !isId(number) || typeof login !== 'string') return 'unreadable';
  const url = of('html_url');
  const pull = member(issue, 'pull_request');
  return {
    id,
    text: typeof text === 'string' ? text : '',
    url: typeof url === 'string' && /^https?:\/\/[^\s()<>]+$/.test(url) ? url : '',
    created: typeof created === 'string' && /^[0-9T:.Z-]{10,30}$/.test(created) ? created : '1970-01-01T00:00:00Z',
    author: { login, id: author },
    issue: number,
    isOnPullRequest: typeof pull === 'object' && pull !== null,
  };
}

function isId(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
}
