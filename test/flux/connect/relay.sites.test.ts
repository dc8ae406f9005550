import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { connectTo, isHere, openBroker } from '../../../src/flux/connect/broker.js';
import { relayPaths, relayStream } from '../../../src/flux/connect/relay.js';
import type { BrokerAddress } from '../../../src/flux/connect/resolve.js';
import { ConnectionError } from '../../../src/flux/errors.js';
import { Handle } from '../../../src/flux/handle.js';
import { getAttribute } from '../../../src/flux/requests.js';
import type { HostFacts } from '../../../src/hosts/facts.js';
import type { Host } from '../../../src/hosts/host.js';
import { stage } from '../../../src/run/stage.js';
import { FluxInstance } from '../../../src/schedulers/flux/instance.js';
import { systemClock } from '../../../src/util/clock.js';
import { BackendError } from '../../../src/util/errors.js';
import { conduct } from '../../support/conduct.js';
import { installedFlux, RealBroker } from '../../support/flux/real-broker.js';
import { standInFlux } from '../../support/flux/stand-in-flux.js';
import { stubFlux } from '../../support/flux/study-flux.js';
import { startBroker } from '../../support/flux/study-run.js';
import { policyOf } from '../../support/graphs.js';
import { plainEnvironment, plainHost, WatchedHost } from '../../support/hosts.js';
import { validPlan } from '../../support/plan.js';
import { temporaryDirectory } from '../../support/temporary.js';
import { until } from '../../support/wait.js';
import { FarHost } from './far-host.js';

const why = '`flux: here`';
const addressAt = (socket: string, more: Partial<BrokerAddress> = {}): BrokerAddress => ({
  uri: `local://${socket}`,
  socket,
  why,
  isSystem: false,
  ...more,
});
const socketOf = ({ uri }: { readonly uri: string }) => uri.slice('local://'.length);
const node17 = { user: undefined, name: 'node17', port: undefined };

function factsOf(environment: Readonly<Record<string, string>>, flux = ''): HostFacts {
  return { environment, userid: process.getuid!(), leftOut: [], names: ['localhost'], flux };
}

/** Connects, for as long as the test runs. */
async function connected(host: Host, address: BrokerAddress, facts: HostFacts): Promise<Handle> {
  const handle = await connectTo(host, address, facts, systemClock);
  onTestFinished(() => handle.close());
  return handle;
}

/** What a connection fails with. */
async function failure(attempt: Promise<unknown>): Promise<ConnectionError> {
  const error = await attempt.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(ConnectionError);
  return error as ConnectionError;
}

/** A program that can be run under its name: a bash script. */
function program(name: string, script: string): { readonly directory: string; readonly file: string } {
  const directory = temporaryDirectory();
  const file = path.join(directory, name);
  writeFileSync(file, `#!/bin/bash\n${script}\n`);
  chmodSync(file, 0o755);
  return { directory, file };
}

/**
 * An ssh that goes nowhere: notes its arguments, and gives the last one, the remote command, to a shell that has nothing of
 * our environment, as sshd does.
 */
function sshStub(before = ''): { readonly file: string; readonly directory: string; readonly calls: () => string[][] } {
  const record = path.join(temporaryDirectory(), 'calls');
  const { file, directory } = program(
    'ssh',
    `printf '%s\\0' "$@" $'\\n' >> '${record}'\n${before}\nexec env -i PATH="$PATH" sh -c "\${!#}"`,
  );
  const calls = () => {
    const lines = readFileSync(record, 'utf8').split('\0\n\0').slice(0, -1);
    return lines.map((line) => line.split('\0'));
  };
  return { file, directory, calls };
}

/** A real file of socket kind, which nobody answers at. */
async function socketFile(name = 'local-0'): Promise<string> {
  const file = path.join(temporaryDirectory(), name);
  const server = createServer((socket) => socket.destroy()).listen(file);
  onTestFinished(() => void server.close());
  await until('the socket is there', () => server.listening);
  return file;
}

/** Runs a study with one job on a host that is not this one, and says how its step ended. */
async function studyThrough(host: Host, flux: string): Promise<{ readonly state: string; readonly printed: string }> {
  const studyPath = temporaryDirectory();
  const plan = validPlan({
    batch: { type: 'flux' },
    steps: [{ name: 'run', procs: 1, nested: false, cmd: 'echo "by a job"' }],
  });
  const there = { ...plan, places: { ...plan.places, studyPath } };
  await stage(host, there, { name: 'study.yaml', text: '' });
  const cancel = new AbortController().signal;
  const wanted = { wanted: flux, batch: undefined, env: new Map(), log: () => {} };
  const instance = await FluxInstance.find({ host, clock: systemClock, cancel, ...wanted });
  const log = { phase() {}, endPhase() {}, info() {}, live() {}, problem() {}, error() {}, warning() {} };
  let scheduler: ReturnType<FluxInstance['openScheduler']> | undefined;
  const machine = await conduct({
    ...there,
    policy: policyOf(),
    clock: systemClock,
    schedulers: (listener) => {
      scheduler = instance.openScheduler(there, { log, confirm: async () => {} }, listener);
      return { local: scheduler, batch: scheduler };
    },
  });
  scheduler!.close();
  const [record] = machine.steps;
  const { stdout } = scheduler!.outputs({ step: plan.graph.steps[0]!, id: record!.jobs[0]!.id! });
  return { state: record!.state, printed: readFileSync(path.join(studyPath, stdout), 'utf8') };
}

describe('the ways to a broker', () => {
  const waysTo = (more: Partial<BrokerAddress>, environment: Readonly<Record<string, string>> = {}) =>
    relayPaths(addressAt('/tmp/flux-AbC/local-0', more), '/usr/local/bin/flux', environment);

  it('are one, a relay, on the host itself', () => {
    expect(waysTo({}).map(({ name }) => name)).toEqual(['flux relay']);
  });

  it('begin with ssh to another machine, as whom and where its address says, and without questions', () => {
    const [way, ...others] = waysTo({ node: { user: 'me', name: 'node17', port: 2222 } });
    expect(others).toEqual([]);
    expect(way!.name).toBe('ssh node17');
    expect(way!.command).toMatch(
      /^exec ssh -T -o BatchMode=yes .*-o ConnectTimeout=\d+ .*-p 2222 me@node17 'exec sh -c /,
    );
  });

  it('leave user and port to the configuration of ssh where the address has none', () => {
    const [way] = waysTo({ node: node17 });
    expect(way!.command).toMatch(/ node17 'exec sh -c /);
    expect(way!.command).not.toContain(' -p ');
  });

  it('end with a step of the Slurm job that the broker is in, if that is known', () => {
    const [, way, ...others] = waysTo({ node: node17, slurmJob: '4711' });
    expect(others).toEqual([]);
    expect(way!.name).toBe('srun --overlap');
    expect(way!.command).toMatch(
      /^exec srun --overlap --jobid=4711 --nodes=1 --ntasks=1 --nodelist=node17 --unbuffered --quiet sh -c /,
    );
  });

  it('are one, whatever Slurm job it is in, on the host itself', () => {
    expect(waysTo({ slurmJob: '4711' }).map(({ name }) => name)).toEqual(['flux relay']);
  });
});

describe('a relay on the host', () => {
  it('carries what a broker and its client say', async () => {
    const broker = await startBroker({ version: '0.61.0' });
    const { directory, environment } = standInFlux();
    const facts = factsOf(environment, `${directory}/flux`);
    const host = new FarHost(environment);
    const handle = await connected(host, addressAt(socketOf(broker)), facts);
    expect(await getAttribute(handle, 'version')).toBe('0.61.0');
    const texts = await Promise.all(Array.from({ length: 50 }, () => getAttribute(handle, 'size')));
    expect(new Set(texts)).toEqual(new Set(['1']));
    handle.close();
    await until('the relay has ended', () => host.running === 0);
    await until('the connection is closed', () => broker.connections === 0);
  });

  it('carries a study', async () => {
    const broker = await startBroker();
    const { environment } = standInFlux();
    const host = new FarHost(environment);
    expect(await studyThrough(host, broker.uri)).toEqual({ state: 'FINISHED', printed: 'by a job\n' });
    expect(host.commands.some((command) => command.includes(' relay '))).toBe(true);
    await until('the relay has ended', () => host.running === 0);
  });

  it('is not used where there is a socket to connect to', async () => {
    const broker = await startBroker();
    const host = new WatchedHost();
    const handle = await connected(host, addressAt(socketOf(broker)), factsOf({}));
    expect(await getAttribute(handle, 'size')).toBe('1');
    expect(host.commands).toEqual([]);
    expect([isHere(host, addressAt('/x')), isHere(host, addressAt('/x', { node: node17 }))]).toEqual([true, false]);
    expect(isHere(new FarHost(), addressAt('/x'))).toBe(false);
  });

  it('may be in a place with any name', async () => {
    const directory = path.join(temporaryDirectory(), `it's a "place" $HOME \\ of`);
    mkdirSync(directory);
    const socket = path.join(directory, `lo'cal 0`);
    const server = createServer((connection) => connection.end(Buffer.from([0]))).listen(socket);
    onTestFinished(() => void server.close());
    const flux = path.join(directory, 'flux');
    const given = path.join(directory, 'given');
    writeFileSync(flux, `#!/bin/sh\nprintf '%s\\n' "$@" > "\${0%/*}/given"; printf '\\0'; exec cat > /dev/null\n`);
    chmodSync(flux, 0o755);
    await connected(new FarHost(), addressAt(socket), factsOf({}, flux));
    expect(readFileSync(given, 'utf8')).toBe(`relay\n${socket}\n`);
  });

  it('begins after whatever the shell says first', async () => {
    const broker = await startBroker();
    const { directory, environment } = standInFlux();
    const [way] = relayPaths(addressAt(socketOf(broker)), `${directory}/flux`, {});
    const talkative = {
      name: way!.name,
      command: `echo "*** Welcome to maestro- relay ***"; head -c 100000 /dev/zero; ${way!.command}`,
    };
    const handle = await Handle.connect(relayStream(new FarHost(environment), talkative), systemClock);
    onTestFinished(() => handle.close());
    expect(await getAttribute(handle, 'size')).toBe('1');
  });

  it('finds out that there is no socket: its instance is over', async () => {
    const socket = `/nonexistent/it's here/local-0`;
    const error = await failure(connectTo(new FarHost(), addressAt(socket), factsOf({}, '/bin/false'), systemClock));
    expect(error.code).toBe('ENOENT');
    expect(error.message).toBe(`flux relay: there is no socket at ${socket}`);
  });

  it('finds out that nobody is at the socket: its instance is over', async () => {
    const broker = await startBroker();
    await broker.die();
    const { directory, environment } = standInFlux();
    const facts = factsOf(environment, `${directory}/flux`);
    const error = await failure(connectTo(new FarHost(environment), addressAt(socketOf(broker)), facts, systemClock));
    expect(error.message).toMatch(/^flux relay: .*Connection refused/);
    expect(error.code).toBe('ENOENT');
  });

  it('that there is no flux for says so, and not that the instance is over', async () => {
    const socket = await socketFile();
    const facts = factsOf({}, '/nonexistent/bin/flux');
    const error = await failure(connectTo(new FarHost(), addressAt(socket), facts, systemClock));
    expect(error.message).toContain('/nonexistent/bin/flux');
    expect(error.code).toBeUndefined();
  });

  it('that ends without a word says how', async () => {
    const { directory } = stubFlux('exit 7');
    const facts = factsOf({}, `${directory}/flux`);
    const error = await failure(connectTo(new FarHost(), addressAt(await socketFile()), facts, systemClock));
    expect(error.message).toBe('flux relay: ended with exit 7');
  });

  it('that never begins says in one line what the shell said instead', async () => {
    const stream = relayStream(new FarHost(), {
      name: 'flux relay',
      command: 'echo This account; echo has expired; echo on stderr >&2; exit 1',
    });
    const error = await failure(Handle.connect(stream, systemClock));
    expect(error.message).toBe('flux relay: on stderr / This account / has expired');
    expect(error.code).toBeUndefined();
  });

  it('that dies ends the connection, in its own words, whatever is being written', async () => {
    const { directory } = stubFlux(
      `printf '\\0'; head -c 1 > /dev/null; echo "flux-relay: the node is going down" >&2; exit 3`,
    );
    const host = new FarHost();
    const handle = await connected(host, addressAt(await socketFile()), factsOf({}, `${directory}/flux`));
    const lost = new Promise<ConnectionError>((resolve) => {
      handle.onClose = resolve;
    });
    // Some of them are written after the other end has gone.
    const asked = Array.from({ length: 50 }, async (_, i) => {
      await sleep(i);
      return failure(getAttribute(handle, 'x'.repeat(10_000)));
    });
    const errors = await Promise.all(asked);
    expect((await lost).message).toBe('flux relay: flux-relay: the node is going down');
    expect(new Set(errors.map(({ message }) => message))).toEqual(new Set([(await lost).message]));
  });

  it('that cannot be started at all is a lost connection', async () => {
    const host: Host = new FarHost();
    const broken: Host = {
      name: 'x',
      spawn: (command) => {
        const process = host.spawn(command);
        return { ...process, exit: process.exit.then(() => Promise.reject(new Error('the way to x broke'))) };
      },
    };
    const error = await failure(Handle.connect(relayStream(broken, { name: 'x', command: 'exit 0' }), systemClock));
    expect(error.message).toBe('the way to x broke');
  });

  it('that is refused by the host is told to the user with what to do', async () => {
    const facts = factsOf({}, '/bin/false');
    const error = await openBroker(new FarHost(), facts, addressAt('/nonexistent/local-0'), systemClock).catch(
      (error: unknown) => error,
    );
    expect(error).toBeInstanceOf(BackendError);
    expect((error as Error).message).toMatch(
      /^cannot use the Flux broker local:\/\/\/nonexistent\/local-0, .*: flux relay: there is no socket at \/nonexistent\/local-0 \(its instance has ended/,
    );
  });
});

describe('a relay by ssh', () => {
  it('is started with the program that FLUX_SSH names, and there with the flux of the host', async () => {
    const broker = await startBroker();
    const { directory, environment } = standInFlux();
    const ssh = sshStub();
    const own = { ...environment, FLUX_SSH: ssh.file };
    const address = addressAt(socketOf(broker), { node: { user: 'me', name: 'node17', port: 2222 } });
    const handle = await connected(new FarHost(own), address, factsOf(own, `${directory}/flux`));
    expect(await getAttribute(handle, 'size')).toBe('1');
    const [words, ...others] = ssh.calls();
    expect(others).toEqual([]);
    expect(words!.slice(0, -1)).toEqual(['-p', '2222', 'me@node17']);
    expect(words!.at(-1)).toContain(`exec ${directory}/flux relay ${socketOf(broker)}`);
  });

  it('is started with ssh, without a terminal and without questions, if nothing else is named', async () => {
    const broker = await startBroker();
    const { directory, environment } = standInFlux();
    const ssh = sshStub();
    const own = { ...environment, PATH: `${ssh.directory}:${environment.PATH}` };
    const address = addressAt(socketOf(broker), { node: node17 });
    const handle = await connected(new FarHost(own), address, factsOf(own, `${directory}/flux`));
    expect(await getAttribute(handle, 'size')).toBe('1');
    const options = ['BatchMode=yes', 'ConnectTimeout=20', 'ServerAliveInterval=30'].flatMap((one) => ['-o', one]);
    expect(ssh.calls()[0]!.slice(0, -1)).toEqual(['-T', ...options, 'node17']);
  });

  it('is used to a node even from the machine that this program runs on', async () => {
    const broker = await startBroker();
    const { directory, environment } = standInFlux();
    const ssh = sshStub();
    const own = { ...environment, FLUX_SSH: ssh.file };
    const address = addressAt(socketOf(broker), { node: node17 });
    const handle = await connected(plainHost('', own), address, factsOf(own, `${directory}/flux`));
    expect(await getAttribute(handle, 'size')).toBe('1');
    expect(ssh.calls()).toHaveLength(1);
  });

  it('takes the flux that FLUX_SSH_RCMD names, a command line, and the libraries of the host', async () => {
    const seen = path.join(temporaryDirectory(), 'seen');
    const { file } = program(
      'its flux',
      `printf '%s|' "$LD_LIBRARY_PATH" "$@" > ${seen}; printf '\\0'; exec cat > /dev/null`,
    );
    const own = { FLUX_SSH: sshStub().file, FLUX_SSH_RCMD: `'${file}' --verbose`, LD_LIBRARY_PATH: `/opt/a lib:it's` };
    const socket = await socketFile(`lo'cal "0" $x`);
    await connected(new FarHost(own), addressAt(socket, { node: node17 }), factsOf(own, '/nonexistent/flux'));
    expect(readFileSync(seen, 'utf8')).toBe(`/opt/a lib:it's|--verbose|relay|${socket}|`);
  });

  it('does not set libraries that the host has not set', () => {
    const [way] = relayPaths(addressAt('/s', { node: node17 }), 'flux', { LD_LIBRARY_PATH: '' });
    expect(way!.command).not.toContain('LD_LIBRARY_PATH');
  });

  it('may name a program whose path has blanks and quotes', async () => {
    const seen = path.join(temporaryDirectory(), 'seen');
    const { file } = program(`my "own" ssh's`, `echo "$#" > ${seen}; exec sh -c "\${!#}"`);
    const { directory } = stubFlux(`printf '\\0'; exec cat > /dev/null`);
    const own = { FLUX_SSH: file };
    const address = addressAt(await socketFile(), { node: node17 });
    await connected(new FarHost(own), address, factsOf(own, `${directory}/flux`));
    expect(readFileSync(seen, 'utf8')).toBe('2\n');
  });

  it('finds a socket with any name through two shells, of which the first has words of its own', async () => {
    const seen = path.join(temporaryDirectory(), 'seen');
    const { directory } = stubFlux(`printf '%s' "$2" > ${seen}; printf '\\0'; exec cat > /dev/null`);
    const own = { FLUX_SSH: sshStub('echo "Last login: today"').file };
    const socket = await socketFile(`it's "a" \\ $HOME; & socket`);
    await connected(new FarHost(own), addressAt(socket, { node: node17 }), factsOf(own, `${directory}/flux`));
    expect(readFileSync(seen, 'utf8')).toBe(socket);
  });

  it('finds out that there is no socket on the node: its instance is over', async () => {
    const own = { FLUX_SSH: sshStub().file };
    const address = addressAt('/nonexistent/local-0', { node: node17 });
    const error = await failure(connectTo(new FarHost(own), address, factsOf(own, 'flux'), systemClock));
    expect(error.message).toBe('ssh node17: there is no socket at /nonexistent/local-0');
    expect(error.code).toBe('ENOENT');
  });

  it.each([
    'ssh: connect to host node17 port 22: Connection refused',
    'no such identity: /home/me/.ssh/id_x: No such file or directory',
  ])('that is not let in says nothing of the instance: %s', async (words) => {
    const own = { FLUX_SSH: program('ssh', `echo '${words}' >&2; exit 255`).file };
    const address = addressAt('/tmp/local-0', { uri: 'ssh://node17/tmp/local-0', node: node17 });
    const error = await failure(connectTo(new FarHost(own), address, factsOf(own, 'flux'), systemClock));
    expect(error.message).toBe(`ssh node17: ${words}`);
    expect(error.code).toBeUndefined();
    const told = openBroker(new FarHost(own), factsOf(own, 'flux'), address, systemClock);
    await expect(told).rejects.toThrow(/\(it is on node17, and must be reached by ssh from the host, .*FLUX_SSH/);
  });
});

describe('a broker on a node of a Slurm job', () => {
  const address = (socket: string) => addressAt(socket, { node: node17, slurmJob: '4711' });

  /** An srun that notes its arguments and runs what comes after its options. */
  function srunStub(script = `while [ "\${1#--}" != "$1" ]; do shift; done\nexec "$@"`) {
    const record = path.join(temporaryDirectory(), 'called');
    const { directory } = program('srun', `printf '%s\\n' "$@" > '${record}'\n${script}`);
    return { PATH: `${directory}:${plainEnvironment.PATH}`, called: () => readFileSync(record, 'utf8').split('\n') };
  }

  it('is reached as a step of the job where ssh is refused', async () => {
    const seen = path.join(temporaryDirectory(), 'seen');
    const { directory } = stubFlux(`printf '%s' "$2" > ${seen}; printf '\\0'; exec cat > /dev/null`);
    const { PATH, called } = srunStub();
    const own = { PATH, FLUX_SSH: program('ssh', 'echo Access denied by pam_slurm >&2; exit 255').file };
    const socket = await socketFile(`it's "a" socket`);
    await connected(new FarHost(own), address(socket), factsOf(own, `${directory}/flux`));
    expect(readFileSync(seen, 'utf8')).toBe(socket);
    expect(called().slice(0, 9)).toEqual([
      '--overlap',
      '--jobid=4711',
      '--nodes=1',
      '--ntasks=1',
      '--nodelist=node17',
      '--unbuffered',
      '--quiet',
      'sh',
      '-c',
    ]);
  });

  it('is reached by ssh where that is allowed, and nothing is asked of Slurm', async () => {
    const { directory } = stubFlux(`printf '\\0'; exec cat > /dev/null`);
    const { PATH, called } = srunStub();
    const own = { PATH, FLUX_SSH: sshStub().file };
    await connected(new FarHost(own), address(await socketFile()), factsOf(own, `${directory}/flux`));
    expect(called).toThrow('ENOENT');
  });

  it('that neither leads to is told with the end of each, and the last says whether it is over', async () => {
    const { PATH } = srunStub('echo "srun: error: Invalid job id specified" >&2; exit 1');
    const own = { PATH, FLUX_SSH: program('ssh', 'echo Access denied >&2; exit 255').file };
    const refused = await failure(connectTo(new FarHost(own), address('/s'), factsOf(own, 'flux'), systemClock));
    expect(refused.message).toBe('ssh node17: Access denied; srun --overlap: srun: error: Invalid job id specified');
    expect(refused.code).toBeUndefined();
    const there = { ...own, PATH: srunStub().PATH };
    const over = await failure(connectTo(new FarHost(there), address('/s'), factsOf(there, 'flux'), systemClock));
    expect(over.message).toBe('ssh node17: Access denied; srun --overlap: there is no socket at /s');
    expect(over.code).toBe('ENOENT');
  });
});

const installed = installedFlux();

describe.skipIf(installed === undefined)(`a relay of the real flux (${installed})`, () => {
  /** The `flux` on PATH, for a host that does not have our PATH. */
  const environment = { ...plainEnvironment, PATH: process.env.PATH ?? '' };

  async function realBroker(): Promise<RealBroker> {
    const broker = await RealBroker.start();
    onTestFinished(() => broker.stop());
    return broker;
  }

  it('carries a study', async () => {
    const broker = await realBroker();
    const host = new FarHost(environment);
    expect(await studyThrough(host, broker.uri)).toEqual({ state: 'FINISHED', printed: 'by a job\n' });
    expect(host.commands.some((command) => command.includes(' relay '))).toBe(true);
    await until('the relay has ended', () => host.running === 0);
  });

  it('carries a study by ssh, too', async () => {
    const broker = await realBroker();
    const ssh = sshStub();
    const host = new FarHost({ ...environment, FLUX_SSH: ssh.file });
    expect(await studyThrough(host, `ssh://node17${socketOf(broker)}`)).toMatchObject({ state: 'FINISHED' });
    expect(ssh.calls()).toHaveLength(1);
  });

  it('ends with its broker, which then is nowhere to be found', async () => {
    const broker = await realBroker();
    const host = new FarHost(environment);
    const facts = factsOf(environment, 'flux');
    const handle = await connected(host, addressAt(socketOf(broker)), facts);
    const lost = new Promise<ConnectionError>((resolve) => {
      handle.onClose = resolve;
    });
    await broker.shutDown();
    expect((await lost).message).toMatch(/^flux relay: /);
    await until('the relay has ended', () => host.running === 0);
    const error = await failure(connectTo(host, addressAt(socketOf(broker)), facts, systemClock));
    expect(error.code).toBe('ENOENT');
  });
});

if (installed === undefined) {
  console.warn('There is no flux on PATH: relays were tried with stand-ins ONLY.');
  it.skip('NOT TESTED with the relay of a real flux: there is no flux on PATH', () => {});
}
