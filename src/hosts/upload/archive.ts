import { createHash } from 'node:crypto';
import { archiveEnd, headerBlocks, padding, type TarMember } from '../tar-blocks.js';
import { type Changes, type HashedTree, openFile } from './contents.js';
import type { TreeEntry } from './tree.js';

export interface Archiving {
  /** Called with what has changed since it was hashed: it is archived as it is now. */
  readonly changes: Changes;
  /** Called with how many bytes of files have been packed. */
  readonly progress: (bytes: number) => void;
}

/**
 * A tree as a tar archive, made as it is read.
 *
 * @throws HostError for what cannot be read: the archive has no end then
 */
export async function* archiveOf(
  { tree, hashes }: HashedTree,
  { changes, progress }: Archiving,
): AsyncGenerator<Uint8Array, void, undefined> {
  let bytes = 0;
  for (const entry of tree.entries) {
    if (entry.kind !== 'file') {
      yield headerBlocks(memberOf(entry));
      continue;
    }
    const opened = await openFile(tree, entry);
    if (opened === undefined) {
      changes.vanished.add(entry.path);
      continue;
    }
    try {
      const hash = createHash('sha256');
      // The header has the size that the file had when it was opened, so exactly that many bytes must follow.
      yield headerBlocks(memberOf({ ...entry, size: opened.size }));
      for await (const chunk of opened.content()) {
        hash.update(chunk);
        bytes += chunk.length;
        progress(bytes);
        yield chunk;
      }
      yield padding(opened.size);
      if (opened.isTorn || hash.digest('hex') !== hashes.get(entry.path)) changes.changed.add(entry.path);
    } finally {
      await opened.close();
    }
  }
  yield archiveEnd;
}

function memberOf(entry: TreeEntry): TarMember {
  const { path, mtime } = entry;
  switch (entry.kind) {
    case 'directory':
      return { type: 'Directory', path: `${path}/`, mode: 0o777 & ~entry.withheld, mtime, size: 0 };
    case 'link':
      return { type: 'SymbolicLink', path, linkpath: entry.target, mode: 0o777, mtime, size: 0 };
    case 'file':
      return {
        type: 'File',
        path,
        mode: (entry.executable ? 0o777 : 0o666) & ~entry.withheld,
        mtime,
        size: entry.size,
      };
  }
}
