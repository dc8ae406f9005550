import { describe, expect, it } from 'vitest';
import { type Blame, blame, type Cause } from '../../src/causes/cause.js';
import { decideResubmit, parseResubmitOn } from '../../src/causes/resubmit.js';
import { defaultResubmitOn } from '../support/graphs.js';

describe('resubmit-on', () => {
  it.each<[string, Readonly<Record<string, number>>]>([
    ['node, preempted: 3', { node: 3, preempted: 3 }],
    ['node: 1, preempted: 5', { node: 1, preempted: 5 }],
    ['node, preempted', { node: 3, preempted: 3 }],
    ['node: 2, disk', { node: 2, disk: 3 }],
    ['timeout: 0', { timeout: 0 }],
    ['queue: 1', { queue: 1 }],
    ['none', {}],
  ])('%j is read as %j', (text, times) => {
    const read = parseResubmitOn(text);
    expect(typeof read === 'string' ? read : Object.fromEntries(read)).toEqual(times);
  });

  it.each([
    [
      'code: 3',
      "'code' is not a cause that trying again can help with: the causes are node, preempted, allocation, queue, connection, disk, timeout, memory",
    ],
    [
      'nodes: 3',
      "'nodes' is not a cause: the causes are node, preempted, allocation, queue, connection, disk, timeout, memory",
    ],
    ['node 3', "'node 3' is not a cause with a number, such as node: 3"],
    ['', "'' is not a cause with a number, such as node: 3"],
    ['node: 101', '101 times is too often: at most 100'],
    ['node, node: 2', "'node' is given twice"],
  ])('%j is refused: %s', (text, why) => expect(parseResubmitOn(text)).toBe(why));

  it('is of nodes and preemptions unless something else is said', () =>
    expect(Object.fromEntries(defaultResubmitOn)).toEqual({ node: 3, preempted: 3 }));
});

describe('a step that did not complete', () => {
  const attempt = (given: Cause | Blame, ...nodes: string[]) => ({
    blame: typeof given === 'string' ? blame(given) : given,
    nodes,
  });
  const all = new Map<Cause, number>([
    ['node', 2],
    ['preempted', 1],
    ['timeout', 1],
    ['disk', 1],
  ]);
  const isResubmitted = (...attempts: ReturnType<typeof attempt>[]) => decideResubmit(attempts, all).isResubmitted;

  it('runs again as often as its cause may', () => {
    expect(isResubmitted(attempt('node'))).toBe(true);
    expect(isResubmitted(attempt('node'), attempt('node'))).toBe(true);
    expect(isResubmitted(attempt('node'), attempt('node'), attempt('node'))).toBe(false);
    expect(isResubmitted(attempt('node'), attempt('node'), attempt('preempted'))).toBe(true);
  });

  it.each<[string, ReturnType<typeof attempt>]>([
    ['the code failed', attempt('code')],
    ['its cause is not listed', attempt('connection')],
    ['it was cancelled', attempt('cancelled')],
    ['the disk is full for what the spec says', attempt(blame('disk', true))],
  ])('does not run again if %s', (_, last) => expect(isResubmitted(last)).toBe(false));

  it('runs again after its time limit if that is listed', () => expect(isResubmitted(attempt('timeout'))).toBe(true));

  it('that never ran has nothing to repeat', () => expect(isResubmitted()).toBe(false));

  it('runs elsewhere than on the nodes that it lost', () => {
    const attempts = [attempt('node', 'n7'), attempt('preempted', 'n2'), attempt('node', 'n8', 'n7')];
    expect(decideResubmit(attempts, all)).toEqual({ isResubmitted: true, excluded: ['n7', 'n8'] });
    expect(decideResubmit([attempt('preempted', 'n2')], all).excluded).toEqual([]);
  });

  it('excludes no more nodes than leave it a place to run', () => {
    const nodes = Array.from({ length: 40 }, (_, i) => `n${i}`);
    const ofMany = new Map([['node', 99] as const]);
    const one = nodes.map((node) => attempt('node', node));
    expect(decideResubmit(one, ofMany).excluded).toEqual(nodes.slice(-16));
    // Which of these it was is not known.
    expect(decideResubmit([attempt('node', ...nodes)], all).excluded).toEqual([]);
  });
});
