import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { Job } from '../support/bundle.js';
import { ConductedStudy, comparable, isMaestroPossible, withMaestro } from '../support/own-maestro.js';
import type { Brief } from '../support/plan.js';
import { clients } from '../support/ssh-hosts.js';
import { installedSshd, SshServer } from '../support/ssh-server.js';
import { isAlive, until } from '../support/wait.js';

const sample = readFileSync(path.resolve(import.meta.dirname, '../../samples/hello-bye-parameterized.yaml'), 'utf8');

const failing: Brief = {
  steps: [
    { name: 'good' },
    { name: 'bad', cmd: 'echo no >&2; exit 3' },
    { name: 'after', depends: ['bad'] },
    { name: 'last', depends: ['after'] },
  ],
};

/** A study of two steps, of which the first waits for the test. */
function gated(): ConductedStudy {
  const study = new ConductedStudy({ steps: [] });
  writeFileSync(
    path.join(study.directory, 'study.yaml'),
    JSON.stringify({
      description: { name: 'demo', description: 'a demo' },
      study: [
        { name: 'wait', description: 'a step', run: { cmd: study.gate() } },
        { name: 'after', description: 'a step', run: { cmd: 'echo ran >> runs', depends: ['wait'] } },
      ],
    }),
  );
  return study;
}

describe.skipIf(!isMaestroPossible("the host's own Maestro as the conductor"))("the host's own Maestro", () => {
  it('gives the same report of the sample as the native conductor, but for times, ids and the names of outputs', async () => {
    const [native, maestro] = [new ConductedStudy(sample, { conductor: 'native' }), new ConductedStudy(sample)];
    const [ours, theirs] = await Promise.all([native.run(), maestro.run()]);
    expect(ours).toMatchObject({ code: 0, stderr: '' });
    expect(theirs).toMatchObject({ code: 0, stderr: '' });
    expect(theirs.stdout).toMatch(/^The study is run by maestro 1\.\d+/m);
    expect(comparable(maestro.report)).toEqual(comparable(native.report));
    expect(maestro.report.steps).toHaveLength(8);
    expect(maestro.read(maestro.report.steps[0].stdout)).toBe('Hello, Ada!\n');
    expect(maestro.workspaces).toEqual(native.workspaces);
  });

  it('fails a study whose step fails, with all that depends on it, on the lines of the spec', async () => {
    const study = new ConductedStudy(failing);
    const { code, stdout } = await study.run();
    expect(code).toBe(2);
    expect(study.ends).toEqual([
      'good FINISHED',
      'bad FAILED: it failed; Maestro does not record how',
      'after FAILED: dependency bad failed',
      'last FAILED: dependency after failed',
    ]);
    expect(study.report.status).toBe('FAILURE');
    // Maestro does not tell which outputs those are.
    expect(study.read(study.report.steps[1].stderr)).toBe('no\n');
    expect(stdout).toMatch(/bad/);
  });

  it('does so as an action: outputs, annotations and summary', async () => {
    const job = new Job().study(readFileSync(path.join(new ConductedStudy(failing).directory, 'study.yaml'), 'utf8'));
    job.with({ conductor: 'maestro', sleeptime: '1' });
    job.environment.PATH = withMaestro.PATH;
    const { code, stdout } = await job.run();
    expect([code, job.outputs.status, job.outputs['steps-failed'], job.outputs['steps-skipped']]).toEqual([
      ...[2, 'FAILURE', '1', '2'],
    ]);
    expect(stdout).toMatch(/^::error title=bad FAILED.*,file=study\.yaml,line=\d+::no/m);
    expect(job.summary).toContain('bad');
  });

  it('that crashes is told in its last line, with the states that it wrote last', async () => {
    const study = new ConductedStudy({
      steps: [
        { name: 'first' },
        { name: 'second', cmd: 'rm $(OUTPUT_PATH)/status.csv; mkdir $(OUTPUT_PATH)/status.csv', depends: ['first'] },
        { name: 'third', depends: ['second'] },
      ],
    });
    const { code, stdout, stderr } = await study.run();
    expect(code).not.toBe(0);
    const crash = 'Maestro ended with exit status 1: IsADirectoryError: ';
    expect([stderr, stdout.trimEnd().split('\n').at(-1)]).toEqual([
      expect.stringContaining(`warning: ${crash}`),
      expect.stringContaining(crash),
    ]);
    expect(study.ends[0]).toBe('first FINISHED');
    expect(study.ends.slice(1).join()).not.toContain('FINISHED');
    expect(study.read('.conductor/maestro/log')).toContain('Traceback (most recent call last)');
    // That was told: the next run does not tell it again.
    await study.run();
    expect(study.report.study.path).toBe(`${study.path}.2`);
  });

  it('is cancelled with the run: no step begins any more, and nothing is left running', async () => {
    const study = gated();
    const { process, ended } = await study.startUntilUp('wait');
    const processes = await study.maestroProcesses();
    process.kill('SIGINT');
    await until('Maestro is told', () => study.has('.cancel.lock'), 30_000);
    study.open();
    const { code } = await ended;
    expect([code, study.report.status]).toEqual([3, 'CANCELLED']);
    expect(study.ends[1]).toMatch(/^after CANCELLED/);
    expect(study.has('after/runs')).toBe(false);
    await until('Maestro is gone', () => !processes.some(isAlive));
  });

  it('goes on without its driver, and the next run watches the same one to its end', async () => {
    const study = gated();
    const first = await study.startUntilUp('wait');
    const processes = await study.maestroProcesses();
    first.process.kill('SIGKILL');
    await first.ended;
    expect(processes.map(isAlive)).toEqual([true, true]);
    const second = study.start();
    await until('it watches', () => study.read('.conductor/lease') !== '');
    study.open();
    const { code, stdout } = await second.ended;
    expect(code, stdout).toBe(0);
    expect(stdout).toContain('Watching the Maestro of an earlier run');
    expect(await study.maestroProcesses()).toEqual(processes);
    expect(study.ends).toEqual(['wait FINISHED', 'after FINISHED']);
    expect([study.read('wait/runs'), study.read('after/runs')]).toEqual(['ran\n', 'ran\n']);
  });

  it('that has ended without its driver is reported by the next run, and not started again', async () => {
    const study = gated();
    const first = await study.startUntilUp('wait');
    first.process.kill('SIGKILL');
    await first.ended;
    study.open();
    await until('Maestro has ended', () => study.has('.conductor/maestro/exit'), 30_000);
    const { code, stdout } = await study.run();
    expect([code, study.read('wait/runs')], stdout).toEqual([0, 'ran\n']);
    expect(study.report.study.path).toBe(study.path);
    expect(study.ends).toEqual(['wait FINISHED', 'after FINISHED']);
  });

  it('is not run again for a study that is finished', async () => {
    const study = new ConductedStudy({ steps: [{ name: 'only', cmd: 'echo ran >> runs' }] });
    expect(await study.run()).toMatchObject({ code: 0 });
    const { code, stdout } = await study.run();
    expect([code, study.ends, study.read('only/runs')]).toEqual([0, ['only FINISHED'], 'ran\n']);
    expect(stdout).toContain('Maestro has finished this study: nothing is run');
    expect(study.report.study.path).toBe(study.path);
  });

  it('gets a new directory beside a study that it has ended and not finished', async () => {
    const study = new ConductedStudy({ steps: [{ name: 'only', cmd: 'echo ran >> runs; exit 1' }] });
    expect(await study.run()).toMatchObject({ code: 2 });
    const { code, stdout } = await study.run();
    expect([code, study.report.study.path]).toEqual([2, `${study.path}.2`]);
    expect(stdout).toContain('a new study is made beside it');
    expect([study.read('only/runs'), readFileSync(`${study.path}.2/only/runs`, 'utf8')]).toEqual(['ran\n', 'ran\n']);
  });

  it('of a later directory is watched too, and no further one is made', async () => {
    const study = gated();
    mkdirSync(`${study.path}.2`);
    writeFileSync(`${study.path}.2/mine`, 'mine');
    const first = await study.startUntilUp('wait');
    const [shell, maestro] = await study.maestroProcesses();
    for (const pid of [shell!, maestro!]) process.kill(pid, 'SIGKILL');
    expect((await first.ended).stdout).toContain('Maestro is gone without an exit status');
    const second = study.start();
    const isUp = () => existsSync(`${study.path}.3/wait/runs`);
    await until('a new one runs beside it, and beside what is there', isUp, 30_000);
    second.process.kill('SIGKILL');
    await second.ended;
    const third = study.start();
    study.open();
    const { code, stdout } = await third.ended;
    expect([code, study.report.study.path], stdout).toEqual([0, `${study.path}.3`]);
    expect(readFileSync(`${study.path}.3/wait/runs`, 'utf8')).toBe('ran\n');
    expect(existsSync(`${study.path}.4`)).toBe(false);
  });

  it('begins anew where a study was deleted', async () => {
    const study = new ConductedStudy({ steps: [{ name: 'only', cmd: 'echo ran >> runs' }] });
    expect(await study.run()).toMatchObject({ code: 0 });
    rmSync(study.path, { recursive: true });
    expect(await study.run()).toMatchObject({ code: 0 });
    expect([study.report.study.path, study.read('only/runs')]).toEqual([study.path, 'ran\n']);
  });

  it('is never given a directory that is there', async () => {
    const study = new ConductedStudy({ steps: [{ name: 'only' }] });
    const mine = path.join(study.directory, 'mine');
    const other = new ConductedStudy({ steps: [{ name: 'only' }] }, { inputs: { 'output-path': study.directory } });
    writeFileSync(mine, 'mine');
    const { code, stdout, stderr } = await other.run();
    expect(code).not.toBe(0);
    expect(stdout + stderr).toContain('exists and is not empty');
    expect(readFileSync(mine, 'utf8')).toBe('mine');
  });

  it('makes the scripts of a dry run, and runs nothing', async () => {
    const study = new ConductedStudy({ steps: [{ name: 'only', cmd: 'echo ran >> runs' }] });
    const { code } = await study.run({ 'dry-run': 'true' });
    expect([code, study.report.status, study.ends]).toEqual([0, 'DRYRUN', ['only DRYRUN']]);
    expect([study.has('only/only.sh'), study.has('only/runs')]).toEqual([true, false]);
  });

  describe.skipIf(installedSshd() === undefined)('on a host by SSH', () => {
    it.each(clients)('runs on a staged copy of the spec, with the client %s', async (client) => {
      const server = await SshServer.forTest();
      const key = await server.newKey();
      const study = new ConductedStudy(
        {
          steps: [
            // It is there at every moment, also while `.conductor/` is moved.
            {
              name: 'look',
              cmd: 'until [ $SECONDS -gt 1 ]; do [ -e $(SPECROOT)/data ] || echo gone; done\ncat $(SPECROOT)/data; echo "$MARK"',
            },
            { name: 'after', depends: ['look'] },
          ],
        },
        { files: { data: 'staged\n', 'known/hosts': server.knownHosts } },
      );
      const { code, stdout, stderr } = await study.run({
        ...{
          host: server.hostPort,
          'ssh-client': client,
          'ssh-key': `@${key.path}`,
          setup: `PATH=${withMaestro.PATH}`,
        },
        ...{ 'ssh-known-hosts': '@known/hosts', env: 'MARK=marked', stage: '.', 'stage-exclude': 'gates' },
      });
      expect([code, stderr], stdout).toEqual([0, '']);
      expect(study.ends).toEqual(['look FINISHED', 'after FINISHED']);
      expect(study.read(study.report.steps[0].stdout)).toBe('staged\nmarked\n');
      expect(study.read('.conductor/stage/data')).toBe('staged\n');
    });
  });
});
