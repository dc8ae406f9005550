import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { bundlePath } from '../support/bundle.js';

/** Generated specs, and what real Maestro staged for them. */
const own = path.resolve('test/conformance/recordings');
/** Maestro's own samples and recorded runs, which stay with the project's documents. */
const shared = path.resolve('../shared/maestro');
const isShared = existsSync(shared);
if (!isShared) console.warn(`SKIPPED: ${shared} is not there: Maestro's own samples and runs are not compared`);

async function compare(directory: string, program: string, golden: string, specs: string): Promise<string> {
  const args = [program, golden, specs].map((name) => path.join(directory, name));
  const { stdout } = await promisify(execFile)(process.execPath, [...args, '--', process.execPath, bundlePath()]).catch(
    (error: { stdout: string }) => error,
  );
  return stdout;
}

describe('compared with recordings of real Maestro', () => {
  it('stages 144 generated specs as it does', { timeout: 600_000 }, async () => {
    expect(await compare(own, 'compare.mjs', 'specs.golden.jsonl', 'specs')).toBe('144 passed, 0 failed\n');
  });

  it.skipIf(!isShared)("stages Maestro's own samples as it does", { timeout: 120_000 }, async () => {
    expect(await compare(shared, 'compare.mjs', 'samples.golden.jsonl', 'samples')).toBe('26 passed, 0 failed\n');
  });

  it.skipIf(!isShared)('ends runs as it does', { timeout: 300_000 }, async () => {
    const counts = await compare(shared, 'compare-runs.mjs', 'runs.golden.jsonl', 'runs');
    expect(counts).toBe('24 passed, 0 failed, 16 skipped\n');
  });
});
