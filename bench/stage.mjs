// Staging: two parameterised steps x 5,000 combinations plus a funnel, 10,001 steps, as a dry run from process start to end,
// beside a bare loop of Node that writes the same directories and files, and real Maestro. Then the pure part alone.
import fs from 'node:fs';
import path from 'node:path';
import { planStudy } from '../build/run/plan.js';
import { readSpec } from '../build/spec/read.js';
import { Source } from '../build/spec/source.js';
import { toParameter } from '../build/study/parameters.js';
import {
  bundle,
  inDirectory,
  inTurns,
  isLong,
  median,
  memory,
  ofPrograms,
  pick,
  printRow,
  skip,
  timed,
} from './measure.mjs';
import { runStudy } from './studies.mjs';

const step = (name, cmd, depends) =>
  `  - name: ${name}\n    description: step ${name}\n    run:\n      cmd: |\n        ${cmd}\n${depends ? `      depends: [${depends}]\n` : ''}`;

function wide(combinations) {
  const values = Array.from({ length: combinations }, (_, i) => i).join(', ');
  return [
    'description: {name: wide, description: two parameterised steps and a funnel}',
    'study:',
    step('make', 'echo $(N) > out', ''),
    step('run', 'cat $(make.workspace)/out; echo $(N.label)', 'make'),
    step('collect', 'ls $(run.workspace)', 'run_*'),
    'global.parameters:',
    `  N: {values: [${values}], label: N.%%}`,
    '',
  ].join('\n');
}

function chain(length) {
  const steps = Array.from({ length }, (_, i) => step(`s${i}`, `echo ${i}`, i === 0 ? '' : `s${i - 1}`));
  return ['description: {name: chain, description: d}', 'study:', ...steps, ''].join('\n');
}

function writeWide(directory, steps) {
  const spec = path.join(directory, `wide-${steps}`, 'wide.yaml');
  fs.mkdirSync(path.dirname(spec));
  fs.writeFileSync(spec, wide((steps - 1) / 2));
  return spec;
}

export default async function stage() {
  await inDirectory(async (directory) => {
    const runs = await stageSteps(directory, 10_001, 3);
    printRow('10,001 steps staged', pick(runs, 'wall'), { beside: 'bare loop', ratio: 4 });
    const { 'bare loop': _, ...programs } = runs;
    printRow('10,001 steps staged, peak memory', pick(programs, 'memory'), { unit: 'MB', digits: 0, most: 200 });
    await maestro(directory, median(pick(programs, 'wall').ours));
    await growth(directory, runs);
  }, memory);
}

/** Stages a study in turns with the bare loop; every study is removed before the next turn. */
async function stageSteps(directory, steps, rounds) {
  const spec = writeWide(directory, steps);
  const dryRun = async (program) => {
    const result = await runStudy(directory, program, spec, ['--dry-run']);
    fs.rmSync(result.output, { recursive: true });
    return result;
  };
  const { output } = await runStudy(directory, bundle, spec, ['--dry-run']);
  const tree = readTree(output);
  fs.rmSync(output, { recursive: true });
  return inTurns(rounds, {
    'bare loop': () => {
      const target = path.join(directory, 'bare');
      const begin = performance.now();
      writeTree(tree, target);
      const wall = (performance.now() - begin) / 1000;
      fs.rmSync(target, { recursive: true });
      return { wall, memory: Number.NaN };
    },
    ...ofPrograms(dryRun),
  });
}

/** All directories, and files with their contents, of a staged study: reports, journal and all. */
function readTree(root) {
  const entries = fs.readdirSync(root, { recursive: true, withFileTypes: true });
  const files = entries.map((entry) => {
    const file = path.join(entry.parentPath, entry.name);
    const name = path.relative(root, file);
    return entry.isDirectory()
      ? { name }
      : { name, bytes: fs.readFileSync(file), mode: fs.statSync(file).mode & 0o777 };
  });
  // Directories before what is in them.
  return files.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function writeTree(tree, target) {
  fs.mkdirSync(target);
  for (const { name, bytes, mode } of tree) {
    if (bytes === undefined) fs.mkdirSync(`${target}/${name}`);
    else fs.writeFileSync(`${target}/${name}`, bytes, { mode });
  }
}

async function maestro(directory, own) {
  const python = process.env.MAESTRO_PYTHON;
  if (python === undefined) return skip('10,001 steps staged by real Maestro', 'MAESTRO_PYTHON is not set');
  const code = 'import sys; from maestrowf.maestro import main; sys.exit(main())';
  const spec = path.join(directory, 'wide-10001/wide.yaml');
  const words = [python, '-c', code, 'run', '--dry', '-fg', '-y', '-o', path.join(directory, 'maestro'), spec];
  const { wall } = await timed(words, { cwd: directory });
  printRow('10,001 steps staged', { ours: [own], 'real Maestro': [wall] }, { beside: 'real Maestro' });
}

/** Time and memory from 100 steps to 100,001. */
async function growth(directory, known) {
  for (const steps of [101, 1_001, 10_001, 100_001]) {
    const name = `${steps.toLocaleString('en')} steps staged`;
    if (steps > 10_001 && !isLong) {
      skip(name, 'it takes minutes; LONG_BENCH=1 has it measured');
      continue;
    }
    const runs = steps === 10_001 ? known : await stageSteps(directory, steps, steps > 10_001 ? 1 : 3);
    const [wall, peak, bare] = [runs.ours, runs.ours, runs['bare loop']].map((all, i) =>
      median(all.map((each) => (i === 1 ? each.memory : each.wall))),
    );
    const each = ((wall * 1e6) / steps).toFixed(0);
    console.log(
      `${name.padEnd(24)} ${wall.toFixed(2)} s (${each} us each), ${peak.toFixed(0)} MB; bare loop ${bare.toFixed(2)} s`,
    );
  }
}

function plan(text) {
  const begin = performance.now();
  const { spec, problems } = readSpec(new Source('bench.yaml', text));
  if (spec === undefined) throw new Error(JSON.stringify(problems[0]));
  const places = { studyPath: '/study', specRoot: '/spec', workingDirectory: '/' };
  const planned = planStudy(spec, spec.parameters.map(toParameter), places, { hashWorkspaces: false });
  if (planned.plan === undefined) throw new Error(JSON.stringify(planned.problems[0]));
  return { ms: performance.now() - begin, steps: planned.plan.graph.steps.length };
}

/** The pure part alone, on chains and fans: it must not grow faster than the study. */
export function plans() {
  for (const [name, make] of [
    ['chain', chain],
    ['fan and funnel', (n) => wide(Math.round((n - 1) / 2))],
  ]) {
    plan(make(1000));
    const cells = [1_000, 10_000, 100_000].map((n) => {
      const { ms, steps } = plan(make(n));
      return `${steps}: ${ms.toFixed(0)} ms (${((ms * 1000) / steps).toFixed(1)} us each)`;
    });
    console.log(`planned, ${name.padEnd(15)} ${cells.join('   ')}`);
  }
}
