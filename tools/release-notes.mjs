// Checks that all that has a version agrees with the tag of a release, and prints the release's notes: its section of CHANGELOG.md.
//   node tools/release-notes.mjs v0.1.0
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');
const read = (name) => fs.readFileSync(path.join(root, name), 'utf8');

const [tag = ''] = process.argv.slice(2);
const wanted = /^v([0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?)$/.exec(tag)?.[1];
const errors =
  wanted === undefined ? [`'${tag}' is no tag of a release: it must be v and a version, such as v0.1.0`] : [];

const lock = JSON.parse(read('package-lock.json'));
const versions = {
  'package.json': JSON.parse(read('package.json')).version,
  'package-lock.json': lock.version,
  "package-lock.json's package": lock.packages[''].version,
  '`node dist/index.js --version`': execFileSync(process.execPath, [path.join(root, 'dist/index.js'), '--version'], {
    encoding: 'utf8',
  })
    .trim()
    .split(' ')[0],
};
for (const [where, version] of Object.entries(versions)) {
  if (wanted !== undefined && version !== wanted) errors.push(`${where} says ${version}, the tag ${tag}`);
}

/** The sections of CHANGELOG.md, by the version in their headings; links at its end belong to none. */
const [body] = read('CHANGELOG.md').split(/^\[[^\]]+\]: /m);
const sections = body
  .split(/^## /m)
  .slice(1)
  .map((text) => ({ heading: text.slice(0, text.indexOf('\n')), notes: text.slice(text.indexOf('\n')).trim() }));
const section = sections.find(({ heading }) => heading.startsWith(`[${wanted}]`));
if (wanted !== undefined) {
  if (section === undefined) errors.push(`CHANGELOG.md has no section '## [${wanted}] - DATE'`);
  else if (!/^\[[^\]]+\] - [0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(section.heading))
    errors.push(`CHANGELOG.md: '## ${section.heading}' has no date as in '## [${wanted}] - 2026-01-31'`);
  else if (section.notes === '') errors.push(`CHANGELOG.md says nothing of ${wanted}`);
}

for (const error of errors) console.error(error);
if (errors.length > 0) process.exitCode = 1;
else console.log(section.notes);
