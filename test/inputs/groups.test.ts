import { expect, it } from 'vitest';
import { inputGroups } from '../../src/inputs/groups.js';
import { inputNames } from '../../src/inputs/schema.js';

it('every input is in exactly one group', () => {
  expect(inputGroups.flatMap(({ inputs }) => inputs).toSorted()).toEqual([...inputNames].toSorted());
});

it('the groups are in the order in which a newcomer needs them, each with a title', () => {
  expect(inputGroups.map(({ name, title }) => [name, title])).toEqual([
    ['study', 'The study'],
    ['place', 'Where it runs'],
    ['scheduler', 'The scheduler'],
    ['run', 'The run'],
    ['results', 'Results'],
    ['commands', 'Other commands'],
  ]);
});
