import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { describeVersion, version } from '../../src/util/version.js';
import { temporaryDirectory } from '../support/temporary.js';

const commit = 'a'.repeat(40);
const other = 'b'.repeat(40);

let directory: string;

beforeEach(() => {
  directory = temporaryDirectory();
});

function write(name: string, text: string): void {
  mkdirSync(path.dirname(path.join(directory, name)), { recursive: true });
  writeFileSync(path.join(directory, name), text);
}

describe('the version names the commit', () => {
  it.each<[string, Readonly<Record<string, string>>]>([
    ['of a branch', { '.git/HEAD': 'ref: refs/heads/main\n', '.git/refs/heads/main': `${commit}\n` }],
    [
      'of a branch whose name has slashes',
      { '.git/HEAD': 'ref: refs/heads/fix/a.b\n', '.git/refs/heads/fix/a.b': `${commit}\n` },
    ],
    ['of no branch, as on a runner', { '.git/HEAD': `${commit}\n` }],
    [
      'of a branch in packed-refs',
      {
        '.git/HEAD': 'ref: refs/heads/main\n',
        '.git/packed-refs': `# pack-refs with: peeled\n${other} refs/heads/not/refs/heads/main\n${commit} refs/heads/main\n^${other}\n`,
      },
    ],
    [
      'of a branch that has moved since it was packed',
      {
        '.git/HEAD': 'ref: refs/heads/main\n',
        '.git/refs/heads/main': `${commit}\n`,
        '.git/packed-refs': `${other} refs/heads/main\n`,
      },
    ],
    [
      'of a work tree',
      {
        '.git': 'gitdir: clone/.git/worktrees/one\n',
        'clone/.git/worktrees/one/HEAD': 'ref: refs/heads/one\n',
        'clone/.git/worktrees/one/commondir': '../..\n',
        'clone/.git/refs/heads/one': `${commit}\n`,
      },
    ],
    ["of GitHub's archive", { '.git_archival.txt': `node: ${commit}\n` }],
    ['of an npm package', { 'dist/commit': `${commit}\n` }],
    ['of a clone, whatever an archive says', { '.git/HEAD': `${commit}\n`, '.git_archival.txt': `node: ${other}\n` }],
    ['of SHA-256', { '.git/HEAD': `${'c'.repeat(64)}\n` }],
  ])('%s', (_, files) => {
    for (const [name, text] of Object.entries(files)) write(name, text);
    const hash = Object.values(files).some((text) => text.includes('cccc')) ? 'c'.repeat(64) : commit;
    expect(describeVersion(directory)).toBe(`${version} (${hash})`);
  });
});

describe('the version stands alone', () => {
  it.each<[string, Readonly<Record<string, string>>]>([
    ['where nothing is known', {}],
    ['in a copy of the sources without git', { '.git_archival.txt': 'node: $Format:%H$\n' }],
    ['where a branch has no commit', { '.git/HEAD': 'ref: refs/heads/main\n' }],
    ['where git keeps its branches in another way', { '.git/HEAD': 'ref: refs/heads/.invalid\n' }],
    ['where .git is no text that git writes', { '.git/HEAD': '\u001b[31mred' }],
    ['where the work tree is of a clone that is gone', { '.git': 'gitdir: /nonexistent/worktrees/one\n' }],
  ])('%s', (_, files) => {
    for (const [name, text] of Object.entries(files)) write(name, text);
    expect(describeVersion(directory)).toBe(version);
  });

  it('where the bundle is no part of a package', () => expect(describeVersion('/nonexistent')).toBe(version));
});
