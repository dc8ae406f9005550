import { readFileSync } from 'node:fs';
import path from 'node:path';

/**
 * The directory of this package: a clone of the repository, what the runner has made of it, or the npm package. Undefined
 * if the bundle was copied elsewhere.
 */
export function packageDirectory(): string | undefined {
  // From `dist`, or from what is compiled for tests: at most three folders deep.
  const above = ['..', '../..', '../../..'].map((up) => path.resolve(import.meta.dirname, up));
  return above.find(isOurs);
}

function isOurs(directory: string): boolean {
  try {
    return JSON.parse(readFileSync(path.join(directory, 'package.json'), 'utf8')).name === 'maestro-on-flux';
  } catch {
    return false;
  }
}
