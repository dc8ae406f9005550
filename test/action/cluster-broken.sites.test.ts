import { readdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CutProxy } from '../support/cut-proxy.js';
import { yamlOf } from '../support/plan.js';
import { Checkout, isSitePossible, Site } from '../support/site.js';
import { clients } from '../support/ssh-hosts.js';
import { until } from '../support/wait.js';

/** Twenty steps, half of them jobs, that each take a moment and write down that they ran. */
const cmd = 'echo ran >> runs; sleep 0.4';
const numbers = Array.from({ length: 10 }, (_, i) => i);
const names = numbers.flatMap((i) => [`job${i}`, `local${i}`]);
const study = yamlOf({
  batch: { type: 'flux' },
  steps: numbers.flatMap((i) => [
    { name: `job${i}`, procs: 1, nested: false, cmd },
    { name: `local${i}`, cmd, depends: i < 2 ? [] : [`job${i - 2}`] },
  ]),
});

describe.skipIf(!isSitePossible('connections that break'))('a connection to the cluster', () => {
  let site: Site;
  let allocation: string;
  beforeAll(async () => {
    site = await Site.start();
    allocation = await site.allocate();
  });
  afterAll(() => site?.stop());

  const ran = (checkout: Checkout) => names.filter((name) => checkout.has(`${name}/runs`)).length;

  describe.each(clients)('with the client %s', (client) => {
    it('may break three times during a study, whose steps each run once', async () => {
      const proxy = await CutProxy.forTest(site.server.port);
      const checkout = new Checkout(site, site.inputs(client, proxy.port)).write('study.yaml', study);
      const { ended } = checkout.start(['run', 'study.yaml'], { flux: `slurm:${allocation}`, 'local-jobs': '2' });
      for (const enough of [2, 7, 12]) {
        await until(`${enough} steps have begun`, () => ran(checkout) >= enough, 20_000);
        const before = proxy.accepted;
        proxy.cut();
        await until('it is connected again', () => proxy.accepted > before, 20_000);
      }
      const { code, stdout, stderr } = await ended;
      expect([code, checkout.report.status]).toEqual([0, 'FINISHED']);
      expect(names.map((name) => `${name} ${checkout.read(`${name}/runs`)}`)).toEqual(
        names.map((name) => `${name} ran\n`),
      );
      const { user } = site.server;
      const log = `${stdout}${stderr}`;
      const host = `${user}@127.0.0.1:${proxy.port}`;
      const lost = log.match(new RegExp(`the connection to ${host} is lost: .*; connecting again`, 'g'));
      // A connection that breaks before anything went through it was never had again; the first one was.
      expect([1, 2, 3]).toContain(lost?.length);
      expect(log.match(new RegExp(`connected to ${host} again`, 'g'))).toHaveLength(lost!.length);
      expect(proxy.accepted).toBe(4);
    });
  });

  it('may say nothing for a while, and nobody minds', async () => {
    const proxy = await CutProxy.forTest(site.server.port);
    const checkout = new Checkout(site, site.inputs('ssh2', proxy.port)).write('study.yaml', study);
    const { ended } = checkout.start(['run', 'study.yaml'], { flux: `slurm:${allocation}` });
    await until('some steps have begun', () => ran(checkout) >= 5, 20_000);
    proxy.stall();
    await sleep(5000);
    proxy.resume();
    expect(await ended).toMatchObject({ code: 0, stderr: '' });
    expect(names.map((name) => checkout.read(`${name}/runs`))).toEqual(names.map(() => 'ran\n'));
    expect(proxy.accepted).toBe(1);
  });

  it('may break while an allocation waits in the queue, and while it is given back', async () => {
    const proxy = await CutProxy.forTest(site.server.port);
    const checkout = new Checkout(site, site.inputs('ssh2', proxy.port)).write(
      'study.yaml',
      yamlOf({ batch: { type: 'flux' }, steps: [{ name: 'only', procs: 1, nested: false, cmd: 'echo ran >> runs' }] }),
    );
    const { ended } = checkout.start(['run', 'study.yaml'], { allocate: '{with: slurm, time: 10}' });
    // The instance of this file has a part of the node.
    await site.isInQueue(/PENDING/);
    proxy.cut();
    await until('it is connected again', () => proxy.accepted === 2, 20_000);
    await site.slurm.command('scancel', allocation);
    await until(
      'it is to be given back',
      () => readdirSync(path.join(checkout.studyPath!, '.conductor')).includes('allocation-1.end'),
      30_000,
    );
    proxy.cut();
    const { code } = await ended;
    expect([code, checkout.read('only/runs'), await site.queue()]).toEqual([0, 'ran\n', []]);
  });
});
