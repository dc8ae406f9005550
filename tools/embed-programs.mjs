// Embeds the programs of src that are not TypeScript (bash, Python, the script and the style of the report) into one module,
// src/generated/programs.ts, so that the bundle is one file. Needs no compiled sources: they need this.
//   node tools/embed-programs.mjs           write it
//   node tools/embed-programs.mjs --check   exit 1 if it is not what would be written
//
// A shell program that begins with `#!` becomes a file in a study directory, and keeps its comments. Any other is sent to a host
// as often as it runs, so it is embedded without them.
import fs from 'node:fs';
import path from 'node:path';

const source = path.resolve(import.meta.dirname, '../src');
const target = path.join(source, 'generated/programs.ts');

const programs = fs
  .readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((file) => /\.(sh|py|js|css)$/.test(file))
  .sort();

/** What is left out of a text, by the end of its file's name: what only its readers here need. test/programs.host.test.ts sees to it that nothing else is. */
const omitted = {
  sh: /^[ \t]*(#.*)?\n/gm,
  css: /^[ \t]*\/\*.*?\*\/\n/gms,
};

function embedded(file) {
  const text = fs.readFileSync(path.join(source, file), 'utf8');
  // Of a file in a study directory only what shellcheck is told.
  if (text.startsWith('#!')) return text.replaceAll(/^[ \t]*# shellcheck .*\n/gm, '');
  const pattern = omitted[path.extname(file).slice(1)];
  return pattern === undefined ? text : text.replaceAll(pattern, '');
}

const module = `// Generated from the programs beside the modules by tools/embed-programs.mjs; edit those.

/** The texts of the programs that are not TypeScript, by their paths in src. */
export const programs = {
${programs.map((file) => `  '${file}': ${JSON.stringify(embedded(file))},\n`).join('')}} as const;
`;

const isStale = !fs.existsSync(target) || fs.readFileSync(target, 'utf8') !== module;
if (process.argv.includes('--check')) {
  if (isStale) console.error('src/generated/programs.ts is not what the programs say: run npm run generate');
  process.exitCode = isStale ? 1 : 0;
} else if (isStale) {
  fs.mkdirSync(path.dirname(target), { recursive: true });
  fs.writeFileSync(target, module);
  console.log('wrote src/generated/programs.ts');
}
