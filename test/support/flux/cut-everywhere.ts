import { expect } from 'vitest';
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
