import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { badLineTo } from '../support/crash/bridge.js';
import { newSeed } from '../support/crash/chance.js';
import { farPlace } from '../support/crash/far.js';
import { plainStudy } from '../support/crash/mixed-study.js';
import { type Fault, soak } from '../support/crash/soak.js';
import { type Row, tableOf } from '../support/crash/table.js';
import { CutProxy } from '../support/cut-proxy.js';
import { startBroker } from '../support/flux/study-run.js';
import { clients } from '../support/ssh-hosts.js';
import { installedSshd, SshServer } from '../support/ssh-server.js';

const rows: Row[] = [];
afterAll(() => console.log(tableOf(rows)));

const common = {
  memory: 400 * 1024 * 1024,
  limit: 90_000,
  mostFaults: 6,
  pause: [300, 900],
  lasting: [500, 2000],
} as const;
const work = 'sleep 0.5';
const lines: readonly Fault[] = ['cut', 'stall', 'trickle'];

const missing = installedSshd() === undefined;
if (missing) it.skip('NOT TESTED: bad lines to a machine: there is no sshd on this one', () => {});

describe.skipIf(missing)('a study on a machine that is reached over a bad line', () => {
  let server: SshServer;
  beforeAll(async () => {
    server = await SshServer.start();
  });
  afterAll(() => server?.stop());

  describe.each(clients)('by the client %s', (client) => {
    for (const [what, faults] of [
      ['runs each step once', lines],
      ['is resumed as well when the conductor is killed', ['kill', ...lines]],
    ] as const) {
      it(what, async () => {
        const proxy = await CutProxy.forTest(server.port);
        const { row, problems } = await soak({
          ...common,
          what: `${client}, ${faults.includes('kill') ? 'bad line and kill -9' : 'bad line'}`,
          study: plainStudy(30, 'local', work),
          place: await farPlace(server, client, proxy.port),
          proxy,
          seed: newSeed(),
          faults,
        });
        rows.push(row);
        expect(problems).toEqual([]);
      }, 120_000);
    }
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
      faults: lines,
    });
    rows.push(row);
    expect(problems).toEqual([]);
  }, 120_000);
});
