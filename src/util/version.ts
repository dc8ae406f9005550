import { readFileSync } from 'node:fs';
import path from 'node:path';
import { packageDirectory } from './package-directory.js';

export const version = '0.1.0';

/**
 * The version, with the commit that the program was made from if that is known: `0.1.0 (COMMIT)`. Reads files each time,
 * and never throws.
 *
 * @param directory that of the package
 */
export function describeVersion(directory: string | undefined = packageDirectory()): string {
  const commit = directory === undefined ? undefined : commitOf(directory);
  return commit === undefined ? version : `${version} (${commit})`;
}

/** The bundle is committed, so it cannot have its own commit in it: what it came in has. */
function commitOf(directory: string): string | undefined {
  return (
    commitOfClone(path.join(directory, '.git')) ??
    // GitHub's archives, by which the runner gets an action: `git archive` puts the commit in.
    hash(/^node: (.*)$/m.exec(read(path.join(directory, '.git_archival.txt')))?.[1]) ??
    // The npm package, see tools/write-commit.mjs.
    hash(read(path.join(directory, 'dist/commit')))
  );
}

/** @param git the directory `.git` of a clone, or the file that a work tree has in its place */
function commitOfClone(git: string): string | undefined {
  const elsewhere = /^gitdir: (.*)$/m.exec(read(git))?.[1];
  const directory = elsewhere === undefined ? git : path.resolve(path.dirname(git), elsewhere);
  const head = read(path.join(directory, 'HEAD')).trim();
  const branch = /^ref: (refs\/.+)$/.exec(head)?.[1];
  if (branch === undefined) return hash(head);
  // A work tree has its HEAD in a directory of its own, and its branches in the clone's.
  const common = path.resolve(directory, read(path.join(directory, 'commondir')).trim());
  const packed = read(path.join(common, 'packed-refs')).split('\n');
  return (
    hash(read(path.join(common, branch))) ?? hash(packed.find((line) => line.endsWith(` ${branch}`))?.split(' ')[0])
  );
}

/** The text, if it is the hash of a commit, of SHA-1 or SHA-256. */
function hash(text: string | undefined): string | undefined {
  return text === undefined ? undefined : /^([0-9a-f]{40}|[0-9a-f]{64})\s*$/.exec(text)?.[1];
}

/** The text of a file; '' of one that cannot be read. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
