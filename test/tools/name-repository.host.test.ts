import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../support/temporary.js';

const texts = {
  'README.md':
    'uses: old/name@v0, https://github.com/old/name/releases, OWNER/maestro-on-flux@v0, not-old/name, old/names, old/name-too\n',
  '.github/workflows/a.yml': '# uses: old/name@v0\n',
  'docs/deep/page.md': 'github.com/old/name.\n',
  'samples/a.yaml': '# github.com/old/name\n',
};

let directory: string;

/** A repository that was called old/name, and whose package.json says that it is new/other.name. */
beforeEach(() => {
  directory = temporaryDirectory();
  cpSync(
    path.resolve(import.meta.dirname, '../../tools/name-repository.mjs'),
    path.join(directory, 'tools/name-repository.mjs'),
  );
  write('package.json', JSON.stringify({ repository: 'github:new/other.name' }));
  write('src/generated/repository.ts', "export const repository = 'old/name';\n");
  for (const [name, text] of Object.entries(texts)) write(name, text);
});

function write(name: string, text: string): void {
  mkdirSync(path.dirname(path.join(directory, name)), { recursive: true });
  writeFileSync(path.join(directory, name), text);
}

const read = (name: string) => readFileSync(path.join(directory, name), 'utf8');

function run(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['tools/name-repository.mjs', ...args], {
    cwd: directory,
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

describe('the name of the repository in package.json', () => {
  it('is put into every text that people copy from, and into the sources', () => {
    expect(run('--check')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining(
        'README.md does not have the name of the repository, new/other.name: run npm run generate\n',
      ),
    });
    expect(run()).toMatchObject({ status: 0, stderr: '' });
    expect(read('README.md')).toBe(
      'uses: new/other.name@v0, https://github.com/new/other.name/releases, new/other.name@v0, not-old/name, old/names, old/name-too\n',
    );
    for (const name of Object.keys(texts)) expect(read(name)).toContain('new/other.name');
    expect(read('src/generated/repository.ts')).toContain("export const repository = 'new/other.name';\n");
    expect(run('--check')).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(run()).toEqual({ status: 0, stdout: '', stderr: '' });
  });

  it('leaves no other placeholder unseen', () => {
    run();
    write('docs/more.md', 'Ask the OWNER.\n');
    expect(run('--check')).toEqual({
      status: 1,
      stdout: '',
      stderr: 'docs/more.md has a placeholder, OWNER: write new/other.name\n',
    });
  });

  it('has to be a repository on GitHub', () => {
    write('package.json', JSON.stringify({ repository: 'elsewhere' }));
    expect(run()).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('package.json: repository must be github:OWNER/NAME, not elsewhere'),
    });
  });
});
