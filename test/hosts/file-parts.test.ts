import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { type FoundParts, type PartLimits, readParts, type WantedPart } from '../../src/hosts/file-parts.js';
import type { Host } from '../../src/hosts/host.js';
import { plainHost } from '../support/hosts.js';
import { temporaryDirectory } from '../support/temporary.js';

const limits: PartLimits = { bytes: 10, files: 3, seconds: 60 };

/** What is found, with the bytes as latin1, a `~` before or behind what is cut. */
async function partsOf(wanted: readonly WantedPart[], own: Partial<PartLimits> = {}, host: Host = plainHost()) {
  const all: FoundParts[] = [];
  const take = async (found: FoundParts, index: number) => {
    expect(index).toBe(all.length);
    all.push(found);
  };
  await readParts(host, { wanted, limits: { ...limits, ...own }, take });
  return all.map(({ files, areMore }, i) => [
    ...files.map(({ name, bytes, isCut }) => {
      const text = bytes?.toString('latin1') ?? null;
      const cut = isCut ? '~' : '';
      return [name, wanted[i]!.end === 'first' ? `${text}${cut}` : `${cut}${text}`];
    }),
    ...(areMore ? ['more'] : []),
  ]);
}

function directoryWith(files: Readonly<Record<string, string>>): string {
  const directory = temporaryDirectory();
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(directory, name)), { recursive: true });
    writeFileSync(path.join(directory, name), text, 'latin1');
  }
  return directory;
}

const wanted = (directory: string, name: string, more: Partial<WantedPart> = {}): WantedPart => ({
  ...{ directory, name, isGlob: false, end: 'last' },
  ...more,
});

describe('parts of files', () => {
  it('are their ends or their beginnings, of any bytes', async () => {
    const directory = directoryWith({ short: 'a\0b\xff\n', long: '0123456789abc', empty: '', whole: '0123456789' });
    const names = ['short', 'long', 'empty', 'whole'];
    expect(
      await partsOf([...names.map((name) => wanted(directory, name)), wanted(directory, 'long', { end: 'first' })]),
    ).toEqual([
      [['short', 'a\0b\xff\n']],
      [['long', '~3456789abc']],
      [['empty', '']],
      [['whole', '0123456789']],
      [['long', '0123456789~']],
    ]);
  });

  it('are those of the files that a glob matches, in the order of their names, and not of too many', async () => {
    const directory = directoryWith({
      'b.out': 'b',
      'a.out': 'a',
      'deep/c.out': 'c',
      'deep/er/d.out': 'd',
      '.hidden.out': 'h',
    });
    mkdirSync(path.join(directory, 'directory.out'));
    const globbed = (name: string) => wanted(directory, name, { isGlob: true });
    expect(await partsOf(['*.out', 'deep/*', '**/*.out', '[ab].out', 'no*'].map(globbed))).toEqual([
      [
        ['a.out', 'a'],
        ['b.out', 'b'],
      ],
      [['deep/c.out', 'c']],
      [['a.out', 'a'], ['b.out', 'b'], ['deep/c.out', 'c'], 'more'],
      [
        ['a.out', 'a'],
        ['b.out', 'b'],
      ],
      [],
    ]);
  });

  it('are of files with any name, and no name or glob is run', async () => {
    const names = ["it's; $(touch x) `touch x`.out", '-n', '*', 'two  blanks', 'ƒ7.out', 'line\nend'];
    const directory = directoryWith(Object.fromEntries(names.map((name) => [name, 'found'])));
    const requests = names.map((name) => wanted(directory, name));
    expect(await partsOf(requests)).toEqual(names.map((name) => [[name, 'found']]));
    const glob = '$(touch x)`touch x`*; touch x';
    expect(await partsOf([wanted(directory, glob, { isGlob: true }), wanted(directory, 'x')])).toEqual([[], []]);
    expect(await partsOf([wanted(directory, 'two  *', { isGlob: true })])).toEqual([[['two  blanks', 'found']]]);
  });

  it('are none of what is not there, and none of what is no file', async () => {
    const directory = directoryWith({ 'file.out': 'x' });
    execFileSync('mkfifo', [path.join(directory, 'pipe.out')]);
    symlinkSync('/dev/zero', path.join(directory, 'zero.out'));
    symlinkSync('file.out', path.join(directory, 'link.out'));
    expect(
      await partsOf([
        wanted(directory, '*.out', { isGlob: true }),
        wanted(directory, 'gone'),
        wanted(path.join(directory, 'gone'), '*', { isGlob: true }),
      ]),
    ).toEqual([
      [
        ['file.out', 'x'],
        ['link.out', 'x'],
      ],
      [],
      [],
    ]);
  });

  it('may be large, and many', async () => {
    const line = `${'x'.repeat(79)}\n`;
    const files = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`${i}`, `${i}\n`]));
    const directory = directoryWith({ ...files, large: line.repeat(40_000) });
    const names = [...Object.keys(files), 'large', '7'];
    let large = 0;
    const small: string[] = [];
    await readParts(plainHost(), {
      wanted: names.map((name) => wanted(directory, name)),
      limits: { ...limits, bytes: 3_000_000 },
      take: async ({ files }) => {
        const { bytes, name, isCut } = files[0]!;
        if (name === 'large') {
          large = bytes!.length;
          expect(isCut).toBe(true);
        } else small.push(bytes!.toString().trim());
      },
    });
    expect(large).toBe(3_000_000);
    expect(small).toEqual([...Object.keys(files), '7']);
  });

  it('are not waited for longer than they may take', async () => {
    const directory = directoryWith({ 'a.out': 'x' });
    const host = plainHost('head() { sleep 60; }');
    await expect(partsOf([wanted(directory, 'a.out', { end: 'first' })], { seconds: 0.5 }, host)).rejects.toThrow(
      /^the outputs of steps on this machine took longer to read and search than 0.5 s$/,
    );
  });

  it.each(['before', 'while'])('are not read on when the run is stopped %s they are', async (when) => {
    const directory = directoryWith({ 'a.out': 'x', 'b.out': 'y' });
    const stop = new AbortController();
    if (when === 'before') stop.abort('the run was cancelled');
    const taken: number[] = [];
    const reading = readParts(plainHost('head() { [ "$4" = ./a.out ] && echo x || sleep 60; }'), {
      wanted: [wanted(directory, 'a.out', { end: 'first' }), wanted(directory, 'b.out', { end: 'first' })],
      ...{ limits, stop: stop.signal },
      take: async (_, index) => {
        taken.push(index);
        stop.abort('the run was cancelled');
      },
    });
    await expect(reading).rejects.toThrow(
      /^the outputs of steps on this machine were not all read: the run was cancelled$/,
    );
    expect(taken).toEqual(when === 'before' ? [] : [0]);
  });

  it('are given up although those who take them are not done', async () => {
    const directory = directoryWith({ 'a.out': 'x' });
    const reading = readParts(plainHost(), {
      wanted: [wanted(directory, 'a.out')],
      limits: { ...limits, seconds: 0.5 },
      take: (_, __, signal) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true })),
    });
    await expect(reading).rejects.toThrow(/took longer to read and search than 0.5 s$/);
  });

  it('are none of the files that are excepted, however many these are', async () => {
    const except = ['a.7.out', 'a.[8].out', 'a.9.out', 'deep', 'c.out'];
    const names = [...except.filter((name) => name !== 'deep'), 'a.8.out', 'a.10.out', 'deep/c.out'];
    const directory = directoryWith(Object.fromEntries(names.map((name) => [name, name.slice(0, 3)])));
    expect(await partsOf([wanted(directory, '**/*.out', { isGlob: true, except })])).toEqual([
      [
        ['a.10.out', 'a.1'],
        ['a.8.out', 'a.8'],
        ['deep/c.out', 'dee'],
      ],
    ]);
  });

  it('that cannot be read are told from those that are empty', async () => {
    const directory = directoryWith({ 'a.out': 'x' });
    expect(await partsOf([wanted(directory, 'a.out')], {}, plainHost('tail() { return 1; }'))).toEqual([
      [['a.out', 'null']],
    ]);
  });

  it('are told why there are none if the command fails', async () => {
    const host = plainHost('trap "echo no more >&2; exit 3" EXIT');
    await expect(partsOf([wanted('/', 'x')], {}, host)).rejects.toThrow(
      'cannot read the outputs of steps on this machine: no more',
    );
  });
});
