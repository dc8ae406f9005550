import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Host } from '../../../src/hosts/host.js';
import { LocalScheduler } from '../../../src/schedulers/local/scheduler.js';
import type { Job, JobEvent, JobOutcome } from '../../../src/schedulers/scheduler.js';
import { systemClock } from '../../../src/util/clock.js';
import { graphOf } from '../graphs.js';
import { until } from '../wait.js';

/** What a driver was told of an attempt. */
interface Told {
  readonly step: number;
  readonly attempt: number;
  readonly outcome: JobOutcome;
}

/** A study of local steps, each of which writes down when it begins and when it ends, and in which attempt that is. */
export class StudyOfAttempts {
  readonly path: string;
  readonly #steps: readonly Job['step'][];
  readonly #body: string;
  readonly #written = new Set<string>();

  /** @param body what each step does in between */
  constructor(directory: string, { steps = 1, body = '' } = {}) {
    this.path = directory;
    this.#body = body;
    this.#steps = graphOf(Array.from({ length: steps }, (_, i) => ({ name: `s${i}` }))).steps;
    mkdirSync(path.join(directory, '.conductor'));
    for (const { workspace } of this.#steps) mkdirSync(path.join(directory, workspace));
  }

  job(index: number, attempt: number): Job {
    const step = this.#steps[index]!;
    const script = `${step.workspace}/${attempt}.sh`;
    const text = `#!/bin/bash\necho "begin ${attempt} $$" >> ran\n${this.#body}\necho "end ${attempt} $$" >> ran\n`;
    // Once: another driver may have begun it, and what is being written cannot be executed.
    if (!this.#written.has(script)) writeFileSync(path.join(this.path, script), text, { mode: 0o755 });
    this.#written.add(script);
    return { step, attempt, script };
  }

  file(name: string): string {
    return path.join(this.path, name);
  }

  /** What a step has written down, as `begin ATTEMPT`, `end ATTEMPT`. */
  ran(index = 0): string[] {
    return this.#lines(index).map((line) => line.replace(/ \d+$/, ''));
  }

  #lines(index: number): string[] {
    return this.#read(`s${index}/ran`).split('\n').slice(0, -1);
  }

  #read(name: string): string {
    try {
      return readFileSync(this.file(name), 'utf8');
    } catch {
      return '';
    }
  }

  /** What is wrong with what was told of attempts, and written down about them. */
  problems(told: readonly Told[]): string[] {
    return this.#steps.flatMap(({ index }) => {
      const lines = this.#lines(index);
      const attempts = [...new Set(told.filter(({ step }) => step === index).map(({ attempt }) => attempt))];
      return attempts.flatMap((attempt) => {
        const begun = lines.filter((line) => line.startsWith(`begin ${attempt} `));
        const outcomes = told.filter((one) => one.step === index && one.attempt === attempt).map((one) => one.outcome);
        return this.#problemsOf(`s${index}/${attempt}`, begun, outcomes);
      });
    });
  }

  #problemsOf(name: string, begun: readonly string[], outcomes: readonly JobOutcome[]): string[] {
    const owner = this.#read(`.conductor/claims/${name}`).trimEnd();
    const exit = this.#read(`.conductor/claims/${name}.0.exit`).trimEnd();
    const isScripts = /^\d+ [\d.]+$/.test(exit);
    const problems = [
      begun.length > 1 && `ran ${begun.length} times`,
      outcomes.some(hasNotRun) && begun.length > 0 && 'ran although it was said that it never would',
      outcomes.some(({ result }) => result === 'completed') && begun.length === 0 && 'completed without having run',
      isScripts && begun.length === 0 && !exit.startsWith('137 ') && 'has an exit status that is not its own',
      begun.length > 0 && !begun[0]!.endsWith(` ${owner.split(':')[1]}`) && `ran, but belongs to ${owner}`,
    ];
    return problems.flatMap((problem) => (problem === false ? [] : [`${name} ${problem} (exit file: ${exit})`]));
  }

  /** Claims and exit files that there are, by attempt. */
  get claims(): string[] {
    return readdirSync(this.file('.conductor/claims'), { recursive: true }).map(String).sort();
  }
}

/** Whether an outcome says that nothing of the script ran, or ever will. */
const hasNotRun = ({ result, note }: JobOutcome) => result === 'not-run' || note.startsWith('the script was not run');

/** Does with local steps what the conductor does: an attempt that did not come to its end is followed by another one. */
export class Driver {
  readonly told: Told[] = [];
  readonly #study: StudyOfAttempts;
  readonly #scheduler: LocalScheduler;
  readonly #events: JobEvent[] = [];

  constructor(study: StudyOfAttempts, host: Host) {
    this.#study = study;
    const options = { host, studyPath: study.path, env: new Map(), clock: systemClock };
    this.#scheduler = new LocalScheduler(options, (event) => {
      if (event.type === 'interrupt') return;
      this.#events.push(event);
      if (event.type !== 'ended') return;
      this.told.push({ step: event.step, attempt: event.attempt, outcome: event.outcome });
    });
  }

  /** @returns what became of the step in the end */
  async conduct(index = 0, first = 1): Promise<JobOutcome> {
    for (let attempt = first; ; attempt++) {
      this.#scheduler.submit([this.#study.job(index, attempt)]);
      const outcome = await until(`s${index}/${attempt} has ended`, () => this.outcomeOf(index, attempt), 100_000);
      if (outcome.result !== 'node-failure' && outcome.result !== 'not-run') return outcome;
    }
  }

  outcomeOf(index: number, attempt: number): JobOutcome | undefined {
    return this.told.find((one) => one.step === index && one.attempt === attempt)?.outcome;
  }

  /** Ends as a driver does that is killed: its supervisor ends, and what that has started goes on. */
  leave(): void {
    this.#scheduler.close();
  }
}
