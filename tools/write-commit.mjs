// Writes the commit that an npm package is made from into dist/commit, which `--version` reads where there is no clone. npm runs it
// before it packs, and removes the file afterwards.
//   node tools/write-commit.mjs            write it, if what is packed is that commit's
//   node tools/write-commit.mjs --remove
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');
const target = path.join(root, 'dist/commit');
const git = (...args) =>
  execFileSync('git', ['-C', root, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });

function commit() {
  try {
    const { files } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));
    const changes = git('status', '--porcelain', '--', 'package.json', 'README.md', 'LICENSE', ...files).trim();
    if (changes === '') return git('rev-parse', 'HEAD');
    console.error(
      `--version of this package will name no commit, because these files are not those of one:\n${changes}`,
    );
  } catch {
    console.error('--version of this package will name no commit, because it is not packed from a clone');
  }
  return undefined;
}

fs.rmSync(target, { force: true });
const hash = process.argv.includes('--remove') ? undefined : commit();
if (hash !== undefined) fs.writeFileSync(target, hash);
