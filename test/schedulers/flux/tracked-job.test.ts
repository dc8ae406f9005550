import { expect, it } from 'vitest';
import { TrackedJob } from '../../../src/schedulers/flux/tracked-job.js';
import { graphOf } from '../../support/graphs.js';

const submission = () =>
  new TrackedJob({ step: graphOf([{ name: 'run', scheduled: true }]).steps[0]!, attempt: 2, script: 'run/run.sh' });

it('is said to be at each stage once', () => {
  const run = submission();
  const said = ['queued', 'queued', 'started', 'started', 'finishing', 'finishing'] as const;
  expect(said.map((stage) => run.hasNotSaid(stage))).toEqual([true, false, true, false, true, false]);
});

it('never goes back, however often its log is read again', () => {
  const run = submission();
  expect(run.hasNotSaid('started')).toBe(true);
  expect(run.hasNotSaid('queued')).toBe(false);
  expect(run.hasNotSaid('finishing')).toBe(true);
  expect(run.hasNotSaid('started')).toBe(false);
});

it('begins as one that waits to be sent, of which nothing is known', () => {
  expect(submission()).toMatchObject({
    phase: 'waiting',
    id: undefined,
    isDoubtful: false,
    isCancelled: false,
    endedWithInstance: false,
    failures: 0,
  });
});
