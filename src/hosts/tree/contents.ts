import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { HostError } from '../host.js';
import type { Tree, TreeFile } from './tree.js';

const chunkSize = 256 * 1024;

/**
 * A file's bytes, neither more nor fewer than when the tree was read: an archive says a file's size before its bytes.
 *
 * @throws HostError that names the file if it is not the same any more, or cannot be read
 */
export async function* contentOf(tree: Tree, file: TreeFile): AsyncGenerator<Buffer, void, undefined> {
  // Whatever took the file's place meanwhile is not followed, nor waited for.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  let handle: Awaited<ReturnType<typeof open>> | undefined;
  try {
    handle = await open(`${tree.root}/${file.path}`, flags);
    let left = file.size;
    for (;;) {
      // One byte more than there should be shows whether there is more. What is yielded may be kept: a new buffer each time.
      const asked = Math.min(chunkSize, left + 1);
      const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(asked));
      if (bytesRead > left || (bytesRead === 0 && left > 0)) throw changed(tree, file);
      left -= bytesRead;
      if (bytesRead > 0) yield buffer.subarray(0, bytesRead);
      // Less than was asked for is the end.
      if (left === 0 && bytesRead < asked) return;
    }
  } catch (error) {
    if (error instanceof HostError || (error as NodeJS.ErrnoException).syscall === undefined) throw error;
    throw new HostError(`cannot read ${file.path} of ${tree.root}: ${(error as Error).message}`);
  } finally {
    await handle?.close();
  }
}

export function changed(tree: Tree, file: TreeFile): HostError {
  return new HostError(
    `${file.path} of ${tree.root} changed while it was read: stage it when nothing writes it, or leave it out with stage-exclude`,
  );
}

/** So many files are read at once: of small ones most of the time goes into opening them. */
const atOnce = 8;

/** The SHA-256 of every file's content, by its path. */
export async function hashContents(tree: Tree): Promise<ReadonlyMap<string, string>> {
  const hashes = new Map<string, string>();
  const files = filesOf(tree);
  const hashSome = async () => {
    // All take from one iterator, each the next file when it is done with one; what fails ends it for all.
    for (const file of files) {
      const hash = createHash('sha256');
      for await (const chunk of contentOf(tree, file)) hash.update(chunk);
      hashes.set(file.path, hash.digest('hex'));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, hashSome));
  return hashes;
}

function* filesOf(tree: Tree): Generator<TreeFile, void, undefined> {
  for (const entry of tree.entries) if (entry.kind === 'file') yield entry;
}

/**
 * The same for the same tree, whenever and wherever it is: of paths, kinds, links' targets, executable bits and contents.
 * Times take no part: a checkout makes them new.
 *
 * @param hashes of the contents
 */
export function digestOfContents(tree: Tree, hashes: ReadonlyMap<string, string>): string {
  const digest = createHash('sha256');
  for (const entry of tree.entries) {
    const matters =
      entry.kind === 'file'
        ? [entry.executable, entry.size, hashes.get(entry.path)]
        : entry.kind === 'link'
          ? [entry.target]
          : [];
    digest.update(`${JSON.stringify([entry.kind, entry.path, ...matters])}\n`);
  }
  return digest.digest('hex');
}

/** The digest of a tree: see `digestOfContents`. Reads every file, in pieces. */
export async function digestOf(tree: Tree): Promise<string> {
  return digestOfContents(tree, await hashContents(tree));
}
