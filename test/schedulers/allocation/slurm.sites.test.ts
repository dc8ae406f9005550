import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { run } from '../../../src/hosts/commands.js';
import { HostLostError, type SpawnOptions } from '../../../src/hosts/host.js';
import { Allocation } from '../../../src/schedulers/allocation/allocation.js';
import { rehearsalOf } from '../../../src/schedulers/batch/submission.js';
import { BackendError } from '../../../src/util/errors.js';
import { installedFlux } from '../../support/flux/real-broker.js';
import { standInFlux } from '../../support/flux/stand-in-flux.js';
import { hurried } from '../../support/flux/study-run.js';
import { plainEnvironment, plainHost, WatchedHost } from '../../support/hosts.js';
import { installedSlurm, Slurm } from '../../support/slurm.js';
import { until } from '../../support/wait.js';
import { type Asked, ask, newStudy, requestOf, takeOver } from './stand-ins.js';

const installed = installedSlurm();
if (installed !== true) {
  console.warn(`NO SLURM: ${installed}; allocations of Slurm are NOT TESTED`);
  it.skip(`NOT TESTED with a real Slurm: ${installed}`, () => {});
}

describe.skipIf(installed !== true)('an allocation of Slurm', () => {
  let slurm: Slurm;
  beforeAll(async () => {
    slurm = await Slurm.start();
  }, 30_000);
  afterAll(() => slurm?.stop());

  const host = (flux = standInFlux(), more: Readonly<Record<string, string>> = {}) => ({
    flux: `${flux.directory}/flux`,
    host: plainHost('', { ...slurm.environment, MAESTRO_ALLOCATION_INTERVAL: '0.2', ...more }),
  });

  /** A job that has the node to itself. */
  async function block(seconds: number): Promise<string> {
    const words = ['--parsable', '--exclusive', '--output=/dev/null', '--time=1', `--wrap=exec sleep ${seconds}`];
    const id = (await slurm.command('sbatch', ...words)).trim();
    onTestFinished(async () => void (await slurm.command('scancel', id)));
    for (let look = 0; (await stateOf(id)) !== 'RUNNING'; look++) {
      if (look > 100) throw new Error('it does not run');
      await sleep(100);
    }
    return id;
  }

  const stateOf = async (id: string) => /JobState=(\S+)/.exec(await slurm.command('scontrol', 'show', 'job', id))![1]!;

  const withFlux = (asked: Asked) =>
    onTestFinished(async () => void (await (await asked.allocation.catch(() => undefined))?.release()));

  it('waits its turn and says why, runs, has an address, and is given back', async () => {
    const { host: at, flux } = host();
    const studyPath = newStudy();
    const blocker = await block(60);
    const asked = ask(at, flux, studyPath, requestOf('slurm'));
    withFlux(asked);
    const allocation = await asked.allocation;
    const address = allocation.uri();
    await until('it is told', () => asked.lines.length > 0);
    expect(asked.lines[0]).toMatch(
      new RegExp(`^allocation ${allocation.id} waits in pdebug: (Priority|Resources) \\(1st in the queue\\)`),
    );
    await slurm.command('scancel', blocker);
    const uri = await address;
    expect(uri).toMatch(/^ssh:\/\/[^/]+\/.+/);
    const node = (await slurm.command('hostname', '-s')).trim();
    expect(asked.lines.slice(-2)).toEqual([
      `allocation ${allocation.id} runs on ${node}`,
      `allocation ${allocation.id} has its Flux instance at ${uri}`,
    ]);
    expect(await allocation.hasEnded()).toBe(false);
    await allocation.release();
    expect(await allocation.hasEnded()).toBe(true);
    expect(await stateOf(allocation.id)).toBe('COMPLETED');
    await allocation.release();
  }, 40_000);

  it('is rehearsed without getting one: Slurm says when it would start, or why it never would', async () => {
    const { host: at, flux } = host();
    const rehearse = (queue?: string) => {
      const request = { ...requestOf('slurm'), ...(queue === undefined ? {} : { queue }) };
      const plan = { request, studyPath: '/tmp', number: 1, jobName: 'maestro-doctor', flux, fluxVersion: '0.88.0' };
      const { command, script } = rehearsalOf(plan)!;
      return run(at, command, script);
    };
    expect(await rehearse()).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/^sbatch: Job [0-9]+ to start at /),
    });
    expect(await rehearse('nowhere')).toMatchObject({ code: 1, stderr: expect.stringContaining('invalid partition') });
    expect(await slurm.command('squeue', '--noheader', '--name=maestro-doctor')).toBe('');
  });

  it('is given back by a later process, from plain data', async () => {
    const { host: at, flux } = host();
    const asked = ask(at, flux, newStudy(), requestOf('slurm', { queue: 'pbatch' }));
    withFlux(asked);
    const allocation = await asked.allocation;
    await allocation.uri();
    await Allocation.releaseDescribed(at, JSON.parse(JSON.stringify(allocation.describe())));
    expect(await allocation.hasEnded()).toBe(true);
  }, 40_000);

  it('that is held is told to, and is taken over by a later driver, as it waits and as it runs', async () => {
    const { host: at, flux } = host();
    const asked = ask(at, flux, newStudy(), requestOf('slurm', { queue: 'pbatch', args: ['--hold'] }));
    withFlux(asked);
    const allocation = await asked.allocation;
    const data = JSON.parse(JSON.stringify(allocation.describe()));
    const waits = takeOver(at, flux, data.studyPath, data);
    const address = (await waits.allocation)!.uri();
    await until('it is told', () => waits.lines.length > 1);
    expect(waits.lines[1]).toMatch(
      new RegExp(`^allocation ${allocation.id} may never start \\(JobHeld\\w+\\): .*scontrol release`),
    );
    expect(await allocation.isWaiting()).toBe(true);
    await slurm.command('scontrol', 'release', allocation.id);
    const uri = await address;
    const runs = await takeOver(at, flux, data.studyPath, data).allocation;
    expect(await runs!.uri()).toBe(uri);
    expect(await runs!.isWaiting()).toBe(false);
    await runs!.release();
    expect(await takeOver(at, flux, data.studyPath, data).allocation).toBeUndefined();
  });

  it('is told in full when it ends before Flux is there', async () => {
    const { host: at } = host();
    const asked = ask(at, '/nosuch/flux', newStudy(), requestOf('slurm'));
    const failure = (await asked.allocation).uri();
    await expect(failure).rejects.toBeInstanceOf(BackendError);
    await expect(failure).rejects.toThrow(/ended before Flux ran in it: it has ended: (FAILED|COMPLETING)/);
    await expect(failure).rejects.toThrow(/\/nosuch\/flux: No such file or directory/);
  }, 40_000);

  it("that is refused says so in sbatch's own words", async () => {
    const { host: at, flux } = host();
    const { allocation } = ask(at, flux, newStudy(), requestOf('slurm', { queue: 'nosuch' }));
    await expect(allocation).rejects.toBeInstanceOf(BackendError);
    await expect(allocation).rejects.toThrow('invalid partition specified: nosuch');
  });

  it('is asked for until its partition takes jobs, which is said once, or until it is not wanted any more', async () => {
    const { host: at, flux } = host();
    await slurm.command('scontrol', 'update', 'PartitionName=pbatch', 'State=DRAIN');
    onTestFinished(async () => void (await slurm.command('scontrol', 'update', 'PartitionName=pbatch', 'State=UP')));
    const [asked, obsolete] = [0, 1].map(() =>
      ask(at, flux, newStudy(), requestOf('slurm', { queue: 'pbatch' }), { clock: hurried(10) }),
    ) as [Asked, Asked];
    withFlux(asked);
    await until('it is told', () => asked.lines.length > 0 && obsolete.lines.length > 0);
    obsolete.cancel.abort();
    await expect(obsolete.allocation).rejects.toThrow('not wanted any more');
    await sleep(2000);
    await slurm.command('scontrol', 'update', 'PartitionName=pbatch', 'State=UP');
    expect((await asked.allocation).id).toMatch(/^[0-9]+$/);
    const words = 'sbatch: error: Batch job submission failed: Required partition not available (inactive or drain)';
    expect(asked.lines).toEqual([`no allocation can be had from slurm for now, and it is asked again: ${words}`]);
  }, 40_000);

  it('that is cancelled as it waits is given back', async () => {
    const { host: at, flux } = host();
    await block(60);
    const asked = ask(at, flux, newStudy(), requestOf('slurm'));
    const allocation = await asked.allocation;
    const address = allocation.uri();
    address.catch(() => {});
    await until('it waits', () => asked.lines.length > 0);
    asked.cancel.abort();
    await expect(address).rejects.toBeInstanceOf(BackendError);
    expect(await stateOf(allocation.id)).toBe('CANCELLED');
  }, 40_000);

  it('ends by itself when nobody drives the study any more', async () => {
    const { host: at, flux } = host(standInFlux(), { MAESTRO_ALLOCATION_PATIENCE: '5' });
    const studyPath = newStudy();
    const asked = ask(at, flux, studyPath, requestOf('slurm'));
    withFlux(asked);
    const allocation = await asked.allocation;
    await allocation.uri();
    for (let look = 0; !(await allocation.hasEnded()); look++) {
      if (look > 200) throw new Error('it does not end');
      await sleep(100);
    }
    expect(readFileSync(path.join(studyPath, '.conductor/allocation-1.out'), 'utf8')).toContain('nobody has driven');
    expect(existsSync(path.join(studyPath, '.conductor/allocation-1.uri'))).toBe(false);
  }, 40_000);

  it('whose answer was lost is found by its name, and not asked for twice', async () => {
    const { host: at, flux } = host();
    let losses = 0;
    const watched = new WatchedHost(at);
    const losing = {
      name: at.name,
      spawn(command: string, options?: SpawnOptions) {
        const process = watched.spawn(command, options);
        if (!command.includes('sbatch') || losses > 0) return process;
        losses += 1;
        const exit = process.exit.then(() => Promise.reject(new HostLostError('the connection broke')));
        exit.catch(() => {});
        return { ...process, exit };
      },
    };
    const asked = ask(losing, flux, newStudy(), requestOf('slurm'));
    withFlux(asked);
    const allocation = await asked.allocation;
    await allocation.uri();
    expect(losses).toBe(1);
    expect(watched.commands.filter((command) => command.includes('sbatch'))).toHaveLength(1);
    expect(await slurm.command('squeue', '--noheader', `--name=${allocation.describe().jobName}`, '-o', '%A')).toBe(
      `${allocation.id}\n`,
    );
  }, 40_000);

  const real = installedFlux();
  if (real === undefined) {
    console.warn('There is no flux on PATH: allocations of Slurm were tried with the stand-in ONLY.');
    it.skip('NOT TESTED with the real flux: there is none on PATH', () => {});
  }
  it.skipIf(real === undefined)(
    'has all cores of its node for the real Flux',
    async () => {
      const directory = process.env.PATH!.split(':').find((each) => existsSync(path.join(each, 'flux')))!;
      const { host: at, flux } = host({ directory, environment: plainEnvironment });
      const asked = ask(at, flux, newStudy(), requestOf('slurm'), { fluxVersion: real! });
      withFlux(asked);
      const allocation = await asked.allocation;
      const uri = await allocation.uri();
      const local = uri.replace(/^ssh:\/\/[^/]*/, 'local://');
      const listed = await slurm.command(
        flux,
        'proxy',
        local,
        flux,
        'resource',
        'list',
        '-n',
        '-s',
        'all',
        '-o',
        '{ncores}',
      );
      expect(Number(listed)).toBe(Number(await slurm.command('nproc')));
    },
    40_000,
  );
});
