import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { quoteAll } from '../../../src/util/shell-quote.js';
import { ownNode } from '../bundle.js';
import { plainEnvironment } from '../hosts.js';
import { temporaryDirectory } from '../temporary.js';

const here = path.dirname(fileURLToPath(import.meta.url));

/**
 * A command `flux` for machines without one, there until the test ends: `start`, `getattr`, `relay`, `uri`, `jobs`,
 * `submit`, `run`, `cancel`, `job submit` and `version`, in the words and with the exit statuses of the real one. Behind it
 * is the simulated broker, so its jobs are real processes and its socket speaks the real protocol.
 *
 * @returns its directory, and an environment in which it is found
 */
export function standInFlux(): { readonly directory: string; readonly environment: Readonly<Record<string, string>> } {
  const directory = temporaryDirectory();
  const hook = path.resolve(here, '../../flux/typescript.mjs');
  const words = [ownNode, '--import', hook, path.join(here, 'stand-in/main.ts'), directory];
  writeFileSync(path.join(directory, 'flux'), `#!/bin/sh\nexec ${quoteAll(words)} "$@"\n`, { mode: 0o755 });
  return { directory, environment: { ...plainEnvironment, PATH: `${directory}:${plainEnvironment.PATH}` } };
}
