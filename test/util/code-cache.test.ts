import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CodeCache, cacheDirectory } from '../../src/util/code-cache.js';

const user = os.userInfo().uid;
const code = Buffer.from('compiled code');

let above: string;
let directory: string;
let cache: CodeCache;

beforeEach(() => {
  above = mkdtempSync(path.join(realpathSync(os.tmpdir()), 'code-cache-'));
  directory = path.join(above, 'maestro-on-flux');
  cache = new CodeCache(directory, user);
});

afterEach(() => rmSync(above, { recursive: true, force: true }));

describe('a cache of compiled code', () => {
  it('has what was written, in files that nobody else can read or write', () => {
    expect(cache.read('run')).toBeUndefined();
    cache.write('run', code);
    expect(cache.read('run')).toEqual(code);
    expect(cache.read('doctor')).toBeUndefined();
    cache.write('run', Buffer.from('other'));
    expect(cache.read('run')).toEqual(Buffer.from('other'));
    expect(readdirSync(directory)).toEqual(['run']);
  });

  it('takes nothing that is damaged or was cut off', () => {
    const file = path.join(directory, 'run');
    cache.write('run', code);
    const whole = readFileSync(file);
    for (const bytes of [whole.subarray(0, -1), whole.subarray(0, 10), Buffer.alloc(0), Buffer.concat([whole, code])]) {
      writeFileSync(file, bytes);
      expect(cache.read('run')).toBeUndefined();
    }
    const flipped = Buffer.from(whole);
    flipped[40]! ^= 1;
    writeFileSync(file, flipped);
    expect(cache.read('run')).toBeUndefined();
  });

  it.each([
    ['the directory', 0o770, () => directory],
    ['the directory', 0o702, () => directory],
    ['the directory, even if it is sticky', 0o1777, () => directory],
    ['one above it', 0o777, () => above],
    ['the file', 0o620, () => path.join(directory, 'run')],
  ])('is not read where others can write %s (%o)', (_, mode, which) => {
    cache.write('run', code);
    chmodSync(which(), mode);
    expect(cache.read('run')).toBeUndefined();
  });

  it('is not written where others can write', () => {
    chmodSync(above, 0o777);
    cache.write('run', code);
    expect(readdirSync(directory)).toEqual([]);
  });

  it('may be in a directory of all users that is sticky, as others cannot move it there', () => {
    chmodSync(above, 0o1777);
    cache.write('run', code);
    expect(cache.read('run')).toEqual(code);
  });

  it('is not that of another user', () => {
    cache.write('run', code);
    const others = new CodeCache(directory, user + 1);
    expect(others.read('run')).toBeUndefined();
    others.write('validate', code);
    expect(readdirSync(directory)).toEqual(['run']);
  });

  it('follows no symbolic link in place of a file', () => {
    cache.write('run', code);
    linkSync(path.join(directory, 'run'), path.join(above, 'elsewhere'));
    rmSync(path.join(directory, 'run'));
    symlinkSync(path.join(above, 'elsewhere'), path.join(directory, 'run'));
    expect(cache.read('run')).toBeUndefined();
  });

  it('is no error where it cannot be', () => {
    writeFileSync(directory, 'a file');
    cache.write('run', code);
    expect(cache.read('run')).toBeUndefined();
    expect(readFileSync(directory, 'utf8')).toBe('a file');
    new CodeCache(path.join(above, 'not', 'there', 'maestro-on-flux'), user).write('run', code);
    expect(readdirSync(above)).toEqual(['maestro-on-flux']);
  });

  it('loses what no run has written for a month, when something is written', () => {
    mkdirSync(directory, { mode: 0o700 });
    const [old, recent] = ['old', 'recent'].map((name) => path.join(directory, name));
    for (const [file, days] of [
      [old!, 31],
      [recent!, 29],
    ] as const) {
      writeFileSync(file, '');
      const then = Date.now() / 1000 - days * 24 * 3600;
      utimesSync(file, then, then);
    }
    cache.write('run', code);
    expect(readdirSync(directory).sort()).toEqual(['recent', 'run']);
  });
});

describe('the place of the cache', () => {
  const home = { HOME: '/home/me' };

  it("is the runner's tool cache, or the user's cache directory", () => {
    expect(cacheDirectory(home)).toBe('/home/me/.cache/maestro-on-flux');
    expect(cacheDirectory({ ...home, XDG_CACHE_HOME: '/xdg' })).toBe('/xdg/maestro-on-flux');
    expect(cacheDirectory({ ...home, XDG_CACHE_HOME: '/xdg', RUNNER_TOOL_CACHE: '/tools' })).toBe(
      '/tools/maestro-on-flux',
    );
  });

  it('is nowhere without a home, with a relative one, or if Node is told not to cache code', () => {
    expect(cacheDirectory({})).toBeUndefined();
    expect(cacheDirectory({ HOME: '' })).toBeUndefined();
    expect(cacheDirectory({ XDG_CACHE_HOME: 'cache' })).toBeUndefined();
    expect(cacheDirectory({ ...home, NODE_DISABLE_COMPILE_CACHE: '1' })).toBeUndefined();
  });
});
