import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { archiveEnd, headerBlocks, inPieces, padding } from '../../src/hosts/tar-blocks.js';

/** What GNU tar reads in an archive: its names, one a line. */
function namesIn(archive: Buffer): string[] {
  const { stdout, stderr, status } = spawnSync('tar', ['-t', '--quoting-style=literal', '-f', '-'], {
    input: archive,
    env: { ...process.env, LC_ALL: 'C.UTF-8' },
  });
  expect({ status, stderr: String(stderr) }).toEqual({ status: 0, stderr: '' });
  return String(stdout).trimEnd().split('\n');
}

describe('the blocks of a tar archive', () => {
  it('carry names of every length, and of more bytes than letters, as GNU tar reads them', () => {
    const names = Array.from({ length: 180 }, (_, i) => `${'d/'.repeat(20)}${'x'.repeat(i + 1)}`);
    names.push(`${'ü'.repeat(120)}/Größe`, 'a b', `${'n'.repeat(250)}.sh`, `${'n'.repeat(200)}/${'m'.repeat(200)}`);
    const blocks = names.flatMap((path) => [
      headerBlocks({ type: 'File', path, mode: 0o644, mtime: 1_700_000_000_123, size: 2 }),
      Buffer.from('hi'),
      padding(2),
    ]);
    expect(namesIn(Buffer.concat([...blocks, archiveEnd]))).toEqual(names);
  });

  it('have a record for a size that a header has no digits for', () => {
    const blocks = headerBlocks({ type: 'File', path: 'big', mode: 0o644, mtime: 0, size: 9 * 2 ** 30 });
    expect(blocks.toString('latin1')).toContain('19 size=9663676416\n');
  });

  it('come in large pieces, with every byte of the small ones', async () => {
    const chunks = Array.from({ length: 3000 }, (_, i) => Buffer.alloc(512, i % 256));
    const pieces: Buffer[] = [];
    for await (const piece of inPieces(chunks)) pieces.push(piece);
    expect(Buffer.concat(pieces).equals(Buffer.concat(chunks))).toBe(true);
    expect(pieces.length).toBeLessThan(10);
  });
});
