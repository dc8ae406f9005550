// Local steps that do nothing, beside bash running the very scripts that were staged, and beside a loop that also keeps what this
// program promises of them.
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bundle, inDirectory, inTurns, ofPrograms, pick, printRow, timed } from './measure.mjs';
import { chainSteps, journalTime, runStudy, scriptsOf, writeStudy } from './studies.mjs';

const rounds = 5;
const bare = 'a bare loop with the same promises';

/** Runs scripts with the bare loop, in a directory of its own. */
async function bareSteps(directory, scripts, atOnce) {
  const own = fs.mkdtempSync(`${directory}/bare-`);
  const words = [process.execPath, fileURLToPath(new URL('bare-steps.mjs', import.meta.url)), own, String(atOnce)];
  return timed(words, { input: scripts.join('\n') });
}

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
    [bare]: () => bareSteps(directory, scripts, 2),
    ...ofPrograms((program) => runStudy(directory, program, spec, words)),
  });
  const row = { beside: xargs.join(' '), ratio: 2.5 };
  printRow('500 local steps, two at once, whole process', pick(runs, 'wall'), row);
  printRow('the same', pick(runs, 'wall'), { beside: bare });
  printRow('the same, CPU time of all processes', pick(runs, 'cpu'), { beside: bare });
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
    // Without the start of Node.
    [bare]: async () => {
      const [all, none] = [await bareSteps(directory, scripts, 1), await bareSteps(directory, [], 1)];
      return ((all.wall - none.wall) * 1000) / length;
    },
    ...ofPrograms(async (program) => journalTime((await runStudy(directory, program, spec)).output) / length),
  });
  const row = { unit: 'ms', beside: 'bash, one after another', most: 6 };
  printRow('a step of a chain of 40 local ones, first submit to last end', values, row);
  printRow('the same', values, { unit: 'ms', beside: bare });
}
