import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { quote } from '../../src/util/shell-quote.js';
import { type Started, startBundle } from '../support/bundle.js';
import { plainEnvironment } from '../support/hosts.js';
import { Lsf } from '../support/lsf.js';
import { yamlOf } from '../support/plan.js';
import { type Client, clients } from '../support/ssh-hosts.js';
import { installedSshd, SshServer, type UserKey } from '../support/ssh-server.js';
import { temporaryDirectory } from '../support/temporary.js';
import { until } from '../support/wait.js';

const one = { nodes: 1, procs: 1 };

describe.skipIf(installedSshd() === undefined)('a study on LSF by SSH', () => {
  let lsf: Lsf;
  let server: SshServer;
  let key: UserKey;
  beforeAll(async () => {
    lsf = await Lsf.start();
    server = await SshServer.start();
    key = await server.newKey();
  });
  afterAll(async () => {
    await server?.stop();
    await lsf?.stop();
  });

  /** Starts a study from a directory of this machine. LSF is found by `setup`, as on many clusters. */
  function start(directory: string, client: Client): Started {
    writeFileSync(path.join(directory, 'known_hosts'), server.knownHosts);
    const inputs = {
      host: `${server.user}@127.0.0.1:${server.port}`,
      'ssh-client': client,
      'ssh-key': `@${key.path}`,
      'ssh-known-hosts': '@known_hosts',
      setup: `PATH=${quote(lsf.commands)}:$PATH`,
      'output-path': path.join(directory, 'there'),
      'report-path': 'report',
    };
    const options = Object.entries(inputs).map(([name, value]) => `--${name}=${value}`);
    const env = { ...plainEnvironment, HOME: directory };
    return startBundle(['run', 'study.yaml', ...options], { cwd: directory, env });
  }

  it.each(clients)('runs its jobs, and goes on after its driver was killed, with the client %s', async (client) => {
    const directory = temporaryDirectory();
    mkdirSync(path.join(directory, 'there'));
    const file = (name: string) => path.join(directory, 'there', name);
    const study = yamlOf({
      batch: { type: 'lsf', host: '', bank: '', queue: 'normal' },
      parameters: { SIZE: [1, 2] },
      steps: [
        {
          name: 'make',
          cmd: `echo ran $(SIZE) >> ${file('runs')}; until [ -e ${file('go')} ]; do sleep 0.1; done`,
          ...one,
        },
        { name: 'here', cmd: 'echo local > made', depends: ['make_*'] },
        { name: 'last', cmd: 'cat $(here.workspace)/made > all', depends: ['here'], ...one },
      ],
    });
    writeFileSync(path.join(directory, 'study.yaml'), study);
    const runs = () => (existsSync(file('runs')) ? readFileSync(file('runs'), 'utf8').trim().split('\n').sort() : []);

    const killed = start(directory, client);
    await until('its jobs run', () => runs().length === 2, 30_000);
    killed.process.kill('SIGKILL');
    await killed.ended;
    writeFileSync(file('go'), '');
    const { code, stdout, stderr } = await start(directory, client).ended;
    expect({ code, said: `${stdout}${stderr}` }).toMatchObject({ code: 0 });
    const { steps } = JSON.parse(readFileSync(path.join(directory, 'report/report.json'), 'utf8'));
    expect(steps.map(({ name, state }: Record<string, string>) => `${name} ${state}`).sort()).toEqual([
      'here FINISHED',
      'last FINISHED',
      'make_SIZE.1 FINISHED',
      'make_SIZE.2 FINISHED',
    ]);
    expect(runs()).toEqual(['ran 1', 'ran 2']);
    expect(readFileSync(file('last/all'), 'utf8')).toBe('local\n');
    expect((await lsf.jobs()).filter(({ state }) => state !== 'DONE')).toEqual([]);
  });
});
