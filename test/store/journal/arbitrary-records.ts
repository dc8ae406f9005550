import fc from 'fast-check';
import type { JobRecord, StepRecord } from '../../../src/study/state.js';

const time = fc.nat();
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null });

const job = fc.record<Omit<JobRecord, 'attempt'>>({
  script: fc.constantFrom('main', 'restart'),
  id: fc.string(),
  place: fc.constantFrom('', 'local:///run/flux/local'),
  isDoubtful: fc.boolean(),
  submitted: time,
  started: maybe(time),
  ended: maybe(time),
  result: maybe(
    fc.constantFrom('completed', 'failed', 'timeout', 'cancelled', 'node-failure', 'not-run', 'not submitted'),
  ),
});

/** Any record of a step, whether or not it makes sense; with at least `jobs` jobs. */
export const stepRecords = (jobs = 0): fc.Arbitrary<StepRecord> =>
  fc.record<StepRecord>({
    state: fc.constantFrom('INITIALIZED', 'PENDING', 'QUEUED', 'RUNNING', 'FINISHING', 'FINISHED', 'FAILED', 'UNKNOWN'),
    reason: fc.string({ unit: 'binary' }),
    exitCode: maybe(fc.nat({ max: 255 })),
    signal: maybe(fc.constantFrom('SIGKILL', 'SIGTERM')),
    restarts: fc.nat({ max: 3 }),
    restartsBefore: fc.nat({ max: 3 }),
    failedAttempts: fc.nat({ max: 3 }),
    nodeFailures: fc.nat({ max: 3 }),
    notRun: fc.nat({ max: 3 }),
    rerun: maybe(fc.constantFrom('changed', 'cancelled')),
    jobs: fc
      .array(job, { minLength: jobs, maxLength: jobs + 3 })
      .map((some) => some.map((each, i) => ({ ...each, attempt: i + 1 }))),
    submitted: maybe(time),
    started: maybe(time),
    ended: maybe(time),
    tolerated: fc.boolean(),
  });

/** A record, and another that may follow it. */
export const successions: fc.Arbitrary<[before: StepRecord, after: StepRecord]> = stepRecords().chain((before) =>
  fc
    .record({ after: stepRecords(before.jobs.length), same: fc.nat(0xffff) })
    .map(({ after, same }): [StepRecord, StepRecord] => {
      // Most of it stays as it was, as in life.
      const fields = Object.keys(after) as (keyof StepRecord)[];
      const kept = Object.fromEntries(fields.filter((_, i) => (same >> i) & 1).map((field) => [field, before[field]]));
      return [before, structuredClone({ ...after, ...kept })];
    }),
);
