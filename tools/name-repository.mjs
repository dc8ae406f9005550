// Puts the name of the repository into everything that people copy from: it is `repository` in package.json, and nowhere else to be
// changed. A fork changes it there and runs `npm run generate`. The name that the texts have so far is in src/generated/repository.ts.
//   node tools/name-repository.mjs           write it
//   node tools/name-repository.mjs --check   exit 1 if a text has another name
import fs from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');
const target = 'src/generated/repository.ts';
const read = (name) => (fs.existsSync(path.join(root, name)) ? fs.readFileSync(path.join(root, name), 'utf8') : '');

const { repository } = JSON.parse(read('package.json'));
const name = /^github:([-\w.]+\/[-\w.]+)$/.exec(repository)?.[1];
if (name === undefined) throw new Error(`package.json: repository must be github:OWNER/NAME, not ${repository}`);
const previous = /'([^']+)'/.exec(read(target))?.[1] ?? name;

/** What people read and copy from. */
const shown = ['.', 'docs', '.github', 'samples'].flatMap((directory) =>
  fs
    .readdirSync(path.join(root, directory), { recursive: directory !== '.', encoding: 'utf8' })
    .map((file) => path.join(directory, file))
    .filter((file) => /\.(md|ya?ml)$/.test(file)),
);

const escaped = (text) => text.replaceAll('.', '\\.');
/** The earlier name, or the placeholder of a text that was written without looking here; not as a part of a longer name. */
const anyName = new RegExp(`(?<![-\\w.])(?:${escaped(previous)}|OWNER/[-\\w]+)(?![-\\w])`, 'g');

const module = `// Generated from package.json by tools/name-repository.mjs; edit that.

/** The repository of this program on GitHub. */
export const repository = '${name}';
`;

const files = [[target, module], ...shown.map((file) => [file, read(file).replaceAll(anyName, name)])];
const stale = files.filter(([file, text]) => read(file) !== text);
if (process.argv.includes('--check')) {
  for (const [file] of stale)
    console.error(`${file} does not have the name of the repository, ${name}: run npm run generate`);
  const placeholders = shown.filter((file) => /\bOWNER\b/.test(read(file)));
  for (const file of placeholders) console.error(`${file} has a placeholder, OWNER: write ${name}`);
  process.exitCode = stale.length + placeholders.length > 0 ? 1 : 0;
} else {
  for (const [file, text] of stale) {
    fs.mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    fs.writeFileSync(path.join(root, file), text);
    console.log(`wrote ${file}`);
  }
}
