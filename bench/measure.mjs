// What all benchmarks share: contenders take turns in one run, medians are compared, and the goal stands beside the ratio.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The program that is measured; BUNDLE names another one, such as build/main.js. */
export const bundle = path.resolve(process.env.BUNDLE ?? fileURLToPath(new URL('../dist/index.js', import.meta.url)));

/** An earlier one, which takes its turn too where whole processes are measured. */
const earlier = process.env.EARLIER_BUNDLE;

export const programs = [['ours', bundle], ...(earlier === undefined ? [] : [['earlier', path.resolve(earlier)]])];

export const isLong = process.env.LONG_BENCH === '1';

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** In memory, unless TMPDIR says otherwise: how quick a disk makes thousands of directories is no matter of the program. */
export const memory = process.env.TMPDIR === undefined && fs.existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir();

/** Calls `body` with a directory of its own, which is removed afterwards. */
export async function inDirectory(body, parent = os.tmpdir()) {
  const directory = fs.mkdtempSync(path.join(parent, 'bench-'));
  try {
    return await body(directory);
  } finally {
    fs.rmSync(directory, { recursive: true, force: true });
  }
}

/**
 * Measures contenders in turns: A B A B, then B A B A, so that none has the quieter moments.
 *
 * @param contenders functions by name; each returns a number, or numbers by name
 * @returns by name, the values of all rounds
 */
export async function inTurns(rounds, contenders) {
  const values = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    const names = Object.keys(contenders);
    for (const name of round % 2 === 0 ? names : names.reverse()) values[name].push(await contenders[name](round));
  }
  return values;
}

/** The contenders for each program that is measured: ours, and an earlier one if there is one. */
export const ofPrograms = (measure) =>
  Object.fromEntries(programs.map(([name, program]) => [name, (round) => measure(program, round)]));

/** One member of what contenders have returned: `pick(results, 'wall')`. */
export const pick = (results, member) =>
  Object.fromEntries(Object.entries(results).map(([name, all]) => [name, all.map((each) => each[member])]));

/**
 * Prints how long something took, and how that compares.
 *
 * @param work what was done, with its goal
 * @param values the values of all rounds by contender, ours as `ours`
 * @param options.beside the contender that ours is compared with; '' if there is none
 * @param options.ratio the most that ours may be, in values of that contender
 * @param options.most the most that ours may be
 */
export function printRow(work, values, { unit = 's', digits = 2, beside = '', ratio, most }) {
  const shown = (value) => `${value.toFixed(digits)} ${unit}`.trim();
  console.log(work);
  for (const [name, all] of Object.entries(values)) {
    console.log(
      `    ${name.padEnd(28)} ${shown(median(all)).padStart(10)}   (${all.map((v) => v.toFixed(digits)).join(' ')})`,
    );
  }
  const own = median(values.ours);
  const times = beside === '' ? undefined : own / median(values[beside]);
  const isMet = most === undefined ? ratio === undefined || times <= ratio : own <= most;
  const goal = most === undefined ? ratio && `${ratio} times` : shown(most);
  const verdict = goal === undefined ? '' : ` (goal: ${goal}${isMet ? ', met' : ', NOT MET'})`;
  const compared = times === undefined ? shown(own) : `${times.toFixed(2)} times ${beside}`;
  console.log(`  = ${compared}${verdict}`);
  if (values.earlier !== undefined)
    console.log(`  = ${(own / median(values.earlier)).toFixed(2)} times the earlier bundle`);
  keepRow([work, shown(own), beside, times === undefined ? '' : shown(median(values[beside])), times, goal, isMet]);
}

/** Rows also come from processes that are started inside a broker, so they are collected in a file. */
function keepRow(cells) {
  if (process.env.BENCH_ROWS !== undefined) fs.appendFileSync(process.env.BENCH_ROWS, `${JSON.stringify(cells)}\n`);
}

/** Says that something is not measured, so that nobody takes silence for a good result. */
export function skip(what, why) {
  console.log(`NOT MEASURED: ${what}: ${why}`);
  keepRow([what, 'not measured', why, '', undefined, undefined, true]);
}

const gnuTime = '/usr/bin/time';
const hasGnuTime = fs.existsSync(gnuTime);
if (!hasGnuTime) console.log(`NOT MEASURED: memory and CPU time: there is no ${gnuTime} (Debian's package time)`);

/**
 * Runs a command to its end.
 *
 * @returns seconds of wall and CPU time, and the most memory of one of its processes in MB
 * @throws Error with its stderr if it fails
 */
export async function timed(words, { cwd, env = process.env, input } = {}) {
  const begin = performance.now();
  const [program, ...args] = hasGnuTime ? [gnuTime, '-q', '-f', '\n%U %S %M', ...words] : words;
  const child = spawn(program, args, { cwd, env, stdio: [input === undefined ? 'ignore' : 'pipe', 'ignore', 'pipe'] });
  child.stdin?.end(input);
  let errors = '';
  child.stderr.on('data', (data) => (errors += data));
  const code = await new Promise((resolve, reject) => child.on('close', resolve).on('error', reject));
  const wall = (performance.now() - begin) / 1000;
  if (code !== 0) throw new Error(`${words.join(' ').slice(0, 500)}: exit ${code}: ${errors.slice(-2000)}`);
  if (!hasGnuTime) return { wall, cpu: Number.NaN, memory: Number.NaN };
  const [user, system, kilobytes] = errors.trimEnd().split('\n').at(-1).split(' ').map(Number);
  return { wall, cpu: user + system, memory: kilobytes / 1024 };
}
