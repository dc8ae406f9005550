import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseHostlist, parseLsfHosts } from '../../src/util/hostlist.js';

describe('a list of hosts', () => {
  it.each<[string, readonly string[]]>([
    ['node7', ['node7']],
    ['node7,login', ['node7', 'login']],
    ['node[1-3]', ['node1', 'node2', 'node3']],
    ['node[8-10,007-009]', ['node8', 'node9', 'node10', 'node007', 'node008', 'node009']],
    ['node[098-101]', ['node098', 'node099', 'node100', 'node101']],
    ['a[1-2],b3,c[5]-x', ['a1', 'a2', 'b3', 'c5-x']],
    ['r[1-2]n[1-2]', ['r1n1', 'r1n2', 'r2n1', 'r2n2']],
    ['node1.example.org', ['node1.example.org']],
    ['node7,node7', ['node7']],
    ['', []],
    ['(null)', []],
    ['None assigned', []],
    ['node[1-', []],
    ['node[3-1]', []],
    ['node[a-b]', []],
    ['node[1-999999999]', []],
    ['a[1-999]b[1-999]c[1-999]', []],
    ['$(rm -rf)', []],
  ])('%j has %j', (text, names) => expect(parseHostlist(text)).toEqual(names));

  it('of any text gives names and no error', () =>
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'an[]-,0123 ') }), (text) => {
        expect(parseHostlist(text).every((name) => /^[\w.-]+$/.test(name))).toBe(true);
      }),
    ));
});

it.each<[string, readonly string[]]>([
  ['hosta', ['hosta']],
  ['16*hosta:16*hostb', ['hosta', 'hostb']],
  ['hosta:hosta:hostb', ['hosta', 'hostb']],
  ['-', []],
  ['', []],
])('the hosts of LSF in %j are %j', (text, names) => expect(parseLsfHosts(text)).toEqual(names));
