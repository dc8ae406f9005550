// Jobs of a real Slurm of one node, all to itself: this bundle beside bare `sbatch` commands and beside real Maestro, in turns.
// Needs Debian's slurm-wlm and munge, and a Node that strips types (24, as `npm run bench` has).
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import '../test/flux/typescript.mjs';
import { mean, stepTime } from './studies.mjs';

const bundle = path.resolve(import.meta.dirname, '../dist/index.js');
const commands = ['sbatch', 'squeue', 'sacct', 'scontrol', 'scancel', 'sacctmgr', 'sinfo'];
const seconds = (number) => `${number.toFixed(1)} s`;
const rounds = 3;

export default async function bench() {
  const { installedSlurm, Slurm } = await import('../test/support/slurm.ts');
  const installed = installedSlurm();
  if (installed !== true) return console.log(`not run: ${installed}`);
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'bench-'));
  const slurm = await Slurm.start({ cpus: 64 });
  try {
    const site = siteOf(directory, slurm);
    await fan(site, 200);
    await chain(site, 20);
    await maestros(site);
  } finally {
    await slurm.stop();
    fs.rmSync(directory, { recursive: true });
  }
}

/** How programs find the Slurm, and a PATH on which its commands write down that they were called. */
function siteOf(directory, slurm) {
  const calls = path.join(directory, 'calls');
  const counting = path.join(directory, 'counting');
  fs.mkdirSync(counting);
  const found = (name) => process.env.PATH.split(':').find((each) => fs.existsSync(path.join(each, name)));
  for (const name of commands) {
    const script = `#!/bin/sh\necho ${name} >> ${calls}\nexec ${path.join(found(name), name)} "$@"\n`;
    fs.writeFileSync(path.join(counting, name), script, { mode: 0o755 });
  }
  const plain = { ...process.env, ...slurm.environment, USER: os.userInfo().username };
  return { directory, slurm, calls, plain, counted: { ...plain, PATH: `${counting}:${process.env.PATH}` } };
}

/** Runs a command to its end. Returns its wall time in seconds. */
async function timed(words, cwd, env) {
  const begin = performance.now();
  const [program, ...args] = words;
  const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (data) => (errors += data));
  const code = await new Promise((resolve, reject) => child.on('close', resolve).on('error', reject));
  if (code !== 0) throw new Error(`${words.join(' ')}: exit ${code}: ${errors}`);
  return (performance.now() - begin) / 1000;
}

const batch = { type: 'slurm', host: 'here', bank: '', queue: '' };

function study(directory, name, steps, values) {
  const spec = {
    description: { name, description: 'a benchmark' },
    batch,
    study: steps.map(({ cmd, depends }, i) => ({
      name: `s${i}`,
      description: 'a step',
      run: { cmd, procs: 1, ...(depends === undefined ? {} : { depends }) },
    })),
    ...(values === undefined ? {} : { 'global.parameters': { I: { values, label: 'I.%%' } } }),
  };
  // In a directory of its own, which is what is staged.
  fs.mkdirSync(path.join(directory, name));
  const file = path.join(directory, name, 'study.yaml');
  fs.writeFileSync(file, JSON.stringify(spec));
  return file;
}

const numbers = (count) => Array.from({ length: count }, (_, i) => i + 1);
const chainSteps = (count) =>
  numbers(count).map((i) => ({ cmd: 'true', ...(i > 1 ? { depends: [`s${i - 2}`] } : {}) }));

let runs = 0;

/** Runs a study with the bundle. Returns its wall time and its report. */
async function ours(directory, spec, env) {
  runs += 1;
  const [output, report] = ['study', 'report'].map((name) => path.join(directory, `${name}-${runs}`));
  const words = [process.execPath, bundle, 'run', spec, '--output-path', output, '--report-path', report];
  const wall = await timed(words, path.dirname(spec), env);
  return { wall, output, report: JSON.parse(fs.readFileSync(path.join(report, 'report.json'), 'utf8')) };
}

/** Many jobs at once, beside a loop that submits the same scripts and one job that waits for all. */
async function fan({ directory, calls, plain, counted }, count) {
  const spec = study(directory, 'fan', [{ cmd: 'true # $(I)' }], numbers(count));
  const times = { ours: [], bare: [] };
  let scripts = [];
  for (let round = 0; round < rounds; round++) {
    const { wall, output } = await ours(directory, spec, plain);
    times.ours.push(wall);
    scripts = fs.globSync('s0/*/*.slurm.sh', { cwd: output }).map((file) => path.join(output, file));
    if (scripts.length !== count) throw new Error(`${scripts.length} scripts were written`);
    times.bare.push(await bareFan(directory, scripts, plain));
  }
  const [own, bare] = [mean(times.ours), mean(times.bare)];
  const all = (list) => list.map((time) => time.toFixed(1)).join(', ');
  console.log(
    `${count} jobs: ours ${seconds(own)} (${all(times.ours)}), bare sbatch ${seconds(bare)} (${all(times.bare)})`,
  );
  console.log(`  ${(own / bare).toFixed(2)} times as long (target: 1.15)`);
  fs.writeFileSync(calls, '');
  await ours(directory, spec, counted);
  const called = fs.readFileSync(calls, 'utf8').trimEnd().split('\n');
  const each = commands.map((name) => [name, called.filter((line) => line === name).length]);
  const list = each.filter(([, times]) => times > 0).map(([name, times]) => `${name} ${times}`);
  console.log(`  ${(called.length / count).toFixed(2)} commands of Slurm a job (target: 2): ${list.join(', ')}`);
}

/** A shell that submits each script from its workspace, then waits for all with one job that depends on them. */
async function bareFan(directory, scripts, env) {
  const program = path.join(directory, 'bare.sh');
  const lines = scripts.map(
    (script) => `cd ${path.dirname(script)} && ids=$ids:$(sbatch --parsable ${path.basename(script)})`,
  );
  const wait = `sbatch --wait --quiet --output=/dev/null --dependency=afterany$ids --wrap=true`;
  fs.writeFileSync(program, `set -e\nids=\n${lines.join('\n')}\n${wait}\n`);
  return timed(['bash', program], directory, env);
}

/** Steps that wait for each other, beside jobs that are submitted as soon as Slurm has recorded the end of the one before. */
async function chain({ directory, slurm, plain }, count) {
  const spec = study(directory, `chain-${count}`, chainSteps(count));
  const [own, bare] = [[], []];
  for (let round = 0; round < rounds; round++) {
    own.push(stepTime((await ours(directory, spec, plain)).report));
    bare.push(await bareChain(directory, slurm, plain, count));
  }
  const [a, b] = [mean(bare), mean(own)];
  console.log(
    `chain of ${count}: ours ${b.toFixed(0)} ms a step, from submit to the end of a bare job ${a.toFixed(0)} ms`,
  );
  console.log(`  ${(b / a).toFixed(2)} times as long (target: 1.3)`);
}

/**
 * Milliseconds from the submit of a job to its end. Slurm's own times are whole seconds, so the end is seen by asking all the
 * time; the jobs are as ours are, with output files in a directory.
 */
async function bareChain(directory, slurm, env, count) {
  const program = path.join(directory, 'chain.sh');
  const loop = [
    `cd ${directory}`,
    `for i in $(seq ${count}); do`,
    '  id=$(sbatch --parsable --output=chain.out --error=chain.err --wrap=true)',
    '  until scontrol --oneliner show job $id | grep -q "JobState=COMPLETED"; do :; done',
    'done',
    '',
  ];
  fs.writeFileSync(program, loop.join('\n'));
  const wall = await timed(['bash', program], directory, env);
  await slurm.isIdle();
  return (wall * 1000) / count;
}

/** The chain and a fan of 20 with real Maestro at its fastest setting. */
async function maestros({ directory, plain }) {
  const python = process.env.MAESTRO_PYTHON;
  if (python === undefined) {
    console.log('real Maestro NOT RUN: MAESTRO_PYTHON does not name a Python that has maestrowf');
    return;
  }
  const version = execFileSync(python, ['-c', 'from importlib.metadata import version; print(version("maestrowf"))']);
  const code = 'import sys; from maestrowf.maestro import main; sys.exit(main())';
  const studies = {
    'chain of 10': study(directory, 'chain-10', chainSteps(10)),
    'fan of 20': study(directory, 'fan-20', [{ cmd: 'true # $(I)' }], numbers(20)),
  };
  for (const [name, spec] of Object.entries(studies)) {
    const own = (await ours(directory, spec, plain)).wall;
    const output = path.join(directory, `maestro-${path.basename(path.dirname(spec))}`);
    const words = [python, '-c', code, 'run', '-fg', '-y', '-s', '1', '-o', output, spec];
    const theirs = await timed(words, directory, plain);
    console.log(
      `${name}: ours ${seconds(own)}, Maestro ${String(version).trim()} -s 1 ${seconds(theirs)}: ${(theirs / own).toFixed(1)} times as long`,
    );
  }
}
