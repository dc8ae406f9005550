import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  branchOf,
  changeComment,
  closingComment,
  failingIn,
  issueBody,
  markerOf,
  toldRefusal,
  toldResults,
} from '../../../src/github/issue/issue-text.js';
import { hostileText } from '../../support/hostile.js';
import { nightlyResults } from '../../support/nightly-results.js';
import { badNight, explained, resultsOf } from '../../support/results.js';

const run = {
  ...{ repository: 'octo/studies', commit: 'c0ffee', ref: 'refs/heads/main', event: 'schedule' },
  ...{ workflow: 'nightly.yml', job: 'study', url: 'https://github.com/octo/studies/actions/runs/1', attempt: 1 },
};
const marker = markerOf({ workflow: 'nightly.yml', branch: 'main', study: 'maestro: a.yaml' });
const results = explained(resultsOf(badNight, { status: 'FAILURE' }));
const body = (failing: readonly string[]) => issueBody({ marker, told: toldResults(results), run, failing });

describe('the body of an issue about a study', () => {
  it('begins with what it is found by, which differs by workflow, branch and study', () => {
    expect(marker).toMatch(/^<!-- maestro-on-flux issue [0-9a-f]{32} -->$/);
    expect(body(['run_A.4']).startsWith(`${marker}\n`)).toBe(true);
    const other = { workflow: 'nightly.yml', branch: 'main', study: 'maestro: a.yaml' };
    for (const name of ['workflow', 'branch', 'study']) expect(markerOf({ ...other, [name]: 'b' })).not.toBe(marker);
  });

  it('says what the last run came to, and whose fault it was', () => {
    const text = body([]);
    expect(text).toContain(
      'on <code>main</code>, [the run](https://github.com/octo/studies/actions/runs/1) (schedule) of c0ffee.',
    );
    expect(text).toContain('**Nothing here says that the code is wrong&#58; n7 was lost 3 times.**');
    expect(text).toContain('### Failures');
  });

  it('says which metrics moved, and what is new since earlier runs', () => {
    const told = toldResults(nightlyResults());
    const text = issueBody({ marker, told, run, failing: [] });
    expect(text).toContain('**1 metric failed, 9 steps failed.**');
    expect(text).toContain('| <code>run&#95;SIZE.40.TRIAL.3</code> | grind-time |');
    expect(text).toContain('**Newly failing** (1)\n\n- <code>run&#95;SIZE.70.TRIAL.7</code> since');
  });

  it('says why a study cannot be run, as text', () => {
    const told = toldRefusal('a.yaml', ['a.yaml:3:5: there is no step <b>x</b>', 'y'.repeat(70_000)]);
    const text = issueBody({ marker, told, run, failing: [] });
    expect(text).toContain(
      'The study cannot be run:\n\n- a.yaml&#58;3&#58;5&#58; there is no step &lt;b&gt;x&lt;/b&gt;',
    );
    expect(text.length).toBeLessThanOrEqual(65_536);
  });

  it('remembers what fails, whatever names hold', () => {
    fc.assert(
      fc.property(fc.uniqueArray(hostileText), (names) => {
        expect(failingIn(body(names))).toEqual([...names].sort());
      }),
    );
    expect(failingIn(body(Array.from({ length: 5000 }, (_, i) => `run_SIZE.${i}`)))).toHaveLength(5000);
  });

  it('does not say what fails once it was changed, or if that is more than there is room for', () => {
    expect(failingIn('A person has written this.')).toBeNull();
    expect(failingIn('<!-- failing AAAA -->')).toBeNull();
    const many = Array.from({ length: 3000 }, () => crypto.randomUUID());
    expect(failingIn(body(many))).toBeNull();
  });

  it('fits into what GitHub takes', () => {
    const told = badNight.map((each) => ({ ...each, says: 'é'.repeat(60_000) }));
    const night = toldResults(explained(resultsOf(told, { status: 'FAILURE' })));
    const large = issueBody({ marker, told: night, run, failing: [] });
    expect(large.length).toBeLessThanOrEqual(65_536);
    expect(large).toContain('**Nothing here says');
  });
});

describe('a comment on an issue about a study', () => {
  it('says what fails now and what does not any more', () => {
    expect(changeComment({ added: ['a_1'], gone: ['b', 'c'] }, run)).toBe(
      'Now failing: <code>a&#95;1</code>.\n\nNo longer failing (2): <code>b</code>, <code>c</code>.\n\n' +
        '[the run](https://github.com/octo/studies/actions/runs/1) (schedule) of c0ffee',
    );
  });

  it('names fifty of many', () => {
    const many = Array.from({ length: 80 }, (_, i) => `run${i}`);
    expect(changeComment({ added: many, gone: [] }, run)).toMatch(/^Now failing \(80\): .* and 30 more\./);
  });

  it('says that it is closed because all passes', () =>
    expect(closingComment(toldResults(results), run)).toMatch(/^Everything passes: 8 steps in \[the run\]/));
});

it('the branch of a ref is its name; a tag stays a tag', () => {
  expect(branchOf('refs/heads/feature/x')).toBe('feature/x');
  expect(branchOf('refs/tags/v1')).toBe('refs/tags/v1');
});
