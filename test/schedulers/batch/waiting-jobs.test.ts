import { expect, it } from 'vitest';
import type { QueueRow } from '../../../src/schedulers/batch/batch-system.js';
import { QueuedJob } from '../../../src/schedulers/batch/queued-job.js';
import { WaitingJobs } from '../../../src/schedulers/batch/waiting-jobs.js';
import { lsf } from '../../../src/schedulers/lsf/lsf.js';
import { slurm } from '../../../src/schedulers/slurm/slurm.js';
import { graphOf } from '../../support/graphs.js';
import { VirtualClock } from '../../support/virtual-clock.js';

const row = (state: string, reason: string): QueueRow => ({
  ...{ id: '7', state, reason, exitCode: null, startedAt: null, endedAt: null },
});

function waiting(excluded: { readonly excluded?: readonly string[] }) {
  const clock = new VirtualClock();
  const stuck: string[] = [];
  const [step] = graphOf([{ name: 'a', scheduled: true }]).steps;
  const queued = new QueuedJob({ step: step!, attempt: 2, script: 'a.sh', ...excluded }, 'a.2');
  const waits = new WaitingJobs({
    ...{ system: slurm, clock, log: () => {}, onReason: () => {} },
    onStuck: (_, reason) => stuck.push(reason),
  });
  /** The queue gives this reason every half minute. */
  const wait = (minutes: number, reason: string) => {
    for (let i = 0; i < minutes * 2; i++) {
      waits.take(queued, row('PENDING', reason), false);
      clock.advance(30_000);
    }
    return stuck;
  };
  return { wait };
}

const down = 'ReqNodeNotAvail, UnavailableNodes:n2';

it('a job that avoids a node is stuck when there has been no other one for five minutes', () => {
  const { wait } = waiting({ excluded: ['n1'] });
  expect(wait(5, down)).toEqual([]);
  expect(wait(0.5, down)).toEqual([down]);
});

it('a job that avoids a node waits for its turn, however long, and for nodes that come back sooner', () => {
  const { wait } = waiting({ excluded: ['n1'] });
  wait(4, down);
  wait(90, 'Priority');
  expect(wait(4, down)).toEqual([]);
});

it('a job that avoids no node is never stuck', () => expect(waiting({}).wait(90, down)).toEqual([]));

it.each([
  ['ReqNodeNotAvail', true],
  [down, true],
  ['ReqNodeNotAvail,_UnavailableNodes:n2', true],
  ['Nodes required for job are DOWN, DRAINED or reserved for jobs in higher priority partitions', true],
  ['Nodes_required_for_job_are_DOWN,_DRAINED_or_reserved_for_jobs_in_higher_priority_partitions', true],
  ['BadConstraints', true],
  ['Resources', false],
  ['Priority', false],
  ['JobHeldUser', false],
  ['QOSMaxJobsPerUserLimit', false],
  ['', false],
])('a job of Slurm that waits for "%s" lacks nodes: %s', (reason, isStuck) => {
  expect(slurm.lacksNodes(row('PENDING', reason))).toBe(isStuck);
  expect(slurm.lacksNodes(row('RUNNING', reason))).toBe(false);
});

it.each([
  ["Job's resource requirements not satisfied: 1 host", true],
  ["Not specified in job submission: 7 hosts; Job's resource requirements not satisfied: 1 host", true],
  ["Job's resource requirements not satisfied; Not usable to the queue: 3 hosts", true],
  ["Job's resource requirements not satisfied: 1 host; Closed by LSF administrator: 2 hosts", true],
  ['Load information unavailable: 1 host; Unable to reach slave batch server: 1 host; LIM is unreachable now', true],
  // Versions that tell no reasons.
  ['', true],
  ["Job's resource requirements not satisfied: 1 host; Job slot limit reached: 3 hosts", false],
  ["Job's requirements for resource reservation not satisfied: 3 hosts", false],
  ['New job is waiting for scheduling', false],
  ['The job was suspended by the user while pending', false],
])('a job of LSF that waits for "%s" lacks nodes: %s', (reason, isStuck) => {
  expect(lsf.lacksNodes(row('PEND', reason))).toBe(isStuck);
  expect(lsf.lacksNodes(row('PSUSP', reason))).toBe(false);
});
