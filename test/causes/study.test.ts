import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Blame, blame, type Cause, causes, isInfrastructure } from '../../src/causes/cause.js';
import { blameOfUnfinished, type Interruption } from '../../src/causes/interruption.js';
import { decideNeutral, type NeutralFacts } from '../../src/causes/neutral.js';
import { blameOfStep } from '../../src/causes/of-step.js';
import { type BlamedStep, blameOfStudy, causeLine } from '../../src/causes/of-study.js';
import { newRecord, type StepState } from '../../src/study/state.js';
import { ran } from '../support/results.js';

const step = (given: Cause | Blame | null, more: Partial<BlamedStep> = {}): BlamedStep => ({
  name: 'run',
  blame: typeof given === 'string' ? blame(given) : given,
  tolerated: false,
  lostNodes: [],
  ...more,
});
const lost = (...nodes: string[]) => step('node', { lostNodes: nodes });
const refused = blame('submission', true);

describe('the cause of a step', () => {
  it('is none if it finished', () => expect(blameOfStep({ ...newRecord(), ...ran(1) })).toBeNull());

  it('is a dependency, or the cancellation, if it never ran', () => {
    const unrun = (state: StepState) => ({ ...newRecord(), state, ended: 5 });
    expect(blameOfStep(unrun('FAILED'))?.cause).toBe('dependency');
    expect(blameOfStep(unrun('CANCELLED'))?.cause).toBe('cancelled');
  });

  it('is what the scheduler said of its last job, else what its state says', () => {
    const failed = { ...newRecord(), ...ran(1, { state: 'FAILED' }) };
    expect(blameOfStep(failed)).toEqual(blame('code'));
    expect(blameOfStep(failed, { ofLastJob: blame('memory') })).toEqual(blame('memory'));
    expect(blameOfStep({ ...failed, state: 'TIMEDOUT' })?.cause).toBe('timeout');
    expect(blameOfStep({ ...failed, state: 'HWFAILURE' })?.cause).toBe('node');
  });

  it('is cancelled if the study was, whatever its last job came to', () => {
    const cancelled = { ...newRecord(), ...ran(1, { state: 'CANCELLED' }) };
    expect(blameOfStep(cancelled, { ofLastJob: blame('code') })?.cause).toBe('cancelled');
  });

  it.each([
    ['RUNNING', 'time-over', 'timeout'],
    ['QUEUED', 'time-over', 'queue'],
    ['PENDING', 'time-over', 'queue'],
    ['INITIALIZED', 'time-over', 'dependency'],
    ['QUEUED', 'waited-too-long', 'queue'],
    ['RUNNING', 'scheduler-lost', 'connection'],
    ['UNKNOWN', 'host-lost', 'connection'],
    ['RUNNING', 'allocation-over', 'allocation'],
    ['PENDING', 'allocation-refused', 'submission'],
    ['RUNNING', 'conductor-failed', 'submission'],
    ['INITIALIZED', 'conductor-failed', 'submission'],
    ['PENDING', 'disk-full', 'disk'],
    ['RUNNING', 'left', 'cancelled'],
  ] as const)('that is %s when the study is interrupted (%s) is %s', (state, interruption: Interruption, cause) => {
    expect(blameOfUnfinished(state, interruption).cause).toBe(cause);
    expect(blameOfStep({ ...newRecord(), state }, { interruption })?.cause).toBe(cause);
  });
});

describe('the cause of a study', () => {
  it.each<[string, readonly BlamedStep[], Cause | null]>([
    ['none if all finished', [step(null), step(null)], null],
    ['code before everything', [step('node'), step('memory'), step('timeout'), step('code')], 'code'],
    ['timeout before memory', [step('memory'), step('timeout'), step('node')], 'timeout'],
    ['memory before the infrastructure', [step('node'), step('preempted'), step('memory')], 'memory'],
    ['a refusal for the spec before the infrastructure', [step('node'), step('node'), step(refused)], 'submission'],
    ['the most frequent of the infrastructure', [step('node'), step('preempted'), step('preempted')], 'preempted'],
    ['the infrastructure before what it led to', [step('node'), step('dependency'), step('dependency')], 'node'],
    ['the infrastructure before a cancellation', [step('cancelled'), step('cancelled'), step('queue')], 'queue'],
    ['cancelled if nothing else was', [step('cancelled'), step('dependency')], 'cancelled'],
    ['not that of an allowed failure', [step('code', { tolerated: true }), step('node')], 'node'],
  ])('is %s', (_, steps, cause) => expect(blameOfStudy(steps)?.cause ?? null).toBe(cause));

  it('is taken for its own if only a later version knows it', () => {
    const unknown: Blame = { cause: 'gremlins' as Cause, isOfSpec: false };
    expect(isInfrastructure(unknown)).toBe(false);
    expect(blameOfStudy([step('node'), step(unknown)])).toEqual(unknown);
    expect(causeLine([step(unknown)])).toBe('1 step: gremlins.');
  });

  it('is code if a metric fails it', () => {
    expect(blameOfStudy([step(null)], true)).toEqual(blame('code'));
    expect(blameOfStudy([step('node')], true)).toEqual(blame('code'));
  });

  it('does not depend on the order of the steps', () => {
    const anyStep = fc
      .record({ cause: fc.constantFrom(...causes), isOfSpec: fc.boolean() })
      .map((given) => step(given));
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 12 }), (steps) => {
        expect(blameOfStudy(steps.toReversed())?.cause).toEqual(blameOfStudy(steps)?.cause);
      }),
    );
  });
});

describe('the sentence about the cause', () => {
  it.each<[string, readonly BlamedStep[], number]>([
    ['', [step(null)], 0],
    ['', [step('cancelled'), step('dependency')], 0],
    ['Nothing here says that the code is wrong: node7 was lost twice.', [lost('node7'), lost('node7')], 0],
    [
      'Nothing here says that the code is wrong: node7 was lost twice, node9 was lost, 2 steps preempted.',
      [lost('node9'), lost('node7', 'node7'), step('preempted'), step('preempted'), step('dependency')],
      0,
    ],
    ['Nothing here says that the code is wrong: 1 step lost with a node.', [lost()], 0],
    [
      'Nothing here says that the code is wrong: 3 steps not started by the queue.',
      [step('queue'), step('queue'), step('queue')],
      0,
    ],
    [
      'Nothing here says that the code is wrong: a was lost 3 times, b was lost, c was lost, 2 more nodes were lost twice.',
      [lost('a'), lost('a'), lost('a'), lost('b'), lost('c'), lost('d'), lost('e')],
      0,
    ],
    ['1 step failed.', [step('code'), step('dependency')], 0],
    ['1 step failed. In addition, because of the infrastructure: node7 was lost.', [step('code'), lost('node7')], 0],
    [
      '2 steps reached the time limit, 1 step ran out of memory.',
      [step('timeout'), step('memory'), step('timeout')],
      0,
    ],
    ['1 step refused because of what the spec asks for.', [step(refused)], 0],
    ["1 step longer than the conductor's job.", [step(blame('allocation', true))], 0],
    ['1 step not started by the deadline that the spec sets.', [step(blame('queue', true))], 0],
    ['2 metrics failed.', [step(null)], 2],
    ['1 metric failed. In addition, because of the infrastructure: 1 step preempted.', [step('preempted')], 1],
    ['', [step('code', { tolerated: true })], 0],
  ])('is %j', (line, steps, regressions) => expect(causeLine(steps, regressions)).toBe(line));
});

describe('a study is neutral', () => {
  const facts = (more: Partial<NeutralFacts> = {}): NeutralFacts => ({
    onInfrastructure: 'neutral',
    event: 'schedule',
    status: 'FAILURE',
    blame: blame('node'),
    ...more,
  });
  it.each(['schedule', 'push', 'workflow_dispatch', 'repository_dispatch'])(
    'at %s if only the site is to blame',
    (event) => {
      const { isNeutral, note } = decideNeutral(facts({ event }));
      expect(isNeutral).toBe(true);
      expect(note).toContain('GitHub counts as passed');
    },
  );

  it.each(['pull_request', 'pull_request_target', 'issue_comment', 'workflow_run', 'merge_group', ''])(
    'never at %j, which is said',
    (event) => {
      const { isNeutral, note } = decideNeutral(facts({ event }));
      expect(isNeutral).toBe(false);
      expect(note).toMatch(/^on-infrastructure: neutral has no effect (for the event|outside of GitHub)/);
    },
  );

  it('never for a commit that only `sha` names, which is said', () => {
    const { isNeutral, note } = decideNeutral(facts({ event: 'workflow_dispatch', isOtherCommit: true }));
    expect(isNeutral).toBe(false);
    expect(note).toContain('on-infrastructure: neutral has no effect with a `sha` that is not the commit of the run');
  });

  it('if it was interrupted for the site, too', () =>
    expect(decideNeutral(facts({ status: 'INTERRUPTED', blame: blame('queue') })).isNeutral).toBe(true));

  it.each<[string, Partial<NeutralFacts>]>([
    ['unless it is asked for', { onInfrastructure: 'fail' }],
    ['if it finished', { status: 'FINISHED', blame: null }],
    ['if it was cancelled', { status: 'CANCELLED', blame: blame('node') }],
    ['if the code failed besides', { blame: blameOfStudy([lost('node7'), step('code')]) }],
    ['if a time limit was reached besides', { blame: blameOfStudy([lost('node7'), step('timeout')]) }],
    ['if memory was short besides', { blame: blameOfStudy([lost('node7'), step('memory')]) }],
    ['if the spec asks for what there is not', { blame: blameOfStudy([lost('node7'), step(refused)]) }],
    [
      'if a local step did not fit into the job of its conductor',
      { blame: blameOfStudy([lost('node7'), step(blame('allocation', true))]) },
    ],
    ['if a metric fails it', { blame: blameOfStudy([lost('node7')], true) }],
    ['if nothing was to blame', { blame: null }],
  ])('not %s, and nothing is said', (_, more) =>
    expect(decideNeutral(facts(more))).toEqual({ isNeutral: false, note: '' }),
  );

  it('in spite of an allowed failure of the code', () =>
    expect(
      decideNeutral(facts({ blame: blameOfStudy([lost('node7'), step('code', { tolerated: true })]) })).isNeutral,
    ).toBe(true));
});

it('infrastructure is node, preempted, allocation, queue, connection, and disk or submission unless the spec did it', () => {
  expect(causes.filter((cause) => isInfrastructure(blame(cause)))).toEqual(
    'node preempted allocation queue connection disk submission'.split(' '),
  );
  expect(causes.filter((cause) => isInfrastructure(blame(cause, true)))).toEqual([]);
});
