import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { mustRun } from '../../../src/hosts/commands.js';
import { HostError } from '../../../src/hosts/host.js';
import { connectBySsh } from '../../../src/hosts/ssh/connect.js';
import type { SshHost } from '../../../src/hosts/ssh/ssh-host.js';
import { hostOptionsOf } from '../../../src/inputs/derive.js';
import { parseInputs } from '../../../src/inputs/parse.js';
import { systemClock } from '../../../src/util/clock.js';
import { InputError } from '../../../src/util/errors.js';
import { CutProxy } from '../../support/cut-proxy.js';
import { plainEnvironment } from '../../support/hosts.js';
import { clients } from '../../support/ssh-hosts.js';
import { installedSshd, SshServer } from '../../support/ssh-server.js';
import { temporaryDirectory } from '../../support/temporary.js';
import { until } from '../../support/wait.js';

type Given = Readonly<Record<string, string>>;

/** What a connection was told while it was made. */
class Told {
  readonly infos: string[] = [];
  readonly warnings: string[] = [];
  readonly info = (text: string) => void this.infos.push(text);
  readonly warning = (text: string) => {
    this.warnings.push(text);
    this.#onWarning();
  };
  readonly #onWarning: () => void;

  constructor(onWarning = () => {}) {
    this.#onWarning = onWarning;
  }
}

/** Connects as the inputs say, from a machine with this environment, until the test ends. */
async function connect(
  given: Given,
  environment: Given = {},
  told = new Told(),
  { clock = systemClock, cancel = new AbortController().signal } = {},
): Promise<SshHost> {
  const inputs = parseInputs(new Map(Object.entries({ spec: 'study.yaml', ...given })), (name) => `input '${name}'`);
  const { ssh, setup } = hostOptionsOf(inputs);
  const host = await connectBySsh(ssh!, {
    environment: { ...plainEnvironment, ...environment },
    cancel,
    temporary: temporaryDirectory(),
    setup,
    log: told,
    clock,
  });
  onTestFinished(() => host.close());
  return host;
}

const say = async (host: SshHost, command: string) => (await mustRun(host, 'cannot ask', command)).toString().trim();

/** A home directory with these files in its `.ssh`. */
function homeWith(files: Given): string {
  const home = temporaryDirectory();
  mkdirSync(path.join(home, '.ssh'), { mode: 0o700 });
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(home, '.ssh', name), text, { mode: 0o600 });
  return home;
}

/** An agent that has one key; its socket. */
async function agentWith(key: string): Promise<string> {
  const socket = path.join(temporaryDirectory(), 'agent');
  const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
  onTestFinished(() => void agent.kill());
  await until('the agent is there', () => existsSync(socket));
  execFileSync('ssh-add', ['-q', key], { env: { ...plainEnvironment, SSH_AUTH_SOCK: socket }, stdio: 'ignore' });
  return socket;
}

const hasKnownHosts = existsSync('/etc/ssh/ssh_known_hosts');
if (hasKnownHosts) console.warn('This machine knows hosts of its own: that a host needs known_hosts was NOT tested');

describe('inputs that lead nowhere are refused before anything is connected to', () => {
  const trusted = {
    'ssh-known-hosts': '[127.0.0.1]:9 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGAa2BUxcHRU9Zl7pLRmMSFLjJc8hnpbJCb',
  };

  it.each(clients)('a host that is none, by its input: %s', async (client) => {
    const wrong = connect({ ...trusted, 'ssh-client': client, host: 'me@-oProxyCommand=x' });
    await expect(wrong).rejects.toThrow(/^input 'host': the name of the machine begins with a -/);
    await expect(wrong).rejects.toBeInstanceOf(HostError);
  });

  it.each(clients)('a machine to jump over that is none, by its input: %s', async (client) => {
    const wrong = connect({ ...trusted, 'ssh-client': client, host: 'login1', 'proxy-jump': 'gate1,me@' });
    await expect(wrong).rejects.toThrow(/^input 'proxy-jump': /);
  });

  it('a key that is none, by its input, and no part of it is shown', async () => {
    const wrong = await connect({ ...trusted, host: 'login1', 'ssh-key': 'hunter2 hunter2' }).catch((error) => error);
    expect(wrong).toBeInstanceOf(HostError);
    expect(wrong.message).toMatch(/^input 'ssh-key' /);
    expect(wrong.message).not.toContain('hunter2');
  });

  it.skipIf(hasKnownHosts)('a host of which no key is known', async () => {
    const wrong = connect({ host: 'login1' }, { HOME: temporaryDirectory() });
    await expect(wrong).rejects.toThrow(/^input 'ssh-known-hosts' is required with 'host'/);
    await expect(wrong).rejects.toBeInstanceOf(InputError);
    await expect(connect({ host: 'login1' }, { HOME: '' })).rejects.toBeInstanceOf(InputError);
  });
});

const sshd = installedSshd();

describe.skipIf(sshd === undefined)('a host that is reached by SSH', () => {
  const inputsFor = async (server: SshServer): Promise<Given> => ({
    host: server.hostPort,
    'ssh-key': (await server.newKey()).text,
    'ssh-known-hosts': server.knownHosts,
  });

  describe.each(clients)('with the client %s', (client) => {
    it('is connected to with what the inputs say, which is told, and runs `setup` before commands', async () => {
      const server = await SshServer.forTest();
      const told = new Told();
      const setup = 'export GREETING="it\'s me"';
      const host = await connect({ ...(await inputsFor(server)), 'ssh-client': client, setup }, {}, told);
      expect(await say(host, 'echo "$GREETING at $HOME"')).toBe(`it's me at ${server.home}`);
      expect(told.infos).toEqual([`Connecting to ${server.hostPort}`]);
      expect(told.warnings).toEqual([]);
      expect(server.logins).toBe(1);
    });

    it('takes a key with its passphrase', async () => {
      const server = await SshServer.forTest();
      const key = await server.newKey({ passphrase: 'correct horse' });
      const inputs = { ...(await inputsFor(server)), 'ssh-client': client, 'ssh-key': key.text };
      const host = await connect({ ...inputs, 'ssh-passphrase': 'correct horse' });
      expect(await say(host, 'echo in')).toBe('in');
    });

    it('that does not let us in is let go of', async () => {
      const server = await SshServer.forTest();
      const stranger = await server.newKey({ authorized: false });
      const inputs = { ...(await inputsFor(server)), 'ssh-client': client, 'ssh-key': stranger.text };
      await expect(connect(inputs)).rejects.toBeInstanceOf(HostError);
      await until('no connection is left', () => server.connections === 0);
      expect(server.logins).toBe(0);
    });

    it('with another key than is known is refused', async () => {
      const [server, other] = [await SshServer.forTest(), await SshServer.forTest({ hasNewHostKeys: true })];
      const known = other.knownHosts.replaceAll(`:${other.port} `, `:${server.port} `);
      const inputs = { ...(await inputsFor(server)), 'ssh-client': client, 'ssh-known-hosts': known };
      await expect(connect(inputs)).rejects.toBeInstanceOf(HostError);
      expect(server.logins).toBe(0);
    });
  });

  describe.each(clients)('the first connection, with the client %s', (client) => {
    /** A server behind a network that fails on demand. */
    async function behindProxy() {
      const server = await SshServer.forTest();
      const proxy = await CutProxy.forTest(server.port);
      const inputs = {
        ...(await inputsFor(server)),
        'ssh-client': client,
        host: `${server.user}@127.0.0.1:${proxy.port}`,
        'ssh-known-hosts': server.knownHosts.replaceAll(`${server.port}`, `${proxy.port}`),
      };
      return { server, proxy, inputs };
    }

    it('is tried again if the server turns it away because many log in at once, which is told', async () => {
      const server = await SshServer.forTest({ config: ['MaxStartups 1'] });
      const other = connectSocket(server.port, '127.0.0.1');
      onTestFinished(() => void other.destroy());
      await new Promise((resolve) => other.once('data', resolve));
      const told = new Told(() => other.destroy());
      const host = await connect({ ...(await inputsFor(server)), 'ssh-client': client }, {}, told);
      expect(await say(host, 'echo in')).toBe('in');
      expect(told.warnings).toEqual([expect.stringMatching(/^cannot connect to .*; trying again$/)]);
    });

    it('is tried again if the server is started anew, or cuts it off', async () => {
      const { proxy, inputs } = await behindProxy();
      await proxy.refuse();
      const told = new Told(() => void proxy.accept());
      const host = await connect(inputs, {}, told);
      expect(await say(host, 'echo in')).toBe('in');
      expect(told.warnings).toEqual([expect.stringMatching(/refused the connection.*; trying again$/)]);
    });

    it('is given up after five attempts', async () => {
      const { proxy, inputs } = await behindProxy();
      let attempts = 0;
      proxy.onAccept = (socket) => {
        attempts += 1;
        socket.destroy();
      };
      const told = new Told();
      // Its pauses are short, and nothing takes time.
      const quick = {
        now: () => 0,
        after: (time: number, call: () => void) => systemClock.after(time / 50, call),
        random: () => 0.5,
      };
      await expect(connect(inputs, {}, told, { clock: quick })).rejects.toThrow(/^cannot connect to /);
      expect(attempts).toBe(5);
      expect(told.warnings).toHaveLength(1);
    });

    it('is given up at once if all is cancelled', async () => {
      const { proxy, inputs } = await behindProxy();
      await proxy.refuse();
      const cancel = new AbortController();
      const told = new Told(() => cancel.abort());
      const since = Date.now();
      // Its pauses would take an hour.
      const slow = { ...systemClock, after: (time: number, call: () => void) => systemClock.after(time * 1000, call) };
      await expect(connect(inputs, {}, told, { clock: slow, cancel: cancel.signal })).rejects.toThrow('refused');
      expect(Date.now() - since).toBeLessThan(10_000);
    });

    it('is tried once if what is wrong stays so: a key, a name', async () => {
      const server = await SshServer.forTest();
      const inputs = { ...(await inputsFor(server)), 'ssh-client': client };
      const told = new Told();
      const { text: stranger } = await server.newKey({ authorized: false });
      await expect(connect({ ...inputs, 'ssh-key': stranger }, {}, told)).rejects.toThrow('rejected');
      const nowhere = { ...inputs, host: 'somebody@no-such-machine.invalid' };
      await expect(connect(nowhere, {}, told)).rejects.toThrow('is unknown');
      expect(told.warnings).toEqual([]);
    });
  });

  it('is logged in to as whoever USER names, if the input names nobody', async () => {
    const server = await SshServer.forTest();
    const inputs = { ...(await inputsFor(server)), host: `127.0.0.1:${server.port}` };
    expect(await say(await connect(inputs), 'id -un')).toBe(server.user);
    await expect(connect(inputs, { USER: 'nobody-of-that-name' })).rejects.toThrow('nobody-of-that-name');
  });

  it('is trusted by the known_hosts of the user, if the input has none', async () => {
    const server = await SshServer.forTest();
    const { 'ssh-known-hosts': known_hosts, ...inputs } = (await inputsFor(server)) as Record<string, string>;
    const host = await connect(inputs, { HOME: homeWith({ known_hosts: known_hosts! }) });
    expect(await say(host, 'echo in')).toBe('in');
    const elsewhere = homeWith({ known_hosts: known_hosts!.replace(String(server.port), '9') });
    await expect(connect(inputs, { HOME: elsewhere })).rejects.toBeInstanceOf(HostError);
  });

  it('is not trusted by the known_hosts of the user, if the input has some', async () => {
    const server = await SshServer.forTest();
    const inputs = await inputsFor(server);
    const lines = inputs['ssh-known-hosts']!.replace(String(server.port), '9');
    const home = homeWith({ known_hosts: inputs['ssh-known-hosts']! });
    await expect(connect({ ...inputs, 'ssh-known-hosts': lines }, { HOME: home })).rejects.toBeInstanceOf(HostError);
  });

  it('is trusted by the lines that can be read, and it is told which cannot', async () => {
    const server = await SshServer.forTest();
    const inputs = await inputsFor(server);
    const told = new Told();
    const lines = `127.0.0.1 nonsense\n${inputs['ssh-known-hosts']}`;
    await connect({ ...inputs, 'ssh-known-hosts': lines }, {}, told);
    expect(told.warnings).toEqual([expect.stringMatching(/^line 1 of input 'ssh-known-hosts' is ignored: /)]);
  });

  describe('without a key in the inputs', () => {
    const withoutKey = async (server: SshServer): Promise<Given> => {
      const { 'ssh-key': _, ...inputs } = (await inputsFor(server)) as Record<string, string>;
      return inputs;
    };

    it('takes the key files of the user, but for those that he must be asked about, or that are none', async () => {
      const server = await SshServer.forTest();
      const [locked, key] = [await server.newKey({ passphrase: 'secret' }), await server.newKey({ type: 'rsa' })];
      const HOME = homeWith({ id_ed25519: locked.text, id_ecdsa: 'nonsense', id_rsa: key.text });
      expect(await say(await connect(await withoutKey(server), { HOME }), 'echo in')).toBe('in');
    });

    it('takes what an agent has', async () => {
      const server = await SshServer.forTest();
      const SSH_AUTH_SOCK = await agentWith((await server.newKey()).path);
      expect(await say(await connect(await withoutKey(server), { SSH_AUTH_SOCK }), 'echo in')).toBe('in');
    });

    it('and without any of these is refused', async () => {
      const server = await SshServer.forTest();
      const none = connect(await withoutKey(server), { HOME: temporaryDirectory() });
      await expect(none).rejects.toBeInstanceOf(HostError);
      expect(server.logins).toBe(0);
    });
  });

  it('with a key in the inputs takes no other: neither key files nor an agent', async () => {
    const server = await SshServer.forTest();
    const [stranger, own] = [await server.newKey({ authorized: false }), await server.newKey()];
    const environment = { HOME: homeWith({ id_ed25519: own.text }), SSH_AUTH_SOCK: await agentWith(own.path) };
    const inputs = { ...(await inputsFor(server)), 'ssh-key': stranger.text };
    await expect(connect(inputs, environment)).rejects.toBeInstanceOf(HostError);
    expect(server.logins).toBe(0);
  });
});

if (sshd === undefined) {
  console.warn('NO OPENSSH SERVER on this machine: connecting to a host was NOT tested');
  it.skip('NOT TESTED: connecting to a host: there is no sshd on this machine', () => {});
}
