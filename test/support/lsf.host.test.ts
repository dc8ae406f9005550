import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { plainEnvironment } from './hosts.js';
import { Lsf } from './lsf.js';
import { temporaryDirectory } from './temporary.js';
import { isAlive, until } from './wait.js';

it('the stand-in for LSF leaves nothing running, also of what has left its job', async () => {
  const lsf = await Lsf.start();
  const directory = temporaryDirectory();
  const file = path.join(directory, 'pids');
  const script = 'trap "" INT TERM\nsetsid sleep 300 &\necho $! $$ > pids\nwait\n';
  const env = { ...plainEnvironment, ...lsf.environment };
  execFileSync('bsub', { cwd: directory, env, input: script });
  await until('it runs', () => existsSync(file) && readFileSync(file, 'utf8').endsWith('\n'));
  const pids = readFileSync(file, 'utf8').trim().split(' ').map(Number);
  expect(pids.map(isAlive)).toEqual([true, true]);
  await lsf.stop();
  expect(pids.map(isAlive)).toEqual([false, false]);
  expect(existsSync(lsf.commands)).toBe(false);
});

it.each([
  ['lsid', [], /^My cluster name is lsf10$/m],
  ['bqueues', [], /^short +30 +Open:Active /m],
  ['bqueues', ['-l', 'short'], /^MAXIMUM LIMITS:\n RUNLIMIT\n 30\.0 min of hosta$/m],
  ['bparams', [], /^Default Queues: {2}normal$/m],
] as const)('the stand-in has a command %s %j', async (name, words, printed) => {
  const lsf = await Lsf.forTest();
  const env = { ...plainEnvironment, ...lsf.environment };
  expect(execFileSync(name, words, { env, encoding: 'utf8' })).toMatch(printed);
});
