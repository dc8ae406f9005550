import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { badLineTo } from '../support/crash/bridge.js';
import { newSeed } from '../support/crash/chance.js';
import { CrashedStudy } from '../support/crash/crashed-study.js';
import { examine } from '../support/crash/examine.js';
import { farPlace } from '../support/crash/far.js';
import { plainStudy } from '../support/crash/mixed-study.js';
import { soak } from '../support/crash/soak.js';
import { type Row, tableOf } from '../support/crash/table.js';
import { CutProxy } from '../support/cut-proxy.js';
import { startBroker } from '../support/flux/study-run.js';
import { clients } from '../support/ssh-hosts.js';
import { installedSshd, SshServer } from '../support/ssh-server.js';
import { until } from '../support/wait.js';

const rows: Row[] = [];
afterAll(() => console.log(tableOf(rows)));

const common = {
  memory: 400 * 1024 * 1024,
  limit: 180_000,
  mostFaults: 5,
  pause: [300, 700],
  lasting: [300, 1200],
} as const;
const work = 'sleep 0.3';

const missing = installedSshd() === undefined;
if (missing) it.skip('NOT TESTED: bad lines to a machine: there is no sshd on this one', () => {});

describe.skipIf(missing)('a study on a machine that is reached over a bad line', () => {
  let server: SshServer;
  beforeAll(async () => {
    server = await SshServer.start();
  });
  afterAll(() => server?.stop());

  describe.each(clients)('by the client %s', (client) => {
    it('runs each step once, and is resumed as well when the conductor is killed', async () => {
      const proxy = await CutProxy.forTest(server.port);
      const { row, problems } = await soak({
        ...common,
        what: `${client}, bad line and kill -9`,
        study: plainStudy(30, 'local', work),
        place: await farPlace(server, client, proxy.port),
        proxy,
        seed: newSeed(),
        faults: ['kill', 'cut', 'stall', 'trickle'],
      });
      rows.push(row);
      expect(problems).toEqual([]);
    }, 300_000);

    it('is taken over while the line of the conductor before hangs, and what comes out of that later harms nobody', async () => {
      const [old, proxy] = [await CutProxy.forTest(server.port), await CutProxy.forTest(server.port)];
      const study = new CrashedStudy(plainStudy(30, 'local', work), await farPlace(server, client, old.port));
      const driver = study.start();
      await until('some steps have run', () => study.records > 15, 60_000);
      old.stall();
      // It goes on for a moment: what it writes, and has run, hangs in the line.
      await sleep(700);
      await study.kill(driver);
      const { args } = await farPlace(server, client, proxy.port);
      const records = study.records;
      const { ended } = study.start({ args: [...args, '--resume=always'] });
      await until('somebody else drives it', () => study.records > records + 5, 60_000);
      old.resume();
      expect([(await ended).code, examine(study).problems], study.story).toEqual([0, []]);
    }, 300_000);
  });
});

describe('a study whose broker is reached over a bad line', () => {
  it('runs each job once', async () => {
    const broker = await startBroker({ cores: 8 });
    const line = await badLineTo(broker.uri);
    const { row, problems } = await soak({
      ...common,
      what: 'broker, bad line',
      study: plainStudy(30, 'jobs', work),
      place: { args: ['--flux', line.uri] },
      proxy: line.proxy,
      seed: newSeed(),
      faults: ['cut', 'stall', 'trickle'],
    });
    rows.push(row);
    expect(problems).toEqual([]);
  }, 300_000);
});
