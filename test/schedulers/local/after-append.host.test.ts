import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { type Host, HostLostError } from '../../../src/hosts/host.js';
import { LocalScheduler } from '../../../src/schedulers/local/scheduler.js';
import type { Job, JobEvent } from '../../../src/schedulers/scheduler.js';
import { systemClock } from '../../../src/util/clock.js';
import { lastingChild } from '../../support/children.js';
import { graphOf } from '../../support/graphs.js';
import { plainHost } from '../../support/hosts.js';
import { temporaryDirectory } from '../../support/temporary.js';
import { isAlive, until } from '../../support/wait.js';

/** The append, of the driver with the fencing number 1, that steps wait for here. */
const APPEND = '1.5';

/** Long enough for a step to start that wrongly does. */
const LONG_ENOUGH_MS = 1_500;

let study: string;

beforeEach(() => {
  study = temporaryDirectory();
  mkdirSync(path.join(study, '.conductor/fences'), { recursive: true });
  writeFileSync(path.join(study, '.conductor/fences/1'), 'x\n');
});

const file = (name: string) => path.join(study, name);

/** What the writer on the host says when an append is on the disk. */
const tell = (number: number | string, writer = '1-1') =>
  writeFileSync(file(`.conductor/written-${writer}`), `${number}\n`);

function job(): Job {
  const step = graphOf([{ name: 'run' }]).steps[0]!;
  mkdirSync(file('run'), { recursive: true });
  const script = 'run/run.sh';
  writeFileSync(file(script), '#!/bin/bash\necho ran >> ran\n', { mode: 0o755 });
  return { step, attempt: 1, script };
}

/** This machine, as if it were far away, and the process ids of the supervisors. */
class FarHost implements Host {
  readonly name = 'far';
  readonly #host = plainHost(`echo $$ >> ${study}/supervisors`);
  #cut = () => {};

  spawn(command: string, options?: object) {
    const real = this.#host.spawn(command, options);
    const stdout = new PassThrough();
    real.stdout.pipe(stdout);
    const cut = new Promise<never>((_, reject) => {
      this.#cut = () => {
        real.stdin.end();
        reject(new HostLostError('the connection was cut'));
      };
    });
    const exit = Promise.race([real.exit, cut]);
    exit.catch(() => {});
    return { stdin: real.stdin, stdout, stderr: real.stderr, exit, leave: real.leave };
  }

  cut(): void {
    this.#cut();
  }

  get supervisors(): number[] {
    if (!existsSync(file('supervisors'))) return [];
    return readFileSync(file('supervisors'), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map(Number);
  }
}

function open() {
  const host = new FarHost();
  const events: JobEvent[] = [];
  const scheduler = new LocalScheduler({ host, studyPath: study, env: new Map(), clock: systemClock }, (event) => {
    if (event.type !== 'interrupt') events.push(event);
  });
  onTestFinished(() => scheduler.close());
  const end = () => until('it has ended', () => events.find(({ type }) => type === 'ended'), 30_000);
  return { host, events, scheduler, end };
}

/** Submits a step that waits for the append. Resolves, with the process id of what waits, when it does. */
async function waiting() {
  const opened = open();
  const step = job();
  opened.scheduler.submit([step], APPEND);
  const waiter = await waiterOf(opened.host);
  return { ...opened, step, waiter };
}

/** The process that waits; the supervisor has others for moments. */
const waiterOf = (host: FarHost, ...gone: number[]) => lastingChild(() => host.supervisors.at(-1), ...gone);

/** Fails if the step begins within a while, or its attempt is taken. */
async function expectNotBegun(): Promise<void> {
  await sleep(LONG_ENOUGH_MS);
  expect(existsSync(file('run/ran'))).toBe(false);
  expect(existsSync(file('.conductor/claims/run/1'))).toBe(false);
}

const ran = () => readFileSync(file('run/ran'), 'utf8');

describe('a local step that waits for the record of its start', () => {
  it('begins once that is on the disk', async () => {
    const { end, events } = await waiting();
    tell(4);
    await expectNotBegun();
    tell(5);
    expect(await end()).toMatchObject({ outcome: { result: 'completed' } });
    expect(events.map(({ type }) => type)).toEqual(['submitted', 'started', 'ended']);
    expect(ran()).toBe('ran\n');
  });

  it('begins at once if later appends are on the disk, by whichever writer of its driver', async () => {
    tell(3, '1-1');
    tell(7, '1-12');
    const { scheduler, end } = open();
    scheduler.submit([job()], APPEND);
    expect(await end()).toMatchObject({ outcome: { result: 'completed' } });
  });

  it.each([
    ['what a writer of an earlier driver says', () => tell(9, '0-1')],
    ['what a writer of another driver says', () => tell(9, '11-1')],
    ['a number of which a part is written', () => writeFileSync(file('.conductor/written-1-1'), '5')],
    ['what is no number', () => tell('a[$(touch run/ran)]')],
    ['an empty file', () => writeFileSync(file('.conductor/written-1-1'), '')],
  ])('does not begin by %s', async (_, say) => {
    await waiting();
    say();
    await expectNotBegun();
  });

  it('does not begin any more once another driver has the study', async () => {
    const { waiter } = await waiting();
    writeFileSync(file('.conductor/fences/2'), 'y\n');
    await until('it has ended', () => !isAlive(waiter));
    tell(5);
    await expectNotBegun();
  });

  it('does not begin once its driver is gone, but when the next one says so, once', async () => {
    const { scheduler, waiter, step } = await waiting();
    scheduler.close();
    await until('it has ended', () => !isAlive(waiter));
    tell(5);
    await expectNotBegun();
    const next = open();
    next.scheduler.reattach([{ ...step, id: '', endpoint: '', mayBeDuplicate: false }]);
    expect(await next.end()).toMatchObject({ outcome: { result: 'completed' } });
    expect(ran()).toBe('ran\n');
  });

  it('does not begin because what waits was killed: another process waits', async () => {
    const { host, end, waiter } = await waiting();
    process.kill(waiter, 'SIGKILL');
    await waiterOf(host, waiter);
    await expectNotBegun();
    tell(5);
    expect(await end()).toMatchObject({ outcome: { result: 'completed' } });
    expect(ran()).toBe('ran\n');
  });

  it.each(['the connection is cut', 'the supervisor is killed'])('waits again when %s, and runs once', async (what) => {
    const { host, end, events } = await waiting();
    if (what === 'the connection is cut') host.cut();
    else process.kill(host.supervisors[0]!, 'SIGKILL');
    await until('there is another supervisor', () => host.supervisors.length === 2);
    await waiterOf(host);
    await expectNotBegun();
    tell(5);
    expect(await end()).toMatchObject({ outcome: { result: 'completed' } });
    expect(events.map(({ type }) => type)).toEqual(['submitted', 'started', 'ended']);
    expect(ran()).toBe('ran\n');
  });

  it('never begins if its attempt is taken meanwhile', async () => {
    const { end, step } = await waiting();
    const other = open();
    const { name, workspace } = step.step;
    const obsolete = { step: name, scheduled: false, workspace, attempt: 1, id: '', place: '' };
    await other.scheduler.cancelObsolete([obsolete]);
    expect(await end()).toMatchObject({ outcome: { result: 'not-run' } });
    tell(5);
    await sleep(LONG_ENOUGH_MS);
    expect(existsSync(file('run/ran'))).toBe(false);
  });
});
