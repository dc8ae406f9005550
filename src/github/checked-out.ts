import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { isWithin } from './spec-lines.js';

/**
 * The commit that is checked out where a file is; undefined if that cannot be found out from the files of git.
 *
 * @param file absolute
 * @param workspace absolute; what is above it is not looked at
 */
export function checkedOut(file: string, workspace: string): string | undefined {
  let directory = path.dirname(file);
  while (isWithin(directory, workspace)) {
    const git = path.join(directory, '.git');
    if (existsSync(git)) return headIn(git);
    if (path.dirname(directory) === directory) break;
    directory = path.dirname(directory);
  }
  return undefined;
}

function headIn(git: string): string | undefined {
  const head = lineIn(path.join(git, 'HEAD'));
  const branch = /^ref: (refs\/[^\s]+)$/.exec(head)?.[1];
  const commit = branch === undefined || branch.split('/').includes('..') ? head : lineIn(path.join(git, branch));
  return /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(commit) ? commit : undefined;
}

/** '' for a file that cannot be read. */
function lineIn(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return '';
  }
}
