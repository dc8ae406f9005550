import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { HostError } from '../../src/hosts/host.js';
import { LocalWriter } from '../../src/store/local-writer.js';
import { hasUnfinished } from '../../src/util/unfinished.js';
import { command, fill, mayMount, smallDisk } from '../support/small-disk.js';
import { VirtualClock } from '../support/virtual-clock.js';
import { until } from '../support/wait.js';
import { numbered, WrittenStudy as Study } from '../support/written-study.js';

// Other tests run beside these.
vi.setConfig({ testTimeout: 60_000 });

const long = 30_000;

/** Makes what opens a file hang, as on a file server that is away, until a reader opens this pipe in its place. */
function hang(file: string): { readonly release: () => Promise<void> } {
  rmSync(file, { force: true });
  execFileSync('mkfifo', [file]);
  let isReleased = false;
  const release = async () => {
    if (isReleased) return;
    isReleased = true;
    const reader = await open(file, 'r+');
    rmSync(file);
    await reader.close();
  };
  onTestFinished(release);
  return { release };
}

describe('a writer in this process, on a file system that hangs', () => {
  it('says so after 20 s, tries nothing else, and goes on once that is over', async () => {
    const study = new Study();
    const clock = new VirtualClock();
    const writer = study.start(undefined, clock, { Writer: LocalWriter });
    await writer.append('{"seq":0}\n');
    const { release } = hang(study.journal);
    // Nothing is waited for without a request.
    clock.advance(100_000);
    expect(study.told).toEqual([]);
    const appends = numbered(1, 4).map((line) => writer.append(`${line}\n`));
    const replaced = writer.replace('.conductor/lease', 'beat\n');
    clock.advance(19_999);
    expect(study.told).toEqual([]);
    clock.advance(300_001);
    const words = `trouble writing ${study.path} takes long: is its file system hanging?`;
    expect(study.told).toEqual([words]);
    // What is left of the threads that Node has for files is the program's.
    await Promise.all(Array.from({ length: 20 }, () => stat(study.path)));
    expect(hasUnfinished()).toBe(true);
    await release();
    let isDone = false;
    const all = Promise.all([...appends, replaced]).then(() => {
      isDone = true;
    });
    // The pipe cannot be synced, so that there may be another try.
    await until('all is written', () => {
      clock.advance(1_000);
      return isDone;
    });
    await all;
    expect(study.distinct()).toEqual(numbered(1, 4));
    expect([study.told[0], study.told.at(-1)]).toEqual([words, 'trouble undefined']);
    await writer.end();
    await until('nothing is under way', () => !hasUnfinished());
    expect(clock.pending).toBe(0);
  });

  it('is given up at once if that is wished for, or after a while at the end, and then writes nothing more', async () => {
    for (const finish of ['giveUp', 'end'] as const) {
      const study = new Study();
      const clock = new VirtualClock();
      const writer = study.start(undefined, clock, { Writer: LocalWriter });
      await writer.append('{"seq":0}\n');
      const { release } = hang(study.journal);
      const results = Promise.allSettled([writer.append('{"seq":1}\n'), writer.replace('status.csv', 'x\n')]);
      if (finish === 'giveUp') writer.giveUp('the study is cancelled');
      else {
        const ended = writer.end();
        clock.advance(10_000);
        await ended;
      }
      const why = finish === 'giveUp' ? 'the study is cancelled' : 'no answer for 10 s';
      const message = `the study ${study.path} on this machine is not written any more: ${why}`;
      for (const result of await results) expect(result).toMatchObject({ status: 'rejected', reason: { message } });
      await expect(writer.append('{"seq":3}\n')).rejects.toThrow(new HostError(message));
      await release();
      await until('nothing is under way', () => !hasUnfinished());
      expect(readdirSync(study.path)).toEqual(['.conductor']);
      expect([study.told, clock.pending]).toEqual([[], 0]);
    }
  });
});

describe('a writer in this process', () => {
  it('looks less often at a study in which nothing happens, and as before once something does', async () => {
    const study = new Study();
    const clock = new VirtualClock();
    const writer = study.start(undefined, clock, { Writer: LocalWriter });
    const looks = vi.spyOn(clock, 'after');
    /** How long it waits for its next look after this one. */
    const lookIn = async (time: number) => {
      looks.mockClear();
      clock.advance(time);
      return until('it has looked', () => looks.mock.calls[0]?.[0]);
    };
    await writer.append('{"seq":0}\n');
    const usual = await lookIn(2_000);
    clock.advance(60_000);
    const idle = await lookIn(10_000);
    await writer.append('{"seq":1}\n');
    const again = await lookIn(10_000);
    expect([usual, idle, again]).toEqual([2_000, 10_000, 2_000]);
  });

  it('ends once the study directory was missing for ten minutes, and not because it was missing for a while', async () => {
    const study = new Study();
    const clock = new VirtualClock();
    const writer = study.start(undefined, clock, { Writer: LocalWriter });
    await writer.append('{"seq":0}\n');
    const moved = `${study.path}.moved`;
    const isOver = () => study.told.length > 0;
    /** Lets as much time pass, in which it looks again and again. */
    const pass = async (time: number) => {
      for (let passed = 0; passed < time && !isOver(); passed += 10_000) {
        const looks = vi.spyOn(clock, 'after').mockClear();
        clock.advance(10_000);
        await until('it has looked', () => isOver() || looks.mock.calls.length > 0);
      }
    };
    renameSync(study.path, moved);
    await pass(500_000);
    renameSync(moved, study.path);
    await pass(200_000);
    expect(study.told).toEqual([]);
    rmSync(study.path, { recursive: true });
    await pass(1_000_000);
    expect(study.told).toEqual([
      `lost the study directory ${study.path} is gone, so nothing of the study can be kept any more: this run leaves it`,
    ]);
    await expect(writer.append('{"seq":1}\n')).rejects.toThrow('is gone');
    expect(clock.pending).toBe(0);
  });

  it('writes and syncs together what comes while it writes', async () => {
    const study = new Study();
    const writer = study.start(undefined, undefined, { Writer: LocalWriter });
    const answered: string[] = [];
    const note = (line: string) => writer.append(`${line}\n`).then(() => answered.push(line));
    const lines = numbered(0, 200);
    const first = note(lines[0]!);
    const others = lines.slice(1).map(note);
    await first;
    await Promise.all(others);
    expect(answered).toEqual(lines);
    expect(study.lines()).toEqual(lines);
    await writer.end();
  });

  it('leaves nothing of a journal unseen that was moved away while it ran', async () => {
    const study = new Study();
    const writer = study.start(undefined, undefined, { Writer: LocalWriter });
    await writer.append('{"seq":0}\n');
    rmSync(study.journal);
    await writer.append('{"seq":1}\n');
    expect(study.lines()).toEqual(numbered(1, 2));
    await writer.end();
  });

  it('writes all again after a disk that was full, so that no line is lost or only begun', async () => {
    if (!mayMount()) return;
    const study = new Study();
    const disk = smallDisk(64);
    command('mount', '--bind', disk, path.join(study.path, '.conductor'));
    onTestFinished(() => void command('umount', '-l', path.join(study.path, '.conductor')));
    execFileSync('mkdir', [path.join(study.path, '.conductor/fences')]);
    study.fence(1);
    const clock = new VirtualClock();
    const writer = study.start(undefined, clock, { Writer: LocalWriter });
    await writer.append('{"seq":0}\n');
    const rest = path.join(study.path, '.conductor/rest');
    fill(rest);
    const lines = numbered(1, 12).map((line) => `${line.slice(0, -1)},"x":"${'x'.repeat(1000)}"}`);
    const answered: number[] = [];
    const appends = lines.map((line, i) => writer.append(`${line}\n`).then(() => answered.push(i)));
    const beat = writer.replace('.conductor/lease', 'beat\n');
    beat.catch(() => {});
    await until('it is in trouble', () => study.told.length === 1, long);
    expect(study.told).toEqual([`trouble cannot write ${study.journal} on this machine: No space left on device`]);
    clock.advance(4_999);
    writeFileSync(rest, '');
    clock.advance(1);
    await Promise.all(appends);
    expect(answered).toEqual(lines.map((_, i) => i));
    const whole = study.distinct().filter((line) => line === '{"seq":0}' || lines.includes(line));
    expect(whole).toEqual(['{"seq":0}', ...lines]);
    await beat;
    expect(readFileSync(path.join(study.path, '.conductor/lease'), 'utf8')).toBe('beat\n');
    expect(study.told.slice(1)).toEqual(['trouble undefined']);
    await writer.end();
  });
});

describe('a writer in this process that has done all there was to do', () => {
  it('takes a request that comes at any moment after its last answer, without another to wake it', async () => {
    const study = new Study();
    // Its time stands still, so that neither a look nor a heartbeat wakes the writer.
    const writer = study.start(undefined, new VirtualClock(), { Writer: LocalWriter });
    for (let moments = 0; moments < 40; moments++) {
      await writer.append(`{"seq":${2 * moments}}\n`);
      for (let moment = 0; moment < moments; moment++) await Promise.resolve();
      await writer.append(`{"seq":${2 * moments + 1}}\n`);
    }
    expect(study.lines()).toEqual(numbered(0, 80));
  });
});
