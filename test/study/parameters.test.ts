import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PyValue } from '../../src/spec/python.js';
import {
  applyCombination,
  byKey,
  combinationCount,
  combinationName,
  toParameter,
  usedParameters,
} from '../../src/study/parameters.js';

const at = { file: 'study.yaml', line: 1, column: 1 };
const parameter = (key: string, values: readonly PyValue[], label = `${key}.%%`) =>
  toParameter({ key, values, label, at });
const keys = (parameters: Iterable<{ key: string }>) => [...parameters].map(({ key }) => key);

describe('a parameter', () => {
  it('stands for what Python prints of its values', () =>
    expect(parameter('N', ['x', 1n, 1, 0.00001, true, null, [1n, 'b'], new Map([['k', 'v']])]).values).toEqual([
      'x',
      '1',
      '1.0',
      '1e-05',
      'True',
      'None',
      "[1, 'b']",
      "{'k': 'v'}",
    ]));

  it.each([
    ['N.%%', ['N.1', 'N.$&']],
    ['%%', ['1', '$&']],
    ['%%-%%', ['1-1', '$&-$&']],
    ['%%%', ['1%', '$&%']],
    ['constant', ['constant', 'constant']],
  ])('with the label %s has %j', (label, expected) =>
    expect(parameter('N', [1n, '$&'], label).labels).toEqual(expected),
  );

  it('is called by its key', () => expect(parameter('N', [1n]).name).toBe('N'));
});

describe('a combination', () => {
  const parameters = [
    parameter('A', ['a', '$(B) $(C)']),
    parameter('B', ['b', '$(A) $(C.label)']),
    parameter('C', [1n, 2n]),
  ];

  it('takes the value at the same place of every parameter', () => {
    expect(combinationCount(parameters)).toBe(2);
    expect(applyCombination('$(A) $(B) $(C)', parameters, 0)).toBe('a b 1');
  });

  it('replaces values, labels and names, every time they occur', () =>
    expect(applyCombination('$(A)$(A) $(A.label) $(A.name) $(C.label)', parameters, 0)).toBe('aa A.a A C.1'));

  it.each(['$(D)', '$(A.foo)', '$(Ax)', '$(A', '$A ${A} %%', '$(A.values)'])('leaves %s as it is', (text) =>
    expect(applyCombination(text, parameters, 0)).toBe(text),
  );

  it('replaces once, so a value may use parameters that come after its own', () => {
    expect(applyCombination('$(A)', parameters, 1)).toBe('$(A) $(C.label) 2');
    expect(applyCombination('$(B)', parameters, 1)).toBe('$(A) $(C.label)');
  });

  it('replaces labels before values, and values before names', () => {
    const nested = [parameter('A', ['$(B)'], '$(B.label)|$(B)|%%'), parameter('B', ['$(A.name)'], 'b')];
    expect(applyCombination('$(A.label)', nested, 0)).toBe('b|A|A');
  });

  it('is named by the labels, joined by dots', () =>
    expect(combinationName([parameter('SIZE', [10n]), parameter('X', ['a b'], '%%')], 0)).toBe('SIZE.10.a b'));
});

describe('parameters are sorted', () => {
  it('by code point, as Python does', () =>
    expect(keys(byKey(['b', 'a2', '_c', 'B', 'a10', 'a1', 'A'].map((key) => parameter(key, []))))).toEqual([
      'A',
      'B',
      '_c',
      'a1',
      'a10',
      'a2',
      'b',
    ]));
});

describe('a parameter is used', () => {
  const uses = (key: string, text: string) =>
    usedParameters({ name: 's', description: 'd', run: new Map([['cmd', text]]) }, [parameter(key, [1n])]).length > 0;

  it.each([
    ['N', '$(N)'],
    ['N', 'x $(N) y'],
    ['N', '$(N.label)'],
    ['N', '$(N.name)'],
    ['N', '$(N.workspace)'],
    ['N', '$(N.anything)'],
    ['N', '$(NX)'],
    ['N', '$(N_1)'],
    ['N', '$(N..x)'],
    ['N', '$(N.)'],
    ['N', '$(Né)'],
    ['N', '$($(N))'],
    ['Größe', '$(Größe)'],
    ['A.B', '$(A.B)'],
    ['A+', '$(A+)'],
    ['A(', '$(A()'],
    ['A-B', '$(A-B)'],
    ['A/B', '$(A/B.label)'],
    ['A B', '$(A B)'],
  ])('%s by %s', (key, text) => expect(uses(key, text)).toBe(true));

  it.each([
    ['N', '$(XN)'],
    ['N', '$N'],
    ['N', '${N}'],
    ['N', '(N)'],
    ['N', '$(n)'],
    ['N', '$(N '],
    ['N', '$( N)'],
    ['N', '$(N x)'],
    ['N', '$(N.a.b)'],
    ['N', '$(N-1)'],
    ['A.B', '$(AxB)'],
    ['N', ''],
  ])('%s not by %j', (key, text) => expect(uses(key, text)).toBe(false));

  it('in the name, the description, and every text of the run block, in lists and mappings too', () => {
    const all = ['N', 'D', 'C', 'L', 'M', 'K', 'I'].map((key) => parameter(key, [1n]));
    const step = {
      name: 'run-$(N)',
      description: '$(D)',
      run: new Map<string, PyValue>([
        ['pre', '$(C)'],
        ['depends', ['x', '$(L)']],
        ['exclusive', new Map<PyValue, PyValue>([['$(K)', '$(M)']])],
        ['nodes', 3n],
      ]),
    };
    expect(keys(usedParameters(step, all))).toEqual(['N', 'D', 'C', 'L', 'M']);
  });

  it('whatever its key, by its own token', () =>
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (key) => {
        expect(uses(key, `$(${key})`)).toBe(true);
      }),
    ));
});
