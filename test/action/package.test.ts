import { execFile, execFileSync } from 'node:child_process';
import { appendFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { beforeEach, describe, expect, it } from 'vitest';
import { version } from '../../src/util/version.js';
import { bundlePath } from '../support/bundle.js';
import { plainEnvironment } from '../support/hosts.js';
import { temporaryDirectory } from '../support/temporary.js';

const root = path.resolve(import.meta.dirname, '../..');
const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));

let directory: string;
let clone: string;
let empty: string;
let environment: Record<string, string>;

/** A clone with the bundle under test as its dist, and an empty directory. npm has a home of its own, and no network. */
beforeEach(() => {
  directory = temporaryDirectory();
  clone = path.join(directory, 'clone');
  empty = path.join(directory, 'empty');
  mkdirSync(empty);
  for (const name of [
    'package.json',
    'README.md',
    'LICENSE',
    '.gitignore',
    '.gitattributes',
    '.git_archival.txt',
    'tools',
    ...manifest.files,
  ]) {
    cpSync(path.join(root, name), path.join(clone, name), {
      recursive: true,
      filter: (file) => !file.startsWith(path.join(root, 'dist/')),
    });
  }
  cpSync(path.dirname(bundlePath()), path.join(clone, 'dist'), { recursive: true });
  environment = {
    ...plainEnvironment,
    HOME: directory,
    npm_config_cache: path.join(directory, 'npm'),
    npm_config_offline: 'true',
    npm_config_update_notifier: 'false',
    GIT_CONFIG_NOSYSTEM: '1',
  };
  git('init', '--quiet', '--initial-branch=main');
  git('add', '--all');
  git('-c', 'user.name=A', '-c', 'user.email=a@example.org', 'commit', '--quiet', '--message=All');
});

function git(...args: readonly string[]): string {
  return execFileSync('git', args, { cwd: clone, env: environment, encoding: 'utf8' }).trim();
}

async function run(command: string, cwd: string): Promise<string> {
  return (await promisify(execFile)('bash', ['-c', command], { cwd, env: environment })).stdout;
}

describe('the npm package', () => {
  it('has what a run needs and no more, and leaves the clone as it was', async () => {
    await run('npm pack', clone);
    const names = (await run('tar tzf maestro-on-flux-*.tgz', clone)).trim().split('\n').sort();
    expect(names.map((name) => name.replace(/^package\//, ''))).toEqual(
      [
        'CHANGELOG.md',
        'LICENSE',
        'README.md',
        'dist/commit',
        'dist/index.js',
        'dist/licenses.txt',
        'dist/package.json',
        'dist/program.cjs',
        'docs/merged-report.schema.json',
        'docs/report.schema.json',
        'docs/study.schema.json',
        'package.json',
        ...readdirSync(path.join(root, 'samples'), { recursive: true, encoding: 'utf8' })
          .filter((name) => name.endsWith('.yaml'))
          .map((name) => `samples/${name}`),
      ].sort(),
    );
    expect(manifest.dependencies).toBeUndefined();
    expect(existsSync(path.join(clone, 'dist/commit'))).toBe(false);
    expect(git('status', '--porcelain')).toBe('');
  });

  it('runs a sample in an empty directory without a network, and names the commit that it was packed from', async () => {
    await run(`npm pack --pack-destination ${empty}`, clone);
    const said = await run('npx --yes ./maestro-on-flux-*.tgz run samples/hello-bye-parameterized.yaml', empty);
    expect(said).toMatch(/^There is no samples\/hello-bye-parameterized\.yaml here, so this package's own is used: /);
    expect(said).toMatch(/^Study hello_bye FINISHED in .*: 8 steps, 8 finished$/m);
    expect(readdirSync(empty).sort()).toEqual([`maestro-on-flux-${version}.tgz`, 'sample_output']);
    const named = await run('npx --yes ./maestro-on-flux-*.tgz --version', empty);
    expect(named).toBe(`${version} (${git('rev-parse', 'HEAD')})\n`);
  });

  it('has no commit to name if it is packed with changes', async () => {
    appendFileSync(path.join(clone, 'README.md'), 'More.\n');
    await run('npm run --silent prepack', clone);
    expect(existsSync(path.join(clone, 'dist/commit'))).toBe(false);
  });
});

describe('--version', () => {
  it('names the commit of a clone, of one with packed branches, and of a work tree', async () => {
    const expected = `${version} (${git('rev-parse', 'HEAD')})\n`;
    expect(await run('node dist/index.js --version', clone)).toBe(expected);
    git('pack-refs', '--all');
    expect(await run('node dist/index.js --version', clone)).toBe(expected);
    git('worktree', 'add', '--quiet', '-b', 'feature/one', '../tree');
    expect(await run('node dist/index.js --version', path.join(directory, 'tree'))).toBe(expected);
  });

  it('names the commit of an archive such as the runner downloads', async () => {
    await run(`git archive HEAD | tar x -C ${empty}`, clone);
    expect(await run('node dist/index.js --version', empty)).toBe(`${version} (${git('rev-parse', 'HEAD')})\n`);
  });

  it('is that of package.json', () => expect(manifest.version).toBe(version));
});
