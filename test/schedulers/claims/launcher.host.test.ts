import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { beforeEach, describe, expect, it } from 'vitest';
import { launcherPath, launcherText, launcherWords } from '../../../src/schedulers/claims/launcher.js';
import { quoteAll } from '../../../src/util/shell-quote.js';
import { plainEnvironment } from '../../support/hosts.js';
import { temporaryDirectory } from '../../support/temporary.js';
import { until } from '../../support/wait.js';

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

let study: string;

beforeEach(() => {
  study = temporaryDirectory();
  mkdirSync(path.join(study, '.conductor'));
  writeFileSync(path.join(study, launcherPath), launcherText, { mode: 0o755 });
});

function script(name: string, body: string, shell = '/bin/bash'): string {
  mkdirSync(path.dirname(path.join(study, name)), { recursive: true });
  writeFileSync(path.join(study, name), `#!${shell}\n${body}\n`, { mode: 0o755 });
  return name;
}

/** Starts the launcher as a scheduler does: in a process group of its own, with variables that name the job. */
function start(step: string, attempt: number, name: string, job: Record<string, string> = {}): ChildProcess {
  return spawn('bash', ['-c', `exec ${quoteAll([...launcherWords(study, step, attempt), `${study}/${name}`])}`], {
    cwd: study,
    env: { ...plainEnvironment, ...job },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function ended(child: ChildProcess): Promise<Ended> {
  const exit = new Promise<{ code: number | null; signal: string | null }>((resolve) =>
    child.on('close', (code, signal) => resolve({ code, signal })),
  );
  const [stdout, stderr] = await Promise.all([text(child.stdout!), text(child.stderr!)]);
  return { ...(await exit), stdout, stderr };
}

const run = (...args: Parameters<typeof start>) => ended(start(...args));
/** Claims and exits of a step. The file that a claim was linked from stays beside it, under a longer name. */
const claims = (step: string) =>
  readdirSync(path.join(study, '.conductor/claims', step))
    .filter((name) => /^\d+(\.\d+\.exit)?$/.test(name))
    .sort();
const claimed = (name: string) => readFileSync(path.join(study, '.conductor/claims', name), 'utf8');

/** The status in an exit file, once it is sure that its time is one of the last minute. */
function statusIn(name: string): number {
  const [status, time] = claimed(name).trim().split(' ');
  expect(Math.abs(Date.now() / 1000 - Number(time))).toBeLessThan(60);
  return Number(status);
}

describe('the launcher', () => {
  it('runs the script, passes its output and exit status on, and writes down who ran it and how it ended', async () => {
    script('run/run.sh', 'echo out; echo err >&2; exit 7');
    const { code, stdout, stderr } = await run('run', 1, 'run/run.sh', { FLUX_JOB_ID: 'ƒ3x' });
    expect({ code, stdout, stderr }).toEqual({ code: 7, stdout: 'out\n', stderr: 'err\n' });
    expect(claims('run')).toEqual(['1', '1.0.exit']);
    expect(claimed('run/1')).toBe('ƒ3x\n');
    expect(claimed('run/1.0.exit')).toMatch(/^7 [0-9]+(\.[0-9]+)?\n$/);
    expect(statusIn('run/1.0.exit')).toBe(7);
  });

  it('leaves the script its directory, its arguments and its environment', async () => {
    script('run/run.sh', 'pwd; echo $#; env | grep -v -e ^_= -e ^SHLVL= | sort');
    const { stdout } = await run('run', 1, 'run/run.sh', { CONDUCTOR_JOB: 'node:1:2', ANSWER: '42' });
    expect(stdout.split('\n')).toEqual([
      study,
      '0',
      ...Object.entries({ ...plainEnvironment, ANSWER: '42', PWD: study })
        .map(([name, value]) => `${name}=${value}`)
        .sort(),
      '',
    ]);
  });

  it('announces the start and the end of its job where it is told a name for that', async () => {
    script('run/run.sh', 'echo "${CONDUCTOR_BELL-unset}"; exit 7');
    mkdirSync(path.join(study, '.conductor/bells'));
    const job = { CONDUCTOR_JOB: '12-1', CONDUCTOR_BELL: 'run-1f.3' };
    expect((await run('run', 3, 'run/run.sh', job)).stdout).toBe('unset\n');
    const bells = path.join(study, '.conductor/bells');
    expect(readdirSync(bells).sort()).toEqual(['run-1f.3.end', 'run-1f.3.start']);
    expect(readFileSync(path.join(bells, 'run-1f.3.start'), 'utf8')).toMatch(/^12-1 [0-9]+(\.[0-9]+)?\n$/);
    expect(readFileSync(path.join(bells, 'run-1f.3.end'), 'utf8')).toBe(`12-1 ${claimed('run/3.0.exit')}`);
    // A second job of the attempt announces nothing.
    await run('run', 3, 'run/run.sh', { CONDUCTOR_JOB: '13', CONDUCTOR_BELL: 'other.3' });
    expect(readdirSync(bells)).toHaveLength(2);
  });

  it('runs the script even if it can announce nothing', async () => {
    script('run/run.sh', 'echo ran');
    const job = { CONDUCTOR_JOB: '12', CONDUCTOR_BELL: 'run-1f.1' };
    expect(await run('run', 1, 'run/run.sh', job)).toMatchObject({ code: 0, stdout: 'ran\n', stderr: '' });
  });

  it('runs an attempt once: of two jobs the second ends quietly', async () => {
    script('run/run.sh', 'echo "$FLUX_JOB_ID" >> ran; exit 3');
    expect(await run('run', 1, 'run/run.sh', { FLUX_JOB_ID: 'a' })).toMatchObject({ code: 3 });
    expect(await run('run', 1, 'run/run.sh', { FLUX_JOB_ID: 'b' })).toEqual({
      code: 0,
      signal: null,
      stdout: '',
      stderr: '',
    });
    expect(readFileSync(path.join(study, 'ran'), 'utf8')).toBe('a\n');
    expect(claims('run')).toEqual(['1', '1.0.exit']);
    expect(statusIn('run/1.0.exit')).toBe(3);
  });

  it('fails, and runs nothing, in a job that was requeued after it had begun, and ends quietly in another one', async () => {
    script('run/run.sh', 'echo "ran" >> ran');
    const as = (job: string) => run('run', 1, 'run/run.sh', { CONDUCTOR_JOB: job, CONDUCTOR_BELL: 'run-1f.1' });
    expect(await as('12.node1.site.org.701')).toMatchObject({ code: 0 });
    expect(await as('12.node1.site.org.702')).toEqual({ code: 73, signal: null, stdout: '', stderr: '' });
    expect(await as('123.node1.site.org.701')).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
    expect(readFileSync(path.join(study, 'ran'), 'utf8')).toBe('ran\n');
  });

  it('fails, and runs nothing, if the conductor has given the attempt up', async () => {
    script('run/run.sh', 'echo ran >> ran');
    mkdirSync(path.join(study, '.conductor/claims/run'), { recursive: true });
    writeFileSync(path.join(study, '.conductor/claims/run/1'), 'conductor\n');
    expect(await run('run', 1, 'run/run.sh', { FLUX_JOB_ID: 'a' })).toMatchObject({ code: 73, stderr: '' });
    expect(existsSync(path.join(study, 'ran'))).toBe(false);
  });

  it('runs each attempt of a step, and each step', async () => {
    script('run/run.sh', 'echo ran');
    script('other/run.sh', 'echo ran');
    for (const [step, attempt] of [
      ['run', 1],
      ['run', 2],
      ['other', 1],
    ] as const) {
      expect((await run(step, attempt, `${step}/run.sh`, { SLURM_JOB_ID: '7' })).stdout).toBe('ran\n');
    }
    expect(claims('run')).toEqual(['1', '1.0.exit', '2', '2.0.exit']);
  });

  it('runs an attempt once when twenty jobs race for it', async () => {
    script('run/SIZE.10/run.sh', 'echo "$SLURM_JOB_ID" >> ran');
    const jobs = Array.from({ length: 20 }, (_, i) => `${i}`);
    const ends = await Promise.all(jobs.map((id) => run('run/SIZE.10', 1, 'run/SIZE.10/run.sh', { SLURM_JOB_ID: id })));
    expect(ends).toEqual(jobs.map(() => ({ code: 0, signal: null, stdout: '', stderr: '' })));
    const ran = readFileSync(path.join(study, 'ran'), 'utf8');
    expect(ran).toMatch(/^[0-9]+\n$/);
    expect(claimed('run/SIZE.10/1')).toBe(ran);
    expect(claims('run/SIZE.10')).toEqual(['1', '1.0.exit']);
  });

  it('runs the script in every task of the job that has the attempt, each with its own exit status', async () => {
    script('run/run.sh', 'echo "$FLUX_TASK_RANK" >> ran; exit "$FLUX_TASK_RANK"');
    const ranks = ['0', '1', '2', '3', '4', '5', '6', '7'];
    const ends = await Promise.all(
      ranks.map((rank) => run('run', 1, 'run/run.sh', { FLUX_JOB_ID: 'ƒA', FLUX_TASK_RANK: rank })),
    );
    expect(ends.map(({ code }) => code)).toEqual(ranks.map(Number));
    const ran = readFileSync(path.join(study, 'ran'), 'utf8').trim().split('\n');
    expect(ran.sort()).toEqual(ranks);
    expect(claims('run')).toEqual(['1', ...ranks.map((rank) => `1.${rank}.exit`)]);
    expect(ranks.map((rank) => statusIn(`run/1.${rank}.exit`))).toEqual(ranks.map(Number));
  });

  it('names a job by whichever scheduler started it, and a local one by its own', async () => {
    script('run/run.sh', '');
    const owners: string[] = [];
    const variables = [
      { FLUX_JOB_ID: 'ƒ1', SLURM_JOB_ID: '2', LSB_JOBID: '3' },
      { SLURM_JOB_ID: '2', LSB_JOBID: '3' },
      { LSB_JOBID: '3' },
      { CONDUCTOR_JOB: 'node:4:5', FLUX_JOB_ID: 'ƒ1', FLUX_TASK_RANK: '3', SLURM_JOB_ID: '2', SLURM_PROCID: '1' },
    ];
    for (const [i, job] of variables.entries()) {
      await run('run', i + 1, 'run/run.sh', job);
      owners.push(claimed(`run/${i + 1}`).trim());
    }
    expect(owners).toEqual(['ƒ1', '2', '3', 'node:4:5']);
    expect(claims('run')).toContain('4.0.exit');
  });

  it('takes a Slurm task by its number', async () => {
    script('run/run.sh', 'exit "$SLURM_PROCID"');
    await run('run', 1, 'run/run.sh', { SLURM_JOB_ID: '2', SLURM_PROCID: '5' });
    expect(statusIn('run/1.5.exit')).toBe(5);
  });

  it('takes any name of a step and a script', async () => {
    const step = `a b/it's "quoted" $(touch x) \`y\` *? -n;&|é`;
    const name = `${step}/-run 'it' $HOME.sh`;
    script(name, 'echo ran');
    expect(await run(step, 1, name, { FLUX_JOB_ID: 'a' })).toEqual({
      code: 0,
      signal: null,
      stdout: 'ran\n',
      stderr: '',
    });
    expect(claims(step)).toEqual(['1', '1.0.exit']);
    expect(readdirSync(study).sort()).toEqual(['.conductor', 'a b']);
  });

  it('is found although the study has blanks and quotes in its path', async () => {
    const outer = study;
    study = path.join(outer, `my 'own' study $HOME`);
    mkdirSync(path.join(study, '.conductor'), { recursive: true });
    writeFileSync(path.join(study, launcherPath), launcherText, { mode: 0o755 });
    script('run/run.sh', 'echo ran');
    expect((await run('run', 1, 'run/run.sh')).stdout).toBe('ran\n');
    expect(claims('run')).toEqual(['1', '1.0.exit']);
  });

  it('writes down the end of a script that its own group was told to end, which the script was not shielded from', async () => {
    for (const signal of ['TERM', 'INT', 'HUP', 'USR1', 'USR2', 'XCPU', 'QUIT'] as const) {
      script(`${signal}/run.sh`, 'ulimit -c 0; echo $$ > "${0%/*}/pid"; exec sleep 60');
      const child = start(signal, 1, `${signal}/run.sh`, { FLUX_JOB_ID: 'a' });
      const end = ended(child);
      await until(`the script for ${signal} is the command that can be killed`, () =>
        isSleep(path.join(study, signal, 'pid')),
      );
      process.kill(-child.pid!, `SIG${signal}`);
      const { code } = await end;
      expect([signal, code]).toEqual([signal, 128 + signalNumbers[signal]]);
      expect(statusIn(`${signal}/1.0.exit`)).toBe(code);
    }
  });

  it('lets a script that handles a signal end as it likes', async () => {
    script('run/run.sh', `trap 'echo saved; exit 4' TERM; touch run/up; sleep 60 & wait`);
    const child = start('run', 1, 'run/run.sh', { FLUX_JOB_ID: 'a' });
    const end = ended(child);
    await until('the script runs', () => existsSync(path.join(study, 'run/up')));
    process.kill(-child.pid!, 'SIGTERM');
    expect(await end).toMatchObject({ code: 4, stdout: 'saved\n' });
    expect(statusIn('run/1.0.exit')).toBe(4);
  });

  it('has no exit status to show while the script runs, nor once all of it was killed', async () => {
    script('run/run.sh', 'touch run/up; sleep 60');
    const child = start('run', 1, 'run/run.sh', { FLUX_JOB_ID: 'a' });
    const end = ended(child);
    await until('the script runs', () => existsSync(path.join(study, 'run/up')));
    expect(claims('run')).toEqual(['1']);
    process.kill(-child.pid!, 'SIGKILL');
    expect(await end).toMatchObject({ code: null, signal: 'SIGKILL' });
    expect(claims('run')).toEqual(['1']);
  });

  it('says that it cannot claim the attempt, and does not run the script', async () => {
    script('run/run.sh', 'echo ran');
    writeFileSync(path.join(study, '.conductor/claims'), 'in the way');
    const { code, stdout, stderr } = await run('run', 1, 'run/run.sh', { FLUX_JOB_ID: 'a' });
    expect({ code, stdout }).toEqual({ code: 73, stdout: '' });
    expect(stderr).toContain(
      `maestro: cannot make a directory, so the step was not run: ${study}/.conductor/claims/run`,
    );
  });

  it('says that it cannot claim the attempt where something else is in the way of the claim', async () => {
    script('run/run.sh', 'echo ran');
    mkdirSync(path.join(study, '.conductor/claims/run/1'), { recursive: true });
    const { code, stdout } = await run('run', 1, 'run/run.sh', { FLUX_JOB_ID: 'a' });
    expect({ code, stdout }).toEqual({ code: 73, stdout: '' });
  });

  it('writes down that a script could not be run', async () => {
    script('run/run.sh', 'echo ran', '/no/such/shell');
    script('run/plain.sh', 'echo ran');
    chmodSync(path.join(study, 'run/plain.sh'), 0o644);
    const [shell, mode, absent] = [
      await run('run', 1, 'run/run.sh', { FLUX_JOB_ID: 'a' }),
      await run('run', 2, 'run/plain.sh', { FLUX_JOB_ID: 'a' }),
      await run('run', 3, 'run/absent.sh', { FLUX_JOB_ID: 'a' }),
    ];
    // Which of the two a missing interpreter is depends on the version of bash.
    expect([126, 127]).toContain(shell.code);
    expect(shell.stderr).toContain(`${study}/run/run.sh`);
    expect([mode.code, absent.code]).toEqual([126, 127]);
    expect([shell, mode, absent].map(({ stdout }) => stdout)).toEqual(['', '', '']);
    expect([1, 2, 3].map((attempt) => statusIn(`run/${attempt}.0.exit`))).toEqual([shell.code, 126, 127]);
  });

  it('lets any bytes through', async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    writeFileSync(path.join(study, 'bytes'), bytes);
    script('run/run.sh', 'cat bytes');
    const child = start('run', 1, 'run/run.sh', { FLUX_JOB_ID: 'a' });
    expect(await buffer(child.stdout!)).toEqual(bytes);
  });

  it('needs no directory for its claims to be there before', async () => {
    expect(existsSync(path.join(study, '.conductor/claims'))).toBe(false);
    script('deep/run.sh', 'echo ran');
    expect((await run('deep/A.1.B.2', 1, 'deep/run.sh')).stdout).toBe('ran\n');
    expect(claims('deep/A.1.B.2')).toEqual(['1', '1.0.exit']);
  });

  describe('of a script that does not come to run', () => {
    it('says that it never began if no process can be started for it, and why', async () => {
      script('run/run.sh', 'touch ran');
      // Root is not limited, but another user that has nothing else to run is.
      const isRoot = process.getuid?.() === 0;
      const user = ['setpriv', '--reuid=61234', '--regid=61234', '--clear-groups'];
      writeFileSync(
        path.join(study, launcherPath),
        launcherText.replace('trap _maestro_over EXIT', `$&\nulimit -u ${isRoot ? 0 : 1}`),
      );
      chmodSync(path.join(study, launcherPath), 0o755);
      for (const directory of ['', '.conductor', 'run']) chmodSync(path.join(study, directory), 0o777);
      const words = [...(isRoot ? user : []), ...launcherWords(study, 'run', 1), `${study}/run/run.sh`];
      const options = { cwd: study, env: { ...plainEnvironment, FLUX_JOB_ID: 'a' } };
      const { code, stderr } = await ended(spawn(words[0]!, words.slice(1), options));
      expect(code).toBe(254);
      expect(stderr).toContain('maestro: the script was not run: no process could be started for it');
      expect(claimed('run/1.0.exit')).toMatch(/^254 [0-9.]+ never-began\n$/);
      expect(existsSync(path.join(study, 'ran'))).toBe(false);
    });

    it('says that it never began if its broker does not come up', async () => {
      script('run/run.sh', 'touch ran');
      const { code } = await broker('echo no room >&2; exit 1');
      expect([code, claimed('run/1.0.exit')]).toEqual([1, expect.stringMatching(/^1 [0-9.]+ never-began\n$/)]);
    });

    it('tells from that a script which fails in its broker, in a study of whatever name, and for a user of any shell', async () => {
      study = path.join(study, "it's a $HOME");
      mkdirSync(path.join(study, '.conductor'), { recursive: true });
      writeFileSync(path.join(study, launcherPath), launcherText, { mode: 0o755 });
      script('run/run.sh', 'touch ran; exit 1');
      const { code } = await broker('exec /bin/sh -c "$2"');
      expect([code, claimed('run/1.0.exit')]).toEqual([1, expect.stringMatching(/^1 [0-9.]+\n$/)]);
      expect(existsSync(path.join(study, 'ran'))).toBe(true);
    });

    it.each([
      ['#!/no/such/shell', 'its shell /no/such/shell (batch.shell) is not there, or cannot be run'],
      ['#! /usr/bin/env nosuchshell', 'its shell nosuchshell (batch.shell) is not on PATH'],
    ])('says what is wrong with %s', async (first, lack) => {
      script('run/run.sh', '');
      writeFileSync(path.join(study, 'run/run.sh'), `${first}\ntrue\n`);
      const { stderr } = await run('run', 1, 'run/run.sh');
      expect(stderr).toContain(`maestro: the script cannot be executed: ${lack}\n`);
      expect(claimed('run/1.0.exit')).toMatch(/^12[67] [0-9.]+ not-executable\n$/);
    });

    it('says the same of a script in its broker', async () => {
      script('run/run.sh', '', '/no/such/shell');
      const { stderr } = await broker('exec /bin/sh -c "$2"');
      expect(stderr).toContain('its shell /no/such/shell (batch.shell) is not there, or cannot be run');
      expect(claimed('run/1.0.exit')).toMatch(/^12[67] [0-9.]+ not-executable\n$/);
    });

    it.each([126, 127, 254])('takes %i for its own status if it ends with that by itself', async (status) => {
      script('run/run.sh', `exit ${status}`);
      const { stderr } = await run('run', 1, 'run/run.sh');
      expect([stderr, claimed('run/1.0.exit')]).toEqual([
        '',
        expect.stringMatching(new RegExp(`^${status} [0-9.]+\n$`)),
      ]);
    });

    it('writes nothing of one that lives if it is ended itself', async () => {
      script('run/run.sh', 'kill -SEGV $PPID; sleep 0.2; echo lived > lived');
      await run('run', 1, 'run/run.sh');
      expect(claims('run')).toEqual(['1']);
      expect(existsSync(path.join(study, 'lived'))).toBe(true);
    });
  });
});

/** Runs the launcher for a job whose broker is a function. */
function broker(body: string): Promise<Ended> {
  const bin = temporaryDirectory();
  writeFileSync(path.join(bin, 'flux'), `#!/bin/bash\n${body}\n`, { mode: 0o755 });
  const words = [...launcherWords(study, 'run', 1), 'flux', 'broker', quoteAll([`${study}/run/run.sh`])];
  const env = { ...plainEnvironment, PATH: `${bin}:${plainEnvironment.PATH}`, FLUX_JOB_ID: 'a' };
  return ended(spawn(words[0]!, words.slice(1), { cwd: study, env, stdio: ['ignore', 'pipe', 'pipe'] }));
}

const signalNumbers = { HUP: 1, INT: 2, QUIT: 3, USR1: 10, USR2: 12, TERM: 15, XCPU: 24 };

/** Whether the process whose id is in a file is `sleep`. The shell before it would take some signals otherwise. */
function isSleep(pidFile: string): boolean {
  if (!existsSync(pidFile)) return false;
  const pid = readFileSync(pidFile, 'utf8').trim();
  return pid !== '' && readFileSync(`/proc/${pid}/comm`, 'utf8') === 'sleep\n';
}
