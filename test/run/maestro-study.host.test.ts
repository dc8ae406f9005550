import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { type MaestroExit, MaestroRun } from '../../src/conductor/maestro/maestro-run.js';
import { controlDirectoryOf } from '../../src/conductor/maestro/places.js';
import { type MaestroStudy, markTold, takeMaestroStudy } from '../../src/run/maestro-study.js';
import { LeaseHeldError, ourHolder } from '../../src/store/lease.js';
import { systemClock } from '../../src/util/clock.js';
import { plainHost } from '../support/hosts.js';
import { temporaryDirectory } from '../support/temporary.js';
import { until } from '../support/wait.js';

/** A study that is run by commands in place of Maestro. */
class Study {
  readonly directory = temporaryDirectory();
  readonly path = path.join(this.directory, 'study');
  readonly lines: string[] = [];
  readonly #host = plainHost();

  take({ isDone = false } = {}): Promise<MaestroStudy> {
    const tell = (line: string) => this.lines.push(line);
    const log = {
      phase: tell,
      endPhase: () => {},
      info: tell,
      warning: tell,
      error: tell,
      live: () => {},
      problem: () => {},
    };
    const cancel = new AbortController().signal;
    return takeMaestroStudy(
      { host: this.#host, holder: ourHolder(''), clock: systemClock, log, cancel, onlyFinishes: false },
      { wanted: { path: this.path, key: 'key', resume: 'auto' }, name: 'study', isDone: async () => isDone },
    );
  }

  told(studyPath: string): Promise<void> {
    return markTold(this.#host, studyPath);
  }

  run(studyPath: string): MaestroRun {
    return new MaestroRun({
      ...{ host: this.#host, clock: systemClock, studyPath },
      onLog: (line) => this.lines.push(line),
      onStatus: () => {},
    });
  }

  /** Takes the study, and has `command` run as Maestro until it has made its directory. */
  async begin(command: string): Promise<{ path: string; run: MaestroRun }> {
    const { path: made, session, isStarted } = await this.take();
    expect(isStarted).toBe(false);
    const run = this.run(made);
    await run.start(['bash', '-c', `mkdir -p '${made}/logs'; ${command}`], '');
    await until('Maestro has made its directory', () => existsSync(path.join(made, '.conductor/maestro/log')));
    await session.release(undefined);
    return { path: made, run };
  }
}

const never = new AbortController().signal;
const endOf = (run: MaestroRun): Promise<MaestroExit | undefined> => run.watch(never);

/** Kills the session that the process of a study leads. */
function kill(studyPath: string): void {
  const [, pid] = readFileSync(path.join(studyPath, '.conductor/maestro/process'), 'utf8').split(' ');
  process.kill(-Number(pid), 'SIGKILL');
}

describe('a study that Maestro runs', () => {
  it('is watched by a further run while its Maestro runs, also one beside a study that has ended', async () => {
    const study = new Study();
    const first = await study.begin('exit 2');
    expect(await endOf(first.run)).toMatchObject({ status: 2 });
    await study.told(first.path);
    const second = await study.begin('sleep 60');
    expect(second.path).toBe(`${study.path}.2`);
    const again = await study.take();
    expect(again).toMatchObject({ path: second.path, isStarted: true, hasEnded: false });
    await again.session.release(undefined);
    kill(second.path);
    expect(await endOf(second.run)).toMatchObject({ status: null });
    await study.told(second.path);
    const third = await study.take();
    expect(third).toMatchObject({ path: `${study.path}.3`, isStarted: false });
    await third.session.release(undefined);
  });

  it('is over for all further runs if its Maestro is gone without an exit status', async () => {
    const study = new Study();
    const { path: made, run } = await study.begin('sleep 60');
    kill(made);
    expect(await endOf(run)).toMatchObject({ status: null });
    expect(await endOf(study.run(made))).toMatchObject({ status: null });
    await study.told(made);
    const done = await study.take({ isDone: true });
    expect(done).toMatchObject({ path: made, hasEnded: true });
    await done.session.release(undefined);
  });

  it('is made in an empty directory that is there', async () => {
    const study = new Study();
    mkdirSync(study.path);
    expect(await endOf((await study.begin('exit 0')).run)).toMatchObject({ status: 0 });
  });

  it('is not made in a directory that is filled meanwhile', async () => {
    const study = new Study();
    const { path: made, session } = await study.take();
    mkdirSync(made);
    writeFileSync(path.join(made, 'kept'), '');
    const run = study.run(made);
    await run.start(['bash', '-c', `rm -rf '${made}'`], '');
    expect(await endOf(run)).toMatchObject({ status: 1, lastWords: expect.stringContaining('is there already') });
    expect(readdirSync(made)).toEqual(['kept']);
    await session.release(undefined);
  });

  it('is named by the refusal of a second run, before its directory is there', async () => {
    const study = new Study();
    const { session } = await study.take();
    const refusal = study.take();
    await expect(refusal).rejects.toThrow(LeaseHeldError);
    await expect(refusal).rejects.toThrow(`\`maestro-on-flux cancel ${study.path}\``);
    expect(existsSync(controlDirectoryOf(study.path))).toBe(true);
    await session.release(undefined);
  });
});
