// As actions/download-artifact with a pattern: one that none matches is no error, and a single one gets no directory of its own.
import { cpSync, existsSync, readdirSync } from 'node:fs';
import path from 'node:path';

const { ARTIFACTS, GITHUB_WORKSPACE, INPUT_PATTERN, INPUT_PATH } = process.env;
const isMerged = process.env['INPUT_MERGE-MULTIPLE'] === 'true';
const target = path.resolve(GITHUB_WORKSPACE, INPUT_PATH);
const pattern = new RegExp(`^${INPUT_PATTERN.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')}$`);
const found = (existsSync(ARTIFACTS) ? readdirSync(ARTIFACTS) : []).filter((name) => pattern.test(name));
for (const name of found) {
  const directory = isMerged || found.length === 1 ? target : path.join(target, name);
  cpSync(path.join(ARTIFACTS, name), directory, { recursive: true });
}
console.log(`Total of ${found.length} artifact(s) downloaded`);
