import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { standInFlux } from '../../support/flux/stand-in-flux.js';
import { plainHost } from '../../support/hosts.js';
import { Lsf } from '../../support/lsf.js';
import { until } from '../../support/wait.js';
import { ask, newStudy, requestOf, takeOver } from './stand-ins.js';

/** A cluster whose jobs wait until `open`, and where its commands are found. */
async function stage() {
  const lsf = await Lsf.forTest({ queues: [{ name: 'pbatch' }], terminateIntervalMs: 300 });
  await lsf.set('paused');
  const host = plainHost('', { ...lsf.environment, MAESTRO_ALLOCATION_INTERVAL: '0.2' });
  return { lsf, host, flux: `${standInFlux().directory}/flux`, open: () => lsf.unset('paused') };
}

const waits = 'waits in pbatch: New job is waiting for scheduling: 1 host; Job slot limit reached: 3 hosts';

describe('an allocation of LSF', () => {
  it('waits and says why, runs, has an address, and is given back', async () => {
    const { lsf, host, flux, open } = await stage();
    const { allocation: submitted, lines } = ask(host, flux, newStudy(), requestOf('lsf'));
    const allocation = await submitted;
    expect(allocation.id).toBe('101');
    const address = allocation.uri();
    await until('it is told', () => lines.length > 0);
    expect(lines).toEqual([`allocation 101 ${waits}`]);
    await open();
    expect(await address).toMatch(/^ssh:\/\/[^/]+\/.+/);
    expect(lsf.launched).toMatch(/^-a 1 -c ALL_CPUS -g ALL_GPUS -n 1 --bind=none /);
    expect(await allocation.hasEnded()).toBe(false);
    await allocation.release();
    expect(await allocation.hasEnded()).toBe(true);
  }, 30_000);

  it('is taken over by a later driver as it waits, and as it runs', async () => {
    const { host, flux, open } = await stage();
    const study = newStudy();
    const { allocation: submitted } = ask(host, flux, study, requestOf('lsf'));
    const data = JSON.parse(JSON.stringify((await submitted).describe()));
    const later = takeOver(host, flux, study, data);
    const address = (await later.allocation)!.uri();
    await until('it is told', () => later.lines.length > 0);
    expect(later.lines[0]).toMatch(/^allocation 101 waits in pbatch/);
    expect(await (await later.allocation)!.isWaiting()).toBe(true);
    await open();
    const uri = await address;
    const runs = await takeOver(host, flux, study, data).allocation;
    expect(await runs!.uri()).toBe(uri);
    expect(await runs!.isWaiting()).toBe(false);
    expect(runs!.describe()).toMatchObject({ id: '101', number: 1, studyPath: study });
    await runs!.release();
    expect(await takeOver(host, flux, study, data).allocation).toBeUndefined();
  }, 30_000);

  it('is not taken over if somebody told it to end, but seen to its end', async () => {
    const { host, flux, open } = await stage();
    const study = newStudy();
    const allocation = await ask(host, flux, study, requestOf('lsf')).allocation;
    await open();
    await allocation.uri();
    writeFileSync(path.join(study, '.conductor/allocation-1.end'), '');
    expect(await takeOver(host, flux, study, allocation.describe()).allocation).toBeUndefined();
    expect(await allocation.hasEnded()).toBe(true);
  }, 30_000);

  it('that may never start is told to, once', async () => {
    const { lsf, host, flux } = await stage();
    const { allocation, lines, cancel } = ask(host, flux, newStudy(), requestOf('lsf'));
    await lsf.bstop((await allocation).id);
    const address = (await allocation).uri();
    address.catch(() => {});
    await until('it is told', () => lines.length > 1);
    expect(lines).toEqual([
      'allocation 101 waits in pbatch: The job was suspended by the user while pending',
      'allocation 101 may never start (The job was suspended by the user while pending): it is suspended: resume it with `bresume`',
    ]);
    cancel.abort();
    await expect(address).rejects.toThrow('not wanted any more');
  }, 30_000);

  it('says when LSF cannot be asked, goes on waiting, and is not over for that', async () => {
    const { lsf, host, flux, open } = await stage();
    const { allocation: submitted, lines } = ask(host, flux, newStudy(), requestOf('lsf'));
    const allocation = await submitted;
    await lsf.set('down');
    const address = allocation.uri();
    await until('it is told', () => lines.length > 0);
    expect(lines).toEqual(['allocation 101 cannot be asked about: LSF is down. Please wait ...']);
    expect(await allocation.hasEnded()).toBe(false);
    await open();
    expect(await address).toMatch(/^ssh:/);
    await lsf.unset('down');
    await allocation.release();
  }, 30_000);

  it('that is not listed yet is not over, and one that is not listed any more is', async () => {
    const { lsf, host, flux } = await stage();
    const { allocation: submitted, lines } = ask(host, flux, newStudy(), requestOf('lsf'));
    const allocation = await submitted;
    await lsf.set('hidden');
    const address = allocation.uri();
    address.catch(() => {});
    await sleep(1000);
    await lsf.unset('hidden');
    await until('it is told', () => lines.length > 0);
    expect(lines[0]).toContain('waits in pbatch');
    await lsf.forget(allocation.id);
    await expect(address).rejects.toThrow(/it is gone from the queue; last, it waits in pbatch/);
  }, 30_000);

  it("that is refused says so in bsub's own words", async () => {
    const { host, flux } = await stage();
    const { allocation } = ask(host, flux, newStudy(), requestOf('lsf', { queue: 'nosuch' }));
    await expect(allocation).rejects.toThrow('refused by lsf: nosuch: No such queue. Job not submitted.');
  });

  it('that is cancelled as it waits is given back', async () => {
    const { lsf, host, flux } = await stage();
    const { allocation, lines, cancel } = ask(host, flux, newStudy(), requestOf('lsf'));
    const address = (await allocation).uri();
    address.catch(() => {});
    await until('it waits', () => lines.length > 0);
    cancel.abort();
    await expect(address).rejects.toThrow('not wanted any more');
    expect(await lsf.job('101')).toMatchObject({ state: 'EXIT', exitReason: 'TERM_OWNER: job killed by owner' });
    expect(await (await allocation).hasEnded()).toBe(true);
  }, 30_000);
});
