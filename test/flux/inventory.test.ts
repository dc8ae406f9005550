import { connect } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Handle } from '../../src/flux/handle.js';
import { fits, getInventory, parseIdset } from '../../src/flux/inventory.js';
import { durationPolicy, standardDuration } from '../../src/flux/policy.js';
import { explainLoss } from '../../src/schedulers/flux/lost-nodes.js';
import { systemClock } from '../../src/util/clock.js';
import { startBroker } from '../support/flux/study-run.js';

const nodes = (count: number, cores = 2, gpus = 0) =>
  Array.from({ length: count }, (_, rank) => ({ rank, cores, gpus }));
const slot = (count: number, cores: number, gpus = 0) => ({
  type: 'slot',
  count,
  with: [{ type: 'core', count: cores }, ...(gpus > 0 ? [{ type: 'gpu', count: gpus }] : [])],
});
const onNodes = (count: number, ...words: Parameters<typeof slot>) => ({ type: 'node', count, with: [slot(...words)] });

it('an idset is read as its numbers', () => {
  expect(parseIdset('0-2,5')).toEqual([0, 1, 2, 5]);
  expect(parseIdset('[3-4]')).toEqual([3, 4]);
  expect(parseIdset('')).toEqual([]);
});

it("a broker tells what it was started with, of its nodes' parts and of its time", async () => {
  const broker = await startBroker({ cores: 3, starttime: 1000, expiration: 2_000_000_000 });
  const handle = await Handle.connect(connect(broker.uri.replace('local://', '')), systemClock);
  onTestFinished(() => handle.close());
  expect(await getInventory(handle, 5000)).toEqual({
    nodes: [{ rank: 0, cores: 3, gpus: 0 }],
    starttime: 1000,
    expiration: 2_000_000_000,
  });
});

describe('a request', () => {
  it.each([
    ['fits', onNodes(4, 1, 1), nodes(4), true],
    ['does not fit on too few nodes', onNodes(4, 1, 1), nodes(3), false],
    ['does not fit on nodes that are too small', onNodes(4, 10, 1), nodes(4), false],
    ['has each slot on one node', slot(1, 3), nodes(4), false],
    ['has slots on all nodes', slot(8, 1), nodes(4), true],
    ['wants GPUs', slot(1, 1, 1), nodes(4), false],
    ['wants as many GPUs as there are', onNodes(2, 2, 1, 1), nodes(2, 4, 2), true],
    ['of whole nodes wants a core of each', { ...onNodes(4, 1, 1), exclusive: true }, nodes(4), true],
  ])('%s', (_, resources, all, expected) => {
    expect(fits([resources], all)).toBe(expected);
  });

  it('that was possible before nodes were lost is told from one that never was', () => {
    const ranks = new Set([0, 1, 2]);
    expect(explainLoss([onNodes(4, 1, 1)], nodes(4), ranks)).toBe('1 of the 4 nodes of the Flux instance is lost');
    expect(explainLoss([onNodes(5, 1, 1)], nodes(4), ranks)).toBeUndefined();
    expect(explainLoss([onNodes(3, 1, 1)], nodes(4), ranks)).toBeUndefined();
    expect(explainLoss([onNodes(5, 1, 1)], nodes(4), new Set([0, 1, 2, 3]))).toBeUndefined();
  });
});

describe('the time limits of a configuration', () => {
  const config = {
    policy: { limits: { duration: '2h' }, jobspec: { defaults: { system: { queue: 'pdebug', duration: '10m' } } } },
    queues: {
      pdebug: { policy: { limits: { duration: '1h' } } },
      pbatch: {},
      free: { policy: { limits: { duration: '0' }, jobspec: { defaults: { system: { duration: 60 } } } } },
    },
  };

  it.each([
    ['pdebug', { limit: 3600, fallback: 600 }],
    ['pbatch', { limit: 7200, fallback: 600 }],
    ['free', { limit: 0, fallback: 60 }],
    [undefined, { limit: 3600, fallback: 600 }],
  ])("are the queue's own, or those of all queues: %s", (queue, expected) => {
    expect(durationPolicy(config, queue)).toEqual(expected);
  });

  it('may be none', () => {
    expect(durationPolicy({}, undefined)).toEqual({ limit: 0, fallback: 0 });
    expect(durationPolicy(undefined, 'x')).toEqual({ limit: 0, fallback: 0 });
  });

  it.each([
    ['90', 90],
    ['1.5h', 5400],
    ['500ms', 0.5],
    ['inf', 0],
    ['2d', 172_800],
    [30, 30],
    ['soon', undefined],
  ])('are read as Flux reads them: %s', (text, seconds) => {
    expect(standardDuration(text)).toBe(seconds);
  });
});
