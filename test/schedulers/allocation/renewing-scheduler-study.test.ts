import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ConductedStudy, ConductorHooks } from '../../../src/conductor/conductor.js';
import { type KnownOutcome, RenewingScheduler } from '../../../src/schedulers/allocation/renewing-scheduler.js';
import type { Job } from '../../../src/schedulers/scheduler.js';
import { studyStatus } from '../../../src/study/state.js';
import { conduct } from '../../support/conduct.js';
import { graphOf, policyOf, type Shape, scriptsOf } from '../../support/graphs.js';
import { base, endOf, Place, remains, Setting, turn } from '../../support/places.js';
import { SimulatedScheduler } from '../../support/simulated-scheduler.js';
import { VirtualClock } from '../../support/virtual-clock.js';

describe('a study in places that are lost', () => {
  const shapes: Shape[] = [
    { name: 'make', scheduled: true },
    { name: 'run', scheduled: true, after: ['make'] },
    { name: 'other', scheduled: true },
    { name: 'post', scheduled: true, after: ['run', 'other'] },
  ];

  /** Conducts it. The first place is lost when it has two jobs, of which `settle` says what became; there may be more places. */
  function conducted(
    settle: (job: Job) => KnownOutcome,
    renewals: number,
    {
      isLocal = () => false,
      cancel,
      promises = renewals,
      onChange,
    }: {
      isLocal?: (name: string) => boolean;
      cancel?: AbortSignal;
      /** How many more places it is said that there may be. */
      promises?: number;
      onChange?: ConductorHooks['onChange'];
    } = {},
  ) {
    const graph = graphOf(shapes.map((shape) => ({ ...shape, scheduled: !isLocal(shape.name) })));
    const clock = new VirtualClock(1000);
    const places: Place[] = [];
    const newPlace = (): Place => {
      const isLost = places.length === 0;
      const place = new Place(`place${places.length}`);
      places.push(place);
      place.onSubmit = (job) => {
        place.submitted(job, `${places.length}.${place.asked.length}`);
        place.tell(job, 'started');
        if (!isLost) clock.after(100, () => place.end(job));
        else if (place.asked.length === 2) clock.after(50, () => place.lose('the allocation is over'));
      };
      return place;
    };
    const done = conduct({
      graph,
      scripts: scriptsOf(graph),
      policy: policyOf(),
      clock,
      ...(cancel === undefined ? {} : { cancel }),
      ...(onChange === undefined ? {} : { onChange }),
      schedulers: (listener) => ({
        local: new SimulatedScheduler(clock, listener),
        batch: new RenewingScheduler(
          newPlace(),
          {
            clock,
            reapJobs: async (jobs) => jobs.map(settle),
            mayRenew: () => places.length <= promises,
            renew: async () => (places.length <= renewals ? newPlace() : undefined),
          },
          listener,
        ),
      }),
    });
    const pump = async () => {
      let machine: ConductedStudy | undefined;
      void done.then((ended) => {
        machine = ended;
      });
      for (let i = 0; machine === undefined; i++) {
        if (i > 100) throw new Error('the study does not end');
        clock.advance(10_000);
        await turn();
      }
      return machine;
    };
    return { pump, places, clock };
  }

  const states = ({ steps }: ConductedStudy) => steps.map(({ state }) => state);

  it('runs what had begun once more, as another attempt, and the rest as it was', async () => {
    const { pump, places } = conducted((job) => (job.step.name === 'make' ? remains.begun : remains.waiting), 1);
    const machine = await pump();
    expect(studyStatus(machine.steps)).toBe('FINISHED');
    expect(places.map(({ asked }) => asked)).toEqual([
      ['submit make 1', 'submit other 1'],
      ['submit other 1', 'submit make 2', 'submit run 1', 'submit post 1'],
    ]);
    expect(machine.steps.map(({ jobs }) => jobs.map(({ result }) => result))).toEqual([
      ['node-failure', 'completed'],
      ['completed'],
      ['completed'],
      ['completed'],
    ]);
    expect(machine.steps[2]!.jobs[0]!.id).toBe('2.1');
  });

  it('goes on where a job had finished after all', async () => {
    const { pump, places } = conducted(() => remains.finished, 1);
    expect(states(await pump())).toEqual(Array(4).fill('FINISHED'));
    expect(places.map(({ asked }) => asked)).toEqual([
      ['submit make 1', 'submit other 1'],
      ['submit run 1', 'submit post 1'],
    ]);
  });

  it('ends interrupted when no place is left: what had begun is lost, what had not waits, and nothing is said to run again now', async () => {
    const told: string[] = [];
    const { pump, places } = conducted((job) => (job.step.name === 'make' ? remains.begun : remains.waiting), 0, {
      onChange: (records, changed) => told.push(...changed.map((index) => records[index]!.reason)),
    });
    const machine = await pump();
    expect(machine.interruption).toBe('the allocation is over');
    expect(machine.steps.map(({ state, reason }) => `${state}: ${reason}`)).toEqual([
      'HWFAILURE: it was lost (job 1.1); to be submitted again',
      'INITIALIZED: ',
      'PENDING: the allocation is over; to be submitted again',
      'INITIALIZED: ',
    ]);
    expect(machine.steps.flatMap(({ jobs }) => jobs).every(({ ended }) => ended !== null)).toBe(true);
    expect(told.filter((reason) => /submitting|trying/.test(reason))).toEqual([]);
    expect(places).toHaveLength(1);
  });

  it('ends interrupted when the next place cannot be had, and nothing of it is unknown', async () => {
    const { pump } = conducted(() => remains.waiting, 0, { promises: 1 });
    const machine = await pump();
    expect(machine.interruption).toBe('the allocation is over');
    expect(states(machine)).toEqual(['PENDING', 'INITIALIZED', 'PENDING', 'INITIALIZED']);
  });

  it('needs no other place for what is left of it, if that is local', async () => {
    const { pump, places } = conducted(() => remains.finished, 0, {
      isLocal: (name) => name === 'run' || name === 'post',
    });
    expect(states(await pump())).toEqual(Array(4).fill('FINISHED'));
    expect(places).toHaveLength(1);
  });

  it('that is cancelled without a place ends cancelled, and gets none', async () => {
    const cancel = new AbortController();
    const { pump, places, clock } = conducted(
      () => {
        clock.after(0, () => cancel.abort('enough'));
        return remains.begun;
      },
      3,
      { cancel: cancel.signal },
    );
    expect(states(await pump())).toEqual(Array(4).fill('CANCELLED'));
    expect(places.flatMap(({ asked }) => asked).filter((text) => text.includes(' 2'))).toEqual([]);
  });
});

/** What may happen at any time. A number chooses among what there is. */
type Turn =
  | {
      readonly kind: 'submit' | 'end' | 'refuse' | 'cancel' | 'lose' | 'settle' | 'renew' | 'refuse-renewal';
      readonly n: number;
    }
  | { readonly kind: 'interrupt' | 'close'; readonly n: number };

const turns = fc.array(
  fc.record({
    kind: fc.oneof(
      { weight: 8, arbitrary: fc.constantFrom('submit', 'submit', 'end', 'cancel', 'settle', 'renew') },
      { weight: 3, arbitrary: fc.constantFrom('lose', 'refuse') },
      { weight: 1, arbitrary: fc.constantFrom('interrupt', 'close', 'refuse-renewal') },
    ),
    n: fc.nat(1000),
  }) as fc.Arbitrary<Turn>,
  { maxLength: 60, size: 'max' },
);

it('whatever happens, each job ends once or the study is interrupted, and none is submitted twice in a place', () =>
  fc.assert(
    fc.asyncProperty(turns, fc.boolean(), async (happenings, isHasty) => {
      const setting = new Setting();
      const { scheduler } = setting;
      const places = [setting.first];
      /** Submitted and not ended, as whoever submits knows it. */
      const open = new Map<string, Job>();
      const cancelled = new Set<string>();
      const attempts = new Map<string, number>();
      let isStopped = false;
      let wasInterrupted = 0;
      /** What must not be. Kept rather than thrown: the scheduler would take it for a failure of the place. */
      const faults: string[] = [];
      const keyOf = ({ step, attempt }: Job) => `${step.name} ${attempt}`;
      const submit = (name: string) => {
        const attempt = (attempts.get(name) ?? 0) + 1;
        attempts.set(name, attempt);
        const job = setting.job(name, attempt);
        open.set(keyOf(job), job);
        scheduler.submit([job]);
      };
      setting.onEvent = (event) => {
        if (isStopped) faults.push(`${event.type} after the end`);
        if (event.type === 'interrupt') {
          wasInterrupted += 1;
          isStopped = true;
          return;
        }
        if (event.type !== 'ended' && event.type !== 'not-submitted') return;
        const { name } = setting.steps[event.step]!;
        const key = `${name} ${event.attempt}`;
        if (!open.delete(key)) faults.push(`another end of ${key}`);
        // Whoever hears of it may ask for more from within.
        if (isHasty && !cancelled.has(key)) submit(name);
      };
      const alive = () => places.filter((place) => place.listener !== undefined).at(-1)!;
      /** In flight in the present place, as that knows it. */
      let isLost = false;
      const inPlace = () => (isLost ? [] : alive().jobs.filter((job) => open.has(keyOf(job))));
      const pick = <T>(list: readonly T[], n: number): T | undefined => list[n % Math.max(1, list.length)];
      for (const { kind, n } of happenings) {
        if (isStopped) break;
        switch (kind) {
          case 'submit': {
            const idle = ['a', 'b', 'c'].filter((name) => ![...open.values()].some((job) => job.step.name === name));
            const name = pick(idle, n);
            if (name !== undefined) submit(name);
            break;
          }
          case 'end':
          case 'refuse': {
            const job = pick(inPlace(), n);
            if (job === undefined) break;
            if (kind === 'end') alive().end(job, cancelled.has(keyOf(job)) ? 'cancelled' : 'completed');
            else alive().listener({ type: 'not-submitted', ...base(job), reason: 'no' });
            break;
          }
          case 'cancel': {
            const job = pick(
              [...open.values()].filter((one) => !cancelled.has(keyOf(one))),
              n,
            );
            if (job === undefined) break;
            cancelled.add(keyOf(job));
            scheduler.cancel([job]);
            break;
          }
          case 'lose': {
            if (isLost) break;
            const place = alive();
            const known = pick(inPlace(), n);
            isLost = true;
            place.lose('lost', ...(known !== undefined && n % 2 === 0 ? [endOf(known, 'completed')] : []));
            await turn();
            break;
          }
          case 'settle': {
            if (setting.settling.open === 0) break;
            const asked = setting.settled.at(-1)!;
            await setting.settling.give(
              asked.map((_, i) => pick([remains.finished, remains.begun, remains.waiting] as const, n + i * 7)!),
            );
            break;
          }
          case 'renew': {
            if (setting.renewing.open === 0) break;
            const next = new Place();
            places.push(next);
            // A job that is cancelled is not begun any more.
            next.onSubmit = (job) => {
              if (cancelled.has(keyOf(job))) faults.push(`${keyOf(job)} was cancelled`);
              const isRefused = isHasty && job.attempt % 3 === n % 3;
              if (isRefused) next.listener({ type: 'not-submitted', ...base(job), reason: 'busy' });
            };
            isLost = false;
            await setting.renewing.give(next);
            break;
          }
          case 'refuse-renewal':
            if (setting.renewing.open > 0) await setting.renewing.give(undefined);
            break;
          case 'interrupt':
            await scheduler.suspend('stop', 'time-over');
            expect(wasInterrupted).toBe(1);
            break;
          case 'close':
            isStopped = true;
            scheduler.close();
        }
      }
      // What is under way goes on to its end.
      if (setting.settling.open > 0) await setting.settling.give(setting.settled.at(-1)!.map(() => remains.waiting));
      if (setting.renewing.open > 0) {
        const next = new Place();
        places.push(next);
        isLost = false;
        await setting.renewing.give(next);
      }
      expect(faults).toEqual([]);
      for (const place of places) expect(new Set(place.asked).size).toBe(place.asked.length);
      if (isStopped) return;
      // All that has not ended is in the present place. There is none only if there is nothing for it.
      expect(inPlace().map(keyOf).sort()).toEqual([...open.keys()].sort());
    }),
    { numRuns: 500 },
  ));
