import { execFileSync } from 'node:child_process';
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { pathInRepository } from '../../src/github/spec-lines.js';
import { temporaryDirectory } from '../support/temporary.js';

describe('the path of a spec in its repository', () => {
  it('is from the workspace, or from the checkout in it that has the spec', () => {
    const workspace = temporaryDirectory();
    const file = path.join(workspace, 'cases/flow/study.yaml');
    expect(pathInRepository(file, workspace)).toBe('cases/flow/study.yaml');
    mkdirSync(path.join(workspace, '.git'));
    expect(pathInRepository(file, workspace)).toBe('cases/flow/study.yaml');
    mkdirSync(path.join(workspace, 'cases/.git'), { recursive: true });
    expect(pathInRepository(file, workspace)).toBe('flow/study.yaml');
    expect(pathInRepository(path.join(workspace, '..a.yaml'), workspace)).toBe('..a.yaml');
  });

  it('is none outside the workspace', () => {
    expect(pathInRepository('/elsewhere/study.yaml', '/home/runner/repository')).toBeUndefined();
    expect(pathInRepository('/home/runner/repository-2/study.yaml', '/home/runner/repository')).toBeUndefined();
  });

  /** Git by itself, whatever it is told elsewhere. */
  const git = (cwd: string, ...args: string[]) =>
    execFileSync('git', ['-c', 'protocol.file.allow=always', '-c', 'user.name=a', '-c', 'user.email=a@b', ...args], {
      cwd,
      env: { PATH: process.env.PATH, HOME: cwd, GIT_CONFIG_NOSYSTEM: '1' },
      stdio: ['ignore', 'pipe', 'ignore'],
    });

  function repository(directory: string, url?: string): string {
    mkdirSync(directory, { recursive: true });
    git(directory, 'init', '-q');
    if (url !== undefined) git(directory, 'remote', 'add', 'origin', url);
    writeFileSync(path.join(directory, 'study.yaml'), '');
    git(directory, 'add', '.');
    git(directory, 'commit', '-qm', 'x');
    return directory;
  }

  const own = ['octo/studies'];

  it.each([
    'https://github.com/octo/studies',
    'https://github.com/Octo/Studies.git',
    'https://x-access-token:secret@github.example.org/octo/studies/',
    'git@github.com:octo/studies.git',
    'ssh://git@ssh.github.com:443/octo/studies.git',
  ])('is from a checkout of the repository, which its remote names, wherever that is: %s', (url) => {
    const workspace = temporaryDirectory();
    const checkout = repository(path.join(workspace, 'code'), url);
    expect(pathInRepository(path.join(checkout, 'a/study.yaml'), workspace, own)).toBe('a/study.yaml');
  });

  it.each([
    'https://github.com/octo/others',
    'git@github.com:studies.git',
    'https://github.com/a-octo/studies',
    '/srv/studies',
  ])('is none in a checkout of another repository, of the workspace too: %s', (url) => {
    const workspace = temporaryDirectory();
    expect(
      pathInRepository(path.join(repository(path.join(workspace, 'o'), url), 's.yaml'), workspace, own),
    ).toBeUndefined();
    const whole = repository(temporaryDirectory(), url);
    expect(pathInRepository(path.join(whole, 'study.yaml'), whole, own)).toBeUndefined();
  });

  it('is by the remote that checkouts have, not by another, and by any where there is no such one', () => {
    const workspace = temporaryDirectory();
    const checkout = repository(path.join(workspace, 'x'), 'https://github.com/mallory/studies');
    git(checkout, 'remote', 'add', 'upstream', 'https://github.com/octo/studies');
    const file = path.join(checkout, 'study.yaml');
    expect(pathInRepository(file, workspace, own)).toBeUndefined();
    expect(pathInRepository(file, workspace, [...own, 'mallory/studies'])).toBe('study.yaml');
    git(checkout, 'remote', 'remove', 'origin');
    expect(pathInRepository(file, workspace, own)).toBe('study.yaml');
  });

  it('is none in a submodule, and is in a worktree, whose .git are files', () => {
    const workspace = realpathSync(temporaryDirectory());
    const module = repository(path.join(workspace, 'other'), 'https://github.com/octo/library');
    const checkout = repository(path.join(workspace, 'code'), 'https://github.com/octo/studies');
    git(checkout, 'submodule', 'add', '-q', module, 'sub');
    git(path.join(checkout, 'sub'), 'remote', 'set-url', 'origin', 'https://github.com/octo/library');
    expect(pathInRepository(path.join(checkout, 'sub/study.yaml'), workspace, own)).toBeUndefined();
    expect(pathInRepository(path.join(checkout, 'study.yaml'), workspace, own)).toBe('study.yaml');
    git(checkout, 'worktree', 'add', '-q', '../tree');
    expect(pathInRepository(path.join(workspace, 'tree/study.yaml'), workspace, own)).toBe('study.yaml');
  });

  it('is from the workspace where a repository without a remote was made, but from none within', () => {
    const workspace = repository(temporaryDirectory());
    expect(pathInRepository(path.join(workspace, 'study.yaml'), workspace, own)).toBe('study.yaml');
    const within = repository(path.join(workspace, 'made'));
    expect(pathInRepository(path.join(within, 'study.yaml'), workspace, own)).toBeUndefined();
  });
});
