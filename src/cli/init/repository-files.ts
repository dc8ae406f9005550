import { existsSync } from 'node:fs';
import { lstat, open, rm } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '../../util/errors.js';
import { guardedPath } from '../../util/guarded-path.js';

/** The top of the git repository that a directory is in; undefined if it is in none. */
export function topOfRepository(directory: string): string | undefined {
  for (let at = path.resolve(directory); ; at = path.dirname(at)) {
    if (existsSync(path.join(at, '.git'))) return at;
    if (at === path.dirname(at)) return undefined;
  }
}

/** What there is at a path. No symbolic link is followed. */
export async function kindOf(file: string): Promise<'none' | 'file' | 'directory' | 'link' | 'other'> {
  const status = await lstat(file).catch((error: NodeJS.ErrnoException) => {
    // A part of the path is a file: that is found out when the directory is made.
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  });
  if (status === undefined) return 'none';
  if (status.isFile()) return 'file';
  if (status.isDirectory()) return 'directory';
  return status.isSymbolicLink() ? 'link' : 'other';
}

/**
 * Writes new files, all of them or none. What is there is neither replaced nor changed, and no symbolic link in the
 * repository is followed.
 *
 * @param files their texts, by their paths relative to `top`
 * @throws UnsafePathError, UserError if a file is there, errors of the operating system
 */
export async function writeNewFiles(top: string, files: ReadonlyMap<string, string>): Promise<void> {
  // Checked for all before anything is written.
  for (const name of files.keys()) await guardedPath(placeOf(top, name), 'keep');
  const written: string[] = [];
  try {
    for (const [name, text] of files) {
      const file = path.join(await guardedPath(placeOf(top, name), 'make'), path.basename(name));
      // Exclusive creation does not follow a symbolic link.
      const handle = await open(file, 'wx').catch((error: NodeJS.ErrnoException) => {
        throw error.code === 'EEXIST' ? new UserError(`${name} is there already`) : error;
      });
      written.push(file);
      try {
        await handle.writeFile(text);
      } finally {
        await handle.close();
      }
    }
  } catch (error) {
    for (const file of written) await rm(file, { force: true });
    throw error;
  }
}

const placeOf = (top: string, name: string) => ({ path: path.dirname(path.join(top, name)), untrusted: [top] });
