import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const bundle = path.resolve('dist/index.js');
const recordings = path.resolve('../shared/maestro');
const there = existsSync(recordings);
if (!there)
  console.warn(`SKIPPED: the recordings of real Maestro are not at ${recordings}, so nothing is compared with them`);

async function compare(program: string, golden: string, specs: string): Promise<string> {
  const args = [
    `${recordings}/${program}`,
    `${recordings}/${golden}`,
    `${recordings}/${specs}`,
    '--',
    process.execPath,
    bundle,
  ];
  const { stdout } = await promisify(execFile)(process.execPath, args).catch((error: { stdout: string }) => error);
  return stdout;
}

describe.skipIf(!there)('compared with recordings of real Maestro', () => {
  it("stages Maestro's own samples as it does", { timeout: 120_000 }, async () => {
    expect(await compare('compare.mjs', 'samples.golden.jsonl', 'samples')).toMatch(/^\d+ passed, 0 failed\n$/);
  });

  it('stages 144 generated specs as it does', { timeout: 600_000 }, async () => {
    expect(await compare('compare.mjs', 'specs.golden.jsonl', 'specs')).toBe('144 passed, 0 failed\n');
  });

  it('ends runs as it does', { timeout: 300_000 }, async () => {
    expect(await compare('compare-runs.mjs', 'runs.golden.jsonl', 'runs')).toMatch(
      /^24 passed, 0 failed, 16 skipped\n$/,
    );
  });
});
