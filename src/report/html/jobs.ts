import type { JobRecord } from '../../study/state.js';
import { byStep, type StepResult, type StudyResults } from '../results.js';

/** A job as a timeline shows it. Times are milliseconds since the timeline's start. */
export interface TimedJob {
  readonly result: StepResult;
  readonly job: JobRecord;
  readonly submitted: number;
  /** Null if it never began. */
  readonly started: number | null;
  readonly ended: number;
}

export interface JobTimes {
  /** Milliseconds since the epoch. */
  readonly start: number;
  readonly length: number;
  /** Jobs of this run, by the steps of the spec. */
  readonly groups: readonly { readonly name: string; readonly jobs: readonly TimedJob[] }[];
  /** How many jobs were over before this run began: the study was resumed. */
  readonly earlier: number;
}

/** The jobs of a run, on its own time: what was before it is cut off. */
export function jobTimes({ steps, started: start, ended: end }: StudyResults): JobTimes {
  let earlier = 0;
  const length = Math.max(1, end - start);
  const inside = (time: number) => Math.min(length, Math.max(0, time - start));
  const groups = [...byStep(steps)].map(([name, results]) => {
    const jobs = results.flatMap((result) =>
      result.record.jobs.flatMap((job): TimedJob[] => {
        if (job.ended !== null && job.ended < start) {
          earlier += 1;
          return [];
        }
        const { submitted, started, ended } = job;
        return [
          {
            result,
            job,
            submitted: inside(submitted),
            started: started === null ? null : inside(started),
            ended: inside(ended ?? end),
          },
        ];
      }),
    );
    return { name, jobs };
  });
  return { start, length, groups: groups.filter(({ jobs }) => jobs.length > 0), earlier };
}

/**
 * How many of the intervals there are at once: for each of `parts` equal parts of the time, the most in it.
 *
 * @param intervals from, to; within 0 and `length`
 */
export function mostAtOnce(intervals: readonly (readonly [number, number])[], length: number, parts: number): number[] {
  // At the same moment what ends goes before what begins; one without any length is there for a moment all the same.
  const changes = intervals.flatMap(([from, to]) => [
    { at: from, by: 1, order: 1 },
    { at: to, by: -1, order: from === to ? 2 : 0 },
  ]);
  changes.sort((a, b) => a.at - b.at || a.order - b.order);
  const most = new Array<number>(parts).fill(0);
  let [now, part] = [0, 0];
  for (const { at, by } of changes) {
    const until = Math.min(parts - 1, Math.floor((at / length) * parts));
    while (part < until) most[++part] = now;
    now += by;
    most[part] = Math.max(most[part]!, now);
  }
  while (part < parts - 1) most[++part] = now;
  return most;
}

/** Which lane each interval goes to, so that none overlaps another in its lane, with as few lanes as can be. In order of `from`. */
export function lanesOf(intervals: readonly (readonly [number, number])[]): number[] {
  const order = intervals.map((_, i) => i).sort((a, b) => intervals[a]![0] - intervals[b]![0] || a - b);
  const free: number[] = [];
  const lanes = new Array<number>(intervals.length);
  for (const i of order) {
    const [from, to] = intervals[i]!;
    let lane = free.findIndex((time) => time <= from);
    if (lane === -1) lane = free.length;
    free[lane] = to;
    lanes[i] = lane;
  }
  return lanes;
}
