import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildResults } from '../../src/report/build-results.js';
import { lastWords } from '../../src/report/results.js';
import type { Scheduler } from '../../src/schedulers/scheduler.js';
import type { Plan } from '../../src/scripts/plan.js';
import type { StepInstance } from '../../src/study/graph.js';
import { graphOf, type Shape, scriptsOf } from '../support/graphs.js';
import { plainHost } from '../support/hosts.js';
import { ran, recordOf, start } from '../support/results.js';
import { SimulatedScheduler } from '../support/simulated-scheduler.js';
import { temporaryDirectory } from '../support/temporary.js';
import { VirtualClock } from '../support/virtual-clock.js';

function planOf(studyPath: string, shapes: readonly Shape[]): Plan {
  const graph = graphOf(shapes);
  const spec = { name: 'hello', description: 'A test.', batch: { type: 'local' } };
  return { spec, graph, scripts: scriptsOf(graph), places: { studyPath } } as unknown as Plan;
}

const scheduler = new SimulatedScheduler(new VirtualClock(), () => {});
const by = (ran: Scheduler | undefined) => ({
  interruption: '',
  fluxUri: null,
  outputsOfJob: (step: StepInstance, id: string) => ran?.outputs({ step, id }),
});
const failed = ran(1, { state: 'FAILED', reason: 'exit 1' });

describe('the results of a study', () => {
  it('name what each step waited for, its outputs, and the last words of those that failed', async () => {
    const studyPath = temporaryDirectory();
    mkdirSync(path.join(studyPath, 'bad'));
    const lines = Array.from({ length: 100 }, (_, i) => `line ${i}`);
    writeFileSync(path.join(studyPath, 'bad/bad.17.err'), `${lines.join('\n')}\n`);
    writeFileSync(path.join(studyPath, 'bad/bad.17.out'), 'grind time = nan\n');
    const plan = planOf(studyPath, [
      { name: 'good' },
      { name: 'bad' },
      { name: 'mute' },
      { name: 'next', after: ['good', 'bad'] },
    ]);
    const records = [ran(1), failed, failed, { state: 'FAILED', ended: 1 } as const].map(recordOf);
    const ending = { status: 'FAILURE', records, ...by(scheduler), started: start, ended: start + 1 } as const;
    const { steps, ...study } = await buildResults(plainHost(), plan, ending, { spec: 'a.yaml' });
    expect(study).toMatchObject({
      status: 'FAILURE',
      interruption: '',
      name: 'hello',
      description: 'A test.',
      path: studyPath,
      spec: 'a.yaml',
      host: 'this machine',
      scheduler: 'local',
      fluxUri: null,
      started: start,
      ended: start + 1,
    });
    expect(steps.map(({ outputs, dependsOn, errorTail }) => ({ outputs, dependsOn, errorTail }))).toEqual([
      { outputs: { stdout: 'good/good.17.out', stderr: 'good/good.17.err' }, dependsOn: [], errorTail: null },
      {
        outputs: { stdout: 'bad/bad.17.out', stderr: 'bad/bad.17.err' },
        dependsOn: [],
        errorTail: lines.slice(60).join('\n'),
      },
      { outputs: { stdout: 'mute/mute.17.out', stderr: 'mute/mute.17.err' }, dependsOn: [], errorTail: null },
      { outputs: null, dependsOn: ['good', 'bad'], errorTail: null },
    ]);
    expect(steps.map(({ outputTail }) => outputTail)).toEqual([undefined, 'grind time = nan', null, undefined]);
  });

  it('have whose fault it was, with what a step wrote of its memory, and the run on GitHub', async () => {
    const studyPath = temporaryDirectory();
    mkdirSync(path.join(studyPath, 'big'));
    writeFileSync(path.join(studyPath, 'big/big.17.err'), 'terminate called: std::bad_alloc\n');
    const plan = planOf(studyPath, [{ name: 'big', scheduled: true }, { name: 'open' }]);
    const records = [failed, { state: 'QUEUED' } as const].map(recordOf);
    const run = {
      ...{ repository: 'octo/studies', commit: 'c0ffee', ref: '', event: 'push', workflow: '', job: '' },
      ...{ url: '', attempt: 1 },
    };
    const allocated = [{ nodes: 4, from: start, until: start + 3_600_000 }];
    const ending = { ...by(scheduler), interruption: 'too long', interruptionKind: 'waited-too-long' } as const;
    const times = { started: start, ended: start + 3_600_000 };
    const results = await buildResults(
      plainHost(),
      plan,
      { ...ending, ...times, allocated, status: 'INTERRUPTED', records },
      { spec: 'a.yaml', run },
    );
    expect(results.steps.map(({ blame }) => blame?.cause)).toEqual(['memory', 'queue']);
    expect(results).toMatchObject({ blame: { cause: 'memory' }, run, interruptionKind: 'waited-too-long' });
    expect(results.allocation).toEqual({ nodeHours: 4, usedNodeHours: 1 / 3_600_000 });
  });

  it('have the stderr of fifty failures, first of those that must not fail, and say of the others that it was not read', async () => {
    const shapes = Array.from({ length: 60 }, (_, i) => ({ name: `s${i}` }));
    const records = shapes.map((_, i) => recordOf({ ...failed, tolerated: i < 30 }));
    const ending = { status: 'FAILURE', records, ...by(scheduler), started: start, ended: start } as const;
    const studyPath = temporaryDirectory();
    mkdirSync(path.join(studyPath, 's59'));
    writeFileSync(path.join(studyPath, 's59/s59.17.err'), 'no way\n');
    const { steps } = await buildResults(plainHost(), planOf(studyPath, shapes), ending, { spec: 'a.yaml' });
    expect(steps[59]!.errorTail).toBe('no way');
    const leftOut = steps.flatMap(({ isTailLeftOut }, i) => (isTailLeftOut ? [i] : []));
    expect(leftOut).toEqual([20, 21, 22, 23, 24, 25, 26, 27, 28, 29]);
    expect(lastWords(steps[29]!)).toBe('its stderr was not read: only that of the first 50 failed steps is');
    expect(lastWords(steps[0]!)).toBe('its stderr could not be read');
  });

  it('of a dry run have no outputs', async () => {
    const plan = planOf('/nowhere', [{ name: 'a' }]);
    const records = [recordOf({ state: 'DRYRUN' })];
    const ending = { status: 'DRYRUN', records, ...by(undefined), started: start, ended: start } as const;
    const { steps } = await buildResults(plainHost(), plan, ending, { spec: 'a.yaml' });
    expect(steps[0]).toMatchObject({ outputs: null, errorTail: null });
  });

  it('come all the same when nothing can be read any more', async () => {
    const plan = planOf('/nowhere', [{ name: 'bad' }]);
    const ending = {
      status: 'FAILURE',
      records: [recordOf(failed)],
      ...by(scheduler),
      started: start,
      ended: start,
    } as const;
    const { steps } = await buildResults(plainHost('exit 1'), plan, ending, { spec: 'a.yaml' });
    expect(steps[0]).toMatchObject({ errorTail: null });
  });
});
