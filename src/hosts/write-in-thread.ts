import { Worker } from 'node:worker_threads';
import { programs } from '../generated/programs.js';
import { systemWords } from '../util/errors.js';
import { unfinished } from '../util/unfinished.js';
import { HostError } from './host.js';

/** A file, or without a text a directory. Its name is relative; the umask applies to its mode. */
export interface WrittenEntry {
  readonly name: string;
  readonly text?: string | Uint8Array;
  readonly mode?: number;
}

/** Why the thread could not write an entry. */
interface Failure {
  readonly name: string;
  readonly code: string;
  readonly errno: number;
  readonly message: string;
}

/**
 * Writes many files of this machine, in a thread of its own: there calls can wait for the file system, which takes a tenth of what calls
 * take here that do not, and this program goes on although a file system hangs. It has begun when this returns.
 *
 * @throws HostError with the purpose, and which entry could not be written
 */
export async function writeInThread(
  purpose: string,
  directory: string,
  entries: readonly WrittenEntry[],
): Promise<void> {
  const worker = new Worker(programs['hosts/write-files.js'], { eval: true, workerData: { directory, entries } });
  const failure = await unfinished(
    new Promise<Failure | null>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
      worker.once('exit', () => reject(new Error('its thread ended')));
    }),
  ).catch((error: unknown) => {
    throw new HostError(`${purpose}: ${systemWords(error)}`);
  });
  if (failure === null) return;
  const { name, message, ...error } = failure;
  throw new HostError(`${purpose}: ${name}: ${systemWords(Object.assign(new Error(message), error))}`);
}
