import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { acquireLease, ourHolder } from '../../src/store/lease.js';
import { systemClock } from '../../src/util/clock.js';
import { plainHost } from '../support/hosts.js';
import { temporaryDirectory } from '../support/temporary.js';
import { until } from '../support/wait.js';
import { WrittenStudy as Study } from '../support/written-study.js';

// Other tests run beside these.
vi.setConfig({ testTimeout: 120_000 });

/** What the writers of a study say of their appends, to steps that wait: the number of the last one on the disk, by writer. */
function toldBy(study: Study): Record<string, string> {
  const directory = path.join(study.path, '.conductor');
  const files = readdirSync(directory).filter((name) => name.startsWith('written-'));
  return Object.fromEntries(files.map((name) => [name, readFileSync(path.join(directory, name), 'utf8')]));
}

/** A host whose `dd`, by which writers append, does so and then what is told, while there is the file `flag`. */
function interrupting(study: Study, then: string) {
  const bin = temporaryDirectory();
  const flag = path.join(bin, 'flag');
  writeFileSync(flag, '');
  const program = `#!/bin/bash\n/bin/dd "$@" || exit\n[ ! -e ${flag} ] || { rm ${flag}; ${then}; }\n`;
  writeFileSync(path.join(bin, 'dd'), program, { mode: 0o755 });
  return { host: study.host(`PATH=${bin}:$PATH`), flag };
}

const killWriter = (study: Study) => `kill -KILL $(tail -n 1 ${study.pids})`;

describe('a writer on another machine tells steps there', () => {
  it('of each append that is on the disk', async () => {
    const study = new Study();
    const writer = study.start();
    await writer.append('{"seq":1}\n', 1);
    expect(toldBy(study)).toEqual({ 'written-1-1': '1\n' });
    await writer.replace('status.csv', 'a\n');
    await Promise.all([writer.append('{"seq":2}\n', 2), writer.append('{"seq":3}\n', 3)]);
    expect(toldBy(study)).toEqual({ 'written-1-1': '3\n' });
    await writer.end();
    // The file does not stay.
    await until('that is over', () => Object.keys(toldBy(study)).length === 0);
  });

  it('nothing of an append after which it was killed: the next writer repeats it, and tells', async () => {
    const study = new Study();
    const { host, flag } = interrupting(study, `cp -r ${study.path} ${study.path}.then; ${killWriter(study)}`);
    rmSync(flag);
    const writer = study.start(host);
    await writer.append('{"seq":1}\n', 1);
    writeFileSync(flag, '');
    await writer.append('{"seq":2}\n', 2);
    // The first one had written it, and had not told.
    const then = (name: string) => readFileSync(path.join(`${study.path}.then`, '.conductor', name), 'utf8');
    expect(then('journal.jsonl')).toContain('{"seq":2}');
    expect(then('written-1-1')).toBe('1\n');
    rmSync(`${study.path}.then`, { recursive: true });
    expect(study.clerks()).toHaveLength(2);
    expect(toldBy(study)).toEqual({ 'written-1-2': '2\n' });
    await writer.end();
  });

  it('nothing of an append while which another driver has come', async () => {
    const study = new Study();
    const { host } = interrupting(study, `echo y > ${study.path}/.conductor/fences/2`);
    const writer = study.start(host);
    await expect(writer.append('{"seq":1}\n', 1)).rejects.toThrow();
    expect(study.lines()).toEqual(['{"seq":1}']);
    expect(toldBy(study)).toEqual({});
  });

  it('nothing of an append that failed', async () => {
    const study = new Study();
    mkdirSync(study.journal);
    const writer = study.start(study.host(), systemClock, { patience: 0 });
    await expect(writer.append('{"seq":1}\n', 1)).rejects.toThrow('Is a directory');
    expect(toldBy(study)).toEqual({});
  });

  it('or else repeats the append, so that none waits for what is not told any more', async () => {
    const study = new Study();
    const file = path.join(study.path, '.conductor/written-1-1');
    mkdirSync(file);
    const writer = study.start();
    await writer.append('{"seq":1}\n', 1);
    expect(study.told[0]).toContain('the number of the last append cannot be written');
    rmSync(file, { recursive: true });
    expect(toldBy(study)).toEqual({ 'written-1-2': '1\n' });
    expect(study.distinct()).toEqual(['{"seq":1}']);
    await writer.end();
  });
});

it('what writers told is removed when another driver takes the study, and not by one that has it', async () => {
  const study = new Study();
  const conductor = path.join(study.path, '.conductor');
  rmSync(path.join(conductor, 'fences/1'));
  writeFileSync(study.journal, '{"seq":1}\n');
  for (const name of ['written-1-1', 'written-2-1', 'written-12-1']) writeFileSync(path.join(conductor, name), '7\n');
  const { fence } = await acquireLease(plainHost(), study.path, ourHolder(), systemClock, () => {}, { least: 2 });
  expect(fence).toBe(2);
  expect(toldBy(study)).toEqual({ 'written-2-1': '7\n' });
  expect(existsSync(path.join(conductor, 'lease'))).toBe(true);
  await until('it is there', () => existsSync(study.journal));
});
