import { describe, expect, it } from 'vitest';
import { chooseRecords, MAX_RECORDS, READ_RECORDS, recordDirectory, recordFile } from '../../src/history/files.js';

const run = {
  ...{ repository: 'octo/app', workflow: 'nightly', spec: 'specs/study.yaml', branch: 'main', leg: '' },
  ...{ event: 'schedule', url: '', attempt: 1 },
};

describe('the directory of records', () => {
  it('can be recognized', () =>
    expect(recordDirectory(run)).toMatch(/^octo-app_nightly_specs-study-yaml_main_[0-9a-f]{12}$/));

  it('is another one for another study, even if it looks alike', () => {
    const others = [
      { repository: 'octo-app' },
      { workflow: 'Nightly' },
      { spec: 'specs/study/yaml' },
      { branch: 'release/1' },
      { leg: 'gpu' },
    ];
    const names = [run, ...others.map((other) => ({ ...run, ...other }))].map(recordDirectory);
    expect(new Set(names).size).toBe(names.length);
    expect(recordDirectory({ ...run, attempt: 2, url: 'x', event: 'push' })).toBe(names[0]);
  });

  it('is one short name, whatever the texts are', () => {
    const name = recordDirectory({ ...run, branch: '../../etc', workflow: `${'x'.repeat(300)}\n$(rm)`, leg: '🚀' });
    expect(name).toMatch(/^[A-Za-z0-9_-]{1,113}$/);
  });
});

describe('the files of records', () => {
  const night = (i: number) => recordFile(Date.UTC(2026, 0, 1 + i, 3), 'a1b2');

  it('sort by their time', () => {
    const names = [5, 400, 40].map(night);
    expect(chooseRecords(names).toRead).toEqual([5, 40, 400].map(night));
    expect(night(0)).toBe('20260101T030000000Z-a1b2.json');
  });

  it('are the latest, and beyond 400 the earliest are removed', () => {
    const names = Array.from({ length: MAX_RECORDS + 3 }, (_, i) => night(i));
    const { toRead, toRemove } = chooseRecords(names.toReversed());
    expect(toRemove).toEqual([0, 1, 2].map(night));
    expect(toRead).toEqual(names.slice(-READ_RECORDS));
    expect(chooseRecords(names.slice(3)).toRemove).toEqual([]);
  });

  it('are not those that are being written, nor others, which are named', () => {
    const others = ['.new-1', `${night(1)}.tmp`, `.${night(2)}`, 'README', '.nfs0001', 'notes.json', ''];
    expect(chooseRecords(others)).toEqual({ toRead: [], toRemove: [], foreign: ['README', 'notes.json'] });
  });
});
