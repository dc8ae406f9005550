import { lstat } from 'node:fs/promises';

/** What of a tree is this program's, besides what shows it by itself. */
export interface OwnFiles {
  /** The directory of the reports, absolute; undefined if it is not known. */
  readonly reportPath?: string | undefined;
  /** What is needed all the same: whether a directory, relative to the root, has the spec or an input of the study in it. */
  readonly isNeeded?: (directory: string) => boolean;
  /** Texts that must not leave this machine, as a private key: a file that is one is left out. */
  readonly secrets?: readonly string[];
}

export interface OwnOutput {
  /** Undefined for a directory that is none of ours. */
  readonly kind?: 'study' | 'report';
  /** Of a directory that is needed all the same, the names in it that are ours; undefined if all of it is. */
  readonly names?: ReadonlySet<string>;
}

/** What every directory with reports has. */
const reportNames = ['report.json', 'junit.xml', 'report.html', 'summary.md'];

/**
 * Whether a directory was written by earlier runs of this program: a study, which has `.conductor`, or reports.
 *
 * @param directory relative to the root, which is ''
 * @param names what is in it
 */
export async function ownOutputIn(
  root: string,
  directory: string,
  names: ReadonlySet<string>,
  { reportPath, isNeeded = () => false }: OwnFiles = {},
): Promise<OwnOutput> {
  const absolute = directory === '' ? root : `${root}/${directory}`;
  const isKept = directory === '' || isNeeded(directory);
  if (names.has('.conductor') && (await isDirectory(`${absolute}/.conductor`))) {
    return isKept ? { kind: 'study', names: new Set(['.conductor']) } : { kind: 'study' };
  }
  if (absolute !== reportPath && !reportNames.every((name) => names.has(name))) return {};
  if (!isKept) return { kind: 'report' };
  const ours = reportNames.filter((name) => names.has(name));
  return ours.length === 0 ? {} : { kind: 'report', names: new Set(ours) };
}

async function isDirectory(path: string): Promise<boolean> {
  return lstat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
}
