// Staging: two parameterised steps x 5,000 combinations plus a funnel, 10,001 steps, as a dry run from process start to end,
// beside real Maestro if MAESTRO_PYTHON names a Python that has it. Then the pure part alone, on chains and fans.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { planStudy } from '../build/run/plan.js';
import { readSpec } from '../build/spec/read.js';
import { Source } from '../build/spec/source.js';
import { toParameter } from '../build/study/parameters.js';

const bundle = fileURLToPath(new URL('../dist/index.js', import.meta.url));

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

/** Runs a command under GNU time. Returns seconds and megabytes. */
function measure(args, cwd) {
  const begin = performance.now();
  const { status, stderr } = spawnSync('/usr/bin/time', ['-f', 'peak %M', ...args], { cwd, maxBuffer: 1 << 30 });
  const seconds = (performance.now() - begin) / 1000;
  const text = String(stderr);
  if (status !== 0) throw new Error(text.slice(-500));
  return `${seconds.toFixed(2)} s, ${Math.round(Number(/peak (\d+)/.exec(text)[1]) / 1024)} MB`;
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

export default function bench() {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'bench-'));
  try {
    const spec = path.join(directory, 'wide.yaml');
    fs.writeFileSync(spec, wide(5000));
    const times = [1, 2, 3].map((i) =>
      measure([process.execPath, bundle, 'run', spec, '--dry-run', '--output-path', `out${i}`], directory),
    );
    console.log(`10,001 steps staged, this bundle    ${times.join('; ')} (target: 2 s, 250 MB)`);
    const python = process.env.MAESTRO_PYTHON;
    if (python === undefined) console.log('real Maestro                        not run: MAESTRO_PYTHON is not set');
    else {
      const code = 'import sys; from maestrowf.maestro import main; sys.exit(main())';
      const theirs = measure([python, '-c', code, 'run', '--dry', '-fg', '-y', '-o', 'maestro', spec], directory);
      console.log(`10,001 steps staged, real Maestro   ${theirs}`);
    }
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
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
