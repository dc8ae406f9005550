import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { LocalHost } from '../../../src/hosts/local-host.js';
import { quote } from '../../../src/util/shell-quote.js';
import { Driver, StudyOfAttempts } from '../../support/attempts/drivers.js';
import {
  faultLines,
  type Moment,
  momentLines,
  momentsOfStep,
  momentsOfWaiter,
  send,
  type Victim,
} from '../../support/attempts/faults.js';
import { storm } from '../../support/attempts/storm.js';
import { plainEnvironment, plainHost } from '../../support/hosts.js';
import { temporaryDirectory } from '../../support/temporary.js';
import { isAlive, until } from '../../support/wait.js';

/** A driver that is there until the test ends. */
function driverOf(study: StudyOfAttempts, setup = ''): Driver {
  const driver = new Driver(study, plainHost(setup));
  onTestFinished(() => driver.leave());
  return driver;
}

/** The first attempt goes on until it is ended, the others end at once. */
const endless = 'case $0 in */1.sh) sleep 60 ;; esac';

const ranOnce = ['begin 1', 'end 1'];
const ranLater = ['begin 2', 'end 2'];
const wasEnded = ['begin 1'];
const ranAgain = [...wasEnded, ...ranLater];

/** What becomes of a step if these are killed at that moment: how it ends, and what it has written down. */
type Row = readonly [at: Moment, killed: readonly Victim[], result: string, ran: readonly string[]];

const whateverTheMoment = (at: Moment): Row[] => [
  [at, ['waiter'], 'failed', wasEnded],
  [at, ['supervisor'], 'completed', ranOnce],
  [at, ['supervisor', 'waiter'], 'completed', ranAgain],
];

const rows: readonly Row[] = [
  ...momentsOfStep.flatMap(whateverTheMoment),
  ['claim', ['step'], 'completed', ranLater],
  ['claim', ['step', 'waiter'], 'completed', ranOnce],
  ['claim', ['step', 'waiter', 'supervisor'], 'completed', ranOnce],
  ['write the claim', ['step'], 'completed', ranLater],
  ['write the claim', ['step', 'waiter'], 'completed', ranLater],
  ['write the claim', ['step', 'waiter', 'supervisor'], 'completed', ranLater],
  ['seal the claim', ['step'], 'completed', ranLater],
  ['seal the claim', ['step', 'waiter'], 'completed', ranLater],
  ['seal the claim', ['step', 'waiter', 'supervisor'], 'completed', ranLater],
  // From here on nobody can know whether the script had begun.
  ['become the script', ['step'], 'failed', []],
  ['become the script', ['step', 'waiter'], 'failed', []],
  ['become the script', ['step', 'waiter', 'supervisor'], 'completed', ranLater],
  ['write down the end', ['waiter'], 'failed', ranOnce],
  ['write down the end', ['supervisor'], 'completed', ranOnce],
  ['report the end', ['waiter'], 'completed', ranOnce],
  ['report the end', ['supervisor'], 'completed', ranOnce],
  ['report the end', ['waiter', 'supervisor'], 'completed', ranOnce],
];

describe('an attempt at a local step', () => {
  it('never runs twice, and is never lost, if any of its processes is killed at any moment of taking it', async () => {
    const ends = await Promise.all(
      rows.map(async ([at, killed]) => {
        const isEnded = killed.includes('waiter') && !killed.includes('step') && !isOfWaiter(at);
        const study = new StudyOfAttempts(temporaryDirectory(), isEnded ? { body: endless } : {});
        // What is to be killed in the waiter is not there as a step any more.
        const commands = isOfWaiter(at) ? waiterSends(killed) : send('KILL', killed);
        const driver = driverOf(study, faultLines(study.path, { at, commands }));
        const { result } = await driver.conduct();
        expect(existsSync(study.file('faulted')), `${at}, ${killed}: it did not happen`).toBe(true);
        expect(study.problems(driver.told)).toEqual([]);
        return [at, killed, result, study.ran()];
      }),
    );
    expect(ends).toEqual(rows);
  });

  it('never runs twice if what was to run it is stopped, and goes on once another driver has had it', async () => {
    const ends = await Promise.all(
      momentsOfStep.flatMap((at) =>
        [true, false].map(async (isAwaited) => {
          const study = new StudyOfAttempts(temporaryDirectory());
          const commands = `builtin echo $BASHPID > ${quote(study.file('pid'))}; ${send('KILL', isAwaited ? [] : ['waiter'])}
            until builtin [ -e ${quote(study.file('on'))} ]; do kill -STOP $BASHPID; done`;
          const first = driverOf(study, faultLines(study.path, { at, commands }));
          void first.conduct().catch(() => {});
          const pid = await until('it is stopped', () => pidIn(study.file('pid')));
          first.leave();
          const second = driverOf(study);
          const end = second.conduct();
          // Nothing but its own waiter knows whether it goes on.
          const isWaitedFor = isAwaited && (at === 'seal the claim' || at === 'become the script');
          if (isWaitedFor) await sleep(3000);
          const early = second.told.length;
          if (!isWaitedFor) await end;
          writeFileSync(study.file('on'), '');
          if (isAlive(pid)) process.kill(pid, 'SIGCONT');
          const { result } = await end;
          await until('the one that was stopped is over', () => !isAlive(pid));
          expect(study.problems(second.told)).toEqual([]);
          return [at, isAwaited, isWaitedFor ? early : 0, result, study.ran()];
        }),
      ),
    );
    expect(ends).toEqual([
      ['claim', true, 0, 'completed', ranOnce],
      ['claim', false, 0, 'completed', ranOnce],
      ['write the claim', true, 0, 'completed', ranLater],
      ['write the claim', false, 0, 'completed', ranLater],
      ['seal the claim', true, 0, 'completed', ranOnce],
      ['seal the claim', false, 0, 'completed', ranLater],
      ['become the script', true, 0, 'completed', ranOnce],
      ['become the script', false, 0, 'completed', ranLater],
    ]);
  });

  it('that two drivers take at once runs once, and both hear how it ended', async () => {
    const { problems, differing } = await storm(temporaryDirectory(), { rounds: 60, drivers: 2 });
    expect([problems, differing]).toEqual([[], 0]);
  });

  it('that two drivers take at once runs once while their processes are killed and stopped', async () => {
    const { problems, faults } = await storm(temporaryDirectory(), { rounds: 24, drivers: 2, oneIn: 12, atOnce: 24 });
    expect(problems).toEqual([]);
    expect(faults).toBeGreaterThan(0);
  });
});

describe('an attempt at a local step of a machine that has been started again', () => {
  it.each([
    ['the process id of its waiter', (pid: number) => `1:${pid}.7`],
    ['its process id', (pid: number) => `${pid}:1.7`],
  ])('is lost, although another process has %s', async (_, ids) => {
    const study = new StudyOfAttempts(temporaryDirectory());
    const driver = driverOf(study);
    await driver.conduct();
    const claim = study.file('.conductor/claims/s0/1');
    const [host, , rest] = readFileSync(claim, 'utf8').split(':');
    // A process that began before the one of the claim did, in ticks since the start of the machine.
    const [, , ticks, boot] = rest!.trimEnd().split('.');
    const own = process.ppid;
    const later = new StudyOfAttempts(temporaryDirectory());
    later.job(0, 1);
    spawnSync('mkdir', ['-p', later.file('.conductor/claims/s0')]);
    writeFileSync(later.file('.conductor/claims/s0/1'), `${host}:${ids(own)}.${ticks}.${Number(boot) + 1}\n`);
    writeFileSync(later.file('.conductor/claims/s0/1.sealed'), '');
    const next = driverOf(later);
    expect(await next.conduct()).toMatchObject({ result: 'completed' });
    expect(next.told.map(({ outcome }) => outcome.result)).toEqual(['node-failure', 'completed']);
    expect([later.ran(), isAlive(own)]).toEqual([ranLater, true]);
  });
});

describe('an attempt at a local step whose files cannot be written', () => {
  /** The process may not write a byte to any file, as where a quota is used up. */
  const full = "trap '' XFSZ; ulimit -S -f 0";

  it('is not run if that is its claim, and another one is', async () => {
    const study = new StudyOfAttempts(temporaryDirectory());
    const driver = driverOf(study, faultLines(study.path, { at: 'write the claim', commands: full }));
    expect(await driver.conduct()).toMatchObject({ result: 'completed' });
    expect(driver.told.map(({ outcome }) => outcome.result)).toEqual(['not-run', 'completed']);
    expect(study.ran()).toEqual(ranLater);
  });

  it('is not run by another driver either if its claim is written in part', async () => {
    const study = new StudyOfAttempts(temporaryDirectory());
    spawnSync('mkdir', ['-p', study.file('.conductor/claims/s0')]);
    writeFileSync(study.file('.conductor/claims/s0/1'), 'node7@40265318');
    const driver = driverOf(study);
    expect(await driver.conduct()).toMatchObject({ result: 'completed' });
    expect(driver.told.map(({ outcome }) => outcome.result)).toEqual(['not-run', 'completed']);
    expect(study.ran()).toEqual(ranLater);
  });

  it('has ended at once if that is its exit status, which is written once it can be, for a later driver too', async () => {
    const study = new StudyOfAttempts(temporaryDirectory());
    const room = quote(study.file('room'));
    const setup = momentLines(
      `[ "$1" = 'write down the end' ] || return 0; if [ -e ${room} ]; then ulimit -S -f unlimited; else ${full}; fi`,
    );
    const first = driverOf(study, setup);
    expect(await first.conduct()).toMatchObject({ result: 'completed' });
    first.leave();
    const exit = study.file('.conductor/claims/s0/1.0.exit');
    expect(readFileSync(exit, 'utf8')).toBe('');
    const second = driverOf(study);
    const end = second.conduct();
    await sleep(3000);
    expect(second.told).toEqual([]);
    writeFileSync(study.file('room'), '');
    expect(await end).toMatchObject({ result: 'completed' });
    expect(readFileSync(exit, 'utf8')).toMatch(/^0 [\d.]+\n$/);
    expect(study.ran()).toEqual(ranOnce);
  });

  const unshare = ['unshare', '--user', '--map-root-user', '--mount'];
  const canMount = spawnSync(unshare[0]!, [...unshare.slice(1), 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0;
  if (!canMount) it.skip('NOT TESTED: a disk that is full: no file system can be mounted here', () => {});

  it.runIf(canMount)(
    'because the disk is full runs once, as soon as there is room, whenever that happens',
    async () => {
      const ends = await Promise.all(
        [...momentsOfStep.slice(0, 3), momentsOfWaiter[0]].map(async (at) => {
          const study = new StudyOfAttempts(temporaryDirectory());
          const bin = temporaryDirectory();
          writeFileSync(path.join(bin, 'bash'), `#!/bin/sh\nexec ${unshare.join(' ')} /bin/bash "$@"\n`, {
            mode: 0o755,
          });
          const claims = quote(study.file('.conductor/claims'));
          const commands = `(builtin set +C; cat /dev/zero > ${claims}/filler; i=0; while : > ${claims}/f$((i++)); do :; done)
          (until [ -e ${quote(study.file('room'))} ]; do sleep 0.05; done; rm ${claims}/f*) > /dev/null 3>&- 6>&- &`;
          const setup = `mkdir ${claims}; mount -t tmpfs -o size=64k,nr_inodes=40 none ${claims}
          ${faultLines(study.path, { at, commands })}`;
          const driver = new Driver(
            study,
            new LocalHost({ ...plainEnvironment, PATH: `${bin}:${plainEnvironment.PATH}` }, setup),
          );
          onTestFinished(() => driver.leave());
          const end = driver.conduct();
          await until('the disk is full', () => existsSync(study.file('faulted')));
          await sleep(500);
          const early = driver.told.map(({ outcome }) => outcome.result);
          writeFileSync(study.file('room'), '');
          const { result } = await end;
          const ran = study.ran().map((line) => line.split(' ')[0]);
          return [at, early.length > 0 ? early[0] : 'nothing yet', result, ran];
        }),
      );
      expect(ends).toEqual([
        ['claim', 'not-run', 'completed', ['begin', 'end']],
        ['write the claim', 'not-run', 'completed', ['begin', 'end']],
        ['seal the claim', 'nothing yet', 'completed', ['begin', 'end']],
        ['write down the end', 'completed', 'completed', ['begin', 'end']],
      ]);
    },
  );
});

const isOfWaiter = (at: Moment) => (momentsOfWaiter as readonly Moment[]).includes(at);

/** The same as `send`, in the waiter itself. */
const waiterSends = (killed: readonly Victim[]) =>
  [killed.includes('supervisor') ? 'kill -KILL $$' : ':', killed.includes('waiter') ? 'kill -KILL $BASHPID' : ':'].join(
    '; ',
  );

function pidIn(file: string): number | undefined {
  return existsSync(file) && readFileSync(file, 'utf8').endsWith('\n') ? Number(readFileSync(file, 'utf8')) : undefined;
}
