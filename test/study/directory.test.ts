import { describe, expect, it } from 'vitest';
import { defaultStudyKey, studyDirectory, timeStamp } from '../../src/study/directory.js';
import { type Brief, validSpec } from '../support/plan.js';

const directory = (brief: Partial<Brief>, rules: { outputPath?: string; suffix?: string } = {}) =>
  studyDirectory(validSpec({ steps: [{ name: 'a' }], ...brief }), {
    outputPath: '',
    root: '/base/dir',
    home: '/home/me',
    suffix: '20260131-235900',
    ...rules,
  });

describe('the study directory', () => {
  it.each([
    ['/out', '/out'],
    ['out/x', '/base/dir/out/x'],
    ['../x/', '/base/x'],
    ['~/x', '/home/me/x'],
    ['~', '/home/me'],
    ['~me/x', '/base/dir/~me/x'],
    ['/a $(V)', '/a $(V)'],
  ])('is output-path exactly: %s is %s', (outputPath, expected) =>
    expect(directory({ name: 'demo', variables: { OUTPUT_PATH: '/elsewhere' } }, { outputPath })).toBe(expected),
  );

  it.each([
    ['/scratch/me', '/scratch/me/demo_20260131-235900'],
    ['/scratch/me/', '/scratch/me/demo_20260131-235900'],
    ['./out', '/base/dir/out/demo_20260131-235900'],
    ['~/out', '/home/me/out/demo_20260131-235900'],
    ['~', '/home/me/demo_20260131-235900'],
    ['/', '/demo_20260131-235900'],
    [5, '/base/dir/5/demo_20260131-235900'],
    // Maestro substitutes nothing here.
    ['$(SPECROOT)/$HOME', '/base/dir/$(SPECROOT)/$HOME/demo_20260131-235900'],
  ])('is below the OUTPUT_PATH of the spec: %s', (path, expected) =>
    expect(directory({ variables: { V: 1, OUTPUT_PATH: path } })).toBe(expected),
  );

  it('is below the root when the spec says nothing', () =>
    expect(directory({})).toBe('/base/dir/demo_20260131-235900'));

  it('is below an OUTPUT_PATH among the labels too', () =>
    expect(directory({ labels: { OUTPUT_PATH: '/scratch' } })).toBe('/scratch/demo_20260131-235900'));

  it.each([
    ['my study', 'my_study'],
    ['a/b: "c"', 'ab_c'],
    ['é', ''],
    ['../..', '....'],
  ])('is named safely: %j', (name, safe) => expect(directory({ name })).toBe(`/base/dir/${safe}_20260131-235900`));

  it('ends in what is asked for', () => expect(directory({}, { suffix: 'key 1/2' })).toBe('/base/dir/demo_key_12'));
});

it('the time stamp is the local time to the second', () => {
  expect(timeStamp(new Date(2026, 0, 31, 23, 59, 0))).toBe('20260131-235900');
  expect(timeStamp(new Date(2026, 10, 2, 3, 4, 5, 999))).toBe('20261102-030405');
});

describe('the default study key', () => {
  it('is the run and a short hash', () => expect(defaultStudyKey('123', 'study.yaml')).toMatch(/^123-[0-9a-f]{8}$/));

  it('is the same for the same study of the same run', () =>
    expect(defaultStudyKey('123', 'a', 'b')).toBe(defaultStudyKey('123', 'a', 'b')));

  it('tells apart runs, and whatever else it is given', () => {
    const given = [
      ['1', 'a', 'b'],
      ['2', 'a', 'b'],
      ['1', 'ab', ''],
      ['1', '', 'ab'],
      ['1', 'a'],
      ['1', 'a', 'b', ''],
    ];
    const studyKeys = given.map(([run, ...rest]) => defaultStudyKey(run!, ...rest));
    expect(new Set(studyKeys).size).toBe(given.length);
  });
});
