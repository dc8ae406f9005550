import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { cachedDataVersionTag } from 'node:v8';
import { Script } from 'node:vm';
import { CodeCache, cacheDirectory } from './util/code-cache.js';
import { describeVersion } from './util/version.js';

/**
 * The start of the bundle: compiles the program beside it, main.ts, and runs it. It takes V8 longer to parse the program than Node to
 * start, and a short study spends half of its time on parsing and compiling, so the code that a run has compiled is kept for the next one.
 */
function start(): void {
  const file = path.join(import.meta.dirname, 'program.cjs');
  const text = readFileSync(file, 'latin1');
  const cache = openCache();
  // The digest of the program is on its first line. What is compiled depends on what is done, and on the version and flags of V8, and the
  // processor: the tag.
  const digest = text.slice(3, 19);
  const name = [digest, verb(), process.arch, cachedDataVersionTag().toString(16)].join('-');
  // A function, as Node makes one of a CommonJS module.
  const source = `(function(exports,require,module,__filename,__dirname){${text}\n})`;
  const script = new Script(source, { filename: file, cachedData: cache?.read(name) });
  if (script.cachedDataRejected !== false && cache !== undefined) {
    process.once('exit', (code) => {
      // Nothing was done: a mistake of a moment is not worth a file.
      if (code !== 1) cache.write(name, script.createCachedData());
    });
  }
  const module = { exports: {} };
  script.runInThisContext()(module.exports, createRequire(file), module, file, path.dirname(file));
}

function openCache(): CodeCache | undefined {
  const directory = cacheDirectory(process.env);
  const user = process.getuid?.();
  return directory === undefined || user === undefined ? undefined : new CodeCache(directory, user);
}

function verb(): string {
  const [first = 'action'] = process.argv.slice(2);
  return /^[a-z]{1,20}$/.test(first) ? first : 'other';
}

// This needs nothing of the program.
if (process.argv.length === 3 && process.argv[2] === '--version') console.log(describeVersion());
else start();
