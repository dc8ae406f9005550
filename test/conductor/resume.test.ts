import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blame } from '../../src/causes/cause.js';
import {
  cancelledObsolete,
  digestsOf,
  isFinished,
  plannedSteps,
  planResumption,
  type Resumption,
  restoreRecords,
  type StepDigests,
} from '../../src/conductor/resume.js';
import type { Entry, JournalState } from '../../src/store/journal/records.js';
import { replay, serialize } from '../../src/store/journal/replay.js';
import type { StepGraph } from '../../src/study/graph.js';
import { type JobRecord, newRecord, openJob, type StepRecord } from '../../src/study/state.js';
import { graphOf, type Shape, scriptsOf } from '../support/graphs.js';

/** A step as it is in the spec: its script too. */
interface Sketch extends Shape {
  readonly text?: string;
}

interface Study {
  readonly graph: StepGraph;
  readonly digests: readonly StepDigests[];
}

function studyOf(sketches: readonly Sketch[]): Study {
  const graph = graphOf(sketches);
  const scripts = scriptsOf(graph).map(({ main, restart }, i) => ({
    main: { ...main, text: sketches[i]!.text ?? 'true' },
    restart,
  }));
  return { graph, digests: digestsOf(graph, scripts) };
}

/** The steps that run again once their job is over, and why. */
function rerunsOf({ records }: Resumption): [number, string][] {
  return records.flatMap(({ rerun }, index) => (rerun === null ? [] : [[index, rerun]]));
}

/** A journal's state after a plan, and what came then. */
function journalOf({ graph, digests }: Study, records: readonly StepRecord[], ...entries: Entry[]): JournalState {
  return replay(journalText({ graph, digests }, records, ...entries));
}

function journalText({ graph, digests }: Study, records: readonly StepRecord[], ...entries: Entry[]): string {
  const all: Entry[] = [
    { type: 'study', version: 1, key: 'k', name: 'demo' },
    { type: 'plan', flux: '', steps: plannedSteps(graph, digests, records) },
    ...entries,
  ];
  return all.map((entry, i) => serialize({ seq: i + 1, fence: 1, at: i }, entry)).join('');
}

const job = (attempt: number, fields: Partial<JobRecord> = {}): JobRecord => ({
  attempt,
  script: 'main',
  id: `ƒ${attempt}`,
  place: 'local:///run/flux/local',
  isDoubtful: false,
  submitted: attempt * 10,
  started: null,
  ended: null,
  result: null,
  ...fields,
});

const record = (fields: Partial<StepRecord>): StepRecord => ({ ...newRecord(), ...fields });

const over = (attempt: number, result: JobRecord['result'], script: JobRecord['script'] = 'main') =>
  job(attempt, { script, started: attempt * 10 + 1, ended: attempt * 10 + 2, result });

const finished = record({
  state: 'FINISHED',
  exitCode: 0,
  submitted: 10,
  started: 11,
  ended: 12,
  jobs: [over(1, 'completed')],
});
const failed = record({ ...finished, state: 'FAILED', reason: 'exit 3', exitCode: 3, jobs: [over(1, 'failed')] });
const givenUp = record({ state: 'FAILED', reason: 'dependency a failed', ended: 13 });
const running = record({ state: 'RUNNING', submitted: 10, started: 11, jobs: [job(1, { started: 11 })] });
const pending = record({ state: 'PENDING', submitted: 10, jobs: [job(1, { id: '' })] });

const resume = (
  before: Study,
  records: readonly StepRecord[],
  after: Study = before,
  ...entries: Entry[]
): Resumption => planResumption(journalOf(before, records, ...entries), after.graph, after.digests);

const notesOf = ({ notes }: Resumption) => Object.fromEntries(notes.map(({ step, why }) => [step, why]));

const one = studyOf([{ name: 'a', scheduled: true, restart: true }]);
const chain = studyOf([{ name: 'a' }, { name: 'b', after: ['a'] }, { name: 'c', after: ['b'] }, { name: 'd' }]);

describe('digests', () => {
  const base: Sketch[] = [{ name: 'a' }, { name: 'b' }, { name: 'c', after: ['a', 'b'] }];
  const digest = (sketches: readonly Sketch[], index = 2) => studyOf(sketches).digests[index]!;

  it('are short, and the same for the same step', () => {
    expect(digest(base)).toEqual(digest([{ name: 'b' }, { name: 'a' }, base[2]!]));
    expect(digest(base).script).toMatch(/^[0-9a-f]{16}$/);
    expect(digest(base).dependencies).toMatch(/^[0-9a-f]{16}$/);
  });

  it.each<[string, Partial<Sketch>]>([
    ['its text', { text: 'false' }],
    ['its place', { jobName: 'other' }],
    ['that it has a restart script', { restart: true }],
  ])('of a script tell %s', (_, change) => {
    const other = digest([...base.slice(0, 2), { ...base[2]!, ...change }]);
    expect(other.script).not.toBe(digest(base).script);
    expect(other.dependencies).toBe(digest(base).dependencies);
  });

  it.each<[string, Partial<Sketch>]>([
    ['the names', { after: ['a'] }],
    ['the condition', { afterAll: true }],
  ])('of dependencies tell %s', (_, change) => {
    const other = digest([...base.slice(0, 2), { ...base[2]!, ...change }]);
    expect(other.dependencies).not.toBe(digest(base).dependencies);
    expect(other.script).toBe(digest(base).script);
  });
});

describe('a study that is resumed', () => {
  it('is done if all of it finished', () => {
    const resumption = resume(chain, [finished, finished, finished, finished]);
    expect(isFinished(resumption)).toBe(true);
    expect(resumption).toEqual({
      records: [finished, finished, finished, finished],
      obsolete: [],
      notes: [],
      counts: { finished: 4, running: 0, again: 0, fresh: 0 },
    });
  });

  it('is done if it has no steps', () => {
    const none = studyOf([]);
    expect(isFinished(resume(none, []))).toBe(true);
  });

  it('begins from the beginning if it was never planned', () => {
    const resumption = planResumption(replay(''), chain.graph, chain.digests);
    expect(resumption.records).toEqual(chain.graph.steps.map(() => newRecord()));
    expect(resumption.counts).toEqual({ finished: 0, running: 0, again: 0, fresh: 4 });
    expect(isFinished(resumption)).toBe(false);
  });

  it('takes over what is in flight, and goes on with what never ran', () => {
    const resumption = resume(chain, [finished, running, newRecord(), pending]);
    expect(resumption.records).toEqual([finished, running, newRecord(), pending]);
    expect(resumption.counts).toEqual({ finished: 1, running: 2, again: 0, fresh: 1 });
    expect([resumption.notes, rerunsOf(resumption).length, isFinished(resumption)]).toEqual([[], 0, false]);
  });

  it('runs again what failed, and for the first time what that kept from running', () => {
    const resumption = resume(chain, [failed, givenUp, givenUp, finished]);
    expect(resumption.records).toEqual([record({ jobs: failed.jobs }), newRecord(), newRecord(), finished]);
    expect(notesOf(resumption)).toEqual({ a: 'was FAILED: exit 3' });
    expect(resumption.counts).toEqual({ finished: 1, running: 0, again: 1, fresh: 2 });
  });

  it('says nothing of a step that was given up, although it had run before that', () => {
    const resumption = resume(chain, [failed, { ...givenUp, jobs: [over(1, 'failed')] }, givenUp, finished]);
    expect(notesOf(resumption)).toEqual({ a: 'was FAILED: exit 3' });
    expect(resumption.records[1]).toEqual(record({ jobs: [over(1, 'failed')] }));
  });

  it.each<[string, Partial<StepRecord>, string]>([
    ['a cancelled step', { state: 'CANCELLED', reason: 'cancelled by SIGINT' }, 'was CANCELLED: cancelled by SIGINT'],
    ['no reason', { state: 'TIMEDOUT', reason: '' }, 'was TIMEDOUT'],
    ['a reason of many lines', { reason: '  exit 1: oh\nno\n' }, 'was FAILED: exit 1: oh'],
    ['a long reason', { reason: 'x'.repeat(500) }, `was FAILED: ${'x'.repeat(119)}…`],
  ])('says in a line why a step runs again: %s', (_, fields, why) => {
    expect(notesOf(resume(one, [{ ...failed, ...fields }]))).toEqual({ a: why });
  });

  it('runs a changed step again, and all that came of it', () => {
    const after = studyOf([
      { name: 'a', text: 'new' },
      ...chain.graph.steps
        .slice(1)
        .map(({ name, dependsOn }) => ({ name, after: dependsOn.map((index) => chain.graph.steps[index]!.name) })),
    ]);
    const resumption = resume(chain, [finished, finished, givenUp, finished], after);
    expect(notesOf(resumption)).toEqual({ a: 'its script changed', b: 'a, which it depends on, runs again' });
    expect(resumption.records).toEqual([
      record({ jobs: finished.jobs }),
      record({ jobs: finished.jobs }),
      newRecord(),
      finished,
    ]);
    expect(resumption.counts).toEqual({ finished: 1, running: 0, again: 2, fresh: 1 });
  });

  it('runs a step again whose dependencies are others', () => {
    const after = studyOf([{ name: 'a' }, { name: 'b', after: ['a'] }, { name: 'c', after: ['a'] }, { name: 'd' }]);
    expect(notesOf(resume(chain, [finished, finished, finished, finished], after))).toEqual({
      c: 'its dependencies changed',
    });
  });

  it('runs a step again that was content with a failure, if what failed runs again', () => {
    const study = studyOf([{ name: 'a' }, { name: 'b', after: ['a'], afterAll: true }]);
    expect(notesOf(resume(study, [failed, finished]))).toEqual({
      a: 'was FAILED: exit 3',
      b: 'a, which it depends on, runs again',
    });
  });

  it('takes the steps of an edited study in whatever order they are', () => {
    const after = studyOf([{ name: 'new' }, { name: 'd' }, { name: 'a' }, { name: 'b', after: ['a'] }]);
    const resumption = resume(chain, [finished, running, newRecord(), pending], after);
    expect(resumption.records).toEqual([newRecord(), pending, finished, running]);
    expect(resumption.obsolete).toEqual([]);
  });

  it('does not change what the journal said', () => {
    const after = studyOf([{ name: 'a', text: 'new' }, { name: 'b' }]);
    const state = journalOf(chain, [running, failed, { ...running, state: 'UNKNOWN' }, pending]);
    const before = structuredClone(state);
    const { records } = planResumption(state, after.graph, after.digests);
    for (const each of records) each.jobs.push(job(9));
    for (const each of restoreRecords(state)) for (const one of each.jobs) one.id = 'other';
    expect(state).toEqual(before);
  });
});

describe('a job in flight', () => {
  it.each<[string, JobRecord, StepRecord['state']]>([
    ['RUNNING', job(1, { started: 11 }), 'RUNNING'],
    ['PENDING', job(1), 'PENDING'],
  ])('that was lost sight of is %s again', (_, left, state) => {
    const lost = record({ ...running, state: 'UNKNOWN', reason: 'the instance is gone', jobs: [left] });
    const expected = { ...lost, state, reason: '' };
    expect(resume(one, [lost]).records).toEqual([expected]);
    expect(restoreRecords(journalOf(one, [lost]))).toEqual([expected]);
  });

  it('keeps its failures and restarts, which count on, but not what it lost with its nodes or its disk', () => {
    const left = { ...running, restarts: 2, restartsBefore: 1, failedAttempts: 1, nodeFailures: 3, notRun: 5 };
    expect(resume(one, [left]).records).toEqual([{ ...left, nodeFailures: 0, notRun: 0 }]);
    const waiting = { ...left, state: 'PENDING' as const, jobs: [over(1, 'not-run')] };
    expect(resume(one, [waiting]).records).toEqual([{ ...waiting, nodeFailures: 0, notRun: 0 }]);
  });

  it('runs again if the cancellation of the study ends it', () => {
    const cancel: Entry = { type: 'cancel', reason: 'enough' };
    const open: Entry = { type: 'open', holder: { machine: 'login1', pid: 1 } };
    const expected = { ...running, rerun: 'cancelled' };
    expect(resume(one, [running], one, cancel)).toMatchObject({
      records: [expected],
    });
    // The driver that was to resume it died before it planned anything.
    expect(resume(one, [running], one, cancel, open)).toMatchObject({ records: [expected] });
    expect(rerunsOf(resume(one, [running], one, open))).toEqual([]);
  });

  it('of a step that has changed is taken over, to be ended; the step and what depends on it run anew', () => {
    const after = studyOf([
      { name: 'a', text: 'new' },
      { name: 'b', after: ['a'] },
    ]);
    const left = { ...running, restarts: 1, restartsBefore: 1, failedAttempts: 1, nodeFailures: 1, exitCode: 1 };
    const resumption = resume(chain, [left, running, newRecord(), finished], after, {
      type: 'cancel',
      reason: 'enough',
    });
    expect(resumption.records).toEqual([
      { ...running, rerun: 'changed' },
      { ...running, rerun: 'changed' },
    ]);
    expect(rerunsOf(resumption)).toEqual([
      [0, 'changed'],
      [1, 'changed'],
    ]);
    expect(notesOf(resumption)).toEqual({ a: 'its script changed', b: 'a, which it depends on, runs again' });
    expect(resumption.counts).toEqual({ finished: 0, running: 0, again: 2, fresh: 0 });
  });

  it('of a step that has changed stays so if the driver that found it out dies', () => {
    const after = studyOf([{ name: 'a', text: 'new', scheduled: true, restart: true }]);
    const first = resume(one, [running], after);
    const second = resume(after, first.records);
    expect(rerunsOf(second)).toEqual([[0, 'changed']]);
    expect(second.records).toEqual(first.records);
    expect(notesOf(second)).toEqual({ a: 'it has changed since its job began' });
  });

  it('of a step that is gone, or elsewhere now, belongs to nobody', () => {
    const after = studyOf([{ name: 'a' }, { name: 'd', workspace: 'elsewhere' }]);
    const resumption = resume(chain, [finished, running, newRecord(), pending], after);
    const foreign = { scheduled: false, attempt: 1, place: 'local:///run/flux/local' };
    expect(resumption.obsolete).toEqual([
      { ...foreign, step: 'b', workspace: 'b', id: 'ƒ1' },
      { ...foreign, step: 'd', workspace: 'd', id: '' },
    ]);
    expect(resumption.records).toEqual([finished, newRecord()]);
    expect(isFinished(resume(chain, [finished, running, newRecord(), newRecord()], studyOf([{ name: 'a' }])))).toBe(
      false,
    );
  });

  it('cannot be taken over by another scheduler', () => {
    const after = studyOf([{ name: 'a', restart: true }]);
    const resumption = resume(one, [running], after);
    expect(resumption.obsolete).toEqual([
      { step: 'a', scheduled: true, workspace: 'a', attempt: 1, id: 'ƒ1', place: 'local:///run/flux/local' },
    ]);
    const closed = job(1, { started: 11, ended: 11, result: 'cancelled', blame: blame('cancelled') });
    expect(resumption.records).toEqual([record({ jobs: [closed] })]);
    expect(rerunsOf(resumption).length).toBe(0);
    expect(notesOf(resumption)).toEqual({ a: 'its script changed' });
  });
});

/** As somebody resumes it whose plan is noted, and who is killed then, or after what is noted besides. */
function planned({ graph, digests }: Study, before: JournalState, ...entries: Entry[]): [JournalState, Resumption] {
  const resumption = planResumption(before, graph, digests);
  const plan: Entry = { type: 'plan', flux: '', steps: plannedSteps(graph, digests, resumption.records) };
  const text = [...texts.get(before)!, plan, ...entries];
  return [stateOf(text), resumption];
}

/** What the journals of these states say. */
const texts = new WeakMap<JournalState, readonly Entry[]>();

function stateOf(entries: readonly Entry[]): JournalState {
  const state = replay(entries.map((entry, i) => serialize({ seq: i + 1, fence: 1, at: i }, entry)).join(''));
  texts.set(state, entries);
  return state;
}

function begun({ graph, digests }: Study, records: readonly StepRecord[]): JournalState {
  return stateOf([
    { type: 'study', version: 1, key: 'k', name: 'demo' },
    { type: 'plan', flux: '', steps: plannedSteps(graph, digests, records) },
  ]);
}

describe('a job of a step that is gone', () => {
  const without = studyOf([{ name: 'a' }]);
  const before = begun(chain, [finished, running, newRecord(), finished]);
  const theirs = {
    step: 'b',
    scheduled: false,
    workspace: 'b',
    attempt: 1,
    id: 'ƒ1',
    place: 'local:///run/flux/local',
  };

  it('stays to be ended until it is noted that it was, whoever dies meanwhile', () => {
    const [first, one] = planned(without, before);
    const [second, two] = planned(without, first);
    const [third, three] = planned(without, second, cancelledObsolete(two.obsolete));
    expect([one, two, three].map(({ obsolete }) => obsolete)).toEqual([[theirs], [theirs], [theirs]]);
    expect([one, two, three].map(isFinished)).toEqual([false, false, false]);
    expect([first, second, third].map(({ obsolete }) => obsolete)).toEqual([[theirs], [theirs], []]);
    expect(isFinished(planResumption(third, without.graph, without.digests))).toBe(true);
  });

  it('is taken over to be ended if its step comes back, which then runs', () => {
    const [gone] = planned(without, before);
    const [back, resumption] = planned(chain, gone);
    expect(resumption.records).toEqual([
      finished,
      record({ ...running, rerun: 'changed' }),
      newRecord(),
      record({ jobs: finished.jobs }),
    ]);
    expect(rerunsOf(resumption)).toEqual([[1, 'changed']]);
    expect(notesOf(resumption)).toEqual({ b: 'it was not in the study for a while' });
    expect(resumption.counts).toEqual({ finished: 1, running: 0, again: 1, fresh: 2 });
    expect([resumption.obsolete, back.obsolete]).toEqual([[], []]);
    const [, later] = planned(chain, back);
    expect([later.records, later.obsolete]).toEqual([resumption.records, []]);
  });

  it('is over, as far as we know, once that is noted: if its step comes back that runs at once', () => {
    const [gone] = planned(without, before, cancelledObsolete([theirs]));
    const [, resumption] = planned(chain, gone);
    const closed = job(1, { started: 11, ended: 11, result: 'cancelled', blame: blame('cancelled') });
    expect(resumption.records.slice(0, 3)).toEqual([finished, record({ jobs: [closed] }), newRecord()]);
    expect([rerunsOf(resumption).length, resumption.obsolete]).toEqual([0, []]);
  });

  it('cannot be taken over by another scheduler', () => {
    const [gone] = planned(without, before);
    const elsewhere = studyOf([{ name: 'a' }, { name: 'b', after: ['a'], scheduled: true }]);
    const [moved, resumption] = planned(elsewhere, gone);
    expect([resumption.obsolete, rerunsOf(resumption).length, openJob(resumption.records[1]!)]).toEqual([
      [theirs],
      0,
      undefined,
    ]);
    expect(moved.obsolete).toEqual([theirs]);
    // Nor when its step is as it was: the attempt was closed.
    const [, back] = planned(studyOf([{ name: 'a' }, { name: 'b', after: ['a'] }]), moved);
    expect([back.obsolete, rerunsOf(back).length]).toEqual([[theirs], 0]);
  });

  it('and of one that began anew after it in the same place are two', () => {
    const local = begun(studyOf([{ name: 'a' }]), [running]);
    const [moved, { records }] = planned(studyOf([{ name: 'a', scheduled: true }]), local);
    expect(records[0]!.jobs).toMatchObject([{ attempt: 1, result: 'cancelled' }]);
    const again: Entry = { type: 'steps', steps: { 0: { state: 'PENDING', jobs: [job(2)] } } };
    const both = stateOf([...texts.get(moved)!, again]);
    const [none, { obsolete }] = planned(studyOf([]), both);
    const [first, second] = [
      { ...theirs, step: 'a', workspace: 'a' },
      { ...theirs, step: 'a', workspace: 'a', scheduled: true, attempt: 2, id: 'ƒ2' },
    ];
    expect([obsolete, none.obsolete]).toEqual([
      [first, second],
      [first, second],
    ]);
    const [, back] = planned(studyOf([{ name: 'a', scheduled: true }]), none);
    expect([back.obsolete, openJob(back.records[0]!)?.attempt]).toEqual([[first], 2]);
  });
});

describe('the attempts of a workspace', () => {
  it('go on if a step comes back to it', () => {
    const [gone] = planned(studyOf([{ name: 'b' }]), begun(chain, [finished, newRecord(), newRecord(), finished]));
    const [, resumption] = planned(chain, gone);
    expect(resumption.records[0]).toEqual(record({ jobs: finished.jobs }));
    expect(rerunsOf(resumption).length).toBe(0);
  });

  it('go on if it is another step that has it', () => {
    const after = studyOf([{ name: 'z', workspace: 'a', scheduled: true, restart: true }]);
    const resumption = resume(one, [finished], after);
    expect(resumption.records).toEqual([record({ jobs: finished.jobs })]);
    expect(notesOf(resumption)).toEqual({ z: 'it was a before' });
  });
});

describe('a step whose time ran out', () => {
  const timedOut = record({ ...failed, reason: 'its time ran out', jobs: [over(1, 'timeout')] });
  const twice = [over(1, 'timeout'), over(2, 'timeout', 'restart')];
  const outlook = (before: StepRecord, after = one) => {
    const { restarts, restartsBefore, jobs, state, failedAttempts } = resume(one, [before], after).records[0]!;
    return { restarts, restartsBefore, jobs: jobs.length, state, failedAttempts };
  };
  const begins = { state: 'INITIALIZED', failedAttempts: 0 };

  it('goes on with its restart script, with all its restarts to come', () => {
    expect(outlook({ ...timedOut, restarts: 0 })).toEqual({ ...begins, restarts: 1, restartsBefore: 1, jobs: 1 });
    expect(outlook({ ...timedOut, restarts: 1, failedAttempts: 2, jobs: twice })).toEqual({
      ...begins,
      restarts: 2,
      restartsBefore: 2,
      jobs: 2,
    });
  });

  it('counts a restart once if the study was cancelled before it began', () => {
    const cancelled = { ...timedOut, state: 'CANCELLED' as const, restarts: 1 };
    expect(outlook(cancelled)).toMatchObject({ restarts: 1, restartsBefore: 1 });
  });

  it('still does so if it did not come to run when the study was resumed', () => {
    const cancelled = { ...givenUp, state: 'CANCELLED' as const, restarts: 2, restartsBefore: 2, jobs: twice };
    expect(outlook(cancelled)).toMatchObject({ restarts: 2, restartsBefore: 2, jobs: 2 });
  });

  it('does not do so if it was to begin anew, and did not come to run', () => {
    expect(outlook({ ...givenUp, jobs: twice })).toMatchObject({ restarts: 0, restartsBefore: 0, jobs: 2 });
  });

  it('does so though it was cancelled later, when it could not be run', () => {
    const cancelled = {
      ...timedOut,
      state: 'CANCELLED' as const,
      restarts: 1,
      jobs: [over(1, 'timeout'), over(2, 'not-run', 'restart')],
    };
    expect(outlook(cancelled)).toMatchObject({ restarts: 1, restartsBefore: 1 });
  });

  it('does so though its restart was cancelled in the queue, but not if that ran', () => {
    const cancelled = { ...timedOut, state: 'CANCELLED' as const, restarts: 1 };
    const inQueue = { ...over(2, 'cancelled', 'restart'), started: null };
    expect(outlook({ ...cancelled, jobs: [over(1, 'timeout'), inQueue] })).toMatchObject({ restarts: 1 });
    const jobs = [over(1, 'timeout'), over(2, 'cancelled', 'restart')];
    expect(outlook({ ...cancelled, jobs })).toMatchObject({ restarts: 0 });
  });

  it('begins anew if it has changed, has no restart script, or ended otherwise in the end', () => {
    const anew = { ...begins, restarts: 0, restartsBefore: 0 };
    expect(outlook(timedOut, studyOf([{ name: 'a', text: 'new', scheduled: true, restart: true }]))).toMatchObject(
      anew,
    );
    const none = studyOf([{ name: 'a', scheduled: true }]);
    expect(resume(none, [timedOut]).records[0]).toMatchObject(anew);
    const jobs = [over(1, 'timeout'), over(2, 'failed', 'restart')];
    expect(outlook({ ...timedOut, restarts: 1, jobs })).toMatchObject(anew);
  });

  it('goes on where it was if it was waiting to run again', () => {
    const waiting = record({
      ...timedOut,
      state: 'TIMEDOUT',
      reason: 'its time ran out (job ƒ1); restarting',
      ended: null,
      restarts: 1,
      failedAttempts: 1,
    });
    const resumption = resume(one, [waiting]);
    expect(resumption.records).toEqual([{ ...waiting, countedFrom: 2 }]);
    expect(resumption.notes).toEqual([]);
    expect(resumption.counts).toEqual({ finished: 0, running: 0, again: 1, fresh: 0 });
  });
});

describe('of any study that is resumed it is so', () => {
  const standings: Readonly<Record<string, StepRecord>> = {
    fresh: newRecord(),
    finished,
    failed,
    givenUp,
    cancelled: { ...failed, state: 'CANCELLED', reason: 'enough', jobs: [over(1, 'cancelled')] },
    timedOut: { ...failed, state: 'TIMEDOUT', restarts: 1, jobs: [over(1, 'timeout'), over(2, 'timeout', 'restart')] },
    running,
    pending,
    unknown: { ...running, state: 'UNKNOWN', reason: 'gone' },
    waiting: { ...failed, state: 'PENDING', ended: null, failedAttempts: 1 },
    second: { ...running, failedAttempts: 1, jobs: [over(1, 'failed'), job(2)] },
  };
  const changes = ['none', 'none', 'none', 'none', 'script', 'scheduled', 'workspace', 'gone'] as const;

  /** A study, how it was left, and how it is now. */
  const cases = fc
    .record({
      steps: fc.array(
        fc.record({
          after: fc.array(fc.integer({ min: 0, max: 2 }).map((roll) => roll === 0)),
          afterAll: fc.boolean(),
          scheduled: fc.boolean(),
          restart: fc.boolean(),
          // Most have finished, or much of it would run again in every case.
          standing: fc.constantFrom('finished', 'finished', 'finished', 'running', ...Object.keys(standings)),
          change: fc.constantFrom(...changes),
        }),
        { maxLength: 10 },
      ),
      isCancelled: fc.boolean(),
    })
    .map(({ steps, isCancelled }) => {
      const before = steps.map(({ after, ...step }, i): Sketch & { change: string } => ({
        ...step,
        name: `s${i}`,
        after: after.slice(0, i).flatMap((waits, back) => (waits ? [`s${i - 1 - back}`] : [])),
      }));
      const stay = new Set(before.flatMap(({ name, change }) => (change === 'gone' ? [] : [name])));
      const after = before.flatMap((step): Sketch[] => {
        const next = { ...step, after: step.after!.filter((name) => stay.has(name)) };
        switch (step.change) {
          case 'gone':
            return [];
          case 'script':
            return [{ ...next, text: 'new' }];
          case 'scheduled':
            return [{ ...next, scheduled: step.scheduled === false }];
          case 'workspace':
            return [{ ...next, workspace: `${step.name}.moved` }];
          default:
            return [next];
        }
      });
      const records = steps.map(({ standing }) => standings[standing]!);
      return { before: studyOf(before), after: studyOf(after), records, isCancelled };
    });

  const entriesOf = (isCancelled: boolean): Entry[] => (isCancelled ? [{ type: 'cancel', reason: 'enough' }] : []);

  /** For every step, what it was, and is now. */
  function compare({ before, after, records, isCancelled }: typeof cases extends fc.Arbitrary<infer T> ? T : never) {
    const resumption = resume(before, records, after, ...entriesOf(isCancelled));
    const stays = resumption.records.map(
      (each) => each.state === 'FINISHED' || (openJob(each) !== undefined && each.rerun !== 'changed'),
    );
    const steps = after.graph.steps.map((step, index) => {
      const old = before.graph.steps.findIndex(({ workspace }) => workspace === step.workspace);
      const isSame =
        old >= 0 &&
        before.graph.steps[old]!.scheduled === step.scheduled &&
        before.digests[old]!.script === after.digests[index]!.script &&
        before.digests[old]!.dependencies === after.digests[index]!.dependencies;
      return { step, was: records[old], is: resumption.records[index]!, stays: stays[index]!, isSame };
    });
    return { resumption, steps, stays };
  }

  it('that what stays depends only on what stays', () => {
    fc.assert(
      fc.property(cases, (each) => {
        const { steps, stays } = compare(each);
        for (const { step, stays: one } of steps) {
          if (one) expect(step.dependsOn.filter((dependency) => !stays[dependency])).toEqual([]);
        }
      }),
    );
  });

  it('that what finished, or is in flight, stays if neither it nor what it depends on has changed or runs', () => {
    fc.assert(
      fc.property(cases, (each) => {
        const { steps, stays } = compare(each);
        for (const { step, was, is, isSame, stays: one } of steps) {
          if (!isSame || step.dependsOn.some((dependency) => !stays[dependency])) continue;
          if (was!.state === 'FINISHED') expect(is).toEqual(was);
          if (openJob(was!) !== undefined) expect([one, is.jobs]).toEqual([true, was!.jobs]);
        }
      }),
    );
  });

  it('that what failed, never ran or has changed runs', () => {
    fc.assert(
      fc.property(cases, (each) => {
        for (const { was, is, isSame, stays } of compare(each).steps) {
          const isGood = was !== undefined && (was.state === 'FINISHED' || openJob(was) !== undefined);
          if (isSame && isGood) continue;
          expect(stays).toBe(false);
          expect(is.ended).toBe(null);
        }
      }),
    );
  });

  it('that no attempt is forgotten, and no job in flight', () => {
    fc.assert(
      fc.property(cases, (each) => {
        const { resumption, steps } = compare(each);
        for (const { was, is } of steps) {
          expect(is.jobs.map(({ attempt, id }) => [attempt, id])).toEqual(
            (was?.jobs ?? []).map(({ attempt, id }) => [attempt, id]),
          );
        }
        const inFlight = [
          ...steps.flatMap(({ step, is }) => (openJob(is) === undefined ? [] : [step.workspace])),
          ...resumption.obsolete.map(({ workspace }) => workspace),
        ];
        const left = each.before.graph.steps.filter((_, index) => openJob(each.records[index]!) !== undefined);
        expect(inFlight.sort()).toEqual(left.map(({ workspace }) => workspace).sort());
      }),
    );
  });

  it('that each step counts once, and that what runs anew is told by its record', () => {
    fc.assert(
      fc.property(cases, (each) => {
        const { resumption, steps } = compare(each);
        const { finished: done, running: taken, again, fresh } = resumption.counts;
        expect(done + taken + again + fresh).toBe(steps.length);
        expect(done).toBe(steps.filter(({ is }) => is.state === 'FINISHED').length);
        expect(isFinished(resumption)).toBe(done === steps.length && resumption.obsolete.length === 0);
        for (const [index, { is }] of steps.entries()) expect(resumption.records[index]!.rerun).toBe(is.rerun);
      }),
    );
  });

  it('that who resumes it after that finds the same', () => {
    fc.assert(
      fc.property(cases, ({ before, after, records, isCancelled }) => {
        const first = resume(before, records, after, ...entriesOf(isCancelled));
        const second = resume(after, first.records);
        expect(second.records).toEqual(first.records);
        expect(second.obsolete).toEqual([]);
        const [noted] = planned(after, stateOf([...texts.get(begun(before, records))!, ...entriesOf(isCancelled)]));
        expect(planResumption(noted, after.graph, after.digests).obsolete).toEqual(first.obsolete);
        expect({ ...second.counts, fresh: 0, again: 0 }).toEqual({ ...first.counts, fresh: 0, again: 0 });
      }),
    );
  });
});
