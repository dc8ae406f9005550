import { beforeAll, describe, expect, it } from 'vitest';
import { type Allocated, countAllocations, expectedAllocations, keepAllocations } from './support/allocations.js';

const TOLERANCE = 0.1;

/** What changes the numbers of the repository, for each version of Node that CI has: see test/README.md. */
const isUpdate = process.env.UPDATE_ALLOCATED_BYTES === '1';

let counted: Allocated;

beforeAll(async () => {
  counted = await countAllocations();
  if (isUpdate) keepAllocations(counted);
});

describe('what the program allocates', () => {
  it.each([
    ['staging', 'the staging of 2,001 steps, with all reports,'],
    ['events', '1,000 events of the conductor, with journal and observers,'],
  ] as const)('%s: is within a tenth of the number in the repository', (name, what) => {
    const expected = expectedAllocations()[name];
    const ratio = counted[name] / expected;
    const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
    const message =
      `${what} allocate${name === 'staging' ? 's' : ''} ${megabytes(counted[name])}, and the repository says ${megabytes(expected)} ` +
      `(${((ratio - 1) * 100).toFixed(1)} %). If that is meant, or an improvement, update the number: ` +
      'UPDATE_ALLOCATED_BYTES=1 npx vitest run test/allocated-bytes, once for each version of Node in test/support/allocations/expected.json';
    expect(Math.abs(ratio - 1), message).toBeLessThan(TOLERANCE);
  });
});
