import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newSeed } from '../support/crash/chance.js';
import { farPlace } from '../support/crash/far.js';
import { plainStudy } from '../support/crash/mixed-study.js';
import { soak } from '../support/crash/soak.js';
import { type Row, tableOf } from '../support/crash/table.js';
import { CutProxy } from '../support/cut-proxy.js';
import { clients } from '../support/ssh-hosts.js';
import { installedSshd, SshServer } from '../support/ssh-server.js';

const rows: Row[] = [];
afterAll(() => console.log(tableOf(rows)));

const missing = installedSshd() === undefined;
if (missing) it.skip('NOT TESTED: bad lines to a machine: there is no sshd on this one', () => {});

describe.skipIf(missing)('a study of five hundred steps on a machine that is reached over a bad line', () => {
  let server: SshServer;
  beforeAll(async () => {
    server = await SshServer.start();
  });
  afterAll(() => server?.stop());

  it.each(clients)('by the client %s loses nothing, and is resumed when its conductor is killed', async (client) => {
    const proxy = await CutProxy.forTest(server.port);
    const { row, problems } = await soak({
      what: `${client}, bad line and kill -9`,
      study: plainStudy(500, 'local', 'sleep 1'),
      place: await farPlace(server, client, proxy.port),
      proxy,
      seed: newSeed(),
      faults: ['kill', 'stop', 'cut', 'stall', 'trickle'],
      memory: 400 * 1024 * 1024,
      limit: 900_000,
      pause: [500, 3000],
      lasting: [500, 8000],
    });
    rows.push(row);
    expect(problems).toEqual([]);
  });
});
