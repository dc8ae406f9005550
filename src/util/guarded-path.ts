import { lstat, mkdir, readlink, realpath } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from './errors.js';

/** A directory of this machine that is to be written into. */
export interface GuardedPlace {
  /** Absolute. */
  readonly path: string;
  /** Directories whose content others may have prepared, as that of a checkout: no symbolic link in them is followed. */
  readonly untrusted: readonly string[];
}

/** Something is in the way of what is to be written. The message is for people. */
export class UnsafePathError extends UserError {
  /** Whether it is a symbolic link that is not followed. */
  readonly isLink: boolean;

  constructor(message: string, isLink = false) {
    super(message);
    this.name = 'UnsafePathError';
    this.isLink = isLink;
  }
}

/** As many symbolic links as Linux follows in one path. */
const MOST_LINKS = 40;

/**
 * Finds the real path of a directory, name by name, as the kernel would, but follows no symbolic link that others may have
 * prepared: none in an untrusted directory, and none of another user.
 *
 * @param missing what becomes of directories that are not there: made, or taken as they will be
 * @throws UnsafePathError for what is in the way, and what the operating system says
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
        throw new UnsafePathError(`${entry} ${why}: remove it, or give the path of the directory itself`, true);
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
        // What somebody else made meanwhile is looked at as all else is.
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

/** Root may do as it likes anyway. */
function isTrustedOwner(uid: number): boolean {
  return uid === 0 || uid === process.geteuid?.();
}
