import { createHash } from 'node:crypto';
import { programs } from '../generated/programs.js';
import { shortHash } from '../study/directory.js';
import type { Clone } from '../study/environment.js';
import { withoutPassword } from '../study/git-url.js';
import { assignments, quote } from '../util/shell-quote.js';

/** Exit status of `cloneCommand` for a destination that has something else in it. */
export const TAKEN = 17;

/** And for one that a symbolic link leads out of the study. */
export const LEFT_STUDY = 18;

/** The file that says of a clone in a study what was cloned; where there is one, the clone is whole. */
export function markOf({ destination }: Clone, studyPath: string): string {
  return `${studyPath}/.conductor/cloned/${shortHash(destination)}`;
}

/** What was cloned, as its mark has it. */
export interface CloneMark {
  /** Of where it came from and what was checked out. */
  readonly identity: string;
  /** What was checked out, for people. */
  readonly checkout: string;
  readonly commit: string;
}

/** @returns undefined for the mark of an earlier version, which was empty */
export function parseMark(text: string): CloneMark | undefined {
  const [identity = '', checkout = '', commit = ''] = text.split('\n');
  return identity === '' ? undefined : { identity, checkout, commit };
}

/** The same for one repository and checkout, whatever password is in the URL. */
export function identityOf({ url, checkout }: Clone): string {
  const parts = [withoutPassword(url), checkout?.kind ?? '', checkout?.name ?? ''];
  return createHash('sha256').update(parts.join('\0')).digest('hex');
}

/** `tag v1`. */
export function describeCheckout({ checkout }: Clone): string {
  return checkout === undefined ? 'its default branch' : `${checkout.kind} ${checkout.name}`;
}

/** Bash that asks a repository for nothing but an answer. */
export function askCommand({ url }: Clone): string {
  return `${programs['run/git-environment.sh']}exec git ls-remote --quiet -- ${quote(url)} HEAD >/dev/null`;
}

/**
 * Bash that clones, or finds that it has been done and prints the mark. Others may clone to the same place at the same time.
 */
export function cloneCommand(clone: Clone, studyPath: string): string {
  const { url, destination, checkout } = clone;
  const oneLine = (text: string) => text.replaceAll('\n', ' ');
  const variables = assignments({
    url,
    revision: checkout === undefined ? '' : checkout.kind === 'tag' ? `tags/${checkout.name}` : checkout.name,
    to: destination,
    study: destination.startsWith(`${studyPath}/`) ? studyPath : '',
    suffix: `${shortHash(studyPath)}.partial-clone`,
    mark: markOf(clone, studyPath),
    identity: oneLine(identityOf(clone)),
    checkout: oneLine(describeCheckout(clone)),
    taken: TAKEN,
    left_study: LEFT_STUDY,
  });
  return programs['run/git-environment.sh'] + variables + programs['run/git-clone.sh'];
}
