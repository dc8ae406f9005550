import { existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/**
 * A PATH with all commands of this one but `flux`. Where this machine has one, as beside a system instance, its directory
 * gives way to a directory of links, which is there until this program ends.
 */
export function pathWithoutFlux(searchPath: string): string {
  return searchPath
    .split(':')
    .map((directory) => (existsSync(path.join(directory, 'flux')) ? linksWithoutFlux(directory) : directory))
    .join(':');
}

function linksWithoutFlux(directory: string): string {
  const links = mkdtempSync(path.join(tmpdir(), 'maestro-path-'));
  process.once('exit', () => rmSync(links, { recursive: true, force: true }));
  for (const name of readdirSync(directory)) {
    if (name !== 'flux') symlinkSync(path.join(directory, name), path.join(links, name));
  }
  return links;
}
