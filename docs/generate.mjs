// Writes what is derived from the sources: action.yml, the table of inputs in README.md, the tables of docs/reference.md
// (src/inputs/, src/cli/verbs.ts, src/study/state.ts), and the JSON Schemas of a study, for
// editors (src/spec/schema.ts), and of report.json (src/report/report-schema.ts).
//   node docs/generate.mjs           write them
//   node docs/generate.mjs --check   exit 1 if they are not what would be written
import fs from 'node:fs';
import * as z from 'zod';
import { studyFlags } from '../build/cli/study-flags.js';
import { loadVerbs } from '../build/cli/verbs.js';
import { inputGroups } from '../build/inputs/groups.js';
import { outputs } from '../build/inputs/outputs.js';
import { defaultOf, descriptionOf, kindOf } from '../build/inputs/parse.js';
import { actionDefaults, inputNames } from '../build/inputs/schema.js';
import { mergedSchema } from '../build/report/merge/merged-schema.js';
import { reportSchema } from '../build/report/report-schema.js';
import { studySchema } from '../build/spec/schema.js';
import { exitCodes } from '../build/study/state.js';

const root = new URL('..', import.meta.url);
const read = (name) => fs.readFileSync(new URL(name, root), 'utf8');

/** Links in descriptions are written as from the top of the repository. */
const link = /\[([^\]]*)\]\(docs\/([^)]*)\)/g;
const yamlText = (text) => JSON.stringify(text.replace(link, '$1 (docs/$2)'));
const inDocs = (text) => text.replace(link, '[$1]($2)');

const shownDefault = (name) => actionDefaults[name] ?? defaultOf(name);

const actionYml = `# Generated from src/inputs/schema.ts by docs/generate.mjs; edit that.
name: Maestro on Flux
description: Runs a Maestro study (parameterised, dependent steps) and reports every step on the commit
author: The Maestro-on-Flux authors
branding: { icon: git-branch, color: blue }
inputs:
${inputNames
  .map((name) => {
    const byDefault = shownDefault(name);
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

const table = (head, rows) =>
  [row(...head), row(...head.map(() => '---')), ...rows.map((cells) => row(...cells))].join('\n');
const code = (text) => `\`${text}\``;

/** Words that an input may be, each as code; a kind of value as it is. */
const shownKind = (name) => {
  const kind = kindOf(name);
  return kind.includes(', ') ? kind.split(', ').map(code).join(', ') : kind;
};
const defaultCell = (name) => {
  const byDefault = shownDefault(name);
  return name === 'spec' ? '*required*' : byDefault === '' ? '' : code(byDefault);
};

/** The page that tells most of an input, from docs/; the groups' own if it is not here. */
const pages = {
  study: 'studies.md',
  place: 'cluster.md',
  scheduler: 'reference.md',
  run: 'resuming.md',
  results: 'results.md',
  commands: 'machines.md',
};
const pageOf = (group, name) => /\]\(docs\/([^)#]*)/.exec(descriptionOf(name))?.[1] ?? pages[group];

/** For the README: short, without descriptions. */
const inputList = [
  '|Input|Type|Default|\n|---|---|---|',
  ...inputGroups.map(({ name: group, title, inputs }) => {
    const rows = inputs.map((name) => {
      const kind = kindOf(name).replaceAll(', ', ' / ');
      return `|[${name}](docs/${pageOf(group, name)})|${kind}|${defaultCell(name)}|`;
    });
    return [`|**${title}**| | |`, ...rows].join('\n');
  }),
].join('\n');

const inputTables = inputGroups
  .map(({ title, inputs }) => {
    const rows = inputs.map((name) => [code(name), shownKind(name), defaultCell(name), inDocs(descriptionOf(name))]);
    return `### ${title}\n\n${table(['Input', 'Type', 'Default', 'Meaning'], rows)}`;
  })
  .join('\n\n');

const outputTable = table(
  ['Output', 'Meaning'],
  Object.entries(outputs).map(([name, text]) => [code(name), inDocs(text)]),
);

const verbTable = table(
  ['Verb', 'What it does'],
  (await loadVerbs()).map(({ synopsis, summary }) => [
    code(synopsis),
    `${summary[0].toUpperCase()}${summary.slice(1)}.`,
  ]),
);

/** Flags that `maestro run` has by another name or with one letter, and those that are only its. */
const flagName = (name) => (name === 'fg' ? '-fg' : `--${name}`);
const maestroTable = table(
  ['Flag of `maestro run`', 'Here'],
  studyFlags
    .flatMap(({ flags }) => flags.map((flag) => ({ ...flag, isOurs: inputNames.includes(flag.name) })))
    .filter(({ isOurs, short, aliases }) => !isOurs || short !== undefined || aliases !== undefined)
    .map(({ name, short, aliases = [], description, isOurs }) => {
      const names = [...(short === undefined ? [] : [`-${short}`]), ...(isOurs ? aliases : [name]).map(flagName)];
      return [names.map(code).join(', '), isOurs ? code(flagName(name)) : description];
    }),
);

const exitMeanings = {
  FINISHED: 'every step finished, or failed in a way that `allow-failure` allows',
  DRYRUN: 'the study was staged, and nothing was run',
  FAILURE: 'a step or a metric failed',
  CANCELLED: 'by a signal or the workflow, or because one of its jobs was cancelled',
  INTERRUPTED: 'the study stopped before its end, and can be [resumed](resuming.md)',
};
const exitTable = table(
  ['Exit status', 'Status of the study', 'Meaning'],
  [
    ...Object.entries(exitCodes).map(([status, number]) => [`${number}`, status, exitMeanings[status]]),
    ['1', '', 'bad input, or the study could not be started'],
  ].sort(([one], [other]) => Number(one) - Number(other)),
);

/** Replaces what stands between `<!-- begin NAME -->` and `<!-- end NAME -->`. */
function fill(file, parts) {
  return Object.entries(parts).reduce((text, [name, content]) => {
    const pattern = new RegExp(`(<!-- begin ${name}\\b[^>]*-->\\n)[\\s\\S]*?(<!-- end ${name} -->)`);
    if (!pattern.test(text)) throw new Error(`${file} has no place for ${name}`);
    return text.replace(pattern, (_, begin, end) => `${begin}${content}\n${end}`);
  }, read(file));
}

/** Of what is read: members that a later version adds are no errors. */
const schemaText = (title, schema) =>
  `${JSON.stringify({ title, ...z.toJSONSchema(schema, { io: 'input' }) }, null, 2)}\n`;

const files = {
  'action.yml': actionYml,
  'README.md': fill('README.md', { inputs: inputList }),
  'docs/reference.md': fill('docs/reference.md', {
    inputs: inputTables,
    outputs: outputTable,
    verbs: verbTable,
    'maestro-flags': maestroTable,
    'exit-codes': exitTable,
  }),
  'docs/study.schema.json': schemaText('A Maestro study', studySchema),
  'docs/report.schema.json': schemaText('report.json of Maestro on Flux', reportSchema),
  'docs/merged-report.schema.json': schemaText('report.json of several machines, merged', mergedSchema),
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
