import { describe, expect, it } from 'vitest';
import { readStatus, type StatusRow } from '../../../src/conductor/maestro/read-status.js';

const header =
  'Step Name,Job ID,Workspace,State,Run Time,Elapsed Time,Start Time,Submit Time,End Time,Number Restarts,Params';

/** The file that has these rows; Maestro writes no line break after the last one. */
const fileOf = (...rows: readonly string[]) => [header, ...rows].join('\n');

const finished =
  'make,4711,make,FINISHED,0d:00h:00m:02s,0d:00h:00m:03s,2026-03-01 10:00:01,2026-03-01 10:00:00,2026-03-01 10:00:03,0,';

const utc = (time: string) => Date.parse(`2026-03-01T${time}Z`);

const finishedRow: StatusRow = {
  name: 'make',
  jobId: '4711',
  state: 'FINISHED',
  submitted: utc('10:00:00'),
  started: utc('10:00:01'),
  ended: utc('10:00:03'),
  restarts: 0,
};

const nothing = { jobId: '', submitted: null, started: null, ended: null, restarts: 0 };

describe('a row of status.csv', () => {
  it('has the state, the last job and the times of a step', () =>
    expect(readStatus(fileOf(finished), 0)).toEqual([finishedRow]));

  it.each([
    [120, utc('08:00:00')],
    [-330, utc('15:30:00')],
  ])('has local times: %i minutes from UTC', (offset, submitted) =>
    expect(readStatus(fileOf(finished), offset)[0]!.submitted).toBe(submitted),
  );

  it.each([
    [
      'was not submitted yet',
      'run_X.1,--,run/X.1,INITIALIZED,--:--:--,--:--:--,--,--,--,0,X:1',
      { name: 'run_X.1', state: 'INITIALIZED', ...nothing },
    ],
    [
      'waits in the queue',
      'run_X.1,12,run/X.1,PENDING,--:--:--,--:--:--,--,2026-03-01 10:00:00,--,0,X:1',
      { ...nothing, name: 'run_X.1', state: 'PENDING', jobId: '12', submitted: utc('10:00:00') },
    ],
    [
      'runs, of which Maestro tells no run time',
      'run_X.1,12,run/X.1,RUNNING,--:--:--,1d:02h:03m:04s,2026-03-01 10:00:01,2026-03-01 10:00:00,--,2,X:1;Y:2',
      {
        ...{ name: 'run_X.1', state: 'RUNNING', jobId: '12', restarts: 2 },
        ...{ submitted: utc('10:00:00'), started: utc('10:00:01'), ended: null },
      },
    ],
    [
      'is of a dry run',
      'make,--,make,DRYRUN,--:--:--,--:--:--,--,--,--,0,',
      { name: 'make', state: 'DRYRUN', ...nothing },
    ],
    [
      'has the id of a job of Flux',
      'make,ƒ2Xy3,make,RUNNING,--:--:--,--:--:--,--,2026-03-01 10:00:00,--,0,',
      { ...nothing, name: 'make', state: 'RUNNING', jobId: 'ƒ2Xy3', submitted: utc('10:00:00') },
    ],
  ])('is read if the step %s', (_, line, row) => expect(readStatus(fileOf(line), 0)).toEqual([row]));

  it.each([
    ['commas in its label', 'run_X.1,2,3', 'X:1,2,3'],
    ['a label like a state', 'run_X.1,FAILED,2', 'X:1,FAILED,2'],
    ['a value like the columns of times', 'run_X.1', 'X:FAILED,--:--:--,--:--:--,--,--,--,7,'],
    ['blanks and quotes', 'run_X."a b"', 'X:"a b"'],
  ])('is that of a step with %s, as Maestro quotes nothing', (_, name, params) => {
    const line = `${name},12,run/X.123,FINISHED,0d:00h:00m:01s,0d:00h:00m:01s,2026-03-01 10:00:00,2026-03-01 10:00:00,2026-03-01 10:00:01,0,${params}`;
    expect(readStatus(fileOf(line, finished), 0)).toEqual([
      expect.objectContaining({ name, jobId: '12', state: 'FINISHED', restarts: 0 }),
      finishedRow,
    ]);
  });

  it('ends at a line break in the value of a parameter, and the rest is no row', () =>
    expect(readStatus(fileOf(`${finished}X:first`, 'second', finished.replace('make,', 'next,')), 0)).toEqual([
      finishedRow,
      { ...finishedRow, name: 'next' },
    ]));
});

describe('status.csv while it is written', () => {
  it('may be cut anywhere: a row is whole, or left out', () => {
    const text = fileOf(finished, finished.replace('make,', 'next,'));
    const rows = [finishedRow, { ...finishedRow, name: 'next' }];
    for (let length = 0; length <= text.length; length++) {
      const seen = readStatus(text.slice(0, length), 0);
      expect(seen, `cut after ${length} characters`).toEqual(rows.slice(0, seen.length));
    }
    expect(readStatus(text, 0)).toEqual(rows);
  });

  it.each([
    ['', 'nothing'],
    ['Name,State\nmake,FINISHED', 'columns of another kind'],
  ])('has no rows: %j, %s', (text) => expect(readStatus(text, 0)).toEqual([]));

  it('has no row of a state that nobody knows', () =>
    expect(readStatus(fileOf(finished.replace('FINISHED', 'BEWITCHED')), 0)).toEqual([]));
});
