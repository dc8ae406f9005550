import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { DescribedAllocation } from '../../src/broker/allocation/allocation.js';
import { isPost, saveAllocation, savedAllocation, savePost } from '../../src/github/state.js';
import { temporaryDirectory } from '../support/temporary.js';

let file: string;

beforeEach(() => {
  file = path.join(temporaryDirectory(), 'state');
  writeFileSync(file, '');
  vi.stubEnv('GITHUB_STATE', file);
});

afterEach(() => {
  vi.unstubAllEnvs();
});

/** What the runner makes of the file for the post step: the last value of each name, as `STATE_name`. */
function environmentOfPost(): Record<string, string> {
  const records = readFileSync(file, 'utf8').matchAll(/^(\w+)<<(\S+)\n([\s\S]*?)\n?\2\n/gm);
  return Object.fromEntries([...records].map(([, name, , value]) => [`STATE_${name}`, value!]));
}

const allocation = (id: string) =>
  ({ kind: 'slurm', id, studyPath: `/p/it's\n"here"` }) as unknown as DescribedAllocation;

describe('what the main step leaves for the post step', () => {
  it('is nothing at first: then it is the main step', () => {
    expect(isPost({})).toBe(false);
    expect(isPost({ STATE_maestro_post: '' })).toBe(false);
    expect(savedAllocation({})).toBeUndefined();
  });

  it('says that it has begun', () => {
    savePost();
    expect(isPost(environmentOfPost())).toBe(true);
    expect(savedAllocation(environmentOfPost())).toBeUndefined();
  });

  it('is the allocation that is held, whatever is in its description', () => {
    savePost();
    saveAllocation(allocation('17'));
    expect(isPost(environmentOfPost())).toBe(true);
    expect(savedAllocation(environmentOfPost())).toEqual(allocation('17'));
  });

  it('is the last allocation, and none once that was given back', () => {
    saveAllocation(allocation('17'));
    saveAllocation(undefined);
    saveAllocation(allocation('18'));
    expect(savedAllocation(environmentOfPost())).toEqual(allocation('18'));
    saveAllocation(undefined);
    expect(savedAllocation(environmentOfPost())).toBeUndefined();
  });
});
