// Runs the benchmarks: all, or those named. Each takes less than a minute on a quiet machine, and says what it cannot measure.
//   npm run build && npm run bench [-- NAME...]
//
// Contenders take turns in one run (measure.mjs), so the ratios hold on a noisy machine, and the goal stands beside each.
//   BUNDLE=build/main.js       measures another program than dist/index.js
//   EARLIER_BUNDLE=FILE        measures that one too, in the same turns
//   TMPDIR=/dev/shm            puts all studies there
//   LONG_BENCH=1               adds what takes minutes: 100,001 steps staged, 10,000 jobs of Flux
//   MAESTRO_PYTHON=FILE        a Python that has maestrowf
//   PEERS_PYTHON=FILE          a Python that has snakemake, snakemake-executor-plugin-flux and parsl
import fs from 'node:fs';
import { inDirectory } from './measure.mjs';

/** The module of each benchmark, and which of its functions it is. */
const all = {
  start: ['start'],
  stage: ['stage'],
  plan: ['stage', 'plans'],
  local: ['local'],
  conductor: ['conductor'],
  journal: ['journal'],
  'flux-chain': ['flux', 'chain'],
  'flux-fan': ['flux', 'fan'],
  'flux-fan-1000': ['flux', 'fan1000'],
  'flux-waiting': ['flux', 'waiting'],
  slurm: ['slurm'],
  detach: ['detach', 'start'],
  'detach-waiting': ['detach', 'waiting'],
  ssh: ['ssh'],
  'ssh-flux': ['ssh', 'flux'],
  'ssh-stage': ['ssh', 'staging'],
  'peers-chain': ['peers', 'chain'],
  'peers-fan': ['peers', 'fan'],
};

const named = process.argv.slice(2);
const unknown = named.filter((name) => all[name] === undefined);
if (unknown.length > 0) {
  console.error(`there is no benchmark ${unknown.join(', ')}; there are ${Object.keys(all).join(', ')}`);
  process.exit(1);
}

await inDirectory(async (directory) => {
  process.env.BENCH_ROWS = `${directory}/rows`;
  for (const name of named.length > 0 ? named : Object.keys(all)) {
    console.log(`\n# ${name}`);
    const [module, part = 'default'] = all[name];
    const benchmarks = await import(`./${module}.mjs`);
    await benchmarks[part]();
  }
  printTable(directory);
});

/** All rows as a table in Markdown. */
function printTable(directory) {
  if (!fs.existsSync(`${directory}/rows`)) return;
  const rows = fs
    .readFileSync(`${directory}/rows`, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  console.log('\n| work | ours | beside it | ratio | goal |\n|---|---|---|---|---|');
  for (const [work, own, beside, theirs, times, goal, isMet] of rows) {
    const ratio = times == null ? '' : times.toFixed(2);
    const verdict = goal == null ? '' : `≤ ${goal}${isMet ? '' : ', **not met**'}`;
    console.log(
      `| ${work} | ${own} | ${[beside, theirs].filter((text) => text !== '').join(': ')} | ${ratio} | ${verdict} |`,
    );
  }
}
