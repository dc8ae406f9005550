import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { slurm as system } from '../../../src/schedulers/slurm/slurm.js';
import type { Batch } from '../../../src/spec/spec.js';
import { plainEnvironment } from '../../support/hosts.js';
import { installedSlurm, Slurm } from '../../support/slurm.js';
import { temporaryDirectory } from '../../support/temporary.js';
import { until } from '../../support/wait.js';
import { eventually, hasEnded, is, refusalIn, site } from './site.js';

const none = { values: new Map() } as unknown as Batch;
const installed = installedSlurm();
if (installed !== true) {
  console.warn(`NO SLURM: ${installed}; jobs of Slurm are NOT TESTED`);
  it.skip(`NOT TESTED with a real Slurm: ${installed}`, () => {});
}

describe.skipIf(installed !== true)('jobs of a real Slurm', () => {
  let slurm: Slurm;
  beforeAll(async () => {
    slurm = await Slurm.start();
  });
  afterAll(() => slurm?.stop());

  it('have an id, a state, times and an exit status', async () => {
    const at = site(slurm);
    const before = Date.now();
    const id = await at.submit('sleep 0.5; exit 3');
    expect(id).toMatch(/^\d+$/);
    const row = await at.untilRow(id, hasEnded);
    expect(row).toMatchObject({ id, state: 'FAILED', reason: '', exitCode: 3 });
    expect(row.startedAt).toBeGreaterThanOrEqual(before - 1000);
    expect(row.endedAt).toBeLessThanOrEqual(Date.now() + 1000);
    expect(await at.rows('explain_jobs', id)).toEqual([row]);
  });

  it('tell a signal from an exit status', async () => {
    const at = site(slurm);
    const id = await at.submit('kill -9 $$');
    expect(await at.untilRow(id, hasEnded)).toMatchObject({ state: 'FAILED', exitCode: 137 });
  });

  it('are asked for by their ids, and one that is not known keeps none of the others back', async () => {
    const at = site(slurm);
    const [a, b] = [await at.submit('true', '--hold'), await at.submit('true', '--hold')];
    const stranger = await at.submit('true', '--hold');
    expect((await at.rows('query_jobs', '999999', a, b)).map(({ id }) => id).sort()).toEqual([a, b].sort());
    expect(await at.lines('query_jobs', '999999')).toEqual([]);
    expect(await at.lines('query_jobs', '999998', '999999')).toEqual([]);
    expect(await at.lines('query_jobs')).toEqual([]);
    expect(await at.lines('explain_jobs', '999999')).toEqual([]);
    await at.call('end_jobs', a, b, stranger);
  });

  it('have their nodes, which they know themselves, too', async () => {
    const at = site(slurm);
    const id = await at.submit(`echo ${system.nodesExpression}`);
    const row = await at.untilRow(id, hasEnded);
    expect(row.nodes).toEqual(slurm.nodes);
    expect(system.parseNodes(at.output('out1'))).toEqual(slurm.nodes);
    const held = await at.submit('true', '--hold');
    expect(await at.untilRow(held, is('PENDING'))).not.toHaveProperty('nodes');
    await at.call('end_jobs', held);
  });

  it('that may run on no node at all are refused, not kept', async () => {
    const at = site(slurm);
    const answer = await at.submit('true', ...system.excludeWords(slurm.nodes, none, ''));
    const [said, code] = refusalIn(answer);
    expect(said).toContain('Requested node configuration is not available');
    expect(system.classifyRefusal(said, code)).toBe('never');
  });

  it('say why they wait', async () => {
    const at = site(slurm);
    const id = await at.submit('true', '--hold');
    const row = await at.untilRow(id, is('PENDING'));
    expect(row).toMatchObject({ reason: 'JobHeldUser', exitCode: null, startedAt: null, endedAt: null });
    expect(system.doubtOf(row)?.hint).toContain('scontrol release');
    await slurm.command('scontrol', 'release', id);
    expect(await at.untilRow(id, hasEnded)).toMatchObject({ state: 'COMPLETED', exitCode: 0 });
  });

  it('may be put back into the queue by an operator, and know it', async () => {
    const at = site(slurm);
    const own = `echo ${system.jobIdExpression} >> owners; sleep 60`;
    const id = await at.submit(own, '--requeue');
    await at.untilRow(id, is('RUNNING'));
    await until('it has begun', () => at.output('owners') !== '');
    await slurm.command('scontrol', 'requeuehold', id);
    const row = await at.untilRow(id, (row) => system.meaningOf(row).phase === 'waiting');
    expect(row.startedAt).toBeNull();
    await slurm.command('scontrol', 'release', id);
    await slurm.command('scontrol', 'update', `jobid=${id}`, 'StartTime=now');
    await until('it has begun again', () => at.output('owners').includes('\n'), 40_000);
    const owners = at.output('owners').split('\n');
    expect(owners).toEqual([`${id}.0`, `${id}.1`]);
    await at.call('end_jobs', id);
  });

  it('are cancelled, several at once, and those that are over with them', async () => {
    const at = site(slurm);
    const [over, runs, waits] = [
      await at.submit('true'),
      await at.submit('sleep 60'),
      await at.submit('true', '--hold'),
    ];
    await at.untilRow(over, hasEnded);
    await at.untilRow(runs, is('RUNNING'));
    expect(await at.call('end_jobs', over, runs, waits, '999999')).toMatchObject({ code: 0, stdout: '' });
    expect(await at.untilRow(runs, hasEnded)).toMatchObject({ state: 'CANCELLED' });
    expect(await at.untilRow(waits, hasEnded)).toMatchObject({ state: 'CANCELLED', startedAt: null, reason: '' });
    expect((await at.rows('explain_jobs', over))[0]).toMatchObject({ state: 'COMPLETED' });
  });

  it('are found by their labels, whatever the comment says besides', async () => {
    const at = site(slurm);
    const comment = (label: string) => `--comment=maestro ${label} a study/a | b "c", attempt 1`;
    const held = await at.submit('true', '--hold', comment('a-0.1'));
    const twin = await at.submit('true', '--hold', comment('a-0.1'));
    const over = await at.submit('true', comment('b-0.2'));
    await at.submit('true', comment('c-0.3'));
    await at.submit('true', '--comment=something else');
    await at.untilRow(over, hasEnded);
    const found = await at.lines('find_jobs', 'a-0.1', 'b-0.2', 'd-0.4');
    expect(found.sort()).toEqual([`${held} a-0.1`, `${twin} a-0.1`, `${over} b-0.2`].sort());
    await at.call('end_jobs', held, twin);
  });

  it('do not follow variables that would keep an id from being known, or jobs from being seen', async () => {
    const at = site(slurm, {
      SBATCH_WAIT: '1',
      SBATCH_ARRAY_INX: '1-3',
      SBATCH_EXPORT: 'NONE',
      SBATCH_OUTPUT: '/nowhere/out',
      SBATCH_ERROR: '/nowhere/err',
      SBATCH_JOB_NAME: 'other',
      SBATCH_DEBUG: '3',
      SBATCH_REQUEUE: '1',
      SQUEUE_STATES: 'PENDING',
      SQUEUE_PARTITION: 'pbatch',
      SQUEUE_FORMAT: '%i',
      SCANCEL_PARTITION: 'pbatch',
      OWN: 'mine',
    });
    const id = await at.submit('echo "$OWN $SLURM_ARRAY_TASK_ID"; sleep 60');
    expect(id).toMatch(/^\d+$/);
    await at.untilRow(id, is('RUNNING'));
    await until('it has written', () => at.output('out1') === 'mine');
    expect(await slurm.command('scontrol', 'show', 'job', id)).toContain('Requeue=0');
    expect((await at.call('end_jobs', id)).code).toBe(0);
    await at.untilRow(id, hasEnded);
  });

  it('know nothing of a job of Slurm or Flux around the run', async () => {
    const around = { SLURM_JOB_ID: '4711', SLURM_RESTART_COUNT: '5', SLURM_MEM_PER_CPU: '1', FLUX_JOB_ID: 'ƒx' };
    const at = site(slurm, around);
    const id = await at.submit(`echo ${system.jobIdExpression} "$SLURM_MEM_PER_CPU"`);
    await at.untilRow(id, hasEnded);
    expect(at.output('out1')).toBe(`${id}.0`);
  });

  it('run in the directory that they are submitted from, whatever their directives say', async () => {
    const at = site(slurm);
    const id = await at.submit('#SBATCH --chdir=/\n#SBATCH --export=NONE\npwd; echo "$HOME"');
    await at.untilRow(id, hasEnded);
    expect(at.output('out1')).toBe(`${at.directory}\n${plainEnvironment.HOME}`);
  });

  it.each([
    ['never', ['--partition=nosuch']],
    ['never', ['--gres=gpu:1']],
    ['never', ['--nosuchoption']],
  ])('are refused, which means %s: %j', async (kind, words) => {
    const answer = await site(slurm).submit('true', ...words);
    expect(system.classifyRefusal(...refusalIn(answer))).toBe(kind);
  });

  it('are described, and what can never run with them', async () => {
    const printed = (await site(slurm).lines('describe_site')).join('\n');
    const { version, installation, introduction } = system.parseSite(printed);
    expect(version).toMatch(/^\d\d\.\d\d/);
    expect(installation).toMatch(/^testing@/);
    expect(introduction.join('\n')).toContain('partitions: pdebug (default, at most 1:00:00, 1 node), pbatch (1 node)');
  });
});

describe.skipIf(installed !== true)('a Slurm', () => {
  it('takes a job that is not to run on its only good node, keeps it, and says that it lacks nodes', async () => {
    const slurm = await Slurm.forTest({ nodes: 2 });
    const at = site(slurm);
    await slurm.command('scontrol', 'update', 'nodename=n2', 'state=down', 'reason=test');
    const id = await at.submit('true', ...system.excludeWords(['n1'], none, ''));
    const row = await at.untilRow(id, ({ reason }) => !['', 'Priority', 'Resources'].includes(reason));
    expect({ ...row, isStuck: system.lacksNodes(row) }).toMatchObject({ isStuck: true });
    await at.call('end_jobs', id);
  });

  it('is told the nodes that a directive excludes besides those to be avoided', async () => {
    const slurm = await Slurm.forTest({ nodes: 2 });
    const header = '#SBATCH -t 5 --exclude="n2" # known to be bad';
    const [said] = refusalIn(await site(slurm).submit(header, ...system.excludeWords(['n1'], none, header)));
    expect(said).toContain('Requested node configuration is not available');
  });

  it('that has forgotten a job says nothing of it, and the rest of the others', async () => {
    const slurm = await Slurm.forTest({ minJobAge: 2 });
    const at = site(slurm);
    const [gone, held] = [await at.submit('true'), await at.submit('true', '--hold')];
    await eventually('it is forgotten', async () => (await at.lines('query_jobs', gone)).length === 0);
    expect((await at.rows('query_jobs', gone, held)).map(({ id }) => id)).toEqual([held]);
    expect((await at.rows('explain_jobs', gone, held)).map(({ id }) => id)).toEqual([held]);
    expect((await at.call('end_jobs', gone, held)).code).toBe(0);
  });

  it('of a newer version prints nothing in place of an exit status that there is not', async () => {
    const commands = temporaryDirectory();
    const line = (id: number, exit: string) => `printf '%-20s%-30s%-30s%-30s%-300s%-200s%-10s%s\\n' ${id} ${exit}\n`;
    const waits = line(12, "PENDING N/A N/A 'launch failed requeued held' '' 1 ''");
    const failed = line(13, "FAILED 100 200 NonZeroExitCode 'n[1-2]' 0 '3:0                 '");
    writeFileSync(path.join(commands, 'squeue'), `#!/bin/bash\n${waits}${failed}`, { mode: 0o755 });
    const at = site({ environment: {} }, { PATH: `${commands}:${plainEnvironment.PATH}` });
    expect(await at.rows('query_jobs', '12', '13')).toEqual([
      {
        id: '12',
        state: 'PENDING',
        reason: 'launch failed requeued held',
        exitCode: null,
        startedAt: null,
        endedAt: null,
        isLaterRun: true,
      },
      { id: '13', state: 'FAILED', reason: '', exitCode: 3, startedAt: 100_000, endedAt: 200_000, nodes: ['n1', 'n2'] },
    ]);
  });

  it('that has cut a list of nodes says no nodes rather than others', async () => {
    const commands = temporaryDirectory();
    const list = `n${'1'.repeat(250)}`.slice(0, 200);
    const line = `printf '%-20s%-30s%-30s%-30s%-300s%-200s%-10s%s\\n' 12 RUNNING 100 N/A None ${list} 0 0:0\n`;
    writeFileSync(path.join(commands, 'squeue'), `#!/bin/bash\n${line}`, { mode: 0o755 });
    const at = site({ environment: {} }, { PATH: `${commands}:${plainEnvironment.PATH}` });
    const [row] = await at.rows('query_jobs', '12');
    expect([row?.state, row && 'nodes' in row]).toEqual(['RUNNING', false]);
  });

  it('whose controller is away cannot be asked, and may have a job all the same', async () => {
    const slurm = await Slurm.forTest();
    const at = site(slurm);
    const id = await at.submit('true', '--hold');
    await slurm.stopController();
    // Each tries for some seconds.
    const questions = ['query_jobs', 'explain_jobs', 'find_jobs', 'describe_site'];
    const [answer, ...answers] = await Promise.all([
      at.submit('true'),
      ...questions.map((question) => at.call(question, id)),
    ]);
    expect(system.classifyRefusal(...refusalIn(answer))).toBe('doubt');
    for (const each of answers) expect(each).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/./) });
    await slurm.startController();
    expect(await at.rows('query_jobs', id)).toMatchObject([{ state: 'PENDING' }]);
  });
});
