import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { run } from '../../src/hosts/commands.js';
import { HostError } from '../../src/hosts/host.js';
import { LocalHost } from '../../src/hosts/local-host.js';
import { plainEnvironment, plainHost, preparedHost } from '../support/hosts.js';
import { temporaryDirectory } from '../support/temporary.js';
import { until } from '../support/wait.js';
import { hostContract, outputOf } from './host-contract.js';

describe('this machine', () => {
  hostContract(({ setup = '', home } = {}) => preparedHost(setup, home === undefined ? {} : { HOME: home }));
});

describe('a command on this machine', () => {
  it('that a signal ended has 128 and the signal as its status', async () => {
    const codes = [];
    for (const signal of ['HUP', 'KILL', 'TERM']) codes.push((await outputOf(plainHost(), `kill -${signal} $$`)).code);
    expect(codes).toEqual([129, 137, 143]);
  });

  it('for steps finds the environment that was given and nothing else', async () => {
    const host = new LocalHost({ ...plainEnvironment, TEXT: `it's "two"\nlines é`, EMPTY: '', SHLVL: '5' });
    const { stdout } = await run(host, 'env -0', '', { isForSteps: true });
    const entries = stdout
      .toString()
      .split('\0')
      .filter((entry) => entry !== '' && !/^(_|PWD|OLDPWD|SHLVL)=/.test(entry));
    expect(entries.sort()).toEqual(
      [...Object.entries(plainEnvironment), ['TEXT', `it's "two"\nlines é`], ['EMPTY', '']]
        .map(([name, value]) => `${name}=${value}`)
        .sort(),
    );
  });

  it('outlives the program that started it', async () => {
    const directory = temporaryDirectory();
    const program = spawn(
      'bash',
      // A shell that starts a session of its own and dies is what this program is to its commands.
      ['-c', `setsid bash -c 'echo $$ > ${directory}/pid; sleep 1; touch ${directory}/survived' & wait`],
      { detached: true, stdio: 'ignore' },
    );
    await until('it runs', () => existsSync(path.join(directory, 'pid')));
    process.kill(-program.pid!, 'SIGKILL');
    await until('it has done its work', () => existsSync(path.join(directory, 'survived')));
  });

  it('cannot run without bash, which is an error of the host', async () => {
    const process = new LocalHost({ PATH: '/no/such/directory' }).spawn('true');
    await expect(process.exit).rejects.toThrow(HostError);
    await expect(process.exit).rejects.toThrow('cannot run bash on this machine');
  });
});
