import { describe, expect, it } from 'vitest';
import { digestsOf, isOverAndSame, plannedSteps } from '../../src/conductor/resume.js';
import { replay, serialize } from '../../src/store/journal/replay.js';
import { newRecord, type StepRecord, type StudyStatus } from '../../src/study/state.js';
import { graphOf, scriptsOf } from '../support/graphs.js';

const graph = graphOf([{ name: 'may-fail' }, { name: 'after', after: ['may-fail'] }, { name: 'other' }]);
const digests = digestsOf(graph, scriptsOf(graph));
const ran = { submitted: 1, started: 2, ended: 3, exitCode: 0 };
const records: StepRecord[] = [
  { ...newRecord(), ...ran, state: 'FAILED', exitCode: 3, tolerated: true },
  { ...newRecord(), state: 'FAILED', ended: 3, tolerated: true },
  { ...newRecord(), ...ran, state: 'FINISHED' },
];

function ended(status: StudyStatus, all = records) {
  const entries = [
    { type: 'study', version: 1, key: 'k', name: 'demo' },
    { type: 'plan', flux: '', steps: plannedSteps(graph, digests, all) },
    { type: 'end', status },
  ] as const;
  return replay(entries.map((entry, i) => serialize({ seq: i + 1, fence: 1, at: i }, entry)).join(''));
}

const allowing = (...names: string[]) => ({ allowsFailure: ({ name }: { name: string }) => names.includes(name) });

describe('a study that ended FINISHED', () => {
  it('is over, although a step that may fail did, and another did not run for that', () => {
    expect(isOverAndSame(ended('FINISHED'), graph, digests, allowing('may-fail'))).toBe(true);
  });

  it('is not over once that step may not fail any more', () => {
    expect(isOverAndSame(ended('FINISHED'), graph, digests, allowing())).toBe(false);
  });

  it('is not over if anything has changed', () => {
    const changed = digests.map((digest, i) => (i === 2 ? { ...digest, script: 'another' } : digest));
    const moved = graphOf([{ name: 'may-fail' }, { name: 'after', workspace: 'x' }, { name: 'other' }]);
    const more = graphOf([...graph.steps.map(({ name }) => ({ name })), { name: 'new' }]);
    const allowed = allowing('may-fail');
    expect(isOverAndSame(ended('FINISHED'), graph, changed, allowed)).toBe(false);
    expect(isOverAndSame(ended('FINISHED'), moved, digests, allowed)).toBe(false);
    expect(isOverAndSame(ended('FINISHED'), more, digestsOf(more, scriptsOf(more)), allowed)).toBe(false);
  });

  it('is not over while a job of a step that it had may run', () => {
    const job = { step: 'gone', scheduled: true, workspace: 'gone', attempt: 1, id: '', place: '' };
    const left = { ...ended('FINISHED'), obsolete: [job] };
    expect(isOverAndSame(left, graph, digests, allowing('may-fail'))).toBe(false);
  });

  it('is one that ended so, and no other', () => {
    for (const status of ['FAILURE', 'CANCELLED', 'INTERRUPTED'] as const) {
      expect(isOverAndSame(ended(status), graph, digests, allowing('may-fail'))).toBe(false);
    }
  });
});
