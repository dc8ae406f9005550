import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../support/temporary.js';

const changelog = `# Changelog

## [Unreleased]

## [1.2.0] - 2026-01-31

### Added

- Something with a [link](SECURITY.md) and \`## code\`.

## [1.1.0] - 2025-12-01

- Older.

[Unreleased]: https://example.org/1.2.0
[1.2.0]: https://example.org/1.1.0
`;

let directory: string;

/** A repository at version 1.2.0. */
beforeEach(() => {
  directory = temporaryDirectory();
  cpSync(
    path.resolve(import.meta.dirname, '../../tools/release-notes.mjs'),
    path.join(directory, 'tools/release-notes.mjs'),
  );
  write('package.json', JSON.stringify({ version: '1.2.0' }));
  write('package-lock.json', JSON.stringify({ version: '1.2.0', packages: { '': { version: '1.2.0' } } }));
  write('dist/index.js', "console.log('1.2.0 (abc)');\n");
  write('CHANGELOG.md', changelog);
});

function write(name: string, text: string): void {
  mkdirSync(path.dirname(path.join(directory, name)), { recursive: true });
  writeFileSync(path.join(directory, name), text);
}

function notes(tag: string) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['tools/release-notes.mjs', tag], {
    cwd: directory,
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

describe('the notes of a release', () => {
  it('are its section of the changelog, without its heading and the links below', () => {
    const stdout = '### Added\n\n- Something with a [link](SECURITY.md) and `## code`.\n';
    expect(notes('v1.2.0')).toEqual({ status: 0, stdout, stderr: '' });
  });

  it.each([
    [
      'the tag is no version',
      () => 'version-1',
      "'version-1' is no tag of a release: it must be v and a version, such as v0.1.0\n",
    ],
    [
      'everything has another version',
      () => 'v1.1.0',
      "package.json says 1.2.0, the tag v1.1.0\npackage-lock.json says 1.2.0, the tag v1.1.0\npackage-lock.json's package says 1.2.0, the tag v1.1.0\n`node dist/index.js --version` says 1.2.0, the tag v1.1.0\n",
    ],
    [
      'the bundle was not built again',
      () => {
        write('dist/index.js', "console.log('1.1.0');\n");
        return 'v1.2.0';
      },
      '`node dist/index.js --version` says 1.1.0, the tag v1.2.0\n',
    ],
    [
      'the changelog does not have it',
      () => {
        write('CHANGELOG.md', changelog.replace('[1.2.0] -', '[1.2.0-rc.1] -'));
        return 'v1.2.0';
      },
      "CHANGELOG.md has no section '## [1.2.0] - DATE'\n",
    ],
    [
      'the changelog has no date of it',
      () => {
        write('CHANGELOG.md', changelog.replace('2026-01-31', 'unreleased'));
        return 'v1.2.0';
      },
      "CHANGELOG.md: '## [1.2.0] - unreleased' has no date as in '## [1.2.0] - 2026-01-31'\n",
    ],
  ])('are refused if %s', (_, prepare, stderr) => expect(notes(prepare())).toEqual({ status: 1, stdout: '', stderr }));
});
