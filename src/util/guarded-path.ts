import { lstat, mkdir, readlink, realpath } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from './errors.js';

/** A local directory to write into. */
export interface GuardedPlace {
  /** Absolute. */
  readonly path: string;
  /**
   * Directories with content that others may have prepared, such as a checkout: no symbolic link in them is followed.
   */
  readonly untrusted: readonly string[];
}

/** A path cannot be written safely, or something is in its way. The message is for the user. */
export class UnsafePathError extends UserError {
  constructor(message: string) {
    super(message);
    this.name = 'UnsafePathError';
  }
}

/** The number of symbolic links that Linux follows in one path. */
const MOST_LINKS = 40;

/**
 * Resolves the path of a directory name by name, as the kernel does, but follows no symbolic link that others may have
 * prepared: none in an untrusted directory, and none of another user.
 *
 * @param missing whether missing directories are created, or only included in the result
 * @throws UnsafePathError, and errors of the operating system
 */
export async function guardedPath(
  { path: wanted, untrusted }: GuardedPlace,
  missing: 'make' | 'keep',
): Promise<string> {
  const roots = await Promise.all(untrusted.map((root) => realpath(root).catch(() => path.resolve(root))));
  const names = namesOf(wanted);
  let at = '/';
  let links = 0;
  for (let name = names.shift(); name !== undefined; name = names.shift()) {
    const entry = path.join(at, name);
    const status = await statusOf(entry);
    if (status?.isSymbolicLink()) {
      const why = roots.some((root) => isWithin(root, at))
        ? 'is a symbolic link, and none is followed in a directory that others may have prepared'
        : isTrustedOwner(status.uid)
          ? undefined
          : `is a symbolic link of another user (uid ${status.uid})`;
      if (why !== undefined) {
        throw new UnsafePathError(`${entry} ${why}: remove it, or give the path of the directory itself`);
      }
      links += 1;
      if (links > MOST_LINKS) throw new UnsafePathError(`${wanted} has too many symbolic links in it`);
      const target = await readlink(entry);
      if (path.isAbsolute(target)) at = '/';
      names.unshift(...namesOf(target));
      continue;
    }
    if (status === undefined && missing === 'make') {
      try {
        await mkdir(entry);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        // Another process has created the name since, so it is checked like any other.
        names.unshift(name);
        continue;
      }
    } else if (status !== undefined && !status.isDirectory()) {
      throw new UnsafePathError(`${entry} is there and is no directory: remove it, or choose another path`);
    }
    at = entry;
  }
  return at;
}

function namesOf(text: string): string[] {
  return text.split('/').filter((name) => name !== '' && name !== '.');
}

async function statusOf(entry: string) {
  return lstat(entry).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

function isWithin(root: string, directory: string): boolean {
  return directory === root || directory.startsWith(root.endsWith('/') ? root : `${root}/`);
}

/** Links of root are trusted, because root could change everything anyway. */
function isTrustedOwner(uid: number): boolean {
  return uid === 0 || uid === process.geteuid?.();
}
