import { expect, it } from 'vitest';
import { HostError } from '../../../src/hosts/host.js';
import { persistently } from '../../../src/hosts/ssh/first-connection.js';
import { SshError } from '../../../src/hosts/ssh/transport.js';
import { VirtualClock } from '../../support/virtual-clock.js';

const tick = () => new Promise((resolve) => setImmediate(resolve));

/** Tries to connect where an attempt takes so many milliseconds and ends so; when each began, and what came of it. */
async function attempts(takes: number, errors: readonly Error[], chance = 0.5, cancel = new AbortController()) {
  const clock = new VirtualClock();
  clock.chance = chance;
  const told: string[] = [];
  const begun: number[] = [];
  const left = [...errors];
  const connect = async () => {
    begun.push(clock.now());
    await new Promise<void>((resolve) => void clock.after(takes, resolve));
    const error = left.shift();
    if (error !== undefined) throw error;
    return 'connected';
  };
  const options = { clock, tell: (line: string) => told.push(line), cancel: cancel.signal };
  const result = persistently(connect, options).catch((error: unknown) => error);
  for (let i = 0; i < 20; i++) {
    await tick();
    clock.runOut();
  }
  return { begun, told, result: await result };
}

const lost = new SshError('connection', 'login1 closed the connection');

it('a connection that fails is tried again, ever later, and told once', async () => {
  const { begun, told, result } = await attempts(0, [lost, lost, lost]);
  expect(begun).toEqual([0, 800, 2400, 5600]);
  expect(result).toBe('connected');
  expect(told).toEqual(['login1 closed the connection; trying again']);
});

it('those who are turned away together do not come again together', async () => {
  const [early, late] = await Promise.all([attempts(0, [lost], 0), attempts(0, [lost], 0.99)]);
  expect(late.begun[1]).toBeGreaterThan(early.begun[1]! * 2);
});

it('it is given up after five attempts, or none begins after 20 seconds', async () => {
  const many = Array.from({ length: 10 }, () => lost);
  const quick = await attempts(0, many, 0.99);
  expect(quick.begun).toHaveLength(5);
  expect(quick.begun.at(-1)).toBeLessThan(20_000);
  expect(quick.result).toBe(lost);
  const slow = await attempts(12_000, many);
  expect(slow.begun).toEqual([0, 12_800]);
  expect(slow.result).toBe(lost);
  expect((await attempts(20_000, many)).told).toEqual([]);
});

it.each([
  new SshError('refused', 'login1 rejected the key'),
  new SshError('unknown', 'login1 is unknown'),
  new SshError('session', 'login1 allows no session'),
  new HostError('a login there does not run bash'),
])('what is no better a moment later is tried once: $message', async (error) => {
  const { begun, told, result } = await attempts(0, [error]);
  expect(begun).toEqual([0]);
  expect(result).toBe(error);
  expect(told).toEqual([]);
});

it('after a cancellation there is no other attempt', async () => {
  const cancel = new AbortController();
  cancel.abort();
  const { begun, told, result } = await attempts(0, [lost], 0.5, cancel);
  expect(begun).toEqual([0]);
  expect(result).toBe(lost);
  expect(told).toEqual([]);
});
