import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CutProxy } from '../cut-proxy.js';
import { chanceOf, deckOf, pick } from './chance.js';
import { CrashedStudy, type Driver, here, type Place } from './crashed-study.js';
import { examine } from './examine.js';
import { inMegabytes, MemorySamples } from './memory.js';
import type { MixedStudy } from './mixed-study.js';
import type { Row } from './table.js';

/**
 * What happens to a conductor: it is killed; one of the commands that it has running on the host is killed; it is stopped for
 * a while; its line breaks, says nothing, or is slow for a while.
 */
export type Fault = 'kill' | 'kill a command' | 'stop' | 'cut' | 'stall' | 'trickle';

export interface SoakOptions {
  readonly what: string;
  readonly study: MixedStudy;
  readonly place?: Place;
  /** What chance begins with. */
  readonly seed: number;
  readonly faults: readonly Fault[];
  /** The line that breaks. */
  readonly proxy?: CutProxy;
  /** Milliseconds from one fault to the next, at least and at most. */
  readonly pause: readonly [number, number];
  /** Milliseconds that a fault which passes lasts, at least and at most. */
  readonly lasting: readonly [number, number];
  /** After so many faults it is left alone. */
  readonly mostFaults?: number;
  /** Once so much of the study is done, from 0 to 1, no conductor is killed any more: the last one is to become old. */
  readonly killsUntil?: number;
  /** The most memory that a conductor may have, in bytes. */
  readonly memory: number;
  /** Whether it must not grow either. */
  readonly isFlat?: boolean;
  /** Milliseconds that the whole may take. */
  readonly limit: number;
}

/** Bytes in which a trickle comes, a millisecond apart. */
const trickleSize = 64;

/** Runs a study to its end in spite of faults, which come one after the other, and looks at what became of it. */
export async function soak(options: SoakOptions): Promise<{ row: Row; problems: readonly string[] }> {
  const begin = Date.now();
  const { study: mixed, limit, memory: mostMemory } = options;
  const study = new CrashedStudy(mixed, options.place ?? here, limit);
  const memory = new MemorySamples();
  const faults = new Map<string, number>();
  const problems: string[] = [];
  const code = await driveThrough(study, options, memory, faults, begin + limit);
  memory.stop();
  let [ranTwice, lost] = [0, 0];
  if (code !== 0) problems.push(`it ended with ${code}`);
  try {
    const findings = examine(study);
    [ranTwice, lost] = [findings.ranTwice, findings.lost];
    problems.push(...findings.problems);
  } catch (error) {
    problems.push(String((error as Error).stack));
  }
  const { early, late, samples } = memory.trend;
  if (memory.most > mostMemory) problems.push(`a conductor had ${inMegabytes(memory.most)}`);
  if (options.isFlat === true && (samples < 20 || late > early * 1.2 + 20 * 1024 * 1024)) {
    problems.push(`the memory grew from ${inMegabytes(early)} to ${inMegabytes(late)} in ${samples} samples`);
  }
  const isGood = problems.length === 0;
  const told = isGood
    ? []
    : [
        `${options.what}, seed ${options.seed} (${study.directory}):\n  ${problems.slice(0, 20).join('\n  ')}\n${study.story}`,
      ];
  await study.dispose({ isGood });
  const sizes = `${inMegabytes(early)} early, ${inMegabytes(late)} late, ${inMegabytes(memory.most)} at most`;
  const seconds = (Date.now() - begin) / 1000;
  return {
    row: {
      what: options.what,
      studies: 1,
      steps: mixed.steps,
      faults: Object.fromEntries(faults),
      ranTwice,
      lost,
      seconds,
      seed: options.seed,
      memory: sizes,
    },
    problems: told,
  };
}

/** @returns how the last conductor ended; null if it had to be stopped */
async function driveThrough(
  study: CrashedStudy,
  options: SoakOptions,
  memory: MemorySamples,
  faults: Map<string, number>,
  end: number,
): Promise<number | null> {
  const { seed, proxy, mostFaults = Number.POSITIVE_INFINITY, killsUntil = 1 } = options;
  const chance = chanceOf(seed);
  const between = ([least, most]: readonly [number, number]) => least + chance() * (most - least);
  const count = (what: string) => faults.set(what, (faults.get(what) ?? 0) + 1);
  const start = (): Driver => {
    const driver = study.start();
    memory.watch(driver.pid);
    return driver;
  };
  const draw = deckOf(chance, options.faults);
  let driver = start();
  for (let done = 0; Date.now() < end; ) {
    const pause = done < mostFaults ? between(options.pause) : 1000;
    const ended = await Promise.race([driver.ended, sleep(pause)]);
    if (ended !== undefined) {
      // Who could not connect at all, or whose command was killed before anything ran, is started again, as a person would.
      const cannotStart =
        ended.code === 1 &&
        /^cannot (connect to|use the Flux broker) |^the Flux broker \S+ cannot be asked: |\bexit 137\b/m.test(
          ended.stderr,
        );
      if (ended.code !== 4 && !cannotStart) return ended.code;
      count(cannotStart ? 'not started' : 'interrupted');
      driver = start();
      continue;
    }
    if (done >= mostFaults) continue;
    const fault = draw((fault) => fault !== 'kill' || progressOf(study) < killsUntil);
    const passes = () => Promise.race([driver.ended, sleep(between(options.lasting))]);
    done += 1;
    count(fault);
    switch (fault) {
      case 'kill':
        if ((await study.kill(driver)) === null) driver = start();
        break;
      case 'kill a command': {
        const commands = childrenOf(driver.pid);
        if (commands.length > 0) process.kill(pick(chance, commands), 'SIGKILL');
        break;
      }
      case 'stop':
        driver.process.kill('SIGSTOP');
        await sleep(between(options.lasting));
        driver.process.kill('SIGCONT');
        break;
      case 'cut':
        proxy!.cut();
        break;
      case 'stall':
        proxy!.stall();
        await passes();
        proxy!.resume();
        break;
      case 'trickle':
        proxy!.trickle(trickleSize);
        await passes();
        proxy!.flow();
        break;
    }
  }
  await study.kill(driver);
  return null;
}

/** How much of the study is done, from 0 to 1. */
function progressOf(study: CrashedStudy): number {
  if (!study.has('status.csv')) return 0;
  return (study.read('status.csv').match(/,FINISHED,/g)?.length ?? 0) / study.study.steps;
}

/** Children of a process, which are what it has running on this machine. */
function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return text === '' ? [] : text.split(' ').map(Number);
  } catch {
    return [];
  }
}
