import { describe, expect, it } from 'vitest';
import type { StatusRow } from '../../../src/conductor/maestro/read-status.js';
import { type MaestroEnd, type RecordsOptions, recordsOf } from '../../../src/conductor/maestro/records.js';
import { isSkipped, type StepState, studyStatus } from '../../../src/study/state.js';
import { validPlan } from '../../support/plan.js';

const now = 1_000_000;

const graph = validPlan({
  batch: { type: 'flux' },
  steps: [
    { name: 'make' },
    { name: 'run', procs: 1, depends: ['make'], walltime: '00:01', restart: 'true' },
    { name: 'after', procs: 1, depends: ['run'] },
    { name: 'last', depends: ['after'] },
  ],
}).graph;

function row(name: string, state: StepState, more: Partial<StatusRow> = {}): StatusRow {
  const hasJob = !['INITIALIZED', 'DRYRUN'].includes(state);
  const hasEnded = ['FINISHED', 'FAILED', 'TIMEDOUT', 'CANCELLED'].includes(state);
  return {
    ...{ name, state, restarts: 0, jobId: hasJob ? '7' : '' },
    ...{ submitted: hasJob ? 100 : null, started: hasJob ? 200 : null, ended: hasEnded ? 300 : null },
    ...more,
  };
}

function records(rows: readonly StatusRow[], more: Partial<RecordsOptions> = {}) {
  return recordsOf(graph, rows, { end: undefined, endpoint: 'local:///broker', cancelReason: 'told so', now, ...more });
}

const brief = (rows: readonly StatusRow[], end?: MaestroEnd) =>
  records(rows, { end }).map(({ state, reason }) => (reason === '' ? state : `${state}: ${reason}`));

const unknownReason = 'it failed; Maestro does not record how';

describe('the record of a step', () => {
  it.each([
    ['INITIALIZED', null, null],
    ['PENDING', null, undefined],
    ['RUNNING', null, undefined],
    ['FINISHED', 300, 'completed'],
    ['FAILED', 300, 'failed'],
    ['TIMEDOUT', 300, 'timeout'],
    ['CANCELLED', 300, 'cancelled'],
    ['UNKNOWN', null, undefined],
    ['DRYRUN', now, null],
  ] as const)('that is %s ended at %s', (state, ended, result) => {
    const [record] = records([row('make', state)]);
    expect(record).toMatchObject({ state, ended });
    expect(record!.jobs.map((job) => job.result)).toEqual(result === null ? [] : [result ?? null]);
  });

  it('has the job that Maestro names, and where it ran if it was scheduled', () => {
    const [local, scheduled] = records([row('make', 'FINISHED'), row('run', 'RUNNING', { jobId: 'ƒ1', restarts: 1 })]);
    expect(local!.jobs).toEqual([
      {
        ...{ attempt: 1, script: 'main', id: '7', place: '', isDoubtful: false },
        ...{ submitted: 100, started: 200, ended: 300, result: 'completed' },
      },
    ]);
    expect(local).toMatchObject({ exitCode: 0, submitted: 100, started: 200, ended: 300 });
    expect(scheduled).toMatchObject({ exitCode: null, restarts: 1, ended: null });
    expect(scheduled!.jobs).toEqual([
      {
        ...{ attempt: 2, script: 'restart', id: 'ƒ1', place: 'local:///broker', isDoubtful: false },
        ...{ submitted: 100, started: 200, ended: null, result: null },
      },
    ]);
  });

  it('started when it was submitted if Maestro did not see it run, and it finished', () => {
    const [make, run] = records([
      row('make', 'FINISHED', { started: null }),
      row('run', 'FAILED', { started: null, ended: null }),
    ]);
    expect(make).toMatchObject({ started: 100, ended: 300 });
    expect(run).toMatchObject({ started: null, ended: now });
  });

  it('is as if there was none while Maestro has not written of it', () =>
    expect(brief([])).toEqual(['INITIALIZED', 'INITIALIZED', 'INITIALIZED', 'INITIALIZED']));
});

describe('a step that is TIMEDOUT', () => {
  const rows = [row('make', 'FINISHED'), row('run', 'TIMEDOUT')];

  it('is not over while it may be restarted', () =>
    expect(records(rows)[1]).toMatchObject({ ended: null, jobs: [{ ended: null, result: null }] }));

  it('is over if Maestro is', () =>
    expect(records(rows, { end: 'FAILURE' })[1]).toMatchObject({
      ...{ state: 'TIMEDOUT', ended: 300 },
      jobs: [{ result: 'timeout' }],
    }));

  it('is over if it has no restart', () =>
    expect(records([row('after', 'TIMEDOUT')])[2]).toMatchObject({ state: 'TIMEDOUT', ended: 300 }));
});

describe('a step that failed', () => {
  it('has no exit status and no reason, as Maestro records none', () =>
    expect(records([row('make', 'FAILED')])[0]).toMatchObject({ exitCode: null, reason: unknownReason }));

  it('without a job names the dependency that failed, along the whole chain', () => {
    const none = { jobId: '', submitted: null, started: null, ended: null };
    const rows = [
      row('make', 'FINISHED'),
      row('run', 'TIMEDOUT'),
      row('after', 'FAILED', none),
      row('last', 'FAILED', none),
    ];
    expect(brief(rows, 'FAILURE')).toEqual([
      'FINISHED',
      'TIMEDOUT',
      'FAILED: dependency run failed',
      'FAILED: dependency after failed',
    ]);
    expect(records(rows, { end: 'FAILURE' }).map(isSkipped)).toEqual([false, false, true, true]);
  });

  it('without a job and without such a dependency could not be submitted', () =>
    expect(brief([row('make', 'FAILED', { submitted: null, started: null, ended: null })], 'FAILURE')[0]).toBe(
      `FAILED: ${unknownReason}`,
    ));
});

describe('when Maestro has ended', () => {
  const rows = [row('make', 'FINISHED'), row('run', 'RUNNING'), row('after', 'INITIALIZED')];

  it.each([
    ['FINISHED', ['FINISHED', 'FINISHED', 'FINISHED', 'FINISHED']],
    ['DRYRUN', ['DRYRUN', 'DRYRUN', 'DRYRUN', 'DRYRUN']],
  ] as const)('the states that it wrote last stay: %s', (state, states) =>
    expect(
      brief(
        graph.steps.map(({ name }) => row(name, state)),
        'FINISHED',
      ),
    ).toEqual(states),
  );

  it('with a failure, what it left open has failed', () => {
    const seen = records(rows, { end: 'FAILURE' });
    expect(seen.map(({ state }) => state)).toEqual(['FINISHED', 'FAILED', 'FAILED', 'FAILED']);
    expect(seen[1]).toMatchObject({ ended: now, jobs: [{ ended: now, result: 'failed' }] });
    expect(studyStatus(seen)).toBe('FAILURE');
  });

  it('because the study was cancelled, what it left open is cancelled, with the reason', () => {
    const seen = records(rows, { end: 'CANCELLED' });
    expect(seen.map(({ state, reason }) => `${state} ${reason}`)).toEqual([
      'FINISHED ',
      'CANCELLED told so',
      'CANCELLED told so',
      'CANCELLED told so',
    ]);
    expect(seen[1]).toMatchObject({ ended: now, jobs: [{ ended: now, result: 'cancelled' }] });
    expect(studyStatus(seen)).toBe('CANCELLED');
  });

  it('by a crash, nobody knows what became of what ran, and what waited never ran', () => {
    const seen = records(rows, { end: 'crashed' });
    expect(seen.map(({ state, ended }) => `${state} ${ended}`)).toEqual([
      'FINISHED 300',
      'UNKNOWN null',
      'INITIALIZED null',
      'INITIALIZED null',
    ]);
  });
});
