// Writes what is derived from the sources: action.yml and the tables of inputs and outputs in README.md (src/inputs/schema.ts), and the
// JSON Schema of a study for editors (src/spec/schema.ts).
//   node docs/generate.mjs           write them
//   node docs/generate.mjs --check   exit 1 if they are not what would be written
import fs from 'node:fs';
import * as z from 'zod';
import { defaultOf, descriptionOf } from '../build/inputs/parse.js';
import { actionDefaults, inputNames, outputs } from '../build/inputs/schema.js';
import { studySchema } from '../build/spec/schema.js';

const root = new URL('..', import.meta.url);
const read = (name) => fs.readFileSync(new URL(name, root), 'utf8');
const repository = 'README.md';

/** A link into the README is one from anywhere once it names the file. */
const yamlText = (text) => JSON.stringify(text.replace(/\[([^\]]*)\]\(#[^)]*\)/g, `$1 (${repository})`));

const actionYml = `# Generated from src/inputs/schema.ts by docs/generate.mjs; edit that.
name: Maestro on Flux
description: Runs a Maestro study (parameterised, dependent steps) and reports every step on the commit
author: The Maestro-on-Flux authors
branding: { icon: git-branch, color: blue }
inputs:
${inputNames
  .map((name) => {
    const byDefault = actionDefaults[name] ?? defaultOf(name);
    const lines = [
      `  ${name}:`,
      `    description: ${yamlText(descriptionOf(name))}`,
      `    required: ${byDefault === undefined}`,
    ];
    return [...lines, ...(byDefault === undefined ? [] : [`    default: ${JSON.stringify(byDefault)}`])].join('\n');
  })
  .join('\n')}
outputs:
${Object.entries(outputs)
  .map(([name, text]) => `  ${name}:\n    description: ${yamlText(text)}`)
  .join('\n')}
runs:
  using: node24
  main: dist/index.js
  post: dist/index.js
`;

const cell = (text) => text.replaceAll('|', '\\|');
const row = (...cells) => `| ${cells.map(cell).join(' | ')} |`;

const inputTable = [
  row('Input', 'Default', 'Meaning'),
  row('---', '---', '---'),
  ...inputNames.map((name) => {
    const byDefault = actionDefaults[name] ?? defaultOf(name);
    const shown = byDefault === undefined ? '*required*' : byDefault === '' ? '' : `\`${byDefault}\``;
    return row(`\`${name}\``, shown, descriptionOf(name));
  }),
].join('\n');

const outputTable = [
  row('Output', 'Meaning'),
  row('---', '---'),
  ...Object.entries(outputs).map(([name, text]) => row(`\`${name}\``, text)),
].join('\n');

/** Replaces what stands between `<!-- begin NAME -->` and `<!-- end NAME -->`. */
function fill(text, name, content) {
  const pattern = new RegExp(`(<!-- begin ${name}\\b[^>]*-->\\n)[\\s\\S]*?(<!-- end ${name} -->)`);
  if (!pattern.test(text)) throw new Error(`README.md has no place for the table of ${name}`);
  return text.replace(pattern, (_, begin, end) => `${begin}${content}\n${end}`);
}

const studyJsonSchema = { title: 'A Maestro study', ...z.toJSONSchema(studySchema, { io: 'input' }) };

const files = {
  'action.yml': actionYml,
  'README.md': fill(fill(read('README.md'), 'inputs', inputTable), 'outputs', outputTable),
  'docs/study.schema.json': `${JSON.stringify(studyJsonSchema, null, 2)}\n`,
};

const stale = Object.entries(files).filter(
  ([name, text]) => !fs.existsSync(new URL(name, root)) || read(name) !== text,
);
if (process.argv.includes('--check')) {
  for (const [name] of stale) console.error(`${name} is not what the sources say: run npm run generate`);
  process.exit(stale.length > 0 ? 1 : 0);
}
for (const [name, text] of stale) {
  fs.writeFileSync(new URL(name, root), text);
  console.log(`wrote ${name}`);
}
