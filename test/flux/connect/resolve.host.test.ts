import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type BrokerAddress, findBroker, type WaitOptions } from '../../../src/flux/connect/resolve.js';
import type { HostFacts } from '../../../src/hosts/facts.js';
import { HostError, type HostProcess, type SpawnOptions } from '../../../src/hosts/host.js';
import { LocalHost } from '../../../src/hosts/local-host.js';
import { BackendError } from '../../../src/util/errors.js';
import { stubFlux } from '../../support/flux/study-flux.js';
import { plainEnvironment } from '../../support/hosts.js';
import { temporaryDirectory } from '../../support/temporary.js';
import { isAlive, until } from '../../support/wait.js';

interface Setting {
  readonly wanted?: string;
  readonly inSpec?: string;
  readonly uri?: string;
  /** What the `flux` on PATH does; undefined: there is none. */
  readonly flux?: string;
  /** The home directory. */
  readonly home?: string;
  /** Where the socket of the system instance is; there is none unless given. */
  readonly systemSocket?: string;
  readonly patience?: Partial<WaitOptions>;
}

/** A machine on which the socket of the system instance is another file, whatever this machine has at its usual place. */
class MachineWithSocket extends LocalHost {
  readonly #socket: string;

  constructor(environment: Readonly<Record<string, string>>, socket: string) {
    super(environment);
    this.#socket = socket;
  }

  override spawn(command: string, options?: SpawnOptions): HostProcess {
    return super.spawn(command.replaceAll('/run/flux/local', this.#socket), options);
  }
}

/** Looks for a broker on a machine that is called login1, and login1.example.org. */
function find({
  wanted = 'auto',
  inSpec = '',
  uri = '',
  flux,
  home = '/nonexistent',
  systemSocket = '/nonexistent/local',
  patience,
}: Setting): Promise<BrokerAddress> {
  const stub = flux === undefined ? undefined : stubFlux(flux);
  const own = uri === '' ? {} : { FLUX_URI: uri };
  const environment = { ...plainEnvironment, ...stub?.environment, ...own, HOME: home };
  const facts: HostFacts = {
    environment,
    userid: 1000,
    leftOut: [],
    names: ['localhost', 'login1.example.org', 'login1.example.org', 'login1'],
    flux: stub === undefined ? '' : `${stub.directory}/flux`,
  };
  return findBroker(new MachineWithSocket(environment, systemSocket), facts, wanted, inSpec, {
    tell: () => {},
    cancel: new AbortController().signal,
    ...patience,
  });
}

/** The message of the BackendError that looking for a broker ends with. */
async function failure(setting: Setting): Promise<string> {
  const error = await find(setting).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(BackendError);
  return (error as Error).message;
}

describe('a broker that is named by its URI', () => {
  it('is where that says, if it is local', async () => {
    expect(await find({ wanted: 'local:///tmp/a b/local-0' })).toEqual({
      uri: 'local:///tmp/a b/local-0',
      socket: '/tmp/a b/local-0',
      why: '`flux: local:///tmp/a b/local-0`',
      isSystem: false,
    });
  });

  it.each(['localhost', 'login1', 'login1.example.org', 'me@login1', 'login1:22', 'me@login1:2222'])(
    'of ssh is local if that is this machine: %s',
    async (name) => {
      expect(await find({ wanted: `ssh://${name}/tmp/flux-AbC/local-0` })).toMatchObject({
        uri: 'local:///tmp/flux-AbC/local-0',
        socket: '/tmp/flux-AbC/local-0',
      });
    },
  );

  it.each([
    ['node17', { name: 'node17' }],
    ['me@node17', { user: 'me', name: 'node17' }],
    ['node17.example.org:2222', { name: 'node17.example.org', port: 2222 }],
    ['m.e-1+2@10.0.0.17:22', { user: 'm.e-1+2', name: '10.0.0.17', port: 22 }],
  ])('of ssh is on another machine, as whom and where it says: %s', async (place, node) => {
    const wanted = `ssh://${place}/tmp/flux AbC/local-0`;
    expect(await find({ wanted })).toEqual({
      uri: wanted,
      socket: '/tmp/flux AbC/local-0',
      node,
      why: `\`flux: ${wanted}\``,
      isSystem: false,
    });
  });

  it.each(['-oProxyCommand=x', 'a b', '$(touch x)', 'me@@node1', '-l@node1', 'node1:x', 'node1;x'])(
    'is refused if it names no machine, rather than handed to ssh: %s',
    async (place) => {
      expect(await failure({ wanted: `ssh://${place}/tmp/local-0` })).toContain('is no URI of a Flux broker');
    },
  );

  it.each(['local:', 'local://relative', 'ssh://', 'ssh://node1', 'ssh:///path'])(
    'is refused if that is none, with examples: %s',
    async (wanted) => {
      const message = await failure({ wanted });
      expect(message).toContain(`'${wanted}' is no URI of a Flux broker`);
      expect(message).toContain('local:///run/flux/local');
    },
  );
});

describe('which broker', () => {
  const all = {
    wanted: 'local:///wanted',
    inSpec: 'local:///in-spec',
    uri: 'local:///around',
    flux: 'echo local:///system',
  };

  it.each([
    ['the input', all, 'local:///wanted', '`flux: local:///wanted`', false],
    ['that of the spec', { ...all, wanted: 'auto' }, 'local:///in-spec', 'named by the batch block of the spec', false],
    [
      'that around us',
      { ...all, wanted: 'auto', inSpec: '' },
      'local:///around',
      'the instance that FLUX_URI names (packing its allocation)',
      false,
    ],
    [
      'that around us, if the spec leaves it open too',
      { ...all, wanted: 'auto', inSpec: 'auto' },
      'local:///around',
      'the instance that FLUX_URI names (packing its allocation)',
      false,
    ],
    [
      "the system's",
      { flux: all.flux },
      'local:///system',
      'the system instance, because FLUX_URI is not set (standalone batch jobs)',
      true,
    ],
    [
      "the system's, inside another, if it is asked for",
      { ...all, wanted: 'system' },
      'local:///system',
      '`flux: system`',
      true,
    ],
    [
      "the system's, if the spec asks for it",
      { ...all, wanted: 'auto', inSpec: 'system' },
      'local:///system',
      'named by the batch block of the spec',
      true,
    ],
  ])('is %s, and why', async (_, setting, uri, why, isSystem) => {
    expect(await find(setting)).toEqual({ uri, socket: uri.slice('local://'.length), why, isSystem });
  });

  it('is that of the system by what the installed flux says, which does not see FLUX_URI', async () => {
    const { uri } = await find({
      wanted: 'system',
      uri: 'local:///around',
      flux: '[ "$*" = "getattr local-uri" ] && echo "local:///system${FLUX_URI-}"',
    });
    expect(uri).toBe('local:///system');
  });
});

describe('the system instance', () => {
  it('that does not answer is told with the words of flux, and what to do', async () => {
    const message = await failure({ flux: 'echo "flux-getattr: broker socket connect: Refused" >&2; exit 1' });
    expect(message).toContain('FLUX_URI is not set');
    expect(message).toContain('broker socket connect: Refused');
    expect(message).toMatch(/\(start the study inside an instance .* or name a broker with `flux`\)$/);
  });

  it('that says nothing at all is told too', async () => {
    expect(await failure({ flux: 'exit 3' })).toContain('cannot be reached: exit 3');
  });

  it('without flux anywhere is told with all that was tried, and what to do', async () => {
    const message = await failure({});
    expect(message).toContain('FLUX_URI is not set');
    expect(message).toContain('no `flux` on PATH');
    expect(message).toContain('/run/flux/local');
    expect(message).toContain('module load flux');
  });

  it('without flux on PATH is at the usual place, if there is a socket', async () => {
    const systemSocket = path.join(temporaryDirectory(), 'local');
    const server = createServer().listen(systemSocket);
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const { uri, isSystem } = await find({ systemSocket });
    expect([uri, isSystem]).toEqual(['local:///run/flux/local', true]);
  });
});

describe('a broker whose address is in a file', () => {
  function file(text: string): string {
    const name = path.join(temporaryDirectory(), `the broker's address`);
    writeFileSync(name, text);
    return name;
  }

  it('is where that says', async () => {
    expect(await find({ wanted: `file:${file('ssh://login1/tmp/flux-AbC/local-0\n')}` })).toMatchObject({
      uri: 'local:///tmp/flux-AbC/local-0',
      isSystem: false,
    });
  });

  it.each(['address', '~/address', './address'])('is looked for in the home: file:%s', async (given) => {
    const home = temporaryDirectory();
    writeFileSync(path.join(home, 'address'), 'local:///tmp/x\n');
    expect(await find({ wanted: `file:${given}`, home })).toMatchObject({ socket: '/tmp/x' });
  });

  it('may be on another machine', async () => {
    expect(await find({ wanted: `file:${file('ssh://me@node17/tmp/x')}` })).toMatchObject({
      node: { user: 'me', name: 'node17' },
    });
  });

  it('is waited for, and that is told, until its job has begun and written it', async () => {
    const directory = temporaryDirectory();
    const told: string[] = [];
    const found = find({ wanted: `file:${directory}/address`, patience: { tell: (line) => told.push(line) } });
    await until('it is told', () => told.length > 0);
    expect(told).toEqual([`Waiting until the address of a Flux broker is in ${directory}/address`]);
    // There, but nothing in it yet.
    writeFileSync(path.join(directory, 'address'), '');
    const early = await Promise.race([found, new Promise((resolve) => setTimeout(resolve, 1500, 'waits'))]);
    expect(early).toBe('waits');
    writeFileSync(path.join(directory, 'address'), 'local:///tmp/x\n');
    expect(await found).toMatchObject({ socket: '/tmp/x' });
  });

  it('is not said to be waited for if it is there', async () => {
    const told: string[] = [];
    await find({ wanted: `file:${file('local:///tmp/x')}`, patience: { tell: (line) => told.push(line) } });
    expect(told).toEqual([]);
  });

  it('is waited for no longer than it is wanted', async () => {
    const cancel = new AbortController();
    const found = find({ wanted: 'file:/nonexistent/address', patience: { cancel: cancel.signal } });
    const began = Date.now();
    cancel.abort('cancelled by SIGINT');
    await expect(found).rejects.toThrow(new HostError('cancelled by SIGINT'));
    expect(Date.now() - began).toBeLessThan(10_000);
  });

  it.each([
    ['a word', 'hunter2'],
    ['a private key', '-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2\n-----END OPENSSH PRIVATE KEY-----\n'],
    ['an address and more', 'local:///run/flux/local\nhunter2\n'],
    ['bytes', '\0\u0001hunter2'],
    ['megabytes', 'hunter2\n'.repeat(4_000_000)],
    ['a line that begins like an address', `local:///${'hunter2'.repeat(1000)}`],
  ])('is refused without a word of the file if that has %s', async (_, text) => {
    const name = file(text);
    const message = await failure({ wanted: `file:${name}` });
    expect(message).toContain(`there is no address of a Flux broker in the file ${name}`);
    expect(message).not.toMatch(/hunter2|BEGIN/);
    expect(message.length).toBeLessThan(500);
  });

  it.each(['/proc', '/'])('is refused if it is no file: %s', async (name) => {
    expect(await failure({ wanted: `file:${name}` })).toContain('it is no regular file');
  });
});

describe('a broker that flux itself has to find', () => {
  /** A `flux uri` that knows the options of its version only, and answers with its target in base64. */
  const uriCommand = (...options: readonly string[]) =>
    `[ "$1" = uri ] || exit 9\nshift\n` +
    `while [ "$1" != -- ]; do\n` +
    `  case " ${options.join(' ')} " in *" $1 "*) ;; *) echo "usage: flux-uri
flux-uri: error: unrecognized arguments: $1" >&2; exit 2;; esac\n` +
    `  echo "$1" >> "\${0%/*}/options"\n  shift\ndone\n` +
    `[ $# = 2 ] && echo "ssh://login1/tmp/$(echo "$2" | base64)"`;
  const socketFor = (target: string) => `/tmp/${Buffer.from(`${target}\n`).toString('base64')}`;

  it.each(['ƒkMPzwq', 'fkMPzwq/f2', '/', '..', "it's", '--wait', '$(touch x)'])(
    'is where `flux uri` says, which waits for its job to begin: %s',
    async (wanted) => {
      const flux = uriCommand('--remote', '--wait').replace(
        'echo "ssh:',
        'grep -q wait "${0%/*}/options" && echo "ssh:',
      );
      const socket = socketFor(wanted);
      expect(await find({ wanted, flux })).toEqual({
        uri: `local://${socket}`,
        socket,
        why: `\`flux: ${wanted}\``,
        isSystem: false,
      });
    },
  );

  it('is where an old `flux uri` says, which cannot wait', async () => {
    expect(await find({ wanted: 'fkMPzwq', flux: uriCommand('--remote') })).toMatchObject({
      socket: socketFor('fkMPzwq'),
    });
  });

  it.each(['pid:4711', 'slurm:17', 'lsf:8'])('is not waited for where `flux uri` cannot: %s', async (wanted) => {
    expect(await find({ wanted, flux: uriCommand('--remote') })).toMatchObject({ socket: socketFor(wanted) });
  });

  it('is on the node that `flux uri` names, and in that Slurm job if it was found by it', async () => {
    const flux = 'echo ssh://node17/tmp/x';
    const node = { name: 'node17' };
    expect(await find({ wanted: 'slurm:17', flux })).toEqual({
      uri: 'ssh://node17/tmp/x',
      socket: '/tmp/x',
      node,
      slurmJob: '17',
      why: '`flux: slurm:17`',
      isSystem: false,
    });
    for (const wanted of ['lsf:17', 'f17', 'slurm:17/f2']) {
      expect([wanted, await find({ wanted, flux })]).toEqual([wanted, expect.objectContaining({ node })]);
      expect(await find({ wanted, flux })).not.toHaveProperty('slurmJob');
    }
  });

  it('is not waited for any longer than it is wanted, and `flux uri` ends', async () => {
    const pidFile = path.join(temporaryDirectory(), 'pid');
    const cancel = new AbortController();
    const found = find({
      wanted: 'fkMPzwq',
      flux: `echo $$ > ${pidFile}.new; mv ${pidFile}.new ${pidFile}; exec sleep 60`,
      patience: { cancel: cancel.signal },
    });
    const pid = await until('it waits', () => existsSync(pidFile) && Number(readFileSync(pidFile, 'utf8')));
    cancel.abort('cancelled by SIGINT');
    await expect(found).rejects.toThrow(new HostError('cancelled by SIGINT'));
    await until('`flux uri` has ended', () => !isAlive(pid));
  });

  it('is not found, and what `flux uri` says of it while it waits comes with it', async () => {
    const flux = 'echo "flux-uri: ERROR: jobid fkMPzwq not found" >&2; exit 1';
    expect(await failure({ wanted: 'fkMPzwq', flux })).toContain(
      "'fkMPzwq': flux-uri: ERROR: jobid fkMPzwq not found (it must be",
    );
  });

  it('may be named in the spec', async () => {
    expect(await find({ inSpec: 'slurm:17', flux: 'echo ssh://login1/tmp/x' })).toMatchObject({ socket: '/tmp/x' });
  });

  it('is not found, in the words of `flux uri`', async () => {
    const flux = 'echo "flux-uri: ERROR: PID 4711 doesn\'t seem to have a FLUX_URI" >&2; exit 1';
    expect(await failure({ wanted: 'pid:4711', flux })).toBe(
      "cannot find the Flux broker 'pid:4711': flux-uri: ERROR: PID 4711 doesn't seem to have a FLUX_URI (it must be a running job or instance that this machine can see)",
    );
  });

  it('is not found if `flux uri` says several things, in one line', async () => {
    const message = await failure({ wanted: 'slurm:17', flux: 'printf "one\\ntwo\\n" >&2; exit 1' });
    expect(message).toContain('one / two');
    expect(message).not.toContain('\n');
  });

  it('is not found if there is no flux to ask, and it is said what to do', async () => {
    const message = await failure({ wanted: 'slurm:17' });
    expect(message).toContain("cannot find the Flux broker 'slurm:17': there is no `flux` on PATH");
    expect(message).toContain('module load flux');
  });
});
