import { expect, it } from 'vitest';
import { readStatus } from '../../../src/conductor/maestro/read-status.js';
import { seriesOf } from '../../../src/conductor/maestro/versions.js';

it.each([
  ['maestro 1.1.11', 'md5'],
  ['maestro 1.1.9dev1', 'md5'],
  ['maestro 1.2.1', 'numbered'],
  ['maestro 1.3.0', 'numbered'],
  ['maestro 1.0.2', undefined],
  ['maestro 0.9', undefined],
  ['maestro 2.0.0', undefined],
  ['command not found', undefined],
  ['', undefined],
])('%j names hashed workspaces as %s', (version, names) => expect(seriesOf(version)?.hashedNames).toBe(names));

it('the status.csv of Maestro 1.1.8 has no ids of jobs', () =>
  expect(
    readStatus(
      [
        'Step Name,Workspace,State,Run Time,Elapsed Time,Start Time,Submit Time,End Time,Number Restarts',
        'run_X.1,2,run/X.12,FINISHED,0d:00h:00m:02s,0d:00h:00m:02s,2026-03-01 10:00:01,2026-03-01 10:00:00,2026-03-01 10:00:03,0',
        'last,last,INITIALIZED,--:--:--,--:--:--,--,--,--,0',
      ].join('\n'),
      0,
    ),
  ).toEqual([
    {
      ...{ name: 'run_X.1,2', jobId: '', state: 'FINISHED', restarts: 0 },
      submitted: Date.parse('2026-03-01T10:00:00Z'),
      started: Date.parse('2026-03-01T10:00:01Z'),
      ended: Date.parse('2026-03-01T10:00:03Z'),
    },
    { name: 'last', jobId: '', state: 'INITIALIZED', submitted: null, started: null, ended: null, restarts: 0 },
  ]));
