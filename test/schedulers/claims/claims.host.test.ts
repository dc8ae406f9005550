import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { blame } from '../../../src/causes/cause.js';
import { HostError } from '../../../src/hosts/host.js';
import { claimOrRead } from '../../../src/schedulers/claims/claims.js';
import { claimsPath, launcherPath, launcherText } from '../../../src/schedulers/claims/launcher.js';
import { readOutcomes } from '../../../src/schedulers/claims/outcome.js';
import { graphOf } from '../../support/graphs.js';
import { plainEnvironment, plainHost } from '../../support/hosts.js';
import { temporaryDirectory } from '../../support/temporary.js';

let study: string;

beforeEach(() => {
  study = temporaryDirectory();
  mkdirSync(path.join(study, claimsPath, 'run'), { recursive: true });
});

function write(name: string, text: string): void {
  const file = path.join(study, claimsPath, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
}

/** Runs the launcher as a job does. */
function launch(job: string, task: number, body: string): void {
  mkdirSync(path.join(study, '.conductor'), { recursive: true });
  writeFileSync(path.join(study, launcherPath), launcherText, { mode: 0o755 });
  spawnSync(path.join(study, launcherPath), ['run', '1', 'bash', '-c', body], {
    cwd: study,
    env: { ...plainEnvironment, FLUX_JOB_ID: job, FLUX_TASK_RANK: String(task) },
  });
}

const settle = (workspace = 'run', attempt = 1) => claimOrRead(plainHost(), study, workspace, attempt);

describe('the claim to an attempt', () => {
  it('is ours if no job has begun, and stays so', async () => {
    for (let i = 0; i < 2; i++) expect(await settle()).toEqual({ owner: null, exits: [] });
  });

  it('is that of one of many who want it at once', async () => {
    const [claims] = await Promise.all([
      Promise.all(Array.from({ length: 8 }, () => settle())),
      ...['ƒ1', 'ƒ2', 'ƒ3'].map(async (job) => launch(job, 0, 'echo ran >> ran')),
    ]);
    const owners = new Set([...claims, await settle()].map(({ owner }) => owner));
    expect(owners.size).toBe(1);
    const [owner] = owners;
    expect(existsSync(path.join(study, 'ran'))).toBe(owner !== null);
    expect(readdirSync(path.join(study, claimsPath, 'run')).filter((name) => name.includes('conductor'))).toEqual([]);
  });

  it('once it is ours keeps every job from running, quietly', async () => {
    await settle();
    launch('ƒkMPzwq', 0, 'echo ran >> ran');
    expect(existsSync(path.join(study, 'ran'))).toBe(false);
    expect(await settle()).toEqual({ owner: null, exits: [] });
  });

  it('belongs to the job that came first, which has no exit status while it runs', async () => {
    write('run/1', 'ƒkMPzwq\n');
    expect(await settle()).toEqual({ owner: 'ƒkMPzwq', exits: [] });
  });

  it('tells the exit status of each task that has ended', async () => {
    write('run/1', 'ƒkMPzwq\n');
    for (const [task, status] of [
      [0, 0],
      [2, 143],
      [11, 3],
    ]) {
      write(`run/1.${task}.exit`, `${status} 1795420127.901234\n`);
    }
    const { exits } = (await settle())!;
    expect([...exits].sort((one, other) => one - other)).toEqual([0, 3, 143]);
  });

  it('does not tell an exit status that is not written to its end', async () => {
    write('run/1', 'ƒkMPzwq\n');
    write('run/1.0.exit', '0 17954');
    write('run/1.1.exit', '');
    expect(await settle()).toEqual({ owner: 'ƒkMPzwq', exits: [] });
  });

  it('says nothing of other attempts and workspaces', async () => {
    write('run/1', 'ƒ1\n');
    write('run/1.0.exit', '1 1\n');
    write('run/11', 'ƒ11\n');
    write('run/11.0.exit', '11 1\n');
    write('other/1', 'ƒ2\n');
    expect(await settle()).toMatchObject({ owner: 'ƒ1', exits: [1] });
    expect(await settle('run', 11)).toMatchObject({ owner: 'ƒ11', exits: [11] });
    expect(await settle('run', 2)).toMatchObject({ owner: null, exits: [] });
    expect(await settle('other')).toMatchObject({ owner: 'ƒ2', exits: [] });
  });

  it('is read in a workspace of any name', async () => {
    const workspace = `a b/it's "$HOME" *`;
    write(`${workspace}/1`, 'ƒ1\n');
    write(`${workspace}/1.0.exit`, '7 1\n');
    expect(await settle(workspace)).toMatchObject({ owner: 'ƒ1', exits: [7] });
  });

  it('is what the launcher writes', async () => {
    launch('ƒkMPzwq', 0, 'exit 0');
    launch('ƒother', 0, 'exit 9');
    launch('ƒkMPzwq', 1, 'kill -KILL $$');
    expect(await settle()).toMatchObject({ owner: 'ƒkMPzwq', exits: [0, 137] });
  });

  it('cannot be settled if the study directory is not there', async () => {
    rmSync(study, { recursive: true });
    const claim = settle();
    await expect(claim).rejects.toBeInstanceOf(HostError);
    await expect(claim).rejects.toThrow('cannot find out which job has a step: ');
  });
});

it('of attempts that no job has there is no outcome, and they may run as they are', async () => {
  const at = { file: 'study.yaml', line: 1, column: 1 };
  const batch = { type: 'flux', values: new Map(), at, placeOf: () => at } as const;
  const steps = graphOf(['run', 'other'].map((name) => ({ name, scheduled: true }))).steps;
  write('other/1', 'ƒ7\n');
  const jobs = steps.map((step) => ({ step, attempt: 1, script: `${step.name}.sh` }));
  expect(await readOutcomes(plainHost(), { studyPath: study, batch }, jobs, 'it is gone')).toEqual([
    undefined,
    { result: 'node-failure', exitCode: null, signal: null, note: 'it is gone', blame: blame('allocation') },
  ]);
});
