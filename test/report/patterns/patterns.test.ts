import { describe, expect, it } from 'vitest';
import type { Observed } from '../../../src/report/patterns/conditions.js';
import { findPattern } from '../../../src/report/patterns/find.js';
import { patternText } from '../../../src/report/patterns/sentence.js';
import { type Chance, chanceOf } from '../../support/crash/chance.js';

/** 90 instances: nine sizes, ten trials, on nodes that are taken in turns that fit neither. */
const sizes = [10, 20, 30, 40, 50, 60, 70, 80, 90];
const trials = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
const grid = sizes.flatMap((size, i) =>
  trials.map((trial, j): Omit<Observed, 'hasFailed'> & { readonly size: number; readonly trial: number } => ({
    ...{ step: 'run', size, trial, params: { SIZE: `${size}`, TRIAL: `${trial}` } },
    nodes: [`node${(i * 7 + j * 3) % 11}`],
  })),
);
type Cell = (typeof grid)[number];
const sentence = (instances: readonly Observed[]) => {
  const pattern = findPattern(instances);
  return pattern === undefined ? '' : patternText(pattern);
};
const failing = (hasFailed: (cell: Cell, index: number) => boolean) =>
  grid.map((cell, index): Observed => ({ ...cell, hasFailed: hasFailed(cell, index) }));

describe('what failures have in common', () => {
  it.each<[string, (cell: Cell, index: number) => boolean, string]>([
    [
      'a corner of two parameters',
      ({ size, trial }) => size >= 80 && trial >= 8,
      'All 6 failures have SIZE ≥ 80 and TRIAL ≥ 8.',
    ],
    ['a bound', ({ size }) => size >= 80, 'All 20 failures have SIZE ≥ 80.'],
    ['a value', ({ size }) => size === 90, 'All 10 failures have SIZE = 90.'],
    ['a range', ({ trial }) => trial >= 4 && trial <= 5, 'All 18 failures have TRIAL from 4 to 5.'],
    [
      'a range and a bound',
      ({ size, trial }) => size >= 80 && trial >= 4 && trial <= 7,
      'All 8 failures have SIZE ≥ 80 and TRIAL from 4 to 7.',
    ],
    [
      'a node',
      ({ nodes }) => nodes[0] === 'node7',
      `All ${grid.filter(({ nodes }) => nodes[0] === 'node7').length} failures were on node7.`,
    ],
    [
      'a node and a bound',
      ({ nodes, size }) => nodes[0] === 'node7' && size >= 50,
      'All 5 failures have SIZE ≥ 50 and were on node7.',
    ],
    [
      'a node on which two passed',
      ({ nodes, size }) => nodes[0] === 'node7' && size !== 30 && size !== 60,
      'All 6 failures were on node7, which is true of 2 that passed, too.',
    ],
  ])('is %s', (_, hasFailed, text) => expect(sentence(failing(hasFailed))).toBe(text));

  it('is a value of a parameter with a name that all objects know, although others have no such parameter', () => {
    const named = grid.map((cell): Observed => {
      const hasFailed = cell.size >= 80;
      return { ...cell, params: { constructor: `${cell.size}` } as unknown as Observed['params'], hasFailed };
    });
    const others: Observed[] = [1, 2, 3].map(() => ({ step: 'post', params: {}, nodes: [], hasFailed: false }));
    expect(sentence([...named, ...others])).toBe('All 20 failures have constructor ≥ 80.');
  });

  it('is a step, if others pass', () => {
    const both = failing(() => false).map((each, i) => ({
      ...each,
      step: i % 9 === 0 ? 'post' : 'run',
      hasFailed: i % 9 === 0,
    }));
    expect(sentence(both)).toBe('All 10 failures are of post.');
  });

  it('is no parameter that some of them do not have', () => {
    const mixed = failing(({ nodes, size }) => nodes[0] === 'node7' && size !== 30 && size !== 60).map((each) =>
      each.hasFailed && each.params.SIZE !== '90' ? { ...each, params: {} } : each,
    );
    expect(sentence(mixed)).toBe('All 6 failures were on node7, which is true of 2 that passed, too.');
  });

  it('is a text', () => {
    const coded = grid.map((cell, i): Observed => {
      const code = ['lulesh', 'amg', 'kripke'][i % 3]!;
      return { ...cell, params: { ...cell.params, CODE: code }, hasFailed: code === 'amg' };
    });
    expect(sentence(coded)).toBe('All 30 failures have CODE = amg.');
  });

  it.each<[string, (cell: Cell, index: number) => boolean]>([
    ['nothing failed', () => false],
    ['all failed', () => true],
    ['one failed', (_, index) => index === 44],
    ['two failed that share a size', (_, index) => index === 41 || index === 44],
    ['failures are everywhere', (_, index) => index % 7 === 0],
    [
      'as many as half of them passed under the same conditions',
      ({ nodes, size }) => nodes[0] === 'node7' && [10, 20, 60, 80, 90].includes(size),
    ],
    ['what they share is shared by most', ({ trial, size }) => trial >= 2 && (size + trial) % 4 === 0],
  ])('is not said if %s', (_, hasFailed) => expect(sentence(failing(hasFailed))).toBe(''));

  it('is said of failures by chance in fewer than one of a hundred studies', () => {
    const chance: Chance = chanceOf(11);
    let said = 0;
    for (let study = 0; study < 1000; study++) {
      const share = 0.02 + 0.1 * chance();
      if (findPattern(failing(() => chance() < share)) !== undefined) said += 1;
    }
    expect(said).toBeLessThan(10);
  });

  it('is shown with names and values as a place needs them', () => {
    const pattern = findPattern(failing(({ nodes, size }) => nodes[0] === 'node7' && size >= 50))!;
    expect(patternText(pattern, (text) => `<${text}>`)).toBe('All 5 failures have <SIZE> ≥ <50> and were on <node7>.');
  });

  it('of two failures is of both', () =>
    expect(patternText({ conditions: [{ is: 'node', value: 'n7' }], failures: 2, others: 1 })).toBe(
      'Both failures were on n7, which is true of 1 that passed, too.',
    ));

  it('does not depend on the order of the instances', () => {
    const instances = failing(({ size, trial }) => size >= 80 && trial >= 8);
    expect(sentence(instances.toReversed())).toBe(sentence(instances));
  });

  it('is found among 10,000 steps with twenty parameters', () => {
    const chance = chanceOf(5);
    const instances = Array.from({ length: 10_000 }, (): Observed => {
      const values = Array.from({ length: 20 }, () => Math.floor(chance() * 10));
      const params = Object.fromEntries(values.map((value, i) => [`P${i}`, String(value)]));
      const hasFailed = values[3]! >= 8 && values[7] === 2 && values[11]! <= 4;
      return { step: 'run', params, nodes: [`n${values[19]}`, 'n-all'], hasFailed };
    });
    expect(sentence(instances)).toMatch(/^All \d+ failures have (P3 ≥ 8|P7 = 2|P11 ≤ 4)/);
    expect(findPattern(instances)!.others).toBe(0);
    expect(findPattern(instances)!.conditions).toHaveLength(3);
  });
});
