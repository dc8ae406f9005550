// Local steps that do nothing, beside bash running the very scripts that were staged.
import { bundle, inDirectory, inTurns, ofPrograms, pick, printRow, timed } from './measure.mjs';
import { chainSteps, journalTime, runStudy, scriptsOf, writeStudy } from './studies.mjs';

const rounds = 5;

export default async function local() {
  await inDirectory(fan);
  await inDirectory(chain);
}

async function fan(directory) {
  const spec = writeStudy(directory, 'fan', [{ cmd: 'true # $(I)' }], { count: 500 });
  const words = ['--local-jobs', '2'];
  const scripts = scriptsOf((await runStudy(directory, bundle, spec, words)).output);
  const xargs = ['xargs', '-P2', '-n1', 'bash'];
  const runs = await inTurns(3, {
    [xargs.join(' ')]: () => timed(xargs, { cwd: directory, input: scripts.join('\n') }),
    ...ofPrograms((program) => runStudy(directory, program, spec, words)),
  });
  const row = { beside: xargs.join(' '), ratio: 2.5 };
  printRow('500 local steps, two at once, whole process', pick(runs, 'wall'), row);
}

async function chain(directory) {
  const length = 40;
  const spec = writeStudy(directory, 'chain', chainSteps(length));
  const scripts = scriptsOf((await runStudy(directory, bundle, spec)).output);
  const loop = ['bash', '-c', 'for script; do bash "$script"; done', 'bash'];
  const values = await inTurns(rounds, {
    // Without the start of the bash that has the loop.
    'bash, one after another': async () => {
      const [all, none] = [await timed([...loop, ...scripts], { cwd: directory }), await timed(loop)];
      return ((all.wall - none.wall) * 1000) / length;
    },
    ...ofPrograms(async (program) => journalTime((await runStudy(directory, program, spec)).output) / length),
  });
  const row = { unit: 'ms', beside: 'bash, one after another', most: 6 };
  printRow('a step of a chain of 40 local ones, first submit to last end', values, row);
}
