import { existsSync } from 'node:fs';
import path from 'node:path';

/**
 * The path of a file in its repository, as annotations name it: from the checkout that it is in, which need not be the
 * workspace itself (`actions/checkout` with `path`). Undefined for a file outside the workspace.
 *
 * @param file absolute
 * @param workspace absolute
 */
export function pathInRepository(file: string, workspace: string): string | undefined {
  if (!isWithin(file, workspace)) return undefined;
  for (let directory = path.dirname(file); isWithin(directory, workspace); directory = path.dirname(directory)) {
    if (existsSync(path.join(directory, '.git'))) return relative(directory, file);
    if (path.dirname(directory) === directory) break;
  }
  return relative(workspace, file);
}

/** Whether a file is in a directory, or is that, by their names alone. */
export function isWithin(file: string, directory: string): boolean {
  const way = path.relative(directory, file);
  return way !== '..' && !way.startsWith(`..${path.sep}`) && !path.isAbsolute(way);
}

function relative(directory: string, file: string): string {
  return path.relative(directory, file).split(path.sep).join('/');
}
