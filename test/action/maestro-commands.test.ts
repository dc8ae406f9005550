import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { startBroker } from '../support/flux/study-run.js';
import { plainEnvironment } from '../support/hosts.js';
import { counted, oneTask, Reruns, statesOf } from '../support/reruns.js';
import { until } from '../support/wait.js';

/** So long, in milliseconds, may pass until what a person on the cluster says has its effect. */
const promptly = 5000;

/** Maestro's command, of the Python that MAESTRO_PYTHON names; undefined, said loudly, without one. */
function realMaestro(): string | undefined {
  const python = process.env.MAESTRO_PYTHON ?? '';
  const command = path.join(path.dirname(python), 'maestro');
  try {
    execFileSync(python, ['-c', 'import maestrowf'], { stdio: 'ignore' });
    if (existsSync(command)) return command;
  } catch {
    // Said below.
  }
  const what = "MAESTRO_PYTHON names no Python that has maestrowf: Maestro's own commands are NOT TESTED";
  console.warn(what);
  it.skip(what, () => {});
  return undefined;
}

const maestroCommand = realMaestro();

interface Said {
  readonly code: number;
  readonly text: string;
}

/** Runs `maestro`, in a home of its own, with an answer to what it asks. */
function maestro(home: string, ...words: readonly string[]): Promise<Said> {
  return new Promise((resolve) => {
    const options = { env: { ...plainEnvironment, HOME: home, COLUMNS: '200' }, encoding: 'utf8' as const };
    const child = execFile(maestroCommand!, words, options, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), text: stdout + stderr }),
    );
    child.stdin!.end('y\n');
  });
}

async function fluxReruns(steps: ConstructorParameters<typeof Reruns>[0], inputs: Record<string, string> = {}) {
  const broker = await startBroker({ cores: 16 });
  return { broker, reruns: new Reruns(steps, { flux: broker.uri, ...inputs }, { type: 'flux' }) };
}

describe.skipIf(maestroCommand === undefined)('a person on the cluster, with Maestro', () => {
  it('cancels the study: all jobs and local steps end, and nothing more begins', async () => {
    const { reruns, broker } = await fluxReruns((own) => [
      { name: 'job', cmd: own.gate(), ...oneTask },
      { name: 'here', cmd: own.gate() },
      counted('after', { depends: ['job'] }),
    ]);
    const job = reruns.job();
    const { ended } = await reruns.startUntilUp(job, 'job', 'here');
    const said = await maestro(reruns.home, 'cancel', reruns.studyPath);
    expect(said, said.text).toMatchObject({ code: 0 });
    await until('the job is told to end', () => broker.asked('job-manager.raise').length === 1, promptly);
    const { code, stdout } = await ended;
    expect([code, job.outputs.status, statesOf(job)]).toEqual([
      3,
      'CANCELLED',
      ['job CANCELLED', 'here CANCELLED', 'after CANCELLED'],
    ]);
    expect(job.report.steps[0].reason).toContain('cancelled on the host');
    expect(stdout).toContain('after SKIPPED cancelled on the host');
    // The next run is not cancelled by what was meant for this one.
    expect(reruns.has('.cancel.lock')).toBe(false);
    reruns.open();
    expect(await reruns.job({ attempt: 2 }).run()).toMatchObject({ code: 0, stderr: '' });
    expect(reruns.ran).toEqual(['job 2', 'here 2', 'after 1']);
  });

  it('changes how many jobs there are at once', async () => {
    const names = Array.from({ length: 6 }, (_, i) => `s${i}`);
    const { reruns, broker } = await fluxReruns(
      (own) => names.map((name) => ({ name, cmd: own.gate(name), ...oneTask })),
      { throttle: '1' },
    );
    const job = reruns.job();
    const { ended } = await reruns.startUntilUp(job, 's0');
    expect(broker.jobs).toHaveLength(1);
    // It has written what is wanted and does not exit with 0: Maestro's ways.
    const said = await maestro(reruns.home, 'update', reruns.studyPath, '--throttle', '3');
    expect(said.text).toContain('Writing updated study config');
    await until('three run', () => broker.jobs.length === 3, promptly);
    // None more comes for a while.
    await sleep(300);
    expect(broker.jobs).toHaveLength(3);
    expect(reruns.has('.study.update.lock')).toBe(false);
    // Fewer: the next one waits until two of those three have ended.
    const fewer = await maestro(reruns.home, 'update', reruns.studyPath, '--throttle', '2', '--rlimit', '4');
    expect(fewer.text).toContain('Writing updated study config');
    await until(
      'that is written down',
      () => reruns.read('.conductor/journal.jsonl').includes('"throttle":2'),
      promptly,
    );
    const inactive = () => broker.jobs.filter(({ state }) => state === 'INACTIVE').length;
    reruns.open('s0');
    await until('one has ended', () => inactive() === 1);
    await sleep(300);
    expect(broker.jobs).toHaveLength(3);
    reruns.open('s1');
    await until('another has taken its place', () => broker.jobs.length === 4);
    for (const name of names) reruns.open(name);
    const { code, stdout } = await ended;
    expect([code, reruns.ran]).toEqual([0, names.map((name) => `${name} 1`)]);
    expect(stdout).toMatch(/^Updated on the host \(`maestro update`\): throttle 3$/m);
    expect(stdout).toMatch(/^Updated on the host \(`maestro update`\): throttle 2, restart limit 4$/m);
  });

  it('changes it for the runs that follow too, until their input is another one', async () => {
    const names = Array.from({ length: 5 }, (_, i) => `s${i}`);
    const { reruns, broker } = await fluxReruns(
      (own) => names.map((name) => ({ name, cmd: own.gate(name), ...oneTask })),
      { throttle: '1' },
    );
    const first = await reruns.startUntilUp(reruns.job(), 's0');
    await maestro(reruns.home, 'update', reruns.studyPath, '--throttle', '2');
    await until('two run', () => broker.jobs.length === 2, promptly);
    first.process.kill('SIGKILL');
    await first.ended;

    const second = await reruns.startUntilUp(reruns.job({ attempt: 2 }), 's0');
    reruns.open('s0');
    await until('another has taken its place', () => broker.jobs.length === 3, promptly);
    await sleep(300);
    expect(broker.jobs).toHaveLength(3);
    second.process.kill('SIGKILL');
    expect((await second.ended).stdout).toMatch(
      /^The throttle is 2, as `maestro update` set it on \d{4}-.* UTC; the input says 1$/m,
    );

    const third = reruns.job({ attempt: 3, inputs: { throttle: '4' } });
    const { ended } = third.start();
    await until('all run', () => broker.jobs.length === 5, promptly);
    for (const name of names) reruns.open(name);
    const { code, stdout } = await ended;
    expect([code, reruns.ran]).toEqual([0, names.map((name) => `${name} 1`)]);
    expect(stdout).toMatch(
      /^The throttle is 4, as the input says now: the 2 that `maestro update` set on .* counts no more$/m,
    );
    expect(reruns.read('.conductor/journal.jsonl')).toContain('"throttle":4,"inputs":{"throttle":4');
  });

  it('sees how the study stands, at any moment', async () => {
    const names = Array.from({ length: 5 }, (_, i) => `s${i}`);
    const reruns = new Reruns((own) =>
      names.map((name, i) => ({ name, cmd: own.gate(name), ...(i === 0 ? {} : { depends: [`s${i - 1}`] }) })),
    );
    const { ended } = await reruns.startUntilUp(reruns.job(), 's0');
    await until('there is a status', () => reruns.has('status.csv') && reruns.status.includes('s0 RUNNING'));
    const seen: Said[] = [await maestro(reruns.home, 'status', '--layout', 'legacy', reruns.studyPath)];
    for (const name of names) {
      reruns.open(name);
      seen.push(await maestro(reruns.home, 'status', '--layout', 'flat', '--disable-theme', reruns.studyPath));
    }
    await ended;
    seen.push(await maestro(reruns.home, 'status', '--layout', 'legacy', reruns.studyPath));
    for (const { code, text } of seen) {
      expect([code, text]).toEqual([0, expect.stringContaining('s4')]);
      expect(text).not.toMatch(/Traceback|failed/i);
    }
    expect(seen[0]!.text).toMatch(/s0 .*RUNNING/);
    expect(seen.at(-1)!.text.match(/FINISHED/g)).toHaveLength(5);
  });

  it('has cancelled a study that nobody drove: the next run ends it, and the one after that continues it', async () => {
    const reruns = new Reruns((own) => [{ name: 'here', cmd: own.gate() }, counted('after', { depends: ['here'] })]);
    const first = await reruns.startUntilUp(reruns.job(), 'here');
    first.process.kill('SIGKILL');
    await first.ended;
    expect(await maestro(reruns.home, 'cancel', reruns.studyPath)).toMatchObject({ code: 0 });
    const second = reruns.job({ attempt: 2 });
    const { code } = await second.run();
    expect([code, statesOf(second)]).toEqual([3, ['here CANCELLED', 'after CANCELLED']]);
    expect(reruns.has('.cancel.lock')).toBe(false);
    reruns.open();
    expect(await reruns.job({ attempt: 3 }).run()).toMatchObject({ code: 0 });
    expect(reruns.ran).toEqual(['here 2', 'after 1']);
  });
});

describe('what a person leaves in the study directory', () => {
  it('that is no update changes nothing, and is told', async () => {
    const { reruns, broker } = await fluxReruns((own) => [{ name: 'job', cmd: own.gate(), ...oneTask }]);
    const { ended } = await reruns.startUntilUp(reruns.job(), 'job');
    writeFileSync(path.join(reruns.studyPath, '.study.update.lock'), 'throttle: [what\n"');
    await until('it is taken', () => !reruns.has('.study.update.lock'), promptly);
    reruns.open();
    const { code, stdout } = await ended;
    expect([code, broker.jobs.length]).toEqual([0, 1]);
    expect(stdout).toMatch(/Updated on the host .*nothing that is known here/);
  });

  it('as a directory where the lock file would be ends nothing', async () => {
    const reruns = new Reruns((own) => [{ name: 'here', cmd: own.gate() }]);
    const { ended } = await reruns.startUntilUp(reruns.job(), 'here');
    mkdirSync(path.join(reruns.studyPath, '.study.update.lock'));
    await sleep(2500);
    reruns.open();
    expect(await ended).toMatchObject({ code: 0, stderr: '' });
  });
});
