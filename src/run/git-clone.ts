import { createHash } from 'node:crypto';
import { shortHash } from '../study/directory.js';
import type { Clone } from '../study/environment.js';
import { withoutPassword } from '../study/git-url.js';
import { quote } from '../util/shell-quote.js';

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

/** The same for the same repository and checkout, whoever's password is used to get it. */
export function identityOf({ url, checkout }: Clone): string {
  const parts = [withoutPassword(url), checkout?.kind ?? '', checkout?.name ?? ''];
  return createHash('sha256').update(parts.join('\0')).digest('hex');
}

/** `tag v1`. */
export function describeCheckout({ checkout }: Clone): string {
  return checkout === undefined ? 'its default branch' : `${checkout.kind} ${checkout.name}`;
}

/**
 * Nobody is there to answer a question, and what the caller of this program works on is another repository. An `ssh` that
 * somebody has chosen is kept; one that is no `ssh` by name may not know its options.
 */
const environment = `unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_OBJECT_DIRECTORY GIT_COMMON_DIR GIT_NAMESPACE SSH_ASKPASS SSH_ASKPASS_REQUIRE
export GIT_TERMINAL_PROMPT=0 GCM_INTERACTIVE=never GIT_ALLOW_PROTOCOL="\${GIT_ALLOW_PROTOCOL:-file:git:http:https:ssh}"
export GIT_HTTP_LOW_SPEED_LIMIT="\${GIT_HTTP_LOW_SPEED_LIMIT:-1}" GIT_HTTP_LOW_SPEED_TIME="\${GIT_HTTP_LOW_SPEED_TIME:-120}"
ssh=\${GIT_SSH_COMMAND:-$(git config --get core.sshCommand 2>/dev/null)}
[ -n "$ssh\${GIT_SSH:-}" ] || ssh=ssh
case \${ssh%% *} in ssh | */ssh) export GIT_SSH_COMMAND="$ssh -o BatchMode=yes -o ConnectTimeout=30 -o ServerAliveInterval=30" ;; esac
`;

/** Bash that asks a repository for nothing but an answer. */
export function askCommand({ url }: Clone): string {
  return `${environment}exec git ls-remote --quiet -- ${quote(url)} HEAD >/dev/null`;
}

/**
 * Bash that clones, or finds that it has been done and prints the mark. Others may clone to the same place at the same time.
 */
export function cloneCommand(clone: Clone, studyPath: string): string {
  const { url, destination, checkout } = clone;
  const what = checkout && (checkout.kind === 'tag' ? `tags/${checkout.name}` : checkout.name);
  const isInStudy = destination.startsWith(`${studyPath}/`);
  const words = [identityOf(clone), describeCheckout(clone)].map((word) => quote(word.replaceAll('\n', ' ')));
  return `to=${quote(destination)}
mark=${quote(markOf(clone, studyPath))}
${isInStudy ? `case $(readlink -m -- "$to") in "$(readlink -m -- ${quote(studyPath)})"/*) ;; *) exit ${LEFT_STUDY} ;; esac` : ''}
[ ! -L "$to" ] || to=$(readlink -f -- "$to") || exit
partial=$to.${shortHash(studyPath)}.partial-clone
if [ -e "$to" ] && { [ ! -d "$to" ] || [ -n "$(ls -A -- "$to")" ]; }; then
  [ -e "$mark" ] || exit ${TAKEN}
  exec cat -- "$mark"
fi
${environment}rm -rf -- "$partial"
git clone --quiet -- ${quote(url)} "$partial" || exit
${what === undefined ? '' : `git -C "$partial" checkout --quiet ${quote(what)} -- || exit`}
mkdir -p -- "\${mark%/*}" && printf '%s\\n' ${words.join(' ')} "$(git -C "$partial" rev-parse --verify --quiet HEAD)" > "$mark" || exit
# An empty directory is as good as none.
if { [ ! -d "$to" ] || rmdir -- "$to"; } && mv -T -- "$partial" "$to"; then exit 0; fi
rm -f -- "$mark"
exit 1`;
}
