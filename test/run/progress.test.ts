import { describe, expect, it } from 'vitest';
import type { StudyEvent } from '../../src/conductor/events.js';
import type { Policy } from '../../src/conductor/policy.js';
import { StudyMachine } from '../../src/conductor/state-machine.js';
import { Progress } from '../../src/run/progress.js';
import type { JobOutcome } from '../../src/schedulers/scheduler.js';
import type { Log } from '../../src/util/log/log.js';
import { graphOf, policyOf, type Shape } from '../support/graphs.js';
import { VirtualClock } from '../support/virtual-clock.js';

/** A log that keeps its lines. */
class Lines implements Log {
  readonly lines: string[] = [];
  liveText: (() => string) | undefined;
  phase(): void {}
  endPhase(): void {}
  problem(): void {}
  error(): void {}
  warning(): void {}
  info(text: string): void {
    this.lines.push(text);
  }
  live(text: (() => string) | undefined): void {
    this.liveText = text;
  }
}

function study(shapes: readonly Shape[], policy: Partial<Policy> = {}) {
  const graph = graphOf(shapes);
  const clock = new VirtualClock(1_000_000);
  const log = new Lines();
  const progress = new Progress(log, graph, clock);
  const machine = new StudyMachine(graph, policyOf({ localJobs: 10_000, ...policy }));
  const tell = (event: StudyEvent) => {
    const { changed } = machine.handle(event);
    if (changed.length > 0) progress.onChange(machine.steps, changed);
  };
  const attempt = (step: number) => machine.steps[step]!.jobs.at(-1)!.attempt;
  return {
    clock,
    log,
    progress,
    begin: () => tell({ type: 'begin', at: clock.now() }),
    submitted: (step: number, id: string) =>
      tell({
        type: 'submitted',
        step,
        attempt: attempt(step),
        at: clock.now(),
        id,
        endpoint: '',
        mayBeDuplicate: false,
      }),
    started: (step: number) => tell({ type: 'started', step, attempt: attempt(step), at: clock.now() }),
    ended: (step: number, result: JobOutcome['result'] = 'completed', exitCode = result === 'completed' ? 0 : 1) =>
      tell({
        type: 'ended',
        step,
        attempt: attempt(step),
        at: clock.now(),
        outcome: { result, exitCode, signal: null, note: '' },
      }),
    cancel: () => tell({ type: 'cancel', at: clock.now(), reason: 'cancelled by SIGINT' }),
  };
}

const many = (count: number, shape: Partial<Shape> = {}) =>
  Array.from({ length: count }, (_, i): Shape => ({ ...shape, name: `s${i}` }));

describe('the progress of a small study', () => {
  it('is told line by line, with the time a step took and why it failed', () => {
    const { clock, log, progress, begin, submitted, started, ended } = study([
      { name: 'make' },
      { name: 'run', after: ['make'], scheduled: true },
      { name: 'post', after: ['run'] },
    ]);
    begin();
    submitted(0, '101');
    started(0);
    clock.advance(1500);
    ended(0);
    submitted(1, 'ƒ7');
    clock.advance(60_000);
    started(1);
    clock.advance(12_000);
    ended(1, 'failed', 3);
    progress.end();
    expect(log.lines).toEqual([
      '[0/3] make RUNNING job 101',
      '[1/3] make FINISHED 1.5s',
      '[1/3] run RUNNING job ƒ7',
      '[3/3] run FAILED 12s exit 3',
      '[3/3] post SKIPPED dependency run failed',
    ]);
  });

  it('tells a restart for what it is, once', () => {
    const { log, begin, submitted, started, ended } = study([{ name: 'run', scheduled: true, restart: true }]);
    begin();
    submitted(0, '7');
    started(0);
    ended(0, 'timeout');
    const lines = log.lines.slice(1);
    expect(new Set(lines).size, `no line is told twice: ${lines}`).toBe(lines.length);
    expect(lines.join('\n')).toContain('its time ran out');
  });

  it('tells a cancellation', () => {
    const { log, begin, submitted, started, cancel, ended } = study([{ name: 'a' }, { name: 'b', after: ['a'] }]);
    begin();
    submitted(0, '1');
    started(0);
    cancel();
    ended(0, 'cancelled');
    expect(log.lines).toEqual([
      '[0/2] a RUNNING job 1',
      '[1/2] b SKIPPED cancelled by SIGINT',
      '[2/2] a CANCELLED 0.0s cancelled by SIGINT',
    ]);
  });

  it('keeps each transition on one line, whatever the reason', () => {
    const { log, begin, ended } = study([{ name: 'a\nb' }]);
    begin();
    ended(0, 'failed');
    expect(log.lines).toEqual(['[1/1] a b FAILED 0.0s exit 1']);
  });
});

describe('the progress of a big study', () => {
  it('is told to sixty lines at once, and the rest summed up a second later', () => {
    const { clock, log, begin, ended } = study(many(1000));
    begin();
    for (let i = 0; i < 900; i++) ended(i, i % 3 === 0 ? 'failed' : 'completed');
    expect(log.lines).toHaveLength(60);
    expect(log.lines[0]).toBe('[   1/1000] s0 FAILED 0.0s exit 1');
    clock.advance(999);
    expect(log.lines).toHaveLength(60);
    clock.advance(1);
    expect(log.lines.slice(60)).toEqual(['[ 900/1000] ... 280 FAILED, 560 FINISHED']);
  });

  it('is a few lines a second from then on, and every transition is counted once', () => {
    const { clock, log, progress, begin, ended } = study(many(10_000));
    begin();
    const seconds = 100;
    for (let i = 0; i < 10_000; i++) {
      ended(i);
      if (i % 100 === 99) clock.advance(1000);
    }
    progress.end();
    expect(log.lines.length).toBeLessThanOrEqual(60 + seconds * 5 + 1);
    const told = log.lines.map((line) => Number(/\.\.\. ([0-9]+) FINISHED$/.exec(line)?.[1] ?? 1));
    expect(told.reduce((sum, count) => sum + count)).toBe(10_000);
    expect(clock.pending).toBe(0);
  });

  it('is told line by line again when it slows down', () => {
    const { clock, log, begin, ended } = study(many(200));
    begin();
    for (let i = 0; i < 100; i++) ended(i);
    clock.advance(60_000);
    const before = log.lines.length;
    ended(100);
    expect(log.lines.slice(before)).toEqual(['[101/200] s100 FINISHED 1m 00s']);
  });

  it('tells at its end what it had not', () => {
    const { log, progress, begin, ended } = study(many(100));
    begin();
    for (let i = 0; i < 100; i++) ended(i);
    progress.end();
    expect(log.lines.slice(60)).toEqual(['[100/100] ... 40 FINISHED']);
    progress.end();
    expect(log.lines).toHaveLength(61);
  });

  it('does not tell that local steps start', () => {
    const { log, begin, started } = study(many(100));
    begin();
    for (let i = 0; i < 100; i++) started(i);
    expect(log.lines).toEqual([]);
  });
});

describe('the live line', () => {
  it('counts the steps in each state, up to now', () => {
    const { clock, log, progress, begin, started, ended } = study(many(12));
    begin();
    for (const i of [0, 1, 2]) started(i);
    ended(0);
    clock.advance(65_000);
    expect(log.liveText?.()).toBe('[ 1/12] 9 pending, 2 running, 1 finished  1m 05s');
    progress.end();
    expect(log.liveText).toBeUndefined();
  });
});
