import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { HostError } from '../host.js';
import { StagingStopped, type Tree, type TreeEntry, type TreeFile } from './tree.js';

const CHUNK_BYTES = 256 * 1024;

/** What became of files of a tree after it was listed. Paths relative to its root. */
export class Changes {
  /** Written while they were read: what is staged of them may not be whole. */
  readonly changed = new Set<string>();
  /** Not there any more, or something else than files. */
  readonly vanished = new Set<string>();
}

/** An open file, with the size that it had when it was opened: exactly that many bytes are read of it. */
export interface OpenedFile {
  readonly size: number;
  /**
   * Exactly `size` bytes: of one that shrank the rest is zeros, and what is added to one is left out.
   *
   * @param shared whether a piece may be overwritten by the next
   */
  content(shared?: boolean): AsyncGenerator<Buffer, void, undefined>;
  /** Whether it had another size than that when `content` ended. */
  readonly isTorn: boolean;
  close(): Promise<void>;
}

/**
 * Opens a file of a tree. What took its place meanwhile is neither followed nor waited for.
 *
 * @returns undefined if it is not there any more, or no file
 * @throws HostError that names the file if it cannot be read
 */
export async function openFile(tree: Tree, file: TreeFile): Promise<OpenedFile | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(`${tree.root}/${file.path}`, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (goneCodes.has((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw cannotRead(tree, file, error);
  }
  try {
    const stats = await handle.stat();
    if (stats.isFile()) return new Opened(tree, file, handle, stats.size);
  } catch (error) {
    await handle.close();
    throw cannotRead(tree, file, error);
  }
  await handle.close();
  return undefined;
}

/** What the system says of a file that was removed, or replaced by a link, a directory or a socket. */
const goneCodes: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'EISDIR', 'ENXIO', 'ESTALE']);

function cannotRead(tree: Tree, file: TreeFile, error: unknown): HostError {
  return new HostError(
    `cannot read ${file.path} of ${tree.root}: ${(error as Error).message}; make it readable, or leave it out with stage-exclude`,
  );
}

class Opened implements OpenedFile {
  readonly size: number;
  isTorn = false;
  readonly #tree: Tree;
  readonly #file: TreeFile;
  readonly #handle: FileHandle;

  constructor(tree: Tree, file: TreeFile, handle: FileHandle, size: number) {
    this.#tree = tree;
    this.#file = file;
    this.#handle = handle;
    this.size = size;
  }

  async *content(shared = false): AsyncGenerator<Buffer, void, undefined> {
    let left = this.size;
    const room = shared ? Buffer.allocUnsafe(Math.min(CHUNK_BYTES, left + 1)) : undefined;
    for (;;) {
      // One byte more than there should be shows whether there is more.
      const asked = Math.min(CHUNK_BYTES, left + 1);
      const bytes = await this.#read(room?.subarray(0, asked) ?? Buffer.allocUnsafe(asked));
      this.isTorn = bytes.length > left || (bytes.length === 0 && left > 0);
      const wanted = bytes.subarray(0, left);
      left -= wanted.length;
      if (wanted.length > 0) yield wanted;
      // Less than was asked for is the end.
      if (this.isTorn || (left === 0 && bytes.length < asked)) break;
    }
    for (; left > 0; left -= Math.min(CHUNK_BYTES, left)) yield Buffer.alloc(Math.min(CHUNK_BYTES, left));
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  async #read(room: Buffer): Promise<Buffer> {
    try {
      const { bytesRead } = await this.#handle.read(room);
      return room.subarray(0, bytesRead);
    } catch (error) {
      throw cannotRead(this.#tree, this.#file, error);
    }
  }
}

/** How many files are read at once: opening small ones takes most of the time. */
const MAX_OPEN_FILES = 8;

/** A tree whose files have been read. */
export interface HashedTree {
  /** Without what had vanished, and with sizes as they were read. */
  readonly tree: Tree;
  /** The SHA-256 of every file's content, by its path. */
  readonly hashes: ReadonlyMap<string, string>;
}

export interface Hashing {
  /** Called with what changed since the tree was listed. */
  readonly changes?: Changes;
  /** Called with the number of bytes read so far. */
  readonly progress?: (bytes: number) => void;
  /** Aborted when this is not wanted any more. */
  readonly cancel?: AbortSignal | undefined;
}

/**
 * Reads every file of a tree, in pieces.
 *
 * @throws HostError for what cannot be read; StagingStopped
 */
export async function hashContents(tree: Tree, hashing: Hashing = {}): Promise<HashedTree> {
  const { changes = new Changes(), progress = () => {}, cancel } = hashing;
  const hashes = new Map<string, string>();
  const sizes = new Map<string, number>();
  const files = filesOf(tree);
  let bytes = 0;
  const hashSome = async () => {
    // All take from one iterator, each the next file when it is done with one; what fails ends it for all.
    for (const file of files) {
      const opened = await openFile(tree, file);
      if (opened === undefined) {
        changes.vanished.add(file.path);
        continue;
      }
      try {
        const hash = createHash('sha256');
        for await (const chunk of opened.content(true)) {
          if (cancel?.aborted) throw new StagingStopped();
          hash.update(chunk);
          bytes += chunk.length;
          progress(bytes);
        }
        if (cancel?.aborted) throw new StagingStopped();
        if (opened.isTorn || opened.size !== file.size) changes.changed.add(file.path);
        hashes.set(file.path, hash.digest('hex'));
        if (opened.size !== file.size) sizes.set(file.path, opened.size);
      } finally {
        await opened.close();
      }
    }
  };
  await Promise.all(Array.from({ length: MAX_OPEN_FILES }, hashSome));
  return { tree: asRead(tree, changes.vanished, sizes), hashes };
}

function asRead(tree: Tree, vanished: ReadonlySet<string>, sizes: ReadonlyMap<string, number>): Tree {
  if (vanished.size === 0 && sizes.size === 0) return tree;
  const entries = tree.entries.flatMap((entry): TreeEntry[] => {
    if (vanished.has(entry.path)) return [];
    const size = sizes.get(entry.path);
    return [entry.kind === 'file' && size !== undefined ? { ...entry, size } : entry];
  });
  const bytes = entries.reduce((sum, entry) => sum + (entry.kind === 'file' ? entry.size : 0), 0);
  return { ...tree, entries, bytes, files: entries.filter(({ kind }) => kind !== 'directory').length };
}

function* filesOf(tree: Tree): Generator<TreeFile, void, undefined> {
  for (const entry of tree.entries) if (entry.kind === 'file') yield entry;
}

/**
 * The same for the same tree, whenever and wherever it is: of paths, kinds, links' targets, contents, and what is kept of modes.
 * Times take no part: a checkout makes them new.
 */
export function digestOfContents({ tree, hashes }: HashedTree): string {
  const digest = createHash('sha256');
  for (const entry of tree.entries) {
    const matters =
      entry.kind === 'file'
        ? [entry.executable, entry.size, hashes.get(entry.path)]
        : entry.kind === 'link'
          ? [entry.target]
          : [];
    // Without it the digest is as in earlier versions.
    const withheld = entry.kind === 'link' || entry.withheld === 0 ? [] : [entry.withheld];
    digest.update(`${JSON.stringify([entry.kind, entry.path, ...matters, ...withheld])}\n`);
  }
  return digest.digest('hex');
}

/** The digest of a tree: see `digestOfContents`. Reads every file, in pieces. */
export async function digestOf(tree: Tree): Promise<string> {
  return digestOfContents(await hashContents(tree));
}
