import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Desk } from '../support/desk.js';
import { plainEnvironment } from '../support/hosts.js';
import { yamlOf } from '../support/plan.js';
import { Slurm } from '../support/slurm.js';
import { isSlurmPossible, slurmBatch } from '../support/slurm-study.js';
import { SshServer } from '../support/ssh-server.js';
import { until } from '../support/wait.js';

const sample = readFileSync(path.resolve(import.meta.dirname, '../../samples/hello-bye-parameterized.yaml'), 'utf8');

describe.skipIf(!isSlurmPossible('detached studies over SSH'))('a detached study of a login node, with Slurm', () => {
  let slurm: Slurm;
  beforeAll(async () => {
    slurm = await Slurm.start({ cpus: 16 });
  });
  afterAll(() => slurm?.stop());

  /** A desk that is the home of the login node too, and the flags that lead there. */
  async function deskWith(study: string): Promise<{ readonly desk: Desk; readonly ssh: readonly string[] }> {
    const desk = new Desk(study);
    const PATH = `${path.dirname(process.execPath)}:${plainEnvironment.PATH}`;
    const server = await SshServer.forTest({ environment: { PATH, ...slurm.environment }, home: desk.directory });
    const key = await server.newKey();
    const ssh = ['--host', server.hostPort, '--ssh-key', `@${key.path}`, '--ssh-known-hosts', server.knownHosts];
    return { desk, ssh };
  }

  it('of eight steps is started, followed to its end, and collected once', async () => {
    const { desk, ssh } = await deskWith(sample);
    const out = desk.path('far');
    const { code, stdout } = await desk.run('run', 'study.yaml', '--detach', '-o', out, ...ssh);
    expect(code).toBe(0);
    expect(stdout).toContain('The study of 8 steps runs detached');
    const { code: ended, stdout: shown } = await desk.run('watch', out, ...ssh);
    expect(ended).toBe(0);
    expect(shown).toMatch(/FINISHED in .*: 8 of 8 steps over/);
    expect((await desk.run('collect', ...ssh)).stdout).toContain('FINISHED');
    expect(desk.has('far.report/report.json')).toBe(true);
    expect((await desk.run('collect', ...ssh)).stdout).toBe('There is no detached study to collect\n');
  });

  it('of 500 steps is looked at, cancelled, gone on with in the background, and collected; nothing runs twice', async () => {
    const values = Array.from({ length: 480 }, (_, i) => i);
    const { desk, ssh } = await deskWith(
      yamlOf({
        batch: slurmBatch,
        parameters: { N: values },
        steps: [
          { name: 'first', cmd: 'echo first >> $(OUTPUT_PATH)/ran' },
          { name: 'near', cmd: 'echo $(N) >> $(OUTPUT_PATH)/ran', depends: ['first'] },
          { name: 'gate', cmd: 'while [ ! -e $(OUTPUT_PATH)/go ]; do sleep 0.1; done', depends: ['near_*'] },
          ...Array.from({ length: 18 }, (_, i) => ({
            name: `far${i}`,
            procs: 1,
            cmd: `echo far${i} >> $(OUTPUT_PATH)/ran`,
            depends: ['gate'],
          })),
        ],
      }),
    );
    const out = desk.path('far');
    expect(await desk.run('run', 'study.yaml', '--detach', '-o', out, ...ssh)).toMatchObject({ code: 0 });
    expect(await desk.run('status', out, ...ssh)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('of 500 steps'),
    });
    await until('some have run', () => desk.has('far/ran') && desk.read('far/ran').split('\n').length > 20);
    expect(await desk.run('cancel', out, ...ssh)).toMatchObject({ code: 0 });
    expect(await desk.run('watch', out, ...ssh)).toMatchObject({ code: 3 });
    desk.write('far/go');
    const { code, stderr } = await desk.run('resume', out, '--detach', ...ssh);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(await desk.run('watch', out, ...ssh)).toMatchObject({ code: 0 });
    const ran = desk.read('far/ran').trim().split('\n');
    // What was under way when it was cancelled may have written that it ran before.
    expect(new Set(ran).size).toBe(499);
    expect(ran.length).toBeLessThan(499 + 5);
    expect((await desk.run('collect', ...ssh)).stdout).toContain('FINISHED');
  });
});
