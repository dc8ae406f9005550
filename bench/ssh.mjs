// What SSH costs, with a real OpenSSH server on loopback: round trips, from how much longer it takes behind a line of 50 ms than
// behind one of 0 ms; jobs of Flux over SSH beside the broker's own socket; and staging. Needs sshd, and a Node that strips
// types (24, as `npm run bench` has).
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import '../test/flux/typescript.mjs';
import { inFlux } from './flux.mjs';
import { bundle, inDirectory, inTurns, memory, printRow, skip, timed } from './measure.mjs';
import { chainSteps, fluxJob, journalTime, runStudy, writeStudy } from './studies.mjs';

const self = fileURLToPath(import.meta.url);
const ROUND_TRIP_MS = 50;
const clients = ['ssh2', 'openssh'];

/** Calls `body` with a server and a key that it takes, or says what is missing. */
async function withServer(what, body) {
  const missing = ['ssh', 'ssh-keygen'].filter((name) => spawnSync(name, ['-V']).error !== undefined);
  if (!fs.existsSync('/usr/sbin/sshd')) missing.push('sshd');
  if (missing.length > 0) return skip(what, `there is no ${missing.join(', no ')}`);
  const { SshServer } = await import('../test/support/ssh-server.ts');
  await inDirectory(async (directory) => {
    const server = await SshServer.start();
    try {
      const key = await server.newKey();
      await body({ directory, server, key });
    } finally {
      await server.stop();
    }
  });
}

/** The words that make a run go to the server, through a port in front of it. */
const bySsh = ({ server, key }, client, port = server.port) => [
  ...['--host', `${server.user}@127.0.0.1:${port}`, '--ssh-key', key.text, '--ssh-client', client],
  ...['--ssh-known-hosts', knownHosts(server, port)],
];

const knownHosts = (server, port) => server.knownHosts.replaceAll(`:${server.port} `, `:${port} `);

/** A port whose bytes reach the server, and come back, after half a round trip each way. Order and chunks are kept. */
async function delayLine(target, roundTripMs) {
  const sockets = new Set();
  const carry = (from, to) => {
    const later = (act) => setTimeout(act, roundTripMs / 2);
    from.on('data', (chunk) => later(() => to.destroyed || to.write(chunk)));
    from.on('end', () => later(() => to.end()));
    from.on('error', () => to.destroy());
  };
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const there = net.connect({ port: target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    carry(client, there);
    carry(there, client);
    for (const socket of [client, there]) {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { port: server.address().port, close };
}

export default async function roundTrips() {
  await withServer('round trips over SSH', async (site) => {
    const lines = [await delayLine(site.server.port, 0), await delayLine(site.server.port, ROUND_TRIP_MS)];
    try {
      await starts(site, lines);
      await chain(site, lines);
    } finally {
      for (const line of lines) line.close();
    }
  });
}

/** Measures times behind each line in turns. Returns how many round trips longer the second is, as one value a round. */
async function roundTripsOf(rounds, lines, contenders) {
  const values = await inTurns(
    rounds,
    Object.fromEntries(
      Object.entries(contenders).map(([name, measure]) => [
        name,
        async (round) => {
          const times = [];
          for (const line of round % 2 === 0 ? lines : lines.toReversed()) times.push(await measure(line.port));
          const [near, far] = round % 2 === 0 ? times : times.reverse();
          return (far - near) / ROUND_TRIP_MS;
        },
      ]),
    ),
  );
  const { [clients[0]]: ours, ...others } = values;
  return { ours, ...others };
}

/** When a command began that wrote its time into a file, in milliseconds. */
const timeIn = (file) => Number(fs.readFileSync(file, 'utf8')) / 1e6;

/** From process start to the first command of the first step, and to the end of a bare `ssh host true`. */
async function starts(site, lines) {
  const { directory, server, key } = site;
  const spec = writeStudy(directory, 'start', [{ cmd: 'date +%s%N > began' }]);
  const known = path.join(directory, 'known_hosts');
  fs.writeFileSync(
    known,
    [server.port, ...lines.map(({ port }) => port)].map((port) => knownHosts(server, port)).join(''),
  );
  const options = ['-F', 'none', '-o', `UserKnownHostsFile=${known}`, '-o', 'IdentitiesOnly=yes', '-i', key.path];
  const bare = async (port) =>
    (await timed(['ssh', ...options, '-p', String(port), `${server.user}@127.0.0.1`, 'true'])).wall * 1000;
  const first = (client) => async (port) => {
    const begin = Date.now();
    const { output } = await runStudy(directory, bundle, spec, bySsh(site, client, port));
    return timeIn(path.join(output, 's0/began')) - begin;
  };
  const own = Object.fromEntries(clients.map((client) => [client, first(client)]));
  const values = await roundTripsOf(5, lines, { 'ssh host true': bare, ...own });
  printRow('over SSH, from process start to the first step', values, {
    unit: 'round trips',
    digits: 1,
    beside: 'ssh host true',
    most: 20,
  });
}

/** A chain of local steps: each end has to come here, and each start to go there. */
async function chain(site, lines) {
  const length = 20;
  const spec = writeStudy(site.directory, 'chain', chainSteps(length, 'date +%s%N > began'));
  const time = (client) => async (port) => {
    const { output } = await runStudy(site.directory, bundle, spec, bySsh(site, client, port));
    const [begin, end] = [0, length - 1].map((i) => timeIn(path.join(output, `s${i}/began`)));
    return (end - begin) / (length - 1);
  };
  const own = Object.fromEntries(clients.map((client) => [client, time(client)]));
  const values = await roundTripsOf(3, lines, own);
  printRow('over SSH, a step of a chain of 20 local ones', values, { unit: 'round trips', most: 1.2 });
}

/** The scripts of 2,000 steps, as a run stages them, beside staging them on this machine. */
export async function staging() {
  await withServer('staging over SSH', async ({ server, key }) => {
    const { planStudy } = await import('../build/run/plan.js');
    const { readSpec } = await import('../build/spec/read.js');
    const { Source } = await import('../build/spec/source.js');
    const { toParameter } = await import('../build/study/parameters.js');
    const { stage } = await import('../build/run/stage.js');
    const { LocalHost } = await import('../build/hosts/local-host.js');
    const { openHost } = await import('../test/support/ssh-hosts.ts');
    const values = Array.from({ length: 2000 }, (_, i) => i);
    const text = JSON.stringify({
      description: { name: 'fan', description: 'a benchmark' },
      batch: { type: 'flux' },
      study: [{ name: 'run', description: 'a step', run: { cmd: 'true # $(I)', procs: 1 } }],
      'global.parameters': { I: { values, label: 'I.%%' } },
    });
    const { spec } = readSpec(new Source('fan.yaml', text), {});
    await inDirectory(async (directory) => {
      const wanted = { host: server.hostPort, knownHosts: server.knownHosts, key: key.text, temporary: directory };
      const hosts = { 'this machine': new LocalHost({ PATH: process.env.PATH }) };
      for (const client of clients) hosts[client === 'ssh2' ? 'ours' : client] = await openHost(client, wanted);
      const stageOn = (host) => async () => {
        const studyPath = fs.mkdtempSync(path.join(directory, 'stage-'));
        const places = { studyPath, specRoot: '/', workingDirectory: '/' };
        const { plan } = planStudy(spec, spec.parameters.map(toParameter), places, { hashWorkspaces: false });
        const begin = performance.now();
        await stage(host, plan, { name: 'fan.yaml', text });
        const seconds = (performance.now() - begin) / 1000;
        const staged = fs.readdirSync(path.join(studyPath, 'run')).length;
        if (staged !== values.length) throw new Error(`${staged} steps were staged`);
        fs.rmSync(studyPath, { recursive: true });
        return seconds;
      };
      const contenders = Object.fromEntries(Object.entries(hosts).map(([name, host]) => [name, stageOn(host)]));
      const times = await inTurns(5, contenders);
      for (const [name, host] of Object.entries(hosts)) if (name !== 'this machine') host.close();
      printRow('scripts of 2,000 steps staged over SSH', times, { beside: 'this machine' });
    }, memory);
  });
}

export const flux = () => inFlux('jobs of Flux over SSH', self);

/** Jobs of Flux over SSH, beside the broker's own socket. */
async function chainsOfFlux() {
  const uri = process.env.FLUX_URI;
  const toFlux = ['--flux', uri, '--setup', `PATH=${process.env.PATH}`];
  await withServer('jobs of Flux over SSH', async (site) => {
    const length = 40;
    const spec = writeStudy(site.directory, 'chain', chainSteps(length), fluxJob);
    const reports = path.join(site.directory, 'reports');
    const time = async (words) => {
      const { output } = await runStudy(site.directory, bundle, spec, [...words, '--report-path', reports]);
      return journalTime(output) / length;
    };
    const values = await inTurns(3, {
      "the broker's socket": () => time(['--flux', uri]),
      ours: () => time([...bySsh(site, 'ssh2'), ...toFlux]),
      openssh: () => time([...bySsh(site, 'openssh'), ...toFlux]),
    });
    const row = { unit: 'ms', digits: 1, beside: "the broker's socket", ratio: 1.2 };
    printRow('a step of a chain of 40 jobs of Flux over SSH', values, row);
  });
}

if (process.argv[1] === self) await chainsOfFlux();
