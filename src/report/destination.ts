import { constants } from 'node:fs';
import { copyFile, lstat, mkdir, open, rm, utimes, writeFile } from 'node:fs/promises';
import { HostError } from '../hosts/host.js';

export interface FileDetails {
  readonly executable: boolean;
  readonly mtime: Date;
}

/**
 * A directory of this machine into which others' files are put. It may have anything in it, as a checkout may: nothing is
 * written through a symbolic link below it.
 */
export class Destination {
  readonly #root: string;
  readonly #made = new Set<string>();

  /** @param root is there */
  constructor(root: string) {
    this.#root = root;
  }

  /**
   * Writes a file in the place of what is there. Of one whose content breaks off nothing is left.
   *
   * @param path relative, without `..`
   * @throws what `content` throws, what the operating system says
   */
  async write(
    path: string,
    content: string | Uint8Array | AsyncIterable<Uint8Array>,
    details?: FileDetails,
  ): Promise<void> {
    const file = await this.#place(path);
    const handle = await open(file, 'wx', details?.executable ? 0o777 : 0o666);
    try {
      await writeFile(handle, content);
      if (details !== undefined) await handle.utimes(details.mtime, details.mtime);
    } catch (error) {
      await rm(file, { force: true });
      // Of a full disk the system does not say where it is.
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      throw new HostError(`cannot write ${file}: ${(error as Error).message}`);
    } finally {
      await handle.close();
    }
  }

  /** Copies a file that was written before. */
  async copy(from: string, to: string, { mtime }: FileDetails): Promise<void> {
    const file = await this.#place(to);
    await copyFile(`${this.#root}/${from}`, file, constants.COPYFILE_EXCL);
    await utimes(file, mtime, mtime);
  }

  /** Makes room for a file. */
  async #place(path: string): Promise<string> {
    const names = path.split('/');
    if (names.some((name) => name === '' || name === '.' || name === '..')) {
      throw new HostError(`${path} is no path below ${this.#root}`);
    }
    for (let depth = 1; depth < names.length; depth++) await this.#directory(names.slice(0, depth).join('/'));
    const file = `${this.#root}/${path}`;
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
      if (!(await lstat(directory)).isDirectory()) {
        throw new HostError(`cannot write below ${directory}: it is there and no directory; remove it`);
      }
    }
    this.#made.add(path);
  }
}
