import { describe, expect, it } from 'vitest';
import { blame } from '../../../src/causes/cause.js';
import { HostError } from '../../../src/hosts/host.js';
import { NoAllocationError } from '../../../src/schedulers/allocation/no-allocation.js';
import type { InheritedJob, Job } from '../../../src/schedulers/scheduler.js';
import { BackendError } from '../../../src/util/errors.js';
import { base, endOf, noOutcome, Place, remains, Setting, turn } from '../../support/places.js';

describe('while a place lasts', () => {
  it('its events are passed on, and all is asked of it', async () => {
    const setting = new Setting();
    const { first, scheduler } = setting;
    const [a, b] = setting.submit('a', 'b');
    first.submitted(a!);
    first.tell(a!, 'queued');
    first.tell(a!, 'started');
    first.tell(a!, 'finishing');
    first.end(a!, 'failed');
    first.listener({ type: 'not-submitted', ...base(b!), reason: 'no' });
    expect(setting.said).toEqual([
      'a 1 submitted',
      'a 1 queued',
      'a 1 started',
      'a 1 finishing',
      'a 1 failed',
      'b 1 not-submitted',
    ]);
    scheduler.cancel([setting.job('c')]);
    expect(first.asked).toEqual(['submit a 1', 'submit b 1', 'cancel c 1']);
    expect(scheduler.outputs({ step: a!.step, id: 'ƒ1' })).toEqual({ stdout: 'first/a.ƒ1.out', stderr: '' });
  });

  it('is interrupted as it interrupts itself, and then not renewed', async () => {
    const setting = new Setting();
    setting.submit('a');
    await setting.scheduler.suspend('time is up', 'time-over');
    await turn();
    expect(setting.first.asked).toEqual(['submit a 1', 'suspend time is up']);
    expect(setting.said).toEqual(['interrupt: time is up']);
    expect(setting.settled).toEqual([]);
  });
});

describe('when a place is lost', () => {
  it('nothing is said of that while another may be had', async () => {
    const setting = new Setting();
    setting.submit('a');
    setting.first.lose();
    await turn();
    expect(setting.said).toEqual([]);
    expect(setting.settled).toEqual([['a 1']]);
  });

  it('its jobs are settled: completed, lost to a node, or submitted again as they are', async () => {
    const setting = new Setting();
    const [a, b, c] = setting.submit('a', 'b', 'c');
    for (const job of [a!, b!, c!]) setting.first.submitted(job);
    setting.first.lose('the node is gone');
    await setting.settling.give([remains.finished, remains.begun, remains.waiting]);
    expect(setting.said.slice(3)).toEqual(['a 1 completed', 'b 1 node-failure']);
    expect(setting.events.slice(3)).toEqual([
      { type: 'ended', ...base(a!), at: 1000, outcome: { result: 'completed', exitCode: 0, signal: null, note: '' } },
      {
        type: 'ended',
        ...base(b!),
        at: 1000,
        outcome: { ...noOutcome, result: 'node-failure', note: 'it was lost' },
      },
    ]);
    expect(setting.losses).toEqual(['the node is gone']);
    expect(setting.reasons).toEqual(['the node is gone']);
    const second = new Place('second');
    await setting.renewing.give(second);
    expect(second.jobs).toEqual([c]);
    second.submitted(c!, '2');
    second.end(c!);
    expect(setting.said.slice(5)).toEqual(['c 1 submitted', 'c 1 completed']);
    expect(setting.scheduler.outputs({ step: c!.step, id: '2' }).stdout).toBe('second/c.2.out');
    expect(setting.first.asked).toEqual(['submit a 1', 'submit b 1', 'submit c 1']);
  });

  it('a job that failed there by itself has failed', async () => {
    const setting = new Setting();
    setting.submit('a');
    setting.first.lose('over');
    await setting.settling.give([remains.failed]);
    expect(setting.said).toEqual(['a 1 failed']);
    expect(setting.reasons).toEqual([]);
  });

  it('what it knows to have ended is told, and not settled', async () => {
    const setting = new Setting();
    const [a] = setting.submit('a', 'b');
    setting.first.lose('over', endOf(a!, 'failed'));
    await turn();
    expect(setting.said).toEqual(['a 1 failed']);
    expect(setting.settled).toEqual([['b 1']]);
  });

  it('a job that had ended before is not settled, nor submitted again', async () => {
    const setting = new Setting();
    const [a] = setting.submit('a');
    setting.first.end(a!);
    setting.first.lose();
    expect(setting.settled).toEqual([[]]);
    await setting.settling.give([]);
    setting.submit('b');
    const second = new Place();
    await setting.renewing.give(second);
    expect(second.asked).toEqual(['submit b 1']);
  });

  it('no other is sought before there is a job for it, and then one, for all', async () => {
    const setting = new Setting();
    setting.submit('a');
    setting.first.lose('over');
    await setting.settling.give([remains.finished]);
    expect(setting.reasons).toEqual([]);
    setting.submit('b', 'c');
    expect(setting.reasons).toEqual(['over']);
    const second = new Place();
    await setting.renewing.give(second);
    expect(second.asked).toEqual(['submit b 1', 'submit c 1']);
    expect(setting.reasons).toEqual(['over']);
  });

  it('an end may be answered with the next attempt, which goes to the next place', async () => {
    const setting = new Setting();
    const [a] = setting.submit('a', 'b');
    setting.onEvent = (event) => {
      if (event.type === 'ended')
        setting.scheduler.submit([setting.job(setting.steps[event.step]!.name, event.attempt + 1)]);
    };
    setting.first.lose('over', endOf(a!, 'node-failure'));
    expect(setting.settled).toEqual([['b 1', 'a 2']]);
    await setting.settling.give([remains.begun, remains.waiting]);
    const second = new Place();
    await setting.renewing.give(second);
    expect(second.asked.sort()).toEqual(['submit a 2', 'submit b 2']);
    expect(setting.first.asked).toEqual(['submit a 1', 'submit b 1']);
  });

  it('it may happen again, in every place', async () => {
    const setting = new Setting();
    setting.submit('a');
    setting.first.lose('one');
    await setting.settling.give([remains.waiting]);
    const places = [new Place(), new Place()];
    for (const [i, place] of places.entries()) {
      await setting.renewing.give(place);
      place.lose(`again ${i}`);
      await setting.settling.give([remains.waiting]);
    }
    const last = new Place();
    await setting.renewing.give(last);
    last.end(last.jobs[0]!);
    expect([...places, last].map(({ asked }) => asked)).toEqual(Array(3).fill(['submit a 1']));
    expect(setting.reasons).toEqual(['one', 'again 0', 'again 1']);
    expect(setting.said).toEqual(['a 1 completed']);
  });
});

describe('what is submitted while there is no place', () => {
  it.each(['settling', 'renewing'] as const)('goes to the next one: while %s', async (phase) => {
    const setting = new Setting();
    setting.first.lose();
    if (phase === 'renewing') await setting.settling.give([]);
    setting.submit('a');
    if (phase === 'settling') await setting.settling.give([]);
    const second = new Place();
    await setting.renewing.give(second);
    expect([setting.first.asked, second.asked]).toEqual([[], ['submit a 1']]);
    expect(setting.settled).toEqual([[]]);
  });

  it('goes there once, even if it is answered at once, and so with another attempt', async () => {
    const setting = new Setting();
    setting.submit('a', 'b');
    setting.first.lose();
    await setting.settling.give([remains.waiting, remains.waiting]);
    const second = new Place();
    second.onSubmit = (job) => {
      if (job.attempt < 4) second.listener({ type: 'not-submitted', ...base(job), reason: 'busy' });
    };
    setting.onEvent = (event) => {
      if (event.type === 'not-submitted')
        setting.scheduler.submit([setting.job(setting.steps[event.step]!.name, event.attempt + 1)]);
    };
    await setting.renewing.give(second);
    expect(second.asked.sort()).toEqual(
      ['a', 'b'].flatMap((name) => [1, 2, 3, 4].map((attempt) => `submit ${name} ${attempt}`)),
    );
  });

  it('waits for the place after that, if the next is lost while it takes them', async () => {
    const setting = new Setting();
    setting.submit('a', 'b');
    setting.first.lose();
    await setting.settling.give([remains.waiting, remains.waiting]);
    const second = new Place();
    second.onSubmit = () => second.lose('lost at once');
    await setting.renewing.give(second);
    expect(second.asked).toEqual(['submit a 1']);
    expect(setting.settled.at(-1)).toEqual(['a 1', 'b 1']);
    await setting.settling.give([remains.waiting, remains.waiting]);
    const third = new Place();
    await setting.renewing.give(third);
    expect(third.asked).toEqual(['submit a 1', 'submit b 1']);
    expect(setting.said).toEqual([]);
  });
});

describe('what is cancelled while there is no place', () => {
  it('while settling: ends as that finds, or cancelled, and is not submitted again', async () => {
    const setting = new Setting();
    const jobs = setting.submit('a', 'b', 'c');
    setting.first.lose();
    setting.scheduler.cancel(jobs);
    expect(setting.said).toEqual([]);
    await setting.settling.give([remains.finished, remains.begun, remains.waiting]);
    expect(setting.said.sort()).toEqual(['a 1 completed', 'b 1 cancelled', 'c 1 cancelled']);
    expect(setting.reasons).toEqual([]);
    expect(setting.first.asked).toEqual(['submit a 1', 'submit b 1', 'submit c 1']);
  });

  it('while settling: also what was submitted meanwhile', async () => {
    const setting = new Setting();
    setting.first.lose();
    setting.scheduler.cancel(setting.submit('a'));
    await setting.settling.give([]);
    expect(setting.said).toEqual(['a 1 cancelled']);
    expect(setting.reasons).toEqual([]);
  });

  it('or was just before, is not submitted again', async () => {
    const setting = new Setting();
    const jobs = setting.submit('a', 'b');
    setting.scheduler.cancel(jobs);
    setting.first.end(jobs[0]!, 'cancelled');
    setting.first.lose();
    await setting.settling.give([remains.waiting]);
    expect(setting.said).toEqual(['a 1 cancelled', 'b 1 cancelled']);
    expect(setting.reasons).toEqual([]);
  });

  it('while the next one takes jobs, is not submitted there', async () => {
    const setting = new Setting();
    setting.submit('a', 'b');
    setting.first.lose();
    await setting.settling.give([remains.waiting, remains.waiting]);
    const second = new Place();
    second.onSubmit = () => setting.scheduler.cancel([setting.job('b')]);
    await setting.renewing.give(second);
    expect(second.asked).toEqual(['submit a 1', 'cancel b 1']);
    expect(setting.said).toEqual(['b 1 cancelled']);
  });

  it('because another job was settled', async () => {
    for (const said of [
      [remains.waiting, remains.begun],
      [remains.begun, remains.waiting],
    ] as const) {
      const setting = new Setting();
      setting.submit('a', 'b');
      setting.onEvent = (event) => {
        if (event.type === 'ended' && event.outcome.result === 'node-failure')
          setting.scheduler.cancel([setting.job(event.step === 0 ? 'b' : 'a')]);
      };
      setting.first.lose();
      await setting.settling.give(said);
      expect([said, setting.said]).toEqual([
        said,
        said[0] === remains.begun ? ['a 1 node-failure', 'b 1 cancelled'] : ['b 1 node-failure', 'a 1 cancelled'],
      ]);
    }
  });

  it('while renewing: ends at once', async () => {
    const setting = new Setting();
    const [a] = setting.submit('a', 'b');
    setting.first.lose();
    await setting.settling.give([remains.waiting, remains.waiting]);
    setting.scheduler.cancel([a!]);
    expect(setting.said).toEqual(['a 1 cancelled']);
    expect(setting.events[0]).toEqual({
      type: 'ended',
      ...base(a!),
      at: 1000,
      outcome: { ...noOutcome, result: 'cancelled', blame: blame('cancelled') },
    });
    const second = new Place();
    await setting.renewing.give(second);
    expect(second.asked).toEqual(['submit b 1']);
  });

  it('is not another attempt of the same step, nor a job that nobody knows', async () => {
    const setting = new Setting();
    setting.submit('a');
    setting.first.lose();
    setting.scheduler.cancel([setting.job('a', 2), setting.job('b')]);
    await setting.settling.give([remains.waiting]);
    setting.scheduler.cancel([setting.job('a', 2), setting.job('b')]);
    expect(setting.said).toEqual([]);
  });

  it('is forgotten after it: the same job is cancelled in the next place by that place', async () => {
    const setting = new Setting();
    const [a] = setting.submit('a');
    setting.first.lose();
    await setting.settling.give([remains.waiting]);
    const second = new Place();
    await setting.renewing.give(second);
    setting.scheduler.cancel([a!]);
    expect(second.asked).toEqual(['submit a 1', 'cancel a 1']);
    second.lose('lost too');
    setting.scheduler.cancel([a!]);
    expect(setting.said).toEqual([]);
    await setting.settling.give([remains.begun]);
    expect(setting.said).toEqual(['a 1 cancelled']);
  });
});

describe('a place that is out of sight, and may live', () => {
  it('is left alone if it does: the study is interrupted for the reason that was heard', async () => {
    const setting = new Setting();
    const [a] = setting.submit('a', 'b');
    setting.first.lose('the broker is lost', endOf(a!, 'completed'));
    expect([setting.settled, setting.mayLive]).toEqual([[['b 1']], [true]]);
    await setting.settling.give('alive');
    expect(setting.said).toEqual(['a 1 completed', 'interrupt: the broker is lost']);
    expect(setting.events.at(-1)).toEqual({
      type: 'interrupt',
      at: 1000,
      reason: 'the broker is lost',
      kind: 'scheduler-lost',
    });
    setting.scheduler.submit([setting.job('c')]);
    setting.scheduler.cancel([setting.job('b')]);
    await turn();
    expect([setting.reasons, setting.events.length]).toEqual([[], 2]);
  });

  it('takes local steps with it if those are out of sight too', async () => {
    const setting = new Setting();
    setting.submit('a');
    setting.first.listener({ type: 'interrupt', at: 1, reason: 'the host is gone', alsoLocal: true });
    await setting.settling.give('alive');
    expect(setting.events).toEqual([
      { type: 'interrupt', at: 1000, reason: 'the host is gone', kind: 'scheduler-lost', alsoLocal: true },
    ]);
  });

  it('has said nothing any more if the study is closed before that is known', async () => {
    const setting = new Setting();
    setting.submit('a');
    setting.first.lose();
    setting.scheduler.close();
    await setting.settling.give('alive');
    expect(setting.said).toEqual([]);
  });

  it('does not matter if it says itself that it ends', async () => {
    const setting = new Setting();
    setting.submit('a');
    setting.first.listener({ type: 'interrupt', at: 1, reason: 'it ends', hasBackendEnded: true });
    expect(setting.mayLive).toEqual([false]);
  });

  it('does not matter if nothing in it is wanted any more', async () => {
    const setting = new Setting();
    const [a, b] = setting.submit('a', 'b');
    setting.scheduler.cancel([a!]);
    setting.scheduler.cancel([b!]);
    setting.first.lose();
    expect(setting.mayLive).toEqual([false]);
    const idle = new Setting();
    idle.first.lose();
    expect(idle.mayLive).toEqual([false]);
  });

  it('matters as long as one of its jobs is wanted', async () => {
    const setting = new Setting();
    const [a] = setting.submit('a', 'b');
    setting.scheduler.cancel([a!]);
    setting.first.lose();
    expect(setting.mayLive).toEqual([true]);
  });
});

describe('where there is to be no other place', () => {
  it('the study is interrupted at once, with what became of each job: none is left unknown', async () => {
    const setting = new Setting();
    setting.mayRenew = false;
    const [a, b, c] = setting.submit('a', 'b', 'c');
    setting.scheduler.cancel([c!]);
    setting.first.lose('the allocation is over');
    await setting.settling.give([remains.begun, remains.waiting, remains.begun]);
    expect(setting.events).toEqual([
      {
        type: 'interrupt',
        at: 1000,
        reason: 'the allocation is over',
        kind: 'allocation-over',
        ended: [
          { ...endOf(a!, 'node-failure'), at: 1000, outcome: remains.begun },
          {
            ...endOf(c!, 'cancelled'),
            at: 1000,
            outcome: { ...noOutcome, result: 'cancelled', blame: blame('cancelled') },
          },
        ],
        notBegun: [{ step: b!.step.index, attempt: 1 }],
      },
    ]);
    expect(setting.reasons).toEqual([]);
  });

  it('the study goes on while nothing of it needs one', async () => {
    const setting = new Setting();
    setting.mayRenew = false;
    setting.submit('a');
    setting.first.lose('the allocation is over');
    await setting.settling.give([remains.finished]);
    expect(setting.said).toEqual(['a 1 completed']);
    setting.submit('b');
    await setting.renewing.give(undefined);
    expect(setting.events.at(-1)).toMatchObject({ type: 'interrupt', notBegun: [{ attempt: 1 }] });
  });

  it('what an earlier driver left, and has not been looked for, is not said never to have begun', async () => {
    const setting = new Setting();
    setting.first.lose('the allocation is over');
    await setting.settling.give([]);
    setting.scheduler.reattach([{ ...setting.job('a'), id: '1', endpoint: 'x', mayBeDuplicate: false }]);
    await setting.renewing.give(undefined);
    expect(setting.events).toEqual([
      { type: 'interrupt', at: 1000, reason: 'the allocation is over', kind: 'allocation-over' },
    ]);
  });

  it('the study is interrupted, for the reason of the first loss', async () => {
    const setting = new Setting();
    setting.submit('a', 'b');
    setting.first.lose('the allocation is over');
    await setting.settling.give([remains.begun, remains.waiting]);
    await setting.renewing.give(undefined);
    expect(setting.said).toEqual(['a 1 node-failure', 'interrupt: the allocation is over']);
    expect(setting.events.at(-1)!.at).toBe(1000);
  });

  it('the study is interrupted, and it is said why there is none', async () => {
    const setting = new Setting();
    setting.submit('a');
    setting.first.lose('the allocation is over');
    await setting.settling.give([remains.waiting]);
    await setting.renewing.fail('sbatch: error: invalid account');
    expect(setting.said).toEqual(['interrupt: the allocation is over; sbatch: error: invalid account']);
  });

  it('the kind of that is what says that there is none; of anything else, that nobody could be asked', async () => {
    for (const [error, kind] of [
      [new NoAllocationError('no', 'another queue', 'allocation-refused'), 'allocation-refused'],
      [new NoAllocationError('it ended early', 'another queue', 'allocation-over'), 'allocation-over'],
      [new BackendError('slurm cannot be asked', 'look there'), 'scheduler-lost'],
      [new HostError('the host is gone'), 'scheduler-lost'],
    ] as const) {
      const setting = new Setting();
      setting.submit('a');
      setting.first.lose('the allocation is over');
      await setting.settling.give([remains.waiting]);
      await setting.renewing.fail(error);
      expect(setting.events.at(-1)).toMatchObject({ type: 'interrupt', kind, notBegun: [{ attempt: 1 }] });
    }
  });

  it('the study is interrupted if it cannot be found out what became of the jobs', async () => {
    const setting = new Setting();
    setting.submit('a');
    setting.first.lose('the allocation is over');
    await setting.settling.fail('the host is gone');
    expect(setting.said).toEqual(['interrupt: the allocation is over; the host is gone']);
    expect(setting.reasons).toEqual([]);
  });

  it('nothing is said after that, whatever is asked', async () => {
    const setting = new Setting();
    const jobs = setting.submit('a');
    setting.first.lose();
    await setting.settling.give([remains.waiting]);
    await setting.renewing.give(undefined);
    const before = setting.said;
    setting.scheduler.cancel(jobs);
    setting.submit('b');
    await setting.scheduler.suspend('time is up', 'time-over');
    setting.scheduler.close();
    await turn();
    expect(setting.said).toEqual(before);
  });
});

describe('a wish to stop', () => {
  /** Brings the scheduler into each phase without a place. */
  const phases = {
    settling: async (setting: Setting) => setting.first.lose(),
    renewing: async (setting: Setting) => {
      setting.first.lose();
      await setting.settling.give([remains.waiting, remains.waiting]);
    },
  } as const;
  const names = ['settling', 'renewing'] as const;

  /** Goes on with whatever is open, as if nothing had happened. */
  async function goOn(setting: Setting): Promise<Place> {
    const late = new Place('late');
    if (setting.settling.open > 0) await setting.settling.give([remains.begun, remains.waiting]);
    if (setting.renewing.open > 0) await setting.renewing.give(late);
    return late;
  }

  it.each(names)('while %s interrupts the study at once, and no place is begun any more', async (phase) => {
    const setting = new Setting();
    setting.submit('a', 'b');
    await phases[phase](setting);
    await setting.scheduler.suspend('time is up', 'time-over');
    expect(setting.said).toEqual(['interrupt: time is up']);
    await setting.scheduler.suspend('again', 'time-over');
    const late = await goOn(setting);
    expect(setting.said).toEqual(['interrupt: time is up']);
    expect(late.asked).toEqual([]);
    expect(late.listener).toBeUndefined();
  });

  it.each(names)('while %s closes, and nothing is said any more', async (phase) => {
    const setting = new Setting();
    const jobs = setting.submit('a', 'b');
    await phases[phase](setting);
    setting.scheduler.close();
    setting.scheduler.cancel(jobs);
    const late = await goOn(setting);
    await setting.scheduler.suspend('time is up', 'time-over');
    expect(setting.said).toEqual([]);
    expect(late.listener).toBeUndefined();
    expect(setting.first.isClosed).toBe(true);
  });

  it.each(names)('while %s closes, also if that fails then', async (phase) => {
    const setting = new Setting();
    setting.submit('a', 'b');
    await phases[phase](setting);
    setting.scheduler.close();
    await (phase === 'settling' ? setting.settling : setting.renewing).fail('cancelled');
    expect(setting.said).toEqual([]);
  });

  it('closes the present place', async () => {
    const setting = new Setting();
    setting.submit('a');
    setting.first.lose();
    await setting.settling.give([remains.waiting]);
    const second = new Place();
    await setting.renewing.give(second);
    setting.scheduler.close();
    expect(second.isClosed).toBe(true);
  });
});

describe('jobs that an earlier driver left', () => {
  const left = (job: Job): InheritedJob => ({ ...job, id: 'ƒ7', endpoint: 'long ago', mayBeDuplicate: false });

  it('are attached to the place that there is, and lost with it like others', async () => {
    const setting = new Setting();
    const [a, b] = [left(setting.job('a', 3)), left(setting.job('b'))];
    setting.scheduler.reattach([a, b]);
    expect(setting.first.asked).toEqual(['attach a 3', 'attach b 1']);
    expect(setting.first.left).toEqual([a, b]);
    setting.first.lose('over');
    expect(setting.settled).toEqual([['a 3', 'b 1']]);
    await setting.settling.give([remains.failed, remains.waiting]);
    const second = new Place('second');
    await setting.renewing.give(second);
    expect(second.asked).toEqual(['submit b 1']);
    second.end(b);
    expect(setting.said).toEqual(['a 3 failed', 'b 1 completed']);
  });

  it('wait for a place if there is none, which then finds out about them', async () => {
    const setting = new Setting();
    setting.first.lose('over');
    const early = left(setting.job('a'));
    setting.scheduler.reattach([early]);
    expect(setting.settled).toEqual([[]]);
    await setting.settling.give([]);
    const late = left(setting.job('b', 2));
    setting.scheduler.reattach([late]);
    setting.submit('c');
    expect(setting.reasons).toEqual(['over']);
    const second = new Place('second');
    await setting.renewing.give(second);
    expect(second.asked).toEqual(['attach a 1', 'attach b 2', 'submit c 1']);
    expect(second.left).toEqual([early, late]);
    second.lose('again');
    await setting.settling.give([remains.waiting, remains.waiting, remains.waiting]);
    const third = new Place('third');
    await setting.renewing.give(third);
    expect(third.asked).toEqual(['submit a 1', 'submit b 2', 'submit c 1']);
  });

  it('are cancelled at once, place or not', async () => {
    const setting = new Setting();
    const a = left(setting.job('a'));
    setting.scheduler.reattach([a]);
    setting.scheduler.cancel([a]);
    expect(setting.first.asked).toEqual(['attach a 1', 'cancel a 1']);
    setting.first.end(a, 'cancelled');
    setting.first.lose('over');
    await setting.settling.give([]);
    const b = left(setting.job('b'));
    setting.scheduler.reattach([b]);
    setting.scheduler.cancel([b]);
    expect(setting.said).toEqual(['a 1 cancelled', 'b 1 cancelled']);
  });

  it('are discarded by the place that there is', async () => {
    const setting = new Setting();
    const job = { step: 'x', scheduled: true, workspace: 'x', attempt: 1, id: 'ƒ7', place: 'first' };
    setting.scheduler.cancelObsolete([job]);
    setting.first.lose('over');
    setting.scheduler.cancelObsolete([job]);
    expect(setting.first.asked).toEqual(['discard x 1']);
  });
});

describe('a job that the rest of a place is too short for', () => {
  const defer = (place: Place, job: Job) =>
    place.listener({ type: 'deferred', ...base(job), reason: 'too short', mayRenew: false });

  it('may run in another one, if there may be one, which is got when the study asks for it', async () => {
    const setting = new Setting();
    const [a] = setting.submit('a');
    defer(setting.first, a!);
    expect(setting.events).toMatchObject([{ type: 'deferred', mayRenew: true }]);
    expect(setting.reasons).toEqual([]);
    setting.scheduler.renew('too short');
    const again = setting.job('a', 2);
    setting.scheduler.submit([again]);
    expect(setting.first.isClosed).toBe(true);
    await setting.settling.give([]);
    const place = new Place('next');
    await setting.renewing.give(place);
    expect(setting.mayLive).toEqual([false]);
    expect(place.asked).toEqual(['submit a 2']);
  });

  it('cannot once there is none any more', () => {
    const setting = new Setting();
    setting.mayRenew = false;
    const [a] = setting.submit('a');
    defer(setting.first, a!);
    expect(setting.events).toMatchObject([{ type: 'deferred', mayRenew: false }]);
  });

  it('is not tried in one place after the other if it does not fit in a new one either', async () => {
    const setting = new Setting();
    const [a] = setting.submit('a');
    defer(setting.first, a!);
    setting.scheduler.renew('too short');
    const again = setting.job('a', 2);
    setting.scheduler.submit([again]);
    const place = new Place('next');
    await setting.settling.give([]);
    await setting.renewing.give(place);
    defer(place, again);
    expect(setting.events.at(-1)).toMatchObject({ type: 'deferred', mayRenew: false });
  });
});
