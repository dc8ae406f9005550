import { describe, expect, it } from 'vitest';
import { matchAny } from '../../src/util/globs.js';

describe('globs', () => {
  it.each([
    [['run_*'], 'run_SIZE.1', true],
    [['run_*'], 'run', false],
    [['run'], 'run_SIZE.1', false],
    [['run'], 'run', true],
    [['*'], 'run', true],
    [['*'], '.hidden', true],
    [['plot', 'run_*'], 'run_X', true],
    [['plot', 'run_*'], 'sum', false],
    [['run_[12]'], 'run_2', true],
    [['run_[12]'], 'run_3', false],
    [['{run,plot}_*'], 'plot_1', true],
    [['run_?'], 'run_1', true],
    [['run_?'], 'run_10', false],
    [['Run'], 'run', false],
    // A label may hold a slash, a step's name parentheses.
    [['run_*'], 'run_x/y', true],
    [['*'], 'run_/etc', true],
    [['sim(1)'], 'sim(1)', true],
    [['run_SIZE.1'], 'run_SIZEx1', false],
  ])('%j and the name %j: %s', (globs, name, matches) => expect(matchAny(globs)(name)).toBe(matches));

  it('match nothing if there are none', () => expect(matchAny([])('run')).toBe(false));
});
