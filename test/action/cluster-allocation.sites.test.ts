import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type StepBrief, yamlOf } from '../support/plan.js';
import { Checkout, isSitePossible, Site } from '../support/site.js';
import { Slurm } from '../support/slurm.js';
import { until } from '../support/wait.js';

const wanted = '{with: slurm, nodes: 1, time: 10}';
const job = (name: string, cmd: string, more: Partial<StepBrief> = {}) => ({
  name,
  procs: 1,
  nested: false,
  cmd,
  ...more,
});
const studyOf = (...steps: StepBrief[]) => yamlOf({ batch: { type: 'flux' }, steps });

/** Says that it runs, and does so for as long as there is no file `go`. */
const long = 'echo ran >> runs; touch up; until [ -e go ]; do sleep 0.1; done';

/** How long a study may take to end once nobody wants it, in milliseconds. */
const bounded = 20_000;

describe.skipIf(!isSitePossible('allocations by SSH'))('an allocation for a study on a cluster', () => {
  let site: Site;
  let checkout: Checkout;
  beforeAll(async () => {
    site = await Site.start();
  });
  afterAll(() => site?.stop());
  beforeEach(async () => {
    await site.isIdle();
    checkout = new Checkout(site);
  });

  /** The job that holds the allocation. */
  async function held(): Promise<string> {
    const [id, ...others] = (await site.queue()).map((line) => line.split(' ')[0]!);
    expect(others).toEqual([]);
    return id!;
  }

  it('is got, runs the jobs, and is given back', async () => {
    checkout.write(
      'study.yaml',
      studyOf(
        { name: 'make', cmd: 'echo made > made' },
        job('run', 'cat $(make.workspace)/made', { depends: ['make'] }),
      ),
    );
    const { code, stdout, stderr } = await checkout.run({ allocate: wanted });
    expect([code, stderr, checkout.states]).toEqual([0, '', ['make FINISHED', 'run FINISHED']]);
    expect(await site.queue()).toEqual([]);
    const { study, steps } = checkout.report;
    expect(checkout.read(steps[1].stdout)).toBe('made\n');
    const id = /^allocation (\d+) has its Flux instance at ssh:\/\//m.exec(stdout)![1];
    expect(stdout).toContain(`Flux broker ${study.fluxUri}, in allocation ${id}: `);
    expect(await site.slurm.command('scontrol', 'show', 'job', id!)).toMatch(/JobState=COMPLETED .*/);
  });

  it('is given back when a step has failed', async () => {
    checkout.write('study.yaml', studyOf(job('bad', 'echo no input >&2; exit 3')));
    const { code, stderr } = await checkout.run({ allocate: wanted });
    expect([code, checkout.states]).toEqual([2, ['bad FAILED']]);
    expect(stderr).toContain('no input');
    expect(await site.queue()).toEqual([]);
  });

  it('is given back when the study is cancelled while it runs', async () => {
    checkout.write('study.yaml', studyOf(job('long', long), job('after', 'true', { depends: ['long'] })));
    const { process, ended } = checkout.start(['run', 'study.yaml'], { allocate: wanted });
    await until('the job runs', () => checkout.has('long/up'), 30_000);
    const since = Date.now();
    process.kill('SIGINT');
    const { code } = await ended;
    expect(Date.now() - since).toBeLessThan(bounded);
    expect([code, checkout.states]).toEqual([3, ['long CANCELLED', 'after CANCELLED']]);
    expect(await site.queue()).toEqual([]);
  });

  it('is given back when the study is cancelled while it waits in the queue', async () => {
    const blocker = await site.block();
    checkout.write('study.yaml', studyOf(job('never', 'touch up')));
    const { process, ended } = checkout.start(['run', 'study.yaml'], { allocate: wanted });
    await site.isInQueue(/PENDING/);
    const since = Date.now();
    process.kill('SIGINT');
    const { code } = await ended;
    expect(Date.now() - since).toBeLessThan(bounded);
    expect([code, checkout.states, checkout.has('never/up')]).toEqual([3, ['never CANCELLED'], false]);
    expect(await site.queue()).toEqual([`${blocker} RUNNING`]);
  });

  it('is given back when it does not start in time, and the study goes on in another one', async () => {
    const blocker = await site.block();
    checkout.write('study.yaml', studyOf({ name: 'make', cmd: 'echo made > made' }, job('run', 'echo ran >> runs')));
    const place = { 'output-path': `${checkout.root}/one` };
    const { code, stdout } = await checkout.run({ ...place, allocate: '{with: slurm, time: 10, max-wait: 3s}' });
    expect([code, checkout.report.status, checkout.states]).toEqual([
      4,
      'INTERRUPTED',
      ['make FINISHED', expect.stringMatching(/^run PENDING/)],
    ]);
    expect([checkout.report.study.cause, checkout.report.steps[1].cause]).toEqual(['queue', 'queue']);
    expect(stdout).toContain('max-wait: no allocation has started within 3.0s');
    expect(await site.queue()).toEqual([`${blocker} RUNNING`]);
    await site.slurm.command('scancel', blocker);
    await site.isIdle();
    const again = await checkout.run({ ...place, allocate: wanted, resume: 'always' });
    expect([again.code, checkout.states]).toEqual([0, ['make FINISHED', 'run FINISHED']]);
    expect(checkout.read('run/runs')).toBe('ran\n');
  });

  it('is not given back when it has started in time, and its Flux instance has not', async () => {
    const slow = `#!/bin/bash\n[ "$1" != start ] || sleep 6\n${site.setup}\nexec flux "$@"\n`;
    checkout.write('bin/flux', slow, 0o755);
    checkout.write('study.yaml', studyOf(job('run', 'echo ran >> runs')));
    const setup = `${site.setup}; PATH=${checkout.directory}/bin:$PATH`;
    const { code, stdout } = await checkout.run({ setup, allocate: '{with: slurm, time: 10, max-wait: 3s}' });
    expect([code, checkout.states], stdout).toEqual([0, ['run FINISHED']]);
    expect(await site.queue()).toEqual([]);
  });

  it('is left to others if it is to be kept', async () => {
    checkout.write('study.yaml', studyOf(job('run', 'echo ran >> runs')));
    const { code, stdout } = await checkout.run({ allocate: '{with: slurm, keep: true}' });
    const id = await held();
    expect(code).toBe(0);
    expect(stdout).toContain(`The allocation ${id} is kept`);
    const next = new Checkout(site).write('study.yaml', studyOf(job('next', 'true')));
    expect(await next.run({ flux: `slurm:${id}` })).toMatchObject({ code: 0, stderr: '' });
    await site.slurm.command('scancel', id);
  });

  it("that Slurm refuses is refused in Slurm's words", async () => {
    checkout.write('study.yaml', studyOf(job('never', 'true')));
    const { code, stderr } = await checkout.run({ allocate: '{with: slurm, queue: nosuch}' });
    expect(code).toBe(1);
    expect(stderr).toMatch(/invalid partition specified: nosuch/);
    expect(stderr).toContain('sbatch');
    expect(await site.queue()).toEqual([]);
  });

  it('with a mistake in it is refused before anything is connected', async () => {
    checkout.write('study.yaml', studyOf(job('never', 'true')));
    const before = site.server.logins;
    const { code, stdout, stderr } = await checkout.run({ allocate: '{with: slurm,\n nods: 2, time: soon}' });
    expect([code, stdout.includes('Connecting'), site.server.logins]).toEqual([1, false, before]);
    expect(stderr).toBe(
      "--allocate:2:2: unknown key 'nods' in --allocate (did you mean 'nodes'?)\n" +
        '--allocate:2:17: \'time\' of --allocate must be minutes, "HH:MM:SS", "MM:SS", or a number with s, m, h or d, not \'soon\'\n',
    );
  });

  it('beside a broker that is named is a contradiction', async () => {
    checkout.write('study.yaml', studyOf(job('never', 'true')));
    const { code, stderr } = await checkout.run({ allocate: wanted, flux: 'slurm:1' });
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/^--allocate starts a Flux instance to run on, and --flux /),
    ]);
  });

  describe('that ends before the study does', () => {
    /** Ends the allocation while a step runs. */
    async function endEarly(allocate: string) {
      checkout.write(
        'study.yaml',
        studyOf(
          { name: 'make', cmd: 'echo ran >> runs' },
          job('first', 'echo ran >> runs', { depends: ['make'] }),
          // Slurm ends all processes of an allocation, in whatever order: this one holds on until the last.
          job('long', `trap "" TERM; ${long}`, { depends: ['first'] }),
          job('last', 'echo ran >> runs', { depends: ['long'] }),
        ),
      );
      const { ended } = checkout.start(['run', 'study.yaml'], { allocate });
      await until('the job runs', () => checkout.has('long/up'), 30_000);
      const id = await held();
      await site.slurm.command('scancel', id);
      return { id, ended };
    }
    const runs = () =>
      ['make', 'first', 'long', 'last'].map((name) =>
        checkout.has(`${name}/runs`) ? checkout.read(`${name}/runs`).split('\n').length - 1 : 0,
      );

    it('interrupts it', async () => {
      const { id, ended } = await endEarly(wanted);
      const { code, stdout } = await ended;
      expect([code, checkout.report.status]).toEqual([4, 'INTERRUPTED']);
      // It had begun, and did not come to its end: that is known, and what it means is said.
      const states = ['make FINISHED', 'first FINISHED', 'long HWFAILURE', 'last INITIALIZED'];
      expect(checkout.states).toEqual(states);
      expect(checkout.report.steps[2].reason).toMatch(/; to be submitted again$/);
      expect(stdout).not.toContain('submitting again');
      expect(runs()).toEqual([1, 1, 1, 0]);
      const { fluxUri } = checkout.report.study;
      expect(stdout).toMatch(
        /^Study demo INTERRUPTED in .* \(the Flux instance \S+ (ended before the study did|is ending)\)$/m,
      );
      expect(stdout).toContain(`the Flux instance ${fluxUri} `);
      expect(await site.queue()).toEqual([]);
      expect(await site.slurm.command('scontrol', 'show', 'job', id)).toContain('JobState=CANCELLED');
    }, 90_000);

    it('is over for the next run as soon as Slurm says so: its broker is not asked, by ssh that is forbidden', async () => {
      const setup = `${site.setup}\nexport FLUX_SSH=/bin/false\nuname() { echo login1; }\nhostname() { echo login1; }`;
      checkout = new Checkout(site, { ...site.inputs(), setup }).write('study.yaml', studyOf(job('long', long)));
      const same = { allocate: wanted, 'output-path': `${checkout.root}/one` };
      const { process, ended } = checkout.start(['run', 'study.yaml'], same);
      await until('the job runs', () => checkout.has('long/up'), 30_000);
      process.kill('SIGKILL');
      await ended;
      const id = await held();
      await site.slurm.command('scancel', id);
      await site.isIdle();
      writeFileSync(path.join(checkout.studyPath!, 'long/go'), '');
      const { code, stdout } = await checkout.run(same);
      expect([code, checkout.states]).toEqual([0, ['long FINISHED']]);
      expect(checkout.read('long/runs')).toBe('ran\nran\n');
      expect(stdout).toMatch(new RegExp(`^allocation (?!${id})\\d+ has its Flux instance`, 'm'));
      // The driver may have been killed before it had written down where the job was.
      expect(stdout).toMatch(/its job \S+ is gone/);
    }, 90_000);

    it('is not looked for in another cluster whose Slurm does not know it: the study is not continued there', async () => {
      checkout.write('study.yaml', studyOf(job('long', long)));
      const same = { allocate: wanted, 'study-key': 'one', 'output-path': `${checkout.root}/one` };
      const { process, ended } = checkout.start(['run', 'study.yaml'], same);
      await until('the job runs', () => checkout.has('long/up'), 30_000);
      process.kill('SIGKILL');
      await ended;
      const id = await held();
      const other = await Slurm.forTest({ cluster: 'other' });
      const setup = `${site.setup}\nexport SLURM_CONF=${other.environment.SLURM_CONF}`;
      const { code, stderr } = await checkout.run({ ...same, setup });
      expect([code, stderr]).toEqual([1, expect.stringContaining(`an allocation, ${id} (slurm), of the scheduler '`)]);
      expect(stderr).toContain('continue the study on that cluster');
      expect(await held()).toBe(id);
      expect(checkout.read('long/runs')).toBe('ran\n');
      await site.slurm.command('scancel', id);
    }, 90_000);

    it('is followed by another, in which what was in flight runs again, and nothing else', async () => {
      const { id, ended } = await endEarly('{with: slurm, time: 10, renew: 1}');
      await site.isInQueue(new RegExp(`^(?!${id} )`));
      writeFileSync(path.join(checkout.studyPath!, 'long/go'), '');
      const { code, stdout, stderr } = await ended;
      expect(checkout.states).toEqual(['make FINISHED', 'first FINISHED', 'long FINISHED', 'last FINISHED']);
      expect([code, runs()]).toEqual([0, [1, 1, 2, 1]]);
      expect(stderr).toMatch(/getting another allocation \(1 of 1\)/);
      const ids = [...stdout.matchAll(/^allocation (\d+) has its Flux instance/gm)].map((match) => match[1]);
      expect([ids[0], new Set(ids).size]).toEqual([id, 2]);
      expect(await site.queue()).toEqual([]);
    }, 90_000);
  });
});
