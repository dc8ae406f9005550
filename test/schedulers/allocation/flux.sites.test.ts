import { existsSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { installedFlux, RealBroker } from '../../support/flux/real-broker.js';
import { plainHost } from '../../support/hosts.js';
import { until } from '../../support/wait.js';
import { type Asked, ask, newStudy, requestOf, takeOver } from './stand-ins.js';

const installed = installedFlux();
if (installed === undefined) {
  console.warn('There is no flux on PATH: allocations of Flux are NOT TESTED.');
  it.skip('NOT TESTED with a real Flux: there is none on PATH', () => {});
}

describe.skipIf(installed === undefined)(`an allocation of Flux (${installed})`, () => {
  let broker: RealBroker;
  beforeAll(async () => {
    broker = await RealBroker.start();
  }, 30_000);
  afterAll(() => broker?.stop());

  const directory = () => process.env.PATH!.split(':').find((each) => existsSync(path.join(each, 'flux')))!;
  const host = () => plainHost('', { FLUX_URI: broker.uri, MAESTRO_ALLOCATION_INTERVAL: '0.2' });
  const newAllocation = (changes: Parameters<typeof requestOf>[1] = {}): Asked => {
    const fluxVersion = installed!;
    const asked = ask(host(), `${directory()}/flux`, newStudy(), requestOf('flux', changes), { fluxVersion });
    onTestFinished(async () => void (await (await asked.allocation.catch(() => undefined))?.release()));
    return asked;
  };

  it('has an address of its own, waits behind another, and is given back', async () => {
    const first = newAllocation();
    const uri = await (await first.allocation).uri();
    expect(uri).toMatch(/^ssh:\/\/[^/]+\/.+/);
    expect(uri).not.toContain(broker.uri.replace('local://', ''));
    const second = newAllocation();
    const waiting = (await second.allocation).uri();
    await until('it is told', () => second.lines.length > 0);
    expect(second.lines[0]).toMatch(/^allocation \S+ waits: 1st in the queue/);
    await (await first.allocation).release();
    expect(await (await first.allocation).hasEnded()).toBe(true);
    expect(await waiting).not.toBe(uri);
    expect(await (await second.allocation).hasEnded()).toBe(false);
  }, 40_000);

  it('is taken over by a later driver, and its instance with it', async () => {
    const { allocation: submitted } = newAllocation();
    const allocation = await submitted;
    const uri = await allocation.uri();
    const data = JSON.parse(JSON.stringify(allocation.describe()));
    const taken = await takeOver(host(), data.flux, data.studyPath, data).allocation;
    expect(await taken!.uri()).toBe(uri);
    await taken!.release();
    expect(await takeOver(host(), data.flux, data.studyPath, data).allocation).toBeUndefined();
  }, 40_000);

  it('that is cancelled as it waits is given back', async () => {
    await (await newAllocation().allocation).uri();
    const { allocation, lines, cancel } = newAllocation();
    const address = (await allocation).uri();
    address.catch(() => {});
    await until('it waits', () => lines.length > 0);
    cancel.abort();
    await expect(address).rejects.toThrow('not wanted any more');
    expect(await (await allocation).hasEnded()).toBe(true);
  }, 40_000);

  it('that can never be is told of with the reason', async () => {
    const { allocation } = newAllocation({ nodes: 400 });
    await expect((await allocation).uri()).rejects.toThrow(/FAILED \(alloc: unsatisfiable request/);
  }, 40_000);

  it('that is refused says so in its own words', async () => {
    const { allocation } = newAllocation({ args: ['--no-such-option'] });
    await expect(allocation).rejects.toThrow(/refused by flux: .*unrecognized arguments: --no-such-option/s);
  });

  it('is asked for until its queue takes jobs, and that is said once', async () => {
    broker.run('queue', 'disable', '--message=maintenance');
    const { allocation, lines } = newAllocation();
    await until('it is told', () => lines.length > 0, 20_000);
    broker.run('queue', 'enable');
    expect((await allocation).id).toMatch(/^ƒ/u);
    expect(lines).toEqual([
      expect.stringMatching(/^no allocation can be had from flux for now.*is disabled: maintenance$/),
    ]);
  });
});
