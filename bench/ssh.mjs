// What SSH costs: this bundle over a real OpenSSH server on loopback, beside itself on the broker's own socket, in turns.
// Needs sshd, `flux` on PATH, and a Node that strips types (24, as `npm run bench` has).
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import '../test/flux/typescript.mjs';
import { chainOf, mean, run, stepTime } from './studies.mjs';

const self = fileURLToPath(import.meta.url);

export default function bench() {
  const missing = ['flux', 'ssh-keygen'].filter((name) => spawnSync(name, ['--version']).error !== undefined);
  if (!fs.existsSync('/usr/sbin/sshd')) missing.push('sshd');
  if (missing.length > 0) return console.log(`not run: there is no ${missing.join(', no ')}`);
  const { status } = spawnSync('flux', ['start', process.execPath, self], { stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) throw new Error(`the benchmark failed: exit ${status}`);
}

async function inside() {
  const { SshServer } = await import('../test/support/ssh-server.ts');
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'bench-'));
  const server = await SshServer.start();
  try {
    const key = await server.newKey();
    await firstJob(directory, server, key);
    await staging(server, key);
    await chains(directory, server, key);
  } finally {
    await server.stop();
    fs.rmSync(directory, { recursive: true });
  }
}

const uri = process.env.FLUX_URI;
const setup = `PATH=${process.env.PATH}`;

/** The words that make a run go to the server. */
function bySsh(server, key, client) {
  return [
    ...['--host', server.hostPort, '--ssh-known-hosts', server.knownHosts, '--ssh-key', key.text],
    ...['--ssh-client', client, '--flux', uri, '--setup', setup],
  ];
}

async function firstJob(directory, server, key) {
  const spec = chainOf(directory, 1);
  for (const client of ['ssh2', 'openssh']) {
    const times = [];
    for (let round = 0; round < 5; round++) {
      const begin = Date.now();
      const report = await run(directory, spec, bySsh(server, key, client));
      times.push((Date.parse(report.steps[0].submitted) - begin) / 1000);
    }
    const all = times.map((time) => time.toFixed(2)).join(', ');
    console.log(`from start to the first job, ${client}: ${mean(times).toFixed(2)} s (${all}; target: 1.5 s)`);
  }
}

/** The scripts of 2,000 steps, as a run stages them. */
async function staging(server, key) {
  const { planStudy } = await import('../build/run/plan.js');
  const { readSpec } = await import('../build/spec/read.js');
  const { Source } = await import('../build/spec/source.js');
  const { toParameter } = await import('../build/study/parameters.js');
  const { stage } = await import('../build/run/stage.js');
  const { openHost } = await import('../test/support/ssh-hosts.ts');
  const values = Array.from({ length: 2000 }, (_, i) => i);
  const text = JSON.stringify({
    description: { name: 'fan', description: 'a benchmark' },
    batch: { type: 'flux' },
    study: [{ name: 'run', description: 'a step', run: { cmd: 'true # $(I)', procs: 1 } }],
    'global.parameters': { I: { values, label: 'I.%%' } },
  });
  const { spec } = readSpec(new Source('fan.yaml', text), {});
  const { LocalHost } = await import('../build/hosts/local-host.js');
  const wanted = { host: server.hostPort, knownHosts: server.knownHosts, key: key.text, temporary: os.tmpdir() };
  // In memory, if there is such a place: how quick a disk makes 6,000 files and directories is no matter of SSH.
  const place = fs.existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir();
  for (const client of ['this machine', 'ssh2', 'openssh']) {
    const isHere = client === 'this machine';
    const host = isHere ? new LocalHost({ PATH: process.env.PATH }) : await openHost(client, wanted);
    const times = [];
    for (let round = 0; round < 3; round++) {
      const studyPath = fs.mkdtempSync(path.join(place, 'bench-stage-'));
      const places = { studyPath, specRoot: '/', workingDirectory: '/' };
      const { plan } = planStudy(spec, spec.parameters.map(toParameter), places, { hashWorkspaces: false });
      const begin = performance.now();
      await stage(host, plan, { name: 'fan.yaml', text });
      times.push((performance.now() - begin) / 1000);
      const staged = fs.readdirSync(path.join(studyPath, 'run')).length;
      if (staged !== values.length) throw new Error(`${staged} steps were staged`);
      fs.rmSync(studyPath, { recursive: true });
    }
    if (!isHere) host.close();
    const all = times.map((time) => time.toFixed(2)).join(', ');
    console.log(`scripts of 2,000 steps, ${client}: ${mean(times).toFixed(2)} s (${all}; target: 1 s)`);
  }
}

async function chains(directory, server, key) {
  const spec = chainOf(directory, 100);
  const times = { socket: [], ssh2: [], openssh: [] };
  for (let round = 0; round < 3; round++) {
    for (const way of Object.keys(times)) {
      const words = way === 'socket' ? ['--flux', uri] : bySsh(server, key, way);
      times[way].push(stepTime(await run(directory, spec, words)));
    }
  }
  const local = mean(times.socket);
  console.log(`chain of 100: on the broker's socket ${local.toFixed(1)} ms a step`);
  for (const client of ['ssh2', 'openssh']) {
    const time = mean(times[client]);
    console.log(`  ${client}: ${time.toFixed(1)} ms, ${(time / local).toFixed(2)} times as long (target: 1.2)`);
  }
}

if (process.argv[1] === self) await inside();
