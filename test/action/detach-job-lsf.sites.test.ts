import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Desk } from '../support/desk.js';
import { Lsf } from '../support/lsf.js';
import { yamlOf } from '../support/plan.js';

const batch = { type: 'lsf', host: '', bank: '', queue: 'normal' };

/** Studies whose conductor is a job of the stand-in for LSF. */
describe('run --detach job, on the stand-in for LSF', () => {
  let lsf: Lsf;
  beforeAll(async () => {
    lsf = await Lsf.start({ slots: 4 });
  });
  afterAll(() => lsf?.stop());

  const desk = () => {
    const steps = [
      { name: 'one', cmd: 'echo ran >> runs', nodes: 1, procs: 1 },
      { name: 'two', cmd: 'env | grep ^LSB_ > variables || true', depends: ['one'] },
    ];
    const made = new Desk(yamlOf({ batch, steps }));
    Object.assign(made.environment, lsf.environment, {
      PATH: `${path.dirname(process.execPath)}:${lsf.environment.PATH}`,
    });
    return made;
  };

  it('ends once the queue has the conductor, which submits the jobs of the study and comes to its end', async () => {
    const study = desk();
    const { code, stdout, stderr } = await study.run('run', 'study.yaml', '-o', 'out', '--detach', 'job');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/its conductor is job \d+ of LSF, and starts with that/);
    expect(await study.ended('out')).toMatch(/^Study demo FINISHED in /m);
    expect(study.read('out/one/runs')).toBe('ran\n');
    expect(study.read('out/two/variables')).toBe('');
    expect(await study.run('status', 'out')).toMatchObject({ code: 0 });
  });

  it('is refused in the words of LSF, and leaves nothing to be collected', async () => {
    const study = desk();
    const detach = ['run', 'study.yaml', '-o', 'out', '--detach', 'job', '--detach-args=-q none'];
    const { code, stderr } = await study.run(...detach);
    expect(code).toBe(1);
    expect(stderr).toContain("LSF does not accept the conductor's job: none: No such queue.");
    expect((await study.run('collect')).stdout).toBe('There is no detached study to collect\n');
  });
});
