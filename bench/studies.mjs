// Studies for the benchmarks that run the program, and what is read from their directories.
import fs from 'node:fs';
import path from 'node:path';
import { timed } from './measure.mjs';

export const numbers = (count) => Array.from({ length: count }, (_, i) => i + 1);

/**
 * Writes a study. Steps are `{cmd, depends?, ...}`, and get the names s0, s1, ...
 *
 * @param options.run members of `run` that all steps have
 * @param options.count for how many values of I each step runs; undefined: there are no parameters
 * @returns its file
 */
export function writeStudy(directory, name, steps, { batch = { type: 'local' }, run = {}, count } = {}) {
  const spec = {
    description: { name, description: 'a benchmark' },
    batch,
    study: steps.map((step, i) => ({ name: `s${i}`, description: 'a step', run: { ...run, ...step } })),
    ...(count === undefined ? {} : { 'global.parameters': { I: { values: numbers(count), label: 'I.%%' } } }),
  };
  // In a directory of its own, which is what is copied to a host.
  fs.mkdirSync(path.join(directory, name), { recursive: true });
  const file = path.join(directory, name, 'study.yaml');
  fs.writeFileSync(file, JSON.stringify(spec));
  return file;
}

/** Steps that wait for each other. */
export const chainSteps = (count, cmd = 'true') =>
  numbers(count).map((i) => ({ cmd, ...(i > 1 ? { depends: [`s${i - 2}`] } : {}) }));

/** What makes a step a job of Flux that does nothing but its command. */
export const fluxJob = { batch: { type: 'flux' }, run: { procs: 1, nested: false } };

let runs = 0;

/** Runs a study to its end with a program of ours. Returns what `timed` returns, and the study directory. */
export async function runStudy(directory, program, spec, words = [], options = {}) {
  runs += 1;
  const output = path.join(directory, `study-${runs}`);
  const all = [process.execPath, program, 'run', spec, '--output-path', output, ...words];
  return { ...(await timed(all, { cwd: path.dirname(spec), ...options })), output };
}

/** Milliseconds from the first submit of a study to the moment at which the journal has its last end. */
export function journalTime(output) {
  const lines = fs.readFileSync(path.join(output, '.conductor/journal.jsonl'), 'utf8').split('\n');
  const records = lines.filter((line) => line !== '').map((line) => JSON.parse(line));
  const steps = records.filter(({ type }) => type === 'steps');
  return steps.at(-1).at - steps[0].at;
}

/** The ids of a study's jobs. */
export function jobIds(output) {
  const report = JSON.parse(fs.readFileSync(path.join(output, '.conductor/report/report.json'), 'utf8'));
  return report.steps.flatMap(({ jobs }) => jobs.map(({ id }) => id));
}

/** The scripts of a study, by absolute path, in the order of the study's steps. */
export function scriptsOf(output) {
  const report = JSON.parse(fs.readFileSync(path.join(output, '.conductor/report/report.json'), 'utf8'));
  return report.steps.map(({ script }) => path.join(output, script));
}
