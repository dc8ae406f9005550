import type { Brief, StepBrief } from './plan.js';
import { job, local, outOfTime } from './slurm-study.js';

/** A study of all sorts of steps, how each of them ends, and how often its script runs if the study is run once. */
export interface MixedStudy {
  readonly brief: Brief;
  /** By workspace: `work/I.3`. */
  readonly states: Readonly<Record<string, string>>;
  readonly runs: Readonly<Record<string, number>>;
}

/**
 * Local and scheduled steps: a sweep of three stages, some of which fail, funnels with and without a failure in them, a chain,
 * and one that times out and is restarted.
 *
 * @param width how many combinations the sweep has; every tenth fails
 * @param timeout whether a step times out, for which Slurm takes up to half a minute
 */
export function mixedStudy(width: number, { timeout }: { readonly timeout: boolean }): MixedStudy {
  const states: Record<string, string> = {};
  const runs: Record<string, number> = {};
  const add = (workspace: string, state: string, times: number) => {
    states[workspace] = state;
    runs[workspace] = times;
  };
  const steps: StepBrief[] = [
    local('make'),
    job('work', ': $(I)', { depends: ['make'] }),
    job('check', 'test $(( $(I) % 10 )) != 9', { depends: ['work'] }),
    local('look', ': $(I)', { depends: ['check'] }),
    job('gather', 'true', { depends: ['work_*'] }),
    local('judge', 'true', { depends: ['look_*'] }),
    job('second', 'true', { depends: ['make'] }),
    job('third', '$(LAUNCHER) true', { depends: ['second'], procs: 2 }),
    local('end', 'true', { depends: ['third'] }),
  ];
  const values = Array.from({ length: width }, (_, index) => index);
  for (const step of ['make', 'gather', 'second', 'third', 'end']) add(step, 'FINISHED', 1);
  for (const value of values) {
    const state = value % 10 === 9 ? 'FAILED' : 'FINISHED';
    add(`work/I.${value}`, 'FINISHED', 1);
    add(`check/I.${value}`, state, 1);
    add(`look/I.${value}`, state, state === 'FAILED' ? 0 : 1);
  }
  if (width < 10) add('judge', 'FINISHED', 1);
  else add('judge', 'FAILED', 0);
  if (timeout) {
    steps.push(job('slow', outOfTime, { walltime: '0:10:00', restart: 'echo restarted >> runs' }));
    add('slow', 'FINISHED', 2);
  }
  return { brief: { steps, parameters: { I: values } }, states, runs };
}
