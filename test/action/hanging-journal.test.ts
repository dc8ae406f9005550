import { existsSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { startBundle } from '../support/bundle.js';
import { plainEnvironment } from '../support/hosts.js';
import { until } from '../support/wait.js';

it('a program whose file system hangs ends all the same, with its exit status where Node has the means', async () => {
  const directory = mkdtempSync(path.join(realpathSync(tmpdir()), 'maestro-hanging-'));
  const study = path.join(directory, 'study');
  const journal = path.join(study, '.conductor/journal.jsonl');
  // Opening a pipe without a reader hangs.
  const swap = `rm ${journal}; mkfifo ${journal}; sleep 1`;
  writeFileSync(
    path.join(directory, 'spec.yaml'),
    `description: {name: hanging, description: d}\nstudy: [{name: one, description: d, run: {cmd: '${swap}'}}]\n`,
  );
  const { process: child, ended } = startBundle(['run', 'spec.yaml', '--output-path', study], {
    cwd: directory,
    env: { ...plainEnvironment, HOME: directory },
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  });
  // It has written of the end of the step, or is at it.
  await until('the step is over', () => existsSync(path.join(study, '.conductor/claims/one/1.0.exit')), 30_000);
  child.kill('SIGTERM');
  const { code, stderr } = await ended;
  expect(stderr).toContain('is not written any more');
  // All steps had ended by then.
  expect(code).toBe('execve' in process ? 0 : null);
}, 60_000);
