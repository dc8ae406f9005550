import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { systemWords } from '../util/errors.js';
import { quote } from '../util/shell-quote.js';
import { unfinished } from '../util/unfinished.js';
import { again, causeOf, collectText, mustRun } from './commands.js';
import { type Host, HostError } from './host.js';
import { type WholeMember, wholeArchive } from './tar-blocks.js';
import { type WrittenEntry, writeInThread } from './write-in-thread.js';

/** A file to be written on a host. */
export interface HostFile {
  /** Relative to the directory that it is written below. */
  readonly path: string;
  readonly text: string | Uint8Array;
  readonly executable?: boolean;
  /** Whether nobody but its owner may read it. */
  readonly isPrivate?: boolean;
}

/** A directory to be made on a host, for what will be in it. */
export interface HostDirectory {
  /** As of a file. */
  readonly directory: string;
}

/** Of more files than these a thread writes those of this machine: it takes longer to start than `tar`. */
const MOST_BY_TAR = 500;

/**
 * Writes files, and the directories they are in, below `directory`, all in one stream.
 * Their modes are what a program there would give them: everything that the umask lets through.
 */
export async function writeFiles(
  host: Host,
  directory: string,
  files: Iterable<HostFile | HostDirectory>,
): Promise<void> {
  const all = [...files];
  const purpose = `cannot write the study's files to ${directory} on ${host.name}`;
  if (host.runsAsThisProcess === true && all.length > MOST_BY_TAR) {
    return writeInThread(purpose, directory, all.map(toEntry));
  }
  await again(() => writeByTar(host, purpose, directory, all));
}

function toEntry(entry: HostFile | HostDirectory): WrittenEntry {
  if ('directory' in entry) return { name: entry.directory };
  return { name: entry.path, text: entry.text, mode: modeOf(entry) };
}

async function writeByTar(
  host: Host,
  purpose: string,
  directory: string,
  all: readonly (HostFile | HostDirectory)[],
): Promise<void> {
  // An archive of many small files is mostly zeros, which are worth compressing for a network only.
  const isCompressed = host.connect === undefined;
  const process = host.spawn(
    `command -v tar >/dev/null || { echo 'there is no tar' >&2; exit 127; }\n` +
      `exec tar -x ${isCompressed ? '-z ' : ''}-m -f - -C ${quote(directory)} --no-same-owner --no-same-permissions`,
  );
  const errors = collectText(process.stderr, 4096);
  process.stdout.resume();
  const [sent, ended] = await Promise.allSettled([
    pipeline([
      Readable.from(wholeArchive(membersOf(all)), { highWaterMark: 1 }),
      ...(isCompressed ? [createGzip({ level: 1 })] : []),
      process.stdin,
    ]),
    process.exit,
  ]);
  if (ended.status === 'rejected') throw ended.reason;
  // tar may give up (a full disk) before everything has been sent: then its own words are the reason, not the broken pipe.
  const { code } = ended.value;
  if (code !== 0) throw new HostError(`${purpose}: ${causeOf(code, lastLines(errors(), 3))}`);
  if (sent.status === 'rejected') throw new HostError(`${purpose}: ${sent.reason}`);
}

/** tar says the same of every file that it cannot write. */
function lastLines(text: string, most: number): string {
  return text.split('\n').slice(-most).join('\n');
}

function* membersOf(files: readonly (HostFile | HostDirectory)[]): Generator<WholeMember> {
  // tar's -m gives each the time at which it is written.
  const mtime = 0;
  for (const entry of files) {
    if ('directory' in entry) {
      yield { type: 'Directory', path: `${entry.directory}/`, mode: 0o777, mtime, content: '' };
      continue;
    }
    yield { type: 'File', path: entry.path, mode: modeOf(entry), mtime, content: entry.text };
  }
}

/** 0666 and 0777 less the umask, as `open` gives; Maestro adds the owner's x to the first. */
function modeOf({ executable, isPrivate }: HostFile): number {
  return executable === true ? 0o766 : isPrivate === true ? 0o600 : 0o666;
}

/**
 * Bash that writes its input, which is `text`, to a new file beside another, `$new`, at whose name no link can have been
 * prepared: bash creates it exclusively. It ends if that fails, or if the input ends early because its sender was killed.
 */
export function replacingCommand(path: string, text: string): string {
  const isWhole = `[ "$(wc -c < "$new")" -eq ${Buffer.byteLength(text)} ]`;
  return (
    `new=${quote(path)}.${randomBytes(8).toString('hex')}.$$\n` +
    `(set -C; cat > "$new") && ${isWhole} || { rm -f -- "$new"; exit 1; }`
  );
}

interface Replacing {
  /** Whether nobody but its owner may read it, from its first byte on. */
  readonly isPrivate?: boolean;
  /** What an error begins with. */
  readonly purpose?: string;
}

/** Replaces a file's text at once: a reader finds the old one or the new one, never a part. */
export async function replaceFile(
  host: Host,
  path: string,
  text: string,
  { isPrivate = false, purpose = `cannot write ${path}` }: Replacing = {},
): Promise<void> {
  if (host.runsAsThisProcess === true) return here(purpose, () => replaceHere(path, text, isPrivate ? 0o600 : 0o666));
  const mask = isPrivate ? 'umask 077\n' : '';
  await mustRun(host, purpose, `${mask}${replacingCommand(path, text)}\nmv -fT -- "$new" ${quote(path)}`, text);
}

async function replaceHere(path: string, text: string, mode: number): Promise<void> {
  const temporary = `${path}.${randomBytes(8).toString('hex')}.${process.pid}`;
  try {
    await writeTo(temporary, constants.O_CREAT | constants.O_EXCL, text, mode);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
}

/** Adds text to a file, after what is there. */
export async function appendFile(host: Host, path: string, text: string): Promise<void> {
  const purpose = `cannot write ${path}`;
  const whyNot = 'it is a symbolic link, which is not followed';
  if (host.runsAsThisProcess === true) {
    const flags = constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW;
    return here(purpose, () => writeTo(path, flags, text), { ELOOP: whyNot });
  }
  const file = quote(path);
  const refusal = `if [ -L ${file} ]; then echo '${whyNot}' >&2; exit 1; fi`;
  await mustRun(host, purpose, `${refusal}\ncat >> ${file}`, text);
}

async function writeTo(path: string, flags: number, text: string, mode = 0o666): Promise<void> {
  const handle = await open(path, constants.O_WRONLY | flags, mode);
  try {
    await handle.writeFile(text);
  } finally {
    await handle.close();
  }
}

/**
 * Does without a command what this process can do itself.
 *
 * @param words in place of the system's, by the name of an error
 */
async function here(
  purpose: string,
  task: () => Promise<void>,
  words: Readonly<Record<string, string>> = {},
): Promise<void> {
  try {
    await unfinished(task());
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    throw new HostError(`${purpose}: ${words[code] ?? systemWords(error)}`);
  }
}

/** Whether there are such files, in the order of `paths`. */
export async function areThere(host: Host, paths: readonly string[]): Promise<boolean[]> {
  if (paths.length === 0) return [];
  const output = await mustRun(
    host,
    `cannot look for files on ${host.name}`,
    `while IFS= read -r -d '' path; do [ -e "$path" ]; echo $?; done`,
    paths.map((path) => `${path}\0`).join(''),
  );
  const statuses = output.toString().split('\n');
  return paths.map((_, i) => statuses[i] === '0');
}

/** The last bytes of files, in the order of `paths`; null for one that cannot be read. */
export async function readTails(host: Host, paths: readonly string[], bytes: number): Promise<(Buffer | null)[]> {
  if (paths.length === 0) return [];
  const output = await mustRun(
    host,
    `cannot read outputs on ${host.name}`,
    `while IFS= read -r -d '' path; do\n` +
      `  if [ -f "$path" ] && [ -r "$path" ]; then printf +; tail -c ${bytes} -- "$path" | base64 | tr -d '\\n'; fi\n` +
      `  echo\n` +
      `done`,
    paths.map((path) => `${path}\0`).join(''),
  );
  const lines = output.toString('latin1').split('\n');
  return paths.map((_, i) => (lines[i]?.startsWith('+') ? Buffer.from(lines[i].slice(1), 'base64') : null));
}
