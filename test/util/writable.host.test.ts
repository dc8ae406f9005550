import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { obstacleTo } from '../../src/util/writable.js';
import { temporaryDirectory } from '../support/temporary.js';

describe('a directory', () => {
  it('can be written to if it is there, or can be made', async () => {
    const directory = temporaryDirectory();
    expect(await obstacleTo(directory)).toBeUndefined();
    expect(await obstacleTo(path.join(directory, 'a/b/c'))).toBeUndefined();
  });

  it('cannot be where there is a file, nor below one', async () => {
    const file = path.join(temporaryDirectory(), 'file');
    writeFileSync(file, '');
    for (const wanted of [file, path.join(file, 'a/b')]) expect(await obstacleTo(wanted)).toBe(`${file} is a file`);
  });

  it('cannot be in one that is not to be written to', async () => {
    const directory = path.join(temporaryDirectory(), 'fixed');
    mkdirSync(directory);
    chmodSync(directory, 0o555);
    // To root all directories can be written.
    const isRoot = process.getuid?.() === 0;
    const expected = isRoot ? undefined : `${directory} cannot be written to by you`;
    expect(await obstacleTo(path.join(directory, 'a'))).toBe(expected);
    expect(execFileSync('ls', ['-A', directory]).toString()).toBe('');
  });
});
