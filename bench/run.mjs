// A whole run: the sample study of four combinations of two steps, from process start to its table, beside real Maestro
// at its fastest setting if MAESTRO_PYTHON names a Python that has it.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const spec = path.join(root, 'samples/hello-bye-parameterized.yaml');

function seconds(repeats, command) {
  const times = Array.from({ length: repeats }, () => {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'bench-'));
    const [program, ...args] = command(path.join(directory, 'study'));
    const begin = performance.now();
    const { status, stderr } = spawnSync(program, args, { cwd: directory });
    const elapsed = (performance.now() - begin) / 1000;
    fs.rmSync(directory, { recursive: true });
    if (status !== 0) throw new Error(`${program}: exit ${status}: ${stderr}`);
    return elapsed;
  });
  return times.sort((a, b) => a - b)[Math.floor(repeats / 2)];
}

export default function bench() {
  const ours = seconds(9, (out) => [
    process.execPath,
    path.join(root, 'dist/index.js'),
    'run',
    spec,
    '--output-path',
    out,
  ]);
  console.log(`this bundle        ${ours.toFixed(2)} s (median of 9; target: 0.6 s)`);
  const python = process.env.MAESTRO_PYTHON;
  if (python === undefined) {
    console.log('real Maestro       not run: MAESTRO_PYTHON does not name a Python that has maestrowf');
    return;
  }
  const code = 'import sys; from maestrowf.maestro import main; sys.exit(main())';
  const theirs = seconds(1, (out) => [python, '-c', code, 'run', '-fg', '-y', '-s', '1', '-o', out, spec]);
  console.log(
    `real Maestro       ${theirs.toFixed(2)} s (-fg -s 1, one run): ${(theirs / ours).toFixed(0)} times as long`,
  );
}
