import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Job } from '../support/bundle.js';
import { type StepBrief, yamlOf } from '../support/plan.js';
import { isSitePossible, Site } from '../support/site.js';
import { until } from '../support/wait.js';

const wanted = '{with: slurm, nodes: 1, time: 10}';
const job = (name: string, cmd: string, more: Partial<StepBrief> = {}) => ({
  name,
  procs: 1,
  nested: false,
  cmd,
  ...more,
});

/** Says that it runs, and does so for as long as there is no file `go`. */
const long = 'echo ran >> runs; touch up; until [ -e go ]; do sleep 0.1; done';

describe.skipIf(!isSitePossible('cancelling on a cluster'))('the action with an allocation on a cluster', () => {
  let site: Site;
  let repository: string;
  let first: Job;

  beforeAll(async () => {
    site = await Site.start();
  });
  afterAll(() => site?.stop());
  beforeEach(async () => {
    await site.isIdle();
    first = new Job();
    repository = `octo/${path.basename(first.directory)}`;
    prepare(first);
  });

  function prepare(action: Job, inputs: Readonly<Record<string, string>> = {}): Job {
    action.environment.GITHUB_REPOSITORY = repository;
    return action
      .study(
        yamlOf({
          batch: { type: 'flux' },
          steps: [
            { name: 'make', cmd: 'echo ran >> runs' },
            job('job', long, { depends: ['make'] }),
            { name: 'here', depends: ['make'], cmd: long },
            job('after', 'echo ran >> runs', { depends: ['job', 'here'] }),
          ],
        }),
      )
      .with({ ...site.inputs(), allocate: wanted, ...inputs });
  }

  const file = (name: string) => {
    const root = path.join(site.home, 'maestro-studies', repository);
    const [study] = existsSync(root) ? readdirSync(root) : [];
    return path.join(root, study ?? 'none', name);
  };
  const ran = () =>
    ['make', 'job', 'here', 'after'].map((name) => {
      const runs = file(`${name}/runs`);
      return existsSync(runs) ? readFileSync(runs, 'utf8').split('\n').length - 1 : 0;
    });
  const statesOf = (action: Job) => action.report.steps.map(({ state }: Record<string, string>) => state);
  const letGo = () => {
    for (const name of ['job', 'here']) writeFileSync(file(`${name}/go`), '');
  };

  /** The main step, until its steps run. */
  async function running(action: Job) {
    const started = action.start();
    for (const name of ['job', 'here']) {
      await until(`${name} runs`, () => existsSync(file(`${name}/up`)), 40_000);
    }
    return started;
  }

  it('has its jobs ended and the allocation given back by the post step, if the main step was killed on the way', async () => {
    const { process, ended } = await running(first);
    process.kill('SIGINT');
    await until('that is kept in mind', () => first.state.maestro_cancelled === 'true', 5000);
    process.kill('SIGKILL');
    expect(await ended).toMatchObject({ code: null });
    const post = await first.post();
    expect([post.code, post.stderr]).toEqual([0, '']);
    expect(first.report.status).toBe('CANCELLED');
    expect(statesOf(first)).toEqual(['FINISHED', 'CANCELLED', 'CANCELLED', 'CANCELLED']);
    expect(readFileSync(file('status.csv'), 'utf8').match(/CANCELLED/g)).toHaveLength(3);
    expect(first.summary).toContain('CANCELLED');
    await site.isIdle();
    expect(ran()).toEqual([1, 1, 1, 0]);
  }, 90_000);

  it('has its allocation given back although the job in it is over before the post step comes', async () => {
    const { process, ended } = await running(first);
    process.kill('SIGINT');
    await until('that is kept in mind', () => first.state.maestro_cancelled === 'true', 5000);
    process.kill('SIGKILL');
    await ended;
    const [id] = (await site.queue()).map((line) => line.split(' ')[0]!);
    await site.slurm.command('scancel', id!);
    await site.isIdle();
    const post = await first.post();
    expect([post.code, post.stderr]).toEqual([0, '']);
    expect(post.stdout).toContain('the allocation of the study is over');
    expect(statesOf(first)).toContain('CANCELLED');
    expect(await site.queue()).toEqual([]);
  }, 90_000);

  it('that was killed without a word has it given back by the post step, and the next run continues in another', async () => {
    const { process, ended } = await running(first);
    process.kill('SIGKILL');
    await ended;
    const post = await first.post();
    expect(post).toMatchObject({ code: 0, stderr: '' });
    expect(post.stdout).toMatch(
      /^The study in \S+ was left unfinished; jobs in its allocation end with that, and a run of the same study continues it$/m,
    );
    expect(post.stdout).toMatch(/^Gave back the allocation \d+$/m);
    await site.isIdle();
    letGo();
    const second = prepare(new Job());
    expect(await second.run()).toMatchObject({ code: 0 });
    expect([statesOf(second), ran()]).toEqual([
      ['FINISHED', 'FINISHED', 'FINISHED', 'FINISHED'],
      [1, 2, 1, 1],
    ]);
    await site.isIdle();
  }, 120_000);

  it('leaves the allocation with its jobs if they are to be left, and the next run takes it over', async () => {
    prepare(first, { 'on-cancel': 'leave' });
    const { process, ended } = await running(first);
    process.kill('SIGINT');
    const { code, stdout } = await ended;
    expect([code, first.outputs.status]).toEqual([4, 'INTERRUPTED']);
    expect(stdout).toMatch(/The allocation \d+ is left as it is/);
    expect(await first.post()).toMatchObject({ code: 0, stderr: '' });
    expect((await site.queue()).filter((line) => line.endsWith(' RUNNING'))).toHaveLength(1);
    letGo();
    const second = prepare(new Job(), { 'on-cancel': 'leave' });
    const again = await second.run();
    expect(again).toMatchObject({ code: 0, stderr: '' });
    expect(again.stdout).toContain('Taking over the allocation');
    expect(ran()).toEqual([1, 1, 1, 1]);
    await site.isIdle();
  }, 120_000);
});
