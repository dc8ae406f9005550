import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Resumption } from '../../src/conductor/resume.js';
import { describeLeftWorkspaces, describeResumption } from '../../src/run/describe-resume.js';
import { hostileText } from '../support/hostile.js';

const resumption = (changes: Partial<Resumption> = {}, counts: Partial<Resumption['counts']> = {}): Resumption => ({
  records: [],
  obsolete: [],
  notes: [],
  ...changes,
  counts: { finished: 0, running: 0, again: 0, fresh: 0, ...counts },
});

const removed = (step: string, id = 'ƒ17') => ({
  step,
  scheduled: true,
  workspace: step,
  attempt: 1,
  id,
  place: 'local:///p',
});

describe('what is told of a study that is continued', () => {
  it('is how much of it stays, is in flight, runs again and runs for the first time', () => {
    expect(describeResumption(resumption({}, { finished: 7, running: 3, again: 2, fresh: 5 }), false)).toEqual([
      'Continuing this study: steps that stay FINISHED: 7, in flight, and watched again: 3, that run again: 2, that have not run yet: 5',
    ]);
  });

  it('leaves out what there is none of', () => {
    expect(describeResumption(resumption({}, { finished: 7, fresh: 5 }), false)).toEqual([
      'Continuing this study: steps that stay FINISHED: 7, that have not run yet: 5',
    ]);
    expect(describeResumption(resumption({}, { fresh: 5 }), false)).toEqual([
      'Continuing this study: steps that stay FINISHED: 0, that have not run yet: 5',
    ]);
  });

  it('is which steps run again, and why', () => {
    const notes = [
      { step: 'a', why: 'was FAILED: exit 3' },
      { step: 'b_X.1', why: 'its script changed' },
    ];
    expect(describeResumption(resumption({ notes }, { finished: 4, again: 2 }), false)).toEqual([
      'Continuing this study: steps that stay FINISHED: 4, that run again: 2',
      '  a runs again: was FAILED: exit 3',
      '  b_X.1 runs again: its script changed',
    ]);
  });

  it('is which jobs are cancelled, for no step has them any more', () => {
    expect(describeResumption(resumption({ obsolete: [removed('gone')] }, { finished: 4 }), false).slice(1)).toEqual([
      '  gone: its job ƒ17 no longer belongs to the study and is cancelled',
    ]);
    expect(describeResumption(resumption({ obsolete: [removed('gone', '')] }), false)[1]).toBe(
      '  gone: its job no longer belongs to the study and is cancelled',
    );
  });

  it.each([
    [60, 61, undefined],
    [61, 62, '  and 1 more'],
    [10_000, 62, '  and 9940 more'],
  ])('names no more than 60 steps: %i', (count, lines, last) => {
    const notes = Array.from({ length: count }, (_, i) => ({ step: `s${i}`, why: 'was CANCELLED' }));
    const told = describeResumption(resumption({ notes }, { again: count }), false);
    expect(told).toHaveLength(lines);
    expect(told[60]).toBe('  s59 runs again: was CANCELLED');
    expect(told[61]).toBe(last);
  });

  it('is one line for each, whatever is in names and reasons', () => {
    fc.assert(
      fc.property(hostileText, hostileText, hostileText, (step, why, id) => {
        const lines = describeResumption(resumption({ notes: [{ step, why }], obsolete: [removed(step, id)] }), false);
        expect(lines).toHaveLength(3);
        for (const line of lines) expect(line).not.toMatch(/[\n\r\u0000-\u0008\u001b]/);
      }),
    );
  });

  it('is that nothing is to be done, if all is done', () => {
    expect(describeResumption(resumption({}, { finished: 16 }), true)).toEqual([
      'There is nothing to do: this study has already run to its end, and has not changed',
    ]);
  });
});

describe('workspaces whose steps a study does not have any more', () => {
  const steps = new Set(['run', 'gather']);

  it('are warned of by name if they are those of instances of a step that it has', () =>
    expect(describeLeftWorkspaces(['run/N.3', 'run/N.4'], steps)).toEqual({
      warning: expect.stringMatching(
        /^the study no longer has the instances of run\/N\.3, run\/N\.4, .*funnel.*move them away/,
      ),
    }));

  it('are named if the step is gone altogether', () =>
    expect(describeLeftWorkspaces(['old', 'older/N.1'], steps)).toEqual({
      info: 'Workspaces of steps that the study no longer has stay in its directory: old, older/N.1',
    }));

  it('are not worth a word if there is none', () => expect(describeLeftWorkspaces([], steps)).toEqual({}));

  it('are counted from the sixty-first on', () => {
    const many = Array.from({ length: 62 }, (_, i) => `run/N.${i}`);
    expect(describeLeftWorkspaces(many, steps).warning).toContain('run/N.59 and 2 more');
  });
});
