import { describe, expect, it } from 'vitest';
import { allocationUse, nodeHours, type RanOn } from '../../src/causes/node-hours.js';

const hour = 3_600_000;
const job = (from: number, until: number, ...nodes: string[]): RanOn => ({
  ...{ nodes, count: 1 },
  ...{ from: from * hour, until: until * hour },
});
const held = (nodes: number, from: number, until: number | null) => ({
  ...{ nodes, from: from * hour },
  until: until === null ? null : until * hour,
});
const share = (...given: Parameters<typeof allocationUse>) => {
  const use = allocationUse(...given);
  return use && [use.usedNodeHours, use.nodeHours];
};

describe('the share of an allocation that was used', () => {
  it('is nodes × time in which jobs ran, of all that it had', () =>
    expect(share([held(4, 0, 3)], [job(0, 1, 'a', 'b'), job(1, 3, 'a')], 0)).toEqual([4, 12]));

  it('counts a node that several jobs share once', () =>
    expect(share([held(1, 0, 4)], [job(0, 2, 'a'), job(1, 3, 'a'), job(1, 2, 'a')], 0)).toEqual([3, 4]));

  it('ends now if it is still held', () =>
    expect(share([held(2, 1, null)], [job(1, 2, 'a')], 3 * hour)).toEqual([1, 4]));

  it('is of all allocations of the run, and of no job outside of them', () =>
    expect(share([held(1, 0, 1), held(1, 5, 6)], [job(0, 2, 'a'), job(3, 4, 'a'), job(5, 9, 'b')], 0)).toEqual([2, 2]));

  it('counts the nodes that were asked for where names are not known, but never more than there were', () => {
    const unnamed = { ...job(0, 1), count: 3 };
    expect(share([held(4, 0, 1)], [unnamed], 0)).toEqual([3, 4]);
    expect(share([held(4, 0, 1)], [unnamed, unnamed], 0)).toEqual([4, 4]);
  });

  it('is not known without an allocation', () => expect(share([], [job(0, 1, 'a')], hour)).toBeUndefined());
});

it('node-hours are those of all jobs that ran', () =>
  expect(
    nodeHours([
      { nodes: 2, runTime: 3_600_000 },
      { nodes: 1, runTime: 1_800_000 },
      { nodes: 4, runTime: null },
    ]),
  ).toBe(2.5));
