// Detached studies: how long `run --detach` takes over loopback SSH, beside a run of the same study that stays; and what a conductor
// costs that waits for a thousand jobs in a queue of Slurm for an hour, by a clock that goes sixty times as fast.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import '../test/flux/typescript.mjs';
import { bundle, inDirectory, inTurns, pick, printRow, skip } from './measure.mjs';
import { runStudy, writeStudy } from './studies.mjs';

const rounds = 5;
const JOBS = 1000;
const BEGIN_MS = 10_000;
/** How long an hour takes with fast-clock.cjs. */
const HOUR_MS = 60_000;

export async function start() {
  if (!fs.existsSync('/usr/sbin/sshd')) return skip('`run --detach` over SSH', 'there is no sshd');
  const { SshServer } = await import('../test/support/ssh-server.ts');
  await inDirectory(async (directory) => {
    const server = await SshServer.start({
      environment: { PATH: `${path.dirname(process.execPath)}:${process.env.PATH}` },
    });
    try {
      const key = await server.newKey();
      const ssh = [
        ...['--host', server.hostPort, '--ssh-key', key.text, '--ssh-known-hosts', server.knownHosts],
        ...['--report-path', path.join(directory, 'report')],
      ];
      const spec = writeStudy(directory, 'eight', [{ cmd: 'true # $(I)' }], { count: 8 });
      const detached = ssh.slice(0, -2);
      // This program is copied once for each version, and the first time.
      await runStudy(directory, bundle, spec, ['--detach', ...detached]);
      const runs = await inTurns(rounds, {
        'a run that stays': () => runStudy(directory, bundle, spec, ssh),
        ours: () => runStudy(directory, bundle, spec, ['--detach', ...detached]),
      });
      printRow('8 steps over SSH with `--detach`, until the program ends', pick(runs, 'wall'), {
        digits: 2,
        beside: 'a run that stays',
      });
    } finally {
      await server.stop();
    }
  });
}

export async function waiting() {
  const { installedSlurm, Slurm } = await import('../test/support/slurm.ts');
  const installed = installedSlurm();
  if (installed !== true) return skip('a conductor that waits', installed);
  await inDirectory(async (directory) => {
    const slurm = await Slurm.start();
    try {
      const env = { ...process.env, ...slurm.environment, HOME: directory, USER: os.userInfo().username };
      const batch = { type: 'slurm', host: 'here', bank: '', queue: '', args: { hold: '' } };
      const spec = writeStudy(directory, 'held', [{ cmd: 'true # $(I)' }], { batch, run: { procs: 1 }, count: JOBS });
      // A detached conductor is a run on its own machine, by the same code.
      const words = ['--require', path.join(import.meta.dirname, 'fast-clock.cjs'), bundle, 'run', spec];
      const conductor = spawn(process.execPath, [...words, '--output-path', path.join(directory, 'study')], {
        env,
        stdio: 'ignore',
      });
      const ended = once(conductor, 'exit');
      while ((await slurm.queue()).length < JOBS) await sleep(500);
      // The states of what was submitted last are asked for soon after, and what waits for a time of before may take half a minute.
      await sleep(BEGIN_MS);
      process.kill(conductor.pid, 'SIGUSR2');
      const before = cpuSeconds(conductor.pid);
      await sleep(HOUR_MS);
      const hour = cpuSeconds(conductor.pid) - before;
      const peak = Number(/^VmHWM:\s*(\d+)/m.exec(fs.readFileSync(`/proc/${conductor.pid}/status`, 'utf8'))[1]) / 1024;
      const work = `a conductor that waits for ${JOBS} jobs`;
      printRow(
        `${work}, CPU of an hour`,
        { ours: [hour], [bare]: [await bareBeats(directory)] },
        { most: 1, beside: bare },
      );
      printRow(`${work}, memory at most`, { ours: [peak] }, { unit: 'MB', digits: 0, most: 150 });
      conductor.kill('SIGKILL');
      await ended;
    } finally {
      await slurm.stop();
    }
  });
}

const bare = 'its heartbeats and looks alone';

/** The CPU of an hour of a program that does nothing but these. */
async function bareBeats(directory) {
  const script = path.join(import.meta.dirname, 'bare-beats.mjs');
  const { stdout } = await promisify(execFile)(process.execPath, [script, path.join(directory, 'beats')]);
  return Number(stdout);
}

/** What a process has used, in user and system. */
function cpuSeconds(pid) {
  const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  const TICKS_PER_SECOND = 100;
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}
