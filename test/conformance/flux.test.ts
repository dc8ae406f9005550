import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { bundlePath } from '../support/bundle.js';
import { temporaryDirectory } from '../support/temporary.js';

/** How real Maestro's runs ended; they stay with the project's documents. */
const shared = path.resolve('../shared/maestro');
const isShared = existsSync(shared);
const hasFlux = spawnSync('flux', ['version']).error === undefined;
if (!hasFlux) console.warn('SKIPPED: there is no `flux` on PATH: nothing is run on a real broker');
else if (!isShared) console.warn(`SKIPPED: ${shared} is not there: recorded runs are not compared`);

/** Runs a command in a Flux instance of its own. */
async function within(...command: string[]): Promise<{ code: number; stdout: string }> {
  const options = { cwd: temporaryDirectory(), maxBuffer: 1 << 26 };
  const start = promisify(execFile)('flux', ['start', process.execPath, ...command], options);
  return start.then(
    ({ stdout }) => ({ code: 0, stdout }),
    (error: { code: number; stdout: string }) => ({ code: error.code, stdout: error.stdout }),
  );
}

describe.skipIf(!hasFlux)('on a real broker', () => {
  it('the sample runs: local, plain and nested steps, a funnel, a restart', { timeout: 120_000 }, async () => {
    const { code, stdout } = await within(bundlePath(), 'run', path.resolve('samples/flux-sweep.yaml'));
    expect(stdout).toMatch(/Study flux_sweep FINISHED in .*: 6 steps, 6 finished/);
    expect(stdout).toMatch(/^long +FINISHED +\S+ +1 *$/m);
    expect(code).toBe(0);
  });

  it.skipIf(!isShared)('all recorded runs end as with Maestro', { timeout: 600_000 }, async () => {
    const { stdout } = await within(
      path.join(shared, 'compare-runs.mjs'),
      path.join(shared, 'runs.golden.jsonl'),
      path.join(shared, 'runs'),
      '--',
      process.execPath,
      bundlePath(),
    );
    expect(stdout).toBe('40 passed, 0 failed, 0 skipped\n');
  });
});
