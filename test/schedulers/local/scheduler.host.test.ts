import { spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import {
  type Exit,
  type Host,
  HostError,
  HostLostError,
  type HostProcess,
  type SpawnOptions,
} from '../../../src/hosts/host.js';
import { LocalHost } from '../../../src/hosts/local-host.js';
import { givenUp } from '../../../src/schedulers/claims/launcher.js';
import { LocalScheduler } from '../../../src/schedulers/local/scheduler.js';
import type { InheritedJob, InterruptEvent, Job, JobEvent } from '../../../src/schedulers/scheduler.js';
import type { ObsoleteJob } from '../../../src/store/journal/records.js';
import { type Clock, systemClock } from '../../../src/util/clock.js';
import { lastingChild, parentOf } from '../../support/children.js';
import { hurried } from '../../support/flux/study-run.js';
import { graphOf, type Shape } from '../../support/graphs.js';
import { plainEnvironment, plainHost, WatchedHost } from '../../support/hosts.js';
import { temporaryDirectory } from '../../support/temporary.js';
import { isAlive, until } from '../../support/wait.js';

let study: string;

beforeEach(() => {
  study = temporaryDirectory();
  mkdirSync(path.join(study, '.conductor'));
});

/** A step with its workspace and its script in place. */
function job(body: string, shape: Partial<Shape> = {}, attempt = 1): Job {
  const step = graphOf([{ name: 'run', ...shape }]).steps[0]!;
  const script = `${step.workspace}/${step.name.replaceAll('/', '')}.sh`;
  mkdirSync(path.join(study, step.workspace), { recursive: true });
  writeFileSync(path.join(study, script), body.startsWith('#!') ? body : `#!/bin/bash\n${body}\n`, { mode: 0o755 });
  return { step, attempt, script };
}

/** A scheduler, and what it reports of jobs; an interruption apart. */
class Reports {
  readonly events: JobEvent[] = [];
  readonly interruptions: InterruptEvent[] = [];
  /** What was told to people. */
  readonly told: string[] = [];
  readonly scheduler: LocalScheduler;
  onEvent: (event: JobEvent) => void = () => {};

  constructor(host: Host = plainHost(), env: Readonly<Record<string, string>> = {}, clock: Clock = systemClock) {
    const listener = (event: JobEvent | InterruptEvent) => {
      if (event.type === 'interrupt') {
        this.interruptions.push(event);
      } else {
        this.events.push(event);
        this.onEvent(event);
      }
    };
    const tell = (line: string) => this.told.push(line);
    this.scheduler = new LocalScheduler(
      { host, studyPath: study, env: new Map(Object.entries(env)), clock, log: tell },
      listener,
    );
    onTestFinished(() => this.scheduler.close());
  }

  /** Runs a job to its end. */
  async run(job: Job): Promise<JobEvent> {
    this.scheduler.submit([job]);
    return this.end();
  }

  interruption(): Promise<InterruptEvent> {
    return until('the study is interrupted', () => this.interruptions[0], 20_000);
  }

  end(count = 1, milliseconds = 30_000): Promise<JobEvent> {
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

  /** What was said of one step. */
  typesOf(index: number): string[] {
    return this.events.filter(({ step }) => step === index).map(({ type }) => type);
  }

  /** The ids that one step's jobs had. */
  idsOf(index: number): string[] {
    return this.events.flatMap((event) => (event.step === index && event.type === 'submitted' ? [event.id] : []));
  }

  /** The process group of the last job that said so. */
  get group(): number {
    const event = this.events.findLast(({ type }) => type === 'submitted');
    return event?.type === 'submitted' ? Number(event.id) : Number.NaN;
  }

  output(job: Job, which: 'stdout' | 'stderr' = 'stdout'): Buffer {
    return readFileSync(path.join(study, this.scheduler.outputs({ step: job.step, id: String(this.group) })[which]));
  }
}

/** Jobs of several steps, all in place, their scripts in directories of their names. */
function jobs(bodies: readonly string[]): Job[] {
  const shapes = bodies.map((_, i): Shape => ({ name: `s${i}` }));
  return graphOf(shapes).steps.map((step) => ({
    step,
    attempt: 1,
    script: job(bodies[step.index]!, { name: step.name }).script,
  }));
}

/** A script that says that it ran, and ends when it is told to, or the test is over. */
const untilTold = (status = 0) =>
  `echo ran >> ran; until [ -e go ] || [ ! -e ran ]; do sleep 0.02; done; exit ${status}`;

/** This machine, as if it were far away: the way to a command can be cut. What runs there lives on. */
class FarHost implements Host {
  readonly name = 'far';
  readonly #host = plainHost('', { FAR_FOR: study });
  readonly #cuts: (() => void)[] = [];
  /** Nothing is heard of it any more. */
  isMute = false;
  /** What every further command fails with. */
  gone: HostError | undefined;
  spawned = 0;

  spawn(command: string, options?: SpawnOptions): HostProcess {
    this.spawned += 1;
    this.isMute = false;
    if (this.gone !== undefined) return { ...silentProcess(), exit: rejected(this.gone) };
    const real = this.#host.spawn(command, options);
    const stdout = new PassThrough();
    real.stdout.on('data', (data) => this.isMute || stdout.write(data));
    const exit = new Promise<Exit>((resolve, reject) => {
      real.exit.then((exit) => {
        stdout.end();
        resolve(exit);
      }, reject);
      this.#cuts.push(() => {
        stdout.end();
        real.stdin.end();
        real.stdout.destroy();
        real.leave();
        reject(new HostLostError('the connection was cut'));
      });
    });
    exit.catch(() => {});
    return { stdin: real.stdin, stdout, stderr: real.stderr, exit, leave: real.leave };
  }

  cut(): void {
    for (const cut of this.#cuts.splice(0)) cut();
  }
}

function rejected(error: Error): Promise<never> {
  const exit = Promise.reject(error);
  exit.catch(() => {});
  return exit;
}

function silentProcess(): Omit<HostProcess, 'exit'> {
  const closed = () => new PassThrough().end();
  return { stdin: new PassThrough().resume(), stdout: closed(), stderr: closed(), leave: () => {} };
}

/** Writes a claim as the launcher of some job does. */
function claim(owner: string, name = 'run/1'): void {
  mkdirSync(path.dirname(file(`.conductor/claims/${name}`)), { recursive: true });
  writeFileSync(file(`.conductor/claims/${name}`), `${owner}\n`);
}

/** The shepherds, and the keepers, of a study that is far away. */
function shepherdsOf(study: string): number[] {
  const isOne = (pid: string) => {
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
      return readFileSync(`/proc/${pid}/comm`, 'utf8') === 'bash\n' && environment.includes(`FAR_FOR=${study}`);
    } catch {
      return false;
    }
  };
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && isOne(name))
    .map(Number);
}

function linkOf(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return '';
  }
}

/** The host part of claims of processes here. */
const here = `${hostname()}@${readlinkSync('/proc/self/ns/pid').replace(/\D/g, '')}`;

const unshare = ['unshare', '--user', '--map-root-user', '--pid', '--fork', '--mount-proc'];
const canUnshare = spawnSync(unshare[0]!, [...unshare.slice(1), 'true']).status === 0;

/** This machine as a container of it sees it that shares its name and its files: process ids are others. */
function containerHost(): Host {
  const bin = temporaryDirectory();
  writeFileSync(path.join(bin, 'bash'), `#!/bin/sh\nexec ${unshare.join(' ')} /bin/bash "$@"\n`, { mode: 0o755 });
  return plainHost('', { PATH: `${bin}:${plainEnvironment.PATH}` });
}

/** How a step ended, without what is to blame. */
function outcomeOf(event: JobEvent) {
  if (event.type !== 'ended') return event;
  const { blame: _, ...outcome } = event.outcome;
  return outcome;
}

const file = (name: string) => path.join(study, name);
/** A number that a script has written, once it has. */
const numberIn = (name: string) =>
  until(
    `${name} is written`,
    () => existsSync(file(name)) && Number(readFileSync(file(name), 'utf8').trim() || Number.NaN),
  );

const left = (job: Job, id = ''): InheritedJob => ({ ...job, id, endpoint: '', mayBeDuplicate: false });

/** A step that another scheduler started, and left. */
async function started(body: string): Promise<{ readonly step: Job; readonly id: string }> {
  const reports = new Reports();
  const step = job(body);
  reports.scheduler.submit([step]);
  await until('it runs', () => existsSync(file('run/ran')) && readFileSync(file('run/ran'), 'utf8') !== '');
  const id = String(reports.group);
  reports.scheduler.close();
  return { step, id };
}

const foreign = (step: string, pid?: number): ObsoleteJob => ({
  step,
  scheduled: false,
  workspace: step,
  attempt: 1,
  id: pid === undefined ? '' : String(pid),
  place: '',
});

describe('a local step whose waiter is killed alone', () => {
  const survives = (kill: string) => `${kill}; echo $$ > pid; sleep 60 & echo $! > child; wait`;
  const gone = (name: string) => until(`${name} is over`, async () => !isAlive(await numberIn(name)));

  it('has failed only once what it had started is ended, and people are told', async () => {
    const reports = new Reports();
    const end = await reports.run(job(survives('kill -KILL $PPID')));
    expect([isAlive(await numberIn('run/pid')), isAlive(await numberIn('run/child'))]).toEqual([false, false]);
    expect(outcomeOf(end)).toEqual({
      result: 'failed',
      exitCode: 137,
      signal: 'SIGKILL',
      note: 'the process that waited for it was killed, so the rest of it was ended',
    });
  });

  it('has its processes in other groups and sessions ended too, though they ignore SIGTERM', async () => {
    const body = `trap '' TERM; set -m; (echo $BASHPID > ../group; sleep 60) & setsid bash -c 'echo $$ > ../session; sleep 60' &
      until [ -s ../group ] && [ -s ../session ]; do sleep 0.02; done; kill -KILL $PPID; sleep 60`;
    const reports = new Reports();
    expect(outcomeOf(await reports.run(job(body)))).toMatchObject({ result: 'failed', signal: 'SIGKILL' });
    expect([isAlive(await numberIn('group')), isAlive(await numberIn('session'))]).toEqual([false, false]);
  });

  it('is found by the output that it writes when what started it is gone as well', async () => {
    const body = `(setsid bash -c 'echo $$ > ../daemon; sleep 60' &); until [ -s ../daemon ]; do sleep 0.02; done; kill -KILL $PPID $$`;
    const reports = new Reports();
    await reports.run(job(body));
    expect(isAlive(await numberIn('daemon'))).toBe(false);
  });

  it('while nobody drove the study is ended before the step is lost, to be run again', async () => {
    const { step, id } = await started(
      survives('echo ran > ran; until [ -e ../kill ]; do sleep 0.02; done; kill -KILL $PPID'),
    );
    const waiter = parentOf(Number(id));
    writeFileSync(file('kill'), '');
    await until('its waiter is killed', () => !isAlive(waiter));
    const pid = await numberIn('run/pid');
    expect(isAlive(pid)).toBe(true);
    const reports = new Reports();
    reports.scheduler.reattach([left(step, id)]);
    expect(outcomeOf(await reports.end())).toMatchObject({ result: 'node-failure' });
    expect([isAlive(pid), isAlive(await numberIn('run/child'))]).toEqual([false, false]);
  });

  it('and is not wanted any more is ended', async () => {
    const { id } = await started(
      survives('echo ran > ran; until [ -e ../kill ]; do sleep 0.02; done; kill -KILL $PPID'),
    );
    const waiter = parentOf(Number(id));
    writeFileSync(file('kill'), '');
    await until('its waiter is killed', () => !isAlive(waiter));
    await numberIn('run/pid');
    await new Reports().scheduler.cancelObsolete([foreign('run', Number(id))]);
    await gone('run/pid');
  });

  it('leaves others alone that have its process id for their session, but show nothing of the step', async () => {
    const other = spawn('setsid', ['bash', '-c', 'sleep 60 & echo $! > child; exec 1>&-; kill -KILL $$'], {
      cwd: temporaryDirectory(),
      env: plainEnvironment,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    onTestFinished(() => void spawnSync('pkill', ['-s', String(other.pid)]));
    await new Promise((resolve) => other.on('exit', resolve));
    const step = job('echo ran');
    claim(`${here}:${other.pid}:1.1.1`);
    const reports = new Reports();
    reports.scheduler.reattach([left(step, String(other.pid))]);
    expect(outcomeOf(await reports.end())).toMatchObject({ result: 'node-failure' });
    expect(spawnSync('pgrep', ['-s', String(other.pid)]).status).toBe(0);
  });
});

describe('a local step that never came to run', () => {
  it.each([
    ['is not there any more', 'rm "$0"', /^the script was not run: .*setsid: No such file or directory$/],
    ['may not be executed', 'chmod -x "$0"', /^the script was not run: .*setsid: Permission denied$/],
  ])('is lost to its machine, with the reason, if what begins its session %s', async (_, change, note) => {
    const bin = temporaryDirectory();
    writeFileSync(path.join(bin, 'setsid'), `#!/bin/bash -p\n${change}\nexec /usr/bin/setsid "$@"\n`, { mode: 0o755 });
    const reports = new Reports(plainHost('', { PATH: `${bin}:${plainEnvironment.PATH}` }));
    const [first, second] = jobs(['true', 'touch ran']);
    expect(outcomeOf(await reports.run(first!))).toMatchObject({ result: 'completed' });
    reports.scheduler.submit([second!]);
    expect(outcomeOf(await reports.end(2))).toMatchObject({
      result: 'node-failure',
      note: expect.stringMatching(note),
    });
    expect(readFileSync(file('.conductor/claims/s1/1.0.exit'), 'utf8')).toMatch(/^12[67] \S+ never-began\n$/);
    expect(existsSync(file('s1/ran'))).toBe(false);
  });

  it('has failed if its shell is not there, which the reason says', async () => {
    expect(outcomeOf(await new Reports().run(job('#!/no/such/shell\ntrue\n')))).toMatchObject({
      result: 'failed',
      exitCode: 127,
      note: 'the script cannot be executed: its shell /no/such/shell (batch.shell) is not there, or cannot be run',
    });
  });
});

describe('a supervisor of local steps that is stopped', () => {
  it('is told of, and replaced by another one that watches its steps, each of which runs once', async () => {
    const reports = new Reports(new FarHost(), {}, hurried(4));
    const step = job(untilTold(3));
    reports.scheduler.submit([step]);
    await until('it runs', () => existsSync(file('run/ran')));
    const supervisor = parentOf(parentOf(reports.group));
    process.kill(supervisor, 'SIGSTOP');
    onTestFinished(() => void (isAlive(supervisor) && process.kill(supervisor, 'SIGKILL')));
    await until('people are told', () => reports.told.length > 0, 20_000);
    expect(reports.told[0]).toContain('does not answer: is it stopped');
    await until('it is killed', () => !isAlive(supervisor), 60_000);
    writeFileSync(file('run/go'), '');
    expect(outcomeOf(await reports.end())).toMatchObject({ exitCode: 3 });
    expect(readFileSync(file('run/ran'), 'utf8')).toBe('ran\n');
    await until('people are told', () => reports.told.some((line) => line.includes('answers again')), 20_000);
  }, 120_000);

  it('lets a waiter that is stopped go on', async () => {
    const reports = new Reports();
    reports.scheduler.submit([job(untilTold(3))]);
    await until('it runs', () => existsSync(file('run/ran')));
    process.kill(parentOf(reports.group), 'SIGSTOP');
    writeFileSync(file('run/go'), '');
    expect(outcomeOf(await reports.end(1, 30_000))).toMatchObject({ exitCode: 3 });
    expect(readFileSync(file('run/ran'), 'utf8')).toBe('ran\n');
  }, 40_000);
});

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
    expect(reports.scheduler.outputs({ step: step.step, id: String(group) })).toEqual({
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

  it.each([
    ['true', undefined],
    ['exit 3', 'code'],
    ['kill -KILL $$', 'code'],
    ['ulimit -St 1; while :; do :; done', 'timeout'],
  ])('that does `%s` is the fault of: %s', async (body, cause) => {
    const end = await new Reports().run(job(body));
    expect(end.type === 'ended' && end.outcome.blame?.cause).toBe(cause);
  });

  it('ran on this machine', async () => {
    const reports = new Reports();
    await reports.run(job('true'));
    const started = reports.events.find(({ type }) => type === 'started');
    expect(started).toMatchObject({ nodes: [hostname()] });
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
    const step = job('echo first; until [ -e go ] || [ ! -e run.sh ]; do sleep 0.01; done; echo second');
    reports.scheduler.submit([step]);
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

  it('has nothing open but its input, its outputs and its script', async () => {
    const reports = new Reports();
    const step = job('readlink /proc/$$/fd/[0-9]*');
    await reports.run(step);
    // Whoever runs the tests may have left something open to all.
    const inherited = readdirSync('/proc/self/fd').map((fd) => linkOf(`/proc/self/fd/${fd}`));
    const open = reports.output(step).toString().trim().split('\n');
    expect(open.filter((link) => !link.startsWith('pipe:') || !inherited.includes(link))).toEqual([
      '/dev/null',
      file(`run/run.${reports.group}.out`),
      file(`run/run.${reports.group}.err`),
      file('run/run.sh'),
    ]);
  });

  it('ignores no signal, and may handle each', async () => {
    const reports = new Reports();
    const step = job(
      `grep -e SigIgn -e SigBlk /proc/self/status\nfor s in INT QUIT TERM HUP; do trap "echo got $s" $s; kill -$s $$; done`,
    );
    await reports.run(step);
    expect(reports.output(step).toString().trim().split(/\s+/)).toEqual(
      `SigBlk: ${'0'.repeat(16)} SigIgn: ${'0'.repeat(16)} got INT got QUIT got TERM got HUP`.split(' '),
    );
  });

  it('may end its whole process group, of which one hears all the same, and nobody else is ended', async () => {
    const reports = new Reports();
    const [killed, other] = jobs(['kill -KILL 0', untilTold(4)]);
    reports.scheduler.submit([other!]);
    reports.scheduler.submit([killed!]);
    expect(await reports.end()).toMatchObject({ step: 0, outcome: { result: 'failed', signal: 'SIGKILL' } });
    writeFileSync(file('s1/go'), '');
    expect(await reports.end(2)).toMatchObject({ step: 1, outcome: { exitCode: 4 } });
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
    reports.scheduler.submit([job('echo two', {}, 2)]);
    await reports.end(2);
    expect(
      readdirSync(file('run'))
        .filter((name) => name.endsWith('.out'))
        .sort(),
    ).toEqual([`run.${first}.out`, `run.${reports.group}.out`].sort());
  });

  it('may be one of many at a time', async () => {
    const reports = new Reports();
    const all = jobs(Array.from({ length: 20 }, (_, i) => `exit ${i}`));
    for (const one of all) reports.scheduler.submit([one]);
    await reports.end(20);
    const codes = reports.events.flatMap((event) =>
      event.type === 'ended' ? [[event.step, event.outcome.exitCode]] : [],
    );
    expect(codes.sort(([a], [b]) => a! - b!)).toEqual(all.map((_, i) => [i, i]));
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

  it.each([
    ['was not run, and is not refused, for want of', 'No space left on device', 'not-run'],
    ['was not run, and is not refused, on a', 'Read-only file system', 'not-run'],
    ['was not run, and is not refused, because of', 'Disk quota exceeded', 'not-run'],
    ['was not run, and is not refused, because of', 'Input/output error', 'not-run'],
    ['was not run, and is not refused, because of', 'Stale file handle', 'not-run'],
    ['is lost, and not refused, because its machine', 'Cannot allocate memory', 'node-failure'],
  ])('%s %s', async (_, words, result) => {
    const reports = new Reports(plainHost(`cd() { echo "bash: line 1: cd: run: ${words}" >&2; return 1; }`));
    expect(outcomeOf(await reports.run(job('touch ran')))).toEqual({
      result,
      exitCode: null,
      signal: null,
      note: `it could not be started: cd: run: ${words}`,
    });
  });

  it('was not run, and has not failed, if it cannot be claimed', async () => {
    mkdirSync(file('.conductor/claims'));
    writeFileSync(file('.conductor/claims/run'), 'no directory');
    const reports = new Reports();
    expect(outcomeOf(await reports.run(job('touch ran')))).toEqual({
      result: 'not-run',
      exitCode: null,
      signal: null,
      note: 'the script was not run: it could not be claimed; is the disk full, or the study directory read-only?',
    });
    expect(existsSync(file('run/ran'))).toBe(false);
  });

  it('has failed if its script ends with the number that says so', async () => {
    const reports = new Reports();
    expect(outcomeOf(await reports.run(job('exit 73')))).toMatchObject({ result: 'failed', exitCode: 73 });
  });
});

describe('a host where no local step can be started', () => {
  const withoutSetsid = () => {
    const directory = temporaryDirectory();
    symlinkSync('/bin/bash', path.join(directory, 'bash'));
    return new LocalHost({ PATH: directory });
  };

  it.each<[string, () => Host, RegExp]>([
    ['there is no bash', () => new LocalHost({ PATH: '/no/such/directory' }), /^cannot run bash on this machine: /],
    ['there is no setsid', withoutSetsid, /^there is no setsid \(of util-linux\) on PATH$/],
    ['the setup fails', () => plainHost('echo no such module >&2; exit 4'), /^no such module$/],
    ['the setup ends without a word', () => plainHost('exit 4'), /^exit 4$/],
  ])('interrupts the study, and fails no step, if %s', async (_, host, words) => {
    const reports = new Reports(host());
    const step = job('true');
    reports.scheduler.submit([step]);
    const { reason, alsoLocal } = await reports.interruption();
    expect(reason).toMatch(/^no local step can be started: /);
    expect(reason.replace('no local step can be started: ', '')).toMatch(words);
    expect([alsoLocal, reports.events]).toEqual([true, []]);
  });

  it('does not keep those from being cancelled that wait for it', async () => {
    const reports = new Reports(plainHost('exit 4'));
    const step = job('true');
    reports.scheduler.submit([step]);
    reports.scheduler.cancel([step]);
    expect(await reports.end()).toMatchObject({ type: 'not-submitted', reason: 'it was cancelled before' });
    expect(reports.interruptions).toEqual([]);
  });

  it('is tried again before that', async () => {
    const reports = new Reports(
      plainHost(
        `[ -e ${file('third')} ] || { mv ${file('second')} ${file('third')} || touch ${file('second')}; exit 4; } 2>/dev/null`,
      ),
    );
    expect(outcomeOf(await reports.run(job('true')))).toMatchObject({ result: 'completed' });
    expect(reports.interruptions).toEqual([]);
  });
});

describe('setup lines', () => {
  it('may leave the shell in any mode', async () => {
    const modes = `set -aefuC -o posix; shopt -s nullglob extglob xpg_echo; IFS=./1; export TMOUT=1`;
    const reports = new Reports(plainHost(modes));
    expect(outcomeOf(await reports.run(job('exit 3')))).toMatchObject({ exitCode: 3 });
    const { script } = job('true');
    const [gone] = graphOf([{ name: 'run', workspace: 'gone' }]).steps;
    reports.scheduler.submit([{ step: gone!, attempt: 2, script }]);
    await reports.end(2);
    // Found rather than run.
    claim('elsewhere:1:2', 'run/3');
    writeFileSync(file('.conductor/claims/run/3.0.exit'), '7 1795420127.9\n');
    reports.scheduler.submit([job('true', {}, 3)]);
    expect(outcomeOf(await reports.end(3))).toMatchObject({ exitCode: 7 });
    const refusal = reports.events.find(({ type }) => type === 'not-submitted');
    expect(refusal).toMatchObject({ reason: `cd: ${study}/gone: No such file or directory` });
  });

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
    reports.scheduler.submit([step]);
    await until('the script runs', () => existsSync(file('run/up')));
    const began = Date.now();
    reports.scheduler.cancel([step]);
    const end = await reports.end();
    return { reports, step, outcome: outcomeOf(end), took: Date.now() - began };
  }

  it('ends it with SIGTERM, at once, which is written down', async () => {
    const { outcome, took } = await cancel('touch up; exec sleep 60');
    expect(outcome).toEqual({ result: 'cancelled', exitCode: 143, signal: 'SIGTERM', note: '' });
    expect(took).toBeLessThan(10_000);
    expect(readFileSync(file('.conductor/claims/run/1.0.exit'), 'utf8')).toMatch(/^143 /);
  });

  it('ends its children, and theirs', async () => {
    await cancel(
      '(sleep 60 & echo $! > deep; wait) & sleep 60 & echo $! > child; until [ -s deep ]; do sleep 0.01; done; touch up; wait',
    );
    for (const name of ['run/child', 'run/deep']) {
      const pid = await numberIn(name);
      await until(`${name} is gone`, () => !isAlive(pid));
    }
  });

  it('kills what ignores SIGTERM after two seconds', async () => {
    const { outcome, took } = await cancel(
      `trap '' TERM; sleep 60 & echo $! > child; touch up; while :; do sleep 1; done`,
    );
    expect(outcome).toEqual({ result: 'cancelled', exitCode: 137, signal: 'SIGKILL', note: '' });
    expect(took).toBeGreaterThan(1500);
    expect(took).toBeLessThan(15_000);
    const pid = await numberIn('run/child');
    await until('its child is gone', () => !isAlive(pid));
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
    reports.scheduler.submit([step]);
    reports.scheduler.cancel([step]);
    expect(reports.events).toEqual([]);
    // A launcher that is ended before its first line has run writes no exit status.
    const exitCode = expect.toBeOneOf([143, null]);
    expect(outcomeOf(await reports.end())).toMatchObject({ result: 'cancelled', exitCode });
  });

  it('ends only the steps that are meant', async () => {
    const reports = new Reports();
    const [one, two] = jobs([untilTold(), untilTold()]);
    reports.scheduler.submit([one!]);
    reports.scheduler.submit([two!]);
    await until('both run', () => existsSync(file('s0/ran')) && existsSync(file('s1/ran')));
    reports.scheduler.cancel([one!]);
    expect(await reports.end()).toMatchObject({ step: 0, outcome: { result: 'cancelled' } });
    writeFileSync(file('s1/go'), '');
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
      if (type === 'ended' && attempt === 1) reports.scheduler.submit([second]);
    };
    mkdirSync(file('first'));
    writeFileSync(file('first/first.sh'), '#!/bin/bash\nexit 1\n', { mode: 0o755 });
    reports.scheduler.submit([{ ...second, attempt: 1, script: 'first/first.sh' }]);
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

describe('one command of the host', () => {
  it('runs all steps, one after the other and at the same time, even where TMOUT ends what waits', async () => {
    const host = new WatchedHost(plainHost('', { TMOUT: '1' }));
    const reports = new Reports(host);
    const all = jobs(Array.from({ length: 12 }, () => 'echo "$TMOUT"'));
    for (const job of all.slice(0, 10)) reports.scheduler.submit([job]);
    await reports.end(10);
    await sleep(1500);
    for (const job of all.slice(10)) reports.scheduler.submit([job]);
    await reports.end(12);
    expect(readFileSync(file(`s11/s11.${reports.idsOf(11)[0]}.out`), 'utf8')).toBe('1\n');
    expect([host.commands.length, host.running]).toEqual([1, 1]);
    reports.scheduler.close();
    await until('the command has ended', () => host.running === 0);
  });

  it('also ends steps', async () => {
    const host = new WatchedHost();
    const reports = new Reports(host);
    const all = jobs(Array.from({ length: 5 }, () => untilTold()));
    for (const job of all) reports.scheduler.submit([job]);
    await until('all run', () => all.every((_, i) => existsSync(file(`s${i}/ran`))));
    reports.scheduler.cancel(all);
    await reports.end(5);
    expect(reports.events.filter(({ type }) => type === 'ended').map(outcomeOf)).toEqual(
      all.map(() => ({ result: 'cancelled', exitCode: 143, signal: 'SIGTERM', note: '' })),
    );
    expect(host.commands.length).toBe(1);
  });

  it('has one process of its own for each step, which is its script', async () => {
    const reports = new Reports();
    const step = job(`echo $$ > pid; ${untilTold()}`);
    reports.scheduler.submit([step]);
    const script = await numberIn('run/pid');
    await until('that is told', () => reports.types.includes('started'));
    const { group } = reports;
    expect(script).toBe(group);
    const supervisor = parentOf(parentOf(group));
    expect(parentOf(supervisor)).toBe(process.pid);
    writeFileSync(file('run/go'), '');
    await reports.end();
  });

  it('may be left: what it started goes on, and nothing more is said', async () => {
    const host = new WatchedHost();
    const reports = new Reports(host);
    const step = job(untilTold(3));
    reports.scheduler.submit([step]);
    await until('it runs', () => existsSync(file('run/ran')));
    reports.scheduler.close();
    await until('the command has ended', () => host.running === 0);
    writeFileSync(file('run/go'), '');
    const exit = file('.conductor/claims/run/1.0.exit');
    await until('it has ended', () => existsSync(exit) && readFileSync(exit, 'utf8').endsWith('\n'));
    expect(readFileSync(exit, 'utf8')).toMatch(/^3 /);
    expect(reports.types).toEqual(['submitted', 'started']);
  });

  it('leaves no process behind once all has ended', async () => {
    const reports = new Reports();
    const [first, second] = jobs([untilTold(), untilTold()]);
    for (const job of [first!, second!]) reports.scheduler.submit([job]);
    await until('both run', () => reports.types.length === 4);
    const keepers = [0, 1].map((i) => parentOf(Number(reports.idsOf(i)[0])));
    const supervisor = parentOf(keepers[0]!);
    for (const name of ['s0/go', 's1/go']) writeFileSync(file(name), '');
    await reports.end(2);
    await until('the keepers are gone', () => !keepers.some(isAlive));
    expect(isAlive(supervisor)).toBe(true);
    reports.scheduler.close();
    await until('the shepherd is gone', () => !isAlive(supervisor));
  });
});

describe('a step that another job has already', () => {
  const ended = (text: string) => writeFileSync(file('.conductor/claims/run/1.0.exit'), text);

  it('is not run again, but waited for, on whatever machine it runs', async () => {
    claim('elsewhere:4711:99');
    const reports = new Reports();
    reports.scheduler.submit([job('touch ran')]);
    await until('it is found', () => reports.types.length === 2);
    expect(reports.events).toMatchObject([{ type: 'submitted', id: '4711' }, { type: 'started' }]);
    // Not a whole line yet.
    ended('5 17');
    await sleep(700);
    expect(reports.types.length).toBe(2);
    ended('5 1795420127.9\n');
    expect(outcomeOf(await reports.end())).toEqual({ result: 'failed', exitCode: 5, signal: null, note: '' });
    expect(existsSync(file('run/ran'))).toBe(false);
  });

  it('has the end that was written down', async () => {
    claim(`${hostname()}:${process.pid}:99`);
    ended('0 1795420127.9\n');
    const reports = new Reports();
    expect(outcomeOf(await reports.run(job('touch ran')))).toMatchObject({ result: 'completed', exitCode: 0 });
    expect(existsSync(file('run/ran'))).toBe(false);
  });

  it('is lost if its process is gone from this machine and wrote nothing down, whoever has its process id now', async () => {
    claim(`${hostname()}:${process.pid}:99`);
    const reports = new Reports();
    const began = Date.now();
    const end = await reports.run(job('touch ran'));
    expect(outcomeOf(end)).toEqual({
      result: 'node-failure',
      exitCode: null,
      signal: null,
      note: 'its process is gone, and did not write down how it ended',
    });
    expect(Date.now() - began).toBeGreaterThan(1800);
    expect(existsSync(file('run/ran'))).toBe(false);
  });

  it('is not ended here if it runs elsewhere, whatever has its process id here', async () => {
    const innocent = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' });
    onTestFinished(() => void innocent.kill('SIGKILL'));
    claim(`elsewhere:${innocent.pid}:99`);
    const reports = new Reports();
    const step = job('true');
    reports.scheduler.submit([step]);
    await until('it is found', () => reports.types.length === 2);
    reports.scheduler.cancel([step]);
    await sleep(500);
    expect(isAlive(innocent.pid!)).toBe(true);
    ended('143 1795420127.9\n');
    expect(outcomeOf(await reports.end())).toMatchObject({ result: 'cancelled', exitCode: 143 });
  });

  it('that runs on another machine is told to people, once, if it is not over', async () => {
    claim('login9:77:99', 'run/1');
    claim('login9:78:99', 'run/2');
    writeFileSync(file('.conductor/claims/run/2.0.exit'), '0 1795420127.9\n');
    const host = new FarHost();
    const reports = new Reports(host, {}, hurried(10));
    reports.scheduler.reattach(
      [1, 2].map((attempt) => ({ ...job('true', {}, attempt), id: '', endpoint: '', mayBeDuplicate: false })),
    );
    await until('that is told', () => reports.told.length > 0);
    host.cut();
    await until('it is found again', () => host.spawned === 2 && shepherdsOf(study).length === 2);
    ended('0 1795420127.9\n');
    await reports.end(2);
    expect(reports.told).toEqual([
      'run runs, or ran, on another machine, login9 (pid 77): how it ends is known only once its launcher there has recorded it',
    ]);
  });

  it('that runs on another machine, and is to end, is given up after a while', async () => {
    claim('login9:77:99');
    const reports = new Reports(plainHost(), {}, hurried(10));
    const step = job('touch ran');
    reports.scheduler.reattach([{ ...step, id: '77', endpoint: '', mayBeDuplicate: false }]);
    reports.scheduler.cancel([step]);
    expect(outcomeOf(await reports.end())).toEqual({
      result: 'cancelled',
      exitCode: null,
      signal: null,
      note: 'it may still run on login9 (pid 77)',
    });
    expect(readFileSync(file('.conductor/claims/run/1'), 'utf8')).toBe('login9:77:99\n');
  });

  it('has another id if that is found out late', async () => {
    // Between the look at the claim and the step's own attempt at it.
    const reports = new Reports(
      plainHost('cd() { mkdir -p "${_maestro_claim%/*}"; echo elsewhere:77:1 > "$_maestro_claim"; builtin cd "$@"; }'),
    );
    reports.scheduler.submit([job('touch ran')]);
    await until('the other is found', () => reports.types.length === 3);
    expect(reports.types).toEqual(['submitted', 'started', 'submitted']);
    expect(reports.idsOf(0)[1]).toBe('77');
    ended('0 1795420127.9\n');
    expect(outcomeOf(await reports.end())).toMatchObject({ result: 'completed' });
    expect(existsSync(file('run/ran'))).toBe(false);
  });

  it('is not submitted if that job is none of this kind', async () => {
    claim('ƒkMPzwq');
    const reports = new Reports();
    expect(await reports.run(job('touch ran'))).toMatchObject({
      type: 'not-submitted',
      reason: 'the attempt belongs to another job: ƒkMPzwq',
    });
  });

  it('was not run, and is not refused, if we had given the attempt up', async () => {
    claim('conductor');
    const reports = new Reports();
    expect(outcomeOf(await reports.run(job('touch ran')))).toMatchObject({
      result: 'not-run',
      note: givenUp,
    });
    expect(existsSync(file('run/ran'))).toBe(false);
  });
});

describe('a step that an earlier driver left', () => {
  it('is waited for where it runs, and nothing is said of its submit', async () => {
    const { step, id } = await started(untilTold(3));
    const reports = new Reports();
    reports.scheduler.reattach([left(step, id)]);
    await until('it is found', () => reports.types.includes('started'));
    writeFileSync(file('run/go'), '');
    expect(outcomeOf(await reports.end())).toMatchObject({ result: 'failed', exitCode: 3 });
    expect(reports.types).toEqual(['started', 'ended']);
    expect(readFileSync(file('run/ran'), 'utf8')).toBe('ran\n');
  });

  it('has its id told if nobody had heard of it', async () => {
    const { step, id } = await started(untilTold());
    const reports = new Reports();
    reports.scheduler.reattach([left(step)]);
    await until('it is found', () => reports.types.includes('started'));
    expect(reports.events[0]).toMatchObject({ type: 'submitted', id, endpoint: '', mayBeDuplicate: false });
    writeFileSync(file('run/go'), '');
    expect(outcomeOf(await reports.end())).toMatchObject({ result: 'completed' });
  });

  it('has ended as it wrote down, though that was long ago', async () => {
    const { step, id } = await started('echo ran >> ran; exit 4');
    await until('it has ended', () => existsSync(file('.conductor/claims/run/1.0.exit')));
    const reports = new Reports();
    reports.scheduler.reattach([left(step, id)]);
    expect(outcomeOf(await reports.end())).toMatchObject({ result: 'failed', exitCode: 4 });
    expect(readFileSync(file('run/ran'), 'utf8')).toBe('ran\n');
  });

  it('is begun if it never was', async () => {
    const reports = new Reports();
    reports.scheduler.reattach([left(job('echo ran >> ran'))]);
    expect(outcomeOf(await reports.end())).toMatchObject({ result: 'completed' });
    expect(reports.types).toEqual(['submitted', 'started', 'ended']);
    expect(readFileSync(file('run/ran'), 'utf8')).toBe('ran\n');
  });

  it('is lost, to be run again, if it was killed with whatever kept it', async () => {
    const { step, id } = await started(untilTold());
    const keeper = parentOf(Number(id));
    for (const pid of [keeper, -Number(id)]) process.kill(pid, 'SIGKILL');
    const reports = new Reports();
    reports.scheduler.reattach([left(step, id)]);
    expect(outcomeOf(await reports.end())).toMatchObject({ result: 'node-failure', exitCode: null });
    expect(readFileSync(file('run/ran'), 'utf8')).toBe('ran\n');
  });

  it('is found, and ended, if its claim names its machine without a namespace, as once they did', async () => {
    const old = spawn('bash', ['-c', `CONDUCTOR_JOB=${hostname()}:$$:99 exec sleep 60`], { detached: true });
    onTestFinished(() => void old.kill('SIGKILL'));
    await until('it runs', () => readFileSync(`/proc/${old.pid}/environ`, 'utf8').includes('CONDUCTOR_JOB='));
    claim(`${hostname()}:${old.pid}:99`);
    const reports = new Reports();
    const step = job('touch ran');
    reports.scheduler.reattach([left(step)]);
    await until('it is found', () => reports.types.includes('started'));
    await sleep(300);
    expect(reports.types).toEqual(['submitted', 'started']);
    reports.scheduler.cancel([step]);
    expect(outcomeOf(await reports.end())).toMatchObject({ result: 'cancelled' });
    await until('it is ended', () => !isAlive(old.pid!));
    expect([reports.told, existsSync(file('run/ran'))]).toEqual([[], false]);
  });

  it.runIf(canUnshare)('is not held to be gone by a driver in a container with the name of its machine', async () => {
    const { step, id } = await started(untilTold(3));
    expect(readFileSync(file('.conductor/claims/run/1'), 'utf8')).toMatch(new RegExp(`^${here}:${id}:[\\d.]+\n$`));
    const reports = new Reports(containerHost());
    reports.scheduler.reattach([left(step, id)]);
    await until('it is found, and people hear where', () => reports.told.length > 0);
    expect(reports.told[0]).toMatch(`run runs, or ran, in another container, ${hostname()} (pid ${id}): how it ends`);
    // As long as one that is gone may take to be told so.
    await sleep(3000);
    expect(reports.types).toEqual(['started']);
    writeFileSync(file('run/go'), '');
    expect(outcomeOf(await reports.end())).toMatchObject({ result: 'failed', exitCode: 3 });
    expect(readFileSync(file('run/ran'), 'utf8')).toBe('ran\n');
  });

  it.runIf(canUnshare)('runs, and can be ended, in a container too', async () => {
    const reports = new Reports(containerHost());
    const step = job(untilTold());
    reports.scheduler.submit([step]);
    await until('it runs', () => existsSync(file('run/ran')) && reports.types.length === 2);
    expect(readFileSync(file('.conductor/claims/run/1'), 'utf8').startsWith(`${here}:`)).toBe(false);
    reports.scheduler.cancel([step]);
    expect(outcomeOf(await reports.end())).toMatchObject({ result: 'cancelled', signal: 'SIGTERM' });
    expect(reports.told).toEqual([]);
  });

  it('can be cancelled at once', async () => {
    const { step, id } = await started(untilTold());
    const reports = new Reports();
    reports.scheduler.reattach([left(step, id)]);
    reports.scheduler.cancel([step]);
    expect(outcomeOf(await reports.end())).toMatchObject({ result: 'cancelled', signal: 'SIGTERM' });
  });

  it('is not mistaken for whatever leads a group of its process id by now, when it is cancelled', async () => {
    const innocent = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' });
    onTestFinished(() => void innocent.kill('SIGKILL'));
    claim(`${hostname()}:${innocent.pid}:99`);
    const reports = new Reports();
    const step = job('touch ran');
    reports.scheduler.reattach([left(step, String(innocent.pid))]);
    await until('it is found', () => reports.types.includes('started'));
    reports.scheduler.cancel([step]);
    expect(outcomeOf(await reports.end())).toMatchObject({ result: 'cancelled' });
    expect(isAlive(innocent.pid!)).toBe(true);
  });

  it('is out of sight, and not refused, if there can be no shepherd', async () => {
    const reports = new Reports(new LocalHost({ PATH: '/no/such/directory' }));
    reports.scheduler.reattach([left(job('true'), '4711')]);
    await until('it is said', () => reports.interruptions.length > 0);
    expect(reports.events).toEqual([]);
  });
});

describe('a step that is not part of the study any more', () => {
  it('is ended, and nothing is said of it', async () => {
    const first = new Reports();
    const step = job(untilTold());
    first.scheduler.submit([step]);
    await until('it runs', () => existsSync(file('run/ran')));
    const pid = first.group;
    first.scheduler.close();
    const reports = new Reports();
    await reports.scheduler.cancelObsolete([foreign('run', pid)]);
    expect(isAlive(pid)).toBe(false);
    expect(reports.events).toEqual([]);
  });

  it('is ended for sure when that is said, though it ignores SIGTERM', async () => {
    const first = new Reports();
    first.scheduler.submit([job(`trap '' TERM; touch ran; while [ -e ran ]; do sleep 0.1; done`)]);
    await until('it runs', () => existsSync(file('run/ran')));
    first.scheduler.close();
    await new Reports().scheduler.cancelObsolete([foreign('run', first.group)]);
    // Less than the two seconds after which it is killed.
    await until('it is gone', () => !isAlive(first.group), 1500);
  });

  it('and is over already needs nothing done', async () => {
    claim(`${here}:${process.pid}:99`, 'old/1');
    writeFileSync(file('.conductor/claims/old/1.0.exit'), '0 1795420127.9\n');
    const reports = new Reports();
    await reports.scheduler.cancelObsolete([foreign('old', process.pid)]);
    expect([reports.events, reports.told]).toEqual([[], []]);
  });

  it.each([
    ['on another machine', 'login9', 'login9'],
    ['in another container', `${hostname()}@1`, hostname()],
  ])('cannot be ended %s, which people hear', async (_, host, name) => {
    const innocent = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' });
    onTestFinished(() => void innocent.kill('SIGKILL'));
    claim(`${host}:${innocent.pid}:99`, 'old/1');
    const reports = new Reports();
    await reports.scheduler.cancelObsolete([foreign('old', innocent.pid!), foreign('other')]);
    expect(reports.told).toEqual([
      `old, which is no longer part of the study, may still run on ${name} (pid ${innocent.pid})`,
    ]);
    expect(isAlive(innocent.pid!)).toBe(true);
  });

  it('is ended by the next shepherd if one is lost before it has', async () => {
    const host = new FarHost();
    const reports = new Reports(host);
    host.isMute = true;
    const done = reports.scheduler.cancelObsolete([foreign('run')]);
    host.isMute = true;
    await until('its attempt is taken', () => existsSync(file('.conductor/claims/run/1')));
    host.cut();
    await done;
    expect(host.spawned).toBe(2);
    host.cut();
    expect(outcomeOf(await reports.run(job('true', {}, 2)))).toMatchObject({ result: 'completed' });
  });

  it('is not said to be ended if its attempt cannot be taken, or there is no shepherd', async () => {
    mkdirSync(file('.conductor/claims'));
    writeFileSync(file('.conductor/claims/run'), 'no directory');
    const reports = new Reports();
    const gone = new Reports(plainHost('exit 4'));
    let isSaid = false;
    const say = () => {
      isSaid = true;
    };
    void reports.scheduler.cancelObsolete([foreign('run')]).then(say);
    void gone.scheduler.cancelObsolete([foreign('run')]).then(say);
    await reports.scheduler.cancelObsolete([foreign('other')]);
    await sleep(500);
    expect([isSaid, reports.told, gone.interruptions]).toEqual([false, [], []]);
  });

  it('never begins, if it had not', async () => {
    const reports = new Reports();
    await reports.scheduler.cancelObsolete([foreign('run')]);
    expect(readFileSync(file('.conductor/claims/run/1'), 'utf8')).toBe('conductor\n');
  });

  it('is not mistaken for whatever has its process id by now', async () => {
    const innocent = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' });
    onTestFinished(() => void innocent.kill('SIGKILL'));
    claim(`${hostname()}:${innocent.pid}:99`, 'old/1');
    const reports = new Reports();
    await reports.scheduler.cancelObsolete([foreign('old', innocent.pid!), foreign('other')]);
    expect(existsSync(file('.conductor/claims/other/1'))).toBe(true);
    expect(outcomeOf(await reports.run(job('sleep 0.3')))).toMatchObject({ result: 'completed' });
    expect(isAlive(innocent.pid!)).toBe(true);
  });
});

describe('when the connection to the host is cut', () => {
  it('each step runs once, and each end is told, of those that ended meanwhile too', async () => {
    const host = new FarHost();
    const reports = new Reports(host);
    const all = jobs([0, 1, 2, 3, 4, 5].map(untilTold));
    for (const job of all.slice(0, 5)) reports.scheduler.submit([job]);
    const ranAll = (count: number) => all.slice(0, count).every((_, i) => existsSync(file(`s${i}/ran`)));
    await until('five run', () => ranAll(5) && reports.types.length === 10);
    host.isMute = true;
    // Never said to have been started.
    reports.scheduler.submit([all[5]!]);
    await until('six run', () => ranAll(6));
    for (const name of ['s0/go', 's1/go']) writeFileSync(file(name), '');
    await until('two have ended', () => ['s0', 's1'].every((s) => existsSync(file(`.conductor/claims/${s}/1.0.exit`))));
    expect(reports.types.length).toBe(10);
    host.cut();
    await reports.end(2);
    for (const i of [2, 3, 4, 5]) writeFileSync(file(`s${i}/go`), '');
    await reports.end(6);
    expect(host.spawned).toBe(2);
    for (const i of all.keys()) {
      expect([i, readFileSync(file(`s${i}/ran`), 'utf8')]).toEqual([i, 'ran\n']);
      expect([i, reports.typesOf(i)]).toEqual([i, ['submitted', 'started', 'ended']]);
      const end = reports.events.find((event) => event.type === 'ended' && event.step === i)!;
      expect([i, outcomeOf(end)]).toMatchObject([i, { exitCode: i }]);
      expect(readFileSync(file(`.conductor/claims/s${i}/1`), 'utf8')).toContain(`:${reports.idsOf(i)[0]}:`);
    }
    expect(reports.interruptions).toEqual([]);
  });

  it('again and again, while steps come, each runs once', async () => {
    const host = new FarHost();
    const reports = new Reports(host);
    const all = jobs(Array.from({ length: 30 }, (_, i) => `echo ran >> ran; sleep 0.${i % 7}; exit ${i}`));
    for (const [i, job] of all.entries()) {
      reports.scheduler.submit([job]);
      await sleep(20);
      if (i % 10 === 5) host.cut();
    }
    await reports.end(30, 25_000);
    for (const i of all.keys()) {
      expect([i, readFileSync(file(`s${i}/ran`), 'utf8')]).toEqual([i, 'ran\n']);
      const ends = reports.events.filter((event) => event.type === 'ended' && event.step === i);
      expect([i, ends.map(outcomeOf)]).toMatchObject([i, [{ exitCode: i }]]);
    }
  });

  it('a step that is to end is told so again', async () => {
    const host = new FarHost();
    const reports = new Reports(host);
    const step = job('touch up; sleep 60');
    reports.scheduler.submit([step]);
    await until('it runs', () => existsSync(file('run/up')));
    host.cut();
    reports.scheduler.cancel([step]);
    expect(outcomeOf(await reports.end())).toMatchObject({ result: 'cancelled', exitCode: 143 });
    expect(isAlive(reports.group)).toBe(false);
  });

  it('nobody stays there to wait for steps', async () => {
    const host = new FarHost();
    const reports = new Reports(host);
    claim('elsewhere:4711:99');
    reports.scheduler.submit([job('true')]);
    await until('it is found', () => reports.types.length === 2);
    const ours = () => shepherdsOf(study).length;
    await until('there are two of them', () => ours() === 2);
    host.cut();
    await until('there is one pair of them', () => host.spawned === 2 && ours() === 2);
    reports.scheduler.close();
    await until('nobody is there', () => ours() === 0);
  });

  it('for good, the steps are out of sight, and are left as they are', async () => {
    const host = new FarHost();
    const reports = new Reports(host);
    const step = job(untilTold());
    reports.scheduler.submit([step]);
    await until('it runs', () => existsSync(file('run/ran')));
    host.gone = new HostError('far does not answer any more');
    const before = Date.now();
    host.cut();
    const [interruption] = await until('that is told', () => reports.interruptions.length > 0 && reports.interruptions);
    expect(interruption).toEqual({
      type: 'interrupt',
      kind: 'host-lost',
      at: expect.any(Number),
      reason: 'the local steps cannot be watched any more: far does not answer any more',
      alsoLocal: true,
    });
    expect(interruption!.at).toBeGreaterThanOrEqual(before);
    expect(reports.types).toEqual(['submitted', 'started']);
    expect(isAlive(reports.group)).toBe(true);
    writeFileSync(file('run/go'), '');
    await until('it has ended', () => existsSync(file('.conductor/claims/run/1.0.exit')));
    expect(reports.interruptions.length).toBe(1);
  });

  it('for good, before it could be heard whether a step was started, it may run', async () => {
    const host = new FarHost();
    const reports = new Reports(host);
    reports.scheduler.submit([job(untilTold())]);
    host.isMute = true;
    await until('it runs', () => existsSync(file('run/ran')));
    host.gone = new HostError('far does not answer any more');
    host.cut();
    await until('that is told', () => reports.interruptions.length > 0);
    expect(reports.events).toEqual([]);
    writeFileSync(file('run/go'), '');
    await until('it has ended', () => existsSync(file('.conductor/claims/run/1.0.exit')));
  });

  it('for good, before any step was told to it, a step has not failed', async () => {
    const host = new FarHost();
    host.gone = new HostError('far does not answer');
    const reports = new Reports(host);
    reports.scheduler.submit([job('true')]);
    expect(await reports.interruption()).toMatchObject({
      reason: 'no local step can be started: far does not answer',
      alsoLocal: true,
    });
    expect([reports.events, host.spawned]).toEqual([[], 1]);
  });
});

describe('a shepherd that is killed', () => {
  it('has a successor, which finds the steps', async () => {
    const host = new WatchedHost();
    const reports = new Reports(host);
    const step = job(untilTold(6));
    reports.scheduler.submit([step]);
    await until('it runs', () => existsSync(file('run/ran')) && reports.types.length === 2);
    process.kill(parentOf(parentOf(reports.group)), 'SIGKILL');
    await until('there is another', () => host.commands.length === 2);
    writeFileSync(file('run/go'), '');
    expect(outcomeOf(await reports.end())).toMatchObject({ exitCode: 6 });
    expect(reports.types).toEqual(['submitted', 'started', 'ended']);
    expect(readFileSync(file('run/ran'), 'utf8')).toBe('ran\n');
  });

  it('again and again, has successors, but not all at once', async () => {
    const host = new WatchedHost(plainHost(`[ ! -e ${file('die')} ] || { touch ${file('died')}; kill -KILL $$; }`));
    const reports = new Reports(host);
    const step = job(untilTold());
    reports.scheduler.submit([step]);
    await until('it runs', () => existsSync(file('run/ran')) && reports.types.length === 2);
    writeFileSync(file('die'), '');
    process.kill(parentOf(parentOf(reports.group)), 'SIGKILL');
    await until('one has died at once', () => existsSync(file('died')));
    rmSync(file('die'));
    writeFileSync(file('run/go'), '');
    expect(outcomeOf(await reports.end())).toMatchObject({ exitCode: 0 });
    expect(host.commands.length).toBe(3);
    expect(reports.interruptions).toEqual([]);
  });

  it('and whose successors all fail leaves the steps out of sight', async () => {
    const reports = new Reports(plainHost(`[ ! -e ${file('fail')} ] || { echo no such module >&2; exit 4; }`));
    reports.scheduler.submit([job(untilTold())]);
    await until('it runs', () => existsSync(file('run/ran')) && reports.types.length === 2);
    writeFileSync(file('fail'), '');
    process.kill(parentOf(parentOf(reports.group)), 'SIGKILL');
    const [interruption] = await until('that is told', () => reports.interruptions.length > 0 && reports.interruptions);
    expect(interruption).toMatchObject({ reason: expect.stringMatching(/: no such module$/), alsoLocal: true });
    expect(reports.types).toEqual(['submitted', 'started']);
    writeFileSync(file('run/go'), '');
    await until('it has ended', () => existsSync(file('.conductor/claims/run/1.0.exit')));
  });
});

describe('a keeper that is killed', () => {
  it('has a successor, which ends its step, and that is not run again', async () => {
    const host = new WatchedHost();
    const reports = new Reports(host);
    reports.scheduler.submit([job(untilTold(6))]);
    await until('it runs', () => existsSync(file('run/ran')) && reports.types.length === 2);
    process.kill(parentOf(reports.group), 'SIGKILL');
    expect(outcomeOf(await reports.end())).toEqual({
      result: 'failed',
      exitCode: 137,
      signal: 'SIGKILL',
      note: 'the process that waited for it was killed, so the rest of it was ended',
    });
    expect(isAlive(reports.group)).toBe(false);
    expect(reports.types).toEqual(['submitted', 'started', 'ended']);
    expect([readFileSync(file('run/ran'), 'utf8'), host.commands.length]).toEqual(['ran\n', 1]);
  });

  it('once it waits for the step of another one has successors, each time', async () => {
    const { step, id } = await started(untilTold(6));
    const waiter = parentOf(Number(id));
    const host = new WatchedHost(plainHost(`echo $$ > ${file('supervisor')}`));
    const reports = new Reports(host);
    reports.scheduler.reattach([left(step, id)]);
    const supervisor = await numberIn('supervisor');
    const first = await lastingChild(() => supervisor);
    process.kill(first, 'SIGKILL');
    const second = await lastingChild(() => supervisor, first);
    process.kill(second, 'SIGKILL');
    await lastingChild(() => supervisor, first, second);
    expect(isAlive(waiter)).toBe(true);
    writeFileSync(file('run/go'), '');
    expect(outcomeOf(await reports.end())).toMatchObject({ result: 'failed', exitCode: 6 });
    expect([readFileSync(file('run/ran'), 'utf8'), host.commands.length]).toEqual(['ran\n', 1]);
  });

  it('together with its step, by something that spares the shepherd, has a successor that calls the step killed', async () => {
    const reports = new Reports();
    reports.scheduler.submit([job(untilTold())]);
    await until('it runs', () => existsSync(file('run/ran')) && reports.types.length === 2);
    for (const pid of [parentOf(reports.group), -reports.group]) process.kill(pid, 'SIGKILL');
    expect(outcomeOf(await reports.end())).toMatchObject({ result: 'failed', exitCode: 137, signal: 'SIGKILL' });
    expect(readFileSync(file('.conductor/claims/run/1.0.exit'), 'utf8')).toMatch(/^137 \S+ orphaned\n$/);
  });

  it('just before its step ends does not have that run again', async () => {
    const reports = new Reports();
    reports.scheduler.submit([job(untilTold())]);
    await until('it runs', () => existsSync(file('run/ran')) && reports.types.length === 2);
    process.kill(parentOf(reports.group), 'SIGKILL');
    writeFileSync(file('run/go'), '');
    expect(outcomeOf(await reports.end())).toMatchObject({ result: 'failed', exitCode: 137 });
    expect(readFileSync(file('run/ran'), 'utf8')).toBe('ran\n');
  });

  it('has a successor even while steps come all the time', { timeout: 30_000 }, async () => {
    const reports = new Reports();
    const [killed, other] = jobs([untilTold(6), 'true']);
    reports.scheduler.submit([killed!]);
    await until('it runs', () => existsSync(file('s0/ran')) && reports.types.length === 2);
    process.kill(parentOf(reports.group), 'SIGKILL');
    writeFileSync(file('s0/go'), '');
    const isOver = () => reports.events.some(({ type, step }) => type === 'ended' && step === 0);
    for (let attempt = 1; attempt < 50 && !isOver(); attempt++) {
      reports.scheduler.submit([{ ...other!, attempt }]);
      await sleep(400);
    }
    expect(isOver()).toBe(true);
  });
});

describe('the shepherd', () => {
  it('forgets waiters that have ended', async () => {
    const counted = `trap 'echo "\${#_maestro_waiters[@]} \${#_maestro_fields[@]} $(jobs -p | wc -l)" > ${file('count')}' USR1`;
    const reports = new Reports(plainHost(counted));
    const all = jobs(Array.from({ length: 40 }, (_, i) => (i === 0 ? untilTold() : 'exit 3')));
    for (const one of all) reports.scheduler.submit([one]);
    await reports.end(39);
    const gone = graphOf([{ name: 'gone' }]).steps[0]!;
    reports.scheduler.submit([{ step: { ...gone, index: 40 }, attempt: 1, script: 'gone/gone.sh' }]);
    await reports.end(40);
    const supervisor = parentOf(parentOf(Number(reports.idsOf(0)[0])));
    // Each signal makes the supervisor wait for its next look anew.
    let asksAt = 0;
    await until('one is left', () => {
      if (Date.now() >= asksAt) {
        process.kill(supervisor, 'SIGUSR1');
        asksAt = Date.now() + 4000;
      }
      return existsSync(file('count')) && readFileSync(file('count'), 'utf8') === '1 6 1\n';
    });
    writeFileSync(file('s0/go'), '');
    await reports.end(41);
    expect(reports.typesOf(40)).toEqual(['not-submitted']);
  });

  it('misses nothing that it is told when a pause ends', async () => {
    const host = new WatchedHost();
    const spawn = host.spawn.bind(host);
    host.spawn = (command) => {
      expect(command).toContain('-t "$_maestro_pause"');
      return spawn(command.replace('-t "$_maestro_pause"', '-t 0.003'));
    };
    const reports = new Reports(host);
    const step = job('true');
    for (let attempt = 1; attempt <= 60; attempt++) {
      reports.scheduler.submit([{ ...step, attempt }]);
      await sleep(attempt % 6);
    }
    await reports.end(60, 20_000);
    expect(host.commands.length).toBe(1);
  });
});
