import { execFileSync } from 'node:child_process';
import {
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { GuardedDirectory } from '../../src/util/guarded-directory.js';
import { guardedPath } from '../../src/util/guarded-path.js';
import { temporaryDirectory } from '../support/temporary.js';

let here = '';
let checkout = '';
let elsewhere = '';
beforeEach(() => {
  here = temporaryDirectory();
  [checkout, elsewhere] = [path.join(here, 'checkout'), path.join(here, 'elsewhere')];
  for (const directory of [checkout, elsewhere]) mkdirSync(directory);
});

const isRoot = process.getuid?.() === 0;
const inCheckout = (name: string) => ({ path: path.join(checkout, name), untrusted: [checkout] });

describe('the path of a directory to write into', () => {
  it('is made, with those above it', async () => {
    expect(await guardedPath(inCheckout('a/b'), 'make')).toBe(path.join(checkout, 'a/b'));
    expect(lstatSync(path.join(checkout, 'a/b')).isDirectory()).toBe(true);
  });

  it('is found without making anything', async () => {
    expect(await guardedPath(inCheckout('a/b'), 'keep')).toBe(path.join(checkout, 'a/b'));
    expect(readdirSync(checkout)).toEqual([]);
  });

  it.each([
    ['itself', 'link'],
    ['above it', 'link/reports'],
    ['that dangles', 'dangling'],
    ['to a directory of the checkout', 'inner/reports'],
  ])('is refused for a symbolic link of the checkout: %s', async (_, name) => {
    symlinkSync('../elsewhere', path.join(checkout, 'link'));
    symlinkSync('../nothing', path.join(checkout, 'dangling'));
    symlinkSync('.', path.join(checkout, 'inner'));
    const words = `${path.join(checkout, name.split('/')[0]!)} is a symbolic link, and none is followed`;
    for (const missing of ['make', 'keep'] as const) {
      await expect(guardedPath(inCheckout(name), missing)).rejects.toThrow(words);
    }
    expect(readdirSync(elsewhere)).toEqual([]);
    expect(readdirSync(here).sort()).toEqual(['checkout', 'elsewhere']);
  });

  it('is refused for a link of the checkout however that is come to', async () => {
    symlinkSync('../elsewhere', path.join(checkout, 'link'));
    symlinkSync('checkout', path.join(here, 'alias'));
    symlinkSync('checkout/link', path.join(here, 'shortcut'));
    for (const name of ['alias/link', 'shortcut', 'elsewhere/../alias/link/x']) {
      await expect(guardedPath({ path: `${here}/${name}`, untrusted: [checkout] }, 'make')).rejects.toThrow(
        'checkout/link',
      );
      await expect(
        guardedPath({ path: `${here}/${name}`, untrusted: [path.join(here, 'alias')] }, 'make'),
      ).rejects.toThrow('checkout/link');
    }
    expect(readdirSync(elsewhere)).toEqual([]);
  });

  it("follows the user's own links elsewhere", async () => {
    symlinkSync('elsewhere', path.join(here, 'mine'));
    expect(await guardedPath({ path: path.join(here, 'mine/reports'), untrusted: [checkout] }, 'make')).toBe(
      path.join(realpathSync(elsewhere), 'reports'),
    );
  });

  it.runIf(isRoot)('is refused for a link of another user', async () => {
    const link = path.join(here, 'theirs');
    symlinkSync('elsewhere', link);
    lchownSync(link, 12_345, 12_345);
    await expect(guardedPath({ path: link, untrusted: [] }, 'make')).rejects.toThrow('of another user (uid 12345)');
  });

  it('is refused for what is no directory, and for links in a circle', async () => {
    writeFileSync(path.join(checkout, 'file'), '');
    await expect(guardedPath(inCheckout('file/x'), 'make')).rejects.toThrow('file is there and is no directory');
    symlinkSync('circle', path.join(here, 'circle'));
    await expect(guardedPath({ path: path.join(here, 'circle'), untrusted: [] }, 'make')).rejects.toThrow(
      'too many symbolic links',
    );
  });
});

describe('a file in a directory that others may have prepared', () => {
  const victim = () => path.join(elsewhere, 'victim');
  beforeEach(() => writeFileSync(victim(), 'precious'));
  const open = () => GuardedDirectory.open(inCheckout('.'));
  const read = (name: string) => readFileSync(path.join(checkout, name), 'utf8');

  it('takes the place of a link, a hard link or a fifo, and nothing is written through those', async () => {
    symlinkSync(victim(), path.join(checkout, 'link'));
    linkSync(victim(), path.join(checkout, 'hard'));
    execFileSync('mkfifo', [path.join(checkout, 'fifo')]);
    const directory = await open();
    for (const name of ['link', 'hard', 'fifo']) await directory.write(name, 'new');
    expect(['link', 'hard', 'fifo'].map(read)).toEqual(['new', 'new', 'new']);
    expect(lstatSync(path.join(checkout, 'link')).isFile()).toBe(true);
    expect(readFileSync(victim(), 'utf8')).toBe('precious');
    // A hard link is a file as any other.
    expect(directory.replaced).toEqual(['link', 'fifo'].map((name) => path.join(checkout, name)));
  });

  it('has no name before it is whole that anybody could guess', async () => {
    for (const name of ['a.new', 'a.tmp', '.a', '.a.new']) symlinkSync(victim(), path.join(checkout, name));
    const directory = await open();
    const names: string[] = [];
    async function* content() {
      yield Buffer.from('x');
      names.push(...readdirSync(checkout).filter((name) => name.startsWith('.maestro-')));
    }
    for (let i = 0; i < 2; i++) await directory.write('a', content());
    expect(new Set(names).size).toBe(2);
    for (const name of names) expect(name).toMatch(/^\.maestro-[0-9a-f]{24}$/);
    expect(readdirSync(checkout).filter((name) => name.startsWith('.maestro-'))).toEqual([]);
    expect(readFileSync(victim(), 'utf8')).toBe('precious');
  });

  it('is refused below a link, and where a directory is', async () => {
    symlinkSync(elsewhere, path.join(checkout, 'logs'));
    mkdirSync(path.join(checkout, 'report.json'));
    const directory = await open();
    await expect(directory.write('logs/victim', 'new')).rejects.toThrow(
      /logs: it is there and no directory, but a symbolic link/,
    );
    await expect(directory.write('report.json', 'new')).rejects.toThrow('it is a directory');
    expect(readFileSync(victim(), 'utf8')).toBe('precious');
  });

  it('of which the content breaks off leaves nothing behind', async () => {
    const directory = await open();
    writeFileSync(path.join(checkout, 'a'), 'old');
    async function* content(): AsyncGenerator<Buffer> {
      yield Buffer.from('x');
      throw new Error('broken off');
    }
    await expect(directory.write('a', content())).rejects.toThrow('broken off');
    expect(readdirSync(checkout)).toEqual([]);
  });

  it('may have the longest name that there is', async () => {
    await (await open()).write('n'.repeat(255), 'x');
    expect(read('n'.repeat(255))).toBe('x');
  });

  it.skipIf(isRoot)('that cannot be written is told by its name', async () => {
    const directory = await open();
    execFileSync('chmod', ['a-w', checkout]);
    await expect(directory.write('a', 'x')).rejects.toThrow(`cannot write ${checkout}/a: EACCES: permission denied`);
    execFileSync('chmod', ['u+w', checkout]);
  });
});
