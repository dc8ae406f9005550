import { randomBytes } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { copyFile, lstat, mkdir, open, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { type GuardedPlace, guardedPath, UnsafePathError } from './guarded-path.js';

export interface FileDetails {
  readonly executable: boolean;
  readonly mtime: Date;
}

/**
 * A local directory for files from another machine. Others may have prepared its contents, as in a checkout, so nothing
 * is written through a symbolic link below it.
 */
export class GuardedDirectory {
  readonly #root: string;
  readonly #made = new Set<string>();
  readonly #replaced: string[] = [];

  private constructor(root: string) {
    this.#root = root;
  }

  /**
   * Creates the directory if it does not exist.
   *
   * @throws UnsafePathError, and errors of the operating system
   */
  static async open(place: GuardedPlace): Promise<GuardedDirectory> {
    return new GuardedDirectory(await guardedPath(place, 'make'));
  }

  /** An opened directory, or one whose own path is known to be safe. */
  static async at(directory: GuardedDirectory | string): Promise<GuardedDirectory> {
    if (typeof directory !== 'string') return directory;
    return GuardedDirectory.open({ path: directory, untrusted: [] });
  }

  /** The absolute paths of symbolic links and other non-files that were removed to make room for files. */
  get replaced(): readonly string[] {
    return this.#replaced;
  }

  /**
   * Writes a file, replacing what is there by a rename, so that a reader never sees a part of it. If `content` fails,
   * nothing is left.
   *
   * @param path relative, without `..`
   * @throws UnsafePathError, what `content` throws, and errors of the operating system
   */
  async write(
    path: string,
    content: string | Uint8Array | AsyncIterable<Uint8Array>,
    details?: FileDetails,
  ): Promise<void> {
    const file = await this.#place(path);
    const temporary = `${file.slice(0, file.lastIndexOf('/'))}/.maestro-${randomBytes(12).toString('hex')}`;
    try {
      // Exclusive creation does not follow a symbolic link.
      const handle = await open(temporary, 'wx', details?.executable ? 0o777 : 0o666);
      try {
        await writeFile(handle, content);
        if (details !== undefined) await handle.utimes(details.mtime, details.mtime);
      } finally {
        await handle.close();
      }
      await rename(temporary, file);
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => {});
      throw named(error, file);
    }
  }

  /** Copies a file that was written earlier. */
  async copy(from: string, to: string, { mtime }: FileDetails): Promise<void> {
    const file = await this.#place(to);
    try {
      await copyFile(`${this.#root}/${from}`, file, constants.COPYFILE_EXCL);
      await utimes(file, mtime, mtime);
    } catch (error) {
      throw named(error, file);
    }
  }

  /** Makes room for a file. */
  async #place(path: string): Promise<string> {
    const names = path.split('/');
    if (names.some((name) => name === '' || name === '.' || name === '..')) {
      throw new UnsafePathError(`${path} is no path below ${this.#root}`);
    }
    for (let depth = 1; depth < names.length; depth++) await this.#directory(names.slice(0, depth).join('/'));
    const file = `${this.#root}/${path}`;
    const status = await statusOf(file);
    if (status === undefined) return file;
    if (status.isDirectory()) throw new UnsafePathError(`cannot write ${file}: it is a directory; remove it`);
    if (!status.isFile()) this.#replaced.push(file);
    await rm(file, { force: true });
    return file;
  }

  async #directory(path: string): Promise<void> {
    if (this.#made.has(path)) return;
    const directory = `${this.#root}/${path}`;
    try {
      await mkdir(directory);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const status = await lstat(directory);
      if (!status.isDirectory()) {
        const what = status.isSymbolicLink() ? ', but a symbolic link' : '';
        throw new UnsafePathError(`cannot write below ${directory}: it is there and no directory${what}; remove it`);
      }
    }
    this.#made.add(path);
  }
}

async function statusOf(file: string): Promise<Stats | undefined> {
  return lstat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

/** Adds the name of the file to an error for a full disk or quota, which does not have it. */
function named(error: unknown, file: string): unknown {
  const { syscall, path, message } = error as NodeJS.ErrnoException;
  if (syscall === undefined || (path !== undefined && !path.includes('/.maestro-'))) return error;
  const words = message.replace(/ '[^']*\/\.maestro-[0-9a-f]{24}'(?: -> '.*')?$/, '');
  return new UnsafePathError(`cannot write ${file}: ${words}`);
}
