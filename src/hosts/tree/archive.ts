import { createHash } from 'node:crypto';
import type { ReadableStream } from 'node:stream/web';
import { createTarPacker } from 'modern-tar';
import { changed, contentOf } from './contents.js';
import type { Tree, TreeEntry } from './tree.js';

export interface Archive {
  /** The archive. It breaks if the tree is found to have changed: a tree that is not whole has no end. */
  readonly stream: ReadableStream<Uint8Array>;
  /** When it has been made. Rejects for what broke it. */
  readonly packed: Promise<void>;
}

type Packer = ReturnType<typeof createTarPacker>['controller'];
type Header = Parameters<Packer['add']>[0];

/**
 * A tree as a tar archive, made as it is read.
 *
 * @param hashes of the contents: a file that has others by now breaks the archive
 * @param progress called with how many bytes of files have been packed
 */
export function archiveOf(tree: Tree, hashes: ReadonlyMap<string, string>, progress: (bytes: number) => void): Archive {
  const { readable, controller } = createTarPacker();
  const packed = pack(controller, tree, hashes, progress);
  packed.catch(() => {});
  return { stream: readable as ReadableStream<Uint8Array>, packed };
}

async function pack(
  controller: Packer,
  tree: Tree,
  hashes: ReadonlyMap<string, string>,
  progress: (bytes: number) => void,
): Promise<void> {
  let bytes = 0;
  try {
    for (const entry of tree.entries) {
      const writer = controller.add(headerOf(entry)).getWriter();
      // These reject too when the stream breaks; `write` and `close` tell of it.
      for (const promise of [writer.ready, writer.closed]) promise.catch(() => {});
      if (entry.kind === 'file') {
        const hash = createHash('sha256');
        for await (const chunk of contentOf(tree, entry)) {
          hash.update(chunk);
          await writer.write(chunk);
          bytes += chunk.length;
          progress(bytes);
        }
        if (hash.digest('hex') !== hashes.get(entry.path)) throw changed(tree, entry);
      }
      await writer.close();
    }
    controller.finalize();
  } catch (error) {
    // Without its end the archive would be waited for without end.
    controller.error(error);
    throw error;
  }
}

function headerOf(entry: TreeEntry): Header {
  const times = timesOf(entry.mtime);
  switch (entry.kind) {
    case 'directory':
      return { name: `${entry.path}/`, type: 'directory', size: 0, mode: 0o777, ...times };
    case 'link':
      return { name: entry.path, type: 'symlink', size: 0, linkname: entry.target, mode: 0o777, ...times };
    case 'file':
      return { name: entry.path, type: 'file', size: entry.size, mode: entry.executable ? 0o777 : 0o666, ...times };
  }
}

/** A header has whole seconds since 1970. To `make` more than that may matter; other times are a record of their own. */
function timesOf(mtime: number): Pick<Header, 'mtime' | 'pax'> {
  if (mtime >= 0 && mtime % 1000 === 0) return { mtime: new Date(mtime) };
  return { mtime: new Date(Math.max(0, mtime)), pax: { mtime: (mtime / 1000).toFixed(6) } };
}
