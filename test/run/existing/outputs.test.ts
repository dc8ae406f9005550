import { expect, it } from 'vitest';
import { outputCandidates, schedulerOf } from '../../../src/run/existing/known-instance.js';
import { batchTypeOf, knownPlan, paramsIn } from '../../../src/run/existing/known-plan.js';
import { findInstances, jobOf } from '../../../src/run/existing/outputs.js';
import type { SeenInstance } from '../../../src/run/existing/view.js';
import { replay } from '../../../src/store/journal/replay.js';
import { type JobRecord, newRecord } from '../../../src/study/state.js';
import { journalOf } from '../../support/existing.js';

const seen = (name: string, workspace = name, jobs: readonly JobRecord[] = []): SeenInstance => {
  return { name, workspace, scheduled: true, record: { ...newRecord(), jobs: [...jobs] } };
};
const all = [seen('run_N.1', 'run/N.1'), seen('run_N.2', 'run/N.2'), seen('post')];

it.each([
  ['run_N.1', ['run_N.1']],
  ['run/N.2', ['run_N.2']],
  ['./run/N.2/', ['run_N.2']],
  ['run', ['run_N.1', 'run_N.2']],
  ['run_*', ['run_N.1', 'run_N.2']],
  ['*.2', ['run_N.2']],
  ['*', ['run_N.1', 'run_N.2', 'post']],
  ['pots', []],
])('%s stands for %j', (wanted, names) => {
  expect(findInstances(all, wanted).instances.map(({ name }) => name)).toEqual(names);
});

it('a name that is nearly one is told it', () => {
  expect(findInstances(all, 'pots').near).toEqual(['post']);
});

const job = (attempt: number, id: string, place = ''): JobRecord => {
  return {
    attempt,
    id,
    place,
    script: 'main',
    isDoubtful: false,
    submitted: 1,
    started: null,
    ended: null,
    result: null,
  };
};

it('of several attempts the newest that has an id has written something', () => {
  const instance = seen('a', 'a', [job(1, '7'), job(2, '8'), job(3, '')]);
  expect(jobOf(instance)?.attempt).toBe(2);
  expect(jobOf(instance, 1)?.id).toBe('7');
  expect(jobOf(instance, 4)).toBeUndefined();
  expect(jobOf(seen('b'))).toBeUndefined();
});

it.each([
  ['', 'local', ['run/N.1/run_N.1.7.out', 'run/N.1/N.1.7.out']],
  ['slurm:cluster@head', 'slurm', ['run/N.1/run_N.1.out', 'run/N.1/N.1.out']],
  ['lsf:cluster', 'lsf', ['run/N.1/run_N.1.7.out', 'run/N.1/N.1.7.out']],
])(
  'the outputs of a job in %j are looked for where %s has them, also where workspaces are hashed',
  (place, type, files) => {
    expect(schedulerOf(place)).toBe(type);
    expect(outputCandidates(all[0]!, job(1, '7', place)).map(({ stdout }) => stdout)).toEqual(files);
  },
);

it('Flux may have written its ids with an f', () => {
  const files = outputCandidates(seen('post'), job(1, 'ƒ3x', 'local:///run/flux/local')).map(({ stderr }) => stderr);
  expect(files).toEqual(['post/post.ƒ3x.err', 'post/post.f3x.err']);
});

it('a plan by which jobs can be cancelled needs only the journal, and keeps parameters of status.csv', () => {
  const record = { state: 'RUNNING' as const, submitted: 1, jobs: [job(1, '7', 'slurm:c@h')] };
  const state = replay(journalOf([{ name: 'run_N.1', workspace: 'run/N.1', scheduled: true, record }]));
  expect(batchTypeOf(state)).toBe('slurm');
  const { graph, spec } = knownPlan(state, '/p/x', paramsIn('Step Name,Job ID,Params\nrun_N.1,7,N:1;M:a:b\nx,8,\n'));
  expect(spec).toMatchObject({ name: 'sweep', batch: { type: 'slurm' } });
  expect(graph.steps).toMatchObject([{ name: 'run_N.1', workspace: 'run/N.1', step: 'run', params: { N: '1;M:a:b' } }]);
});
