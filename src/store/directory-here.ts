import { link, lstat, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { unfinished } from '../util/unfinished.js';
import { distrust, type Entry } from './ownership.js';
import { journalPath } from './study-writer.js';

/**
 * What directory.ts has done by commands, done by this process for the plain case: a study directory of this machine that only this
 * user and root can change, without links on the way to it. A command takes a hundred times as long, most of it to start others.
 *
 * Whatever else is found, and every error, is `unknown`: then the command does it, which tells people what is the matter. It finds what
 * was begun here as if it had been run before.
 */

type Found = 'free' | 'unknown' | { readonly journal: string };

/** Looks at the directory of a study. */
export function lookHere(studyPath: string, isShared: boolean): Promise<Found> {
  return orUnknown<Found>(async () => {
    const entries = await trustedEntries(studyPath, isShared);
    if (entries === undefined) return 'unknown';
    if (!entries.has(studyPath)) return 'free';
    const journal = path.join(studyPath, journalPath);
    if (entries.has(journal)) return { journal: await readFile(journal, 'utf8') };
    return (await isFree(studyPath)) ? 'free' : 'unknown';
  });
}

/** What the directory of a study is made with. */
export interface MakingHere {
  readonly isShared: boolean;
  /** The first line of its journal, and what is unlike that of any other driver. */
  readonly first: string;
  readonly token: string;
  /** How the study is taken: the line of the lease, and what is unlike that of any other driver. Undefined if it is not. */
  readonly lease?: { readonly line: string; readonly token: string } | undefined;
}

/** `theirs` if another process was faster. */
type Made = 'made' | 'taken' | 'theirs' | 'unknown';

/** Makes the directory of a study, and takes it with the first fencing number, as make-study.sh and lease-take.sh do. */
export function makeHere(studyPath: string, { isShared, first, token, lease }: MakingHere): Promise<Made> {
  return orUnknown<Made>(async () => {
    // Of a directory on the way that is not trusted nothing is to be made here: whether it was new counts for the command.
    if ((await trustedEntries(studyPath, isShared)) === undefined) return 'unknown';
    const modes = modesFor(isShared);
    await mkdir(path.dirname(studyPath), { recursive: true, mode: modes.directory });
    const isNew = await isMade(() => mkdir(studyPath, modes.directory));
    await mkdir(path.join(studyPath, '.conductor'), { recursive: true, mode: modes.directory });
    // Only now is it known who owns the directory: another user may have made it first.
    if ((await trustedEntries(studyPath, isShared)) === undefined) return 'unknown';
    const journal = path.join(studyPath, journalPath);
    if (!(await isFree(studyPath))) return 'unknown';
    if (!(await appears(journal, first, { temporary: `${journal}.${token}`, mode: modes.file }))) return 'theirs';
    if (!isNew || lease === undefined) return 'made';
    return (await take(path.join(studyPath, '.conductor'), lease, modes)) ? 'taken' : 'made';
  });
}

async function orUnknown<T>(task: () => Promise<T | 'unknown'>): Promise<T | 'unknown'> {
  try {
    return await unfinished(task());
  } catch {
    return 'unknown';
  }
}

/** What users get who are not trusted: nothing to write. */
const modesFor = (isShared: boolean) =>
  isShared ? { directory: 0o775, file: 0o664 } : { directory: 0o755, file: 0o644 };

type Modes = ReturnType<typeof modesFor>;

/**
 * All that is there of the path of a study directory, the directory itself and what of its own is named, by path.
 *
 * @returns undefined if there is a link, or something that users may write who are not known to be trusted
 */
async function trustedEntries(studyPath: string, isShared: boolean): Promise<ReadonlyMap<string, Entry> | undefined> {
  const uid = process.geteuid?.();
  // A name of another form may lead elsewhere than its parts say: `link/` is what the link leads to.
  if (path.resolve(studyPath) !== studyPath) return undefined;
  const entries = new Map<string, Entry>();
  const own = [path.join(studyPath, '.conductor'), path.join(studyPath, journalPath)];
  for (const name of [...pathsTo(studyPath), ...own]) {
    const entry = await entryOf(name, name === studyPath ? 'study' : own.includes(name) ? 'own' : 'parent');
    if (entry === undefined) continue;
    const kind = entry.mode >> 12;
    if (kind !== (name === own[1] ? FILE : DIRECTORY)) return undefined;
    entries.set(name, entry);
  }
  const isTrusted = uid !== undefined && distrust({ uid, paths: [[...entries.values()]] }, isShared) === undefined;
  return isTrusted ? entries : undefined;
}

const [DIRECTORY, FILE] = [0o04, 0o10];

/** Each path from `/` to that of a directory. */
function pathsTo(directory: string): string[] {
  const above = path.dirname(directory);
  return above === directory ? [directory] : [...pathsTo(above), directory];
}

/** Undefined if there is no such thing. */
async function entryOf(name: string, role: Entry['role']): Promise<Entry | undefined> {
  try {
    const { uid, gid, mode } = await lstat(name);
    // As if others could write whatever a group may: which group is trusted only a command can find out.
    const unknown = { owner: '', group: '', user: '', members: [], hasAcl: true, homeOwner: undefined };
    return { role, path: name, uid, gid, mode, ...unknown };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Whether there is nothing in a directory, apart from what another process that makes a study there makes first. */
async function isFree(studyPath: string): Promise<boolean> {
  const names = await readdir(studyPath);
  if (names.some((name) => name !== '.conductor')) return false;
  const own = names.length === 0 ? [] : await readdir(path.join(studyPath, '.conductor'));
  return own.every((name) => name.startsWith('journal.jsonl.'));
}

interface NewFile {
  /** The name that it has until it is whole. */
  readonly temporary: string;
  readonly mode: number;
}

/**
 * Makes a file appear at once, with all of its text, unless there is one.
 *
 * @returns whether it is this one
 */
async function appears(file: string, text: string, { temporary, mode }: NewFile): Promise<boolean> {
  try {
    await writeFile(temporary, text, { flag: 'wx', mode });
    await isMade(() => link(temporary, file));
  } finally {
    await rm(temporary, { force: true });
  }
  // On NFS a link that was made may be said to have been there before.
  return (await readFile(file, 'utf8')).startsWith(text);
}

/** Whether something was made, and was not there. */
async function isMade(make: () => Promise<void>): Promise<boolean> {
  try {
    await make();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Takes the first fencing number, and writes the lease. @returns whether this driver has it, and none came after it */
async function take(
  conductor: string,
  { line, token }: NonNullable<MakingHere['lease']>,
  modes: Modes,
): Promise<boolean> {
  const fences = path.join(conductor, 'fences');
  await mkdir(fences, { recursive: true, mode: modes.directory });
  const fence = { temporary: path.join(fences, `.${token}`), mode: modes.file };
  if (!(await appears(path.join(fences, '1'), `${token}\n`, fence))) return false;
  if ((await readdir(fences)).some((name) => /^[1-9]\d*$/.test(name) && name !== '1')) return false;
  const temporary = path.join(conductor, `lease.${token}`);
  await writeFile(temporary, `${line}\n`, { flag: 'wx', mode: modes.file });
  await rename(temporary, path.join(conductor, 'lease'));
  return true;
}
