import { expect, it } from 'vitest';
import { HostError } from '../../../src/hosts/host.js';
import { JobEnds, type JobEndsOptions } from '../../../src/schedulers/batch/job-ends.js';
import { QueuedJob } from '../../../src/schedulers/batch/queued-job.js';
import type { Claim } from '../../../src/schedulers/claims/claims.js';
import { slurm } from '../../../src/schedulers/slurm/slurm.js';
import { graphOf } from '../../support/graphs.js';
import { VirtualClock } from '../../support/virtual-clock.js';

/** Job 7, with a twin, whose claim is read or taken like that. */
function waiting(settle: () => Promise<Claim>, more: Partial<QueuedJob> = {}) {
  const cancelled: string[] = [];
  const [step] = graphOf([{ name: 'a', scheduled: true }]).steps;
  const queued = Object.assign(new QueuedJob({ step: step!, attempt: 2, script: 'a.sh' }, 'a.2'), { id: '7' }, more);
  queued.twins.add('8');
  const canceller = { cancel: (ids: readonly string[]) => cancelled.push(...ids) };
  const ends = new JobEnds({
    system: slurm,
    clock: new VirtualClock(),
    claims: { settle },
    canceller,
  } as unknown as JobEndsOptions);
  return { ends, queued, cancelled };
}

const claimed = async (owner: string | null) => ({ owner, exits: [] });

it('a job in the queue is taken back with its twins', async () => {
  const { ends, queued, cancelled } = waiting(() => claimed(null));
  expect(await ends.withdraw(queued)).toBe(true);
  expect(cancelled).toEqual(['7', '8']);
});

it.each<[string, () => Promise<Claim>, Partial<QueuedJob>]>([
  ['has begun meanwhile', () => claimed('7'), {}],
  ['the study has cancelled', () => claimed(null), { isCancelled: true }],
  ['is over', () => claimed(null), { isOver: true }],
  ['has a claim that cannot be read now', () => Promise.reject(new HostError('the host is away')), {}],
])('a job that %s is not taken back', async (_, settle, more) => {
  const { ends, queued, cancelled } = waiting(settle, more);
  expect(await ends.withdraw(queued)).toBe(false);
  expect(cancelled).toEqual([]);
});

it.each<[string, string | undefined, string, readonly string[] | undefined]>([
  ['its first run', undefined, '7|RUNNING||1000||n2|0|', ['n2']],
  ['its first run, which said so itself', 'n1', '7|RUNNING||1000||n2|0|', ['n1']],
  ['no run', 'n1', '7|PENDING||||||', ['n1']],
  ['a later run', 'n1', '7|RUNNING||1000||n2|1|', ['n1']],
  ['a later run that waits for its nodes', 'n1', '7|CONFIGURING||1000||n2|NODE_FAIL|', ['n1']],
  ['a later run, while no nodes are known', undefined, '7|FAILED|73:0|1000||n2|NODE_FAIL|', undefined],
])('the nodes of an attempt are not those of a later run of its job: %s', (_, known, line, nodes) => {
  const { ends, queued } = waiting(() => claimed('7'), known === undefined ? {} : { nodes: [known] });
  ends.takeRow(queued, slurm.parseRow(line));
  expect(queued.nodes).toEqual(nodes);
});
