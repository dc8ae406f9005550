import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { seeDriven, seeStarted } from '../../../src/run/detach/follow.js';
import { startedByHand, writeRegistration } from '../../../src/run/detach/registration.js';
import { goesOnByItself, isToBegin } from '../../../src/run/detach/unbegun.js';
import { conductedBriefs, conductedView } from '../../../src/run/detach/waiting.js';
import type { Entry, StudyEnd } from '../../../src/store/journal/records.js';
import { lookAtStudies, lookAtStudy, type StudySight } from '../../../src/store/look/look.js';
import { systemClock } from '../../../src/util/clock.js';
import { journalOf, leaseOf, writeStudy } from '../../support/existing.js';
import { plainHost, WatchedHost } from '../../support/hosts.js';
import { temporaryDirectory } from '../../support/temporary.js';
import { until } from '../../support/wait.js';

const [first, second] = ['1'.repeat(32), '2'.repeat(32)];
const over = { state: 'FAILED' as const, ended: 7 };

/** A study of one step, and its starts. The times of its files are seconds: the journal was written last at 100. */
class Studied {
  readonly root = temporaryDirectory();
  readonly path = path.join(this.root, 'study');
  readonly #bin = path.join(this.root, 'bin');

  constructor(end: StudyEnd | undefined, steps = [{ name: 'run', record: over }]) {
    const ended: readonly Entry[] = end === undefined ? [] : [{ type: 'end', ...end }];
    writeStudy(this.path, journalOf(steps, ...ended), leaseOf({ released: true }));
    mkdirSync(this.#bin);
    this.#at('.conductor/journal.jsonl', 100);
    this.squeue('echo asked >> "$0.asked"; echo "PENDING|pdebug|1|N/A|Priority"');
  }

  /** Leaves a start. @param asked when its conductor was asked for as a job, if it was */
  start(token: string, at: number, asked?: number): this {
    const start = `.conductor/detached/${token}`;
    mkdirSync(path.join(this.path, start), { recursive: true });
    const job = { kind: 'slurm', jobName: 'conductor', flux: '', fluxVersion: '' };
    const files = { 'order.json': '{}', 'secrets.json': '{}' };
    for (const [name, text] of Object.entries(files)) this.#write(`${start}/${name}`, text, at);
    if (asked !== undefined) {
      this.#write(`${start}/job-asked.json`, JSON.stringify(job), asked);
      this.#write(`${start}/job.json`, JSON.stringify({ ...job, id: '17' }), asked + 1);
    }
    return this;
  }

  squeue(text: string): void {
    writeFileSync(path.join(this.#bin, 'squeue'), `#!/bin/bash\n${text}\n`, { mode: 0o755 });
  }

  get wasAsked(): boolean {
    try {
      return readFileSync(path.join(this.#bin, 'squeue.asked'), 'utf8') !== '';
    } catch {
      return false;
    }
  }

  get host() {
    return plainHost(`export PATH=${this.#bin}:$PATH`);
  }

  async sight(): Promise<StudySight> {
    return (await lookAtStudy(this.host, this.path)) as StudySight;
  }

  async view() {
    const { view, job } = await conductedView(this.host, await this.sight());
    const { studies } = await lookAtStudies(this.host, [this.path]);
    const [brief] = await conductedBriefs(this.host, studies);
    expect(brief!.status).toBe(view.status);
    return { status: view.status, why: view.why, job: job?.id };
  }

  #write(file: string, text: string, at: number): void {
    writeFileSync(path.join(this.path, file), text);
    this.#at(file, at);
  }

  #at(file: string, seconds: number): void {
    utimesSync(path.join(this.path, file), seconds, seconds);
  }
}

const waits = 'its conductor, job 17 of Slurm, waits in the queue: PENDING: Priority';

describe('a study that nothing drives', () => {
  it.each(['FAILURE', 'FINISHED', 'CANCELLED', 'INTERRUPTED'] as const)(
    'goes on if it was %s, and a job that is to conduct it was asked for since',
    async (status) => {
      const study = new Studied({ status }).start(first, 1, 2).start(second, 110, 120);
      expect(await study.view()).toEqual({ status: 'RUNNING', why: waits, job: '17' });
    },
  );

  it.each(['FAILURE', 'FINISHED', 'CANCELLED'] as const)(
    'is as it ended, %s, if its last conductor was asked for before, and no queue is asked',
    async (status) => {
      const study = new Studied({ status }).start(first, 1, 98);
      expect(await study.view()).toMatchObject({ status, job: undefined });
      expect(study.wasAsked).toBe(false);
    },
  );

  it('goes on if it was left to a job that was asked for before, as one that hands over does', async () => {
    const study = new Studied({ status: 'INTERRUPTED' }).start(first, 1, 98);
    expect(await study.view()).toEqual({ status: 'RUNNING', why: waits, job: '17' });
  });

  it('is as it ended if the job that hands over came to the end after it had asked for the next one', async () => {
    const study = new Studied({ status: 'FAILURE' }).start(first, 1, 99);
    expect(await study.view()).toMatchObject({ status: 'FAILURE', job: undefined });
  });

  it('goes on while the queue cannot be asked, and says so', async () => {
    const study = new Studied({ status: 'FAILURE' }).start(second, 110, 120);
    study.squeue('echo "slurm_load_jobs error: Unable to contact slurm controller" >&2; exit 1');
    const { status, why } = await study.view();
    expect(status).toBe('RUNNING');
    expect(why).toMatch(/^its conductor is job .* of Slurm, which cannot be asked about: .*Unable to contact/);
  });

  it('is as it ended once the queue says that the job is over', async () => {
    const study = new Studied({ status: 'FAILURE' }).start(second, 110, 120);
    study.squeue('echo "FAILED|pdebug|1|N/A|NonZeroExitCode"');
    expect(await study.view()).toMatchObject({ status: 'FAILURE', job: undefined });
  });

  it('is driven, for whoever starts it again, by the start whose job waits, of whose plan the journal says nothing', async () => {
    const study = new Studied({ status: 'FAILURE' }).start(first, 1, 2).start(second, 110, 120);
    const seen = await seeDriven({ host: study.host, cancel: new AbortController().signal }, study.path);
    expect(seen?.token).toBe(second);
    expect(seen?.sight.state.plan).toBeUndefined();
  });
});

describe('a start that no conductor has begun', () => {
  const going = async (study: Studied) => goesOnByItself(study.host, study.root, await study.sight());
  const now = () => Date.now() / 1000;

  it('is on its way for a moment, by the time of its registration too, and is left to collectors after that', async () => {
    expect(await going(new Studied({ status: 'FAILURE' }).start(second, now()))).toBe('soon');
    const study = new Studied({ status: 'FAILURE' }).start(second, 110);
    expect(await going(study)).toBe('later');
    const registrations = path.join(study.root, '.conductor/detached');
    mkdirSync(registrations, { recursive: true });
    writeFileSync(path.join(registrations, `${second}.json`), '{}');
    expect(await going(study)).toBe('soon');
  });

  it('is left to collectors at once if its conductor is dead on this machine', async () => {
    const study = new Studied({ status: 'FAILURE' }).start(second, now());
    const gone = spawnSync('true').pid;
    for (const [machine, then] of [
      [hostname(), 'later'],
      ['login8', 'soon'],
    ]) {
      writeFileSync(path.join(study.path, `.conductor/detached/${second}/started`), `${machine} ${gone}\n`);
      expect(await going(study)).toBe(then);
    }
  });

  it('is waited for by another start, which finds what it begins, if it lives on this machine', async () => {
    const study = new Studied({ status: 'FAILURE' }).start(second, now());
    writeFileSync(path.join(study.path, `.conductor/detached/${second}/started`), `${hostname()} ${process.pid}\n`);
    const host = new WatchedHost(study.host);
    const context = { host, root: study.root, clock: systemClock, cancel: new AbortController().signal };
    const seen = seeStarted(context, study.path);
    await until('it was looked for', () => host.commands.some((command) => command.includes('order.json')));
    // Now it has begun.
    writeFileSync(path.join(study.path, '.conductor/lease'), `${leaseOf({ fence: 2, detached: second })}\n`);
    writeFileSync(path.join(study.path, '.conductor/fences/2'), 'token\n');
    expect((await seen)?.token).toBe(second);
    // One that may be on another machine is not waited for.
    const other = new Studied({ status: 'FAILURE' }).start(second, now());
    writeFileSync(path.join(other.path, `.conductor/detached/${second}/started`), 'login8 1\n');
    expect(await seeStarted({ ...context, host: other.host }, other.path)).toBeUndefined();
  });

  it('is to begin if it is on its way, or registered for those who collect it, also behind one that nobody has registered', async () => {
    const begins = (study: Studied) => isToBegin(study.host, study.root, study.path);
    expect(await begins(new Studied({ status: 'FAILURE' }))).toBe(false);
    expect(await begins(new Studied({ status: 'FAILURE' }).start(second, now()))).toBe(true);
    const study = new Studied({ status: 'FAILURE' }).start(first, 110).start(second, 120);
    expect(await begins(study)).toBe(false);
    const about = { ...startedByHand, version: 1, token: first, studyPath: study.path, started: 1 } as const;
    await writeRegistration(study.host, study.root, about);
    utimesSync(path.join(study.root, `.conductor/detached/${first}.json`), 110, 110);
    expect(await begins(study)).toBe(true);
  });

  it('is none if the journal was written since, or it was forgotten', async () => {
    expect(await going(new Studied({ status: 'FAILURE' }).start(second, 90))).toBeUndefined();
    expect(await going(new Studied({ status: 'FAILURE' }))).toBeUndefined();
  });

  it('that has begun goes on if its study was interrupted', async () => {
    expect(await going(new Studied(undefined).start(first, 90))).toBe('later');
    expect(await going(new Studied({ status: 'INTERRUPTED' }))).toBeUndefined();
  });
});
