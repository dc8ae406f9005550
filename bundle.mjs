// Makes dist/ from what tsc has compiled to build/: index.js, the starter (src/start.ts), and program.cjs, all of the program
// (src/main.ts), which the starter compiles.
//   node bundle.mjs [COMPILED [TARGET]]   from another directory, and to another one
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import ncc from '@vercel/ncc';

const [compiled = 'build', target = 'dist'] = process.argv.slice(2).map((name) => path.resolve(name));

/** Files that libraries bring along and that nothing here uses: an agent for Windows. */
const unused = ['pagent.exe'];

/** @param esm whether it becomes an ES module, or a CommonJS one */
async function bundled(entry, esm) {
  // Without ncc's cache, which is of other bundles too: what is made must depend on nothing but the sources.
  const options = { esm, cache: false, minify: true, license: 'licenses.txt', sourceMapRegister: false, quiet: true };
  const { code, assets } = await ncc(path.resolve(import.meta.dirname, compiled, entry), options);
  return { code: asAscii(code), assets };
}

/** V8 parses a text of one byte a character in two thirds of the time. */
function asAscii(code) {
  if (/\\[^\0-\x7f]/.test(code)) throw new Error('a character that is not ASCII stands behind a backslash');
  return code.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

const starter = await bundled('start.js', true);
const program = await bundled('main.js', false);
// The function that Node makes of a CommonJS module has these instead.
const body = program.code.replace(/\bimport\.meta\.(dir|file)name\b/g, '__$1name');
if (body.includes('import.meta')) throw new Error('the program asks for something of import.meta that it does not get');
const digest = createHash('sha256').update(body).digest('hex');

// A native add-on would work on one kind of machine only, so dist/ is made where none was built (`npm ci --ignore-scripts`). Tests
// go without those that are there: what uses them falls back to JavaScript.
const isForTests = process.argv.length > 2;
const isLeftOut = (name) => unused.includes(name) || (isForTests && name.endsWith('.node'));
const assets = { ...starter.assets, ...program.assets };
const files = Object.entries(assets).filter(([name]) => !isLeftOut(name));
const unknown = files.map(([name]) => name).filter((name) => !['licenses.txt', 'package.json'].includes(name));
if (unknown.length > 0) throw new Error(`the bundle would need more files than two: ${unknown.join(', ')}`);

const directory = path.resolve(import.meta.dirname, target);
fs.rmSync(directory, { recursive: true, force: true });
fs.mkdirSync(directory);
// The first line makes it the command of the npm package.
fs.writeFileSync(path.join(directory, 'index.js'), `#!/usr/bin/env node\n${starter.code}`);
fs.writeFileSync(path.join(directory, 'program.cjs'), `// ${digest}\n${body}`);
for (const [name, { source }] of files) fs.writeFileSync(path.join(directory, name), source);
