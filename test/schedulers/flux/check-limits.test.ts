import { describe, expect, it } from 'vitest';
import { checkLimits, type TimeLimit } from '../../../src/schedulers/flux/check-limits.js';
import type { PyValue } from '../../../src/spec/python.js';
import { graphOf } from '../../support/graphs.js';

const at = (line: number) => ({ file: 'study.yaml', line, column: 18 });
const batch = { type: 'flux' as const, values: new Map<string, PyValue>(), at: at(1), placeOf: () => at(1) };

function problems(run: Readonly<Record<string, PyValue>>, time: Partial<TimeLimit>, nodes = 4): string[] {
  const [shape] = graphOf([{ name: 'long', scheduled: true }]).steps;
  const placeOf = (_: string, key: string) => at(key === 'walltime' ? 7 : 5);
  const step = { ...shape!, placeOf, run: new Map([...shape!.run, ...Object.entries(run)]) };
  const times = [{ seconds: 3600, isBegun: false, isDemanded: false, of: "the limit of the queue 'pdebug'", ...time }];
  const inventory = {
    nodes: Array.from({ length: nodes }, (_, rank) => ({ rank, cores: 2, gpus: 0 })),
    starttime: 0,
    expiration: 0,
  };
  const found = checkLimits([step as typeof shape & object], batch, { times, inventory, name: 'the Flux instance' });
  return found.map(({ at, message, hint }) => `${at.line}: ${message} (${hint})`);
}

describe('a walltime', () => {
  it('over the limit is told with its line, and the largest that fits', () => {
    expect(problems({ walltime: '03:00:00' }, {})).toEqual([
      "7: step 'long': its walltime (03:00:00) can never fit into the limit of the queue 'pdebug' (01:00:00) (the largest that fits is 01:00:00 at most)",
    ]);
  });

  it('may be as long as a limit, but not as long as an instance that has begun', () => {
    expect(problems({ walltime: '01:00:00' }, {})).toEqual([]);
    expect(problems({ walltime: '01:00:00' }, { isBegun: true })).toHaveLength(1);
    expect(problems({ walltime: '00:59:00' }, { isBegun: true })).toEqual([]);
  });

  it('need not be given, unless the queue demands one', () => {
    expect(problems({}, {})).toEqual([]);
    expect(problems({}, { isDemanded: true })).toEqual([
      "7: step 'long' has no walltime, and the limit of the queue 'pdebug' demands one (say how long the step may take: 01:00:00 at most)",
    ]);
    expect(problems({}, { isDemanded: true, seconds: 0 })).toEqual([]);
  });
});

it('a request for more than there is is told with its line, and what there is', () => {
  expect(problems({ nodes: 5n, procs: 5n }, {})).toEqual([
    "5: step 'long' asks for more than the Flux instance has (it has 4 nodes, 8 cores in all)",
  ]);
  expect(problems({ nodes: 4n, procs: 4n }, {})).toEqual([]);
});
