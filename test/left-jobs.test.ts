import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { BrokerError } from '../src/broker/errors.js';
import type { JournalState } from '../src/conductor/journal/records.js';
import { replay } from '../src/conductor/journal/replay.js';
import { type JobRecord, newRecord } from '../src/conductor/state.js';
import { type Elsewhere, refuseJobsElsewhere } from '../src/left-jobs.js';
import { plainHost } from './support/hosts.js';
import { temporaryDirectory } from './support/temporary.js';

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

/** Brokers answer at these addresses only. */
function ask(state: JournalState, answering: readonly string[], uri = here, changes: Partial<Elsewhere> = {}) {
  const asked: string[] = [];
  const answers = async (place: string) => {
    asked.push(place);
    return answering.includes(place) ? 'yes' : 'no';
  };
  const done = refuseJobsElsewhere(state, {
    host: plainHost(),
    studyPath: temporaryDirectory(),
    uri,
    answers: answers as Elsewhere['answers'],
    isForced: false,
    ...changes,
  });
  return { done, asked };
}

const refusal = async (done: Promise<void>): Promise<BrokerError> => {
  const error = await done.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(BrokerError);
  return error as BrokerError;
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
      `another Flux broker, ${there}, which still runs (ƒ17 of b); this run is for ${here}`,
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
    const left = (place: string) => ({ ...journal([job(ended)]), unwanted: [{ ...gone, place }] });
    expect((await refusal(ask(left(there), [there]).done)).message).toContain('(ƒ5 of gone)');
    await ask(left(there), []).done;
    for (const place of [here, '']) expect(ask(left(place), [place]).asked).toEqual([]);
  });

  it('of several brokers are looked for at each', async () => {
    const { done, asked } = ask(journal([job()], [job({ place: further, id: 'ƒ9' })]), [further]);
    const { message } = await refusal(done);
    expect(message).toContain(`${further}, which still runs (ƒ9 of b)`);
    expect(message).not.toContain(there);
    expect(asked).toEqual([there, further]);
  });

  it('are with this broker too if that was reached another way', async () => {
    const socket = '/tmp/flux-aBcDeF/local-0';
    for (const place of [`ssh://node7${socket}`, `ssh://me@node7.example.org:2222${socket}`, `local://${socket}`]) {
      for (const uri of [`local://${socket}`, `ssh://login${socket}`]) {
        const { done, asked } = ask(journal([job({ place })]), [place], uri);
        await done;
        expect(asked).toEqual([]);
      }
    }
  });

  it('are with another broker if its socket is another, on the same node too', async () => {
    const place = 'ssh://node7/tmp/flux-1/local-0';
    await refusal(ask(journal([job({ place })]), [place], 'ssh://node7/tmp/flux-2/local-0').done);
    await refusal(ask(journal([job({ place })]), [place], 'ssh://node7/tmp/flux-1/local-1').done);
  });

  it('fail the run if it cannot be found out whether they run', async () => {
    const cannot = async () => {
      throw new Error('the way broke');
    };
    await expect(ask(journal([job()]), [], here, { answers: cannot }).done).rejects.toThrow('the way broke');
  });

  it('may run if there is no way to their broker, unless the user knows better', async () => {
    const answers = async () => 'unknown' as const;
    const { message } = await refusal(ask(journal([job()]), [], here, { answers }).done);
    expect(message).toContain('cannot be reached from here');
    expect(message).toContain('resume: always');
    await ask(journal([job()]), [], here, { answers, isForced: true }).done;
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
