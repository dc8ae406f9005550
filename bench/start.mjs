// How long the program takes to start, and to run a small study of local steps, beside the Node that runs it.
import path from 'node:path';
import { bundle, inDirectory, inTurns, ofPrograms, pick, printRow, skip, timed } from './measure.mjs';
import { runStudy } from './studies.mjs';

const sample = path.resolve(import.meta.dirname, '../samples/hello-bye-parameterized.yaml');
const rounds = 11;

export default async function start() {
  const node = async () => timed([process.execPath, '-e', '0']);
  const versions = await inTurns(rounds, {
    'node -e 0': node,
    ...ofPrograms((program) => timed([process.execPath, program, '--version'])),
  });
  printRow('`--version`', pick(versions, 'wall'), { digits: 3, beside: 'node -e 0', ratio: 1.7 });
  printRow('`--version`, CPU', pick(versions, 'cpu'), { digits: 2, beside: 'node -e 0' });
  await inDirectory(async (directory) => {
    const runs = await inTurns(rounds, {
      'node -e 0': node,
      ...ofPrograms((program) => runStudy(directory, program, sample)),
    });
    printRow('8 steps of the sample', pick(runs, 'wall'), { digits: 3, beside: 'node -e 0', ratio: 4 });
    await maestro(directory);
  });
}

async function maestro(directory) {
  const python = process.env.MAESTRO_PYTHON;
  if (python === undefined)
    return skip('the sample by real Maestro', 'MAESTRO_PYTHON does not name a Python that has it');
  const code = 'import sys; from maestrowf.maestro import main; sys.exit(main())';
  const words = [python, '-c', code, 'run', '-fg', '-y', '-s', '1', '-o', path.join(directory, 'maestro'), sample];
  const values = await inTurns(1, {
    ours: async () => (await runStudy(directory, bundle, sample)).wall,
    'Maestro -s 1': async () => (await timed(words, { cwd: directory })).wall,
  });
  printRow('8 steps of the sample, whole process', values, { beside: 'Maestro -s 1' });
}
