import { describe, expect, it } from 'vitest';
import { requestOf, runOptionsOf } from '../../src/inputs/derive.js';
import { parseInputs } from '../../src/inputs/parse.js';

const given = (inputs: Readonly<Record<string, string>>) =>
  parseInputs(new Map(Object.entries({ spec: 'study.yaml', ...inputs })), (name) => name);

describe('the longest wait in the queue', () => {
  it.each<[text: string, seconds: number]>([
    ['', 0],
    ['30s', 30],
    ['30d', 30 * 24 * 3600],
  ])('is that of `max-wait`, for jobs and for an allocation: %s', (text, seconds) => {
    const inputs = given({ 'max-wait': text, allocate: '{with: slurm}' });
    expect(runOptionsOf(inputs).policy.maxWaitMs).toBe(seconds * 1000);
    expect(requestOf(inputs, (name) => name)?.maxWait).toBe(seconds);
  });

  it.each<[text: string, seconds: number]>([
    ['2', 120],
    ['0', 0],
  ])('of an allocation is that of its request, if that has one: %s', (text, seconds) => {
    const inputs = given({ 'max-wait': '30s', allocate: `{with: slurm, max-wait: ${text}}` });
    expect(requestOf(inputs, (name) => name)?.maxWait).toBe(seconds);
  });
});
