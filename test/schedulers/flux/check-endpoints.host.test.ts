import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeJobId } from '../../../src/flux/job-id.js';
import { type Elsewhere, refuseJobsElsewhere } from '../../../src/schedulers/flux/check-endpoints.js';
import type { Probe, SoughtJob } from '../../../src/schedulers/flux/probe-endpoint.js';
import type { Endpoint, JournalState } from '../../../src/store/journal/records.js';
import { replay } from '../../../src/store/journal/replay.js';
import { type JobRecord, newRecord } from '../../../src/study/state.js';
import { BackendError } from '../../../src/util/errors.js';
import { plainHost } from '../../support/hosts.js';
import { temporaryDirectory } from '../../support/temporary.js';

const here = 'local:///tmp/flux-aBcDeF/local-0';
const there = 'local:///tmp/flux-XyZ123/local-0';
const further = 'ssh://node7/tmp/flux-000000/local-0';

const job = (changes: Partial<JobRecord> = {}): JobRecord => ({
  attempt: 1,
  script: 'main',
  id: 'ƒ17',
  place: there,
  isDoubtful: false,
  submitted: 1,
  started: null,
  ended: null,
  result: null,
  ...changes,
});

const ended = { ended: 2, result: 'completed' } as const;

/** A journal whose steps, called `a`, `b`…, have these jobs. */
function journal(...jobs: readonly (readonly JobRecord[])[]): JournalState {
  return {
    ...replay(''),
    endpoints: [there, further, here].map((place) => endpointAt(place)),
    plan: {
      flux: '0.88.0',
      steps: jobs.map((_, i) => ({
        name: String.fromCharCode(97 + i),
        workspace: String.fromCharCode(97 + i),
        scheduled: true,
        script: '',
        dependencies: '',
      })),
    },
    records: jobs.map((own) => ({ ...newRecord(), jobs: [...own] })),
  };
}

/** The instance of a broker, for what matters here. */
const instanceAt = (place: string) => `host 1.00 ${place.replace(/^[a-z]+:\/\/[^/]*/, '')}`;

const endpointAt = (place: string, changes: Partial<Endpoint> = {}): Endpoint => ({
  place,
  instance: instanceAt(place),
  rank: 0,
  machine: 'm',
  ...changes,
});

interface Choices extends Partial<Omit<Elsewhere, 'own' | 'probe'>> {
  /** The broker of this run; none if null. */
  readonly own?: Endpoint | null;
  /** What is at an address, if it is not what `answering` says. */
  readonly probe?: (endpoint: Endpoint, jobs: readonly SoughtJob[]) => Probe;
  /** The ids of jobs that our broker has or had. */
  readonly known?: readonly string[];
}

/** Brokers answer at these addresses only, and all jobs that are sought there run. */
function ask(state: JournalState, answering: readonly string[], uri = here, changes: Choices = {}) {
  const { own = endpointAt(uri), probe, known = [], ...others } = changes;
  const asked: string[] = [];
  const done = refuseJobsElsewhere(state, {
    host: plainHost(),
    studyPath: temporaryDirectory(),
    own:
      own === null
        ? undefined
        : {
            uri,
            endpoint: own,
            knows: async ({ ids }) => ids.some((id) => known.some((name) => decodeJobId(name) === id)),
          },
    probe: async (endpoint, jobs) => {
      const { place } = endpoint;
      asked.push(place);
      if (probe !== undefined) return probe(endpoint, jobs);
      return answering.includes(place)
        ? { is: 'alive', instance: instanceAt(place), active: jobs.map(() => true) }
        : { is: 'gone' };
    },
    askQueue: async () => 'unknown',
    tasksOf: () => 1,
    isForced: false,
    ...others,
  });
  return { done, asked };
}

const refusal = async (done: Promise<void>): Promise<BackendError> => {
  const error = await done.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(BackendError);
  return error as BackendError;
};

describe('jobs of an earlier driver', () => {
  it.each([
    ['there are none', journal()],
    ['no step has one', journal([], [])],
    ['the study was never planned', replay('')],
    ['they are local', journal([job({ place: '' })])],
    ['they are where this run submits its own', journal([job({ place: here })])],
    ['they have ended', journal([job(ended)])],
    ['the last of each has ended', journal([job({ id: 'ƒ1' }), job({ ...ended, attempt: 2 })])],
  ])('are no matter, and no broker is asked, if %s', async (_, state) => {
    const { done, asked } = ask(state, [there, here]);
    await done;
    expect(asked).toEqual([]);
  });

  it('of a broker that is gone cannot run any more', async () => {
    const { done, asked } = ask(journal([job()], [job({ place: further })]), []);
    await done;
    expect(asked).toEqual([there, further]);
  });

  it('that another broker has keep the study from running twice: it is told which, where, and what to do', async () => {
    const error = await refusal(ask(journal([], [job()]), [there]).done);
    expect(error.message).toContain(
      `another Flux broker, ${there} (of the instance of host), which still runs (ƒ17 of b); this run is for ${here}`,
    );
    expect(error.message).toContain(`\`flux: ${there}\``);
    expect(error.message).toContain('cancel');
  });

  it.each([
    ['begun', { started: 5 }],
    ['submitted, perhaps twice', { isDoubtful: true }],
    ['submitted, and no more is known', { id: '' }],
  ])('count as soon as they may run: %s', async (_, changes) => {
    await refusal(ask(journal([job(changes)]), [there]).done);
  });

  it('are those of the last attempt', async () => {
    const state = journal([job({ ...ended, result: 'node-failure', id: 'ƒ1' }), job({ attempt: 2, id: 'ƒ2' })]);
    expect((await refusal(ask(state, [there]).done)).message).toContain('(ƒ2 of a)');
  });

  it('are named, but not all of very many; their broker is asked once', async () => {
    const three = ask(journal(...[1, 2, 3].map((i) => [job({ id: `ƒ${i}` })])), [there]);
    expect((await refusal(three.done)).message).toContain('(ƒ1 of a, ƒ2 of b, ƒ3 of c)');
    const five = ask(journal(...[1, 2, 3, 4, 5].map((i) => [job({ id: `ƒ${i}` })])), [there]);
    expect((await refusal(five.done)).message).toContain('(ƒ1 of a, ƒ2 of b, ƒ3 of c and 2 more)');
    expect(five.asked).toEqual([there]);
  });

  it('count though no step of the study has them any more', async () => {
    const gone = { step: 'gone', scheduled: true, workspace: 'gone', attempt: 1, id: 'ƒ5' };
    const left = (place: string) => ({ ...journal([job(ended)]), obsolete: [{ ...gone, place }] });
    expect((await refusal(ask(left(there), [there]).done)).message).toContain('(ƒ5 of gone)');
    await ask(left(there), []).done;
    for (const place of [here, '']) expect(ask(left(place), [place]).asked).toEqual([]);
  });

  it('of several brokers are looked for at each', async () => {
    const { done, asked } = ask(journal([job()], [job({ place: further, id: 'ƒ9' })]), [further]);
    const { message } = await refusal(done);
    expect(message).toContain(`${further} (of the instance of host), which still runs (ƒ9 of b)`);
    expect(message).not.toContain(there);
    expect(asked).toEqual([there, further]);
  });

  it('are with this broker too if that was reached another way, as from another login node', async () => {
    const [login1, login2] = ['ssh://login1/run/flux/local', 'ssh://login2/run/flux/local'];
    const instance = 'mgmt 1.00 abc';
    const state = { ...journal([job({ place: login1 })]), endpoints: [endpointAt(login1, { instance, rank: 3 })] };
    const { done, asked } = ask(state, [login1], login2, { own: endpointAt(login2, { instance, rank: 4 }) });
    await done;
    expect(asked).toEqual([]);
  });

  it('are with another broker though its socket has the same path, as that of every system instance has', async () => {
    const [one, other] = ['ssh://login1/run/flux/local', 'ssh://front/run/flux/local'];
    const endpoint = endpointAt(one, { instance: 'mgmt 1.00 abc' });
    const own = endpointAt(other, { instance: 'head 2.00 def' });
    const state = { ...journal([job({ place: one })]), endpoints: [endpoint] };
    const alive = (active: boolean): Probe => ({ is: 'alive', instance: endpoint.instance, active: [active] });
    const { message } = await refusal(ask(state, [], other, { own, probe: () => alive(true) }).done);
    expect(message).toContain(`another Flux broker, ${one} (of the instance of mgmt), which still runs (ƒ17 of a)`);
    // It can be asked, and says that they are over.
    await ask(state, [], other, { own, probe: () => alive(false) }).done;
    const unknown = await refusal(ask(state, [], other, { own, probe: () => ({ is: 'unknown', why: 'no way' }) }).done);
    expect(unknown.message).toContain('cannot be asked from');
    expect(unknown.message).toContain('continue the study on mgmt, or where it can be reached');
    expect(unknown.message).toContain('resume: always');
  });

  it('are with this broker if it has them, whatever the journal says of the instance: it may have been restarted', async () => {
    for (const endpoints of [[], [endpointAt(here, { instance: 'host 0.50 before' })]]) {
      const state = { ...journal([job({ place: here })]), endpoints };
      const { done, asked } = ask(state, [], here, { known: ['ƒ17'] });
      await done;
      expect(asked).toEqual([]);
    }
  });

  it('that an instance had which was restarted at the same address without its state are over', async () => {
    const before = endpointAt(here, { instance: 'host 0.50 before' });
    const state = { ...journal([job({ place: here })]), endpoints: [before] };
    const probe = (): Probe => ({ is: 'alive', instance: instanceAt(here), active: [false] });
    await ask(state, [], here, { probe }).done;
  });

  it('may run if the address leads to another machine of that name, as in another container', async () => {
    const before = endpointAt(here, { instance: 'host 0.50 before', machine: 'another' });
    const state = { ...journal([job({ place: here })]), endpoints: [before] };
    await refusal(ask(state, [], here, { probe: () => ({ is: 'unknown', why: 'another machine' }) }).done);
  });

  it('may run though the broker of a login node is gone, which is not the first of its instance', async () => {
    const login = 'ssh://login1/run/flux/local';
    const state = { ...journal([job({ place: login })]), endpoints: [endpointAt(login, { rank: 7 })] };
    expect((await refusal(ask(state, []).done)).message).toContain('others of its instance may run');
  });

  it('of a journal that does not say which instance had them are not taken for lost while that is not known', async () => {
    const claimed = temporaryDirectory();
    mkdirSync(path.join(claimed, '.conductor/claims/a'), { recursive: true });
    writeFileSync(path.join(claimed, '.conductor/claims/a/1'), 'ƒ17\n');
    const state = (place: string) => ({ ...journal([job({ place })]), endpoints: [] });
    const system = 'ssh://login1/run/flux/local';
    // The system instance of a machine comes back, and its other brokers may run.
    await refusal(ask(state(system), []).done);
    // The same address leads to our own broker, which does not know the job: it may be that of another container.
    const own = (): Probe => ({ is: 'alive', instance: instanceAt(here), active: [false] });
    await refusal(ask(state(here), [], here, { studyPath: claimed, probe: own }).done);
    await ask(state(here), [], here, { studyPath: claimed, probe: own, isForced: true }).done;
  });

  it('of which nobody came to note the id are looked for by who has claimed them, wherever the study has been', async () => {
    const studyPath = temporaryDirectory();
    mkdirSync(path.join(studyPath, '.conductor/claims/a'), { recursive: true });
    const unsaid = { ...journal([job({ id: '', place: '' })]), endpoints: [endpointAt(there), endpointAt(further)] };
    // Without a claim none has begun it, and the claim sees to it that only one does.
    await ask(unsaid, [there, further], here, { studyPath }).done;
    writeFileSync(path.join(studyPath, '.conductor/claims/a/1'), 'ƒ21\n');
    const { done, asked } = ask(unsaid, [further], here, { studyPath });
    expect((await refusal(done)).message).toContain(
      `${further} (of the instance of host), which still runs (ƒ21 of a)`,
    );
    expect(asked).toEqual([there, further]);
    await ask(unsaid, [further], here, { studyPath, known: ['ƒ21'] }).done;
  });

  it('of an allocation that its queue calls over are over, and its broker is not asked', async () => {
    const allocation = { kind: 'slurm', id: '7', jobName: 'x', cluster: undefined, flux: '', fluxVersion: '' } as const;
    const state = { ...journal([job()]), endpoints: [endpointAt(there, { allocation })] };
    for (const own of [null, endpointAt(here)]) {
      const { done, asked } = ask(state, [there], here, { own, askQueue: async () => 'ended' });
      await done;
      expect(asked).toEqual([]);
    }
    // A socket that is not seen from here proves nothing while the queue says that the allocation is there.
    const refused = await refusal(ask(state, [], here, { askQueue: async () => 'there' }).done);
    expect(refused.message).toContain('its allocation 7 has not ended');
    const elsewhere = { askQueue: async () => 'unknown' as const };
    await ask(state, [], here, elsewhere).done;
    // Nor does a name, if the queue is another cluster's.
    const unseen = { ...state, endpoints: [endpointAt(there, { allocation, machine: '' })] };
    expect((await refusal(ask(unseen, [], here, elsewhere).done)).message).toContain(
      'another machine of the same name',
    );
  });

  it('are with another broker if its socket is another, on the same node too', async () => {
    const place = 'ssh://node7/tmp/flux-1/local-0';
    await refusal(ask(journal([job({ place })]), [place], 'ssh://node7/tmp/flux-2/local-0').done);
    await refusal(ask(journal([job({ place })]), [place], 'ssh://node7/tmp/flux-1/local-1').done);
  });

  it('fail the run if it cannot be found out whether they run', async () => {
    const cannot = () => {
      throw new Error('the way broke');
    };
    await expect(ask(journal([job()]), [], here, { probe: cannot }).done).rejects.toThrow('the way broke');
  });

  it('may run if there is no way to their broker, unless the user knows better', async () => {
    const probe = (): Probe => ({ is: 'unknown', why: 'the way is broken' });
    const { message } = await refusal(ask(journal([job()]), [], here, { probe }).done);
    expect(message).toContain('cannot be asked from');
    expect(message).toContain('the way is broken');
    expect(message).toContain('resume: always');
    await ask(journal([job()]), [], here, { probe, isForced: true }).done;
    // That it runs is another matter.
    await refusal(ask(journal([job()]), [there], here, { isForced: true }).done);
  });

  it('do not run any more if they have written down how they ended', async () => {
    const studyPath = temporaryDirectory();
    mkdirSync(path.join(studyPath, '.conductor/claims/a'), { recursive: true });
    writeFileSync(path.join(studyPath, '.conductor/claims/a/1'), 'ƒ17\n');
    await refusal(ask(journal([job()]), [there], here, { studyPath }).done);
    writeFileSync(path.join(studyPath, '.conductor/claims/a/1.0.exit'), '0 1\n');
    const { done, asked } = ask(journal([job()]), [there], here, { studyPath });
    await done;
    expect(asked).toEqual([]);
  });
});
