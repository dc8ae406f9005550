import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { slurm as system } from '../../../src/schedulers/slurm/slurm.js';
import { formatProblem } from '../../../src/spec/problem.js';
import { slurm as block, validPlan } from '../../support/plan.js';
import { account, installedAccounting } from '../../support/slurm/accounting.js';
import { installedSlurm, Slurm } from '../../support/slurm.js';
import { eventually, hasEnded, is, refusalIn, site } from './site.js';

const missing = [installedSlurm(), installedAccounting()].find((installed) => installed !== true);
if (missing !== undefined) {
  console.warn(`NO SLURM WITH ACCOUNTING: ${missing}; its accounts are NOT TESTED`);
  it.skip(`NOT TESTED with a real Slurm that keeps accounts: ${missing}`, () => {});
}

describe.skipIf(missing !== undefined)('a Slurm that keeps accounts', () => {
  let slurm: Slurm;
  beforeAll(async () => {
    slurm = await Slurm.start({ accounting: { limits: ['MaxSubmitJobs=5'] }, minJobAge: 2 });
  });
  afterAll(() => slurm?.stop());

  it('explains how jobs ended that it has forgotten otherwise, and who cancelled them', async () => {
    const at = site(slurm);
    const failed = await at.submit('exit 3');
    const killed = await at.submit('kill -9 $$');
    const cancelled = await at.submit('true', '--hold');
    await at.untilRow(killed, hasEnded);
    await at.call('end_jobs', cancelled);
    const name = (await slurm.command('id', '-nu')).trim();
    await eventually('it is known who cancelled it', async () => {
      const [row] = await at.rows('explain_jobs', cancelled);
      return row?.reason === `by ${name}`;
    });
    await eventually('all are forgotten', async () => {
      return (await at.lines('query_jobs', failed, killed, cancelled)).length === 0;
    });
    const rows = await at.rows('explain_jobs', failed, killed, '999999', cancelled);
    expect(rows).toMatchObject([
      { id: failed, state: 'FAILED', exitCode: 3, startedAt: expect.any(Number), endedAt: expect.any(Number) },
      { id: killed, state: 'FAILED', exitCode: 137 },
      { id: cancelled, state: 'CANCELLED', reason: `by ${name}`, startedAt: null, endedAt: expect.any(Number) },
    ]);
    expect(system.meaningOf(rows[2]!).note).toBe(`it was cancelled by ${name}`);
  });

  it('has limits, for which a job waits to be submitted', async () => {
    const at = site(slurm);
    const ids = [];
    for (let n = 0; n < 5; n++) ids.push(await at.submit('true', '--hold'));
    expect(ids.join(' ')).toMatch(/^\d+( \d+){4}$/);
    expect(system.classifyRefusal(...refusalIn(await at.submit('true', '--hold')))).toBe('wait');
    await at.call('end_jobs', ...ids);
  });

  it('refuses an account that there is not, and a class', async () => {
    const at = site(slurm);
    for (const words of ['--account=nosuch', '--qos=nosuch']) {
      expect(system.classifyRefusal(...refusalIn(await at.submit('true', words)))).toBe('never');
    }
  });

  it('says which accounts the user has, so that others are refused before anything runs', async () => {
    const printed = (await site(slurm).lines('describe_site')).join('\n');
    expect(system.parseSite(printed).introduction).toContainEqual(
      expect.stringMatching(`^your accounts: (.*, )?${account} \\(at most 5 jobs in the queue\\)`),
    );
    const problems = (bank: string) =>
      system
        .checkPlan(
          validPlan({ batch: { ...block, queue: 'pdebug', bank }, steps: [{ name: 'a', nodes: 1 }] }),
          printed,
          () => false,
        )
        .map(formatProblem);
    expect(problems(account)).toEqual([]);
    expect(problems('')).toEqual([]);
    expect(problems('nosuch')).toEqual([
      expect.stringContaining("you have no account 'nosuch' in Slurm (your accounts are "),
    ]);
  });

  it('knows what an operator or a lost node did to the earlier run of a job that waits again', async () => {
    const at = site(slurm);
    const id = await at.submit('echo up > up; sleep 60', '--requeue');
    await eventually('it has begun', async () => at.output('up') !== '');
    await slurm.command('scontrol', 'requeuehold', id);
    await at.untilRow(id, (row) => system.meaningOf(row).phase === 'waiting');
    await eventually('the accounting knows it', async () => {
      const [row] = await at.rows('explain_jobs', id);
      return row?.requeuedFor?.cause === 'preempted';
    });
    // It costs another question, which is asked of jobs that should be over only.
    expect((await at.rows('query_jobs', id))[0]).not.toHaveProperty('requeuedFor');
    await at.call('end_jobs', id);
  });

  it('may be one of several clusters, whose name is in the ids then', async () => {
    const at = site(slurm, { SBATCH_CLUSTERS: 'testing' });
    const id = await at.submit(`echo ${system.jobIdExpression}; sleep 60`, '--comment=maestro a-0.1 demo/a, attempt 1');
    expect(id).toMatch(/^\d+;testing$/);
    await at.untilRow(id, is('RUNNING'));
    await eventually('it has written', async () => at.output('out1') !== '');
    expect(system.idOfOwner(at.output('out1').trim())).toBe(id);
    expect(await at.lines('find_jobs', 'a-0.1')).toEqual([`${id} a-0.1`]);
    // It is asked for where it is, without the variable.
    const elsewhere = site(slurm);
    const [number = ''] = id.split(';');
    expect((await elsewhere.rows('query_jobs', id, '999999', number)).map((row) => row.id).sort()).toEqual(
      [number, id].sort(),
    );
    expect(await elsewhere.call('query_jobs', '1;nosuch')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/./),
    });
    expect((await elsewhere.call('end_jobs', id)).code).toBe(0);
    const row = await elsewhere.untilRow(id, hasEnded);
    expect(row).toMatchObject({ id, state: 'CANCELLED' });
    expect(await elsewhere.rows('explain_jobs', id)).toMatchObject([{ id, state: 'CANCELLED' }]);
  });
});
