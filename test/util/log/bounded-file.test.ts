import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { BoundedFile } from '../../../src/util/log/bounded-file.js';
import { temporaryDirectory } from '../../support/temporary.js';

describe('BoundedFile', () => {
  it('goes on after what is in the file', () => {
    const file = path.join(temporaryDirectory(), 'log');
    writeFileSync(file, 'before\n');
    new BoundedFile(file).write('after\n');
    expect(readFileSync(file, 'utf8')).toBe('before\nafter\n');
  });

  it('begins anew once it is full, and keeps what was in it beside it', () => {
    const file = path.join(temporaryDirectory(), 'log');
    const log = new BoundedFile(file, 10);
    for (const line of ['first line\n', 'second line\n', 'third\n', 'fourth\n']) log.write(line);
    expect(readFileSync(`${file}.old`, 'utf8')).toBe('second line\n');
    expect(readFileSync(file, 'utf8')).toBe('third\nfourth\n');
  });

  it('goes on without a file that cannot be written', () => {
    const log = new BoundedFile(path.join(temporaryDirectory(), 'missing/log'));
    expect(() => log.write('lost\n')).not.toThrow();
  });
});
