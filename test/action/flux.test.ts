import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { commandsIn, type Ended, Job, startBundle } from '../support/bundle.js';
import { stubFlux } from '../support/flux/study-flux.js';
import { startBroker, waiting } from '../support/flux/study-run.js';
import { Tap } from '../support/flux/study-tap.js';
import { at } from '../support/flux/submission.js';
import { plainEnvironment } from '../support/hosts.js';
import { dedent } from '../support/plan.js';
import { temporaryDirectory } from '../support/temporary.js';
import { validReport } from '../support/valid-report.js';
import { isAlive, until } from '../support/wait.js';

let directory: string;

beforeEach(() => {
  directory = temporaryDirectory();
});

/** A study of jobs: their commands by name; each is a plain job of one task. */
function jobs(commands: Readonly<Record<string, string>>, batch = ''): string {
  const steps = Object.entries(commands).map(
    ([name, command]) =>
      `  - name: ${name}\n    description: A step.\n    run:\n      procs: 1\n      nested: false\n` +
      `      cmd: |\n        ${command}\n`,
  );
  return `description: {name: demo, description: A test.}\nbatch:\n  type: flux\n${batch}study:\n${steps.join('')}`;
}

/** Runs a study in `directory`/study. */
function start(text: string, uri: string, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) {
  writeFileSync(path.join(directory, 'study.yaml'), text);
  return startBundle(['run', 'study.yaml', '--output-path', 'study', '--flux', uri, ...args], {
    cwd: directory,
    env: { ...plainEnvironment, HOME: directory, ...env },
  });
}

const file = (name: string) => path.join(directory, 'study', name);
const report = () => validReport(readFileSync(file('.conductor/report/report.json'), 'utf8'));
const states = (): string[] => report().steps.map(({ name, state }: Record<string, string>) => `${name} ${state}`);
const isThere = (name: string) => until(`${name} is there`, () => existsSync(file(name)));

describe('a study of jobs of Flux', () => {
  it('runs to its end: plain, nested, parameterised, restarted and failing steps', async () => {
    const broker = await startBroker({ cores: 8 });
    const text = dedent(`
      description: {name: demo, description: A test.}
      batch:
        type: flux
      study:
        - name: make
          description: A local step.
          run:
            cmd: echo made > made
        - name: run
          description: A plain job of two tasks.
          run:
            procs: 2
            nested: false
            depends: [make]
            cmd: |
              cat $(make.workspace)/made; echo "$(SIZE) $FLUX_TASK_RANK" >> ran
        - name: inside
          description: An instance of its own.
          run:
            procs: 1
            depends: [run_*]
            cmd: |
              cat $(run.workspace)/*/ran | sort > all; echo "\${FLUX_URI:+has a broker}"
        - name: long
          description: It goes on after its time ran out.
          run:
            procs: 1
            nested: false
            walltime: "00:01"
            cmd: |
              echo first >> parts; exec sleep 60
            restart: |
              echo second >> parts
        - name: bad
          description: It fails.
          run:
            procs: 1
            nested: false
            cmd: |
              echo "no input" >&2; exit 3
        - name: after
          description: It cannot run.
          run:
            procs: 1
            nested: false
            depends: [bad]
            cmd: "true"
      global.parameters:
        SIZE:
          values: [10, 20]
          label: SIZE.%%
    `);
    const { code, stdout, stderr } = await start(text, broker.uri, [], stubFlux('exit 1').environment).ended;
    expect(stdout).toContain(`Flux broker ${broker.uri}, \`flux: ${broker.uri}\`: version 0.88.0`);
    expect([code, states()]).toEqual([
      2,
      [
        'make FINISHED',
        'run_SIZE.10 FINISHED',
        'run_SIZE.20 FINISHED',
        'inside FINISHED',
        'long FINISHED',
        'bad FAILED',
        'after FAILED',
      ],
    ]);
    expect(stderr).toMatch(/^study\.yaml:\d+: error: bad FAILED: exit 3\n +no input\n +\(bad\/bad\.ƒ.*\.err\)$/m);
    const { study, status, steps } = report();
    expect({ status, ...study }).toMatchObject({ status: 'FAILURE', scheduler: 'flux', fluxUri: broker.uri });
    const [make, run10, run20, inside, long, bad, after] = steps;
    expect(make).toMatchObject({ scheduled: false });
    expect(readFileSync(file('inside/all'), 'utf8')).toBe('10 0\n10 1\n20 0\n20 1\n');
    expect(readFileSync(file(inside.stdout), 'utf8')).toBe('has a broker\n');
    expect(readFileSync(file(run10.stdout), 'utf8')).toBe('made\nmade\n');
    expect(long).toMatchObject({
      restarts: 1,
      restartScript: expect.any(String),
      jobs: [{ result: 'timeout' }, { result: 'completed' }],
    });
    expect(readFileSync(file('long/parts'), 'utf8')).toBe('first\nsecond\n');
    expect(bad).toMatchObject({ exitCode: 3, reason: 'exit 3' });
    expect(after).toMatchObject({ reason: 'dependency bad failed', jobs: [], stdout: null });
    // Outputs have the name of the job in Flux's own words.
    for (const { jobs: ofStep, stdout: output, workspace, name } of [run10, run20, inside, long, bad]) {
      const { id } = ofStep.at(-1);
      expect(broker.jobs.map((job) => job.name)).toContain(id);
      expect(output).toBe(`${workspace}/${name}.${id}.out`);
      expect(existsSync(file(output))).toBe(true);
    }
    expect(readFileSync(file('status.csv'), 'utf8')).toContain('run_SIZE.10');
  });

  it('tells who asks Flux which study a job is of', async () => {
    const broker = await startBroker();
    await start(jobs({ one: 'true' }), broker.uri).ended;
    expect(broker.jobs[0]!.submission.jobspec).toMatchObject({
      attributes: {
        system: { job: { name: 'one' }, cwd: file('one') },
        user: { maestro: { study: 'demo', path: path.join(directory, 'study'), step: 'one', attempt: 1 } },
      },
    });
  });

  it("has in its jobs' environment nothing of the runner's, and what `env` says", async () => {
    const broker = await startBroker();
    const runners = { INPUT_SPEC: 'a', GITHUB_TOKEN: 'b', ACTIONS_X: 'c', RUNNER_TEMP: 'd', STATE_y: 'e' };
    const { code } = await start(jobs({ one: 'env' }), broker.uri, ['--env=A=1'], { ...runners, MINE: 'x' }).ended;
    expect(code).toBe(0);
    const [{ stdout }] = report().steps;
    const lines = readFileSync(file(stdout), 'utf8').split('\n');
    expect(lines).toEqual(expect.arrayContaining(['MINE=x', 'A=1']));
    expect(lines.filter((line) => /^(INPUT|GITHUB|ACTIONS|RUNNER|STATE)_/.test(line))).toEqual([]);
    const given = at(broker.jobs[0]!.submission.jobspec, 'attributes', 'system', 'environment') as object;
    expect(Object.keys(given).filter((name) => /^(INPUT|GITHUB|ACTIONS|RUNNER|STATE)_/.test(name))).toEqual([]);
  });

  it('has the directory of the flux in use at the end of PATH', async () => {
    const broker = await startBroker();
    const prefix = temporaryDirectory();
    mkdirSync(path.join(prefix, 'bin'));
    writeFileSync(path.join(prefix, 'bin/flux'), '#!/bin/sh\n', { mode: 0o755 });
    const env = { FLUX_EXEC_PATH: `${prefix}/libexec/flux/cmd` };
    expect(await start(jobs({ one: 'command -v flux' }), broker.uri, [], env).ended).toMatchObject({ code: 0 });
    expect(readFileSync(file(report().steps[0].stdout), 'utf8')).toBe(`${prefix}/bin/flux\n`);
  });

  it('finds the instance around it', async () => {
    const broker = await startBroker();
    const { code, stdout } = await start(jobs({ one: 'true' }), 'auto', [], { FLUX_URI: broker.uri }).ended;
    expect(code).toBe(0);
    expect(stdout).toContain('the instance that FLUX_URI names (packing its allocation)');
  });

  it('finds the broker that its spec names', async () => {
    const broker = await startBroker();
    const text = jobs({ one: 'true' }, `  flux_uri: ${broker.uri}\n`);
    const { code, stdout } = await start(text, 'auto').ended;
    expect(code).toBe(0);
    expect(stdout).toContain('named by the batch block of the spec');
  });

  it('leaves its queue out at a broker without queues, and says so', async () => {
    const broker = await startBroker();
    const { code, stdout } = await start(jobs({ one: 'true' }, '  queue: pbatch\n'), broker.uri).ended;
    expect(code).toBe(0);
    expect(stdout).toContain("The queue 'pbatch' of the batch block is ignored: this broker has no named queues");
  });
});

describe('a study that cannot run at its broker', () => {
  it('is refused with the queues that there are, on its line, before anything is made', async () => {
    const broker = await startBroker({ queues: ['debug', 'batch'] });
    const { code, stderr } = await start(jobs({ one: 'true' }, '  queue: pbatch\n'), broker.uri).ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/^study\.yaml:4:\d+: there is no queue 'pbatch' at the Flux broker /m);
    expect(stderr).toContain('its queues are debug, batch');
    expect(readdirSync(directory)).toEqual(['study.yaml']);
    expect(broker.asked('job-ingest.submit')).toEqual([]);
  });

  it('is refused where its nested steps would find no flux', async () => {
    const broker = await startBroker();
    const { code, stderr } = await start(jobs({ one: 'true' }).replace('nested: false', 'nested: true'), broker.uri)
      .ended;
    expect(code).toBe(1);
    expect(stderr).toContain('there is no `flux` on PATH, which nested steps run with');
    expect(existsSync(file('.'))).toBe(false);
  });

  it('is refused if there is no broker, and it is said what was tried and what to do', async () => {
    const { environment } = stubFlux('exit 1');
    const none = await start(jobs({ one: 'true' }), 'auto', [], environment).ended;
    expect(none).toMatchObject({ code: 1, stderr: expect.stringContaining('FLUX_URI is not set') });
    const gone = await start(jobs({ one: 'true' }), 'local:///nonexistent/local-0').ended;
    expect(gone).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('cannot use the Flux broker local:///nonexistent/local-0'),
    });
    expect(existsSync(file('.'))).toBe(false);
  });

  it('is staged in a dry run without any', async () => {
    expect(await start(jobs({ one: 'true' }), 'local:///nonexistent', ['--dry-run']).ended).toMatchObject({ code: 0 });
    expect(readFileSync(file('one/one.flux.sh'), 'utf8')).toContain('#flux:');
  });
});

describe('a study whose broker', () => {
  it('dies is INTERRUPTED, and none of its steps failed', async () => {
    const broker = await startBroker({ cores: 1 });
    const { ended } = start(jobs({ done: 'true', long: `cd .; ${waiting()}`, waits: 'true' }), broker.uri);
    await isThere('long/up');
    await broker.die();
    const { code, stdout, stderr } = await ended;
    expect([code, states()]).toEqual([4, ['done FINISHED', 'long UNKNOWN', 'waits UNKNOWN']]);
    expect(stderr).not.toContain('error');
    expect(report().status).toBe('INTERRUPTED');
    expect(stdout).toMatch(/Study demo INTERRUPTED .*the Flux broker local:.* is lost: /);
  });

  it('is told to end is INTERRUPTED too', async () => {
    const broker = await startBroker();
    const { ended } = start(jobs({ long: waiting() }), broker.uri);
    await isThere('long/up');
    await broker.shutDown();
    expect(await ended).toMatchObject({ code: 4, stdout: expect.stringContaining('ended before the study did') });
    expect(states()).toEqual(['long UNKNOWN']);
  });

  it('only loses us for a moment goes on', async () => {
    const broker = await startBroker();
    const { ended } = start(jobs({ long: waiting() }), broker.uri);
    await isThere('long/up');
    broker.cutConnections();
    await until('it is there again', () => broker.connections === 1 && broker.accepted > 1);
    writeFileSync(file('go'), '');
    const { code, stdout, stderr } = await ended;
    expect([code, states()]).toEqual([0, ['long FINISHED']]);
    expect(stdout + stderr).toMatch(/lost the Flux broker[\s\S]*connected to the Flux broker .* again/);
  });

  it('is around it and lives on is cancelled by a SIGTERM like any other', async () => {
    const broker = await startBroker();
    const tap = await Tap.start(broker.uri);
    tap.answer = (_, payload) =>
      JSON.stringify(payload) === '{"name":"broker.pid"}' ? { payload: { value: String(process.pid) } } : undefined;
    const { ended, process: running } = start(jobs({ long: waiting() }), tap.uri);
    await isThere('long/up');
    running.kill('SIGTERM');
    expect(await ended).toMatchObject({ code: 3 });
    expect(states()).toEqual(['long CANCELLED']);
  });

  it('ends has its local steps left running, if the program ends with it', async () => {
    const broker = await startBroker();
    const tap = await Tap.start(broker.uri);
    tap.answer = (_, payload) =>
      JSON.stringify(payload) === '{"name":"broker.pid"}' ? { payload: { value: String(process.pid) } } : undefined;
    const local = '  - name: local\n    description: Runs here.\n    run:\n      cmd: echo $$ > up; exec sleep 60\n';
    const { ended, process: running } = start(`${jobs({ long: waiting() })}${local}`, tap.uri);
    for (const name of ['long', 'local']) await isThere(`${name}/up`);
    running.kill('SIGHUP');
    expect(await ended).toMatchObject({ code: 4 });
    expect(states()).toEqual(['long UNKNOWN', 'local UNKNOWN']);
    const pid = Number(readFileSync(file('local/up'), 'utf8'));
    expect(isAlive(pid)).toBe(true);
    process.kill(pid, 'SIGKILL');
  });

  for (const [what, signal, state] of [
    ['and is told to end', 'SIGTERM', 'cleanup'],
    ['and hangs up', 'SIGHUP', 'run'],
  ] as const) {
    it(`is around it ${what} by ${signal} is INTERRUPTED and not cancelled`, async () => {
      const broker = await startBroker();
      const tap = await Tap.start(broker.uri);
      let now = 'run';
      // As its initial program is: a child of the broker's.
      tap.answer = (topic, payload) => {
        if (topic === 'state-machine.get') return { payload: { state: now } };
        const isPid = JSON.stringify(payload) === '{"name":"broker.pid"}';
        return isPid ? { payload: { value: String(process.pid) } } : undefined;
      };
      const { ended, process: running } = start(jobs({ long: waiting() }), tap.uri);
      await isThere('long/up');
      now = state;
      running.kill(signal);
      const { code, stdout } = await ended;
      expect([code, states()]).toEqual([4, ['long UNKNOWN']]);
      expect(stdout).toContain(`the Flux instance that this program runs in is ending (${signal})`);
      expect(broker.asked('job-manager.raise')).toEqual([]);
    });
  }
});

describe('a study of jobs that is cancelled', () => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`by ${signal} has its jobs cancelled`, async () => {
      const broker = await startBroker({ cores: 1 });
      const { ended, process: running } = start(jobs({ long: waiting(), waits: 'true' }), broker.uri);
      await isThere('long/up');
      await until('both are jobs', () => broker.jobs.length === 2);
      running.kill(signal);
      const { code } = await ended;
      expect([code, states()]).toEqual([3, ['long CANCELLED', 'waits CANCELLED']]);
      expect(report().steps.map(({ reason }: Record<string, string>) => reason)).toEqual([
        `cancelled by ${signal}`,
        `cancelled by ${signal}`,
      ]);
      expect(broker.jobs.map(({ state }) => state)).toEqual(['INACTIVE', 'INACTIVE']);
    });
  }
});

describe('the action', () => {
  const commandsOf = ({ stdout }: Ended) =>
    commandsIn(stdout).filter(({ name }) => name !== 'group' && name !== 'endgroup');

  it('runs jobs of Flux, and says in its output flux-uri where', async () => {
    const broker = await startBroker();
    const job = new Job().study(jobs({ one: 'env' })).with({ flux: broker.uri });
    const ended = await job.run();
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(job.outputs).toMatchObject({ status: 'FINISHED', 'flux-uri': broker.uri, 'steps-finished': '1' });
    expect(job.report).toMatchObject({ study: { scheduler: 'flux', fluxUri: broker.uri } });
    const environment = job.read(job.report.steps[0].stdout);
    expect(environment).not.toMatch(/^(INPUT|GITHUB|ACTIONS|RUNNER|STATE)_|secret|OF_WORKFLOW/m);
  });

  it('finds flux by its `setup`', async () => {
    const broker = await startBroker();
    const { directory: bin } = stubFlux(`[ "$1" = getattr ] && echo '${broker.uri}'`);
    const job = new Job().study(jobs({ one: 'command -v flux' })).with({ setup: `export PATH=${bin}:$PATH` });
    expect(await job.run()).toMatchObject({ code: 0 });
    expect(job.outputs['flux-uri']).toBe(broker.uri);
    expect(job.read(job.report.steps[0].stdout)).toBe(`${bin}/flux\n`);
  });

  it('annotates the line that names a queue which is not there', async () => {
    const broker = await startBroker({ queues: ['debug'] });
    const job = new Job().study(jobs({ one: 'true' }, '  queue: pbatch\n')).with({ flux: broker.uri });
    const ended = await job.run();
    expect(ended.code).toBe(1);
    expect(commandsOf(ended)).toMatchObject([
      {
        name: 'error',
        properties: { file: 'study.yaml', line: '4' },
        message: expect.stringContaining('its queues are debug'),
      },
    ]);
    expect(existsSync(path.join(job.home, 'maestro-studies'))).toBe(false);
  });

  it('fails as INTERRUPTED when the broker dies', async () => {
    const broker = await startBroker();
    const job = new Job().study(jobs({ one: `touch ${directory}/up; sleep 30` })).with({ flux: broker.uri });
    const { ended } = job.start();
    await until('it runs', () => existsSync(path.join(directory, 'up')));
    await broker.die();
    expect(await ended).toMatchObject({ code: 4 });
    expect(job.outputs).toMatchObject({ status: 'INTERRUPTED', 'steps-failed': '0' });
    expect(job.report.steps).toMatchObject([{ state: 'UNKNOWN' }]);
  });
});

describe('doctor', () => {
  function doctor(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    return startBundle(['doctor', ...args], { cwd: directory, env: { ...plainEnvironment, HOME: directory, ...env } })
      .ended;
  }

  const flux = 'echo "commands:    		0.88.0"';

  it('finds that all is well, down to a job', async () => {
    const broker = await startBroker({ queues: ['debug'] });
    const { code, stdout } = await doctor(['--flux', broker.uri], stubFlux(flux).environment);
    expect(stdout).toMatch(/^ok {4}flux: .*\/flux, version 0\.88\.0$/m);
    expect(stdout).toMatch(/^ok {4}broker: .*version 0\.88\.0, 1 node, our own instance, queues debug$/m);
    expect(stdout).toContain(`ok    a job: it ran, and can write to ${directory}`);
    expect(stdout).not.toContain('FAIL');
    expect(code).toBe(0);
    expect(broker.jobs).toHaveLength(1);
  });

  it('says what is wrong without a broker, and what to do', async () => {
    // Not the system instance, which this machine may have.
    const { code, stdout } = await doctor(['--flux', 'slurm:17']);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^.{6}flux: there is no such command on PATH/m);
    expect(stdout).toMatch(
      /^FAIL {2}broker: cannot find the Flux broker 'slurm:17'.*: there is no `flux` on PATH .*\(/m,
    );
    expect(stdout).toMatch(/^ok {4}bash: /m);
  });

  it('uses the queue of the study, and says why the broker refuses it', async () => {
    const broker = await startBroker({ queues: ['debug'] });
    writeFileSync(path.join(directory, 'study.yaml'), jobs({ one: 'true' }, '  queue: pbatch\n'));
    const { code, stdout } = await doctor(['study.yaml', '--flux', broker.uri], stubFlux(flux).environment);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^FAIL {2}a job: .*Invalid queue 'pbatch' specified/m);
  });

  it('does not look for Flux where the study needs none', async () => {
    writeFileSync(path.join(directory, 'study.yaml'), jobs({ one: 'true' }).replace('type: flux', 'type: local'));
    const { code, stdout } = await doctor(['study.yaml']);
    expect([code, stdout.includes('FAIL')]).toEqual([0, false]);
  });
});
