import path from 'node:path';
import type { HistoryRun } from '../history/record.js';
import type { HistoryOptions } from '../run/history-options.js';
import { shortHash, studiesRoot } from '../study/directory.js';
import { distinctions } from './parse.js';
import type { Inputs } from './schema.js';

/** Where the histories of all studies are, relative to the directory of the studies. */
const HISTORY = '.maestro-history';

interface Situation {
  /** The user's home on the host. */
  readonly home: string;
  /** Where relative paths of the host start. */
  readonly directory: string;
  readonly run: HistoryRun;
  readonly isWritten: boolean;
  readonly server: string;
}

/** The history that the inputs ask for; undefined if they want none. */
export function historyOptionsOf(
  { history }: Pick<Inputs, 'history'>,
  { home, directory, ...others }: Situation,
): HistoryOptions | undefined {
  if (history === 'none') return undefined;
  const given = history.replace(/^~(?=\/|$)/, () => home);
  const root = history === 'auto' ? `${studiesRoot(home)}/${HISTORY}` : path.posix.resolve(directory, given);
  return { root, ...others };
}

/** What is another in each run of a workflow. */
export interface RunIds {
  readonly commits: readonly string[];
  readonly runId?: string | undefined;
  readonly runNumber?: number | undefined;
}

/**
 * A text without what is another in each run: the commits, also shortened, and the run's id; its number, which can be any other
 * number, only after a name such as `BUILD_NUMBER`. A text that has none of them stays as it is.
 */
export function withoutIds(text: string, { commits, runId = '', runNumber }: RunIds): string {
  const hashes = commits.filter((commit) => /^[0-9a-f]{40,64}$/.test(commit));
  const ids = [
    ...hashes.map((commit) => `${commit.slice(0, 7)}[0-9a-f]*`),
    ...(/^\d{5,}$/.test(runId) ? [`(?<!\\d)${runId}(?!\\d)`] : []),
    ...(runNumber === undefined ? [] : [`(?<=(?:run|build)[-_]?(?:number|num|id)[^0-9a-z]{1,5})${runNumber}(?!\\d)`]),
  ];
  return ids.length === 0 ? text : text.replace(new RegExp(ids.join('|'), 'gi'), '');
}

/**
 * What tells apart the legs of a matrix, and steps of a job, that run one spec. Ids of the run are left out: they would make each
 * run a study of its own.
 *
 * @param names of job and step
 */
export function legOf(inputs: Inputs, names: readonly string[], ids: RunIds): string {
  const others = distinctions(inputs).map((text) => withoutIds(text, ids));
  return [...names, shortHash(others.join('\0')).slice(0, 8)].filter((name) => name !== '').join('/');
}
