// Jobs of Flux: the program beside Flux's own commands and beside bare requests, on one real broker, in turns; the jobs are
// `true`, `nested: false`. Needs `flux` on PATH, and starts an instance of its own.
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { connect } from 'node:net';
import os from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { bundle, inDirectory, inTurns, isLong, median, ofPrograms, pick, printRow, skip, timed } from './measure.mjs';
import { chainSteps, fluxJob, jobIds, journalTime, runStudy, writeStudy } from './studies.mjs';

const self = fileURLToPath(import.meta.url);

/** Runs a script and its arguments as the initial program of a new Flux instance. */
export function inFlux(what, script, ...args) {
  if (spawnSync('flux', ['version']).error !== undefined) return skip(what, 'there is no `flux` on PATH');
  const words = ['start', process.execPath, script, ...args];
  const { status } = spawnSync('flux', words, { stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) throw new Error(`the benchmark failed: exit ${status}`);
}

export const chain = () => inFlux('a chain of jobs of Flux', self, 'chain');
export const fan = () => inFlux('300 jobs of Flux', self, 'fan', '300');
export const fan1000 = () => inFlux('1,000 jobs of Flux', self, 'fan', '1000');
export const waiting = () => inFlux('1,000 jobs of Flux that wait', self, 'waiting');

/** Steps that wait for each other, beside jobs that are submitted one after the other by the bare protocol. */
async function measureChain(directory) {
  const length = 40;
  const spec = writeStudy(directory, 'chain', chainSteps(length), fluxJob);
  const runs = await inTurns(3, {
    'bare requests': async () => ({ time: await bareJobs(length, ['true']) }),
    'requests, least launcher': async () => ({ time: await bareJobs(length, leastLauncher(directory)) }),
    ...ofPrograms(async (program) => {
      const { output } = await runStudy(directory, program, spec);
      return { time: journalTime(output), jobs: jobIds(output).reduce((sum, id) => sum + submitToClean(id), 0) };
    }),
  });
  const perStep = (values) =>
    Object.fromEntries(Object.entries(values).map(([name, all]) => [name, all.map((time) => time / length)]));
  const times = perStep(pick(runs, 'time'));
  printRow('a step of a chain of 40 jobs of Flux', times, {
    unit: 'ms',
    digits: 1,
    beside: 'bare requests',
    ratio: 1.1,
  });
  printRow('the same, beside jobs that run once', times, {
    unit: 'ms',
    digits: 1,
    beside: 'requests, least launcher',
  });
  const own = perStep({
    ours: runs.ours.map(({ time }) => time),
    'its jobs, submit to clean': runs.ours.map(({ jobs }) => jobs),
  });
  printRow('the same, beside its own jobs', own, { unit: 'ms', digits: 1, beside: 'its jobs, submit to clean' });
}

/** Milliseconds between the first and the last event of a job. */
function submitToClean(id) {
  const { stdout } = spawnSync('flux', ['job', 'eventlog', '--format=json', id], { encoding: 'utf8' });
  const events = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const at = (name) => events.find((event) => event.name === name).timestamp * 1000;
  return at('clean') - at('submit');
}

/**
 * A command as short as can be of a job that runs its script only if no other job has: a claim, the script, its exit status. What
 * the launcher adds to it is for scripts that end badly.
 */
function leastLauncher(directory) {
  const claims = fs.mkdtempSync(`${directory}/claims-`);
  const write = (name, text) => fs.writeFileSync(`${claims}/${name}`, `#!/bin/bash\n${text}\n`, { mode: 0o755 });
  write('script', 'true');
  write(
    'launcher',
    [
      `claim=${claims}/$FLUX_JOB_ID`,
      'set -C; echo $FLUX_JOB_ID > $claim || exit',
      `${claims}/script; echo $? > $claim.exit`,
    ].join('\n'),
  );
  return [`${claims}/launcher`];
}

/** Milliseconds for jobs of which each is submitted once the one before is clean. */
async function bareJobs(count, command) {
  // Compiled by `npm run build`, as the bundle is.
  const { Handle } = await import('../build/flux/handle.js');
  const { submitJob, watchEventlog } = await import('../build/flux/requests.js');
  const { signNone } = await import('../build/flux/jobspec.js');
  const { systemClock } = await import('../build/util/clock.js');
  const handle = await Handle.connect(connect(process.env.FLUX_URI.replace('local://', '')), systemClock);
  const slot = { type: 'slot', count: 1, with: [{ type: 'core', count: 1 }], label: 'task' };
  const jobspec = {
    resources: [slot],
    tasks: [{ command, slot: 'task', count: { per_slot: 1 } }],
    attributes: { system: { duration: 0, cwd: '/tmp', environment: process.env } },
    version: 1,
  };
  const signed = signNone(JSON.stringify(jobspec), process.getuid());
  const begin = performance.now();
  for (let i = 0; i < count; i++) {
    const id = await submitJob(handle, signed, 16);
    await new Promise((onEnd) => watchEventlog(handle, id, { onEvents() {}, onEnd }));
  }
  handle.close();
  return performance.now() - begin;
}

async function measureFan(directory, count, rounds) {
  const spec = writeStudy(directory, `fan-${count}`, [{ cmd: 'true # $(I)' }], { ...fluxJob, count });
  const theirs = ['flux', 'submit', `--cc=1-${count}`, '--quiet', '--wait'];
  const runs = await inTurns(rounds, {
    'flux submit': () => timed([...theirs, 'true'], { cwd: directory }),
    'flux submit, least launcher': () => timed([...theirs, ...leastLauncher(directory)], { cwd: directory }),
    ...ofPrograms((program) => runStudy(directory, program, spec)),
  });
  const work = `fan-out of ${count.toLocaleString('en')} jobs of Flux, whole process`;
  printRow(work, pick(runs, 'wall'), { digits: 1, beside: 'flux submit', ratio: 1.03 });
  printRow('the same, beside jobs that run once', pick(runs, 'wall'), {
    digits: 1,
    beside: 'flux submit, least launcher',
  });
  console.log(`  peak memory ${median(runs.ours.map(({ memory }) => memory)).toFixed(0)} MB`);
}

/** What it costs that jobs wait: all cores are taken meanwhile. */
async function measureWaiting(directory, count) {
  const cores = os.availableParallelism();
  const blocker = spawnSync('flux', ['submit', '-n', String(cores), 'sleep', 'inf'], {
    encoding: 'utf8',
  }).stdout.trim();
  const spec = writeStudy(directory, 'waiting', [{ cmd: 'true # $(I)' }], { ...fluxJob, count });
  const words = [bundle, 'run', spec, '--output-path', `${directory}/waiting-study`];
  const child = spawn(process.execPath, words, { stdio: 'ignore' });
  const ended = new Promise((resolve) => child.on('close', resolve));
  const broker = Number(spawnSync('flux', ['getattr', 'broker.pid'], { encoding: 'utf8' }).stdout);
  await allWait(count);
  // What follows from the last submit is over by then.
  await sleep(2_000);
  const before = [cpu(child.pid), cpu(broker)];
  await sleep(10_000);
  const [conductor, instance] = [cpu(child.pid) - before[0], cpu(broker) - before[1]];
  console.log(
    `while ${count} jobs wait 10 s: CPU of the conductor ${conductor.toFixed(2)} s, of the broker ${instance.toFixed(2)} s`,
  );
  spawnSync('flux', ['cancel', blocker]);
  child.kill('SIGINT');
  await ended;
}

/** Resolves once as many jobs are pending. */
async function allWait(count) {
  const list = ['jobs', '-n', '-c', '0', '--filter=pending', '-o', '{id}'];
  for (const end = Date.now() + 300_000; ; await sleep(1_000)) {
    const pending = spawnSync('flux', list, { encoding: 'utf8' }).stdout.split('\n').length - 1;
    if (pending === count) return;
    if (Date.now() > end) throw new Error(`${pending} of ${count} jobs wait: this measures something else`);
  }
}

/** CPU time that a process has used, in seconds. */
function cpu(pid) {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

if (process.argv[1] === self) {
  const [part, count] = process.argv.slice(2);
  await inDirectory(async (directory) => {
    if (part === 'chain') await measureChain(directory);
    else if (part === 'waiting') await measureWaiting(directory, 1000);
    else {
      // Brokers slow down with the jobs that they remember, so the turns matter here most of all.
      await measureFan(directory, Number(count), Number(count) < 1000 ? 2 : 1);
      if (count === '1000' && isLong) await measureFan(directory, 10_000, 1);
    }
  });
}
