import { setTimeout as sleep } from 'node:timers/promises';
import { CrashedStudy, here, type Place } from './crashed-study.js';
import { compareOutcomes, examine, type Outcome, outcomeOf } from './examine.js';
import type { KillPoint } from './killing-writer.js';
import type { MixedStudy } from './mixed-study.js';
import { inParallel } from './parallel.js';
import type { Row } from './table.js';

/** One end of a conductor: at a record of the journal, or so many milliseconds after its start; alone, or with its machine. */
export type Crash =
  | KillPoint
  | { readonly moment: 'conductor'; readonly after: number }
  | { readonly moment: 'machine'; readonly after: number };

/** Kills the conductor of a study at many points, one study each, and looks at what becomes of the study. */
export class CrashHarness {
  readonly #what: string;
  readonly #study: MixedStudy;
  readonly #place: Place;
  readonly #expected: Outcome;
  /** How many records the journal of the study has that nobody crashed. */
  readonly records: number;

  private constructor(what: string, study: MixedStudy, place: Place, expected: Outcome, records: number) {
    this.#what = what;
    this.#study = study;
    this.#place = place;
    this.#expected = expected;
    this.records = records;
  }

  /**
   * Runs the study once without a crash, to know what should come of it.
   *
   * @throws Error if that is not good by itself
   */
  static async start(what: string, study: MixedStudy, place: Place = here): Promise<CrashHarness> {
    const good = new CrashedStudy(study, place);
    const { code } = await good.finish();
    const problems = code === 0 ? examine(good).problems : [`it ended with ${code}`];
    if (problems.length > 0) throw new Error(describe('the study that nobody crashes', problems, good));
    const harness = new CrashHarness(what, study, place, outcomeOf(good), good.records);
    await good.dispose();
    return harness;
  }

  /**
   * Runs a study for each history of crashes, so many at a time.
   *
   * @returns what was done, and what was wrong; each problem comes with its history
   */
  async run(histories: readonly (readonly Crash[])[], width = 2): Promise<{ row: Row; problems: readonly string[] }> {
    const begin = Date.now();
    const results = await inParallel(width, histories, (history) => this.#one(history));
    const sum = (of: (result: (typeof results)[number]) => number) =>
      results.reduce((total, each) => total + of(each), 0);
    const row = {
      what: this.#what,
      studies: results.length,
      steps: results.length * this.#study.steps,
      faults: {
        'kill -9': sum(({ kills }) => kills),
        ...countsOf(
          'end of machine',
          sum(({ machines }) => machines),
        ),
      },
      ranTwice: sum(({ ranTwice }) => ranTwice),
      lost: sum(({ lost }) => lost),
      seconds: (Date.now() - begin) / 1000,
    };
    return { row, problems: results.flatMap(({ problems }) => problems) };
  }

  async #one(history: readonly Crash[]) {
    const study = new CrashedStudy(this.#study, this.#place);
    const problems: string[] = [];
    const counts = { kills: 0, machines: 0, ranTwice: 0, lost: 0 };
    try {
      for (const crash of history) {
        const code = await crashBy(study, crash);
        if (code === null) counts[crash.moment === 'machine' ? 'machines' : 'kills'] += 1;
        else if (code !== 0) problems.push(`before it was killed it ended with ${code}`);
      }
      const { code } = await study.finish();
      if (code !== 0) problems.push(`it ended with ${code}`);
      const { ranTwice, lost, problems: found } = examine(study);
      Object.assign(counts, { ranTwice, lost });
      problems.push(...found, ...compareOutcomes(outcomeOf(study), this.#expected));
    } catch (error) {
      problems.push(String((error as Error).stack));
    }
    const isGood = problems.length === 0;
    const told = isGood ? [] : [describe(`${this.#what}: ${history.map(shown).join(', ')}`, problems, study)];
    await study.dispose({ isGood });
    return { ...counts, problems: told };
  }
}

/** @returns how the conductor ended; null if it was killed */
async function crashBy(study: CrashedStudy, crash: Crash): Promise<number | null> {
  if ('record' in crash) return study.crash(crash);
  const driver = study.start();
  await Promise.race([driver.ended, sleep(crash.after)]);
  return crash.moment === 'machine' ? study.killMachine(driver) : study.kill(driver);
}

const countsOf = (what: string, count: number) => (count === 0 ? {} : { [what]: count });

function shown(crash: Crash): string {
  return 'record' in crash
    ? `killed ${crash.moment} record ${crash.record}`
    : `${crash.moment} killed after ${crash.after} ms`;
}

function describe(what: string, problems: readonly string[], study: CrashedStudy): string {
  return `${what} (${study.directory}):\n  ${problems.slice(0, 20).join('\n  ')}\n${study.story}`;
}
