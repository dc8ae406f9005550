import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';

/** Of no interest to git, and removed with the checkout. */
const allLinks = path.resolve(import.meta.dirname, '../../build/path-without-flux');

/**
 * A PATH with all commands of this one but `flux`. Where this machine has one, as beside a system instance, a directory of
 * links takes the place of its directory.
 */
export function pathWithoutFlux(searchPath: string): string {
  return searchPath
    .split(':')
    .map((directory) => (existsSync(path.join(directory, 'flux')) ? linksWithoutFlux(directory) : directory))
    .join(':');
}

function linksWithoutFlux(directory: string): string {
  const names = readdirSync(directory).filter((name) => name !== 'flux');
  const hash = createHash('sha256')
    .update([directory, ...names.sort()].join('\0'))
    .digest('hex');
  const links = path.join(allLinks, hash.slice(0, 16));
  if (existsSync(links)) return links;
  const unfinished = path.join(allLinks, `unfinished-${randomUUID()}`);
  mkdirSync(unfinished, { recursive: true });
  for (const name of names) symlinkSync(path.join(directory, name), path.join(unfinished, name));
  try {
    renameSync(unfinished, links);
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    // Another worker was quicker.
    if (!existsSync(links)) throw error;
  }
  return links;
}
