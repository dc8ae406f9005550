import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { readSpec } from '../spec/read.js';
import { Source } from '../spec/source.js';
import { groupBy } from '../util/group-by.js';
import type { Annotation, PlacedLine } from './annotations.js';

/** What is known of the spec at the commit that a check run is on. */
export type SpecAtHead =
  /** It is what ran. */
  | { readonly kind: 'same' }
  | { readonly kind: 'text'; readonly text: string }
  /** There is no such file. */
  | { readonly kind: 'absent' }
  /** It could not be read. */
  | { readonly kind: 'unknown' };

/**
 * The lines, at a commit, of what is said about the spec that ran. A pull request's run is of what would come of merging
 * it, where others' changes may have moved the lines.
 *
 * @returns undefined for annotations that have no place there
 */
export function linesAt(head: SpecAtHead, ran: string): (annotation: Annotation) => PlacedLine | undefined {
  switch (head.kind) {
    case 'same':
      return ({ line }) => ({ line: Math.max(1, line) });
    case 'absent':
      return () => undefined;
    case 'unknown':
      return ({ line }) => ({
        line: 1,
        note: `Line ${line} of the spec that ran; the spec at this commit could not be read`,
      });
    case 'text':
      return head.text === ran ? linesAt({ kind: 'same' }, ran) : linesBetween(ran, head.text);
  }
}

function linesBetween(ran: string, head: string): (annotation: Annotation) => PlacedLine {
  const steps = stepLines(head);
  const ranLines = ran.split('\n');
  const headLines = linesByText(head);
  return ({ line, step }) => {
    const text = ranLines[line - 1]?.trim() ?? '';
    const same = headLines.get(text);
    const at = step !== undefined ? steps.get(step) : same?.length === 1 && text !== '' ? same[0] : undefined;
    if (at !== undefined) return { line: at };
    return { line: 1, note: `Line ${line} of the spec that ran; the spec at this commit does not have it` };
  };
}

/** The first line of each step. A text that is no spec has none. */
function stepLines(text: string): Map<string, number> {
  const { draft } = readSpec(new Source('', text));
  const lines = new Map<string, number>();
  for (const { name, at } of draft?.steps ?? []) if (!lines.has(name)) lines.set(name, at.line);
  return lines;
}

function linesByText(text: string): Map<string, number[]> {
  const lines = text.split('\n').map((line, i) => ({ text: line.trim(), number: i + 1 }));
  const groups = groupBy(lines, (line) => line.text);
  return new Map([...groups].map(([line, group]) => [line, group.map(({ number }) => number)]));
}

/**
 * The path of a file in its repository, as annotations name it: from the checkout that it is in, which need not be the
 * workspace itself (`actions/checkout` with `path`).
 *
 * @param file absolute
 * @param workspace absolute
 * @param repositories `owner/name` of those that annotations can be of; any, if none is named
 * @returns undefined for a file outside the workspace, and for one of another repository: a submodule's, for example
 */
export function pathInRepository(
  file: string,
  workspace: string,
  repositories: readonly string[] = [],
): string | undefined {
  if (!isWithin(file, workspace)) return undefined;
  for (let directory = path.dirname(file); isWithin(directory, workspace); directory = path.dirname(directory)) {
    if (existsSync(path.join(directory, '.git'))) {
      return isOneOf(directory, workspace, repositories) ? relative(directory, file) : undefined;
    }
    if (path.dirname(directory) === directory) break;
  }
  return relative(workspace, file);
}

/** Whether a checkout is of one of these repositories, as its remote says. */
function isOneOf(checkout: string, workspace: string, repositories: readonly string[]): boolean {
  const config = configOf(path.join(checkout, '.git'));
  if (config === undefined || repositories.length === 0) return true;
  const remotes = remotesIn(config);
  // One that was made in place of a checkout.
  if (remotes.size === 0) return checkout === workspace;
  const urls = remotes.has('origin') ? [remotes.get('origin')!] : [...remotes.values()];
  const wanted = repositories.map((name) => name.toLowerCase());
  return urls.some((url) => wanted.includes(repositoryOf(url)?.toLowerCase() ?? ''));
}

/** The configuration of a repository; undefined if there is none to be read. A submodule's, or a worktree's, `.git` is a file. */
function configOf(git: string): string | undefined {
  try {
    if (!statSync(git).isFile()) return readFileSync(path.join(git, 'config'), 'utf8');
    const directory = /^gitdir: (.*)$/m.exec(readFileSync(git, 'utf8'))?.[1]?.trim();
    if (directory === undefined) return undefined;
    const own = path.resolve(path.dirname(git), directory);
    const common = path.join(own, 'commondir');
    const shared = existsSync(common) ? path.resolve(own, readFileSync(common, 'utf8').trim()) : own;
    return readFileSync(path.join(shared, 'config'), 'utf8');
  } catch {
    return undefined;
  }
}

/** The remotes of a configuration of git, and the first address of each. */
function remotesIn(config: string): Map<string, string> {
  const remotes = new Map<string, string>();
  let remote: string | undefined;
  for (const line of config.split('\n')) {
    const section = /^\s*\[\s*([^\]"\s]+)\s*(?:"((?:[^"\\]|\\.)*)")?\s*\]/.exec(line);
    if (section !== null) remote = section[1]!.toLowerCase() === 'remote' ? section[2] : undefined;
    const url = /^(?:\s*\[[^\]]*\])?\s*url\s*=\s*"?([^"#;]*)/i.exec(line)?.[1]?.trim();
    if (remote !== undefined && url !== undefined && url !== '' && !remotes.has(remote)) remotes.set(remote, url);
  }
  return remotes;
}

/** `owner/name` at the end of an address: `https://github.com/owner/name.git`, `git@github.com:owner/name`. */
function repositoryOf(url: string): string | undefined {
  return /([^/:]+\/[^/:]+?)(\.git)?\/*$/.exec(url)?.[1];
}

/** Whether a file is in a directory, or is that, by their names alone. */
export function isWithin(file: string, directory: string): boolean {
  const way = path.relative(directory, file);
  return way !== '..' && !way.startsWith(`..${path.sep}`) && !path.isAbsolute(way);
}

function relative(directory: string, file: string): string {
  return path.relative(directory, file).split(path.sep).join('/');
}
