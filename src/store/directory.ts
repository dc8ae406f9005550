import { mustRun } from '../hosts/commands.js';
import { type Host, HostError } from '../hosts/host.js';
import type { Clock } from '../util/clock.js';
import { quote } from '../util/shell-quote.js';
import { type JournalState, journalVersion } from './journal/records.js';
import { replay, serialize } from './journal/replay.js';
import { distrust } from './ownership.js';
import { ownershipCommand, parseOwnership } from './ownership-text.js';
import { journalPath } from './remote-writer-protocol.js';

/** Where a study is to go, and whose it is. */
export interface WantedPlace {
  readonly path: string;
  /** What makes two runs the same study. */
  readonly key: string;
  /**
   * Whether a study that is there already is continued: `auto` one of the same key, `always` any, `never` none: then the
   * study goes beside it.
   */
  readonly resume: 'auto' | 'always' | 'never';
  /** Whether others of a group may write the directory, and are trusted. */
  readonly isShared?: boolean;
  /** Where an earlier version of this program put the same study, and the key that it gave it. */
  readonly former?: { readonly path: string; readonly key: string };
}

/** The directory of a study. */
export interface StudyPlace {
  readonly path: string;
  /** What its journal says; undefined if the directory is still to be made. */
  readonly state: JournalState | undefined;
}

export { journalPath };

/**
 * Finds out where a study goes. Nothing is made.
 *
 * @throws HostError if it cannot go where it must; JournalError if what is there cannot be continued
 */
export async function findPlace(host: Host, wanted: WantedPlace): Promise<StudyPlace> {
  const { path, resume, isShared = false } = wanted;
  for (let attempt = 1; ; attempt++) {
    const candidate = attempt === 1 ? path : `${path}.${attempt}`;
    const found = await lookAt(host, candidate, isShared);
    if (found === 'free') return (await formerPlace(host, wanted)) ?? { path: candidate, state: undefined };
    if (resume === 'never') continue;
    if (found === 'taken') {
      throw new HostError(
        `the study directory ${candidate} exists and is not empty, and there is no study of this program in it: choose another output-path, or \`resume: never\` to have one beside it`,
      );
    }
    const state = replay(found.journal);
    if (state.seq === 0) {
      throw new HostError(
        `the journal of the study in ${candidate} is empty: move the directory away, or choose \`resume: never\` to have one beside it`,
      );
    }
    if (resume === 'auto' && !isOurs(state, wanted)) throw otherStudy(candidate, state, wanted.key);
    return { path: candidate, state };
  }
}

/** Whether a study is the wanted one, by its key or by the one that it had before. */
export function isOurs({ key }: JournalState, wanted: Pick<WantedPlace, 'key' | 'former'>): boolean {
  return key === wanted.key || key === wanted.former?.key;
}

/** The study where an earlier version of this program put it. What cannot be continued there is left alone. */
async function formerPlace(host: Host, wanted: WantedPlace): Promise<StudyPlace | undefined> {
  const { former, path, resume } = wanted;
  if (former === undefined || former.path === path || resume === 'never') return undefined;
  const found = await lookAt(host, former.path, wanted.isShared ?? false);
  if (typeof found === 'string') return undefined;
  const state = replay(found.journal);
  return state.seq > 0 && isOurs(state, wanted) ? { path: former.path, state } : undefined;
}

/** A nightly run that took last night's results for its own would be green for nothing. */
export function otherStudy(path: string, { key, name, opened }: JournalState, wanted: string): HostError {
  const run = opened?.holder.runUrl === undefined ? '' : `, last driven by ${opened.holder.runUrl}`;
  return new HostError(
    `the study directory ${path} holds another study: '${name}' with the study key ${key}${run}, and this one's key is ${wanted}. ` +
      'Choose: `resume: never` starts over in a new directory beside it, `resume: always` continues it, ' +
      '`study-key` says which runs are one study, and without `output-path` every run has its own directory',
  );
}

/**
 * Makes the directory of a new study, with its journal, in one step as far as others can see.
 *
 * @returns false if somebody else was there first
 * @throws HostError if it cannot be made
 */
export async function makePlace(
  host: Host,
  path: string,
  { isShared = false, ...study }: { readonly key: string; readonly name: string; readonly isShared?: boolean },
  clock: Clock,
): Promise<boolean> {
  // By which its maker knows it again.
  const token = Math.floor(clock.random() * 2 ** 40).toString(36);
  const entry = { type: 'study', version: journalVersion, ...study, token } as const;
  const first = serialize({ seq: 1, fence: 0, at: clock.now() }, entry);
  const directory = quote(path);
  const journal = quote(`${path}/${journalPath}`);
  const output = await mustRun(
    host,
    `cannot create the study directory ${path} on ${host.name}`,
    // Whom we do not trust must not come to write it by the umask.
    `umask ${isShared ? 'o-w' : 'go-w'}\nmkdir -p -- ${quote(`${path}/.conductor`)} || exit\n${ownershipCommand(path)}` +
      `new=${journal}.${token}\ncat > "$new" || exit\n` +
      `if [ -f ${journal} ]; then :; elif ${isFree(directory)}; then\n` +
      // There are file systems without links.
      `ln -- "$new" ${journal} && echo made || [ -f ${journal} ] || { rm -f -- "$new"; exit 1; }\nfi\n` +
      // Or was it made by this command, the end of which was not seen?
      `read -r ours < "$new"\n[ -f ${journal} ] && read -r first < ${journal} && [ "$ours" = "$first" ] && echo made\nrm -f -- "$new"`,
    first,
  );
  // Who could make it first, in a directory of everybody's, is known only now.
  return trusted(output, path, isShared).startsWith('made');
}

/** Bash: whether a directory has nothing in it but what whoever is making a study there makes first. */
function isFree(directory: string): string {
  return `[ -z "$(ls -A -- ${directory} | grep -vx '\\.conductor')" ] && [ -z "$(ls -A -- ${directory}/.conductor 2>/dev/null | grep -v '^journal\\.jsonl\\.')" ]`;
}

async function lookAt(
  host: Host,
  path: string,
  isShared: boolean,
): Promise<'free' | 'taken' | { readonly journal: string }> {
  const directory = quote(path);
  const journal = quote(`${path}/${journalPath}`);
  const output = await mustRun(
    host,
    `cannot look at the study directory ${path} on ${host.name}`,
    `${ownershipCommand(path)}if [ -f ${journal} ]; then echo journal; exec cat -- ${journal}; fi\n` +
      `[ -e ${directory} ] || [ -L ${directory} ] || { echo free; exit; }\n` +
      `[ -d ${directory} ] || { echo taken; exit; }\n` +
      `ls -A -- ${directory} > /dev/null || exit\n` +
      `if ${isFree(directory)}; then echo free; elif [ -f ${journal} ]; then echo journal; exec cat -- ${journal}; else echo taken; fi`,
  );
  const text = trusted(output, path, isShared);
  if (text.startsWith('journal\n')) return { journal: text.slice('journal\n'.length) };
  return text.trim() === 'free' ? 'free' : 'taken';
}

/**
 * What a command printed after what it told of who may write the directory.
 *
 * @throws HostError if nobody can trust what is there
 */
function trusted(output: Buffer, path: string, isShared: boolean): string {
  const found = parseOwnership(output);
  const why = found === undefined ? 'who may write it cannot be found out' : distrust(found.ownership, isShared);
  if (why !== undefined) throw new HostError(`the study directory ${path} cannot be used: ${why}`);
  return found!.rest.toString();
}

/** Reads the journal of a study again, now that nobody else writes it. @throws HostError, JournalError */
export async function readJournal(host: Host, path: string): Promise<JournalState> {
  return replay(
    (await mustRun(host, `cannot read the journal of ${path}`, `cat -- ${quote(`${path}/${journalPath}`)}`)).toString(),
  );
}
