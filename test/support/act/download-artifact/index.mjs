// As actions/download-artifact with a name, or with a pattern: one that none matches is no error, and a single one gets no
// directory of its own.
import { cpSync, existsSync, readdirSync } from 'node:fs';
import path from 'node:path';

const { ARTIFACTS, GITHUB_WORKSPACE, INPUT_NAME = '', INPUT_PATH } = process.env;
const wanted = INPUT_NAME || process.env.INPUT_PATTERN;
const isMerged = process.env['INPUT_MERGE-MULTIPLE'] === 'true';
const target = path.resolve(GITHUB_WORKSPACE, INPUT_PATH);
const pattern = new RegExp(`^${wanted.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')}$`);
const found = (existsSync(ARTIFACTS) ? readdirSync(ARTIFACTS) : []).filter((name) => pattern.test(name));
if (INPUT_NAME !== '' && found.length === 0) throw new Error(`Artifact not found for name: ${INPUT_NAME}`);
for (const name of found) {
  const directory = isMerged || found.length === 1 ? target : path.join(target, name);
  cpSync(path.join(ARTIFACTS, name), directory, { recursive: true });
}
console.log(`Total of ${found.length} artifact(s) downloaded`);
