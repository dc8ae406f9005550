import { execFileSync } from 'node:child_process';
import { describe, expect, it, onTestFinished } from 'vitest';
import { cutEverywhere, takeOverEverywhere } from '../../support/flux/cut-everywhere.js';
import { installedFlux, RealBroker, type RealBrokerOptions } from '../../support/flux/real-broker.js';
import { completed, FluxStudy, hurried, waiting, wholeStory } from '../../support/flux/study-run.js';
import { until } from '../../support/wait.js';

async function startBroker(options: RealBrokerOptions = {}): Promise<RealBroker> {
  const broker = await RealBroker.start(options);
  onTestFinished(() => broker.stop());
  return broker;
}

/** The same as with the simulated broker, where there is another: the simulation is only as good as that. */
describe.skipIf(installedFlux() === undefined)('with the installed Flux', () => {
  it('jobs run to their end, and are cancelled', async () => {
    const study = await FluxStudy.start(await startBroker());
    const good = study.submit('good', 'echo ran >> ran');
    expect(await study.outcome(good)).toEqual(completed);
    expect(study.said(good)).toEqual(wholeStory);
    expect(await study.run('bad', 'exit 3')).toEqual({ result: 'failed', exitCode: 3, signal: null, note: '' });
    const long = study.submit('long', waiting());
    await study.up(long);
    study.scheduler.cancel([long]);
    expect(await study.outcome(long)).toMatchObject({ result: 'cancelled', signal: 'SIGTERM' });
    expect(await study.run('short', 'exec sleep 60', { walltime: '00:01' })).toMatchObject({ result: 'timeout' });
    expect(await study.run('huge', 'true', { procs: 100_000 })).toMatchObject({ result: 'failed', exitCode: null });
  });

  it('a connection that is cut at any moment changes nothing of how steps end', async () => {
    expect(await cutEverywhere((await startBroker()).uri)).toBeGreaterThan(10);
  });

  for (const hasOtherName of [false, true]) {
    it(`a driver that goes at any moment leaves each step to run once${hasOtherName ? ', under another name too' : ''}`, async () => {
      const { uri } = await startBroker();
      expect(await takeOverEverywhere(uri, { hasOtherName })).toBeGreaterThan(10);
    });
  }

  it('jobs that an earlier driver left are watched on, or found, and one that is not wanted is ended', async () => {
    const broker = await startBroker();
    const first = await FluxStudy.start(broker);
    const [job, unknown, gone] = [
      first.submit('run', `echo ran >> ran; ${waiting()}`),
      first.step('unknown', 'true'),
      first.step('gone', 'true'),
    ];
    await first.up(job);
    first.scheduler.close();
    const left = first.left(job);
    const second = await FluxStudy.start(broker, { after: first });
    const endpoint = 'ssh://elsewhere/tmp/flux/local-0';
    second.scheduler.reattach([
      { ...left, endpoint },
      first.left(unknown),
      { ...gone, id: 'ƒzzzzzzz', endpoint, mayBeDuplicate: false },
    ]);
    await second.has(job, 'started');
    expect(second.of(job)[0]).toMatchObject({ type: 'submitted', id: left.id, endpoint: broker.uri });
    for (const each of [unknown, gone]) expect(await second.outcome(each)).toEqual(completed);
    second.scheduler.close();
    const third = await FluxStudy.start(broker, { after: first });
    third.scheduler.cancelObsolete([{ ...left, place: left.endpoint, step: 'run', scheduled: true, workspace: 'run' }]);
    await until('it is told', () => third.told.length > 0);
    expect(third.told).toEqual([`cancelled job ${left.id} of run, which is no longer part of the study`]);
    const last = await FluxStudy.start(broker, { after: first });
    last.scheduler.reattach([left]);
    expect(await last.outcome(job)).toMatchObject({ result: 'cancelled' });
  });

  it('an instance that ends is not the end of its steps', async () => {
    const broker = await startBroker();
    const study = await FluxStudy.start(broker);
    const job = study.submit('run', waiting());
    await study.up(job);
    const end = broker.shutDown();
    expect(await study.interruption()).toMatchObject({ reason: expect.stringContaining('ended before the study did') });
    expect(study.said(job)).not.toContain('ended');
    await end;
    await until('it is told', () => study.told.some((line) => line.includes('is ending')));
  });

  it('a named queue that is disabled has its jobs wait, until it is enabled', async () => {
    const broker = await startBroker({ config: '[queues.pdebug]\n[queues.pbatch]\n' });
    broker.run('queue', 'start', '--all');
    broker.run('queue', 'disable', '--message=maintenance', 'pdebug');
    const study = await FluxStudy.start(broker, { queue: 'pdebug', clock: hurried(20) });
    const job = study.submit('run', 'true');
    await until('it is told', () => study.told.length > 0);
    expect(study.told[0]).toContain('job submission to pdebug is disabled: maintenance');
    expect(study.of(job)).toEqual([]);
    broker.run('queue', 'enable', 'pdebug');
    expect(await study.outcome(job)).toEqual(completed);
  });

  it('an instance whose rest is too short has the step told as deferred, and others run', async () => {
    const study = await FluxStudy.start(await startBroker({ seconds: 60 }));
    const [long, short] = [
      study.submit('long', 'true', { walltime: '01:30' }),
      study.submit('short', 'true', { walltime: '00:10' }),
    ];
    expect(await study.outcome(short)).toEqual(completed);
    expect(study.of(long)).toMatchObject([
      { type: 'deferred', reason: expect.stringContaining('exceeds remaining instance lifetime') },
    ]);
  });

  it('a validator that is killed has the jobs submitted again', async () => {
    const broker = await startBroker();
    const study = await FluxStudy.start(broker);
    expect(await study.run('first', 'true')).toEqual(completed);
    const jobs = Array.from({ length: 30 }, (_, i) => study.submit(`s${i}`, 'true'));
    killChildren(Number(broker.run('getattr', 'broker.pid')), /flux-job-valid/);
    for (const job of jobs) expect(await study.outcome(job, 60_000)).toEqual(completed);
  }, 90_000);

  it('a node that is lost defers what needs it, and fails only what never could run', async () => {
    const broker = await startBroker({ size: 4 });
    const study = await FluxStudy.start(broker);
    broker.loseNode(3);
    await until('it is lost', () => /^\s*free\s+3\b/m.test(broker.run('resource', 'list')), 30_000);
    const [four, nine, three] = [
      study.submit('four', 'true', { nodes: 4n, procs: 4n }),
      study.submit('nine', 'true', { nodes: 9n, procs: 9n }),
      study.submit('three', 'true', { nodes: 3n, procs: 3n }),
    ];
    expect(await study.has(four, 'deferred')).toMatchObject({
      reason: expect.stringMatching(/^1 of the 4 nodes of the Flux instance is lost \(unsatisfiable request/),
    });
    expect(await study.outcome(nine)).toMatchObject({
      result: 'failed',
      note: expect.stringContaining('unsatisfiable'),
    });
    expect(await study.outcome(three)).toEqual(completed);
  }, 90_000);
});

/** Ends processes below another one whose command line has these words. */
function killChildren(parent: number, words: RegExp): void {
  for (const line of execFileSync('ps', ['-eo', 'pid=,ppid=,args='], { encoding: 'utf8' }).split('\n')) {
    const [, pid, ppid, args = ''] = /^\s*([0-9]+)\s+([0-9]+)\s+(.*)$/.exec(line) ?? [];
    if (Number(ppid) === parent && words.test(args)) process.kill(Number(pid), 'SIGKILL');
  }
}
