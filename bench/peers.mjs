// The same chain and the same fan-out on one broker by others: Maestro, Snakemake with its Flux executor, Parsl's FluxExecutor.
// All are whole processes, at their fastest setting, and jobs run `true`. A package that is missing is skipped, and said.
//   python3 -m venv PEERS && PEERS/bin/pip install maestrowf snakemake snakemake-executor-plugin-flux parsl cffi ply
//   PEERS_PYTHON=PEERS/bin/python MAESTRO_PYTHON=PEERS/bin/python npm run bench -- peers-chain peers-fan
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { inFlux } from './flux.mjs';
import { inDirectory, inTurns, isLong, ofPrograms, pick, printRow, skip, timed } from './measure.mjs';
import { chainSteps, fluxJob, numbers, runStudy, writeStudy } from './studies.mjs';

const self = fileURLToPath(import.meta.url);
const { MAESTRO_PYTHON, PEERS_PYTHON } = process.env;

/** Few, because Snakemake needs seconds for each; LONG_BENCH=1 takes more. */
const sizes = isLong ? { chain: 10, fan: 100 } : { chain: 3, fan: 6 };

function peers(shape) {
  if (MAESTRO_PYTHON === undefined) skip('Maestro on Flux', 'MAESTRO_PYTHON does not name a Python that has it');
  if (PEERS_PYTHON === undefined) skip('Snakemake and Parsl', 'PEERS_PYTHON does not name a Python that has them');
  if ((MAESTRO_PYTHON ?? PEERS_PYTHON) !== undefined) inFlux('peers on Flux', self, shape);
}

export const chain = () => peers('chain');
export const fan = () => peers('fan');

/** How each peer runs a study of one of the shapes, in a new directory: the words of its command. */
const known = {
  'Maestro -s 1': {
    python: MAESTRO_PYTHON,
    module: 'maestrowf',
    words: (shape, directory) => {
      const code = 'import sys; from maestrowf.maestro import main; sys.exit(main())';
      const steps = shape === 'chain' ? chainSteps(sizes.chain) : [{ cmd: 'true # $(I)' }];
      const batch = { type: 'flux', host: 'here', bank: '', queue: '' };
      const options = { ...fluxJob, batch, run: { procs: 1, nodes: 1 }, ...(shape === 'fan' && { count: sizes.fan }) };
      const spec = writeStudy(directory, 'maestro', steps, options);
      return [MAESTRO_PYTHON, '-c', code, 'run', '-fg', '-y', '-s', '1', '-o', path.join(directory, 'out'), spec];
    },
  },
  'Snakemake, Flux executor': {
    python: PEERS_PYTHON,
    module: 'snakemake_executor_plugin_flux',
    words: (shape, directory) => {
      const rules = numbers(sizes[shape]).map((i) => {
        const input = shape === 'chain' && i > 1 ? `  input: "${i - 1}.done"\n` : '';
        return `rule r${i}:\n${input}  output: touch("${i}.done")\n  shell: "true"\n`;
      });
      const all = `rule all:\n  input: ${numbers(sizes[shape])
        .map((i) => `"${i}.done"`)
        .join(', ')}\n`;
      fs.writeFileSync(path.join(directory, 'Snakefile'), [all, ...rules].join('\n'));
      const options = ['--executor', 'flux', '--jobs', String(sizes.fan), '--latency-wait', '1', '--quiet', 'all'];
      return [PEERS_PYTHON, '-m', 'snakemake', ...options, '--seconds-between-status-checks', '1'];
    },
  },
  'Parsl, FluxExecutor': {
    python: PEERS_PYTHON,
    module: 'parsl',
    words: (shape, directory) => [
      ...[PEERS_PYTHON, path.join(import.meta.dirname, 'peers.py')],
      ...[shape, String(sizes[shape]), directory],
    ],
  },
};

/** Where that Flux has its Python bindings, which its own Python finds by itself. */
function environment() {
  const code = 'import flux, os; print(os.path.dirname(os.path.dirname(flux.__file__)))';
  const { stdout } = spawnSync('flux', ['python', '-c', code], { encoding: 'utf8' });
  return { ...process.env, PYTHONPATH: stdout.trim() };
}

/** The version of a package; undefined if that Python, with the bindings of the Flux around it, cannot import it. */
function versionOf({ python, module }, env) {
  const code =
    `import flux.job, ${module}\nfrom importlib.metadata import version\n` +
    `print(version("${module}".replace("_", "-")))`;
  const { status, stdout } = spawnSync(python, ['-c', code], { encoding: 'utf8', env });
  return status === 0 ? stdout.trim() : undefined;
}

async function inside(shape) {
  const [found, env] = [{}, environment()];
  for (const [name, peer] of Object.entries(known)) {
    if (peer.python === undefined) continue;
    const version = versionOf(peer, env);
    if (version === undefined) skip(name, `${peer.python} has no ${peer.module} that finds this Flux`);
    else found[name] = { ...peer, version };
  }
  await inDirectory(async (directory) => {
    const steps = shape === 'chain' ? chainSteps(sizes.chain) : [{ cmd: 'true # $(I)' }];
    const spec = writeStudy(directory, 'ours', steps, shape === 'fan' ? { ...fluxJob, count: sizes.fan } : fluxJob);
    const runs = await inTurns(1, {
      ...ofPrograms((program) => runStudy(directory, program, spec)),
      ...Object.fromEntries(
        Object.entries(found).map(([name, peer]) => [
          name,
          () => {
            const cwd = fs.mkdtempSync(path.join(directory, 'peer-'));
            return timed(peer.words(shape, cwd), { cwd, env });
          },
        ]),
      ),
    });
    for (const [name, { version }] of Object.entries(found)) {
      const { ours } = pick(runs, 'wall');
      const work = `${shape} of ${sizes[shape]} jobs of Flux, whole process, beside ${name} (${version})`;
      printRow(work, { ours, [name]: pick(runs, 'wall')[name] }, { digits: 1, beside: name });
    }
  });
}

if (process.argv[1] === self) await inside(process.argv[2]);
