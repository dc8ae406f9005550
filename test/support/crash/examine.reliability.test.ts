import { appendFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { CrashedStudy } from './crashed-study.js';
import { compareOutcomes, examine, outcomeOf } from './examine.js';
import { plainStudy } from './mixed-study.js';

let study: CrashedStudy;
beforeEach(async () => {
  study = new CrashedStudy(plainStudy(10, 'local', 'echo text'));
  await study.finish();
});

const found = () => {
  const { ranTwice, lost, problems } = examine(study);
  return [ranTwice, lost, ...problems];
};

it('has nothing to say of a study in which all is well', () => {
  expect(found()).toEqual([0, 0]);
  expect(compareOutcomes(outcomeOf(study), outcomeOf(study))).toEqual([]);
});

it('finds a step that ran twice', () => {
  appendFileSync(study.file('s3/CHAIN.0/runs'), 'begin 2\nend 3\n');
  expect(found()).toEqual([1, 0, 's3_CHAIN.0 ran 2 times, and may 1 times']);
});

it('finds a step that did not run, and one that did not run to its end', () => {
  rmSync(study.file('s9/CHAIN.0/runs'));
  expect(found()).toEqual([0, 1, 's9_CHAIN.0 began 0 times and ended 0 times']);
  writeFileSync(study.file('s9/CHAIN.0/runs'), 'begin 9999999999\n');
  expect(found()).toEqual([0, 1, 's9_CHAIN.0 began 1 times and ended 0 times']);
});

it('finds a step that did not wait for what it depends on', () => {
  writeFileSync(study.file('s4/CHAIN.0/runs'), 'begin 1\nend 2\n');
  expect(found()).toEqual([0, 0, 's4_CHAIN.0 began before s3_CHAIN.0, which it depends on, had ended']);
});

it('finds that status.csv or the journal does not say the same', () => {
  writeFileSync(study.file('status.csv'), study.read('status.csv').replace(',FINISHED,', ',RUNNING,'));
  expect(found()).toEqual([0, 0, 'status.csv does not have s0_CHAIN.0 FINISHED', 'status.csv has s0_CHAIN.0 RUNNING']);
  appendFileSync(study.file('.conductor/journal.jsonl'), '{"torn":');
  expect(found()[2]).toBe('the journal ends in the middle of a line');
});

it('finds files that are not as they should be', () => {
  const before = outcomeOf(study);
  appendFileSync(study.file(study.report.steps[0].stdout), 'text\n');
  appendFileSync(study.file('more'), '');
  expect(compareOutcomes(outcomeOf(study), before)).toEqual([
    'there is more, which should not be there',
    's0/CHAIN.0/s0_CHAIN.0.ID.out has "text\\ntext\\n" and not "text\\n"',
  ]);
  rmSync(path.join(study.path, 'study.yaml'));
  expect(compareOutcomes(outcomeOf(study), before)).toContain('there is no study.yaml');
});
