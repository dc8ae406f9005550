import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { programs } from '../../generated/programs.js';
import { assignments, quote } from '../../util/shell-quote.js';
import { again, causeOf, collectText, mustRun } from '../commands.js';
import { type Host, HostError, HostLostError } from '../host.js';
import { inPieces } from '../tar-blocks.js';
import { archiveOf } from './archive.js';
import { Changes, digestOfContents, type HashedTree, hashContents } from './contents.js';
import { changesTexts, type Staged, stagedText } from './texts.js';
import { StagingStopped, type Tree } from './tree.js';

export interface Sending {
  /** Whether nothing can be there yet: then that is not asked. */
  readonly isNew?: boolean;
  /** Called with what was done, as a sentence. */
  readonly tell?: (text: string) => void;
  /** Called with a warning about the tree on the host, as a sentence. */
  readonly warn?: (text: string) => void;
  /** Called with how many of `tree.bytes` have been read so far, to compare them with the host's or to send them. */
  readonly progress?: (bytes: number, doing: 'looking' | 'sending') => void;
  /** Aborted when the tree is no longer needed: then nothing is waited for. */
  readonly cancel?: AbortSignal;
}

/**
 * Sends a tree to `directory` on a host, unless it is there: `<directory>.digest` says what is. The directory appears at
 * once and whole; another tree that is there is moved to `<directory>.old-N`, with all that was written into it.
 *
 * Contents, links, executable bits and times are kept, and that a group or others cannot read; all else is what the host's
 * umask makes it.
 *
 * @param directory absolute, as `Host.spawn` starts at the file system's root
 * A file that changes meanwhile is sent as it is, with a warning; one that is removed is not sent.
 *
 * @throws HostError, StagingStopped
 */
export async function sendTree(host: Host, tree: Tree, directory: string, sending: Sending = {}): Promise<Staged> {
  const tell = sending.tell ?? (() => {});
  const { cancel, progress = () => {} } = sending;
  const early = new Changes();
  const hashed = await hashContents(tree, {
    changes: early,
    progress: (bytes) => progress(bytes, 'looking'),
    cancel,
  });
  const digest = digestOfContents(hashed);
  const { files, bytes } = hashed.tree;
  let result: Staged = { files, bytes, sent: false, wire: 0 };
  let late = new Changes();
  const there = sending.isNew === true ? '' : await unlessAborted(cancel, digestThere(host, directory));
  if (there !== digest) {
    const wire = await again(async () => {
      late = new Changes();
      try {
        return await sendOnce(host, hashed, { directory, digest, changes: late, progress, cancel });
      } catch (error) {
        if (error instanceof HostLostError) tell(`${error.message}: staging begins again`);
        throw error;
      }
    });
    result = { ...result, sent: true, wire };
  }
  // What is there is not what the digest is of.
  if (late.changed.size + late.vanished.size > 0) await forget(host, directory);
  for (const text of changesTexts(early, late)) sending.warn?.(text);
  tell(stagedText(result));
  return result;
}

/** The result of a task that is not waited for once `cancel` is aborted. @throws StagingStopped */
async function unlessAborted<T>(cancel: AbortSignal | undefined, task: Promise<T>): Promise<T> {
  if (cancel === undefined) return task;
  let stop = () => {};
  const stopped = new Promise<never>((_, reject) => {
    stop = () => reject(new StagingStopped());
  });
  stopped.catch(() => {});
  task.catch(() => {});
  cancel.addEventListener('abort', stop, { once: true });
  if (cancel.aborted) stop();
  try {
    return await Promise.race([stopped, task]);
  } finally {
    cancel.removeEventListener('abort', stop);
  }
}

/** Makes the next run send its tree. */
async function forget(host: Host, directory: string): Promise<void> {
  await mustRun(host, `cannot remove ${directory}.digest`, `rm -f -- ${quote(`${directory}.digest`)}`);
}

/** Of the tree that is whole in the directory; '' if there is none. */
async function digestThere(host: Host, directory: string): Promise<string> {
  const file = quote(`${directory}.digest`);
  const there = await mustRun(
    host,
    `cannot look at ${directory} on ${host.name}`,
    `if [ -d ${quote(directory)} ] && [ -f ${file} ]; then cat -- ${file}; fi`,
  );
  return there.toString('utf8').trim();
}

interface Shipment {
  readonly directory: string;
  readonly digest: string;
  readonly changes: Changes;
  readonly progress: NonNullable<Sending['progress']>;
  readonly cancel: AbortSignal | undefined;
}

/** @returns bytes that travelled */
async function sendOnce(host: Host, hashed: HashedTree, shipment: Shipment): Promise<number> {
  const { tree } = hashed;
  const { directory, digest, changes, progress, cancel } = shipment;
  const purpose = `cannot stage ${tree.root} to ${directory} on ${host.name}`;
  const process = host.spawn(receiver(directory, digest));
  const errors = collectText(process.stderr, 4096);
  process.stdout.resume();
  const stop = new AbortController();
  // A command that failed, or was lost, reads no more; not every way to a machine lets writing to it fail then.
  process.exit.then(
    ({ code }) => code !== 0 && stop.abort(),
    () => stop.abort(),
  );
  const archive = archiveOf(hashed, { changes, progress: (bytes) => progress(bytes, 'sending') });
  let wire = 0;
  async function* counted(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      wire += chunk.length;
      yield chunk;
    }
  }
  const parts = Promise.allSettled([
    pipeline(Readable.from(inPieces(archive)), createGzip({ level: 1 }), counted, process.stdin, {
      signal: stop.signal,
    }),
    process.exit,
  ]);
  const [sent, ended] = await unlessAborted(cancel, parts).catch((error) => {
    // The receiver unpacks no archive that is cut off: it removes what it has, and that is not waited for.
    stop.abort();
    process.leave();
    throw error;
  });
  if (ended.status === 'rejected') throw ended.reason;
  // That a file cannot be read is the cause of all else; that the stream broke is not.
  if (sent.status === 'rejected' && sent.reason instanceof HostError) throw sent.reason;
  // tar may give up (a full disk) before everything has been sent: then its own words are the reason, not the broken pipe.
  if (ended.value.code !== 0) {
    throw new HostError(`${purpose}: ${causeOf(ended.value.code, lastWords(errors()))}`);
  }
  if (sent.status === 'rejected') throw new HostError(`${purpose}: ${sent.reason}`);
  return wire;
}

/** A command that unpacks its input beside the directory and then puts it in its place. */
function receiver(directory: string, digest: string): string {
  return assignments({ directory, mark: `${directory}.digest`, digest }) + programs['hosts/upload/receive.sh'];
}

/** tar says the same of every file that it cannot write, and then that it failed. */
function lastWords(text: string): string {
  const lines = text.split('\n').filter((line) => !/Exiting with failure status|Child returned status/.test(line));
  const words = lines.slice(-3).join('\n');
  // Which is all that it says of a disk that is full, when a part of a file had room.
  return /Wrote only \d+ of/.test(words) ? `${words}: the disk, or what of it is allowed, seems to be full` : words;
}
