import { existsSync, writeFileSync } from 'node:fs';
import { CrashedStudy } from './crashed-study.js';
import type { MixedStudy } from './mixed-study.js';
import type { Row } from './table.js';

/** One step that runs until it is let go. */
const gated: MixedStudy = {
  text: JSON.stringify({
    description: { name: 'race', description: 'A test.' },
    study: [
      {
        name: 'only',
        description: 'A step.',
        run: { cmd: 'echo ran >> runs; for i in {1..2000}; do [ ! -e ../go ] || break; sleep 0.02; done' },
      },
    ],
  }),
  args: [],
  steps: 1,
  begins: () => ({ least: 1, most: 1 }),
};

/** Two conductors of one study are started at the same instant, so many times: one is to drive it, the other to say who does. */
export async function race(times: number): Promise<{ row: Row; problems: readonly string[] }> {
  const begin = Date.now();
  const problems: string[] = [];
  let ranTwice = 0;
  let lost = 0;
  for (let i = 0; i < times; i++) {
    const found = await raceOnce();
    if (found.ran > 1) ranTwice += 1;
    if (found.ran === 0) lost += 1;
    problems.push(...found.problems);
  }
  const seconds = (Date.now() - begin) / 1000;
  return {
    row: {
      what: 'two conductors at once',
      studies: times,
      steps: times,
      faults: { race: times },
      ranTwice,
      lost,
      seconds,
    },
    problems,
  };
}

async function raceOnce(): Promise<{ ran: number; problems: readonly string[] }> {
  const study = new CrashedStudy(gated);
  const problems: string[] = [];
  const drivers = [study.start(), study.start()];
  const first = await Promise.race(drivers.map(async (driver) => ({ driver, ended: await driver.ended })));
  const other = drivers.find((driver) => driver !== first.driver)!;
  if (first.ended.code !== 1) problems.push(`the conductor that was refused ended with ${first.ended.code}`);
  const holder = new RegExp(`\\b${other.pid}\\b|another run that has just begun`);
  if (!holder.test(first.ended.stderr)) problems.push(`who was refused did not say by whom: ${first.ended.stderr}`);
  if (existsSync(study.path)) writeFileSync(study.file('go'), '');
  const { code } = await other.ended;
  if (code !== 0) problems.push(`the conductor that drove the study ended with ${code}`);
  const ran = study.has('only/runs') ? study.read('only/runs').split('\n').length - 1 : 0;
  if (ran !== 1) problems.push(`the step ran ${ran} times`);
  const isGood = problems.length === 0;
  const told = isGood ? [] : [`${problems.join('\n')}\n${study.story}`];
  await study.dispose({ isGood });
  return { ran, problems: told };
}
