// Jobs of Flux: this bundle beside Flux's own commands, on one real broker, in turns; the jobs are `true`, `nested: false`.
// Needs `flux` on PATH, and starts an instance of its own. With LONG_BENCH=1 10,000 jobs too (some 15 minutes).
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { connect } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { mean, stepTime } from './studies.mjs';

const self = fileURLToPath(import.meta.url);
const bundle = fileURLToPath(new URL('../dist/index.js', import.meta.url));
const seconds = (number) => `${number.toFixed(1)} s`;

export default function bench() {
  if (spawnSync('flux', ['version']).error !== undefined) {
    console.log('not run: there is no `flux` on PATH');
    return;
  }
  const { status } = spawnSync('flux', ['start', process.execPath, self], { stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) throw new Error(`the benchmark failed: exit ${status}`);
}

async function inside() {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'bench-'));
  try {
    await chain(directory, 100);
    await fan(directory, 1000, 3);
    await waiting(directory, 1000);
    await maestros(directory);
    if (process.env.LONG_BENCH === '1') await fan(directory, 10_000, 1);
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
}

/** Runs a command to its end: its wall time in seconds, and the most memory that it had, in MB. */
async function timed(words, directory) {
  const begin = performance.now();
  const [program, ...args] = words;
  const child = spawn(program, args, { cwd: directory, stdio: ['ignore', 'ignore', 'pipe'] });
  let [memory, errors] = [0, ''];
  child.stderr.on('data', (data) => (errors += data));
  const watch = setInterval(() => (memory = peak(child.pid) ?? memory), 200);
  const code = await new Promise((resolve, reject) => child.on('close', resolve).on('error', reject));
  clearInterval(watch);
  if (code !== 0) throw new Error(`${words.join(' ')}: exit ${code}: ${errors}`);
  return { wall: (performance.now() - begin) / 1000, memory };
}

function peak(pid) {
  try {
    return Number(/VmHWM:\s*(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;
  } catch {
    return undefined;
  }
}

/** CPU time that a process has used, in seconds. */
function cpu(pid) {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

const numbers = (count) => Array.from({ length: count }, (_, i) => i + 1);

function study(directory, name, steps, values) {
  const run = (more) => ({ procs: 1, nested: false, ...more });
  const spec = {
    description: { name, description: 'a benchmark' },
    batch: { type: 'flux' },
    study: steps.map(({ cmd, ...more }, i) => ({ name: `s${i}`, description: 'a step', run: run({ cmd, ...more }) })),
    ...(values === undefined ? {} : { 'global.parameters': { I: { values, label: 'I.%%' } } }),
  };
  const file = path.join(directory, `${name}.yaml`);
  fs.writeFileSync(file, JSON.stringify(spec));
  return file;
}

let runs = 0;

function ours(directory, spec) {
  runs += 1;
  const output = path.join(directory, `study-${runs}`);
  return { words: [process.execPath, bundle, 'run', spec, '--output-path', output], output };
}

async function fan(directory, count, rounds) {
  const spec = study(directory, `fan-${count}`, [{ cmd: 'true # $(I)' }], numbers(count));
  const theirs = ['flux', 'submit', `--cc=1-${count}`, '--quiet', '--wait', 'true'];
  const [flux, own] = [[], []];
  // In turns, theirs first and last: brokers slow down with the jobs that they remember.
  for (let round = 0; round < rounds; round++) {
    flux.push(await timed(theirs, directory));
    own.push(await timed(ours(directory, spec).words, directory));
  }
  flux.push(await timed(theirs, directory));
  const [a, b] = [flux, own].map((all) => mean(all.map(({ wall }) => wall)));
  const all = (results) => results.map(({ wall }) => wall.toFixed(1)).join(', ');
  console.log(`fan of ${count}: ours ${seconds(b)} (${all(own)}), flux submit --cc ${seconds(a)} (${all(flux)})`);
  console.log(
    `  ${(b / a).toFixed(2)} times as long (target: 1.15); memory ${Math.max(...own.map((r) => r.memory)).toFixed(0)} MB`,
  );
}

/** Steps that wait for each other, beside jobs that are submitted one after the other by the bare protocol. */
async function chain(directory, count) {
  const steps = numbers(count).map((i) => ({ cmd: 'true', ...(i > 1 ? { depends: [`s${i - 2}`] } : {}) }));
  const spec = study(directory, `chain-${count}`, steps);
  const [own, bare] = [[], []];
  for (let round = 0; round < 3; round++) {
    bare.push(await bareJobs(count));
    const { words, output } = ours(directory, spec);
    await timed(words, directory);
    own.push(stepTime(JSON.parse(fs.readFileSync(path.join(output, '.conductor/report/report.json'), 'utf8'))));
  }
  const [a, b] = [mean(bare), mean(own)];
  console.log(`chain of ${count}: ours ${b.toFixed(1)} ms a step, a bare job from submit to clean ${a.toFixed(1)} ms`);
  console.log(`  ${(b / a).toFixed(2)} times as long (target: 1.3)`);
}

async function bareJobs(count) {
  // Compiled by `npm run build`, as the bundle is.
  const { Handle } = await import('../build/flux/handle.js');
  const { submitJob, watchEventlog } = await import('../build/flux/requests.js');
  const { signNone } = await import('../build/flux/jobspec.js');
  const { systemClock } = await import('../build/util/clock.js');
  const handle = await Handle.connect(connect(process.env.FLUX_URI.replace('local://', '')), systemClock);
  const slot = { type: 'slot', count: 1, with: [{ type: 'core', count: 1 }], label: 'task' };
  const jobspec = {
    resources: [slot],
    tasks: [{ command: ['true'], slot: 'task', count: { per_slot: 1 } }],
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
  return (performance.now() - begin) / count;
}

/** What it costs that jobs wait: all cores are taken meanwhile. */
async function waiting(directory, count) {
  const cores = os.availableParallelism();
  const blocker = spawnSync('flux', ['submit', '-n', String(cores), 'sleep', '60'], { encoding: 'utf8' }).stdout.trim();
  const spec = study(directory, 'waiting', [{ cmd: 'true # $(I)' }], numbers(count));
  const [program, ...args] = ours(directory, spec).words;
  const child = spawn(program, args, { stdio: 'ignore' });
  const ended = new Promise((resolve) => child.on('close', resolve));
  const broker = Number(spawnSync('flux', ['getattr', 'broker.pid'], { encoding: 'utf8' }).stdout);
  await new Promise((resolve) => setTimeout(resolve, 20_000));
  const pending = spawnSync('flux', ['jobs', '-n', '-c', '0', '--filter=pending', '-o', '{id}'], { encoding: 'utf8' });
  const waitingJobs = pending.stdout.trim().split('\n').length;
  if (waitingJobs !== count) throw new Error(`${waitingJobs} of ${count} jobs wait: this measures something else`);
  const before = [cpu(child.pid), cpu(broker)];
  await new Promise((resolve) => setTimeout(resolve, 10_000));
  const [conductor, instance] = [cpu(child.pid) - before[0], cpu(broker) - before[1]];
  console.log(
    `while ${count} jobs wait 10 s: CPU of the conductor ${conductor.toFixed(2)} s, of the broker ${instance.toFixed(2)} s`,
  );
  spawnSync('flux', ['cancel', blocker]);
  child.kill('SIGINT');
  await ended;
}

/** The studies whose times with Maestro 1.1 at `-s 1` are known: 23.2 s and 36.5 s on a machine of this class. */
async function maestros(directory) {
  const steps = numbers(10).map((i) => ({ cmd: 'true', ...(i > 1 ? { depends: [`s${i - 2}`] } : {}) }));
  const chainOfTen = await timed(ours(directory, study(directory, 'ten', steps)).words, directory);
  console.log(
    `chain of 10: ${seconds(chainOfTen.wall)}; Maestro 1.1 takes 23.2 s, ${(23.2 / chainOfTen.wall).toFixed(0)} times as long`,
  );
  const funnel = [{ cmd: 'true # $(I)' }, { cmd: 'true', depends: ['s0_*'] }];
  const twenty = await timed(ours(directory, study(directory, 'twenty', funnel, numbers(20))).words, directory);
  console.log(
    `fan of 20 and funnel: ${seconds(twenty.wall)}; Maestro 1.1 takes 36.5 s, ${(36.5 / twenty.wall).toFixed(0)} times as long`,
  );
}

if (process.argv[1] === self) await inside();
