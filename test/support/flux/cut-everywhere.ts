import { expect } from 'vitest';
import type { Job } from '../../../src/schedulers/scheduler.js';
import { until } from '../wait.js';
import { FluxStudy, hurried, wholeStory } from './study-run.js';
import { Tap } from './study-tap.js';

/** Each kind of event of each attempt once, and none after the end. */
export function expectOneStory(said: readonly string[]): void {
  expect(said.filter((type) => type !== 'submitted')).toEqual(wholeStory.slice(1));
  expect(said[0]).toBe('submitted');
}

/**
 * Runs two steps again and again, the connection cut after the first response, after the second and so on, until it lasts
 * for the whole study. Each time each script must have run once, and its step be told of as if nothing had happened.
 *
 * @returns how many responses the study took
 */
export async function cutEverywhere(uri: string): Promise<number> {
  const tap = await Tap.start(uri);
  for (let after = 1; ; after++) {
    tap.cuts = { connections: 1 + (after % 2), after };
    const study = await FluxStudy.start(tap, { clock: hurried(20) });
    const jobs = ['good', 'bad'].map((name) =>
      study.submit(name, `echo ran >> ran${name === 'bad' ? '; exit 3' : ''}`),
    );
    const outcomes = await Promise.all(jobs.map((job) => study.outcome(job)));
    expect([after, outcomes]).toMatchObject([after, [{ exitCode: 0 }, { exitCode: 3 }]]);
    for (const job of jobs) {
      expect([after, study.read(`${job.step.name}/ran`)]).toEqual([after, 'ran\n']);
      expectOneStory(study.said(job));
    }
    study.scheduler.close();
    if (study.told.length === 0) return after;
    expect(after).toBeLessThan(100);
  }
}

/**
 * Runs two steps again and again, the driver gone after the first response, after the second and so on, until it sees both
 * to their ends. Each time another scheduler takes over what is left: each script must have run once, and each end be told.
 *
 * @param hasOtherName whether the broker is called otherwise by then, as where it is seen from elsewhere
 * @returns how many responses the study took
 */
export async function takeOverEverywhere(uri: string, { hasOtherName = false } = {}): Promise<number> {
  const tap = await Tap.start(uri);
  for (let after = 1; ; after++) {
    tap.cuts = { connections: 1, after };
    const first = await FluxStudy.start(tap, { clock: hurried(20) });
    // As if it had been killed: it does nothing more once the connection is gone.
    first.onTold = () => first.scheduler.close();
    const jobs = ['good', 'bad'].map((name) =>
      first.submit(name, `echo ran >> ran${name === 'bad' ? '; exit 3' : ''}`),
    );
    const isOver = (job: Job) => first.said(job).includes('ended');
    await until('it is gone, or done', () => first.told.length > 0 || jobs.every(isOver));
    const second = await first.takenOver(hasOtherName ? { uri } : tap, { clock: hurried(20) });
    const outcomes = await Promise.all(jobs.map((job) => (isOver(job) ? first : second).outcome(job)));
    expect([after, outcomes]).toMatchObject([after, [{ exitCode: 0 }, { exitCode: 3 }]]);
    for (const job of jobs) {
      expect([after, second.read(`${job.step.name}/ran`)]).toEqual([after, 'ran\n']);
      const ends = [...first.said(job), ...second.said(job)].filter((type) => type === 'ended');
      expect([after, ends]).toEqual([after, ['ended']]);
    }
    second.scheduler.close();
    first.scheduler.close();
    if (first.told.length === 0) return after;
    expect(after).toBeLessThan(100);
  }
}
