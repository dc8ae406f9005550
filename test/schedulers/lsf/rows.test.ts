import { expect, it } from 'vitest';
import { parseNodes, parseRow } from '../../../src/schedulers/lsf/rows.js';

const at = (text: string) => Date.parse(`${text}Z`);
const seconds = (text: string) => at(text) / 1000;
/** The clock of the host. */
const now = seconds('2026-11-24T20:40:00');

it('a row has what bjobs says', () => {
  const line = `${now}|4711|EXIT|140|Nov 24 20:31|Nov 24 20:35 L|16*hosta:16*hostb|TERM_RUNLIMIT: job killed after reaching LSF run time limit.|`;
  expect(parseRow(line)).toEqual({
    id: '4711',
    state: 'EXIT',
    reason: 'TERM_RUNLIMIT: job killed after reaching LSF run time limit',
    exitCode: 140,
    startedAt: at('2026-11-24T20:31:00'),
    endedAt: at('2026-11-24T20:35:00'),
    nodes: ['hosta', 'hostb'],
  });
});

it('a job that waits has its reason, and one that runs no end', () => {
  expect(parseRow(`${now}|1|PEND||||||New job is waiting for scheduling;`)).toMatchObject({
    reason: 'New job is waiting for scheduling',
    exitCode: null,
    startedAt: null,
    endedAt: null,
  });
  expect(parseRow(`${now}|1|RUN||Nov 24 19:00|Nov 25 19:00 L|||`)).toMatchObject({
    startedAt: at('2026-11-24T19:00:00'),
    endedAt: null,
  });
});

it.each([
  ['DONE', '', 0],
  ['DONE', '-', 0],
  ['EXIT', '', null],
  ['EXIT', '1', 1],
  ['RUN', '0', null],
])('the exit status of a job in the state %s with "%s" is %s', (state, code, exitCode) => {
  expect(parseRow(`${now}|1|${state}|${code}|-|-|-|-|-`)?.exitCode).toBe(exitCode);
});

it.each([
  ['Nov 24 20:31', '2026-11-24T20:31:00'],
  ['Nov  4 08:05', '2026-11-04T08:05:00'],
  ['Nov 24 20:31 E', '2026-11-24T20:31:00'],
  ['Nov 24 20:31:05 2026', '2026-11-24T20:31:05'],
  ['Nov 24 20:31:05 2026 L', '2026-11-24T20:31:05'],
  ['Nov 24 20:31 2026', '2026-11-24T20:31:00'],
  ['Tue Nov 24 20:31:05', '2026-11-24T20:31:05'],
  ['Tue Nov 24 20:31:05 2026', '2026-11-24T20:31:05'],
  ['Nov 24 20:39:59', '2026-11-24T20:39:59'],
  // The present minute, of which no second is known, is worth less than the clock of whoever asks.
  ['Nov 24 20:39', null],
  ['Dec 31 23:59', '2025-12-31T23:59:00'],
  ['-', null],
  ['', null],
  ['Foo 24 20:31', null],
])('the time "%s" is %s', (text, time) => {
  expect(parseRow(`${now}|1|EXIT|1|${text}|-|-|-`)?.startedAt).toBe(time === null ? null : at(time));
});

it('a time without a year may be of the next year by the clock of the host', () => {
  const newYearsEve = seconds('2026-12-31T23:58:00');
  expect(parseRow(`${newYearsEve}|1|EXIT|1|Jan  1 00:00:30|-|-|-`)?.startedAt).toBe(at('2027-01-01T00:00:30'));
});

it.each(['', 'Job <7> is not found', 'JOBID|STAT', `${now}|7`, 'LSF is down. Please wait ...'])(
  '"%s" is no row',
  (line) => {
    expect(parseRow(line)).toBeUndefined();
  },
);

it('the hosts of a job in its own environment are names with numbers of slots', () => {
  expect(parseNodes('hosta 16 hostb-2.site 16 ')).toEqual(['hosta', 'hostb-2.site']);
  expect(parseNodes('')).toEqual([]);
});
