import { describe, expect, it } from 'vitest';
import { blame } from '../../src/causes/cause.js';
import { nodesToAvoid } from '../../src/conductor/attempts.js';
import { planResumption } from '../../src/conductor/resume.js';
import type { Entry } from '../../src/store/journal/records.js';
import { replay, serialize } from '../../src/store/journal/replay.js';
import { graphOf } from '../support/graphs.js';
import { MachineStudy } from '../support/machine-study.js';

function begun(...options: ConstructorParameters<typeof MachineStudy>): MachineStudy {
  const study = new MachineStudy(...options);
  study.begin();
  return study;
}

const run = [{ name: 'run', scheduled: true }];
const lost = (cause: 'node' | 'preempted' = 'node') => ({ note: 'its node failed', blame: blame(cause) });

describe('the record of a job', () => {
  it('says what its scheduler blames for its end', () => {
    const study = begun(run);
    study.ended('run', 'failed', { blame: blame('memory') });
    expect(study.step('run').jobs[0]!.blame).toEqual(blame('memory'));
  });

  it.each([
    ['completed', null],
    ['failed', blame('code')],
    ['timeout', blame('timeout')],
    ['cancelled', blame('cancelled')],
    ['node-failure', blame('node')],
  ] as const)('says by itself what is to blame if it is %s', (result, why) => {
    const study = begun(run);
    study.ended('run', result);
    expect(study.step('run').jobs[0]!.blame).toEqual(why);
  });

  it('blames the spec for a refusal, unless the scheduler knows better', () => {
    const study = begun([...run, { name: 'other', scheduled: true }]);
    study.refused('run');
    expect(study.step('run').jobs[0]!.blame).toEqual(blame('submission', true));
    const why = blame('connection');
    study.tell({ type: 'not-submitted', step: 1, attempt: 1, at: 9, reason: 'no answer', blame: why });
    expect(study.step('other').jobs[0]!.blame).toEqual(why);
  });

  it('blames the spec for a local step that did not fit into the job of its conductor twice', () => {
    const study = begun([{ name: 'run', scheduled: false }]);
    study.started('run');
    study.ended('run', 'evicted', { note: 'its time was up' });
    expect(study.step('run').jobs[0]!.blame).toEqual(blame('allocation'));
    study.wake('run');
    study.started('run');
    study.ended('run', 'evicted', { note: 'its time was up', blame: blame('allocation') });
    expect(study.step('run').state).toBe('FAILED');
    expect(study.step('run').jobs[1]!.blame).toEqual(blame('allocation', true));
  });

  it('has the nodes as soon as they are known', () => {
    const study = begun([...run, { name: 'other', scheduled: true }]);
    study.tell({ type: 'started', step: 0, attempt: 1, at: 5, nodes: ['n1', 'n2'] });
    expect(study.step('run').jobs[0]!.nodes).toEqual(['n1', 'n2']);
    expect(study.touched).toEqual(['run']);
    study.tell({ type: 'ended', step: 1, attempt: 1, at: 6, nodes: ['n3'], outcome: completed });
    expect(study.step('other').jobs[0]!.nodes).toEqual(['n3']);
  });

  it('gets the nodes of a job that is taken over', () => {
    const study = begun(run);
    study.started('run');
    study.tell({ type: 'started', step: 0, attempt: 1, at: 5, nodes: ['n1'] });
    expect(study.step('run')).toMatchObject({ state: 'RUNNING', jobs: [{ nodes: ['n1'] }] });
    expect(study.touched).toEqual(['run']);
  });
});

const completed = { result: 'completed', exitCode: 0, signal: null, note: '' } as const;

describe('a step whose job was lost with its node', () => {
  const loseOn = (study: MachineStudy, nodes: string[], cause: 'node' | 'preempted' = 'node') => {
    const { attempt } = study.step('run').jobs.at(-1)!;
    study.tell({ type: 'started', step: 0, attempt, at: attempt, nodes });
    study.ended('run', 'node-failure', lost(cause));
    return study.wake('run');
  };

  it('is not to run there again, nor on those before', () => {
    const study = begun(run);
    loseOn(study, ['n1']);
    expect(study.step('run').jobs[1]!.excluded).toEqual(['n1']);
    loseOn(study, ['n2']);
    expect(study.step('run').jobs[2]!.excluded).toEqual(['n1', 'n2']);
    study.started('run');
    study.ended('run');
    expect(study.outcomes).toEqual(['FINISHED']);
  });

  it('may run there again after a preemption', () => {
    const study = begun(run);
    loseOn(study, ['n1'], 'preempted');
    expect(study.step('run').jobs[1]).not.toHaveProperty('excluded');
  });

  it('runs there all the same if there is nowhere else', () => {
    const study = begun(run);
    loseOn(study, ['n1']);
    expect(study.refused('run', 'no such nodes')).toEqual(['back-off run 1']);
    expect(study.outcomes).toEqual(['PENDING (only n1 can run it: no such nodes; submitting again)']);
    expect(study.wake('run')).toEqual(['submit run 3 main']);
    expect(study.step('run').jobs[2]).not.toHaveProperty('excluded');
  });

  it('runs there all the same if the queue has none of the others', () => {
    const study = begun(run);
    loseOn(study, ['n1']);
    const refusal = {
      type: 'not-submitted',
      step: 0,
      attempt: 2,
      at: 9,
      reason: 'Required node not available',
    } as const;
    expect(study.tell({ ...refusal, blame: blame('queue') })).toEqual(['back-off run 1']);
    expect(study.wake('run')).toEqual(['submit run 3 main']);
    expect(study.step('run').jobs[2]).not.toHaveProperty('excluded');
  });

  it('keeps away from there when it was taken out of the queue meanwhile', () => {
    const study = begun(run);
    loseOn(study, ['n1']);
    const why = { reason: 'max-wait', kind: 'waited-too-long', notBegun: [{ step: 0, attempt: 2 }] } as const;
    study.tell({ type: 'interrupt', at: 9, ...why });
    expect(study.step('run').jobs[1]).toMatchObject({ result: 'not-run', blame: blame('queue'), excluded: ['n1'] });
    expect(nodesToAvoid(study.step('run'))).toEqual(['n1']);
  });

  it('runs as often for each cause as the policy says', () => {
    const study = begun(run, { resubmitOn: new Map([['node', 1]]) });
    expect(loseOn(study, ['n1'])).toEqual(['submit run 2 main']);
    expect(loseOn(study, ['n2'])).toEqual([]);
    expect(study.outcomes).toEqual(['HWFAILURE (its node failed, 2 times)']);
  });

  it('does not run again if that is not wanted', () => {
    const study = begun(run, { resubmitOn: new Map() });
    expect(loseOn(study, ['n1'])).toEqual([]);
    expect(study.outcomes).toEqual(['HWFAILURE (its node failed)']);
  });

  it('keeps no node from a local step', () => {
    const study = begun([{ name: 'run' }]);
    loseOn(study, ['n1']);
    expect(study.step('run').jobs[1]).not.toHaveProperty('excluded');
  });
});

describe('a study that is resumed', () => {
  const entries: Entry[] = [
    { type: 'study', version: 1, key: 'k', name: 'n' },
    { type: 'plan', flux: '', steps: [planned('run')] },
  ];
  function planned(name: string) {
    return { name, workspace: name, scheduled: true, script: 's', dependencies: 'd', record: {} };
  }
  const stateOf = (patch: object) => {
    const all = [...entries, { type: 'steps', steps: { 0: patch } } as Entry];
    return replay(all.map((entry, i) => serialize({ seq: i + 1, fence: 1, at: 1 }, entry)).join(''));
  };
  const jobs = (more: object) =>
    [1, 2].map((attempt) => ({ attempt, submitted: 1, started: 2, ended: 3, result: 'node-failure', ...more }));
  const digests = [{ script: 's', dependencies: 'd' }];

  it('knows what was to blame and which nodes there were, and counts the losses anew', () => {
    const known = { blame: blame('preempted'), nodes: ['n1'], excluded: ['n2'] };
    const state = stateOf({ state: 'HWFAILURE', submitted: 1, ended: 3, jobs: jobs(known) });
    expect(state.records[0]!.jobs[1]).toMatchObject(known);
    const { records } = planResumption(state, graphOf(run), digests);
    expect(records[0]).toMatchObject({ countedFrom: 3, jobs: [known, known] });
  });

  it('keeps away from the nodes that it lost before', () => {
    const lostOn = (node: string, attempt: number) => ({
      ...{ attempt, script: 'main', submitted: 1, started: 2, ended: 3 },
      ...{ result: 'node-failure', blame: blame('node'), nodes: [node] },
    });
    const reason = 'its node failed; to be submitted again, on other nodes';
    const state = stateOf({ state: 'HWFAILURE', reason, submitted: 1, jobs: [lostOn('n1', 1), lostOn('n2', 2)] });
    const { records } = planResumption(state, graphOf(run), digests);
    const study = new MachineStudy([{ name: 'run', scheduled: true, record: records[0]! }]);
    expect(study.begin()).toEqual(['submit run 3 main']);
    expect(study.step('run').jobs[2]!.excluded).toEqual(['n1', 'n2']);
  });

  it('reads a journal that says nothing of it', () => {
    const state = stateOf({ state: 'HWFAILURE', submitted: 1, ended: 3, jobs: jobs({}) });
    expect(state.records[0]!.jobs[0]).not.toHaveProperty('blame');
    const { records } = planResumption(state, graphOf(run), digests);
    expect(records[0]!.countedFrom).toBe(3);
    const study = begun([{ name: 'run', scheduled: true, record: records[0]! }]);
    for (let attempt = 3; attempt < 6; attempt++) {
      study.ended('run', 'node-failure');
      expect(study.wake('run')).toEqual([`submit run ${attempt + 1} main`]);
    }
    study.ended('run', 'node-failure');
    expect(study.outcomes).toEqual(['HWFAILURE (a node failed, 4 times)']);
  });
});

describe('what stops a study', () => {
  it('is known by its kind', () => {
    const kinds = (tell: (study: MachineStudy) => void) => {
      const study = begun(run);
      tell(study);
      return study.machine.interruptionKind;
    };
    expect(kinds((study) => study.interrupt('the broker is lost'))).toBe('scheduler-lost');
    expect(kinds((study) => study.interrupt('over', { kind: 'allocation-over' }))).toBe('allocation-over');
    expect(kinds((study) => study.leave())).toBe('left');
    expect(kinds((study) => study.deferred('run', false))).toBe('allocation-over');
    expect(
      kinds((study) => {
        for (let i = 0; i < 6; i++) {
          study.ended('run', 'not-run');
          study.wake('run');
        }
      }),
    ).toBe('disk-full');
  });
});
