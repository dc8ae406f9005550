import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Ended, ownNode, type Started, startBundle } from '../support/bundle.js';
import { plainEnvironment } from '../support/hosts.js';
import { temporaryDirectory } from '../support/temporary.js';
import { validReport } from '../support/valid-report.js';
import { until } from '../support/wait.js';

const good = `description:
  name: hello
  description: A test.

env:
  variables:
    OUTPUT_PATH: out

study:
  - name: greet
    description: Says hello.
    run:
      cmd: echo hello $(NAME)
  - name: leave
    description: Says goodbye.
    run:
      cmd: cat $(greet.workspace)/*.out
      depends: [greet]

global.parameters:
  NAME:
    values: [Ada, Grace]
    label: NAME.%%
`;

let directory: string;

beforeEach(() => {
  directory = temporaryDirectory();
  write('study.yaml', good);
});

function write(name: string, content: string | Buffer): void {
  mkdirSync(path.dirname(path.join(directory, name)), { recursive: true });
  writeFileSync(path.join(directory, name), content);
}

const read = (name: string) => readFileSync(path.join(directory, name), 'utf8');
const list = (name = '.') => readdirSync(path.join(directory, name)).sort();

function start(args: readonly string[], env: Readonly<Record<string, string>> = {}, node?: string): Started {
  const options = { cwd: directory, env: { ...plainEnvironment, HOME: directory, ...env } };
  return startBundle(args, node === undefined ? options : { ...options, node });
}

const run = (...args: string[]): Promise<Ended> => start(args).ended;

/** A run that was refused: exit status 1, nothing on stdout, and this on stderr. */
const refused = (stderr: string) => ({ code: 1, stdout: '', stderr });

describe('maestro-on-flux run', () => {
  it("runs a study in a directory with a time stamp below the spec's OUTPUT_PATH", async () => {
    const { code, stdout, stderr } = await run('run', 'study.yaml');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const [study, ...others] = list('out');
    expect(others).toEqual([]);
    expect(study).toMatch(/^hello_[0-9]{8}-[0-9]{6}$/);
    expect(list(`out/${study}`)).toEqual(['.conductor', 'greet', 'leave', 'logs', 'status.csv', 'study.yaml']);
    expect(list(`out/${study}/.conductor/report`)).toEqual(['junit.xml', 'report.html', 'report.json', 'summary.md']);
    const [output] = list(`out/${study}/leave/NAME.Ada`).filter((name) => name.endsWith('.out'));
    expect(read(`out/${study}/leave/NAME.Ada/${output}`)).toBe('hello Ada\n');
    expect(stdout).toMatch(/^leave_NAME\.Grace +FINISHED /m);
    expect(stdout).toMatch(/^Study hello FINISHED in [0-9.]+s: 4 steps, 4 finished\n$/m);
  });

  it('runs it exactly in --output-path, which may be there if it is empty', async () => {
    mkdirSync(path.join(directory, 'here'));
    expect(await run('run', 'study.yaml', '--output-path', 'here')).toMatchObject({ code: 0 });
    expect(list('here')).toContain('status.csv');
  });

  it('says how it ended by its exit status', async () => {
    write('fails.yaml', good.replace('echo hello $(NAME)', 'echo $(NAME) has no input >&2; exit 3'));
    const { code, stdout, stderr } = await run('run', 'fails.yaml');
    expect(code).toBe(2);
    for (const name of ['Ada', 'Grace']) {
      expect(stderr).toMatch(
        new RegExp(
          `^fails\\.yaml:10: error: greet_NAME\\.${name} FAILED: exit 3\n +${name} has no input\n +\\(greet/NAME\\.${name}/.*\\.err\\)$`,
          'm',
        ),
      );
    }
    expect(stdout).toMatch(/^Study hello FAILURE in .*: 4 steps, 2 failed, 2 skipped$/m);
    expect(stdout).toMatch(
      /^To run only what has not finished, run the same command again, with --output-path \S+\/out\/hello_[0-9-]+$/m,
    );
  });

  it('is cancelled by ^C', async () => {
    write('long.yaml', good.replace('echo hello $(NAME)', 'touch up; exec sleep 60; true $(NAME)'));
    const { process: running, ended } = start(['run', 'long.yaml', '--output-path', 'here']);
    await until('the steps run', () =>
      ['Ada', 'Grace'].every((name) => existsSync(path.join(directory, `here/greet/NAME.${name}/up`))),
    );
    running.kill('SIGINT');
    const { code, stdout } = await ended;
    expect(code).toBe(3);
    expect(stdout).toMatch(/^Study hello CANCELLED in .*: 4 steps, 2 cancelled, 2 skipped$/m);
  });

  it("gives a step the caller's environment, less what a runner adds, and its --env", async () => {
    write('env.yaml', good.replace('echo hello $(NAME)', 'env; true $(NAME)'));
    const caller = { MINE: 'x', INPUT_SPEC: 'a', GITHUB_TOKEN: 'b', ACTIONS_X: 'c', RUNNER_TEMP: 'd', STATE_y: 'e' };
    await start(['run', 'env.yaml', '--output-path', 'here', '--env=A=1'], caller).ended;
    const output = list('here/greet/NAME.Ada').filter((name) => name.endsWith('.out'));
    const lines = read(`here/greet/NAME.Ada/${output}`).trim().split('\n');
    const names = lines.map((line) => line.slice(0, line.indexOf('=')));
    expect(names.filter((name) => !['_', 'SHLVL', 'PWD', 'OLDPWD'].includes(name)).sort()).toEqual(
      ['A', 'MINE', ...Object.keys(plainEnvironment)].sort(),
    );
  });

  it('writes no colours and moves no cursor where there is no terminal', async () => {
    const { stdout, stderr } = await run('run', 'study.yaml');
    expect(stdout + stderr).not.toMatch(/[\u001b\r]/);
  });

  it('takes a spec from elsewhere, and its OUTPUT_PATH from here', async () => {
    write('specs/deep/study.yaml', good);
    expect(await run('run', 'specs/deep/study.yaml')).toMatchObject({ code: 0 });
    expect(list('out')).toHaveLength(1);
    expect(list('specs/deep')).toEqual(['study.yaml']);
  });

  it('takes any input as an option, from a file too', async () => {
    write('lines', 'export LOADED=yes\n');
    write('setup.yaml', good.replace('echo hello $(NAME)', 'echo $LOADED; true $(NAME)'));
    const args = [
      'run',
      'setup.yaml',
      '--output-path=here',
      '--setup',
      '@lines',
      '--report-path',
      'reports',
      '--local-jobs=1',
    ];
    expect(await run(...args)).toMatchObject({ code: 0 });
    const output = list('here/greet/NAME.Ada').filter((name) => name.endsWith('.out'));
    expect(read(`here/greet/NAME.Ada/${output}`)).toBe('yes\n');
    expect(list('reports')).toEqual(['junit.xml', 'report.html', 'report.json', 'summary.md']);
  });

  it('stages all and runs nothing with --dry-run', async () => {
    const { code, stdout, stderr } = await run('run', '--dry-run', 'study.yaml', '--output-path', 'here');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(list('here/greet/NAME.Ada')).toEqual(['greet_NAME.Ada.sh']);
    expect(read('here/greet/NAME.Ada/greet_NAME.Ada.sh')).toBe('#!/bin/bash\n\necho hello Ada\n');
    expect(stdout).toMatch(/^Study hello DRYRUN in .*: 4 steps, 4 dryrun$/m);
    expect(validReport(read('here/.conductor/report/report.json'))).toMatchObject({ status: 'DRYRUN' });
  });

  for (const [what, node] of [
    ['the Node that runs actions', ownNode],
    ['the Node of the system', 'node'],
  ] as const) {
    it(`runs on ${what}`, async () => {
      const PATH = `${path.dirname(process.execPath)}:${plainEnvironment.PATH}`;
      expect(await start(['run', 'study.yaml'], { PATH }, node).ended).toMatchObject({ code: 0, stderr: '' });
      expect(await start(['--version'], { PATH }, node).ended).toMatchObject({ code: 0, stderr: '' });
    });
  }
});

describe('maestro-on-flux validate', () => {
  it('says that a study is valid, and writes nothing', async () => {
    expect(await run('validate', 'study.yaml')).toEqual({
      code: 0,
      stdout: 'study.yaml is valid: 4 steps\n',
      stderr: '',
    });
    expect(list()).toEqual(['study.yaml']);
  });

  it('tells all that is wrong, each with its place', async () => {
    write(
      'wrong.yaml',
      good.replace('description: Says hello.', 'descriptoin: Says hello.').replace('[greet]', 'greet'),
    );
    const { code, stdout, stderr } = await run('validate', 'wrong.yaml');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    const places = stderr
      .trim()
      .split('\n')
      .map((line) => line.split(': ')[0]);
    expect(places.map((place) => place!.replace(/:[0-9]+$/, ''))).toEqual(
      expect.arrayContaining(['wrong.yaml:10', 'wrong.yaml:11', 'wrong.yaml:18']),
    );
    for (const place of places) expect(place).toMatch(/^wrong\.yaml:[0-9]+:[0-9]+$/);
  });

  it('says the same of a study that run would refuse', async () => {
    write('wrong.yaml', good.replace('[greet]', '[great]'));
    const validated = await run('validate', 'wrong.yaml');
    expect(validated.stderr).toContain("did you mean 'greet'?");
    expect(await run('run', 'wrong.yaml')).toEqual(validated);
    expect(list()).toEqual(['study.yaml', 'wrong.yaml']);
  });

  it('warns of what is probably wrong, and is content', async () => {
    write('odd.yaml', `${good}\nextra: 1\n`);
    const { code, stdout, stderr } = await run('validate', 'odd.yaml');
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'odd.yaml is valid: 4 steps\n' });
    expect(stderr).toMatch(/^odd\.yaml:[0-9]+:1: warning: unknown key 'extra' is ignored/);
  });
});

describe('maestro-on-flux', () => {
  it('tells its version, and how it is used', async () => {
    expect(await run('--version')).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^[0-9]+\.[0-9]+\.[0-9]+( \([0-9a-f]{40}\))?\n$/),
      stderr: '',
    });
    const help = await run('--help');
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toContain('node dist/index.js VERB');
    expect(help.stdout).toMatch(/^ {2}status /m);
    expect(help.stdout.split('\n').filter((line) => line.length > 120)).toEqual([]);
    for (const args of [['-h'], ['help']]) expect(await run(...args)).toEqual(help);
    expect((await run('run', '--help')).stdout).toContain('--output-path (the study directory)');
    const ofValidate = await run('validate', 'study.yaml', '--help');
    expect(ofValidate).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('--hash-workspaces') });
  });

  it('says what to do if it is told nothing, or something else', async () => {
    const { stderr, ...nothing } = await run();
    expect([nothing, stderr.split('\n').length]).toEqual([{ code: 1, stdout: '' }, 6]);
    expect(stderr).toMatch(/^Usage: node dist\/index\.js run SPEC/);
    expect(await run('runn', 'study.yaml')).toEqual(refused("there is no command 'runn': did you mean run?\n"));
  });

  it('is no action only because it has arguments on a runner', async () => {
    const { code, stdout } = await start(['validate', 'study.yaml'], { GITHUB_ACTIONS: 'true' }).ended;
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'study.yaml is valid: 4 steps\n' });
  });
});

describe('what cannot be run', () => {
  for (const command of ['run', 'validate']) {
    it(`is no spec: nothing, a directory, an empty file, a binary one (${command})`, async () => {
      mkdirSync(path.join(directory, 'specs'));
      write('empty.yaml', '');
      write('binary.yaml', Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0xff, 0x00]));
      expect(await run(command, 'gone.yaml')).toEqual(
        refused('cannot read the study gone.yaml: there is no such file\n'),
      );
      expect(await run(command, 'specs')).toEqual(refused('cannot read the study specs: it is a directory\n'));
      expect(await run(command, 'empty.yaml')).toEqual(refused('empty.yaml:1:1: the specification is empty\n'));
      expect(await run(command, 'binary.yaml')).toEqual(
        refused('cannot read the study binary.yaml: it is not UTF-8\n'),
      );
      expect(await run(command, 'study.yaml/x')).toMatchObject({ code: 1, stdout: '' });
    });

    it(`has no spec, or more than one (${command})`, async () => {
      expect(await run(command)).toEqual(refused('SPEC is required: the path of a study specification\n'));
      expect(await run(command, 'study.yaml', 'b.yaml')).toEqual(
        refused("only one spec can be given, but 'study.yaml' and 'b.yaml' were given\n"),
      );
    });
  }

  it('has an option with a slip of the pen', async () => {
    expect(await run('run', 'study.yaml', '--dryrun')).toEqual(
      refused('there is no option --dryrun; did you mean --dry-run?\n'),
    );
    expect(list()).toEqual(['study.yaml']);
  });

  it('has an option from a file that cannot be read', async () => {
    expect(await run('run', 'study.yaml', '--setup=@gone')).toEqual(
      refused('--setup: cannot read gone: there is no such file\n'),
    );
  });

  it('has an output path that is not empty, which stays as it is', async () => {
    write('taken/results', 'precious');
    expect(await run('run', 'study.yaml', '--output-path', 'taken')).toEqual(
      refused(expect.stringContaining(`the study directory ${directory}/taken exists and is not empty`)),
    );
    expect(list('taken')).toEqual(['results']);
  });

  it('has an output path that cannot be made', async () => {
    const { code, stderr } = await run('run', 'study.yaml', '--output-path', 'study.yaml/below');
    expect(code).toBe(1);
    expect(stderr).toContain(`the study cannot be in ${directory}/study.yaml/below: ${directory}/study.yaml is a file`);
  });

  it('needs a path that is not there, and leaves no directory behind', async () => {
    write(
      'needs.yaml',
      good.replace('  variables:', '  dependencies:\n    paths:\n      - {name: DATA, path: data}\n  variables:'),
    );
    const { code, stderr } = await run('run', 'needs.yaml');
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^needs\.yaml:[0-9]+:[0-9]+: the path of dependency 'DATA' does not exist on this machine: data/,
    );
    expect(list()).toEqual(['needs.yaml', 'study.yaml']);
  });

  it('is never told with a stack trace', async () => {
    write('tabs.yaml', 'description:\n\tname: x\n');
    write('list.yaml', '- 1\n- 2\n');
    write('deep.yaml', `${'['.repeat(5000)}`);
    for (const spec of ['tabs.yaml', 'list.yaml', 'deep.yaml']) {
      const { code, stdout, stderr } = await run('validate', spec);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toMatch(new RegExp(`^${spec}:[0-9]+:[0-9]+: `));
      expect(stderr).not.toMatch(/^ +at /m);
    }
  });
});

it('the copy of a spec in its study has the bytes of the spec, a byte order mark among them', async () => {
  write('bom.yaml', `\ufeff${good}`);
  expect(await run('run', 'bom.yaml', '--output-path', 'out')).toMatchObject({ code: 0 });
  expect(readFileSync(path.join(directory, 'out/bom.yaml'), 'utf8')).toBe(`\ufeff${good}`);
});

describe('doctor', () => {
  const flux = (run: string) => `description: {name: x, description: x}
batch: {type: flux}
study:
  - {name: a, description: a, run: {cmd: x, ${run}}}
`;

  it('tells what is wrong with the study, and looks at the rest all the same', async () => {
    write('wide.yaml', flux('nodes: 4, procs: 2'));
    const { code, stdout } = await run('doctor', 'wide.yaml');
    expect(code).toBe(1);
    expect(stdout).toMatch(/^FAIL {2}study: wide\.yaml:4:[0-9]+: step 'a': 4 nodes for 2 procs \(/m);
    expect(stdout).toMatch(/^ok {4}bash: /m);
  });

  it('says that nothing but local steps can run where it finds no batch system', async () => {
    // Where Slurm is installed, it has no cluster; for a file that is not there its commands would wait a minute.
    write('slurm.conf', '');
    const { code, stdout } = await start(['doctor'], { SLURM_CONF: path.join(directory, 'slurm.conf') }).ended;
    expect(code).toBe(1);
    expect(stdout).toMatch(/^FAIL {2}broker: there is no Flux here/m);
    expect(stdout).toContain(
      'Slurm and LSF were not found either: only studies whose steps are all local can run here',
    );
    // What a command says in several lines stands below its first.
    expect(stdout.trimEnd().split('\n')).toEqual(stdout.match(/^(ok| {2}|FAIL) .*$/gm));
  });

  it('counts the steps of one that is right', async () =>
    expect((await run('doctor', 'study.yaml')).stdout).toMatch(/^ok {4}study: [0-9]+ steps?$/m));
});

it.each([['validate'], ['run', '--dry-run']])('what needs no broker is told by %s %s', async (command, ...flags) => {
  write(
    'wrong.yaml',
    `description: {name: x, description: x}
batch: {type: flux}
study:
  - {name: a, description: a, run: {cmd: x, nodes: 4, procs: 2}}
  - {name: b, description: b, run: {cmd: x, nodes: 1, walltime: 1h}}
  - {name: c, description: c, run: {cmd: x, procs: 1, exclusive: true}}
`,
  );
  const { code, stderr } = await run(command!, 'wrong.yaml', ...flags);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^wrong\.yaml:4:.* 4 nodes for 2 procs/m);
  expect(stderr).toMatch(/^wrong\.yaml:5:.* '1h' is no walltime/m);
  expect(stderr).toMatch(/^wrong\.yaml:6:.* `exclusive` without `nodes`/m);
});
