import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import type { QueueRow } from '../../../src/schedulers/batch/batch-system.js';
import { decideEnd } from '../../../src/schedulers/batch/decide-end.js';
import { slurm } from '../../../src/schedulers/slurm/slurm.js';
import { plainEnvironment } from '../../support/hosts.js';
import { temporaryDirectory } from '../../support/temporary.js';
import { site } from './site.js';

/** What is said of job 7 by a `squeue` and a `sacct` that print this. */
async function explained({ queue, accounts }: { readonly queue?: string; readonly accounts: readonly string[] }) {
  const commands = temporaryDirectory();
  const columns = `'%-20s%-30s%-30s%-30s%-300s%-200s%-10s%s\\n'`;
  const said = queue === undefined ? "echo 'Invalid job id specified' >&2; exit 1" : `printf ${columns} 7 ${queue}`;
  writeFileSync(path.join(commands, 'squeue'), `#!/bin/bash\n${said}\n`, { mode: 0o755 });
  const lines = accounts.map((line) => `echo '7|${line}'\n`).join('');
  writeFileSync(path.join(commands, 'sacct'), `#!/bin/bash\n${lines}`, { mode: 0o755 });
  const at = site({ environment: {} }, { PATH: `${commands}:${plainEnvironment.PATH}` });
  const [row] = await at.rows('explain_jobs', '7');
  return row!;
}

/** How a job of the claim's ended, of which the launcher recorded nothing. */
function end(row: QueueRow) {
  const facts = { systemName: 'Slurm', id: '7', owner: '7', exit: undefined, mayBeDuplicate: false, words: '' };
  const times = { isCancelled: false, isLate: false, isOverdue: false, mayBeUnseen: false };
  return decideEnd({ ...facts, ...times, row, meaning: slurm.meaningOf(row) });
}

const [lost, preempted] = ['NODE_FAIL|0:0|900|950|n1', 'PREEMPTED|0:0|900|950|n1'];
const second = 'FAILED|73:0|1000|1100|n2';
const waits = "PENDING 2000 N/A BeginTime '' 1 ''";
const failed = "FAILED 1000 1100 NonZeroExitCode n2 1 '73:0 '";

it.each([
  ['has ended again', 'node', { queue: failed, accounts: [lost, second] }],
  ['has ended again', 'preempted', { queue: failed, accounts: [preempted, second] }],
  ['has ended again, which the accounting has not heard of', 'preempted', { queue: failed, accounts: [preempted] }],
  ['has ended again, and was forgotten', 'node', { accounts: [lost, second] }],
  ['has ended again, and was forgotten', 'preempted', { accounts: [preempted, second] }],
  ['has ended again, without accounting', 'node', { queue: failed, accounts: [] }],
  ['runs again', 'preempted', { queue: failed, accounts: [preempted, 'RUNNING|0:0|1000|Unknown|n2'] }],
])('a requeued job that %s was lost for what ended its first run: %s', async (_, cause, said) => {
  const row = await explained(said);
  expect(row).toMatchObject({ isLaterRun: true, state: 'FAILED', exitCode: 73 });
  expect(end(row)).toMatchObject({ is: 'ended', outcome: { result: 'node-failure', blame: { cause } } });
});

it.each([
  ['node', [lost, 'PENDING|0:0|Unknown|Unknown|None assigned']],
  ['preempted', [preempted]],
])('a requeued job that waits again was lost for what ended its first run: %s', async (cause, accounts) => {
  const row = await explained({ queue: waits, accounts });
  expect(row.isLaterRun).toBe(true);
  expect(end(row)).toMatchObject({ is: 'requeued', outcome: { result: 'node-failure', blame: { cause } } });
});

it('a job that ran once has no later run', async () => {
  const row = await explained({ queue: "FAILED 1000 1100 NonZeroExitCode n2 0 '3:0 '", accounts: [] });
  expect(row).not.toHaveProperty('isLaterRun');
});

const completing = (restarts: number) => `COMPLETING 1000 N/A None n2 ${restarts} 0:0`;

it.each([
  ['TIMEOUT', 'timeout', 'timeout'],
  ['PREEMPTED', 'node-failure', 'preempted'],
  ['OUT_OF_MEMORY', 'failed', 'memory'],
  ['FAILED', 'failed', 'code'],
])('a job whose nodes are not free yet has ended as the accounting says: %s', async (state, result, cause) => {
  const row = await explained({ queue: completing(0), accounts: [`${state}|0:15|1000|1100|n2`] });
  expect(row).toMatchObject({ state, nodes: ['n2'], endedAt: 1_100_000 });
  expect(end(row)).toMatchObject({ is: 'ended', outcome: { result, blame: { cause } } });
});

it.each([
  ['without accounting', 0, []],
  ['while the accounting has not heard of its end', 0, ['RUNNING|0:0|1000|Unknown|n2']],
  ['of which the accounting tells an earlier run only', 1, [preempted]],
])('a job whose nodes are not free yet is waited for %s', async (_, restarts, accounts) => {
  const row = await explained({ queue: completing(restarts), accounts });
  expect(row.state).toBe('COMPLETING');
  expect(end(row)).toEqual({ is: 'open' });
});
