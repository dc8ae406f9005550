import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { HostError } from '../../src/hosts/host.js';
import { processOf } from '../../src/hosts/processes.js';
import {
  type AcquireOptions,
  acquireLease,
  classifyLease,
  Lease,
  LeaseHeldError,
  type LeaseHolder,
  type LeaseLine,
  LeaseLostError,
  ourHolder,
  parseLease,
} from '../../src/store/lease.js';
import { LocalWriter } from '../../src/store/local-writer.js';
import { RemoteWriter } from '../../src/store/remote-writer.js';
import type { StudyWriterListener } from '../../src/store/study-writer.js';
import { type Clock, systemClock } from '../../src/util/clock.js';
import { ownNode } from '../support/bundle.js';
import { plainEnvironment, plainHost, WatchedHost } from '../support/hosts.js';
import { temporaryDirectory } from '../support/temporary.js';
import { VirtualClock } from '../support/virtual-clock.js';
import { isAlive, until } from '../support/wait.js';

// Other tests run beside these.
vi.setConfig({ testTimeout: 120_000 });

/** Generous, for the same reason. */
const long = 60_000;

const elsewhere = (pid: number): LeaseHolder => ({
  machine: `login${pid}`,
  pid,
  runUrl: `https://github.example/runs/${pid}`,
});

const quiet: StudyWriterListener = { onCancel: () => {}, onUpdate: () => {}, onLost: () => {}, onTrouble: () => {} };

/** A study directory. */
class Study {
  readonly path = temporaryDirectory();
  readonly own = path.join(this.path, '.conductor');
  readonly told: string[] = [];

  constructor() {
    mkdirSync(this.own);
  }

  acquire(me: LeaseHolder, options: AcquireOptions = {}, clock: Clock = systemClock, host = plainHost()) {
    return acquireLease(host, this.path, me, clock, (line) => this.told.push(line), options);
  }

  get line(): LeaseLine {
    return JSON.parse(readFileSync(path.join(this.own, 'lease'), 'utf8'));
  }

  get fences(): string[] {
    return readdirSync(path.join(this.own, 'fences')).sort();
  }

  /** Makes it look as if a driver had been there. */
  write(line: Partial<LeaseLine>): void {
    const all = { machine: 'login9', pid: 9, fence: 1, since: '2026-01-01T00:00:00.000Z', beat: 3, ...line };
    mkdirSync(path.join(this.own, 'fences'), { recursive: true });
    writeFileSync(path.join(this.own, 'lease'), `${JSON.stringify(all)}\n`);
  }

  fence(fence: number): void {
    mkdirSync(path.join(this.own, 'fences'), { recursive: true });
    writeFileSync(path.join(this.own, `fences/${fence}`), 'x\n');
  }
}

async function driver(study: Study, me: LeaseHolder, options: AcquireOptions = {}, setup = '') {
  const { fence } = await study.acquire(me, options);
  const lost: LeaseLostError[] = [];
  const listener = { ...quiet, onLost: (error: LeaseLostError) => void lost.push(error) };
  const host = plainHost(setup);
  const writer = RemoteWriter.start({ host, studyPath: study.path, fence, clock: systemClock, listener });
  const lease = Lease.start(writer, me, fence, systemClock);
  return { fence, writer, lease, lost };
}

describe('who takes the lease of a study', () => {
  it('is the first driver where there was none', async () => {
    const study = new Study();
    const result = await study.acquire(elsewhere(1), {}, new VirtualClock(0));
    expect(result).toEqual({ fence: 1, previous: undefined });
    expect(study.line).toEqual({ ...elsewhere(1), fence: 1, since: '1970-01-01T00:00:00.000Z', beat: 0 });
    expect(study.fences).toEqual(['1']);
    expect(readdirSync(study.own).sort()).toEqual(['fences', 'lease']);
    expect(study.told).toEqual([]);
  });

  it('comes at once after who released it, wherever that was', async () => {
    const study = new Study();
    const { writer, lease } = await driver(study, elsewhere(1));
    await lease.end({ released: true });
    await writer.end();
    expect(study.line.released).toBe(true);
    const { fence, previous } = await study.acquire(elsewhere(2));
    expect([fence, previous]).toMatchObject([2, elsewhere(1)]);
    expect(study.line.fence).toBe(2);
    expect(study.line).not.toHaveProperty('released');
    expect(study.told).toEqual([]);
  });

  it('is nobody where there is no study, and nothing is made there', async () => {
    const nowhere = path.join(temporaryDirectory(), 'gone');
    await expect(acquireLease(plainHost(), nowhere, elsewhere(1), systemClock, () => {})).rejects.toThrow(HostError);
    expect(existsSync(nowhere)).toBe(false);
  });

  it('has a fencing number above those that the journal has, although somebody cleaned up', async () => {
    const study = new Study();
    expect(await study.acquire(elsewhere(1), { least: 7 })).toMatchObject({ fence: 7 });
    expect(study.fences).toEqual(['7']);
  });

  it('has to wait for nothing if the holder lived on this machine and is dead', async () => {
    const study = new Study();
    const child = spawn('sleep', ['600'], { stdio: 'ignore' });
    onTestFinished(() => void child.kill('SIGKILL'));
    const pid = child.pid!;
    const startTime = await until('it runs', () => processOf(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.startTime);
    const holder = { ...ourHolder(), pid, startTime };
    await study.acquire(holder);
    await expect(study.acquire(ourHolder())).rejects.toThrow(LeaseHeldError);
    const gone = new Promise((resolve) => child.on('exit', resolve));
    child.kill('SIGKILL');
    await gone;
    expect(await study.acquire(ourHolder())).toMatchObject({ fence: 2, previous: holder });
    expect(study.told).toEqual([]);
  });

  it('has to wait for nothing if its process id is somebody else by now', async () => {
    const study = new Study();
    await study.acquire({ ...ourHolder(), startTime: '1' });
    expect((await study.acquire(ourHolder())).fence).toBe(2);
  });

  it('is nobody while the holder on this machine lives, and it is said who that is', async () => {
    const study = new Study();
    const me = ourHolder('https://github.example/runs/1');
    await study.acquire(me, {}, new VirtualClock(0));
    const error = await study.acquire(ourHolder()).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(LeaseHeldError);
    expect((error as LeaseHeldError).message).toBe(
      `the study ${study.path} is driven by process ${process.pid} on ${me.machine} since 1970-01-01T00:00:00.000Z ` +
        `(https://github.example/runs/1): wait until that is over, or end it with \`maestro-on-flux cancel ${study.path}\``,
    );
    expect(study.fences).toEqual(['1']);
  });

  it('comes after a while without a sign of who lives on this machine, and has hung for minutes', async () => {
    const study = new Study();
    const me = ourHolder('https://github.example/runs/1');
    await study.acquire(me);
    const old = Date.now() / 1000 - 200;
    for (const file of ['lease', 'fences/1']) utimesSync(path.join(study.own, file), old, old);
    // One that gives a sign was only slow.
    const attempt = study.acquire(ourHolder(), { silenceMs: long });
    const refused = expect(attempt).rejects.toThrow(LeaseHeldError);
    await until('it watches', () => study.told.length > 0);
    await sleep(200);
    study.write({ ...me, beat: 4 });
    await refused;
    for (const file of ['lease', 'fences/1']) utimesSync(path.join(study.own, file), old, old);
    expect(await study.acquire(ourHolder(), { silenceMs: 300 })).toMatchObject({ fence: 2, previous: me });
  });

  it('comes after a while without a sign of who was elsewhere', async () => {
    const study = new Study();
    await study.acquire(elsewhere(1), {}, new VirtualClock(0));
    const { fence } = await study.acquire(elsewhere(2), { silenceMs: 500 });
    expect(fence).toBe(2);
    expect(study.told).toEqual([
      `${study.path} was last driven by process 1 on login1 since 1970-01-01T00:00:00.000Z (https://github.example/runs/1); ` +
        `waiting up to 0.5 s to see whether it still is`,
    ]);
  });

  it('is nobody while who is elsewhere gives signs', async () => {
    const study = new Study();
    await study.acquire(elsewhere(1));
    const attempt = study.acquire(elsewhere(2), { silenceMs: long });
    const refused = expect(attempt).rejects.toThrow(/is driven by process 9 on login9 since/);
    await until('it watches', () => study.told.length > 0);
    await sleep(200);
    study.write({ beat: 4 });
    await refused;
    expect(study.fences).toEqual(['1']);
  });

  it('comes as soon as who is watched releases it', async () => {
    const study = new Study();
    await study.acquire(elsewhere(1));
    const attempt = study.acquire(elsewhere(2), { silenceMs: long });
    await until('it watches', () => study.told.length > 0);
    study.write({ beat: 4, released: true });
    expect((await attempt).fence).toBe(2);
  });

  it('waits for who has the highest number and has not said anything yet', async () => {
    const study = new Study();
    study.fence(1);
    study.write({ fence: 1, released: true });
    study.fence(2);
    expect((await study.acquire(elsewhere(3), { silenceMs: 300 })).fence).toBe(3);
    expect(study.told).toEqual([expect.stringContaining('was last driven by a run that has not said which it is')]);
    study.fence(4);
    const attempt = study.acquire(elsewhere(5), { silenceMs: long });
    const refused = expect(attempt).rejects.toThrow(/driven by process 9 on login9/);
    await until('it watches', () => study.told.length > 1);
    await sleep(200);
    study.write({ fence: 4, beat: 0 });
    await refused;
  });

  it('has to wait for nothing if all of it is old', async () => {
    const study = new Study();
    study.fence(7);
    study.write({ fence: 7 });
    const age = (file: string, seconds: number) =>
      utimesSync(path.join(study.own, file), Date.now() / 1000 - seconds, Date.now() / 1000 - seconds);
    age('lease', 500);
    // Its number is new: it may be about to write the lease.
    await expect(study.acquire(elsewhere(1), { silenceMs: long, cancel: AbortSignal.timeout(500) })).rejects.toThrow();
    expect(study.told).toHaveLength(1);
    age('fences/7', 500);
    expect((await study.acquire(elsewhere(1))).fence).toBe(8);
    expect(study.told).toHaveLength(1);
  });

  it('can be told to wait no longer', async () => {
    const study = new Study();
    await study.acquire(elsewhere(1));
    const cancel = new AbortController();
    const attempt = study.acquire(elsewhere(2), { silenceMs: long, cancel: cancel.signal });
    const refused = expect(attempt).rejects.toBe('enough');
    await until('it watches', () => study.told.length > 0);
    cancel.abort('enough');
    await refused;
    expect(study.fences).toEqual(['1']);
  });

  it('counts numbers, not letters', async () => {
    const study = new Study();
    for (const fence of [1, 2, 9, 10]) study.fence(fence);
    writeFileSync(path.join(study.own, 'fences/99x'), '');
    study.write({ fence: 10, released: true });
    expect((await study.acquire(elsewhere(1))).fence).toBe(11);
  });

  it('removes what clerks of earlier drivers had begun', async () => {
    const study = new Study();
    await study.acquire(elsewhere(1));
    study.write({ released: true });
    writeFileSync(path.join(study.own, 'clerk-1-1'), 'half');
    await study.acquire(elsewhere(2));
    expect(readdirSync(study.own).sort()).toEqual(['fences', 'lease']);
  });

  it('is told why it cannot be taken', async () => {
    const study = new Study();
    rmSync(study.own, { recursive: true });
    writeFileSync(study.own, '');
    await expect(study.acquire(elsewhere(1))).rejects.toThrow(
      /^cannot find out who drives the study .* on this machine: .*(File exists|Not a directory)/,
    );
    await expect(study.acquire(elsewhere(1))).rejects.toThrow(HostError);
  });

  it('is one of two that come at the same instant', async () => {
    for (let round = 0; round < 100; round++) {
      const study = new Study();
      if (round % 2 === 1) {
        study.fence(1);
        study.write({ released: true });
      }
      const drivers = [1, 2].map((run) => study.acquire(ourHolder(`run ${run}`), { silenceMs: long }));
      const results = await Promise.allSettled(drivers);
      const won = results.filter(({ status }) => status === 'fulfilled');
      const lost = results.filter((result) => result.status === 'rejected' && result.reason instanceof LeaseHeldError);
      expect([round, won.length, lost.length, study.fences.length]).toEqual([round, 1, 1, (round % 2) + 1]);
      const winner = results.findIndex(({ status }) => status === 'fulfilled') + 1;
      expect(study.line.runUrl).toBe(`run ${winner}`);
      // The other is told who, or that it is one that has just begun.
      const { message } = (lost[0] as PromiseRejectedResult).reason as LeaseHeldError;
      expect(message).toMatch(
        new RegExp(`driven by (process .* \\(run ${winner}\\)|another run that has just begun):`),
      );
    }
  });

  it('is one of many, each on a machine that is slow in its own way', async () => {
    for (let round = 0; round < 5; round++) {
      const study = new Study();
      const drivers = [1, 2, 3, 4, 5].map((run) => {
        const slow = `ln() { sleep 0.${(run * 7 + round) % 10}; command ln "$@"; }`;
        return study.acquire(ourHolder(`run ${run}`), { silenceMs: long }, systemClock, plainHost(slow));
      });
      const results = await Promise.allSettled(drivers);
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect(study.fences).toEqual(['1']);
    }
  });

  it('takes it once, even if the answer is lost and it is asked for again', async () => {
    const study = new Study();
    const clock = new VirtualClock();
    const host = new WatchedHost();
    await acquireLease(host, study.path, elsewhere(1), clock, () => {});
    const again = plainHost().spawn(host.commands.at(-1)!);
    let said = '';
    again.stdout.on('data', (data) => {
      said += data;
    });
    await again.exit;
    expect(said).toBe('taken\n');
    expect([study.fences, study.line.fence]).toEqual([['1'], 1]);
  });
});

describe('drivers that are programs of their own', () => {
  const root = path.resolve(import.meta.dirname, '../..');
  /** Takes the lease, says whether it did, and is there until its input ends. */
  const program = `
    const { acquireLease, ourHolder } = await import(process.argv[1] + '/src/store/lease.ts');
    const { LocalHost } = await import(process.argv[1] + '/src/hosts/local-host.ts');
    const { systemClock } = await import(process.argv[1] + '/src/util/clock.ts');
    console.log('ready');
    process.stdin.once('data', async () => {
      const say = ({ fence }) => console.log('won', fence);
      const host = new LocalHost(process.env);
      await acquireLease(host, process.argv[2], ourHolder(), systemClock, () => {}).then(say, ({ message }) => console.log(message));
      process.stdin.on('data', () => {});
    });`;

  function start(study: Study) {
    const loader = path.join(root, 'test/flux/typescript.mjs');
    const words = ['--no-warnings', '--import', loader, '--input-type=module', '-e', program, root, study.path];
    const child = spawn(ownNode, words, { env: plainEnvironment, stdio: ['pipe', 'pipe', 'pipe'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data) => {
        said += data;
      });
    }
    const lines = () => said.split('\n').slice(0, -1);
    return { child, lines };
  }

  it('are one at a time, and one that was killed has the study no more', async () => {
    const study = new Study();
    for (let round = 1; round <= 3; round++) {
      const drivers = [start(study), start(study), start(study)];
      await until('all are ready', () => drivers.every(({ lines }) => lines().length === 1), long);
      for (const { child } of drivers) child.stdin.write('go\n');
      await until('all have said', () => drivers.every(({ lines }) => lines().length === 2), long);
      const said = drivers.map(({ lines }) => lines()[1]!);
      const winner = drivers[said.findIndex((line) => line.startsWith('won'))]!;
      const whose = new RegExp(`is driven by (process ${winner.child.pid} on |another run that has just begun)`);
      expect([...said].sort()).toEqual([expect.stringMatching(whose), expect.stringMatching(whose), `won ${round}`]);
      const gone = drivers.map(({ child }) => new Promise((resolve) => child.on('exit', resolve)));
      for (const { child } of drivers) child.kill('SIGKILL');
      await Promise.all(gone);
    }
  });
});

describe('a driver that was asleep', () => {
  it('is told so by its next word, and has written nothing after who came in its place', {
    timeout: long,
  }, async () => {
    const study = new Study();
    const pids = path.join(temporaryDirectory(), 'pids');
    const one = await driver(study, elsewhere(1), {}, `echo $$ > '${pids}'`);
    await one.writer.append('{"seq":1}\n');
    const pid = Number(readFileSync(pids, 'utf8'));
    process.kill(pid, 'SIGSTOP');
    onTestFinished(() => {
      if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    });
    const late = Promise.allSettled([
      one.writer.append('{"seq":2,"fence":1}\n'),
      one.writer.replace('status.csv', 'old\n'),
    ]);
    const two = await driver(study, elsewhere(2), { silenceMs: 300 });
    expect(two.fence).toBe(2);
    await two.writer.append('{"seq":2,"fence":2}\n');
    process.kill(pid, 'SIGCONT');
    for (const result of await late) {
      expect(result).toMatchObject({ status: 'rejected', reason: { name: 'LeaseLostError' } });
      expect((result as PromiseRejectedResult).reason.message).toContain('driven by process 2 on login2 since');
    }
    expect(one.lost).toHaveLength(1);
    await expect(one.writer.append('x\n')).rejects.toThrow(LeaseLostError);
    await one.lease.end({ released: true });
    await one.writer.end();
    await two.lease.end({ released: false });
    await two.writer.end();
    expect(readFileSync(path.join(study.own, 'journal.jsonl'), 'utf8').match(/.+/g)).toEqual([
      '{"seq":1}',
      '{"seq":2,"fence":2}',
    ]);
    expect(existsSync(path.join(study.path, 'status.csv'))).toBe(false);
    expect([study.line.fence, study.line.pid]).toEqual([2, 2]);
  });
});

const writers = [
  ['a command on the host', RemoteWriter],
  ['this process', LocalWriter],
] as const;

/** What a writer of the first driver of a study is started with. */
const writingTo = ({ path: studyPath }: Study) => ({
  ...{ host: plainHost(), studyPath, fence: 1, clock: systemClock, listener: quiet },
});

describe.each(writers)('a lease that %s writes', (_, Writer) => {
  function leaseOf(study: Study, clock: Clock) {
    mkdirSync(path.join(study.own, 'fences'), { recursive: true });
    study.fence(1);
    const writer = Writer.start(writingTo(study));
    const lease = Lease.start(writer, elsewhere(1), 1, clock);
    const beat = () => (existsSync(path.join(study.own, 'lease')) ? study.line.beat : undefined);
    return { writer, lease, beat };
  }

  it('says who holds it, at once, in a line', async () => {
    const study = new Study();
    const { writer, lease, beat } = leaseOf(study, new VirtualClock(0));
    await until('it is there', () => beat());
    const text = readFileSync(path.join(study.own, 'lease'), 'utf8');
    expect(text).toMatch(/^[^\n]+\n$/);
    expect(JSON.parse(text)).toEqual({ ...elsewhere(1), fence: 1, since: '1970-01-01T00:00:00.000Z', beat: 1 });
    await lease.end({ released: false });
    await writer.end();
  });

  it('changes every ten seconds, and not after its end', async () => {
    const study = new Study();
    const clock = new VirtualClock();
    const { writer, lease, beat } = leaseOf(study, clock);
    for (const expected of [1, 2, 3]) {
      await until(`beat ${expected}`, () => beat() === expected);
      clock.advance(9_999);
      expect(beat()).toBe(expected);
      // The writer answers in order, so the lease has its answer then; a moment later it has seen to that too.
      await writer.replace('status.csv', 'x\n');
      await new Promise((resolve) => setImmediate(resolve));
      clock.advance(1);
    }
    await until('beat 4', () => beat() === 4);
    await lease.end({ released: false });
    await writer.end();
    expect(clock.pending).toBe(0);
    expect([beat(), study.line.released]).toEqual([4, undefined]);
  });
});

describe('a lease', () => {
  it('is written once at a time, however long it takes', async () => {
    const clock = new VirtualClock();
    const texts: string[] = [];
    let done = () => {};
    const replace = (_: string, text: string) => {
      texts.push(text);
      return new Promise<void>((resolve) => {
        done = resolve;
      });
    };
    const lease = Lease.start({ replace }, elsewhere(1), 1, clock);
    clock.advance(50_000);
    expect(texts).toHaveLength(1);
    const ended = lease.end({ released: true });
    done();
    await until('it is released', () => texts.length === 2);
    done();
    await ended;
    expect(JSON.parse(texts[1]!)).toMatchObject({ beat: 2, released: true });
    expect(clock.pending).toBe(0);
  });

  it('says how long it has not been written, and ends even if it never is', async () => {
    const clock = new VirtualClock();
    let hangs = false;
    let beats = 0;
    const replace = (): Promise<void> => {
      beats += 1;
      return hangs ? new Promise(() => {}) : Promise.resolve();
    };
    const lease = Lease.start({ replace }, elsewhere(1), 1, clock);
    await until('it is written', () => beats === 1);
    await sleep(20);
    clock.advance(7_000);
    expect(lease.silenceMs).toBe(7_000);
    clock.advance(3_000);
    await until('it is written again', () => lease.silenceMs === 0);
    hangs = true;
    clock.advance(70_000);
    expect([lease.silenceMs, lease.failures, beats]).toEqual([70_000, 0, 3]);
    let isOver = false;
    const ended = lease.end({ released: true, timeoutMs: 5_000 }).then(() => {
      isOver = true;
    });
    clock.advance(4_999);
    await sleep(20);
    expect(isOver).toBe(false);
    clock.advance(1);
    await ended;
    expect([beats, clock.pending]).toEqual([3, 0]);
  });

  it('counts what fails, and goes on', async () => {
    const clock = new VirtualClock();
    let fails = true;
    const replace = async () => {
      if (fails) throw new HostError('no room');
    };
    const lease = Lease.start({ replace }, elsewhere(1), 1, clock);
    await until('it has failed', () => lease.failures === 1);
    clock.advance(10_000);
    await until('it has failed again', () => lease.failures === 2);
    fails = false;
    clock.advance(10_000);
    await until('all is well', () => lease.failures === 0);
    await lease.end({ released: true });
  });

  it('ends when somebody else has the study, and does not release what it has not', async () => {
    const clock = new VirtualClock();
    let writes = 0;
    const replace = async () => {
      writes += 1;
      throw new LeaseLostError('/p/x', undefined);
    };
    const lease = Lease.start({ replace }, elsewhere(1), 1, clock);
    await until('it is over', () => clock.pending === 0);
    await lease.end({ released: true });
    expect(writes).toBe(1);
  });
});

describe('what a lease says', () => {
  const seen = { fence: 3, age: 5 };
  const here = { machine: 'a', pid: 1, bootId: 'b', pidNamespace: 'n', startTime: '1' };
  const line = (more: object) => JSON.stringify({ ...here, fence: 3, since: 's', beat: 1, ...more });
  const never = () => {
    throw new Error('not on this machine');
  };

  it('decides what is to be done', () => {
    expect(classifyLease({ fence: 0, age: 0, line: '' }, here, never)).toBe('take');
    expect(classifyLease({ ...seen, line: line({ released: true }) }, here, never)).toBe('take');
    expect(classifyLease({ ...seen, line: line({}) }, here, () => 'dead')).toBe('take');
    expect(classifyLease({ ...seen, line: line({}) }, here, () => 'alive')).toBe('held');
    expect(classifyLease({ ...seen, line: line({}) }, here, () => 'unknown')).toBe('watch');
    expect(classifyLease({ ...seen, line: line({ bootId: 'x' }) }, here, never)).toBe('watch');
    expect(classifyLease({ ...seen, age: 121, line: line({ bootId: 'x' }) }, here, never)).toBe('take');
    // One who lives on this machine, and was stopped or hangs, has a last chance.
    expect(classifyLease({ ...seen, age: 120, line: line({}) }, here, () => 'alive')).toBe('held');
    expect(classifyLease({ ...seen, age: 121, line: line({}) }, here, () => 'alive')).toBe('watch');
    // That it lives on a copy of this machine is not to be seen.
    expect(classifyLease({ ...seen, line: line({ machine: 'copy' }) }, here, never)).toBe('watch');
    // What a former driver says is no news of the present one.
    expect(classifyLease({ ...seen, line: line({ fence: 2, released: true }) }, here, never)).toBe('watch');
    expect(classifyLease({ ...seen, line: '' }, here, never)).toBe('watch');
  });

  it('is nothing if it is something else', () => {
    for (const text of ['', 'null', '[]', '7', '{"machine":"a"}', line({ pid: '1' }), line({ fence: undefined })]) {
      expect(parseLease(text)).toBeUndefined();
    }
    expect(parseLease(line({}))).toMatchObject({ machine: 'a', fence: 3 });
  });

  it.each(writers)('survives a directory that is gone, if %s writes it', async (_, Writer) => {
    const study = new Study();
    rmSync(study.path, { recursive: true });
    const writer = Writer.start(writingTo(study));
    await expect(writer.replace('.conductor/lease', 'x\n')).rejects.toThrow(/No such file or directory$/);
    await writer.end();
  });
});
