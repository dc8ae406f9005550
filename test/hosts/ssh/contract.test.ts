import { existsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from 'vitest';
import type { SshHost } from '../../../src/hosts/ssh/ssh-host.js';
import { openHost, transportOf } from '../../support/ssh-hosts.js';
import { temporaryDirectory } from '../../support/temporary.js';
import { until } from '../../support/wait.js';
import { hostContract, outputOf } from '../host-contract.js';
import { Account, forClients, hurried, refusal } from './account.js';

forClients('a machine reached by SSH', (client) => {
  let account: Account;
  let plain: SshHost;
  beforeAll(async () => {
    account = await Account.start();
    plain = await openHost(client, account.wanted({ temporary: tmpdir() }));
  });
  afterAll(async () => {
    plain.close();
    await account.server.stop();
  });

  hostContract(async ({ setup, home } = {}) => {
    if (home !== undefined) return (await Account.forTest({ home })).open(client, { setup: setup ?? '' });
    return setup === undefined ? plain : account.open(client, { setup });
  });

  it('is called by the name of who logs in and where, and has a home', () => {
    expect(plain.name).toBe(`${account.server.user}@127.0.0.1:${account.server.port}`);
    expect(plain.home).toBe(account.server.home);
  });
});

forClients('the environment of steps', (client) => {
  const profile = `
echo "welcome to the cluster"; echo "careful" >&2
export QUOTED="it's \\"two\\"
lines é \\$HOME"
export EMPTY=
declare -xr FIXED=1
export PATH="$HOME/tools:$PATH"
export BASH_ENV=/nonexistent/profile
export MODULEPATH='/a:/b c'
NOT_EXPORTED=1
module() { echo "module $1"; echo "it's"; }
export -f module
`;

  it("is that of a login shell, whatever is in it, and nothing of what the user's files print", async () => {
    const home = temporaryDirectory();
    writeFileSync(path.join(home, '.bash_profile'), profile);
    writeFileSync(path.join(home, '.bashrc'), 'echo noise; echo noise >&2; export OF_BASHRC=1\n');
    const account = await Account.forTest({ home });
    const transport = transportOf(client, account.wanted());
    onTestFinished(() => transport.close());
    const login = await transport.open("exec bash -l -c 'printf here; exec env -0'");
    login.stdin.end();
    login.stderr.resume();
    const wanted = entriesOf((await buffer(login.stdout)).toString().split('here')[1]!);
    expect(wanted.map((entry) => entry.split('=')[0])).toEqual(
      expect.arrayContaining(['QUOTED', 'EMPTY', 'FIXED', 'MODULEPATH', 'BASH_FUNC_module%%']),
    );

    const host = await account.open(client);
    const all = await outputOf(host, 'exec env -0', { isForSteps: true });
    expect(entriesOf(all.stdout)).toEqual(wanted);
    expect(all.stderr).toBe('');
    expect(
      await outputOf(host, `bash -c 'module load; printf %s "$QUOTED$NOT_EXPORTED"'`, { isForSteps: true }),
    ).toEqual({
      code: 0,
      stdout: `module load\nit's\nit's "two"\nlines é $HOME`,
      stderr: '',
    });
  });

  it('has nothing of the environment of this program', async () => {
    const account = await Account.forTest({ config: ['AcceptEnv *'] });
    const secrets = {
      LANG: 'de_DE.hunter2',
      LC_TIME: 'hunter2',
      INPUT_SPEC: 'hunter2',
      GITHUB_TOKEN: 'hunter2',
      RUNNER_NAME: 'hunter2',
      TMPDIR: temporaryDirectory(),
    };
    for (const [name, value] of Object.entries(secrets)) vi.stubEnv(name, value);
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
    const host = await account.open(client, { environment: secrets });
    const { stdout } = await outputOf(host, 'env', { isForSteps: true });
    expect(stdout).toContain(`HOME=${account.server.home}\n`);
    expect(stdout).not.toMatch(/hunter2|^LANG|^LC_|^TMPDIR/m);
  });

  it('is told by a profile that reads its input, which is empty', async () => {
    const home = temporaryDirectory();
    writeFileSync(path.join(home, '.bash_profile'), 'read -r answer; export ANSWER="<$answer>"\n');
    const host = await (await Account.forTest({ home })).open(client);
    expect((await outputOf(host, 'echo "$ANSWER"')).stdout).toBe('<>\n');
  });
});

forClients('a command on a machine reached by SSH', (client) => {
  it('outlives its connection, however that ends', async () => {
    for (const end of ['closed', 'killed'] as const) {
      const account = await Account.forTest();
      const host = await account.open(client);
      const directory = temporaryDirectory();
      const process = host.spawn(`cd ${directory}; touch started; sleep 0.7; touch survived`);
      process.exit.catch(() => {});
      await until('it runs', () => existsSync(path.join(directory, 'started')));
      if (end === 'closed') host.close();
      else account.server.killSessions();
      await until('the connection has ended', () => account.server.connections === 0);
      expect(existsSync(path.join(directory, 'survived'))).toBe(false);
      await until('it has done its work', () => existsSync(path.join(directory, 'survived')));
    }
  });

  it('is done when it has ended, even if something that it left behind holds its streams', async () => {
    const host = await (await Account.forTest()).open(client, { clock: hurried(10) });
    expect(await outputOf(host, 'sleep 60 & sleep 61 >/dev/null & echo done')).toMatchObject({
      code: 0,
      stdout: 'done\n',
    });
  });
});

forClients('many commands at once', (client) => {
  const numbers = Array.from({ length: 30 }, (_, i) => `${i}`);

  it.each([
    ['10', 1, 1],
    ['3', 1, 6],
    ['1', 0, 6],
  ])('go through a server that allows %s sessions on a connection', async (sessions, long, most) => {
    const account = await Account.forTest({ config: [`MaxSessions ${sessions}`] });
    const told: string[] = [];
    const host = await account.open(client, { tell: (line) => told.push(line) });
    const running = Array.from({ length: long }, () => host.spawn('cat'));
    const outputs = numbers.map(async (i) => (await outputOf(host, `sleep 0.02; echo ${i}`)).stdout.trim());
    expect(await Promise.all(outputs)).toEqual(numbers);
    for (const process of running) {
      process.stdin.end('still there');
      expect((await buffer(process.stdout)).toString()).toBe('still there');
      expect(await process.exit).toEqual({ code: 0 });
    }
    // That it takes more connections is told once, and is no loss of one.
    expect(told).toEqual(
      sessions === '10'
        ? []
        : [expect.stringMatching(/refuses more than \d sessions? on a connection; using more connections$/)],
    );
    expect(account.server.logins).toBeGreaterThan(sessions === '10' ? 0 : 1);
    expect(account.server.logins).toBeLessThanOrEqual(most);
  });

  it('are not possible where the server allows no session, which is said', async () => {
    const account = await Account.forTest({ config: ['MaxSessions 0'] });
    expect(await refusal(client, account.wanted())).toContain(`${account.server.hostPort} allows no further session`);
  });
});

/** The entries of an environment that are not about one shell or one session. */
function entriesOf(output: string): string[] {
  return output
    .split('\0')
    .filter((entry) => entry !== '' && !/^(_|PWD|OLDPWD|SHLVL|SSH_\w+)=/.test(entry))
    .sort();
}
