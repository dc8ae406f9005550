// Makes dist/index.js, all of the program in one file, from what tsc has compiled to build/.
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import ncc from '@vercel/ncc';

const at = (name) => fileURLToPath(new URL(name, import.meta.url));

// ssh2 has a library in it that looks for its own directory as a CommonJS module does.
const banner =
  'import{dirname as __dirnameOf}from"node:path";import{fileURLToPath as __pathOf}from"node:url";' +
  'const __dirname=__dirnameOf(__pathOf(import.meta.url));\n';

/** Files that libraries bring along and that nothing here uses: an agent for Windows. */
const unused = ['pagent.exe'];

const { code, assets } = await ncc(at('build/main.js'), {
  minify: true,
  license: 'licenses.txt',
  sourceMapRegister: false,
  quiet: true,
});
const files = Object.entries(assets).filter(([name]) => !unused.includes(name));
// A native add-on would be one: it would work on one kind of machine only.
const unknown = files.map(([name]) => name).filter((name) => !['licenses.txt', 'package.json'].includes(name));
if (unknown.length > 0) throw new Error(`the bundle would need more files than one: ${unknown.join(', ')}`);

fs.rmSync(at('dist'), { recursive: true, force: true });
fs.mkdirSync(at('dist'));
fs.writeFileSync(at('dist/index.js'), banner + code);
for (const [name, { source }] of files) fs.writeFileSync(at(`dist/${name}`), source);
