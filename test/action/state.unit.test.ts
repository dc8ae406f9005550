import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { isPost, savedLeftBehind, saveLeftBehind, savePost } from '../../src/action/state.js';
import type { LeftBehind } from '../../src/run/context.js';
import type { DescribedAllocation } from '../../src/store/journal/records.js';
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

const nothing: LeftBehind = {
  ...{ allocation: undefined, study: undefined, driver: undefined },
  ...{ isCancelled: false, isShown: false },
};
const left = () => savedLeftBehind(environmentOfPost());

describe('what the main step leaves for the post step', () => {
  it('is nothing at first: then it is the main step', () => {
    expect(isPost({})).toBe(false);
    expect(isPost({ STATE_maestro_post: '' })).toBe(false);
    expect(savedLeftBehind({})).toEqual(nothing);
  });

  it('says that it has begun', () => {
    savePost();
    expect(isPost(environmentOfPost())).toBe(true);
    expect(left()).toEqual(nothing);
  });

  it('is the allocation that is held, whatever is in its description', () => {
    savePost();
    saveLeftBehind({ allocation: allocation('17') });
    expect(isPost(environmentOfPost())).toBe(true);
    expect(left()).toEqual({ ...nothing, allocation: allocation('17') });
  });

  it('is the last allocation, and none once that was given back', () => {
    saveLeftBehind({ allocation: allocation('17') });
    saveLeftBehind({ allocation: undefined });
    saveLeftBehind({ allocation: allocation('18') });
    expect(left()).toEqual({ ...nothing, allocation: allocation('18') });
    saveLeftBehind({ allocation: undefined });
    expect(left()).toEqual(nothing);
  });

  it('is the study that is driven, whatever its path, and none once it is let go of', () => {
    const study = `/p/it's\n"here"/ä_1 `;
    saveLeftBehind({ study });
    expect(left()).toEqual({ ...nothing, study, driver: process.pid });
    saveLeftBehind({ study: undefined });
    expect(left()).toEqual(nothing);
  });

  it('is that the workflow was cancelled', () => {
    saveLeftBehind({ isCancelled: true, isShown: false });
    expect(left()).toEqual({ ...nothing, isCancelled: true });
    saveLeftBehind({ isCancelled: false });
    expect(left()).toEqual(nothing);
  });

  it('keeps each, whatever is said of the others', () => {
    saveLeftBehind({ study: '/p/study' });
    saveLeftBehind({ isCancelled: true });
    saveLeftBehind({ allocation: allocation('17') });
    saveLeftBehind({});
    const driver = process.pid;
    expect(left()).toEqual({
      allocation: allocation('17'),
      study: '/p/study',
      driver,
      isCancelled: true,
      isShown: false,
    });
    saveLeftBehind({ allocation: undefined });
    saveLeftBehind({ isShown: true });
    expect(left()).toEqual({ ...nothing, study: '/p/study', driver, isCancelled: true, isShown: true });
  });
});
