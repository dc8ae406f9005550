import { describe, expect, it } from 'vitest';
import { OffHostSteps } from '../../../src/schedulers/local/off-host-steps.js';
import { VirtualClock } from '../../support/virtual-clock.js';

function setting() {
  const clock = new VirtualClock(0);
  const told: string[] = [];
  const givenUp: [string, string][] = [];
  const steps = new OffHostSteps(clock, {
    log: (line) => told.push(line),
    onGivenUp: (key, note) => givenUp.push([key, note]),
  });
  return { clock, told, givenUp, steps };
}

const login9 = { host: 'login9', pid: 77 };

describe('a step on another machine', () => {
  it('is told to people once, after a moment, however often it is found', () => {
    const { clock, told, steps } = setting();
    steps.add('0.1', 'run', login9);
    expect(told).toEqual([]);
    clock.advance(900);
    steps.add('0.1', 'run', { ...login9 });
    clock.advance(100);
    expect(told).toEqual([expect.stringMatching(/^run runs, or ran, on another machine, login9 \(pid 77\): /)]);
    steps.delete('0.1');
    steps.add('0.1', 'run', login9);
    clock.advance(60_000);
    expect(told).toHaveLength(1);
  });

  it('is not told if it is over by then', () => {
    const { clock, told, steps } = setting();
    steps.add('0.1', 'run', login9);
    steps.delete('0.1');
    clock.advance(60_000);
    expect(told).toEqual([]);
  });

  it('that is to end is given up once, some seconds after it was first told so', () => {
    const { clock, givenUp, steps } = setting();
    steps.add('0.1', 'run', login9);
    clock.advance(3_000);
    steps.end('0.1');
    clock.advance(4_000);
    steps.end('0.1');
    expect(givenUp).toEqual([]);
    clock.advance(1_000);
    expect(givenUp).toEqual([['0.1', 'it may still run on login9 (pid 77)']]);
    steps.end('0.1');
    clock.advance(60_000);
    expect(givenUp).toHaveLength(1);
  });

  it('that is to end, and is over or found here before, is not given up', () => {
    const { clock, givenUp, steps } = setting();
    steps.add('0.1', 'run', login9);
    steps.end('0.1');
    clock.advance(4_000);
    steps.delete('0.1');
    clock.advance(60_000);
    expect(givenUp).toEqual([]);
  });

  it('is the only kind that is given up', () => {
    const { clock, givenUp, steps } = setting();
    steps.end('0.1');
    clock.advance(60_000);
    expect(givenUp).toEqual([]);
  });
});
