import { again, causeOf, run } from '../../hosts/commands.js';
import { type Host, HostError } from '../../hosts/host.js';
import { closest } from '../../util/closest.js';
import { counted, sizeText, someOf } from '../../util/format.js';
import { GuardedDirectory } from '../../util/guarded-directory.js';
import { quote } from '../../util/shell-quote.js';
import { receiveFiles } from './received.js';
import { storablePaths, textOf } from './storable-names.js';
import { chooseFiles, listCommand, parseListing, type StudyFiles } from './study-files.js';

export interface Collected {
  /** How many are on this machine now. */
  readonly files: number;
  readonly bytes: number;
  /** Those that have another name here. */
  readonly renamed: readonly Renamed[];
  /** Globs that no file matched, with the name at the top of the study that may have been meant. */
  readonly unmatched: readonly string[];
  /** What matched and could not be brought, or not be trusted to be whole, and why: `run/out.csv: Permission denied`. */
  readonly problems: readonly string[];
}

export interface Renamed {
  /** Relative to the study. */
  readonly from: string;
  /** Relative to the destination. */
  readonly to: string;
}

/** In the destination, where something was renamed: a line for each, its name there, a tab, and its name in the study. */
const renamedList = 'renamed.txt';

/**
 * Brings files of a study to this machine, with one command that lists them and one that sends. A glob that matches a
 * directory means all below it; `.conductor` is never among it. A link is brought as the file it leads to, if that is in the
 * study. Names that artifact stores refuse are changed. Times and executable bits are kept.
 *
 * @param globs relative to the study
 * @param destination a directory of this machine, or its path, if that is known to be safe; made, and written over, as
 *   need be
 * @param reserved names at the top of the destination that are not for the study's files
 * @throws HostError if the study cannot be listed, or the stream broke; UnsafePathError; what the operating system says of
 *   the destination
 */
export async function collect(
  host: Host,
  studyPath: string,
  globs: readonly string[],
  destination: GuardedDirectory | string,
  reserved: readonly string[] = [],
): Promise<Collected> {
  if (globs.length === 0) return { files: 0, bytes: 0, renamed: [], unmatched: [], problems: [] };
  const { files, problems: unlisted } = await listStudy(host, studyPath);
  const { wanted, unmatched, problems: unfit } = chooseFiles(studyPath, files, globs);
  const matches = wanted.flatMap((file) => file.matches.map((match) => match.raw));
  const names = storablePaths(matches, [renamedList, ...reserved]);
  const directory = await GuardedDirectory.at(destination);
  const requests = wanted.map(({ entry, matches }) => ({ entry, names: matches.map(({ raw }) => names.get(raw)!) }));
  const { brought, bytes, problems } = await again(() => receiveFiles(host, studyPath, requests, directory));
  const renamed = [...names]
    .map(([raw, to]) => ({ from: textOf(raw), to }))
    .filter(({ from, to }) => from !== to && brought.has(to));
  if (renamed.length > 0) {
    const lines = renamed.map(({ from, to }) => `${to}\t${oneLine(from)}\n`);
    await directory.write(renamedList, lines.join(''));
  }
  const hinted = unmatched.map((glob) => `${glob}${topHint(glob, files)}`);
  return { files: brought.size, bytes, renamed, unmatched: hinted, problems: [...unlisted, ...unfit, ...problems] };
}

/** ` (did you mean post?)` of a glob that begins with a name much like one at the top of the study. */
function topHint(glob: string, { entries }: StudyFiles): string {
  const top = new Set(entries.map(({ path }) => path.split('/')[0]!));
  const first = glob.replace(/^(?:\.?\/)+/, '').split('/')[0]!;
  // Of very short names, any is like any other.
  const guess = top.has(first) || first.length < 3 ? undefined : closest(first, top);
  return guess === undefined ? '' : ` (did you mean ${guess}?)`;
}

/** A name with a line's end in it takes one line all the same. */
function oneLine(name: string): string {
  return /[\u0000-\u001f\u007f]/.test(name) ? JSON.stringify(name) : name;
}

interface Listing {
  readonly files: StudyFiles;
  /** What could not be looked at, and why. */
  readonly problems: readonly string[];
}

async function listStudy(host: Host, studyPath: string): Promise<Listing> {
  const { code, stdout, stderr } = await again(() => run(host, `cd -- ${quote(studyPath)} || exit 1\n${listCommand}`));
  const files = parseListing(stdout);
  if (files === undefined) {
    throw new HostError(`cannot list the files of ${studyPath} on ${host.name}: ${causeOf(code, stderr)}`);
  }
  // Directories that cannot be read, or vanished, are problems; the rest is listed. Other lines are `setup`'s.
  const lines = code === 0 ? [] : stderr.split('\n').filter((line) => line.startsWith('find: '));
  return { files, problems: lines.map((line) => line.slice('find: '.length)) };
}

/** `Collected 12 files, 3.4 MB` */
export function collectedText({ files, bytes }: Collected): string {
  return `Collected ${counted(files, 'file')}, ${sizeText(bytes)}`;
}

/** What a person is warned of. */
export function collectedWarnings({ unmatched, problems, renamed }: Collected): string[] {
  const warnings: string[] = [];
  if (unmatched.length > 0) warnings.push(`No file of the study matches ${someOf(unmatched)} of collect`);
  if (problems.length > 0) warnings.push(`Not everything could be collected: ${someOf(problems)}`);
  if (renamed.length > 0) {
    const names = renamed.map(({ from, to }) => `${from} is ${to}`);
    warnings.push(`Renamed, because artifacts cannot have such names (${renamedList} has all): ${someOf(names)}`);
  }
  return warnings;
}
