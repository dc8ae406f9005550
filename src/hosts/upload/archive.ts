import { createHash } from 'node:crypto';
import type { ReadableStream } from 'node:stream/web';
import { createTarPacker } from 'modern-tar';
import { type Changes, type HashedTree, type OpenedFile, openFile } from './contents.js';
import type { TreeEntry } from './tree.js';

export interface Archive {
  /** The archive. It breaks if the tree cannot be read: one that is not whole has no end. */
  readonly stream: ReadableStream<Uint8Array>;
  /** When it has been made. Rejects for what broke it. */
  readonly packed: Promise<void>;
}

type Packer = ReturnType<typeof createTarPacker>['controller'];
type Header = Parameters<Packer['add']>[0];

export interface Archiving {
  /** Called with what has changed since it was hashed: it is archived as it is now. */
  readonly changes: Changes;
  /** Called with how many bytes of files have been packed. */
  readonly progress: (bytes: number) => void;
}

/** A tree as a tar archive, made as it is read. */
export function archiveOf(hashed: HashedTree, archiving: Archiving): Archive {
  const { readable, controller } = createTarPacker();
  const packed = pack(controller, hashed, archiving);
  packed.catch(() => {});
  return { stream: readable as ReadableStream<Uint8Array>, packed };
}

async function pack(controller: Packer, { tree, hashes }: HashedTree, { changes, progress }: Archiving): Promise<void> {
  let bytes = 0;
  const count = (more: number) => {
    bytes += more;
    progress(bytes);
  };
  try {
    for (const entry of tree.entries) {
      if (entry.kind !== 'file') {
        await writerOf(controller, entry).close();
        continue;
      }
      const opened = await openFile(tree, entry);
      if (opened === undefined) changes.vanished.add(entry.path);
      else if ((await packFile(controller, entry, opened, count)) !== hashes.get(entry.path)) {
        changes.changed.add(entry.path);
      }
    }
    controller.finalize();
  } catch (error) {
    // Without its end the archive would be waited for without end.
    controller.error(error);
    throw error;
  }
}

/** @returns the SHA-256 of what was packed; '' if the file was being written */
async function packFile(
  controller: Packer,
  entry: TreeEntry,
  opened: OpenedFile,
  count: (bytes: number) => void,
): Promise<string> {
  try {
    // The header has the size that the file had when it was opened, so exactly that many bytes must follow.
    const writer = writerOf(controller, { ...entry, size: opened.size } as TreeEntry);
    const hash = createHash('sha256');
    for await (const chunk of opened.content()) {
      hash.update(chunk);
      await writer.write(chunk);
      count(chunk.length);
    }
    await writer.close();
    return opened.isTorn ? '' : hash.digest('hex');
  } finally {
    await opened.close();
  }
}

function writerOf(controller: Packer, entry: TreeEntry): WritableStreamDefaultWriter<Uint8Array> {
  const writer = controller.add(headerOf(entry)).getWriter();
  // These reject too when the stream breaks; `write` and `close` report it.
  for (const promise of [writer.ready, writer.closed]) promise.catch(() => {});
  return writer;
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
