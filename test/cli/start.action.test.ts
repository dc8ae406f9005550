import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { beforeEach, describe, expect, it } from 'vitest';
import { bundlePath, type Ended, Job } from '../support/bundle.js';
import { plainEnvironment } from '../support/hosts.js';
import { commandsOf } from '../support/reported.js';
import { temporaryDirectory } from '../support/temporary.js';

const study = `description:
  name: greet
  description: Says hello.
env:
  variables:
    OUTPUT_PATH: out
study:
  - name: hello
    description: Says hello.
    run:
      cmd: cat $(SPECROOT)/data.txt
`;

let directory: string;
beforeEach(() => {
  directory = temporaryDirectory();
  write('study.yaml', study);
  write('data.txt', 'hello\n');
});

const write = (name: string, content: string) => writeFileSync(path.join(directory, name), content);
const read = (name: string) => readFileSync(path.join(directory, name), 'utf8');

/** The bundle, with something on its stdin. */
async function run(args: readonly string[], input: string | Uint8Array = ''): Promise<Ended> {
  const env = { ...plainEnvironment, HOME: directory };
  const child = spawn(process.execPath, [bundlePath(), ...args], { cwd: directory, env });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const code = new Promise<number | null>((resolve, reject) => child.on('close', resolve).on('error', reject));
  const [ended, stdout, stderr] = await Promise.all([code, text(child.stdout), text(child.stderr)]);
  return { code: ended, stdout, stderr };
}

const linesOf = (stderr: string) => stderr.replace(/\n$/, '').split('\n');

describe('a study on stdin', () => {
  it('is run as one in the working directory', async () => {
    const { code, stdout, stderr } = await run(['run', '-', '--output-path', 'here'], study);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('Study greet FINISHED');
    const output = readdirSync(path.join(directory, 'here/hello')).find((name) => name.endsWith('.out'));
    expect(read(`here/hello/${output}`)).toBe('hello\n');
    expect(read('here/stdin.yaml')).toBe(study);
    expect(JSON.parse(read('here/.conductor/report/report.json')).study.spec).toBe('stdin');
  });

  it('is continued by the same command, and is another study if it has another name', async () => {
    const again = ['run', '-', '--output-path', 'here'];
    const fails = study.replace('data.txt', 'none.txt');
    expect(await run(again, fails)).toMatchObject({ code: 2 });
    write('none.txt', 'late\n');
    const second = await run(again, fails);
    expect([second.code, second.stdout]).toEqual([0, expect.stringContaining('Study greet FINISHED')]);
    const other = await run(again, study.replace('name: greet', 'name: other'));
    expect([other.code, other.stderr]).toEqual([1, expect.stringContaining('another study')]);
  });

  it('is called stdin in messages', async () => {
    expect(await run(['validate', '-'], study)).toEqual({ code: 0, stdout: 'stdin is valid: 1 step\n', stderr: '' });
    expect(await run(['validate', '-'], study.replace('cmd:', 'cmdd:'))).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^stdin:11:7: 'cmd' is missing from step 'hello'$/m),
    });
    expect((await run(['run', '-'], '')).stderr).toBe('stdin:1:1: the specification is empty\n');
    expect((await run(['run', '-'], Buffer.from([0x61, 0xff]))).stderr).toBe(
      'cannot read the study from stdin: it is not UTF-8\n',
    );
  });

  it('needs to be told what to copy to another host, and has no file for Maestro', async () => {
    const ended = await run(['run', '-', '--host', 'login1', '--conductor', 'maestro'], study);
    expect([ended.code, linesOf(ended.stderr)]).toEqual([
      1,
      [
        'a study from stdin cannot be used with --conductor maestro, which reads it from a file',
        'a study from stdin has no directory to copy to the host: give one with --stage, such as `--stage .` for this one, or an empty one',
      ],
    ]);
  });
});

describe('everything that is wrong with a start', () => {
  const wrong = [
    ...['--throttle', 'x', '--param', 'y', '--usetmp', '--pgen', 'gen.py', '--batch', '{a', '--env', 'NAME'],
    ...['--report-path', 'data.txt', '--allocate', '{wiht: slurm}', '--baseline', 'data.txt', '--resume', 'always'],
    ...['--ssh-key', 'data.txt', '--host', 'login1', '--variables', 'data.txt', '--local-jobs', '0'],
  ];
  const expected = [
    'there is no option --param; did you mean --parameters?',
    expect.stringMatching(/^--usetmp is refused: /),
    "--throttle must be a whole number from 0 up, not 'x'",
    "--local-jobs must be a whole number from 1 up, not '0'",
    expect.stringMatching(/^--env must be lines of NAME=VALUE.* \(to pass on a variable of yours, --env NAME="\$NAME"/),
    '--variables is YAML, and not the name of a file: give --variables @data.txt',
    '--ssh-key is the text of a private key, and not the name of a file: give --ssh-key @data.txt',
    expect.stringMatching(/^--resume always needs --output-path/),
    '--pgen: cannot read gen.py: there is no such file',
    expect.stringMatching(/data\.txt is there and is no directory/),
    expect.stringMatching(/^--allocate:1:1: 'with' is missing/),
    expect.stringMatching(/^--allocate:1:2: unknown key 'wiht'/),
    expect.stringMatching(/^--batch:1:1: this bracket is never closed/),
  ];

  it('is told at once, also what is wrong in the study', async () => {
    write('wrong.yaml', study.replace('cmd:', 'cmdd:'));
    const { code, stderr } = await run(['run', 'wrong.yaml', ...wrong]);
    const lines = linesOf(stderr);
    expect(code).toBe(1);
    for (const line of [...expected, "wrong.yaml:11:7: 'cmd' is missing from step 'hello'"]) {
      expect(lines).toContainEqual(line);
    }
    expect(new Set(lines).size).toBe(lines.length);
    expect(existsSync(path.join(directory, 'out'))).toBe(false);
  });

  it('is told at once if the study cannot be read, or is not given', async () => {
    const missing = await run(['run', 'none.yaml', ...wrong]);
    const lines = linesOf(missing.stderr);
    for (const line of [...expected, 'cannot read the study none.yaml: there is no such file']) {
      expect(lines).toContainEqual(line);
    }
    const none = await run(['run', ...wrong]);
    for (const line of [...expected, 'SPEC is required: the path of a study specification']) {
      expect(linesOf(none.stderr)).toContainEqual(line);
    }
  });

  it('is told by validate and doctor too, with what is only found by expanding the study', async () => {
    write('wrong.yaml', study.replace('cmd: cat', 'depends: [nobody]\n      cmd: cat'));
    for (const verb of ['validate', 'doctor']) {
      const { code, stderr } = await run([verb, 'wrong.yaml', '--throttle', 'x']);
      expect([verb, code, linesOf(stderr)]).toEqual([
        verb,
        1,
        [
          "--throttle must be a whole number from 0 up, not 'x'",
          expect.stringMatching(/^wrong\.yaml:\d+:\d+: .*nobody/),
        ],
      ]);
    }
  });

  it('is told before the study runs if its files cannot be written', async () => {
    mkdirSync(path.join(directory, 'below'));
    for (const place of ['data.txt', 'data.txt/below']) {
      const report = await run(['run', 'study.yaml', '--report-path', place]);
      expect([report.code, report.stdout, report.stderr]).toEqual([
        1,
        '',
        expect.stringMatching(/^--report-path: .*data\.txt/),
      ]);
      const out = await run(['run', 'study.yaml', '--output-path', place]);
      expect([out.code, out.stdout, out.stderr]).toEqual([
        1,
        '',
        expect.stringMatching(
          /^the study cannot be in .*data\.txt.* is a file \(choose another place with --output-path\)\n$/,
        ),
      ]);
    }
  });

  it('is told on GitHub at once too, with annotations on the lines of the study', async () => {
    const job = new Job().study(study.replace('cmd:', 'cmdd:'));
    writeFileSync(path.join(job.workspace, 'data.txt'), '');
    job.with({ throttle: 'x', pgen: 'gen.py', 'report-path': 'data.txt', variables: 'data.txt', batch: '{a' });
    const ended = await job.run();
    expect(ended.code).toBe(1);
    const messages = commandsOf(ended).flatMap(({ name, message }) => (name === 'error' ? [message] : []));
    expect(messages[messages.length - 1]!.split('\n')).toEqual([
      "input 'throttle' must be a whole number from 0 up, not 'x'",
      "input 'variables' is YAML, and not the name of a file: give its text",
      "input 'pgen': cannot read gen.py: there is no such file",
      expect.stringMatching(/^input 'report-path': .*data\.txt is there and is no directory/),
    ]);
    expect(messages.join('\n')).toContain("'cmd' is missing from step 'hello'");
    expect(job.summary).toContain('must be a whole number');
    expect(job.summary).toContain("'cmd' is missing from step");
  });
});

describe('a command line of Maestro', () => {
  it('works by changing its first words', async () => {
    const { code, stdout, stderr } = await run([
      '-d',
      '1',
      'run',
      '-fg',
      '-y',
      '-s',
      '1',
      '-t',
      '2',
      '-a3',
      '-o',
      'here',
      'study.yaml',
    ]);
    expect([code, stdout]).toEqual([0, expect.stringContaining('Study greet FINISHED')]);
    expect(linesOf(stderr)).toEqual([
      'note: -d has no effect: the log is always on the terminal and in the study directory',
      'note: -fg, -y and --sleeptime have no effect: studies run in the foreground, nothing is asked and ends of jobs are seen at once',
      'note: with -y Maestro removes a study that is in its output path; here it is continued (--resume)',
      expect.stringMatching(/^warning: throttle has no effect/),
    ]);
  });
});

describe('without a verb', () => {
  it('a study is not run, but the command is shown that does', async () => {
    const { code, stdout, stderr } = await run(['study.yaml', '--output-path', 'here']);
    expect([code, stdout, existsSync(path.join(directory, 'here'))]).toEqual([1, '', false]);
    expect(stderr).toBe(
      "there is no command 'study.yaml': to run that study, use\n    node dist/index.js run study.yaml ...\n",
    );
  });

  it('help is there by flag and by word', async () => {
    const [help, ofRun, byWord, unknown] = await Promise.all(
      [['--help'], ['run', '--help'], ['help', 'run'], ['help', 'valdate']].map((args) => run(args)),
    );
    expect(help).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('validate') });
    expect(ofRun).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('--submission-attempts') });
    expect(byWord).toEqual(ofRun);
    expect(unknown).toEqual({ code: 1, stdout: '', stderr: "there is no command 'valdate': did you mean validate?\n" });
  });
});
