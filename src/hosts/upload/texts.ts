import { sizeText, someOf } from '../../util/format.js';
import type { Changes } from './contents.js';
import type { Tree } from './tree.js';

/** What has become of sending a tree. */
export interface Staged {
  readonly files: number;
  /** Of the files' contents. */
  readonly bytes: number;
  /** False if the host had the tree already. */
  readonly sent: boolean;
  /** Bytes that travelled. */
  readonly wire: number;
}

/** `Staged 312 files, 4.1 MB (1.2 MB on the wire)` */
export function stagedText({ files, bytes, sent, wire }: Staged): string {
  const what = `${files} ${files === 1 ? 'file' : 'files'}, ${sizeText(bytes)}`;
  return sent ? `Staged ${what} (${sizeText(wire)} on the wire)` : `The staged tree is unchanged: ${what}`;
}

/** What a person is warned of: files that were written, or removed, between listing the tree and sending it. */
export function changesTexts(...all: readonly Changes[]): string[] {
  const vanished = new Set(all.flatMap((changes) => [...changes.vanished]));
  const changed = new Set(all.flatMap((changes) => [...changes.changed]).filter((path) => !vanished.has(path)));
  const texts: string[] = [];
  if (changed.size > 0) {
    texts.push(
      `Changed while they were staged, so what is on the host may be neither old nor new: ${someOf([...changed])}. What is written meanwhile can be left out with stage-exclude`,
    );
  }
  if (vanished.size > 0) texts.push(`Removed while the tree was staged, so not on the host: ${someOf([...vanished])}`);
  return texts;
}

/** What earlier runs left in the directory, which is not staged; undefined if there is nothing. */
export function leftOutText({ leftOut: { studies, reports, secrets } }: Tree): string | undefined {
  const parts = [
    ...(studies.length > 0 ? [`earlier studies (${someOf(studies)})`] : []),
    ...(reports.length > 0 ? [`reports (${someOf(reports)})`] : []),
  ];
  const sentences = [
    ...(parts.length === 0 ? [] : [`Not staged, as earlier runs wrote them: ${parts.join(' and ')}`]),
    ...(secrets.length === 0 ? [] : [`Not staged, as it is the private key to log in with: ${someOf(secrets)}`]),
  ];
  return sentences.length === 0 ? undefined : sentences.join('. ');
}

/** A tree from this size on is larger than a study usually needs. */
const LARGE_TREE_BYTES = 200_000_000;

/** A sentence about a large tree, before it is sent; undefined for others. */
export function largeTreeWarning(tree: Tree): string | undefined {
  if (tree.bytes <= LARGE_TREE_BYTES) return undefined;
  const parts = largestParts(tree, 5).map(({ path, bytes }) => `${path} (${sizeText(bytes)})`);
  return `The tree to stage has ${sizeText(tree.bytes)}, most of it in ${parts.join(', ')}. What the study does not need can be left out with stage-exclude.`;
}

export interface Part {
  /** A directory's ends with `/`. */
  readonly path: string;
  readonly bytes: number;
}

/** A directory with more than this share of all is named by what is in it. */
const NEARLY_ALL = 0.8;

/** The largest files and directories, of the highest level at which that says something, the largest first. */
export function largestParts(tree: Tree, most: number): Part[] {
  for (let level = ''; ; ) {
    const parts = partsBelow(tree, level);
    const first = parts[0];
    if (first?.path.endsWith('/') && first.bytes > NEARLY_ALL * tree.bytes) level = first.path;
    else return parts.slice(0, most);
  }
}

/** @param level a directory's path, with its `/`; '' for the root */
function partsBelow(tree: Tree, level: string): Part[] {
  const sizes = new Map<string, number>();
  for (const entry of tree.entries) {
    if (entry.kind !== 'file' || entry.size === 0 || !entry.path.startsWith(level)) continue;
    const slash = entry.path.indexOf('/', level.length);
    const part = slash === -1 ? entry.path : entry.path.slice(0, slash + 1);
    sizes.set(part, (sizes.get(part) ?? 0) + entry.size);
  }
  return [...sizes].map(([path, bytes]) => ({ path, bytes })).sort((a, b) => b.bytes - a.bytes);
}
