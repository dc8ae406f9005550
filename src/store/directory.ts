import { programs } from '../generated/programs.js';
import { mustRun } from '../hosts/commands.js';
import { type Host, HostError } from '../hosts/host.js';
import type { Clock } from '../util/clock.js';
import { assignments, quote } from '../util/shell-quote.js';
import { lookHere, makeHere } from './directory-here.js';
import { type JournalState, journalVersion } from './journal/records.js';
import { replay, serialize } from './journal/replay.js';
import { firstLine, type LeaseHolder, newToken } from './lease.js';
import { takeCommand } from './lease-commands.js';
import { distrust } from './ownership.js';
import { ownershipCommand, parseOwnership } from './ownership-text.js';
import { journalPath } from './study-writer.js';

/** Where a study is to be, and which study it is. */
export interface WantedPlace {
  readonly path: string;
  /** What makes two runs the same study. */
  readonly key: string;
  /**
   * Whether an existing study is continued: `auto` if it has the same key, `always` in any case, `never`: then the new study
   * gets a directory beside it.
   */
  readonly resume: 'auto' | 'always' | 'never';
  /** Whether members of a group who can write to the directory are trusted. */
  readonly isShared?: boolean;
  /** The directory and the key that an earlier version of this program gave the same study. */
  readonly former?: { readonly path: string; readonly key: string };
}

/** The directory of a study. */
export interface StudyPlace {
  readonly path: string;
  /** The state of its journal; undefined if the directory is still to be made. */
  readonly state: JournalState | undefined;
}

export { journalPath };

/**
 * Finds the directory of a study, without making anything.
 *
 * @throws HostError if the study cannot be there; JournalError if the existing study cannot be continued
 */
export async function findPlace(host: Host, wanted: WantedPlace): Promise<StudyPlace> {
  const { path, resume, isShared = false } = wanted;
  const former = formerPlace(host, wanted);
  former.catch(() => {});
  for (let attempt = 1; ; attempt++) {
    const candidate = attempt === 1 ? path : `${path}.${attempt}`;
    const found = await lookAt(host, candidate, isShared);
    if (found === 'free') return (await former) ?? { path: candidate, state: undefined };
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

/** Whether a study is the wanted one, by its key or by its key of an earlier version. */
export function isOurs({ key }: JournalState, wanted: Pick<WantedPlace, 'key' | 'former'>): boolean {
  return key === wanted.key || key === wanted.former?.key;
}

/** The study in the directory that an earlier version chose; undefined if it cannot be continued there. */
async function formerPlace(host: Host, wanted: WantedPlace): Promise<StudyPlace | undefined> {
  const { former, path, resume } = wanted;
  if (former === undefined || former.path === path || resume === 'never') return undefined;
  const found = await lookAt(host, former.path, wanted.isShared ?? false);
  if (typeof found === 'string') return undefined;
  const state = replay(found.journal);
  return state.seq > 0 && isOurs(state, wanted) ? { path: former.path, state } : undefined;
}

/** The refusal of a study with another key: a nightly run must not take last night's results for its own. */
export function otherStudy(path: string, { key, name, opened }: JournalState, wanted: string): HostError {
  const run = opened?.holder.runUrl === undefined ? '' : `, last driven by ${opened.holder.runUrl}`;
  return new HostError(
    `the study directory ${path} holds another study: '${name}' with the study key ${key}${run}, and this one's key is ${wanted}. ` +
      'Choose: `resume: never` starts over in a new directory beside it, `resume: always` continues it, ' +
      '`study-key` says which runs are one study, and without `output-path` every run has its own directory',
  );
}

/** What a new study is, for its journal. */
export interface NewStudy {
  readonly key: string;
  readonly name: string;
  readonly isShared?: boolean;
}

/** A study that this process drives, and what its journal said then. */
export interface TakenStudy {
  readonly fence: number;
  readonly state: JournalState;
}

/**
 * Makes the directory of a new study with its journal, which appears in one step.
 *
 * @returns false if another process was faster
 * @throws HostError if it cannot be made
 */
export async function makePlace(host: Host, path: string, study: NewStudy, clock: Clock): Promise<boolean> {
  return (await make(host, path, study, clock)).startsWith('made');
}

/**
 * The same, and takes the study with the same command.
 *
 * @returns undefined if another process was faster; without `taken` if it is made, and still to be taken
 * @throws HostError if it cannot be made
 */
export async function makeAndTake(
  host: Host,
  path: string,
  study: NewStudy & { readonly holder: LeaseHolder },
  clock: Clock,
): Promise<{ readonly taken?: TakenStudy } | undefined> {
  const fence = 1;
  const token = newToken(clock);
  const text = await make(host, path, study, clock, { fence, token, line: firstLine(study.holder, fence, clock) });
  if (!text.startsWith('made\n')) return undefined;
  const [, journal] = /^made\ntaken\n(.*)$/s.exec(text) ?? [];
  return journal === undefined ? {} : { taken: { fence, state: replay(journal) } };
}

/**
 * @param lease undefined if the study is not to be taken
 * @returns `made` on a line if it was, then `taken` on one if it was, and the journal
 */
async function make(
  host: Host,
  path: string,
  { key, name, isShared = false }: NewStudy,
  clock: Clock,
  lease?: { readonly fence: number; readonly token: string; readonly line: string },
): Promise<string> {
  // By the token this process recognises its own journal if the command is repeated.
  const token = Math.floor(clock.random() * 2 ** 40).toString(36);
  const entry = { type: 'study', version: journalVersion, key, name, token } as const;
  const first = serialize({ seq: 1, fence: 0, at: clock.now() }, entry);
  if (host.runsAsThisProcess === true) {
    const made = await makeHere(path, { isShared, first, token, lease });
    if (made === 'theirs') return '';
    if (made !== 'unknown') return made === 'taken' ? `made\ntaken\n${first}` : 'made\n';
  }
  const variables = {
    study: path,
    conductor: `${path}/.conductor`,
    journal: `${path}/${journalPath}`,
    mask: isShared ? 'o-w' : 'go-w',
    token,
  };
  const functions = {
    maestro_tell_ownership: ownershipCommand(path),
    maestro_is_free: isFree(quote(path)),
    maestro_taken: lease
      ? `[ "$(cat -- ${quote(`${path}/.conductor/fences/${lease.fence}`)} 2> /dev/null)" = ${lease.token} ]`
      : 'false',
    maestro_take: lease ? takeCommand(path, lease.fence, lease.token, lease.line) : ':',
  };
  const output = await mustRun(
    host,
    `cannot create the study directory ${path} on ${host.name}`,
    Object.entries(functions)
      .map(([name, body]) => `${name}() (\n${body}\n)\n`)
      .join('') +
      assignments(variables) +
      programs['store/make-study.sh'],
    first,
  );
  // Only now is it known who owns the directory: another user may have made it first.
  return trusted(output, path, isShared);
}

/** Bash: whether a directory is empty, apart from what another process that makes a study there makes first. */
function isFree(directory: string): string {
  return `[ -z "$(ls -A -- ${directory} | grep -vx '\\.conductor')" ] && [ -z "$(ls -A -- ${directory}/.conductor 2>/dev/null | grep -v '^journal\\.jsonl\\.')" ]`;
}

async function lookAt(
  host: Host,
  path: string,
  isShared: boolean,
): Promise<'free' | 'taken' | { readonly journal: string }> {
  if (host.runsAsThisProcess === true) {
    const found = await lookHere(path, isShared);
    if (found !== 'unknown') return found;
  }
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
 * The output of a command after the part about ownership.
 *
 * @throws HostError if users who are not trusted may write to the directory
 */
function trusted(output: Buffer, path: string, isShared: boolean): string {
  const found = parseOwnership(output);
  const why = found === undefined ? 'who may write it cannot be found out' : distrust(found.ownership, isShared);
  if (why !== undefined) throw new HostError(`the study directory ${path} cannot be used: ${why}`);
  return found!.rest.toString();
}

/** Reads the journal of a study that this process has taken. @throws HostError, JournalError */
export async function readJournal(host: Host, path: string): Promise<JournalState> {
  return replay(
    (await mustRun(host, `cannot read the journal of ${path}`, `cat -- ${quote(`${path}/${journalPath}`)}`)).toString(),
  );
}
