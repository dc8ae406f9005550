import { existsSync } from 'node:fs';
import path from 'node:path';
import { packageDirectory } from '../util/package-directory.js';

/**
 * The path of a sample of this package, for a spec that is given as in the documentation (`samples/NAME.yaml`) where there is no such
 * file: a newcomer who runs the npm package has no clone. Undefined for any other spec.
 */
export function packageSample(spec: string, workingDirectory: string): string | undefined {
  const name = /^(?:\.\/)?(samples\/[a-z-]+\.yaml)$/.exec(spec)?.[1];
  const directory = packageDirectory();
  if (name === undefined || directory === undefined || existsSync(path.resolve(workingDirectory, spec)))
    return undefined;
  const sample = path.join(directory, name);
  return existsSync(sample) ? sample : undefined;
}
