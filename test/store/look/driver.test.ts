import { expect, it } from 'vitest';
import { driverOf } from '../../../src/store/look/driver.js';
import { leaseOf } from '../../support/existing.js';

const machine = { machine: 'login7', bootId: 'boot', pidNamespace: 'pid:[1]' };
const mine = { ...machine, startTime: '77' };
const stat = (state: string, startTime: string) =>
  `4711 (node (x) y) ${state} ${Array.from({ length: 18 }, () => '0').join(' ')} ${startTime} 0`;

it.each([
  ['none was ever there', { fence: 0, quiet: undefined, line: '', stat: '' }, 'none'],
  ['it gave the study back', { quiet: 9000, line: leaseOf({ released: true }) }, 'none'],
  ['it has just written', { quiet: 4, line: leaseOf() }, 'driving'],
  ['its clock is ahead', { quiet: -3000, line: leaseOf() }, 'driving'],
  ['it has not written for a minute, elsewhere', { quiet: 61, line: leaseOf() }, 'silent'],
  ['it has not written for two minutes, elsewhere', { quiet: 121, line: leaseOf() }, 'gone'],
  ['its process is dead here', { quiet: 4, line: leaseOf(mine), stat: 'none' }, 'gone'],
  ['another process has its id here', { quiet: 4, line: leaseOf(mine), stat: stat('R', '78') }, 'gone'],
  ['it is a zombie here', { quiet: 4, line: leaseOf(mine), stat: stat('Z', '77') }, 'gone'],
  ['it is stopped here', { quiet: 4000, line: leaseOf(mine), stat: stat('T', '77') }, 'silent'],
  ['it lives here', { quiet: 4, line: leaseOf(mine), stat: stat('S', '77') }, 'driving'],
  ['its process is hidden here', { quiet: 4, line: leaseOf(mine), stat: '' }, 'driving'],
  [
    'a dead process of another boot has its id',
    { quiet: 4, line: leaseOf({ ...mine, bootId: 'b' }), stat: 'none' },
    'driving',
  ],
  ['it has not come to write who it is', { fence: 2, quiet: 4, line: leaseOf({ released: true }) }, 'driving'],
  ['its lease is damaged', { quiet: 500, line: '{"fen' }, 'gone'],
] as const)('who drives a study, if %s', (_, seen, state) => {
  const { quiet, ...sight } = { fence: 1, stat: '', ...seen };
  expect(driverOf({ ...sight, quietSeconds: quiet }, machine).state).toBe(state);
});
