import { describe, expect, it } from 'vitest';
import { namesOf } from '../../../src/report/merge/names.js';

describe('reports that nobody named', () => {
  it.each([
    [
      'by the artifacts they are from',
      ['r/study-report-alpha/report.json', 'r/study-report-beta/report.json'],
      [],
      ['alpha', 'beta'],
    ],
    ['by the one artifact there is', ['r/study-report-alpha/report.json'], [], ['alpha']],
    [
      'by names with a beginning in common',
      ['r/study-report-node-1/report.json', 'r/study-report-node-12/report.json'],
      [],
      ['node-1', 'node-12'],
    ],
    [
      'by the expected names that their directories end with, the longest',
      ['r/x-node-1/report.json', 'r/x-1/report.json'],
      ['1', 'node-1'],
      ['node-1', '1'],
    ],
    ['by the only name that is expected', ['r/report.json'], ['alpha'], ['alpha']],
    ['by the directories in which they differ', ['a/report.json', 'b/report.json'], [], ['a', 'b']],
    ['by more than one directory', ['/x/a/1/report.json', '/x/b/2/report.json'], [], ['a/1', 'b/2']],
    ['by the directory in the middle', ['runs/a/out/report.json', 'runs/b/out/report.json'], [], ['a', 'b']],
    ['by directories with a beginning in common', ['run-a/report.json', 'run-b/report.json'], [], ['a', 'b']],
    ['by their own names', ['out/alpha.json', 'out/beta.json'], [], ['alpha', 'beta']],
    ['by the directory of a single one', ['out/alpha/report.json'], [], ['alpha']],
    ['by nothing, where there is nothing', ['report.json'], [], [undefined]],
    ['by nothing, where one is above the others', ['report.json', 'a/report.json'], [], [undefined, 'a']],
  ] as [string, string[], string[], (string | undefined)[]][])('are called %s', (_, files, expected, names) => {
    expect(namesOf(files, expected)).toEqual(names);
  });

  it('are none', () => expect(namesOf([], ['alpha'])).toEqual([]));
});
