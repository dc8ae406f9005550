import { describe, expect, it } from 'vitest';
import { Signalled } from '../../src/run/process-context.js';
import { type StopOptions, StopSignals } from '../../src/run/stop-signals.js';
import { VirtualClock } from '../support/virtual-clock.js';

interface Given {
  readonly onCancel?: 'cancel' | 'leave';
  readonly minutes?: number;
  readonly finishes?: string;
  /** Why the process was told to end before the run began. */
  readonly before?: unknown;
}

/** An ending, and all that may bring it about. */
class Setting {
  readonly clock = new VirtualClock(1_000_000);
  readonly process = new AbortController();
  readonly cancelled = new AbortController();
  readonly lost = new AbortController();
  readonly ending: StopSignals;
  /** How often it was told that there is no time to wait any more. */
  hurries = 0;

  constructor({ onCancel = 'cancel', minutes = 0, finishes, before }: Given = {}) {
    if (before !== undefined) this.process.abort(before);
    const policy = { onCancel, timeoutMinutes: minutes };
    const options: StopOptions = { policy, clock: this.clock, cancel: this.process.signal, finishes };
    this.ending = new StopSignals(options);
  }

  /** The study is held: what happens to it is heeded, until the result is called. */
  hold(): () => void {
    return this.ending.listen({
      cancelled: this.cancelled.signal,
      lost: this.lost.signal,
      hurry: () => {
        this.hurries += 1;
      },
    });
  }

  /** What is to be done about the study, and why; undefined of what is not. */
  get said(): Record<'cancel' | 'leave' | 'waiting', string | undefined> {
    const { cancel, leave, waiting } = this.ending;
    const why = ({ aborted, reason }: AbortSignal) => (aborted ? String(reason) : undefined);
    return { cancel: why(cancel), leave: why(leave), waiting: why(waiting) };
  }
}

const nothing = { cancel: undefined, leave: undefined, waiting: undefined };
const cancelled = (why: string) => ({ cancel: why, leave: undefined, waiting: why });
const left = (why: string) => ({ cancel: undefined, leave: why, waiting: why });

const minute = 60_000;
const day = 24 * 60 * minute;

describe('a run', () => {
  it('goes on for as long as nothing happens', () => {
    const setting = new Setting();
    setting.hold();
    setting.clock.advance(1000 * day);
    expect(setting.said).toEqual(nothing);
    expect(setting.clock.pending).toBe(0);
  });

  it.each([
    ['on-cancel: cancel', 'cancel', cancelled('cancelled by SIGINT')],
    ['on-cancel: leave', 'leave', left('cancelled by SIGINT; jobs are left running')],
  ] as const)('that is told to end does as it was told before: %s', (_, onCancel, said) => {
    const setting = new Setting({ onCancel });
    setting.hold();
    setting.process.abort(new Signalled('SIGINT'));
    expect(setting.said).toEqual(said);
    // Told before it began, it does the same.
    expect(new Setting({ onCancel, before: new Signalled('SIGINT') }).said).toEqual(said);
  });

  it('that is cancelled knows which signal it was', () => {
    const setting = new Setting();
    const reason = new Signalled('SIGTERM');
    setting.process.abort(reason);
    expect(setting.ending.cancel.reason).toBe(reason);
  });

  it.each([
    ['cancel', 'cancelled on the host'],
    ['leave', 'cancelled on the host'],
  ] as const)('whose study somebody cancels on the host cancels it, also with on-cancel: %s', (onCancel, why) => {
    const setting = new Setting({ onCancel });
    setting.hold();
    setting.cancelled.abort(why);
    expect(setting.said).toEqual(cancelled(why));
  });

  it.each(['cancel', 'leave'] as const)(
    'that has lost the study leaves it alone: its jobs are those of another now: on-cancel: %s',
    (onCancel) => {
      const setting = new Setting({ onCancel });
      setting.hold();
      setting.lost.abort('somebody else drives the study now');
      expect(setting.said).toEqual(left('somebody else drives the study now'));
    },
  );

  it('heeds what happened to the study before it listened', () => {
    const one = new Setting();
    one.cancelled.abort('cancelled on the host');
    expect(one.said).toEqual(nothing);
    one.hold();
    expect(one.said).toEqual(cancelled('cancelled on the host'));
    const other = new Setting();
    other.lost.abort('lost');
    other.hold();
    expect(other.said).toEqual(left('lost'));
  });

  it('does not heed it any more once it does not listen', () => {
    const setting = new Setting();
    setting.hold()();
    setting.cancelled.abort('cancelled on the host');
    setting.lost.abort('lost');
    expect(setting.said).toEqual(nothing);
  });

  it('without a study to hold has nothing to listen to', () => {
    const setting = new Setting();
    setting.ending.listen(undefined)();
    setting.process.abort('enough');
    expect(setting.said).toEqual(cancelled('enough'));
  });

  it('may be left after it was cancelled, as the first of both says', () => {
    const setting = new Setting({ minutes: 10 });
    setting.hold();
    setting.process.abort('enough');
    setting.clock.advance(10 * minute);
    expect(setting.said).toEqual({
      cancel: 'enough',
      leave: 'timeout-minutes: 10 minutes are over',
      waiting: 'enough',
    });
  });

  it('keeps the first reason, whatever comes after it', () => {
    const setting = new Setting();
    setting.hold();
    setting.cancelled.abort('cancelled on the host');
    setting.process.abort('enough');
    expect(setting.said).toEqual(cancelled('cancelled on the host'));
  });
});

describe('the time that a run has', () => {
  it.each([
    [1, 'timeout-minutes: 1 minute is over'],
    [2, 'timeout-minutes: 2 minutes are over'],
    [360, 'timeout-minutes: 360 minutes are over'],
    [144_000, 'timeout-minutes: 144000 minutes are over'],
  ])('is over after so many minutes, and not before: %i', (minutes, why) => {
    for (const onCancel of ['cancel', 'leave'] as const) {
      const setting = new Setting({ minutes, onCancel });
      setting.clock.advance(minutes * minute - 1);
      expect(setting.said).toEqual(nothing);
      setting.clock.advance(1);
      expect(setting.said).toEqual(left(why));
    }
  });

  it('ends with the run: no timer is left, whenever that is', () => {
    for (const days of [0, 20, 25, 60]) {
      const setting = new Setting({ minutes: 100 * 24 * 60 });
      setting.hold();
      setting.clock.advance(days * day);
      setting.ending.end();
      expect([days, setting.clock.pending]).toEqual([days, 0]);
      setting.process.abort('too late');
      expect(setting.said).toEqual(nothing);
    }
  });

  it('ends with a run that was cancelled before it began', () => {
    const setting = new Setting({ minutes: 10, before: 'enough' });
    setting.ending.end();
    expect(setting.clock.pending).toBe(0);
  });
});

describe('a run that only brings to its end what was begun', () => {
  const finishes = 'the workflow was cancelled';
  const finishing = { cancel: finishes, leave: undefined, waiting: undefined };

  it('cancels the study from its beginning, but waits for what its jobs are in', () => {
    for (const onCancel of ['cancel', 'leave'] as const) {
      expect(new Setting({ finishes, onCancel }).said).toEqual(finishing);
    }
  });

  it('leaves jobs that take too long to end, whatever time the study was given', () => {
    for (const minutes of [0, 1, 600]) {
      const setting = new Setting({ finishes, minutes });
      setting.clock.advance(2 * minute - 1);
      expect(setting.said).toEqual(finishing);
      setting.clock.advance(1);
      const why = 'some jobs take their time to end';
      expect(setting.said).toEqual({ cancel: finishes, leave: why, waiting: why });
    }
  });

  it('lets go of them when it is told to end itself', () => {
    for (const onCancel of ['cancel', 'leave'] as const) {
      const setting = new Setting({ finishes, onCancel });
      setting.hold();
      setting.process.abort(new Signalled('SIGTERM'));
      const why = 'cancelled by SIGTERM; jobs are left running';
      expect(setting.said).toEqual({ cancel: finishes, leave: why, waiting: why });
    }
  });

  it('lets go of them when somebody else has the study, but not because it is cancelled once more', () => {
    const again = new Setting({ finishes });
    again.hold();
    again.cancelled.abort('cancelled on the host');
    expect(again.said).toEqual(finishing);
    const lost = new Setting({ finishes });
    lost.hold();
    lost.lost.abort('lost');
    expect(lost.said).toEqual({ cancel: finishes, leave: 'lost', waiting: 'lost' });
  });

  it('leaves no timer', () => {
    const setting = new Setting({ finishes });
    setting.ending.end();
    expect(setting.clock.pending).toBe(0);
  });
});

describe('a study that is held', () => {
  it('is told once to hurry when it is cancelled or left, whichever comes first', () => {
    const setting = new Setting({ minutes: 1 });
    const stop = setting.hold();
    expect(setting.hurries).toBe(0);
    setting.process.abort('enough');
    setting.clock.advance(120_000);
    expect(setting.hurries).toBe(1);
    stop();
  });

  it('is told at once if that was before it was held', () => {
    const setting = new Setting({ before: 'enough' });
    setting.hold();
    expect(setting.hurries).toBe(1);
  });
});
