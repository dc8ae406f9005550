import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { HostError } from '../../src/hosts/host.js';
import { LeaseLostError } from '../../src/store/lease.js';
import { LocalWriter } from '../../src/store/local-writer.js';
import { RemoteWriter } from '../../src/store/remote-writer.js';
import type { StudyWriterListener } from '../../src/store/study-writer.js';
import { VirtualClock } from '../support/virtual-clock.js';
import { isAlive, until } from '../support/wait.js';
import { numbered, WrittenStudy } from '../support/written-study.js';

// Other tests run beside these.
vi.setConfig({ testTimeout: 120_000 });

/** Generous, for the same reason. */
const long = 30_000;

/** What holds for every writer of a study. What each can do wrong in its own way is in its own test. */
describe.each([
  ['a command on the host', RemoteWriter],
  ['this process', LocalWriter],
] as const)('%s', (_, Writer) => {
  class Study extends WrittenStudy {
    write(listener: StudyWriterListener = this.listener) {
      return this.start(undefined, undefined, { Writer, listener });
    }

    writeWith(clock: VirtualClock, patience?: number) {
      return this.start(undefined, clock, { Writer, ...(patience === undefined ? {} : { patience }) });
    }
  }

  describe('a writer', () => {
    it('appends lines, each with what came before it', async () => {
      const study = new Study();
      const writer = study.write();
      await writer.append('{"seq":1}\n');
      expect(study.lines()).toEqual(['{"seq":1}']);
      await Promise.all([writer.append('{"seq":2}\n{"seq":3}\n'), writer.append('{"seq":4}\n')]);
      expect(study.lines()).toEqual(numbered(1, 5));
      await writer.end();
    });

    it('takes many requests at once, and answers them in order', async () => {
      const study = new Study();
      const writer = study.write();
      const answered: string[] = [];
      await Promise.all(
        numbered(0, 100).map((line, i) =>
          (i % 10 === 9 ? writer.replace('status.csv', `${line}\n`) : writer.append(`${line}\n`)).then(() =>
            answered.push(line),
          ),
        ),
      );
      expect(answered).toEqual(numbered(0, 100));
      expect(study.lines()).toEqual(numbered(0, 100).filter((_, i) => i % 10 !== 9));
      expect(readFileSync(path.join(study.path, 'status.csv'), 'utf8')).toBe('{"seq":99}\n');
      expect(study.clerks().length).toBeLessThanOrEqual(1);
      await writer.end();
    });

    it('writes any text, of any length, byte for byte', async () => {
      const study = new Study();
      const writer = study.write();
      const texts = fc.string({ unit: 'binary', minLength: 1, maxLength: 300 });
      await fc.assert(
        fc.asyncProperty(texts, async (text) => {
          const file = path.join(study.path, 'status.csv');
          await writer.replace('status.csv', text);
          expect(readFileSync(file).equals(Buffer.from(text))).toBe(true);
          rmSync(study.journal, { force: true });
          await writer.append(text);
          expect(readFileSync(study.journal).equals(Buffer.from(`\n${text}`))).toBe(true);
        }),
        { numRuns: 30 },
      );
      const much = 'é'.repeat(5_000_000);
      await writer.append(much);
      expect(readFileSync(study.journal, 'utf8').endsWith(`\n${much}`)).toBe(true);
      await writer.end();
    });

    it('leaves nothing behind but what it wrote, and ends', async () => {
      const study = new Study();
      const writer = study.write();
      void writer.append('{"seq":1}\n');
      void writer.replace('status.csv', 'a\n');
      void writer.replace('.conductor/lease', 'b\n');
      await writer.end();
      expect(readdirSync(study.path).sort()).toEqual(['.conductor', 'status.csv']);
      expect(readdirSync(path.join(study.path, '.conductor')).sort()).toEqual(['fences', 'journal.jsonl', 'lease']);
      await until('its command has ended', () => study.clerks().every((pid) => !isAlive(pid)), long);
      await expect(writer.append('x\n')).rejects.toThrow(HostError);
    });

    it('replaces a file at once: nobody ever sees a part', async () => {
      const study = new Study();
      const writer = study.write();
      const file = path.join(study.path, 'status.csv');
      const texts = ['a', 'b'].map((letter) => letter.repeat(400_000));
      await writer.replace('status.csv', texts[0]!);
      let isOver = false;
      const writing = Promise.all(
        Array.from({ length: 40 }, (_, i) => writer.replace('status.csv', texts[i % 2]!)),
      ).finally(() => {
        isOver = true;
      });
      let looks = 0;
      while (!isOver) {
        looks += 1;
        if (!texts.includes(readFileSync(file, 'utf8'))) throw new Error('a part of the file was seen');
        await new Promise((resolve) => setImmediate(resolve));
      }
      await writing;
      expect(looks).toBeGreaterThan(1);
      await writer.end();
    });

    it('begins a line of its own after one that was cut short', async () => {
      const study = new Study();
      writeFileSync(study.journal, '{"seq":1}\n{"seq":2');
      const writer = study.write();
      await writer.append('{"seq":2}\n');
      expect(study.lines()).toEqual(['{"seq":1}', '{"seq":2', '{"seq":2}']);
      await writer.end();
    });

    it('gives files the modes that the umask leaves', async () => {
      const study = new Study();
      const writer = study.write();
      await Promise.all([writer.append('{"seq":1}\n'), writer.replace('status.csv', 'a\n')]);
      const mode = 0o666 & ~process.umask();
      for (const file of [study.journal, path.join(study.path, 'status.csv')]) {
        expect(statSync(file).mode & 0o777).toBe(mode);
      }
      await writer.end();
    });
  });

  describe('a writer that cannot write', () => {
    it('says of a file that it could not replace, tries it once, and goes on', async () => {
      const study = new Study();
      const status = path.join(study.path, 'status.csv');
      mkdirSync(status);
      const writer = study.write();
      const replaced = writer.replace('status.csv', 'a\n');
      const append = writer.append('{"seq":0}\n');
      await expect(replaced).rejects.toThrow(/^cannot write .*\/status\.csv on this machine: .*directory/);
      await append;
      rmSync(status, { recursive: true });
      await writer.replace('status.csv', 'b\n');
      expect(readFileSync(status, 'utf8')).toBe('b\n');
      expect(readdirSync(path.join(study.path, '.conductor')).sort()).toEqual(['fences', 'journal.jsonl']);
      expect(study.told).toEqual([]);
      await writer.end();
    });

    it('tells why, tries again, and goes on in the same order', async () => {
      const study = new Study();
      mkdirSync(study.journal);
      const clock = new VirtualClock();
      const writer = study.writeWith(clock);
      const answered: number[] = [];
      const appends = numbered(0, 5).map((line, i) => writer.append(`${line}\n`).then(() => answered.push(i)));
      await until('it is in trouble', () => study.told.length === 1, long);
      expect(study.told).toEqual([`trouble cannot write ${study.journal} on this machine: Is a directory`]);
      rmSync(study.journal, { recursive: true });
      await until('all is written', () => {
        clock.advance(1_000);
        return answered.length === 5;
      });
      await Promise.all(appends);
      expect([answered, study.distinct()]).toEqual([[0, 1, 2, 3, 4], numbered(0, 5)]);
      expect(study.told.slice(1)).toEqual(['trouble undefined']);
      await writer.end();
    });

    it('gives up after a while, for good', async () => {
      const study = new Study();
      mkdirSync(study.journal);
      const clock = new VirtualClock();
      const writer = study.writeWith(clock, 10_000);
      let isOver = false;
      const appends = Promise.allSettled([writer.append('{"seq":0}\n'), writer.append('{"seq":1}\n')]);
      void appends.then(() => {
        isOver = true;
      });
      await until('it gives up', () => {
        clock.advance(1_000);
        return isOver;
      });
      expect(clock.now()).toBeGreaterThanOrEqual(10_000);
      const message = new RegExp(`^cannot write ${study.journal} on this machine: Is a directory, for \\d+ s$`);
      for (const result of await appends) {
        expect(result).toMatchObject({ status: 'rejected', reason: { message: expect.stringMatching(message) } });
      }
      rmSync(study.journal, { recursive: true });
      await expect(writer.append('{"seq":2}\n')).rejects.toThrow(message);
      expect([existsSync(study.journal), clock.pending]).toEqual([false, 0]);
      await writer.end();
    });

    it('still says that we live while the journal is the only file that cannot be written', async () => {
      const study = new Study();
      mkdirSync(study.journal);
      const clock = new VirtualClock();
      const writer = study.writeWith(clock);
      const append = writer.append('{"seq":0}\n');
      const status = writer.replace('status.csv', 'a\n');
      let hasBeaten = false;
      void writer.replace('.conductor/lease', 'beat\n').then(() => {
        hasBeaten = true;
      });
      await until('the lease is written', () => {
        clock.advance(1_000);
        return hasBeaten;
      });
      expect(readFileSync(path.join(study.path, '.conductor/lease'), 'utf8')).toBe('beat\n');
      // What is known to nobody yet is in no other file either.
      expect(existsSync(path.join(study.path, 'status.csv'))).toBe(false);
      rmSync(study.journal, { recursive: true });
      let isDone = false;
      void Promise.all([append, status]).then(() => {
        isDone = true;
      });
      await until('it is written', () => {
        clock.advance(1_000);
        return isDone;
      });
      await writer.end();
    });
  });

  describe('whether the study is still ours', () => {
    it('is said while nobody else has it', async () => {
      const study = new Study();
      const writer = study.write();
      await expect(writer.confirm()).resolves.toBeUndefined();
      await writer.end();
      // Even if nothing is written any more.
      await expect(writer.confirm()).resolves.toBeUndefined();
      expect(study.told).toEqual([]);
    });

    it('is denied once somebody else has it, and it is said who, once', async () => {
      const study = new Study();
      const writer = study.write();
      await writer.append('{"seq":0}\n');
      const line = { machine: 'login2', pid: 7, fence: 2, since: '2026-01-01T00:00:00.000Z', beat: 0 };
      writeFileSync(path.join(study.path, '.conductor/lease'), `${JSON.stringify(line)}\n`);
      study.fence(2);
      for (let times = 0; times < 2; times++) {
        const error = await writer.confirm().catch((error: unknown) => error);
        expect(error).toBeInstanceOf(LeaseLostError);
        expect((error as LeaseLostError).message).toContain('driven by process 7 on login2 since');
      }
      expect(study.told).toHaveLength(1);
      await writer.end();
    });
  });

  describe('a writer whose driver has lost the study', () => {
    it('writes nothing more, and says who has it', async () => {
      const study = new Study();
      const writer = study.write();
      await writer.append('{"seq":0}\n');
      const line = { machine: 'login2', pid: 7, fence: 2, since: '2026-01-01T00:00:00.000Z', beat: 0 };
      writeFileSync(path.join(study.path, '.conductor/lease'), `${JSON.stringify(line)}\n`);
      study.fence(2);
      const results = await Promise.allSettled([writer.append('{"seq":1}\n'), writer.replace('status.csv', 'x\n')]);
      const message = `the study ${study.path} is driven by process 7 on login2 since 2026-01-01T00:00:00.000Z now, which heard nothing of this one for too long: this one leaves it alone`;
      for (const result of results) {
        expect(result).toMatchObject({ status: 'rejected', reason: { message } });
        expect((result as PromiseRejectedResult).reason).toBeInstanceOf(LeaseLostError);
      }
      await expect(writer.append('{"seq":2}\n')).rejects.toThrow(LeaseLostError);
      expect(study.told).toEqual([`lost ${message}`]);
      expect(study.lines()).toEqual(['{"seq":0}']);
      expect(existsSync(path.join(study.path, 'status.csv'))).toBe(false);
      await writer.end();
    });

    it('says so even if there is nothing to write', async () => {
      const study = new Study();
      const writer = study.write();
      await writer.append('{"seq":0}\n');
      study.fence(2);
      await until('it is told', () => study.told.length > 0, long);
      expect(study.told).toEqual([expect.stringMatching(/^lost the study .* is driven by another run now/)]);
      await writer.end();
    });

    it('is lost when it replaces a file, too', async () => {
      const study = new Study();
      const writer = study.write();
      await writer.append('{"seq":0}\n');
      study.fence(2);
      await expect(writer.replace('.conductor/lease', 'old\n')).rejects.toThrow(LeaseLostError);
      expect(readdirSync(path.join(study.path, '.conductor')).sort()).toEqual(['fences', 'journal.jsonl']);
      await writer.end();
    });
  });

  describe("Maestro's lock files", () => {
    it('are told of within seconds, and removed', async () => {
      const study = new Study();
      const writer = study.write();
      await writer.append('{"seq":0}\n');
      const [cancel, update] = ['.cancel.lock', '.study.update.lock'].map((name) => path.join(study.path, name));
      for (let round = 1; round <= 2; round++) {
        writeFileSync(cancel!, '');
        writeFileSync(update!, `{rlimit: ${round}, throttle: 3}\né\n`);
        await until('both are told', () => study.told.length === 2 * round, 10_000);
        await until('both are removed', () => !existsSync(cancel!) && !existsSync(update!), 10_000);
      }
      expect([...study.told].sort()).toEqual([
        'cancel',
        'cancel',
        'update {rlimit: 1, throttle: 3}\né\n',
        'update {rlimit: 2, throttle: 3}\né\n',
      ]);
      await writer.end();
    });

    it('that were there before are found too', async () => {
      const study = new Study();
      writeFileSync(path.join(study.path, '.cancel.lock'), '');
      const writer = study.write();
      await until('it is told', () => study.told.length === 1, long);
      await writer.end();
    });

    it('stay if what they say could not be taken care of', async () => {
      const study = new Study();
      const lock = path.join(study.path, '.cancel.lock');
      writeFileSync(lock, '');
      const writer = study.write({
        ...study.listener,
        onCancel: async () => {
          study.told.push('cancel');
          throw new HostError('the journal cannot be written');
        },
      });
      await until('it is told', () => study.told.length === 1, long);
      await writer.append('{"seq":0}\n');
      await writer.end();
      expect(existsSync(lock)).toBe(true);
    });

    it('of an update that changes while it is told of is told of again', async () => {
      const study = new Study();
      const lock = path.join(study.path, '.study.update.lock');
      const writer = study.write({
        ...study.listener,
        onUpdate: (text) => {
          study.told.push(text);
          if (text === 'one') writeFileSync(lock, 'two');
        },
      });
      writeFileSync(lock, 'one');
      await until('both are told', () => study.told.length === 2, long);
      await until('it is removed', () => !existsSync(lock), long);
      expect(study.told).toEqual(['one', 'two']);
      await writer.end();
    });

    it('of an update is left alone while it is empty: it is being written', async () => {
      const study = new Study();
      const lock = path.join(study.path, '.study.update.lock');
      writeFileSync(lock, '');
      const writer = study.write();
      await writer.append('{"seq":0}\n');
      await sleep(2500);
      expect([existsSync(lock), study.told]).toEqual([true, []]);
      appendFileSync(lock, 'text');
      await until('it is told', () => study.told.length === 1, long);
      await writer.end();
    });
  });
});
