import { describe, expect, it } from 'vitest';
import { Mistakes, partsOf, StartError } from '../../src/run/mistakes.js';
import { type Problem, SpecError } from '../../src/spec/problem.js';
import { InputError, UserError } from '../../src/util/errors.js';

const problem = (line: number, message: string): Problem => ({
  severity: 'error',
  at: { file: 'study.yaml', line, column: 1 },
  message,
});

/** What is thrown. */
function thrownBy(mistakes: Mistakes): unknown {
  try {
    mistakes.refuse();
  } catch (error) {
    return error;
  }
  return undefined;
}

const fail = (error: Error) => (): never => {
  throw error;
};

describe('mistakes', () => {
  it('are none if everything succeeds', async () => {
    const mistakes = new Mistakes();
    expect(mistakes.attempt(() => 1)).toBe(1);
    expect(await mistakes.attemptAsync(async () => 2)).toBe(2);
    mistakes.add();
    expect([mistakes.isEmpty, thrownBy(mistakes)]).toEqual([true, undefined]);
  });

  it('are thrown as they are if there is one', () => {
    const error = new UserError('no');
    const mistakes = new Mistakes();
    expect(mistakes.attempt(fail(error))).toBeUndefined();
    expect(thrownBy(mistakes)).toBe(error);
  });

  it('are thrown all at once, each said once, those in the spec by their place', async () => {
    const mistakes = new Mistakes(['--a is wrong', '--b is wrong']);
    mistakes.attempt(fail(new SpecError([problem(3, 'third')])));
    await mistakes.attemptAsync(async () => fail(new SpecError([problem(1, 'first'), problem(3, 'third')]))());
    mistakes.attempt(fail(new InputError(['--b is wrong', '--c is wrong'])));
    const error = thrownBy(mistakes);
    expect(error).toBeInstanceOf(StartError);
    expect((error as Error).message.split('\n')).toEqual([
      '--a is wrong',
      '--b is wrong',
      '--c is wrong',
      'study.yaml:1:1: first',
      'study.yaml:3:1: third',
    ]);
    expect(partsOf(error)).toMatchObject({
      lines: ['--a is wrong', '--b is wrong', '--c is wrong'],
      problems: [problem(1, 'first'), problem(3, 'third')],
    });
  });

  it('are those of a spec if all of them are in it', () => {
    const mistakes = new Mistakes();
    mistakes.attempt(fail(new SpecError([problem(2, 'second')])));
    mistakes.attempt(fail(new SpecError([problem(1, 'first')])));
    const error = thrownBy(mistakes);
    expect(error).toBeInstanceOf(SpecError);
    expect(partsOf(error)).toMatchObject({ lines: [], problems: [problem(1, 'first'), problem(2, 'second')] });
  });

  it('are no faults of this program: those are thrown at once', async () => {
    const mistakes = new Mistakes();
    expect(() => mistakes.attempt(fail(new TypeError('x is undefined')))).toThrow(TypeError);
    await expect(mistakes.attemptAsync(async () => fail(new RangeError('y'))())).rejects.toThrow(RangeError);
  });
});
