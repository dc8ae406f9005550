import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StudyMachine } from '../../src/conductor/state-machine.js';
import { statusCsv, statusOrder } from '../../src/store/status-csv.js';
import { newRecord, type StepRecord } from '../../src/study/state.js';
import { graphOf, policyOf, type Shape } from '../support/graphs.js';

const header =
  'Step Name,Job ID,Workspace,State,Run Time,Elapsed Time,Start Time,Submit Time,End Time,Number Restarts,Params';

const untouched = newRecord();

function jobWith(id: string): StepRecord['jobs'][number] {
  const where = { place: '', isDoubtful: false };
  return { attempt: 1, script: 'main', id, ...where, submitted: 0, started: null, ended: null, result: null };
}

/** The rows below the header. */
function rowsOf(shapes: readonly Shape[], records: readonly Partial<StepRecord>[], now = 0): string[] {
  const graph = graphOf(shapes);
  const text = statusCsv(
    graph,
    records.map((record) => ({ ...untouched, ...record })),
    statusOrder(graph),
    now,
  );
  const [first, ...rows] = text.split('\n');
  expect(first).toBe(header);
  return rows;
}

/** Milliseconds of a moment of 30 January 2026 in the zone of the tests. */
const at = (hours: number, minutes: number, seconds: number, milliseconds = 0) =>
  new Date(2026, 0, 30, hours, minutes, seconds, milliseconds).getTime();

describe('status.csv', () => {
  const zone = process.env.TZ;
  beforeAll(() => {
    process.env.TZ = 'Asia/Kolkata';
  });
  afterAll(() => {
    if (zone === undefined) delete process.env.TZ;
    else process.env.TZ = zone;
  });

  it('is, of a study in all its states, to the byte', () => {
    const machine = new StudyMachine(
      graphOf([
        { name: 'make' },
        {
          name: 'run_X.1.Y.a',
          step: 'run',
          workspace: 'run/X.1.Y.a',
          params: { X: '1', Y: 'a' },
          after: ['make'],
          scheduled: true,
        },
        {
          name: 'run_X.2.Y.b',
          step: 'run',
          workspace: 'run/X.2.Y.b',
          params: { X: '2', Y: 'b' },
          after: ['make'],
          scheduled: true,
        },
        { name: 'post', after: ['run_X.1.Y.a'] },
      ]),
      policyOf(),
    );
    const outcome = { result: 'completed', exitCode: 0, signal: null, note: '' } as const;
    const where = { endpoint: '', mayBeDuplicate: false };
    machine.handle({ type: 'begin', at: at(9, 0, 0) });
    machine.handle({ type: 'submitted', step: 0, attempt: 1, at: at(9, 0, 0), id: '101', ...where });
    machine.handle({ type: 'started', step: 0, attempt: 1, at: at(9, 0, 1) });
    machine.handle({ type: 'ended', step: 0, attempt: 1, at: at(9, 0, 3), outcome });
    machine.handle({ type: 'submitted', step: 1, attempt: 1, at: at(9, 0, 3), id: 'ƒ3Xy', ...where });
    machine.handle({ type: 'started', step: 1, attempt: 1, at: at(9, 10, 0) });
    expect(
      statusCsv(
        graphOf([
          { name: 'make' },
          { name: 'run_X.1.Y.a', step: 'run', workspace: 'run/X.1.Y.a', params: { X: '1', Y: 'a' }, after: ['make'] },
          { name: 'run_X.2.Y.b', step: 'run', workspace: 'run/X.2.Y.b', params: { X: '2', Y: 'b' }, after: ['make'] },
          { name: 'post', after: ['run_X.1.Y.a'] },
        ]),
        machine.steps,
        [0, 1, 2, 3],
        at(9, 30, 0),
      ),
    ).toBe(
      `${header}\n` +
        'make,101,make,FINISHED,0d:00h:00m:02s,0d:00h:00m:03s,2026-01-30 09:00:01,2026-01-30 09:00:00,2026-01-30 09:00:03,0,\n' +
        'run_X.1.Y.a,ƒ3Xy,run/X.1.Y.a,RUNNING,0d:00h:20m:00s,0d:00h:29m:57s,2026-01-30 09:10:00,2026-01-30 09:00:03,--,0,X:1;Y:a\n' +
        'run_X.2.Y.b,--,run/X.2.Y.b,PENDING,--:--:--,0d:00h:29m:57s,--,2026-01-30 09:00:03,--,0,X:2;Y:b\n' +
        'post,--,post,INITIALIZED,--:--:--,--:--:--,--,--,--,0,',
    );
  });

  it('has its header only if there are no steps', () => {
    expect(statusCsv(graphOf([]), [], [], 0)).toBe(header);
  });

  it('rounds times to the second, a half up', () => {
    const [row] = rowsOf(
      [{ name: 'run' }],
      [{ state: 'FINISHED', submitted: at(23, 59, 58, 499), started: at(23, 59, 58, 500), ended: at(23, 59, 59, 500) }],
    );
    expect(row).toBe(
      'run,--,run,FINISHED,0d:00h:00m:01s,0d:00h:00m:01s,2026-01-30 23:59:59,2026-01-30 23:59:58,2026-01-31 00:00:00,0,',
    );
  });

  it('counts days, and never below zero', () => {
    const day = 86_400_000;
    const [long, backwards] = rowsOf(
      [{ name: 'a' }, { name: 'b' }],
      [
        { state: 'FINISHED', submitted: 0, started: 0, ended: 12 * day + 3 * 3_600_000 + 4 * 60_000 + 5000 },
        { state: 'RUNNING', submitted: at(9, 0, 0), started: at(9, 0, 0) },
      ],
      at(8, 0, 0),
    );
    expect(long!.split(',')[4]).toBe('12d:03h:04m:05s');
    expect(backwards!.split(',').slice(4, 6)).toEqual(['0d:00h:00m:00s', '0d:00h:00m:00s']);
  });

  it('shows the last job that has an id, and the restarts', () => {
    const rows = rowsOf(
      [{ name: 'a' }, { name: 'b' }],
      [{ jobs: [jobWith('7'), jobWith('8')], restarts: 2, submitted: 0 }, { jobs: [jobWith('')] }],
    );
    expect(rows.map((row) => row.split(',')).map((cells) => [cells[1], cells[9]])).toEqual([
      ['8', '2'],
      ['--', '0'],
    ]);
  });

  it('shows no end for a step that was never submitted', () => {
    const [row] = rowsOf([{ name: 'a' }], [{ state: 'FAILED', ended: at(9, 0, 0) }]);
    expect(row).toBe('a,--,a,FAILED,--:--:--,--:--:--,--,--,--,0,');
  });

  it('has eleven columns whatever is in them, and the same number of lines', () => {
    const hostile = fc.string({ unit: fc.constantFrom(',', '\n', '\r', '"', 'a', '%', ';', 'é') });
    fc.assert(
      fc.property(hostile, hostile, hostile, hostile, hostile, (name, workspace, key, value, id) => {
        const rows = rowsOf([{ name, workspace, params: { [key]: value } }], [{ jobs: [jobWith(id)] }]);
        expect(rows).toHaveLength(1);
        expect(rows[0]!.split(',')).toHaveLength(11);
        expect(rows[0]).not.toMatch(/\r/);
      }),
    );
    expect(rowsOf([{ name: 'run_1,2', workspace: 'run/1,2', params: { X: '1,2' } }], [{}])[0]).toBe(
      'run_1%2C2,--,run/1%2C2,INITIALIZED,--:--:--,--:--:--,--,--,--,0,X:1%2C2',
    );
  });

  it("has its rows in Maestro's order: breadth first", () => {
    const graph = graphOf([
      { name: 'a' },
      { name: 'a1', after: ['a'] },
      { name: 'a2', after: ['a1'] },
      { name: 'b' },
      { name: 'b1', after: ['b'] },
      { name: 'ab', after: ['a2', 'b'] },
      { name: 'c' },
    ]);
    expect(statusOrder(graph).map((index) => graph.steps[index]!.name)).toEqual([
      'a',
      'b',
      'c',
      'a1',
      'b1',
      'ab',
      'a2',
    ]);
  });

  it('has a row for every step, once', () => {
    const shapes = fc.array(fc.array(fc.nat({ max: 5 })), { maxLength: 30 }).map((steps) =>
      steps.map(
        (back, i): Shape => ({
          name: `${i}`,
          after: [...new Set(back.map((n) => i - 1 - n).filter((n) => n >= 0))].map(String),
        }),
      ),
    );
    fc.assert(
      fc.property(shapes, (steps) => {
        expect([...statusOrder(graphOf(steps))].sort((a, b) => a - b)).toEqual(steps.map((_, i) => i));
      }),
    );
  });
});
