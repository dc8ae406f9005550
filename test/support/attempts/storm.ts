import { readFileSync } from 'node:fs';
import { quote } from '../../../src/util/shell-quote.js';
import { plainHost } from '../hosts.js';
import { Driver, StudyOfAttempts } from './drivers.js';
import { chanceLines, send } from './faults.js';

export interface StormOptions {
  /** How many steps the drivers take, each of them all, in the same order. */
  readonly rounds: number;
  readonly drivers: number;
  /** At one moment in so many something goes wrong; undefined: nothing does. */
  readonly oneIn?: number;
  /** How many steps are under way at once. */
  readonly atOnce?: number;
}

export interface Storm {
  readonly problems: readonly string[];
  /** How many steps ended otherwise for one driver than for another. */
  readonly differing: number;
  /** How often something went wrong. */
  readonly faults: number;
}

/** Several drivers that do not know of each other take the same attempts at once. */
export async function storm(directory: string, options: StormOptions): Promise<Storm> {
  const { rounds, drivers: count, oneIn, atOnce = 8 } = options;
  const study = new StudyOfAttempts(directory, { steps: rounds });
  const note = `builtin echo "$1" >> ${quote(study.file('faults'))}`;
  const awhile = `(sleep 2; kill -CONT $_pid) > /dev/null 3>&- 6>&- & kill -STOP $_pid`;
  const setup =
    oneIn === undefined
      ? ''
      : chanceLines(oneIn, [
          `${note}; ${send('KILL', ['step'])}`,
          `${note}; ${send('KILL', ['waiter'])}`,
          `${note}; ${send('KILL', ['waiter', 'step'])}`,
          `${note}; _pid=$BASHPID; ${awhile}`,
          // Now and then only, for each has all steps found again.
          `((RANDOM % 4 == 0)) || return 0; ${note}; ${send('KILL', ['supervisor'])}`,
        ]);
  const drivers = Array.from({ length: count }, () => new Driver(study, plainHost(setup)));
  let next = 0;
  const work = async () => {
    while (next < rounds) {
      const index = next++;
      await Promise.all(drivers.map((driver) => driver.conduct(index)));
    }
  };
  try {
    await Promise.all(Array.from({ length: atOnce }, work));
  } finally {
    for (const driver of drivers) driver.leave();
  }
  const all = drivers.map(({ told }) => told);
  const differing = Array.from({ length: rounds }, (_, index) => index).filter((index) => {
    const ends = all.map((told) => told.findLast(({ step }) => step === index)!.outcome);
    return ends.some(({ result, exitCode }) => result !== ends[0]!.result || exitCode !== ends[0]!.exitCode);
  });
  return { problems: study.problems(all.flat()), differing: differing.length, faults: faultsIn(study.file('faults')) };
}

function faultsIn(file: string): number {
  try {
    return readFileSync(file, 'utf8').split('\n').length - 1;
  } catch {
    return 0;
  }
}
