import { describe, expect, it } from 'vitest';
import { suggestions } from '../../src/util/closest.js';

const names = ['parameters', 'pargs', 'ssh-key', 'ssh-client', 'study-key', 'host', 'dry-run', 'throttle'];

describe('what may be meant by a word', () => {
  it.each<[string, readonly string[]]>([
    ['param', ['parameters']],
    ['pa', ['parameters', 'pargs']],
    ['ssh', ['ssh-key', 'ssh-client']],
    ['Throt', ['throttle']],
    ['hosts', ['host']],
    ['dryrun', ['dry-run']],
    ['throtlte', ['throttle']],
    ['key', ['ssh-key', 'study-key']],
    ['zzz', []],
    ['p', []],
  ])('%s: %j', (word, expected) => {
    expect(suggestions(word, names)).toEqual(expected);
  });

  it('is nothing if it may be too much', () => {
    expect(suggestions('aa', ['aa1xxx', 'aa2xxx', 'aa3xxx', 'aa4xxx', 'aa5xxx', 'aa6xxx'])).toEqual([]);
  });
});
