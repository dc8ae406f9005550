import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.js';
import { LocalHost } from '../../src/hosts/local-host.js';
import { launcherPath, launcherText } from '../../src/schedulers/launcher.js';
import { LocalScheduler } from '../../src/schedulers/local.js';
import type { Job, JobEvent } from '../../src/schedulers/scheduler.js';
import { graphOf, type Shape } from '../support/graphs.js';
import { plainEnvironment, plainHost } from '../support/hosts.js';
import { temporaryDirectory } from '../support/temporary.js';
import { isAlive, until } from '../support/wait.js';

let study: string;

beforeEach(() => {
  study = temporaryDirectory();
  mkdirSync(path.join(study, '.conductor'));
  writeFileSync(path.join(study, launcherPath), launcherText, { mode: 0o755 });
});

/** A step with its workspace and its script in place. */
function job(body: string, shape: Partial<Shape> = {}, attempt = 1): Job {
  const step = graphOf([{ name: 'run', ...shape }]).steps[0]!;
  const script = `${step.workspace}/${step.name.replaceAll('/', '')}.sh`;
  mkdirSync(path.join(study, step.workspace), { recursive: true });
  writeFileSync(path.join(study, script), body.startsWith('#!') ? body : `#!/bin/bash\n${body}\n`, { mode: 0o755 });
  return { step, attempt, script };
}

/** A scheduler, and what it reports. */
class Reports {
  readonly events: JobEvent[] = [];
  readonly scheduler: LocalScheduler;
  onEvent: (event: JobEvent) => void = () => {};

  constructor(host = plainHost(), env: Readonly<Record<string, string>> = {}) {
    this.scheduler = new LocalScheduler(host, study, new Map(Object.entries(env)), systemClock, (event) => {
      this.events.push(event);
      this.onEvent(event);
    });
  }

  /** Runs a job to its end. */
  async run(job: Job): Promise<JobEvent> {
    this.scheduler.submit(job);
    return this.end();
  }

  end(count = 1, milliseconds = 10_000): Promise<JobEvent> {
    const isEnd = ({ type }: JobEvent) => type === 'ended' || type === 'not-submitted';
    const look = () => {
      const ends = this.events.filter(isEnd);
      return ends.length >= count && ends.at(-1);
    };
    return until('the job has ended', look, milliseconds);
  }

  get types(): string[] {
    return this.events.map(({ type }) => type);
  }

  /** The process group of the last job that said so. */
  get group(): number {
    const event = this.events.findLast(({ type }) => type === 'submitted');
    return event?.type === 'submitted' ? Number(event.id) : Number.NaN;
  }

  output(job: Job, which: 'stdout' | 'stderr' = 'stdout'): Buffer {
    return readFileSync(path.join(study, this.scheduler.outputs(job.step, String(this.group))[which]));
  }
}

const outcomeOf = (event: JobEvent) => (event.type === 'ended' ? event.outcome : event);
const file = (name: string) => path.join(study, name);
/** A number that a script has written, once it has. */
const numberIn = (name: string) =>
  until(
    `${name} is written`,
    () => existsSync(file(name)) && Number(readFileSync(file(name), 'utf8').trim() || Number.NaN),
  );

describe('a local step', () => {
  it('is submitted, started and completed, its outputs in its workspace under its process id', async () => {
    const reports = new Reports();
    const step = job('pwd; echo err >&2', { workspace: 'run/SIZE.10', name: 'run_SIZE.10' });
    const before = Date.now();
    const end = await reports.run(step);
    expect(reports.types).toEqual(['submitted', 'started', 'ended']);
    expect(outcomeOf(end)).toEqual({ result: 'completed', exitCode: 0, signal: null, note: '' });
    for (const { step, attempt, at } of reports.events) {
      expect({ step, attempt }).toEqual({ step: 0, attempt: 1 });
      expect(at).toBeGreaterThanOrEqual(before);
      expect(at).toBeLessThanOrEqual(Date.now());
    }
    const { group } = reports;
    expect(readdirSync(file('run/SIZE.10')).sort()).toEqual([
      `run_SIZE.10.${group}.err`,
      `run_SIZE.10.${group}.out`,
      'run_SIZE.10.sh',
    ]);
    expect(reports.scheduler.outputs(step.step, String(group))).toEqual({
      stdout: `run/SIZE.10/run_SIZE.10.${group}.out`,
      stderr: `run/SIZE.10/run_SIZE.10.${group}.err`,
    });
    expect(reports.output(step).toString()).toBe(`${study}/run/SIZE.10\n`);
    expect(reports.output(step, 'stderr').toString()).toBe('err\n');
  });

  it('reports from its process group, which is what its outputs are called', async () => {
    const reports = new Reports();
    const step = job('ps -o pgid= -p $$ 2>/dev/null || cut -d" " -f5 /proc/$$/stat');
    await reports.run(step);
    expect(Number(reports.output(step).toString())).toBe(reports.group);
  });

  it('is in a session of its own, so that no terminal and no end of ours reaches it', async () => {
    const reports = new Reports();
    const step = job('cut -d" " -f6 /proc/$$/stat');
    await reports.run(step);
    expect(Number(reports.output(step).toString())).toBe(reports.group);
  });

  it('fails with its exit status, or the signal that ended it', async () => {
    const outcomes = [];
    for (const [i, body] of [
      'exit 3',
      'kill -KILL $$',
      'ulimit -c 0; kill -SEGV $$',
      'exit 255',
      'exit 129',
    ].entries()) {
      outcomes.push(outcomeOf(await new Reports().run(job(body, {}, i + 1))));
    }
    expect(outcomes).toEqual([
      { result: 'failed', exitCode: 3, signal: null, note: '' },
      { result: 'failed', exitCode: 137, signal: 'SIGKILL', note: '' },
      { result: 'failed', exitCode: 139, signal: 'SIGSEGV', note: '' },
      { result: 'failed', exitCode: 255, signal: null, note: '' },
      { result: 'failed', exitCode: 129, signal: 'SIGHUP', note: '' },
    ]);
  });

  it('may print any bytes, as many as it likes', async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    writeFileSync(file('bytes'), Buffer.concat(Array.from({ length: 8192 }, () => bytes)));
    const reports = new Reports();
    const step = job('cat ../bytes; cat ../bytes >&2');
    await reports.run(step);
    expect(reports.output(step).equals(readFileSync(file('bytes')))).toBe(true);
    expect(reports.output(step, 'stderr').equals(readFileSync(file('bytes')))).toBe(true);
  });

  it('writes its outputs while it runs', async () => {
    const reports = new Reports();
    const step = job('echo first; until [ -e go ]; do sleep 0.01; done; echo second');
    reports.scheduler.submit(step);
    await until('the first line is there', () => reports.types.length === 2 && reports.output(step).length > 0);
    expect(reports.output(step).toString()).toBe('first\n');
    writeFileSync(file('run/go'), '');
    await reports.end();
    expect(reports.output(step).toString()).toBe('first\nsecond\n');
  });

  it('has nothing to read', async () => {
    const reports = new Reports();
    const step = job('cat; readlink /proc/self/fd/0');
    await reports.run(step);
    expect(reports.output(step).toString()).toBe('/dev/null\n');
  });

  it('has nothing open of that by which it said its process id', async () => {
    const reports = new Reports();
    const step = job('[ -e /proc/$$/fd/3 ] && echo open; echo looked');
    await reports.run(step);
    expect(reports.output(step).toString()).toBe('looked\n');
  });

  it("finds the host's environment, the conductor's `env`, and nothing of ours", async () => {
    const reports = new Reports(new LocalHost({ ...plainEnvironment, OF_HOST: 'a' }), {
      GREETING: `it's "$HOME" \`x\` é`,
      LC_ALL: 'C',
    });
    const step = job('env | cut -d= -f1 | sort; echo "$GREETING"; echo "$LC_ALL"');
    await reports.run(step);
    const lines = reports.output(step).toString().trim().split('\n');
    expect(lines.filter((line) => !['_', 'SHLVL', 'PWD', 'OLDPWD'].includes(line))).toEqual([
      'GREETING',
      'HOME',
      'LC_ALL',
      'OF_HOST',
      'PATH',
      `it's "$HOME" \`x\` é`,
      'C',
    ]);
  });

  it('may have a name with blanks and quotes, and slashes are dropped from the names of its files', async () => {
    const reports = new Reports();
    const name = `run 'it'_A.$(touch x)/b;"c"`;
    const step = job('echo ran', { name, workspace: "a b/it's $HOME" });
    expect(outcomeOf(await reports.run(step))).toMatchObject({ result: 'completed' });
    expect(reports.output(step).toString()).toBe('ran\n');
    expect(readdirSync(file("a b/it's $HOME")).sort()).toEqual([
      `run 'it'_A.$(touch x)b;"c".${reports.group}.err`,
      `run 'it'_A.$(touch x)b;"c".${reports.group}.out`,
      `run 'it'_A.$(touch x)b;"c".sh`,
    ]);
  });

  it('is run by the interpreter of its script', async () => {
    const reports = new Reports();
    const step = job('#!/bin/cat\nas it stands\n');
    await reports.run(step);
    expect(reports.output(step).toString()).toBe('#!/bin/cat\nas it stands\n');
  });

  it('fails if there is no such interpreter, and its stderr says so', async () => {
    const reports = new Reports();
    const step = job('#!/no/such/shell\necho ran\n');
    expect(outcomeOf(await reports.run(step))).toMatchObject({ result: 'failed', signal: null });
    expect(reports.output(step).toString()).toBe('');
    expect(reports.output(step, 'stderr').toString()).toContain(`${study}/run/run.sh`);
  });

  it('leaves what it started in the background running, and does not wait for it', async () => {
    const reports = new Reports();
    const step = job('sleep 60 & echo $! > pid; echo done');
    expect(outcomeOf(await reports.run(step))).toMatchObject({ result: 'completed' });
    const pid = await numberIn('run/pid');
    expect(isAlive(pid)).toBe(true);
    process.kill(pid, 'SIGKILL');
  });

  it('is claimed by its own job in spite of the variables of a job around all of us', async () => {
    const host = plainHost('', { FLUX_JOB_ID: 'ƒ1', FLUX_TASK_RANK: '4' });
    const reports = new Reports(host);
    const step = job('echo "$FLUX_JOB_ID ${CONDUCTOR_JOB-unset}"');
    await reports.run(step);
    expect(reports.output(step).toString()).toBe('ƒ1 unset\n');
    expect(readdirSync(file('.conductor/claims/run'))).toEqual(expect.arrayContaining(['1', '1.0.exit']));
    expect(readFileSync(file('.conductor/claims/run/1'), 'utf8')).toContain(`:${reports.group}:`);
  });

  it('keeps the outputs of each of its attempts', async () => {
    const reports = new Reports();
    await reports.run(job('echo one; exit 1'));
    const first = reports.group;
    reports.scheduler.submit(job('echo two', {}, 2));
    await reports.end(2);
    expect(
      readdirSync(file('run'))
        .filter((name) => name.endsWith('.out'))
        .sort(),
    ).toEqual([`run.${first}.out`, `run.${reports.group}.out`].sort());
  });

  it('may be one of many at a time', async () => {
    const reports = new Reports();
    const shapes = Array.from({ length: 20 }, (_, i): Shape => ({ name: `s${i}` }));
    for (const step of graphOf(shapes).steps) {
      const { script } = job(`exit ${step.index}`, { name: step.name });
      reports.scheduler.submit({ step, attempt: 1, script });
    }
    await reports.end(20);
    const codes = reports.events.flatMap((event) =>
      event.type === 'ended' ? [[event.step, event.outcome.exitCode]] : [],
    );
    expect(codes.sort(([a], [b]) => a! - b!)).toEqual(shapes.map((_, i) => [i, i]));
  });
});

describe('a local step that cannot be started', () => {
  it('is not submitted, with the reason, if its workspace is not there', async () => {
    const reports = new Reports();
    const step = { ...job('true'), step: graphOf([{ name: 'run', workspace: 'gone' }]).steps[0]! };
    const end = await reports.run(step);
    expect(reports.types).toEqual(['not-submitted']);
    expect(end).toMatchObject({ step: 0, attempt: 1, reason: expect.stringContaining('No such file or directory') });
  });

  it('is not submitted if its outputs cannot be written', async () => {
    const reports = new Reports();
    const long = 'x'.repeat(250);
    const step = job('true', { name: 'run', jobName: long });
    expect(await reports.run(step)).toMatchObject({
      type: 'not-submitted',
      reason: expect.stringContaining('File name too long'),
    });
  });

  it('is not submitted if there is no bash', async () => {
    const reports = new Reports(new LocalHost({ PATH: '/no/such/directory' }));
    expect(await reports.run(job('true'))).toMatchObject({
      type: 'not-submitted',
      reason: expect.stringContaining('cannot run bash on this machine'),
    });
  });

  it('is not submitted if the setup ends before', async () => {
    const reports = new Reports(plainHost('echo no such module >&2; exit 4'));
    expect(await reports.run(job('true'))).toMatchObject({ type: 'not-submitted', reason: 'no such module' });
    const silent = new Reports(plainHost('exit 4'));
    expect(await silent.run(job('true'))).toMatchObject({ type: 'not-submitted', reason: 'exit 4' });
  });
});

describe('setup lines', () => {
  it('change the environment of a step, and print nothing into its outputs', async () => {
    const reports = new Reports(plainHost('echo loading; echo careful >&2; export LOADED=yes'));
    const step = job('echo "$LOADED"');
    await reports.run(step);
    expect(reports.output(step).toString()).toBe('yes\n');
    expect(reports.output(step, 'stderr').toString()).toBe('');
  });

  it('are not the reason of a failure, whatever they print', async () => {
    const reports = new Reports(plainHost('echo loading flux >&2'));
    expect(outcomeOf(await reports.run(job('exit 3')))).toEqual({
      result: 'failed',
      exitCode: 3,
      signal: null,
      note: '',
    });
  });
});

describe('cancelling a local step', () => {
  /** Cancels a running step, and says how it ended and how long that took. */
  async function cancel(body: string) {
    const reports = new Reports();
    const step = job(body);
    reports.scheduler.submit(step);
    await until('the script runs', () => existsSync(file('run/up')));
    const began = Date.now();
    reports.scheduler.cancel([step]);
    const end = await reports.end();
    return { reports, step, outcome: outcomeOf(end), took: Date.now() - began };
  }

  it('ends it with SIGTERM, at once, which is written down', async () => {
    const { outcome, took } = await cancel('touch up; exec sleep 60');
    expect(outcome).toEqual({ result: 'cancelled', exitCode: 143, signal: 'SIGTERM', note: '' });
    expect(took).toBeLessThan(1500);
    expect(readFileSync(file('.conductor/claims/run/1.0.exit'), 'utf8')).toMatch(/^143 /);
  });

  it('ends its children, and theirs', async () => {
    await cancel(
      '(sleep 60 & echo $! > deep; wait) & sleep 60 & echo $! > child; until [ -s deep ]; do sleep 0.01; done; touch up; wait',
    );
    for (const name of ['run/child', 'run/deep']) {
      const pid = await numberIn(name);
      await until(`${name} is gone`, () => !isAlive(pid), 5000);
    }
  });

  it('kills what ignores SIGTERM after two seconds', async () => {
    const { outcome, took } = await cancel(
      `trap '' TERM; sleep 60 & echo $! > child; touch up; while :; do sleep 1; done`,
    );
    expect(outcome).toEqual({ result: 'cancelled', exitCode: 137, signal: 'SIGKILL', note: '' });
    expect(took).toBeGreaterThan(1500);
    expect(took).toBeLessThan(4500);
    const pid = await numberIn('run/child');
    await until('its child is gone', () => !isAlive(pid), 2000);
  });

  it('lets a step that cleans up do so within its two seconds', async () => {
    const { outcome, step, reports } = await cancel(
      `trap 'sleep 0.5; echo saved; exit 5' TERM; touch up; sleep 60 & wait`,
    );
    expect(outcome).toEqual({ result: 'cancelled', exitCode: 5, signal: null, note: '' });
    expect(reports.output(step).toString()).toBe('saved\n');
  });

  it('changes nothing about a step that completes all the same', async () => {
    const { outcome } = await cancel(`trap 'exit 0' TERM; touch up; sleep 60 & wait`);
    expect(outcome).toMatchObject({ result: 'completed', exitCode: 0 });
  });

  it('works before the step has said which process it is', async () => {
    const reports = new Reports(plainHost('sleep 0.5'));
    const step = job('touch ran; sleep 60');
    reports.scheduler.submit(step);
    reports.scheduler.cancel([step]);
    expect(reports.events).toEqual([]);
    expect(outcomeOf(await reports.end())).toMatchObject({ result: 'cancelled', exitCode: 143 });
  });

  it('ends only the steps that are meant', async () => {
    const reports = new Reports();
    const [one, two] = graphOf([{ name: 'one' }, { name: 'two' }]).steps.map((step) => {
      const { script } = job('touch up; until [ -e go ]; do sleep 0.02; done', { name: step.name });
      return { step, attempt: 1, script };
    });
    reports.scheduler.submit(one!);
    reports.scheduler.submit(two!);
    await until('both run', () => existsSync(file('one/up')) && existsSync(file('two/up')));
    reports.scheduler.cancel([one!]);
    expect(await reports.end()).toMatchObject({ step: 0, outcome: { result: 'cancelled' } });
    writeFileSync(file('two/go'), '');
    expect(await reports.end(2)).toMatchObject({ step: 1, outcome: { result: 'completed' } });
  });

  it('of one that is over does nothing', async () => {
    const reports = new Reports();
    const step = job('true');
    await reports.run(step);
    reports.scheduler.cancel([step]);
    expect(reports.types).toEqual(['submitted', 'started', 'ended']);
  });

  it('reaches an attempt that was submitted when the one before ended', async () => {
    const reports = new Reports();
    const second = job('touch up; sleep 60', {}, 2);
    reports.onEvent = ({ type, attempt }) => {
      if (type === 'ended' && attempt === 1) reports.scheduler.submit(second);
    };
    mkdirSync(file('first'));
    writeFileSync(file('first/first.sh'), '#!/bin/bash\nexit 1\n', { mode: 0o755 });
    reports.scheduler.submit({ ...second, attempt: 1, script: 'first/first.sh' });
    await until('the second attempt runs', () => existsSync(file('run/up')));
    reports.scheduler.cancel([second]);
    const { group } = reports;
    const ended = await reports.end(2, 4000).catch((error: Error) => error.message);
    // Whatever this shows, the step must not outlive the test.
    if (isAlive(group)) process.kill(-group, 'SIGKILL');
    expect(ended).toMatchObject({ attempt: 2, outcome: { result: 'cancelled' } });
  });
});

describe("a step's environment", () => {
  it("is the host's, whatever names the launcher and the scheduler use themselves", async () => {
    const names = [
      'step',
      'attempt',
      'script',
      'claims',
      'claim',
      'job',
      'task',
      'mine',
      'output',
      'status',
      'now',
      'owner',
    ];
    const environment = Object.fromEntries(names.map((name) => [name, `my ${name}`]));
    const reports = new Reports(plainHost('', environment));
    const printing = job(names.map((name) => `echo "$${name}"`).join('\n'));
    await reports.run(printing);
    expect(reports.output(printing).toString().trim().split('\n')).toEqual(names.map((name) => `my ${name}`));
  });

  it('has nothing of the launcher in it', async () => {
    const reports = new Reports();
    const printing = job('env');
    await reports.run(printing);
    expect(reports.output(printing).toString()).not.toMatch(/maestro_|CONDUCTOR_JOB/);
  });
});
