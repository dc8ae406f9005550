// Makes dist/index.js, all of the program in one file, from what tsc has compiled to build/.
//   node bundle.mjs [COMPILED [TARGET]]   from another directory, and to another one
import fs from 'node:fs';
import path from 'node:path';
import ncc from '@vercel/ncc';

const [compiled = 'build', target = 'dist'] = process.argv.slice(2).map((name) => path.resolve(name));

// The command of the npm package. ssh2 has a library in it that looks for its own directory as a CommonJS module does.
const banner =
  '#!/usr/bin/env node\n' +
  'import{dirname as __dirnameOf}from"node:path";import{fileURLToPath as __pathOf}from"node:url";' +
  'const __dirname=__dirnameOf(__pathOf(import.meta.url));\n';

/** Files that libraries bring along and that nothing here uses: an agent for Windows. */
const unused = ['pagent.exe'];

const { code, assets } = await ncc(path.resolve(import.meta.dirname, compiled, 'main.js'), {
  minify: true,
  license: 'licenses.txt',
  sourceMapRegister: false,
  quiet: true,
});
// A native add-on would work on one kind of machine only, so dist/ is made where none was built (`npm ci --ignore-scripts`). Tests
// go without those that are there: what uses them falls back to JavaScript.
const isForTests = process.argv.length > 2;
const isLeftOut = (name) => unused.includes(name) || (isForTests && name.endsWith('.node'));
const files = Object.entries(assets).filter(([name]) => !isLeftOut(name));
const unknown = files.map(([name]) => name).filter((name) => !['licenses.txt', 'package.json'].includes(name));
if (unknown.length > 0) throw new Error(`the bundle would need more files than one: ${unknown.join(', ')}`);

const directory = path.resolve(import.meta.dirname, target);
fs.rmSync(directory, { recursive: true, force: true });
fs.mkdirSync(directory);
fs.writeFileSync(path.join(directory, 'index.js'), banner + code);
for (const [name, { source }] of files) fs.writeFileSync(path.join(directory, name), source);
