import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { commandsIn, type Ended, Job, ownNode } from '../support/bundle.js';
import { isAlive, until } from '../support/wait.js';

/** A study of one step for each command; the second waits for the first, and so on. */
function chain(...commands: string[]): string {
  const steps = commands.map(
    (command, i) =>
      `  - name: s${i + 1}\n    description: A step.\n    run:\n${i === 0 ? '' : `      depends: [s${i}]\n`}` +
      `      cmd: |\n${command.replace(/^/gm, '        ')}\n`,
  );
  return `description:\n  name: hello\n  description: A test.\n\nstudy:\n${steps.join('\n')}`;
}

/** The commands of a log but for those that only fold it. */
const commandsOf = ({ stdout }: Ended) =>
  commandsIn(stdout).filter(({ name }) => name !== 'group' && name !== 'endgroup');

const nothingElse = { code: 0, stderr: '' };

describe('the action', () => {
  it('runs a study, and says so in its outputs, its summary and report.json', async () => {
    const job = new Job().study(chain('echo hello', 'echo bye'));
    const ended = await job.run();
    expect(ended).toMatchObject(nothingElse);
    expect(commandsOf(ended)).toEqual([]);
    const studyPath = job.outputs['study-path']!;
    expect(job.outputs).toEqual({
      status: 'FINISHED',
      cause: '',
      'study-path': expect.stringMatching(
        new RegExp(`^${job.home}/maestro-studies/octo/studies/hello_4711-[0-9a-f]{8}$`),
      ),
      'flux-uri': '',
      'steps-total': '2',
      'steps-finished': '2',
      'steps-failed': '0',
      'steps-skipped': '0',
      'report-path': expect.stringMatching(
        new RegExp(`^${job.temporary}/maestro-report/[0-9a-f]{8}/${path.basename(studyPath)}$`),
      ),
      'check-run-url': '',
    });
    expect(job.report).toMatchObject({
      schema: 1,
      status: 'FINISHED',
      study: { name: 'hello', spec: 'study.yaml', path: studyPath, host: 'this machine', scheduler: 'local' },
      steps: [
        { name: 's1', line: 6, state: 'FINISHED', exitCode: 0, dependsOn: [] },
        { name: 's2', line: 12, state: 'FINISHED', exitCode: 0, dependsOn: ['s1'] },
      ],
    });
    expect(job.read(job.report.steps[0].stdout)).toBe('hello\n');
    expect(job.read('study.yaml')).toBe(readFileSync(path.join(job.workspace, 'study.yaml'), 'utf8'));
    expect(job.read('status.csv').split('\n')).toHaveLength(3);
    expect(job.summary).toContain('## ✅ hello: FINISHED');
    expect(readFileSync(path.join(job.outputs['report-path']!, 'summary.md'), 'utf8').trim()).toBe(job.summary.trim());
  });

  it('leaves the checkout and the environment of the job alone, and says that there is a post step', async () => {
    const job = new Job().study(chain('true'));
    await job.run();
    expect(readdirSync(job.workspace)).toEqual(['study.yaml']);
    for (const name of ['env', 'path']) {
      expect([name, readFileSync(path.join(job.directory, name), 'utf8')]).toEqual([name, '']);
    }
    // That there was a study to look after, and who drove it, and then none.
    const state = readFileSync(path.join(job.directory, 'state'), 'utf8');
    expect([...state.matchAll(/^(\w+)<<(\S+)\n(.*)\n\2$/gm)].map(([, name, , value]) => [name, value])).toEqual([
      ['maestro_post', 'true'],
      ['maestro_study', expect.stringContaining(job.home)],
      ['maestro_driver', expect.stringMatching(/^\d+$/)],
      ['maestro_study', ''],
      ['maestro_driver', ''],
    ]);
  });

  it('tells the study in a log of closed groups', async () => {
    const { stdout } = await new Job().study(chain('true', 'exit 3')).run();
    let open = 0;
    for (const { name } of commandsIn(stdout)) {
      if (name === 'group') open += 1;
      if (name === 'endgroup') open -= 1;
      expect(open).toBeGreaterThanOrEqual(0);
      expect(open).toBeLessThanOrEqual(1);
      if (name === 'error') expect(open, 'an annotation stands outside of groups').toBe(0);
    }
    expect(open).toBe(0);
    expect(stdout).toMatch(/^\[1\/2\] s1 FINISHED/m);
    expect(stdout).toMatch(/^\[2\/2\] s2 FAILED .*exit 3/m);
    expect(stdout).toMatch(/^Study hello FAILURE in [0-9.]+s: 2 steps, /m);
  });

  it('fails with the study, with an annotation on the line of the step that failed', async () => {
    const job = new Job().study(chain('true', 'echo "no input; 100% lost" >&2\necho "see a.log" >&2\nexit 3', 'true'));
    const ended = await job.run();
    expect(ended).toMatchObject({ code: 2, stderr: '' });
    expect(job.outputs).toMatchObject({
      status: 'FAILURE',
      'steps-total': '3',
      'steps-finished': '1',
      'steps-failed': '1',
      'steps-skipped': '1',
    });
    const [, failed, waiting] = job.report.steps;
    expect(failed).toMatchObject({ state: 'FAILED', exitCode: 3, reason: 'exit 3' });
    expect(waiting).toMatchObject({ state: 'FAILED', reason: 'dependency s2 failed', jobs: [], stdout: null });
    const [annotation, outcome, ...others] = commandsOf(ended);
    expect(annotation).toEqual({
      name: 'error',
      properties: { file: 'study.yaml', line: '12', title: 's2 FAILED: exit 3' },
      message: `no input; 100% lost\nsee a.log\n(${failed.stderr})`,
    });
    expect(outcome).toMatchObject({
      name: 'error',
      message: expect.stringMatching(/^Study hello FAILURE in .*: 3 steps, /),
    });
    expect(others).toEqual([]);
    expect(job.summary).toContain('## ❌ hello: FAILURE');
    expect(job.summary).toContain('no input; 100% lost');
  });

  it('only warns of a failure that is allowed', async () => {
    const job = new Job().study(chain('exit 3', 'true')).with({ 'allow-failure': 's1' });
    const ended = await job.run();
    expect(ended).toMatchObject(nothingElse);
    expect(job.outputs).toMatchObject({ status: 'FINISHED', 'steps-failed': '1', 'steps-skipped': '1' });
    expect(commandsOf(ended)).toEqual([
      {
        name: 'warning',
        properties: { file: 'study.yaml', line: '6', title: 's1 FAILED: exit 3 (allowed to fail)' },
        message: expect.stringMatching(/^nothing on stderr\n\(s1\/s1\.[0-9]+\.err\)$/),
      },
    ]);
  });

  it('stages and runs nothing in a dry run', async () => {
    const job = new Job().study(chain('touch ran', 'touch ran')).with({ 'dry-run': 'true' });
    const ended = await job.run();
    expect(ended).toMatchObject(nothingElse);
    expect(job.outputs).toMatchObject({
      status: 'DRYRUN',
      'steps-total': '2',
      'steps-finished': '0',
      'steps-failed': '0',
    });
    expect(job.read('s1/s1.sh')).toBe('#!/bin/bash\n\ntouch ran\n\n');
    expect(readdirSync(path.join(job.outputs['study-path']!, 's1'))).toEqual(['s1.sh']);
    expect(job.report).toMatchObject({ status: 'DRYRUN', steps: [{ state: 'DRYRUN', jobs: [] }, { state: 'DRYRUN' }] });
    expect(job.read('status.csv')).toContain('s1,--,s1,DRYRUN,--:--:--,--:--:--,--,--,--,0,');
  });

  it('refuses a study whose batch system is not there, before it makes anything, but stages it in a dry run', async () => {
    const text = `${chain('$(LAUNCHER) hostname').replace('    run:\n', '    run:\n      nodes: 1\n      procs: 1\n')}
batch:
  type: slurm
  host: quartz
  bank: guests
  queue: pbatch
`;
    const refused = new Job().study(text);
    const ended = await refused.run();
    expect(ended).toMatchObject({ code: 1, stderr: '' });
    expect(commandsOf(ended)).toEqual([
      expect.objectContaining({
        name: 'error',
        message: expect.stringContaining('Slurm cannot be used on this machine'),
      }),
    ]);
    const staged = new Job().study(text).with({ 'dry-run': 'true' });
    expect(await staged.run()).toMatchObject(nothingElse);
    expect(staged.read('s1/s1.slurm.sh')).toContain('srun -n 1 -N 1 hostname');
    expect(existsSync(path.join(refused.home, 'maestro-studies')), 'a refused study leaves nothing').toBe(false);
  });

  for (const [what, node] of [
    ['the Node that runs actions', ownNode],
    ['the Node of the system', 'node'],
  ] as const) {
    it(`runs on ${what}`, async () => {
      const job = new Job().study(chain('echo hello'));
      job.environment.PATH = `${path.dirname(process.execPath)}:${job.environment.PATH}`;
      expect(await job.run(node)).toMatchObject(nothingElse);
      expect(job.outputs.status).toBe('FINISHED');
    });
  }
});

describe('a spec that cannot be run', () => {
  const wrong = chain('echo $(s9.workspace)', 'true').replace('depends: [s1]', 'depends: [s3]\n      walltimes: 5');

  it('is told with all that is wrong, each on its own line of it', async () => {
    const job = new Job().study(
      `description:\n  name: hello\n\nstudy:\n  - name: a\n    description: x\n    run:\n      cmd: true\n      depend: [b]\n`,
      'sub/study.yaml',
    );
    const ended = await job.run();
    expect(ended).toMatchObject({ code: 1, stderr: '' });
    const problems = commandsOf(ended);
    expect(problems.map(({ name, properties }) => [name, properties.file, properties.line])).toEqual([
      ['error', 'sub/study.yaml', '2'],
      ['error', 'sub/study.yaml', '8'],
      ['error', 'sub/study.yaml', '9'],
    ]);
    expect(problems.map(({ message }) => message).join('\n')).toMatch(/description[\s\S]*cmd[\s\S]*depends/);
    for (const { properties } of problems) expect(Number(properties.col)).toBeGreaterThan(0);
  });

  it('is told in the summary too', async () => {
    const job = new Job().study(wrong);
    await job.run();
    expect(job.summary).toContain('## ❌ The study cannot be run');
    expect(job.summary.match(/^- study\.yaml/gm)?.length).toBeGreaterThan(0);
  });

  it('sets no outputs, and leaves no directory behind', async () => {
    const job = new Job().study(wrong);
    expect(await job.run()).toMatchObject({ code: 1 });
    expect(job.outputs).toEqual({});
    expect(readdirSync(job.home)).toEqual([]);
    expect(readdirSync(job.temporary)).toEqual([]);
  });

  it('is an error as a file that is not there, a directory, or not text', async () => {
    const messages: string[] = [];
    const cases: [string, (file: string) => void][] = [
      ['gone.yaml', () => {}],
      ['directory', (file) => mkdirSync(file)],
      ['binary.yaml', (file) => writeFileSync(file, Buffer.from([0xff, 0xfe, 0x00, 0x80]))],
      ['empty.yaml', (file) => writeFileSync(file, '')],
    ];
    for (const [name, make] of cases) {
      const job = new Job().with({ spec: name });
      make(path.join(job.workspace, name));
      const ended = await job.run();
      expect(ended).toMatchObject({ code: 1, stderr: '' });
      messages.push(...commandsOf(ended).map(({ message }) => message));
    }
    expect(messages).toEqual([
      'cannot read the study gone.yaml: there is no such file',
      'cannot read the study directory: it is a directory',
      'cannot read the study binary.yaml: it is not UTF-8',
      'the specification is empty',
    ]);
  });
});

describe('inputs that cannot be used', () => {
  it('are told all at once, by their names', async () => {
    const job = new Job().with({ throttle: '-1', 'dry-run': 'yes', 'local-jobs': 'many' });
    const ended = await job.run();
    expect(ended).toMatchObject({ code: 1, stderr: '' });
    const message = commandsOf(ended)
      .map((command) => command.message)
      .join('\n');
    for (const name of ['spec', 'throttle', 'dry-run', 'local-jobs']) expect(message).toContain(`input '${name}'`);
    expect(job.summary).toContain('## ❌ The study cannot be run');
  });

  it('are told of an output path that has something else in it, which stays as it is', async () => {
    const job = new Job().study(chain('true'));
    const taken = path.join(job.directory, 'taken');
    mkdirSync(taken);
    writeFileSync(path.join(taken, 'results'), 'precious');
    const ended = await job.with({ 'output-path': taken }).run();
    expect(ended).toMatchObject({ code: 1, stderr: '' });
    expect(commandsOf(ended)).toEqual([
      { name: 'error', properties: {}, message: expect.stringContaining(`${taken} exists and is not empty`) },
    ]);
    expect(readdirSync(taken)).toEqual(['results']);
  });

  it('are told of a directory that cannot be made', async () => {
    const job = new Job().study(chain('true'));
    const ended = await job.with({ 'output-path': path.join(job.workspace, 'study.yaml/below') }).run();
    expect(ended).toMatchObject({ code: 1, stderr: '' });
    expect(commandsOf(ended)).toEqual([
      { name: 'error', properties: {}, message: expect.stringContaining('cannot create the study directory') },
    ]);
  });

  it('are not taken for a fault of ours where the runner lacks something', async () => {
    const job = new Job().study(chain('true'));
    delete job.environment.GITHUB_WORKSPACE;
    const ended = await job.run();
    expect(ended).toMatchObject({ code: 1, stderr: '' });
    const [{ message } = { message: '' }] = commandsOf(ended);
    expect(message).toContain('GITHUB_WORKSPACE is not set');
    expect(message).not.toContain('internal error');
  });
});

describe('the reports of a run', () => {
  it('go where they are wanted, below the checkout', async () => {
    const job = new Job().study(chain('true')).with({ 'report-path': 'out/reports' });
    await job.run();
    expect(job.outputs['report-path']).toBe(path.join(job.workspace, 'out/reports'));
    expect(readdirSync(path.join(job.workspace, 'out/reports')).sort()).toEqual([
      'junit.xml',
      'report.html',
      'report.json',
      'summary.md',
    ]);
  });

  it('leave the summary out if it is not wanted', async () => {
    const job = new Job().study(chain('exit 1')).with({ summary: 'false' });
    expect(await job.run()).toMatchObject({ code: 2 });
    expect(job.summary).toBe('');
    const invalid = new Job().study('[]').with({ summary: 'false' });
    expect(await invalid.run()).toMatchObject({ code: 1 });
    expect(invalid.summary).toBe('');
  });

  it('come after what other steps wrote', async () => {
    const job = new Job().study(chain('true'));
    appendFileSync(job.environment.GITHUB_STEP_SUMMARY!, '# Before\n');
    await job.run();
    expect(job.summary).toMatch(/^# Before\n## ✅ hello: FINISHED/);
  });

  it('leave the lines of the spec alone with `annotations: none`, but tell the log', async () => {
    const ended = await new Job().study(chain('echo lost >&2; exit 3')).with({ annotations: 'none' }).run();
    expect(ended).toMatchObject({ code: 2 });
    expect(commandsOf(ended).filter(({ properties }) => properties.file !== undefined)).toEqual([]);
    expect(ended.stdout).toContain('study.yaml:6: error: s1 FAILED: exit 3: lost');
  });

  it('that cannot be written do not fail a study that finished', async () => {
    const noSummary = new Job().study(chain('true'));
    rmSync(noSummary.environment.GITHUB_STEP_SUMMARY!);
    const ended = await noSummary.run();
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(commandsOf(ended)).toEqual([
      { name: 'warning', properties: {}, message: expect.stringContaining('the job summary cannot be written') },
    ]);
  });

  it('that cannot be written do not hide how the study ended', async () => {
    const job = new Job();
    // The way is free as long as the study has not begun.
    job.study(chain(`touch ${job.workspace}/reports; exit 1`)).with({ 'report-path': 'reports' });
    const ended = await job.run();
    expect(ended).toMatchObject({ code: 2, stderr: '' });
    expect(job.outputs.status).toBe('FAILURE');
    expect(commandsOf(ended).map(({ name }) => name)).toContain('warning');
  });
});

describe('cancelling the workflow', () => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`by ${signal} ends the steps and reports the study as CANCELLED within five seconds`, async () => {
      const job = new Job().study(chain('sleep 60 & echo $! > child; touch up; wait', 'touch ran')).with({
        'output-path': '~/study',
      });
      const { process: running, ended } = job.start();
      await until('the step runs', () => existsSync(path.join(job.home, 'study/s1/up')));
      const child = Number(readFileSync(path.join(job.home, 'study/s1/child'), 'utf8'));
      const began = Date.now();
      running.kill(signal);
      const { code, stdout, stderr } = await ended;
      expect(Date.now() - began).toBeLessThan(5000);
      expect({ code, stderr }).toEqual({ code: 3, stderr: '' });
      expect(job.outputs).toMatchObject({ status: 'CANCELLED', 'steps-total': '2', 'steps-finished': '0' });
      expect(job.report).toMatchObject({
        status: 'CANCELLED',
        steps: [
          { state: 'CANCELLED', reason: `cancelled by ${signal}` },
          { state: 'CANCELLED', reason: `cancelled by ${signal}`, jobs: [] },
        ],
      });
      expect(job.read('status.csv')).toMatch(/^s1,[0-9]+,s1,CANCELLED,.*\ns2,--,s2,CANCELLED,.*$/m);
      expect(job.summary).toContain('hello: CANCELLED');
      expect(stdout).toContain('Study hello CANCELLED');
      expect(isAlive(child)).toBe(false);
      expect(job.has('s2/ran')).toBe(false);
    });
  }

  it('ends steps that will not, though the runner asks again and again', async () => {
    const job = new Job()
      .study(chain(`trap '' TERM INT HUP\ntouch up\nwhile :; do sleep 0.2; done`))
      .with({ 'output-path': '~/study' });
    const { process: running, ended } = job.start();
    await until('the step runs', () => existsSync(path.join(job.home, 'study/s1/up')));
    const began = Date.now();
    running.kill('SIGINT');
    setTimeout(() => running.kill('SIGINT'), 200);
    setTimeout(() => running.kill('SIGTERM'), 400);
    expect(await ended).toMatchObject({ code: 3, stderr: '' });
    expect(Date.now() - began).toBeLessThan(5000);
    expect(job.report).toMatchObject({ status: 'CANCELLED', steps: [{ signal: 'SIGKILL' }] });
  });

  it('before anything runs, runs nothing', async () => {
    const url = 'ssh://localhost/repository.git';
    const text = chain('touch ran').replace(
      '\nstudy:',
      `\nenv:\n  variables:\n    X: 1\n  dependencies:\n    git:\n      - {name: repo, path: $(OUTPUT_PATH), url: "${url}"}\n\nstudy:`,
    );
    const job = new Job().study(text).with({
      'output-path': '~/study',
      setup: 'export GIT_SSH_COMMAND="touch $HOME/cloning; exec sleep 60; :"',
    });
    const { process: running, ended } = job.start();
    await until('the clone is under way', () => existsSync(path.join(job.home, 'cloning')));
    running.kill('SIGINT');
    const { code, stdout, stderr } = await ended;
    expect({ code, stderr }).toEqual({ code: 3, stderr: '' });
    expect(job.outputs.status).toBe('CANCELLED');
    expect(stdout).not.toContain('s1 RUNNING');
    expect(job.report.steps).toMatchObject([{ state: 'CANCELLED', jobs: [] }]);
    expect(readdirSync(path.join(job.home, 'study/s1'))).toEqual(['s1.sh']);
  });
});

describe("a step's environment", () => {
  const ours = /^(INPUT|GITHUB|ACTIONS|RUNNER|STATE)_/;

  /** Runs a step that tells its environment. */
  async function environmentOf(job: Job): Promise<Record<string, string>> {
    const ended = await job.study(chain('env -0')).run();
    expect(ended).toMatchObject({ code: 0 });
    const { stdout } = job.report.steps[0];
    expect(stdout).toMatch(/^s1\/s1\.[0-9]+\.out$/);
    const entries = job
      .read(stdout)
      .split('\0')
      .filter((entry) => entry !== '');
    return Object.fromEntries(
      entries.map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
    );
  }

  it("is that of a login, and has nothing of the runner's or the workflow's", async () => {
    const job = new Job();
    writeFileSync(path.join(job.home, '.bash_profile'), 'export OF_PROFILE="two\nlines"\necho welcome\n');
    const environment = await environmentOf(job);
    expect(Object.keys(environment).filter((name) => ours.test(name))).toEqual([]);
    expect(environment).not.toHaveProperty('OF_WORKFLOW');
    expect(environment).not.toHaveProperty('CI');
    expect(Object.values(environment).filter((value) => value.includes('secret'))).toEqual([]);
    expect(environment).toMatchObject({ HOME: job.home, OF_PROFILE: 'two\nlines' });
  });

  it('has what `setup` and `env` set', async () => {
    const job = new Job().with({ setup: 'echo loading\nexport LOADED=yes', env: "COMMIT=abc=1\nQUOTED=it's $HOME" });
    expect(await environmentOf(job)).toMatchObject({ LOADED: 'yes', COMMIT: 'abc=1', QUOTED: "it's $HOME" });
  });

  it('is not disturbed by a ~/.bashrc, whatever that does and prints', async () => {
    const job = new Job();
    writeFileSync(path.join(job.home, '.bashrc'), 'echo welcome\necho careful >&2\nexport OF_BASHRC=1\n');
    const environment = await environmentOf(job);
    expect(environment).not.toHaveProperty('OF_BASHRC');
  });
});

describe('hostile text', () => {
  const commands = [
    '::error file=/etc/passwd,line=1::injected',
    '  ::add-mask::injected',
    '::set-output name=status::injected',
    '::stop-commands::injected',
    '##[error]injected',
    'x ##[set-env name=A]injected',
    '\t::save-state name=a::injected',
  ];

  it('in the outputs of a step is no command', async () => {
    const all = commands.map((line) => `printf '%s\\n' '${line}' | tee /dev/stderr`);
    const job = new Job().study(
      chain(
        `${all.join('\n')}\nprintf 'a\\r::error::injected\\n\\033[2K\\033[31m::error::injected\\033[0m\\n\\xff\\n' >&2\nexit 1`,
      ),
    );
    const ended = await job.run();
    expect(ended).toMatchObject({ code: 2, stderr: '' });
    expect(commandsOf(ended).map(({ name, properties }) => [name, properties.file])).toEqual([
      ['error', 'study.yaml'],
      ['error', undefined],
    ]);
    expect(ended.stdout).not.toContain('\u001b');
    expect(ended.stdout).not.toContain('\r');
  });

  it('in the outputs of a step is no command with `annotations: none` either', async () => {
    const all = commands.map((line) => `printf '%s\\n' '${line}' >&2`);
    const job = new Job().study(chain(`${all.join('\n')}\nexit 1`)).with({ annotations: 'none' });
    const found = commandsOf(await job.run());
    expect(found.map(({ message }) => message).filter((message) => message.includes('injected'))).toEqual([]);
  });

  it('in the spec is no command', async () => {
    const name = '"x\\n::error::injected\\n##[error]injected"';
    const job = new Job().study(chain('true').replace('name: hello', `name: ${name}`));
    const ended = await job.run();
    expect(commandsOf(ended).filter(({ message }) => message.startsWith('injected'))).toEqual([]);
  });

  it('in a spec that is wrong is no command', async () => {
    for (const line of commands) {
      const job = new Job().study(
        `description: {name: x, description: y}\nstudy: []\n${JSON.stringify(`a\n${line}`)}: 1\n`,
      );
      const ended = await job.run();
      expect(ended).toMatchObject({ code: 1, stderr: '' });
      expect(commandsOf(ended).filter(({ properties }) => properties.file !== 'study.yaml')).toEqual([]);
    }
  });
});
