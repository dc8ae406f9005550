// Jobs of a real Slurm of one node, all to itself: this bundle beside bare `sbatch` commands and beside real Maestro, in turns.
// Needs Debian's slurm-wlm and munge, and a Node that strips types (24, as `npm run bench` has).
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import '../test/flux/typescript.mjs';
import { bundle, inDirectory, inTurns, ofPrograms, pick, printRow, skip, timed } from './measure.mjs';
import { chainSteps, journalTime, runStudy, writeStudy } from './studies.mjs';

const commands = ['sbatch', 'squeue', 'sacct', 'scontrol', 'scancel', 'sacctmgr', 'sinfo'];
const rounds = 2;

export default async function bench() {
  const { installedSlurm, Slurm } = await import('../test/support/slurm.ts');
  const installed = installedSlurm();
  if (installed !== true) return skip('jobs of Slurm', installed);
  await inDirectory(async (directory) => {
    const slurm = await Slurm.start({ cpus: 64 });
    try {
      const site = siteOf(directory, slurm);
      await fan(site, 200);
      await chain(site, 20);
      await maestros(site);
    } finally {
      await slurm.stop();
    }
  });
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

const slurmJob = { batch: { type: 'slurm', host: 'here', bank: '', queue: '' }, run: { procs: 1 } };

/** Many jobs at once, beside a loop that submits the same scripts and one job that waits for all. */
async function fan({ directory, calls, plain, counted }, count) {
  const spec = writeStudy(directory, 'fan', [{ cmd: 'true # $(I)' }], { ...slurmJob, count });
  fs.writeFileSync(calls, '');
  const { output } = await runStudy(directory, bundle, spec, [], { env: counted });
  const scripts = fs.globSync('s0/*/*.slurm.sh', { cwd: output }).map((file) => path.join(output, file));
  if (scripts.length !== count) throw new Error(`${scripts.length} scripts were written`);
  const runs = await inTurns(rounds, {
    'bare sbatch': () => bareFan(directory, scripts, plain),
    ...ofPrograms((program) => runStudy(directory, program, spec, [], { env: plain })),
  });
  const work = `fan-out of ${count} jobs of Slurm, whole process`;
  printRow(work, pick(runs, 'wall'), { digits: 1, beside: 'bare sbatch', ratio: 1.15 });
  const called = fs.readFileSync(calls, 'utf8').trimEnd().split('\n');
  const each = commands.map((name) => [name, called.filter((line) => line === name).length]);
  const list = each.filter(([, times]) => times > 0).map(([name, times]) => `${name} ${times}`);
  printRow('commands of Slurm a job', { ours: [called.length / count] }, { unit: '', most: 2 });
  console.log(`  ${list.join(', ')}`);
}

/** A shell that submits each script from its workspace, then waits for all with one job that depends on them. */
async function bareFan(directory, scripts, env) {
  const program = path.join(directory, 'bare.sh');
  const lines = scripts.map(
    (script) => `cd ${path.dirname(script)} && ids=$ids:$(sbatch --parsable ${path.basename(script)})`,
  );
  const wait = `sbatch --wait --quiet --output=/dev/null --dependency=afterany$ids --wrap=true`;
  fs.writeFileSync(program, `set -e\nids=\n${lines.join('\n')}\n${wait}\n`);
  return timed(['bash', program], { cwd: directory, env });
}

/** Steps that wait for each other, beside jobs that are submitted as soon as Slurm has recorded the end of the one before. */
async function chain({ directory, slurm, plain }, length) {
  const spec = writeStudy(directory, `chain-${length}`, chainSteps(length), slurmJob);
  const times = await inTurns(rounds, {
    'bare sbatch': () => bareChain(directory, slurm, plain, length),
    ...ofPrograms(async (program) => {
      const { output } = await runStudy(directory, program, spec, [], { env: plain });
      return journalTime(output) / length;
    }),
  });
  const row = { unit: 'ms', digits: 0, beside: 'bare sbatch', ratio: 1.3 };
  printRow(`a step of a chain of ${length} jobs of Slurm`, times, row);
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
  const { wall } = await timed(['bash', program], { cwd: directory, env });
  await slurm.isIdle();
  return (wall * 1000) / count;
}

/** The chain and a fan of 20 with real Maestro at its fastest setting. */
async function maestros({ directory, plain }) {
  const python = process.env.MAESTRO_PYTHON;
  if (python === undefined) return skip('real Maestro on Slurm', 'MAESTRO_PYTHON does not name a Python that has it');
  const code = 'import sys; from maestrowf.maestro import main; sys.exit(main())';
  const studies = {
    'chain of 10': writeStudy(directory, 'chain-10', chainSteps(10), slurmJob),
    'fan of 20': writeStudy(directory, 'fan-20', [{ cmd: 'true # $(I)' }], { ...slurmJob, count: 20 }),
  };
  for (const [name, spec] of Object.entries(studies)) {
    const output = path.join(directory, `maestro-${path.basename(path.dirname(spec))}`);
    const words = [python, '-c', code, 'run', '-fg', '-y', '-s', '1', '-o', output, spec];
    const runs = await inTurns(1, {
      'Maestro -s 1': () => timed(words, { cwd: directory, env: plain }),
      ours: () => runStudy(directory, bundle, spec, [], { env: plain }),
    });
    printRow(`${name} jobs of Slurm, whole process`, pick(runs, 'wall'), { digits: 1, beside: 'Maestro -s 1' });
  }
}
