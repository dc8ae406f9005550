import { constants, type Stats } from 'node:fs';
import { access, lstat, readdir, readFile, readlink } from 'node:fs/promises';
import path from 'node:path';
import { someOf } from '../../util/format.js';
import { excludedBy, type PathMatcher } from '../../util/globs.js';
import { HostError } from '../host.js';
import { type OwnFiles, ownOutputIn } from './own-output.js';

export interface TreeFile {
  readonly kind: 'file';
  /** Relative to the tree's root. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Whether its owner may execute it. With `withheld` all of its mode that is kept. */
  readonly executable: boolean;
  /** The bits of a mode that its group or others do not get, because they cannot read it here. */
  readonly withheld: number;
  /** Milliseconds since the epoch. */
  readonly mtime: number;
}

export interface TreeDirectory {
  readonly kind: 'directory';
  readonly path: string;
  readonly withheld: number;
  readonly mtime: number;
}

/** A symbolic link, which stays one. */
export interface TreeLink {
  readonly kind: 'link';
  readonly path: string;
  readonly target: string;
  readonly mtime: number;
}

export type TreeEntry = TreeFile | TreeDirectory | TreeLink;

/** What is below a directory of this machine. */
export interface Tree {
  /** Absolute. */
  readonly root: string;
  /** Every directory before what is in it, names in order. */
  readonly entries: readonly TreeEntry[];
  /** How many of them are no directories. */
  readonly files: number;
  /** Of all files' contents. */
  readonly bytes: number;
  /** Sentences about what will not be on the host as it is here. */
  readonly warnings: readonly string[];
  /** What earlier runs of this program wrote, and is not in the tree: earlier studies, and reports. Paths in it. */
  readonly leftOut: {
    readonly studies: readonly string[];
    readonly reports: readonly string[];
    /** Files that are secrets of this program. */
    readonly secrets: readonly string[];
  };
}

/** How a tree is listed. */
export interface Listing {
  /** What is ours in it. */
  readonly own?: OwnFiles;
  /** Aborted when the tree is not wanted any more. */
  readonly cancel?: AbortSignal;
}

/** How many files are looked at at once. */
const MAX_STAT_CALLS = 64;

/**
 * Lists a directory of this machine. Left out are `.git` wherever it is (a submodule has one too), and what the globs match
 * with all that is below: a glob of one name matches at any depth, `dir/` directories only, a path is relative to the root.
 * So is what this program wrote there: earlier studies, and reports.
 *
 * @throws HostError that names what cannot be read, or has a name that cannot be sent; StagingStopped
 */
export async function readTree(root: string, exclude: readonly string[], listing: Listing = {}): Promise<Tree> {
  const absolute = path.resolve(root);
  const walk = new Walk(absolute, excludedBy(exclude), listing);
  await walk.directory('');
  const { entries, unreadable, misnamed, special } = walk;
  if (unreadable.length > 0) {
    throw new HostError(
      `cannot read ${someOf(unreadable)} of ${absolute}: make them readable, or leave them out with stage-exclude`,
    );
  }
  if (misnamed.length > 0) {
    throw new HostError(
      `cannot send ${someOf(misnamed)} of ${absolute}: the names are not UTF-8; rename them, or leave them out with stage-exclude`,
    );
  }
  const warnings: string[] = [];
  if (special.length > 0) warnings.push(`Not staged, because they are sockets, fifos or devices: ${someOf(special)}`);
  const strays = entries.filter((entry) => entry.kind === 'link' && leavesTree(entry)).map((entry) => entry.path);
  if (strays.length > 0) {
    warnings.push(`Symbolic links that lead out of the staged tree may lead nowhere on the host: ${someOf(strays)}`);
  }
  return {
    root: absolute,
    entries,
    files: entries.filter((entry) => entry.kind !== 'directory').length,
    bytes: entries.reduce((sum, entry) => sum + (entry.kind === 'file' ? entry.size : 0), 0),
    warnings,
    leftOut: { studies: walk.studies, reports: walk.reports, secrets: walk.secrets },
  };
}

/** By its text: what other links on the way make of it is not looked at. */
function leavesTree({ path: link, target }: TreeLink): boolean {
  return target.startsWith('/') || /^\.\.(\/|$)/.test(path.posix.join(path.posix.dirname(link), target));
}

class Walk {
  readonly entries: TreeEntry[] = [];
  readonly unreadable: string[] = [];
  readonly misnamed: string[] = [];
  readonly special: string[] = [];
  readonly studies: string[] = [];
  readonly reports: string[] = [];
  readonly secrets: string[] = [];
  readonly #root: string;
  readonly #excluded: PathMatcher;
  readonly #listing: Listing;

  constructor(root: string, excluded: PathMatcher, listing: Listing) {
    this.#root = root;
    this.#excluded = excluded;
    this.#listing = listing;
  }

  /** @param directory relative to the root, which is '' */
  async directory(directory: string): Promise<void> {
    if (this.#listing.cancel?.aborted) throw new StagingStopped();
    const absolute = directory === '' ? this.#root : `${this.#root}/${directory}`;
    let names: Buffer[];
    try {
      names = await readdir(absolute, { encoding: 'buffer' });
    } catch (error) {
      // Without its root there is nothing to be named.
      if (directory === '') throw new HostError(`cannot read the directory to stage: ${(error as Error).message}`);
      return this.#cannotRead(directory, error);
    }
    const own = await ownOutputIn(this.#root, directory, new Set(names.map(String)), this.#listing.own);
    if (own.kind !== undefined) {
      (own.kind === 'study' ? this.studies : this.reports).push(directory || '.');
      if (own.names === undefined) {
        // The directory itself is the last that was listed.
        this.entries.pop();
        return;
      }
    }
    const candidates = names
      .map((bytes) => ({ bytes, name: bytes.toString('utf8') }))
      .filter(({ name }) => name !== '.git' && own.names?.has(name) !== true)
      // By code units: the same on every machine.
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map(({ bytes, name }) => ({
        // Of a name that is no text only this gives the way to the file.
        file: Buffer.concat([Buffer.from(`${absolute}/`), bytes]),
        relative: directory === '' ? name : `${directory}/${name}`,
        isText: Buffer.from(name).equals(bytes),
      }));
    for (let i = 0; i < candidates.length; i += MAX_STAT_CALLS) {
      const some = candidates.slice(i, i + MAX_STAT_CALLS);
      const looks = await Promise.all(some.map((candidate) => this.#look(candidate)));
      for (const entry of looks) {
        if (entry === undefined) continue;
        this.entries.push(entry);
        if (entry.kind === 'directory') await this.directory(entry.path);
      }
    }
  }

  /** What there is, if it is to be staged. */
  async #look({ file, relative, isText }: Candidate): Promise<TreeEntry | undefined> {
    try {
      const stats = await lstat(file);
      if (this.#excluded(relative, stats.isDirectory())) return undefined;
      if (!isText) {
        this.misnamed.push(relative);
        return undefined;
      }
      return await this.#entry(file, relative, stats);
    } catch (error) {
      this.#cannotRead(relative, error);
      return undefined;
    }
  }

  async #entry(file: Buffer, relative: string, stats: Stats): Promise<TreeEntry | undefined> {
    const mtime = stats.mtimeMs;
    const withheld = withheldBits(stats.mode);
    if (stats.isDirectory()) return { kind: 'directory', path: relative, mtime, withheld };
    if (stats.isSymbolicLink()) {
      const bytes = await readlink(file, { encoding: 'buffer' });
      const target = bytes.toString('utf8');
      if (Buffer.from(target).equals(bytes)) return { kind: 'link', path: relative, target, mtime };
      this.misnamed.push(`${relative} -> ${target}`);
      return undefined;
    }
    if (!stats.isFile()) {
      this.special.push(relative);
      return undefined;
    }
    await access(file, constants.R_OK);
    if (await this.#isSecret(file, stats.size)) {
      this.secrets.push(relative);
      return undefined;
    }
    const executable = (stats.mode & 0o100) !== 0;
    return { kind: 'file', path: relative, size: stats.size, executable, mtime, withheld };
  }

  /** Whether a file is one of the secrets, but for white space around it. */
  async #isSecret(file: Buffer, size: number): Promise<boolean> {
    const { secrets = [] } = this.#listing.own ?? {};
    const mayBe = secrets.map((secret) => secret.trim()).filter((secret) => secret !== '' && isAbout(size, secret));
    return mayBe.length > 0 && mayBe.includes((await readFile(file, 'utf8')).trim());
  }

  #cannotRead(relative: string, error: unknown): void {
    // What was removed since its directory was read is no part of the tree.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.unreadable.push(relative);
  }
}

/** How much white space a file may have around a secret. */
const MAX_BLANK_BYTES = 16;

function isAbout(size: number, secret: string): boolean {
  const bytes = Buffer.byteLength(secret);
  return size >= bytes && size <= bytes + MAX_BLANK_BYTES;
}

/** What a mode withholds: all of the group's or the others' bits if they cannot read. */
function withheldBits(mode: number): number {
  return ((mode & 0o040) === 0 ? 0o070 : 0) | ((mode & 0o004) === 0 ? 0o007 : 0);
}

interface Candidate {
  readonly file: Buffer;
  readonly relative: string;
  readonly isText: boolean;
}

/** Listing or sending a tree was stopped because the study was cancelled or is left to a later run. */
export class StagingStopped extends Error {
  constructor() {
    super('staging was stopped before its end');
    this.name = 'StagingStopped';
  }
}
