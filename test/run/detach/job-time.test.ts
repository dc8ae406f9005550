import { describe, expect, it } from 'vitest';
import { JobTime } from '../../../src/run/detach/job-time.js';
import { VirtualClock } from '../../support/virtual-clock.js';

const DAY_S = 86_400;

/** A conductor whose job has so many seconds left, and what it says. */
function conductorWith(seconds: number, succeed: () => Promise<string> = async () => 'job 8 of Slurm') {
  const clock = new VirtualClock();
  const said: string[] = [];
  const log = { info: (line: string) => said.push(line), error: (line: string) => said.push(`error: ${line}`) };
  const leave = new AbortController();
  const time = new JobTime({ seconds, clock, log, succeed, leave });
  const pass = async (some: number) => {
    clock.advance(some * 1000);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { time, leave, said, pass };
}

describe('the time of a job that conducts a study', () => {
  it('is handed over five minutes before its end, or with a tenth of it left, and with ten seconds at least', async () => {
    for (const [seconds, before] of [
      [60 * DAY_S, 300],
      [DAY_S, 300],
      [1200, 120],
      [60, 10],
    ] as const) {
      const { time, pass, said } = conductorWith(seconds);
      await pass(seconds - before - 1);
      expect(time.signal.aborted).toBe(false);
      await pass(1);
      expect([time.signal.aborted, said]).toEqual([
        true,
        ["The time of this conductor's job is nearly up: job 8 of Slurm continues the study"],
      ]);
    }
  });

  it('ends with the study being left once no local step runs, or before the job is killed', async () => {
    const first = conductorWith(60);
    await first.pass(50);
    expect(first.leave.signal.aborted).toBe(false);
    first.time.done();
    expect(first.leave.signal.reason).toBe("the time of the conductor's job is up");
    const second = conductorWith(60);
    await second.pass(50);
    await second.pass(8);
    expect(second.leave.signal.aborted).toBe(true);
  });

  it('is up also if no other conductor can be submitted, which is said', async () => {
    const { time, pass, said } = conductorWith(60, () => Promise.reject(new Error('the queue is closed')));
    await pass(50);
    expect(time.signal.aborted).toBe(true);
    expect(said[0]).toMatch(
      /^error: the time of this conductor's job is up, and no other can be submitted: .*the queue is closed/,
    );
  });

  it('is of no interest once the study is over', async () => {
    const { time, pass } = conductorWith(60);
    time.end();
    await pass(60);
    expect(time.signal.aborted).toBe(false);
  });
});
