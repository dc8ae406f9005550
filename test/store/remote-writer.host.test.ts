import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { collectText } from '../../src/hosts/commands.js';
import { type Host, HostError, HostLostError, type HostProcess } from '../../src/hosts/host.js';
import { LeaseLostError } from '../../src/store/lease.js';
import {
  appendRequest,
  parseWriterReport,
  remoteWriterText,
  replaceRequest,
} from '../../src/store/remote-writer-protocol.js';
import { ownNode } from '../support/bundle.js';
import { plainEnvironment, plainHost, WatchedHost } from '../support/hosts.js';
import { temporaryDirectory } from '../support/temporary.js';
import { VirtualClock } from '../support/virtual-clock.js';
import { isAlive, until } from '../support/wait.js';
import { numbered, WrittenStudy as Study } from '../support/written-study.js';

// Other tests run beside these.
vi.setConfig({ testTimeout: 120_000 });

/** Generous, for the same reason. */
const long = 30_000;

/** Whether no command runs, and the clerk waits for when it may start the next. */
const isPaused = (host: WatchedHost, clock: VirtualClock) => host.running === 0 && clock.pending === 1;

/** A command of the host that speaks to us alone: what it says can be looked at, and what it is sent can be in parts. */
function bare(text: string): {
  process: HostProcess;
  said: () => string[];
  send: (bytes: Uint8Array | string) => void;
} {
  const process = plainHost().spawn(text);
  onTestFinished(() => void process.stdin.end());
  const output = collectText(process.stdout, 1_000_000);
  // That it is ready is no answer.
  const said = () =>
    output()
      .split('\n')
      .filter((line) => !['', 'ready'].includes(line));
  return { process, said, send: (bytes) => void process.stdin.write(bytes) };
}

describe('a clerk', () => {
  it('works whatever `setup` has done to the shell', async () => {
    const study = new Study();
    const setup = 'set -efuC -o pipefail; shopt -s failglob dotglob; TMOUT=1; readonly TMOUT; GLOBIGNORE="*"';
    const writer = study.start(study.host(setup));
    await writer.append('{"seq":1}\n');
    await writer.replace('status.csv', 'a\n');
    await writer.replace('status.csv', 'b\n');
    await sleep(2500);
    await writer.append('{"seq":2}\n');
    expect(study.lines()).toEqual(numbered(1, 3));
    expect(study.clerks()).toHaveLength(1);
    await writer.end();
  });

  it('understands what comes in parts, however slowly', async () => {
    const study = new Study();
    const { send, said, process } = bare(remoteWriterText({ studyPath: study.path, fence: 1, number: 1 }));
    const bytes = Buffer.concat([appendRequest('{"seq":1}\n', 1), replaceRequest('status.csv', 'ab\n')]);
    // Longer than the clerk waits for a line, in the middle of one.
    for (const part of [bytes.subarray(0, 4), bytes.subarray(4, 13), bytes.subarray(13)]) {
      send(part);
      await sleep(2500);
    }
    await until('both are done', () => said().length === 2);
    expect(said()).toEqual(['ok', 'ok']);
    expect(study.lines()).toEqual(['{"seq":1}']);
    process.stdin.end();
    expect(await process.exit).toEqual({ code: 0 });
  });

  it('understands what comes without its first byte, which may get lost, and ends after worse', {
    timeout: long,
  }, async () => {
    const study = new Study();
    const { send, said, process } = bare(remoteWriterText({ studyPath: study.path, fence: 1, number: 1 }));
    const bytes = replaceRequest('status.csv', 'ab\n').subarray(1);
    send(bytes);
    await until('it is done', () => said().length === 1);
    send(bytes.subarray(0, 5));
    await sleep(2500);
    send(bytes.subarray(5));
    await until('it is done', () => said().length === 2);
    expect(said()).toEqual(['ok', 'ok']);
    send(bytes.subarray(1));
    expect(await process.exit).toEqual({ code: 0 });
    expect(said()).toEqual(['ok', 'ok']);
  });

  it('does nothing that did not come whole', async () => {
    const study = new Study();
    const status = path.join(study.path, 'status.csv');
    writeFileSync(status, 'before\n');
    const request = replaceRequest('status.csv', 'after, and long\n');
    for (const length of [3, 10, 22, 30, request.length - 1]) {
      const { process, said } = bare(remoteWriterText({ studyPath: study.path, fence: 1, number: length }));
      process.stdin.end(request.subarray(0, length));
      await process.exit;
      expect(said()).toEqual([]);
    }
    expect(readFileSync(status, 'utf8')).toBe('before\n');
    expect(readdirSync(path.join(study.path, '.conductor'))).toEqual(['fences']);
    // A part of an append may be there, but nobody was told that it is.
    const append = appendRequest('{"seq":1}\n{"seq":2}\n', 1);
    const { process, said } = bare(remoteWriterText({ studyPath: study.path, fence: 1, number: 1 }));
    process.stdin.end(append.subarray(0, append.length - 3));
    await process.exit;
    expect(said()).toEqual([]);
    const writer = study.start();
    await writer.append('{"seq":2}\n');
    expect(study.lines()).toEqual(['{"seq":1}', '{"seq":2', '{"seq":2}']);
    await writer.end();
  });
});

describe('a clerk whose command ends', () => {
  it('has another one, which writes what the first has not', async () => {
    const study = new Study();
    const writer = study.start();
    await writer.append('{"seq":0}\n');
    await study.kill();
    await writer.append('{"seq":1}\n');
    expect(study.lines()).toEqual(numbered(0, 2));
    await writer.end();
  });

  it('keeps the order, and loses nothing, whenever that is', async () => {
    const study = new Study();
    const writer = study.start();
    const appends: Promise<void>[] = [];
    for (let round = 0; round < 4; round++) {
      for (const line of numbered(round * 50, round * 50 + 50)) appends.push(writer.append(`${line}\n`));
      await until('it is at it', () => existsSync(study.journal) && study.lines().length > round * 50 + 5, long);
      await study.kill();
    }
    await Promise.all(appends);
    expect(study.distinct()).toEqual(numbered(0, 200));
    await writer.end();
  });

  it('keeps its order in the middle of long texts', async () => {
    const study = new Study();
    const writer = study.start();
    const long = (line: string) => `${line.slice(0, -1)},"x":"${'x'.repeat(500_000)}"}`;
    const appends = numbered(0, 20).map((line) => writer.append(`${long(line)}\n`));
    for (let kills = 0; kills < 3; kills++) {
      await sleep(20);
      await study.kill();
    }
    await Promise.all(appends);
    const whole = study.distinct().filter((line) => line.endsWith('x"}') && line.startsWith('{"seq":'));
    expect(whole.map((line) => line.length)).toEqual(numbered(0, 20).map((line) => long(line).length));
    expect(whole.map((line) => JSON.parse(line).seq)).toEqual(Array.from({ length: 20 }, (_, i) => i));
    await writer.end();
  });

  it('starts the next one at once, and after that with growing pauses', async () => {
    const study = new Study();
    const clock = new VirtualClock();
    const host = new WatchedHost(plainHost('echo a bad day >&2; exit 3'));
    const writer = study.start(host, clock);
    const append = writer.append('{"seq":1}\n');
    append.catch(() => {});
    const pauses: number[] = [];
    // The second one is started at once.
    for (let count = 2; count < 10; count++) {
      await until('it waits', () => host.commands.length === count && isPaused(host, clock), long);
      const since = clock.now();
      while (host.commands.length === count && clock.now() < 1_000_000) clock.advance(10);
      pauses.push(clock.now() - since);
    }
    expect(pauses).toEqual([250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
    expect(study.told).toEqual([
      `trouble cannot write ${study.path}/.conductor/journal.jsonl on this machine: a bad day`,
    ]);
    const rejected = expect(append).rejects.toThrow(
      /^cannot write .*journal\.jsonl on this machine: a bad day, for \d+ s$/,
    );
    for (let i = 0; i < 200 && clock.now() < 70_000; i++) {
      await sleep(20);
      clock.advance(1000);
    }
    await rejected;
    await expect(writer.append('{"seq":2}\n')).rejects.toThrow(HostError);
    expect(clock.pending).toBe(0);
    await writer.end();
  });

  it('goes on after the way to the host was lost, and not once there is no way any more', async () => {
    const study = new Study();
    const inner = study.host();
    let lose: ((error: Error) => void) | undefined;
    const host: Host = {
      name: 'far',
      spawn(command, options) {
        const process = inner.spawn(command, options);
        const lost = new Promise<never>((_, reject) => {
          lose = reject;
        });
        lost.catch(() => {});
        return { ...process, exit: Promise.race([process.exit, lost]) };
      },
    };
    const writer = study.start(host);
    await writer.append('{"seq":0}\n');
    const first = lose!;
    first(new HostLostError('cut'));
    await until('there is another', () => lose !== first);
    await writer.append('{"seq":1}\n');
    expect(study.distinct()).toEqual(numbered(0, 2));
    process.kill(study.clerks().at(-1)!, 'SIGSTOP');
    const pending = Promise.allSettled([writer.append('{"seq":2}\n'), writer.replace('status.csv', 'x\n')]);
    lose!(new HostError('far is gone'));
    expect((await pending).map((result) => result.status === 'rejected' && result.reason.message)).toEqual([
      'far is gone',
      'far is gone',
    ]);
    await expect(writer.append('{"seq":3}\n')).rejects.toThrow('far is gone');
    await writer.end();
  });

  it('survives a host on which nothing can be started', async () => {
    const study = new Study();
    const exit = Promise.reject(new HostError('no bash'));
    exit.catch(() => {});
    const streams = () => ({ stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() });
    const writer = study.start({ name: 'nowhere', spawn: () => ({ ...streams(), exit, leave: () => {} }) });
    await expect(writer.append('x\n')).rejects.toThrow('no bash');
    await writer.end();
  });
});

describe('a clerk that cannot write', () => {
  /** The host has a limit for files, in KiB, while there is such a file: a write is cut short there, and fails. */
  const limited = (study: Study, flag: string, limit = 8) =>
    study.host(`if [ -e '${flag}' ]; then trap '' XFSZ; ulimit -f ${limit}; fi`);

  it('says why, tries again, and goes on in the same order', async () => {
    const study = new Study();
    const flag = path.join(temporaryDirectory(), 'full');
    writeFileSync(flag, '');
    const clock = new VirtualClock();
    const host = new WatchedHost(limited(study, flag));
    const writer = study.start(host, clock);
    const lines = numbered(0, 12).map((line) => `${line.slice(0, -1)},"x":"${'x'.repeat(1000)}"}`);
    const answered: number[] = [];
    const appends = lines.map((line, i) => writer.append(`${line}\n`).then(() => answered.push(i)));
    await until('it is in trouble', () => study.told.length === 1, long);
    expect(study.told).toEqual([
      `trouble cannot write ${study.path}/.conductor/journal.jsonl on this machine: File too large`,
    ]);
    // What was written is whole but for the end, where the limit came.
    expect(readFileSync(study.journal).length).toBe(8192);
    expect(answered).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    await until('it waits', () => isPaused(host, clock), long);
    clock.advance(4_999);
    expect(study.clerks()).toHaveLength(1);
    clock.advance(1);
    await until('another one failed', () => study.clerks().length === 2 && isPaused(host, clock), long);
    rmSync(flag);
    clock.advance(5_000);
    await Promise.all(appends);
    expect(answered).toEqual(lines.map((_, i) => i));
    const whole = study.distinct().filter((line) => lines.includes(line));
    expect(whole).toEqual(lines);
    expect(study.told.slice(1)).toEqual(['trouble undefined']);
    await writer.end();
  });

  it('gives up after a while, for good', async () => {
    const study = new Study();
    mkdirSync(study.journal);
    const clock = new VirtualClock();
    const host = new WatchedHost(study.host());
    const writer = study.start(host, clock, { patience: 10_000 });
    const appends = Promise.allSettled([writer.append('{"seq":0}\n'), writer.append('{"seq":1}\n')]);
    for (let tries = 1; tries <= 3; tries++) {
      const isOver = () => tries === 3 && clock.pending === 0;
      await until(`try ${tries}`, () => study.clerks().length === tries && (isPaused(host, clock) || isOver()), long);
      clock.advance(5_000);
    }
    // How long exactly the tries took depends on when each was heard of.
    const message = new RegExp(`^cannot write ${study.journal} on this machine: Is a directory, for 1[05] s$`);
    for (const result of await appends) {
      expect(result).toMatchObject({ status: 'rejected', reason: { message: expect.stringMatching(message) } });
    }
    rmSync(study.journal, { recursive: true });
    await expect(writer.append('{"seq":2}\n')).rejects.toThrow(message);
    expect(existsSync(study.journal)).toBe(false);
    await writer.end();
  });

  it('still says that we live while the journal is the only file that cannot be written', {
    timeout: long,
  }, async () => {
    const study = new Study();
    mkdirSync(study.journal);
    const clock = new VirtualClock();
    const host = new WatchedHost(study.host());
    const writer = study.start(host, clock);
    const append = writer.append('{"seq":0}\n');
    const beat = writer.replace('.conductor/lease', 'beat\n');
    await until('it waits', () => isPaused(host, clock), long);
    clock.advance(5_000);
    await beat;
    expect(readFileSync(path.join(study.path, '.conductor/lease'), 'utf8')).toBe('beat\n');
    rmSync(study.journal, { recursive: true });
    let isDone = false;
    void append.then(() => {
      isDone = true;
    });
    await until('it is written', () => {
      clock.advance(100);
      return isDone;
    });
    await writer.end();
  });

  it('goes on after a file for which there was no room', async () => {
    const study = new Study();
    const flag = path.join(temporaryDirectory(), 'full');
    writeFileSync(flag, '');
    const writer = study.start(limited(study, flag, 1));
    const replaced = writer.replace('status.csv', 'a'.repeat(5000));
    const append = writer.append('{"seq":0}\n');
    await expect(replaced).rejects.toThrow(/status\.csv on this machine: File too large$/);
    await append;
    expect(readdirSync(path.join(study.path, '.conductor')).sort()).toEqual(['fences', 'journal.jsonl']);
    await writer.end();
  });
});

describe('a clerk whose command hangs', () => {
  const words = (study: Study) =>
    `trouble the command that writes ${study.path} on this machine does not answer: is its file system hanging?`;

  /** Stops the command that there is, so that it neither ends nor answers. */
  async function hang(study: Study): Promise<number> {
    const pid = await until('there is a command', () => study.clerks().filter(isAlive).at(-1), long);
    process.kill(pid, 'SIGSTOP');
    return pid;
  }

  it('says so after 20 s, and once more when there is an answer again', async () => {
    const study = new Study();
    const clock = new VirtualClock();
    const writer = study.start(study.host(), clock);
    await writer.append('{"seq":0}\n');
    // Who has nothing to write waits for no answer.
    clock.advance(100_000);
    const pid = await hang(study);
    const append = writer.append('{"seq":1}\n');
    clock.advance(19_999);
    expect(study.told).toEqual([]);
    clock.advance(30_001);
    expect(study.told).toEqual([words(study)]);
    process.kill(pid, 'SIGCONT');
    await append;
    expect(study.told).toEqual([words(study), 'trouble undefined']);
    expect([study.clerks(), study.lines(), clock.pending]).toEqual([[pid], numbered(0, 2), 0]);
    await writer.end();
  });

  it('has another one after a minute, and what the first one still does then does no harm', async () => {
    const study = new Study();
    const clock = new VirtualClock();
    const writer = study.start(study.host(), clock);
    await writer.append('{"seq":0}\n');
    const pid = await hang(study);
    const appends = numbered(1, 5).map((line) => writer.append(`${line}\n`));
    clock.advance(60_000);
    await Promise.all(appends);
    expect(study.told).toEqual([words(study), 'trouble undefined']);
    expect(study.clerks()).toHaveLength(2);
    process.kill(pid, 'SIGCONT');
    await until('it has ended', () => !isAlive(pid), long);
    await writer.append('{"seq":5}\n');
    // Repetitions are passed over.
    expect(study.distinct()).toEqual(numbered(0, 6));
    await writer.end();
  });

  it('has no more than a few others: the file system hangs for them too', async () => {
    const study = new Study();
    const clock = new VirtualClock();
    // Each says that it has begun, and hangs as it first looks.
    const writer = study.start(study.host(':() { kill -STOP $$; }'), clock);
    const append = writer.append('{"seq":0}\n');
    append.catch(() => {});
    await until(
      'there are all that there may be',
      () => {
        clock.advance(5_000);
        return study.clerks().length === 6;
      },
      long,
    );
    for (let i = 0; i < 50; i++) {
      await sleep(5);
      clock.advance(20_000);
    }
    expect(study.clerks()).toHaveLength(6);
    expect(study.told).toEqual([words(study)]);
    writer.giveUp('enough');
    await expect(append).rejects.toThrow('enough');
  });

  it('has no other one while the first is not even started', async () => {
    const study = new Study();
    const clock = new VirtualClock();
    let spawned = 0;
    const never = new Promise<never>(() => {});
    const streams = () => ({ stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() });
    const spawn = () => {
      spawned += 1;
      return { ...streams(), exit: never, leave: () => {} };
    };
    const writer = study.start({ name: 'far', spawn }, clock);
    const append = writer.append('{"seq":0}\n');
    append.catch(() => {});
    clock.advance(300_000);
    expect(study.told).toEqual([`trouble the command that writes ${study.path} on far has not been started yet`]);
    expect(spawned).toBe(1);
    writer.giveUp('enough');
    await expect(append).rejects.toThrow('enough');
  });

  it('ends after a while all the same, and nobody is left waiting', async () => {
    const study = new Study();
    const clock = new VirtualClock();
    const writer = study.start(study.host(), clock);
    await writer.append('{"seq":0}\n');
    await hang(study);
    const results = Promise.allSettled([writer.append('{"seq":1}\n'), writer.replace('status.csv', 'x\n')]);
    let isOver = false;
    const ended = Promise.all([writer.end(), writer.end(15_000)]).then(() => {
      isOver = true;
    });
    clock.advance(9_999);
    await sleep(20);
    expect(isOver).toBe(false);
    clock.advance(1);
    await ended;
    const message = `the study ${study.path} on this machine is not written any more: no answer for 10 s`;
    for (const result of await results) expect(result).toMatchObject({ status: 'rejected', reason: { message } });
    expect(clock.pending).toBe(0);
  });

  it('is given up at once if that is wished for, and so is whatever is asked for later', async () => {
    const study = new Study();
    const clock = new VirtualClock();
    const writer = study.start(study.host(), clock);
    await writer.append('{"seq":0}\n');
    await hang(study);
    const append = writer.append('{"seq":1}\n');
    writer.giveUp('the study is cancelled');
    const message = `the study ${study.path} on this machine is not written any more: the study is cancelled`;
    await expect(append).rejects.toThrow(new HostError(message));
    await expect(writer.append('{"seq":2}\n')).rejects.toThrow(new HostError(message));
    writer.giveUp('for another reason');
    await writer.end();
    await expect(writer.append('{"seq":3}\n')).rejects.toThrow(new HostError(message));
    expect([study.told, clock.pending]).toEqual([[], 0]);
  });
});

describe('a program whose clerk hangs', () => {
  const root = path.resolve(import.meta.dirname, '../..');
  /** Stops its clerk, asks it for more than goes into a pipe, and gives up. */
  const program = `
    const { RemoteWriter } = await import(process.argv[1] + '/src/store/remote-writer.ts');
    const { LocalHost } = await import(process.argv[1] + '/src/hosts/local-host.ts');
    const { systemClock } = await import(process.argv[1] + '/src/util/clock.ts');
    const { readFileSync } = await import('node:fs');
    const [, , study, pids] = process.argv;
    const nobody = { onCancel() {}, onUpdate() {}, onLost() {}, onTrouble() {} };
    const host = new LocalHost(process.env, "echo $$ >> '" + pids + "'");
    const clerk = RemoteWriter.start({ host, studyPath: study, fence: 1, clock: systemClock, listener: nobody });
    await clerk.append('{"seq":0}\\n');
    process.kill(Number(readFileSync(pids, 'utf8')), 'SIGSTOP');
    const append = clerk.append('x'.repeat(3_000_000)).catch(({ message }) => console.log(message));
    await clerk.end(100);
    await append;`;

  it('ends all the same', async () => {
    const study = new Study();
    onTestFinished(() => {
      for (const pid of study.clerks()) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    });
    const loader = path.join(root, 'test/flux/typescript.mjs');
    const words = ['--no-warnings', '--import', loader, '--input-type=module', '-e', program];
    const child = spawn(ownNode, [...words, root, study.path, study.pids], {
      env: plainEnvironment,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    const said = collectText(child.stdout, 4096);
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect([said(), code]).toEqual([
      `the study ${study.path} on this machine is not written any more: no answer for 0.1 s`,
      0,
    ]);
    // The clerk does not: it is stopped.
    expect(study.clerks().filter(isAlive)).toHaveLength(1);
  });
});

describe('whether the study is still ours', () => {
  it('is said while nothing can be written, and while what writes hangs', async () => {
    const study = new Study();
    mkdirSync(study.journal);
    const writer = study.start();
    const append = writer.append('{"seq":0}\n');
    append.catch(() => {});
    await until('it is in trouble', () => study.told.length === 1, long);
    await expect(writer.confirm()).resolves.toBeUndefined();
    writer.giveUp('enough');
    const other = new Study();
    const hanging = other.start();
    await hanging.append('{"seq":0}\n');
    for (const pid of other.clerks()) process.kill(pid, 'SIGSTOP');
    const late = hanging.append('{"seq":1}\n');
    late.catch(() => {});
    await expect(hanging.confirm()).resolves.toBeUndefined();
    other.fence(2);
    await expect(hanging.confirm()).rejects.toThrow(LeaseLostError);
    // That is known of all else at once.
    await expect(late).rejects.toThrow(LeaseLostError);
    expect(other.told).toEqual([expect.stringMatching(/^lost the study .* is driven by another run now/)]);
  });

  it('cannot be known of a directory that is gone, or of a host that does not answer', async () => {
    const study = new Study();
    const writer = study.start();
    await writer.append('{"seq":0}\n');
    await writer.end();
    const purpose = `cannot find out who drives the study ${study.path} on this machine`;
    rmSync(path.join(study.path, '.conductor/fences/1'));
    await expect(writer.confirm()).rejects.toThrow(
      new HostError(`${purpose}: that it was ours is not written there any more`),
    );
    rmSync(study.path, { recursive: true });
    await expect(writer.confirm()).rejects.toThrow(/^cannot find out who drives .*: .*No such file or directory$/);
    const silent = new Study();
    const clock = new VirtualClock();
    // It says that it has begun, and hangs as it looks.
    const other = silent.start(silent.host('cd() { kill -STOP $$; }'), clock);
    const confirmed = expect(other.confirm(5_000)).rejects.toThrow(/^cannot find out who drives .*: no answer$/);
    let isOver = false;
    void confirmed.finally(() => {
      isOver = true;
    });
    await until('it is given up', () => {
      clock.advance(1_000);
      return isOver;
    });
    expect(clock.now()).toBeLessThan(300_000);
    await other.end();
  });

  it('is waited for while the way to the host is lost', async () => {
    const study = new Study();
    const clock = new VirtualClock();
    const inner = study.host();
    // The first command of a confirmation is lost, and the second waits for the host.
    let spawned = 0;
    let onReached = () => {};
    const host: Host = {
      name: 'far',
      spawn(command, options) {
        spawned += 1;
        if (spawned === 1) return inner.spawn(command, options);
        const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() };
        if (spawned === 2) {
          const exit = Promise.reject(new HostLostError('cut'));
          exit.catch(() => {});
          return { ...streams, exit, leave: () => {} };
        }
        const reached = new Promise<void>((resolve) => {
          onReached = resolve;
        });
        const exit = reached.then(() => {
          const process = inner.spawn(command, options);
          streams.stdin.pipe(process.stdin);
          process.stdout.pipe(streams.stdout);
          return process.exit;
        });
        return { ...streams, exit, leave: () => {} };
      },
    };
    const writer = study.start(host, clock);
    const confirmed = writer.confirm();
    await until('it tries again', () => spawned === 3);
    clock.advance(250_000);
    onReached();
    await expect(confirmed).resolves.toBeUndefined();
    await writer.end();
  });
});

describe('a clerk whose driver has lost the study', () => {
  it('does not say that something is written which the next driver may not have read', async () => {
    const study = new Study();
    // The next driver comes when the last bytes are there, and before it is looked again.
    const dd = `dd() { :; }; command() { if [ "$1" = dd ]; then builtin command "$@"; echo x > '${study.path}/.conductor/fences/2'; else builtin command "$@"; fi; }`;
    const writer = study.start(study.host(dd));
    await expect(writer.append('{"seq":0}\n')).rejects.toThrow(LeaseLostError);
    expect(study.lines()).toEqual(['{"seq":0}']);
    await writer.end();
  });
});

describe("Maestro's lock files", () => {
  it('stay until what they say is taken care of', async () => {
    const study = new Study();
    const lock = path.join(study.path, '.cancel.lock');
    let taken = () => {};
    const listener = {
      ...study.listener,
      onCancel: () => {
        study.told.push('cancel');
        return new Promise<void>((resolve) => {
          taken = resolve;
        });
      },
    };
    const writer = study.start(undefined, undefined, { listener });
    writeFileSync(lock, '');
    await until('it is told', () => study.told.length === 1, long);
    // The next command tells of it again, and it is one cancellation all the same.
    await study.kill();
    await writer.append('{"seq":0}\n');
    await sleep(2500);
    expect([existsSync(lock), study.told]).toEqual([true, ['cancel']]);
    taken();
    await until('it is removed', () => !existsSync(lock), long);
    await writer.end();
  });
});

describe('what a clerk says', () => {
  it('is read, and what it does not say is not', () => {
    expect(parseWriterReport('ok')).toEqual({ type: 'ok' });
    expect(parseWriterReport('ready')).toEqual({ type: 'ready' });
    expect(parseWriterReport('failed No space left on device')).toEqual({
      type: 'failed',
      words: 'No space left on device',
    });
    expect(parseWriterReport('lost ')).toEqual({ type: 'lost', lease: '' });
    expect(parseWriterReport('update YQ==')).toEqual({ type: 'update', base64: 'YQ==' });
    expect(['', 'okay', 'module loaded: flux', ' ok'].map(parseWriterReport)).toEqual(Array(4).fill(undefined));
  });
});
