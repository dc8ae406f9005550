import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { beforeEach, describe, expect, it } from 'vitest';
import { sampleStudy } from '../../src/cli/init/sample-study.js';
import { sites } from '../../src/cli/init/sites.js';
import { bundlePath, startBundle } from '../support/bundle.js';
import { plainEnvironment } from '../support/hosts.js';
import { choicesOf } from '../support/init-choices.js';
import { temporaryDirectory } from '../support/temporary.js';

let directory: string;

/** An empty git repository. */
beforeEach(() => {
  directory = temporaryDirectory();
  mkdirSync(path.join(directory, '.git'));
});

const init = (args: readonly string[], cwd = directory) =>
  startBundle(['init', ...args], { cwd, env: plainEnvironment }).ended;

const files = () =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => path.relative(directory, path.join(entry.parentPath, entry.name)))
    .sort();

function write(name: string, content: string): void {
  mkdirSync(path.dirname(path.join(directory, name)), { recursive: true });
  writeFileSync(path.join(directory, name), content);
}

const read = (name: string) => readFileSync(path.join(directory, name), 'utf8');

describe('maestro-on-flux init', () => {
  it('writes a workflow and a sample study that runs', async () => {
    const { code, stdout, stderr } = await init(['--site', 'github']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(
      /^Wrote \.github\/workflows\/study\.yml and studies\/hello\.yaml\.\n\nWhat is left to do, in this directory:\n\n1\. /,
    );
    expect(files()).toEqual(['.github/workflows/study.yml', 'studies/hello.yaml']);
    const run = await startBundle(['run', 'studies/hello.yaml'], { cwd: directory, env: plainEnvironment }).ended;
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(run.stdout).toMatch(/^Study hello FINISHED in .*: 3 steps, 3 finished$/m);
  });

  it('writes at the top of the repository from a directory below, where paths are relative to', async () => {
    mkdirSync(path.join(directory, 'a/b'), { recursive: true });
    const { code, stdout } = await init(['--site', 'github', '--spec', '../study.yaml'], path.join(directory, 'a/b'));
    expect(code).toBe(0);
    expect(stdout).toContain(`Wrote .github/workflows/study.yml and a/study.yaml in ${directory}.`);
    expect(stdout).toContain(`\nWhat is left to do, in ${directory}:\n`);
    expect(stdout).toContain(' validate a/study.yaml\n');
    expect(files()).toEqual(['.github/workflows/study.yml', 'a/study.yaml']);
  });

  it('keeps a study that is there, for which it writes the workflow', async () => {
    write('mine.yaml', 'not even a study');
    const { code, stdout } = await init(['--site=ssh-slurm', '--host=me@login', '--queue=q', '--spec=mine.yaml']);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^Wrote \.github\/workflows\/study\.yml\. The study mine\.yaml already exists, and stays as it is\.$/m,
    );
    // What is tried by hand is what the workflow runs.
    expect(stdout).toContain(" validate mine.yaml --batch '{type: slurm, queue: q}'\n");
    expect(read('mine.yaml')).toBe('not even a study');
    expect(read('.github/workflows/study.yml')).toContain('batch: "{type: slurm, queue: q}"');
  });

  it('changes no workflow that is there, and then writes nothing', async () => {
    write('.github/workflows/study.yml', 'mine');
    expect(await init(['--site', 'github'])).toEqual({
      code: 1,
      stdout: '',
      stderr:
        '.github/workflows/study.yml already exists, and stays as it is: choose another with --workflow .github/workflows/NAME.yml\n',
    });
    expect(files()).toEqual(['.github/workflows/study.yml']);
    expect(read('.github/workflows/study.yml')).toBe('mine');
  });

  it.each([
    ['studies', 'a directory of the study'],
    ['studies/hello.yaml', 'the study'],
    ['.github', 'a directory of the workflow'],
    ['.github/workflows/study.yml', 'the workflow'],
  ])('follows no symbolic link: %s', async (link) => {
    const elsewhere = temporaryDirectory();
    mkdirSync(path.dirname(path.join(directory, link)), { recursive: true });
    // One whose target is not there would be made by a write.
    symlinkSync(link.includes('.y') ? path.join(elsewhere, 'new') : elsewhere, path.join(directory, link));
    const { code, stderr } = await init(['--site', 'github']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/is a symbolic link|exists/);
    expect(files()).toEqual([link]);
    expect(readdirSync(elsewhere)).toEqual([]);
  });

  it('tells all mistakes at once, and asks nothing where there is no terminal', async () => {
    const { code, stdout, stderr } = await init([
      '--site=ssh-slurm',
      '--queue=a b',
      'more',
      '--workflow=a.yml',
      '--spec=/elsewhere',
      '--hots=x',
    ]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    for (const part of [
      'did you mean --host?',
      "'more' stands alone",
      '--workflow a.yml: GitHub runs only',
      '--spec /elsewhere is not a file below',
      "--queue: 'a b'",
      'needs --host me@',
    ]) {
      expect(stderr).toContain(part);
    }
    expect(files()).toEqual([]);
  });

  it('says so in a directory of no git repository', async () => {
    const elsewhere = temporaryDirectory();
    const { code, stderr } = await init(['--site', 'github'], elsewhere);
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: `warning: ${elsewhere} is not in a git repository, and GitHub runs only workflows of repositories: git init makes one\n`,
    });
    expect(existsSync(path.join(elsewhere, 'studies/hello.yaml'))).toBe(true);
  });

  it('writes studies that validate and doctor take', async () => {
    const all = sites.filter(({ runner }) => runner !== 'self-hosted');
    const said = await Promise.all(
      all.map(async (site) => {
        write(`${site.name}.yaml`, sampleStudy(choicesOf(site)));
        return startBundle(['validate', `${site.name}.yaml`], { cwd: directory, env: plainEnvironment }).ended;
      }),
    );
    for (const [i, site] of all.entries()) {
      expect(said[i]).toEqual({ code: 0, stdout: `${site.name}.yaml is valid: 3 steps\n`, stderr: '' });
    }
  });
});

describe('maestro-on-flux init, on a terminal', () => {
  /** A program at a terminal of its own that is given the answers, each once its question is there; `^C` is one, too. */
  const dialogue = `
import os, pty, select, sys
node, script, *pairs = sys.argv[1:]
pid, terminal = pty.fork()
if pid == 0: os.execv(node, [node, script, 'init'])
seen = ''
def read():
    global seen
    if not select.select([terminal], [], [], 30)[0]: sys.exit('it says no more: ' + seen)
    try: data = os.read(terminal, 65536)
    except OSError: return False
    seen += data.decode()
    return data != b''
for question, answer in zip(pairs[::2], pairs[1::2]):
    while question not in seen:
        if not read(): sys.exit('it has ended: ' + seen)
    print(seen, end='')
    seen = ''
    os.write(terminal, answer.encode())
while read(): pass
print(seen, end='')
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;

  async function converse(...pairs: readonly string[]) {
    const args = ['-c', dialogue, process.execPath, bundlePath(), ...pairs];
    const child = spawn('python3', args, {
      cwd: directory,
      env: { ...plainEnvironment, TERM: 'dumb' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [stdout, stderr, code] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      new Promise((resolve) => child.on('close', resolve)),
    ]);
    return { code, stdout, stderr };
  }

  it('asks, and asks again after a wrong answer', async () => {
    const { code, stdout, stderr } = await converse(
      'Number or name: ',
      'ssh-flxu\n',
      'Number or name: ',
      '3\n',
      'Who logs in',
      'me@login.example.org\n',
      'Queue',
      '\n',
      'Bank',
      'science\n',
      'When',
      'nightly\n',
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain("there is no kind of site 'ssh-flxu'; did you mean ssh-flux?");
    expect(files()).toEqual(['.github/workflows/study.yml', 'studies/hello.yaml']);
    expect(read('.github/workflows/study.yml')).toContain('host: ${{ vars.CLUSTER_USER }}@login.example.org');
    expect(read('studies/hello.yaml')).toContain('bank: science');
  });

  it.each([
    ['^C', '\u0003'],
    ['^D', '\u0004'],
  ])('writes nothing after %s', async (_, key) => {
    const { code, stdout } = await converse('Number or name: ', '2\n', 'Who logs in', key);
    expect(code).toBe(1);
    expect(stdout).toContain('no answer, so nothing was written');
    expect(files()).toEqual([]);
  });
});

describe('the sample studies of init', () => {
  const python = process.env.MAESTRO_PYTHON ?? '';
  if (python === '') {
    const what = 'MAESTRO_PYTHON names no Python: whether Maestro takes the sample studies of init is NOT TESTED';
    console.warn(what);
    it.skip(what, () => {});
    return;
  }

  it.each(['local', 'slurm', 'flux', 'lsf'] as const)('of %s are read by real Maestro', (jobs) => {
    const site = sites.find((candidate) => candidate.jobs === jobs)!;
    write('study.yaml', sampleStudy(choicesOf(site)));
    // Read, not staged: to stage jobs of Flux, Maestro asks for Flux's bindings.
    const code = `
import sys
from maestrowf.specification import YAMLSpecification
spec = YAMLSpecification.load_specification('study.yaml')
print(spec.name, [step.name for step in spec.get_study_steps()], spec.batch.get('type', 'local'))
`;
    const said = execFileSync(python, ['-c', code], { cwd: directory, encoding: 'utf8' });
    expect(said).toBe(`hello ['greet', 'list'] ${jobs}\n`);
  });
});
