// Studies for the benchmarks that run the bundle, and what their reports say.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const bundle = fileURLToPath(new URL('../dist/index.js', import.meta.url));

export const mean = (numbers) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;

/** A study of jobs that wait for each other, and do nothing. Returns its file. */
export function chainOf(directory, count) {
  const steps = Array.from({ length: count }, (_, i) => ({
    name: `s${i}`,
    description: 'a step',
    run: { cmd: 'true', procs: 1, nested: false, ...(i > 0 ? { depends: [`s${i - 1}`] } : {}) },
  }));
  // In a directory of its own, which is what is staged.
  fs.mkdirSync(path.join(directory, `chain-${count}`), { recursive: true });
  const file = path.join(directory, `chain-${count}/chain.yaml`);
  const description = { name: `chain-${count}`, description: 'a benchmark' };
  fs.writeFileSync(file, JSON.stringify({ description, batch: { type: 'flux' }, study: steps }));
  return file;
}

let runs = 0;

/** Runs a study to its end. Returns its report. */
export async function run(directory, spec, words) {
  runs += 1;
  const [study, report] = ['study', 'report'].map((name) => path.join(directory, `${name}-${runs}`));
  const args = [bundle, 'run', spec, '--output-path', study, '--report-path', report, ...words];
  const child = spawn(process.execPath, args, { cwd: directory, stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (data) => (errors += data));
  const code = await new Promise((resolve, reject) => child.on('close', resolve).on('error', reject));
  if (code !== 0) throw new Error(`${args.join(' ')}: exit ${code}: ${errors}`);
  return JSON.parse(fs.readFileSync(path.join(report, 'report.json'), 'utf8'));
}

/** Milliseconds that a step of a chain takes, from the first submit to the last end. */
export function stepTime({ steps }) {
  const times = steps.map(({ submitted, ended }) => [Date.parse(submitted), Date.parse(ended)]);
  const [begun, ended] = [Math.min(...times.map(([time]) => time)), Math.max(...times.map(([, time]) => time))];
  return (ended - begun) / steps.length;
}
