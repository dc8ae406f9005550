import { describe, expect, it } from 'vitest';
import { movedSection, nodesSection } from '../../../src/report/html/moved.js';
import { reportHtml } from '../../../src/report/html/report-html.js';
import { nightlyResults } from '../../support/nightly-results.js';
import { ran, resultsOf } from '../../support/results.js';

/** The items of each list, by its title, as texts. */
function listsOf(text: string): Record<string, string[]> {
  const lists = [...text.matchAll(/<summary>(.*?) <span class="number">.*?<ul>(.*?)<\/ul>/gs)];
  const plain = (markup: string) => markup.replaceAll(/<[^>]*>/g, '');
  return Object.fromEntries(
    lists.map(([, title, items]) => [
      title!,
      [...items!.matchAll(/<li>(.*?)<\/li>/gs)].map(([, item]) => plain(item!)),
    ]),
  );
}

describe('what moved', () => {
  it('has what is new against the history, since which commit, with a link to what changed', () => {
    const { text } = movedSection(nightlyResults());
    expect(text).toContain('Compared with 14 earlier runs of main.');
    expect(listsOf(text)).toEqual({
      Metrics: [
        expect.stringMatching(
          /^grind-time of run_SIZE\.40\.TRIAL\.3 3\.3\d+ ns\/zone, 8\.1 % above the median .* of 14 runs \(fails the study\)$/,
        ),
      ],
      'Newly failing': ['run_SIZE.70.TRIAL.7 for the first time; last passed at 1313131, 2026-01-29 (what changed)'],
      'Still failing': [
        'run_SIZE.80.TRIAL.8 since 1212121, 2026-01-28; last passed at 1111111, 2026-01-27 (what changed)',
      ],
      Fixed: ['run_SIZE.10.TRIAL.1 '],
      Slower: ['run_SIZE.50.TRIAL.4 1m 35s, usually 1m 02s'],
      Flaky: ['run_SIZE.30.TRIAL.5 passes and fails in turns'],
    });
    const [, link] = /href="([^"]*)"/.exec(text)!;
    expect(link).toBe(`https://github.com/octo/studies/compare/${'13'.repeat(20)}...${'15'.repeat(20)}`);
  });

  it('says that there is nothing to compare with, or that nothing is new', () => {
    const { history, ...without } = nightlyResults();
    const metrics = without.metrics!.map((row) => ({
      ...row,
      verdict: { ...row.verdict, verdict: 'ok', severity: 'none', reason: '' } as const,
    }));
    expect(movedSection({ ...without, metrics }).text).toBe('');
    expect(movedSection(without).text).toContain('Compared with references only: there is no history.');
    const nothing = { branch: 'main', commit: '', server: '', changes: [], slower: [], values: {} };
    expect(movedSection({ ...without, metrics, history: { ...nothing, runs: 0 } }).text).toContain(
      'Compared with no earlier run: main has none yet. Nothing is new.',
    );
    expect(movedSection({ ...without, metrics, history: { ...nothing, runs: 3 } }).text).toContain(
      'Compared with 3 earlier runs of main. Nothing is new.',
    );
  });

  it('leaves out metrics that may be missing, and are', () => {
    const { history, ...without } = nightlyResults();
    const verdict = {
      verdict: 'missing',
      severity: 'none',
      value: null,
      reason: 'the pattern matches nothing',
    } as const;
    const metrics = without.metrics!.map((row) => ({ ...row, verdict: { ...row.verdict, ...verdict } }));
    expect(movedSection({ ...without, metrics }).text).toBe('');
  });

  it('links nowhere where no server is known, or its address is none of the web', () => {
    const { history, ...others } = nightlyResults();
    for (const server of ['', 'javascript:alert(1)']) {
      expect(movedSection({ ...others, history: { ...history!, server } }).text).not.toContain('href');
    }
  });
});

describe('nodes and flaky steps', () => {
  it('names the suspects with what failed there, and the flaky with what went before', () => {
    const { text } = nodesSection(nightlyResults());
    expect([...text.matchAll(/<li>(.*?)<\/li>/g)].map(([, item]) => item)).toEqual([
      'node7: 2 instances of run and check failed on it (run_SIZE.70.TRIAL.7, run_SIZE.80.TRIAL.8), while others of these steps passed elsewhere',
      'run_SIZE.20.TRIAL.2 passed at attempt 2; attempt 1 was lost with a node (node7)',
    ]);
    expect(nodesSection({ ...nightlyResults(), suspects: [], flaky: [] }).text).toBe('');
  });

  it('shows the first of very many', () => {
    const results = nightlyResults();
    const flaky = Array.from({ length: 10_000 }, (_, i) => ({ ...results.flaky![0]!, name: `run_${i}` }));
    const { text } = nodesSection({ ...results, flaky });
    expect(text).toContain('<li>and 9,900 more: report.json has them all</li>');
    expect(text.length).toBeLessThan(20_000);
  });
});

it('report.html begins with whose fault it was, and how many node-hours it took', () => {
  const page = reportHtml(nightlyResults());
  expect(/<p class="cause">(.*?)<\/p>/.exec(page)![1]).toBe('1 metric failed, 9 steps failed.');
  expect(page).toContain('<span>12.3 node-hours</span>');
  expect(reportHtml(resultsOf([{ name: 'a', record: ran(1) }]))).not.toContain('class="cause"');
});

it('report.html shows both streams of a failed step', () => {
  const told = { name: 'run', says: 'no <input>', prints: 'read & done', record: ran(1, { state: 'FAILED' }) } as const;
  const page = reportHtml(resultsOf([{ ...told, outputs: { stdout: 'run.out', stderr: 'run.err' } }]));
  expect(page).toContain('<code>run.err</code>');
  expect(page).toContain('aria-label="The end of its stderr">no &lt;input&gt;</pre>');
  expect(page).toContain(
    '<p class="where"><code>run.out</code></p>\n<pre tabindex="0" aria-label="The end of its stdout">read &amp; done</pre>',
  );
});

it('report.html says before the failures what they have in common', () => {
  const page = reportHtml(nightlyResults());
  expect(page).toContain('<p class="pattern">All 9 failures have SIZE ≥ 70 and TRIAL ≥ 7.</p>');
  expect(reportHtml(nightlyResults({ pattern: '' }))).not.toContain('class="pattern"');
});
