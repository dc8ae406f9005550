import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { conductorsOf, endProcessesOf } from '../support/home-processes.js';
import { plainEnvironment } from '../support/hosts.js';
import { yamlOf } from '../support/plan.js';
import { Checkout, isSitePossible, Site } from '../support/site.js';
import { stateOf } from '../support/study-state.js';
import { validReport } from '../support/valid-report.js';
import { until } from '../support/wait.js';

/** How long an allocation waits for a driver here. A driver is heard of every ten seconds. */
const PATIENCE_S = 13;

const job = { procs: 1, nested: false, cmd: 'true' };

async function startSite(): Promise<Site> {
  const PATH = `${path.dirname(process.execPath)}:${plainEnvironment.PATH}`;
  const site = await Site.start({ environment: { PATH, MAESTRO_ALLOCATION_PATIENCE: String(PATIENCE_S) } });
  onTestFinished(async () => {
    endProcessesOf(site.home);
    await site.stop();
  });
  return site;
}

describe.skipIf(!isSitePossible('allocations of detached studies'))('the allocation of a detached study', () => {
  it('is kept as long as its conductor lives, though nothing runs in it, and ends without one', async () => {
    const site = await startSite();
    const study = new Checkout(site).write(
      'study.yaml',
      yamlOf({
        batch: { type: 'flux' },
        steps: [
          { name: 'first', ...job },
          { name: 'here', cmd: 'touch up; until [ -e go ]; do sleep 0.1; done', depends: ['first'] },
          { name: 'last', ...job, depends: ['here'] },
        ],
      }),
    );
    const { code, stderr } = await study.run({
      allocate: '{with: slurm, nodes: 1, time: 10}',
      detach: 'true',
      'report-path': '',
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    await until('only the local step is left', () => study.has('here/up'), 30_000);
    const queue = await site.queue();
    expect(queue).toEqual([expect.stringMatching(/ RUNNING$/)]);
    await sleep((PATIENCE_S + 4) * 1000);
    expect(await site.queue()).toEqual(queue);
    for (const pid of conductorsOf(study.studyPath!)) process.kill(pid, 'SIGKILL');
    await sleep(PATIENCE_S * 1000);
    await site.isIdle();
  });

  it('that does not start within `max-wait` is given back, and the study is reported, not started again', async () => {
    const site = await startSite();
    const blocker = await site.block();
    const study = new Checkout(site).write(
      'study.yaml',
      yamlOf({ batch: { type: 'flux' }, steps: [{ name: 'run', ...job }] }),
    );
    const allocate = '{with: slurm, nodes: 1, time: 10, max-wait: 3s}';
    expect(await study.run({ allocate, detach: 'true', 'report-path': '' })).toMatchObject({ code: 0 });
    await until('its conductor has given up', () => stateOf(study.studyPath!)?.state === 'ended', 60_000);
    expect(await site.queue()).toEqual([`${blocker} RUNNING`]);
    const collected = await study.start(['collect']).ended;
    expect(collected.stdout).toContain('INTERRUPTED');
    expect(collected.stdout).not.toContain('starting another one');
    const { status, study: of } = validReport(study.reported(`${path.basename(study.studyPath!)}.report/report.json`));
    expect([status, of.cause]).toEqual(['INTERRUPTED', 'queue']);
    expect((await study.start(['collect']).ended).stdout).toBe('There is no detached study to collect\n');
  });
});
