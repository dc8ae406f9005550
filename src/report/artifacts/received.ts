import type { Readable } from 'node:stream';
import type { ReadableStream, ReadableWritablePair, WritableStreamDefaultWriter } from 'node:stream/web';
import { createTarDecoder, type ParsedTarEntry } from 'modern-tar';
import { collectText } from '../../hosts/commands.js';
import { type Host, HostError } from '../../hosts/host.js';
import type { GuardedDirectory } from '../../util/guarded-directory.js';
import { quote } from '../../util/shell-quote.js';
import { textOf } from './storable-names.js';
import type { StudyEntry } from './study-files.js';

/** A file to be brought. */
export interface Request {
  readonly entry: StudyEntry;
  /** Where to, in the destination: as often as something led to it. */
  readonly names: readonly string[];
}

export interface Received {
  /** Names in the destination. */
  readonly brought: ReadonlySet<string>;
  readonly bytes: number;
  /** What could not be brought, or may not be whole, and why. */
  readonly problems: readonly string[];
}

/** The files' names come with `./` in front and a NUL after them: no version of tar takes one for an option then. */
const sendCommand = `command -v tar >/dev/null || { echo 'there is no tar' >&2; exit 127; }
export LC_ALL=C
exec tar -c -f - --format=posix --hard-dereference --no-recursion --ignore-failed-read --null --no-unquote -T -`;

/**
 * Brings files in one stream. Files that vanish or cannot be read meanwhile are among the problems.
 *
 * @throws HostError if the stream is not whole; HostLostError; UnsafePathError; what the operating system says of the
 *   destination
 */
export async function receiveFiles(
  host: Host,
  directory: string,
  requests: readonly Request[],
  destination: GuardedDirectory,
): Promise<Received> {
  if (requests.length === 0) return { brought: new Set(), bytes: 0, problems: [] };
  const process = host.spawn(`cd -- ${quote(directory)} || exit 1\n${sendCommand}`);
  const errors = collectText(process.stderr, 65_536);
  // Not every way to a machine ends its streams when it is lost.
  process.exit.catch((error) => process.stdout.destroy(error));
  process.stdin.end(Buffer.from(requests.map(({ entry }) => `./${entry.raw}\0`).join(''), 'latin1'));
  const expected = new Expected(requests);
  const brought = new Set<string>();
  let bytes = 0;
  try {
    for await (const { header, body } of unbroken(unpacked(process.stdout))) {
      const request = expected.take(header.name);
      if (request === undefined || header.type !== 'file') {
        await body.cancel();
        continue;
      }
      const details = { executable: ((header.mode ?? 0) & 0o100) !== 0, mtime: header.mtime ?? new Date(0) };
      const [first, ...others] = request.names;
      await destination.write(first!, unbroken(body as ReadableStream<Uint8Array>), details);
      for (const other of others) await destination.copy(first!, other, details);
      for (const name of request.names) brought.add(name);
      bytes += header.size * request.names.length;
    }
  } catch (error) {
    if (!(error instanceof StreamBroke)) {
      // The rest of the stream is not read.
      process.leave();
      process.stdout.destroy();
      throw error;
    }
    const { code } = await process.exit;
    const words = errors().split('\n').slice(-3).join('\n');
    throw new HostError(
      `cannot collect files of ${directory} on ${host.name}: ${words || `tar: exit ${code}: ${error.message}`}`,
    );
  }
  await process.exit;
  const missing = requests.filter(({ names }) => !brought.has(names[0]!)).map(({ entry }) => entry);
  return { brought, bytes, problems: problemsOf(missing, errors()) };
}

function unpacked(stdout: Readable): ReadableStream<ParsedTarEntry> {
  // Strict: an archive without its end is an error, and not a short one.
  const { readable, writable } = createTarDecoder({ strict: true }) as ReadableWritablePair<ParsedTarEntry, Uint8Array>;
  void feed(stdout, writable.getWriter());
  return readable;
}

/** Not `Readable.toWeb`: it throws an error that cannot be caught if data arrives after its reader was cancelled. */
async function feed(source: Readable, writer: WritableStreamDefaultWriter<Uint8Array>): Promise<void> {
  // The reader of the decoder gets its errors.
  for (const promise of [writer.ready, writer.closed]) promise.catch(() => {});
  try {
    for await (const chunk of source) await writer.write(chunk as Buffer);
    await writer.close();
  } catch (error) {
    await writer.abort(error).catch(() => {});
  }
}

/** What comes over the way to the machine ended too early, which is no fault of the destination's. */
class StreamBroke extends Error {}

async function* unbroken<T>(stream: ReadableStream<T>): AsyncGenerator<T, void, undefined> {
  const items = stream[Symbol.asyncIterator]();
  try {
    for (;;) {
      const item = await items.next().catch((error: unknown) => {
        throw new StreamBroke(String(error));
      });
      if (item.done === true) return;
      yield item.value;
    }
  } finally {
    await items.return?.().catch(() => {});
  }
}

/**
 * The requests in their order, which is the archive's. A name in it is text, whatever bytes it was: those before it in the
 * order that are not called so are missing, and of several that are called the same the first is meant.
 */
class Expected {
  readonly #requests: readonly Request[];
  #next = 0;

  constructor(requests: readonly Request[]) {
    this.#requests = requests;
  }

  take(name: string): Request | undefined {
    for (let i = this.#next; i < this.#requests.length; i++) {
      const request = this.#requests[i]!;
      if (Buffer.from(`./${request.entry.raw}`, 'latin1').toString('utf8') !== name) continue;
      this.#next = i + 1;
      return request;
    }
    return undefined;
  }
}

const cannot = /^[^:]*tar: \.\/(.*?): (?:Warning: )?(?:Cannot \w+: (.+)|(File removed before we read it))$/;
const torn = /^[^:]*tar: (?:\.\/)?(.*): (?:file changed as we read it|File shrank by .*)$/;

/** What became of the files, from tar's messages. Other lines are `setup`'s. */
function problemsOf(missing: readonly StudyEntry[], errors: string): string[] {
  const reasons = new Map<string, string>();
  const problems = new Set<string>();
  for (const line of errors.split('\n')) {
    const reason = cannot.exec(line);
    if (reason !== null) reasons.set(bytesOf(reason[1]!), reason[2] ?? 'No such file or directory');
    const changed = torn.exec(line);
    if (changed !== null) problems.add(`${textOf(bytesOf(changed[1]!))}: changed while it was read`);
  }
  for (const { raw, path } of missing) problems.add(`${path}: ${reasons.get(raw) ?? 'vanished, or cannot be read'}`);
  return [...problems];
}

/** A name that tar wrote, in latin1: it writes what is not printable, or not ASCII, as C does. */
function bytesOf(shown: string): string {
  const letters: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', a: '\x07', b: '\b', f: '\f', v: '\v' };
  return shown.replace(/\\(?:([0-7]{3})|(.))/g, (_, octal?: string, letter?: string) =>
    octal !== undefined ? String.fromCharCode(Number.parseInt(octal, 8)) : (letters[letter!] ?? letter!),
  );
}
