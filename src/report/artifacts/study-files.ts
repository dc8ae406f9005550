import { pathGlob } from '../../util/globs.js';
import { textOf } from './storable-names.js';

/** Something in a study's directory. Names are bytes, which JavaScript's strings hold as `latin1`: not all are text. */
export interface StudyEntry {
  /** As `find -printf %y` has it: f, d, l or another. */
  readonly type: string;
  /** Bytes; of others than files it says nothing. */
  readonly size: number;
  /** Relative to the study, in latin1. */
  readonly raw: string;
  /** Where a link leads, in latin1. */
  readonly target: string;
  /** What `raw` is as text, for people and globs. */
  readonly path: string;
}

export interface StudyFiles {
  /** Where the study is with no link on the way, in latin1. */
  readonly realPath: string;
  readonly entries: readonly StudyEntry[];
}

/** What prints it: the real path, then four fields for each thing but what is ours, every one ended by a NUL. */
export const listCommand = `command -v find >/dev/null || { echo 'there is no find' >&2; exit 127; }
printf '%s\\0' "$(pwd -P)"
LC_ALL=C exec find . -path ./.conductor -prune -o -printf '%y\\0%s\\0%P\\0%l\\0'`;

/** @returns undefined if it is no listing: the study's directory itself is always listed */
export function parseListing(output: Buffer): StudyFiles | undefined {
  const fields = output.toString('latin1').split('\0');
  if (fields.length < 6) return undefined;
  const entries: StudyEntry[] = [];
  for (let i = 1; i + 3 < fields.length; i += 4) {
    const raw = fields[i + 2]!;
    if (raw === '') continue;
    entries.push({ type: fields[i]!, size: Number(fields[i + 1]), raw, target: fields[i + 3]!, path: textOf(raw) });
  }
  return { realPath: fields[0]!, entries };
}

/** A file to be brought, for all that matched and leads to it. */
export interface Wanted {
  /** The regular file. */
  readonly entry: StudyEntry;
  /** It or links to it, as they matched. */
  readonly matches: readonly StudyEntry[];
}

export interface Choice {
  readonly wanted: readonly Wanted[];
  /** Globs that matched no file. */
  readonly unmatched: readonly string[];
  /** What matched and is not brought, and why. */
  readonly problems: readonly string[];
}

/**
 * Which files globs mean: those that match, those below a directory that matches, and, in a link's place, the file of the
 * study that it leads to.
 *
 * @param studyPath as steps know it: links may lead by it
 */
export function chooseFiles(studyPath: string, files: StudyFiles, globs: readonly string[]): Choice {
  const globsOf = globMatcher(globs);
  const resolve = resolver(studyPath, files);
  const matched = new Set<number>();
  const wanted = new Map<string, { entry: StudyEntry; matches: StudyEntry[] }>();
  const problems: string[] = [];
  for (const entry of files.entries) {
    if (entry.type === 'd') continue;
    const means = globsOf(entry.path);
    if (means.length === 0) continue;
    for (const glob of means) matched.add(glob);
    const file = entry.type === 'l' ? resolve(entry) : entry;
    if (file === undefined) problems.push(`${entry.path}: the link leads to nothing in the study`);
    else if (file.type !== 'f')
      problems.push(`${entry.path}: ${file.type === 'd' ? 'a link to a directory' : 'no file'}`);
    else {
      const known = wanted.get(file.raw) ?? { entry: file, matches: [] };
      known.matches.push(entry);
      wanted.set(file.raw, known);
    }
  }
  return {
    wanted: [...wanted.values()],
    unmatched: globs.filter((_, i) => !matched.has(i)),
    problems: problems.sort(),
  };
}

/** Gives, for a path that is no directory, the indices of the globs that mean it. */
function globMatcher(globs: readonly string[]): (path: string) => readonly number[] {
  const matchers = globs.map((glob) => pathGlob(glob, false));
  const matching = (path: string, isDirectory: boolean) =>
    [...matchers.keys()].filter((i) => matchers[i]!(path, isDirectory));
  // There are many files in a directory, and few directories.
  const ofDirectories = new Map<string, readonly number[]>();
  const ofDirectory = (path: string): readonly number[] => {
    const known = ofDirectories.get(path);
    if (known !== undefined) return known;
    const slash = path.lastIndexOf('/');
    const above = slash === -1 ? [] : ofDirectory(path.slice(0, slash));
    const globs = union(above, matching(path, true));
    ofDirectories.set(path, globs);
    return globs;
  };
  return (path) => {
    const slash = path.lastIndexOf('/');
    return union(slash === -1 ? [] : ofDirectory(path.slice(0, slash)), matching(path, false));
  };
}

function union(a: readonly number[], b: readonly number[]): readonly number[] {
  return a.length === 0 ? b : b.length === 0 ? a : [...new Set([...a, ...b])];
}

/** As many links one after the other as the kernel follows: more are a circle. */
const MAX_LINKS = 40;

/** Gives what a link leads to, if that is in the study: nothing outside of it is ever brought. */
function resolver(studyPath: string, { realPath, entries }: StudyFiles): (link: StudyEntry) => StudyEntry | undefined {
  const byPath = new Map(entries.map((entry) => [entry.raw, entry]));
  const roots = [Buffer.from(studyPath).toString('latin1'), realPath].map((root) => `${root.replace(/\/+$/, '')}/`);
  return (link) => {
    let at: string[] = [];
    const ahead = link.raw.split('/');
    let links = 0;
    while (ahead.length > 0) {
      const name = ahead.shift()!;
      if (name === '' || name === '.') continue;
      if (name === '..') {
        if (at.pop() === undefined) return undefined;
        continue;
      }
      const entry = byPath.get([...at, name].join('/'));
      if (entry === undefined) return undefined;
      if (entry.type !== 'l') {
        at.push(name);
        continue;
      }
      links += 1;
      if (links > MAX_LINKS) return undefined;
      let target = entry.target;
      if (target.startsWith('/')) {
        const root = roots.find((root) => target.startsWith(root));
        if (root === undefined) return undefined;
        at = [];
        target = target.slice(root.length);
      }
      ahead.unshift(...target.split('/'));
    }
    return byPath.get(at.join('/'));
  };
}
