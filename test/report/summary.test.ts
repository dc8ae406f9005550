import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { StudyStatus } from '../../src/conductor/state.js';
import { largestSummary, summaryMarkdown } from '../../src/report/summary.js';
import { hostileText } from '../support/hostile.js';
import { ran, resultsOf, type Told } from '../support/results.js';

/** What GitHub takes for the summary of one step of a job, in bytes. */
const githubTakes = 1024 * 1024;

const failed = (name: string, told: Partial<Told> = {}): Told => ({
  name,
  line: 7,
  record: ran(1200, { state: 'FAILED', reason: 'exit 3', exitCode: 3 }),
  outputs: { stdout: `${name}/${name}.17.out`, stderr: `${name}/${name}.17.err` },
  ...told,
});

describe('the summary', () => {
  it('of a study that finished is its outcome and its steps', () => {
    expect(
      summaryMarkdown(
        resultsOf([
          { name: 'make', record: ran(1500) },
          { name: 'run_A.1', record: ran(62_000, { restarts: 2 }) },
        ]),
      ),
    ).toBe(
      `## ✅ hello: FINISHED

2 steps in 1h 00m: 2 finished.
Spec <code>specs/hello.yaml</code>, study directory <code>/p/studies/hello&#95;1</code> on this machine.

### Steps

| Step | State | Time | Restarts | Reason |
| --- | --- | --- | --- | --- |
| <code>make</code> | FINISHED | 1.5s | 0 |  |
| <code>run&#95;A.1</code> | FINISHED | 1m 02s | 2 |  |

`,
    );
  });

  it('of a study that failed has its failures first, with what they said last', () => {
    const text = summaryMarkdown(
      resultsOf(
        [
          failed('run', { says: 'no input\n\n<lost>' }),
          failed('quiet'),
          { name: 'next', after: ['run'], record: { state: 'FAILED', reason: 'dependency run failed', ended: 5 } },
        ],
        { status: 'FAILURE' },
      ),
    );
    expect(text).toContain('## ❌ hello: FAILURE\n\n3 steps in 1h 00m: 3 failed.');
    expect(text).toContain(
      '### Failures\n\n' +
        '<details><summary><b>run</b> exit 3 (line 7)</summary>\n' +
        '<p><code>run/run.17.err</code></p><pre>no input\n&#8203;\n&lt;lost&gt;</pre>\n</details>\n\n' +
        '<details><summary><b>quiet</b> exit 3 (line 7)</summary>\n' +
        '<p><code>quiet/quiet.17.err</code></p><p>Nothing on stderr.</p>\n</details>\n\n' +
        '1 more did not run because of these.\n\n### Steps',
    );
    expect(text).toContain('| <code>next</code> | FAILED |  | 0 | dependency run failed |');
  });

  it('says of a failure that it may be', () => {
    const record = ran(1, { state: 'FAILED', reason: 'exit 1', tolerated: true });
    expect(summaryMarkdown(resultsOf([failed('run', { record })]))).toContain(
      '<b>run</b> exit 1 (allowed to fail) (line 7)',
    );
  });

  it('has a mark for every outcome', () => {
    const marks = (['FINISHED', 'DRYRUN', 'FAILURE', 'CANCELLED', 'INTERRUPTED'] as const satisfies StudyStatus[]).map(
      (status) => summaryMarkdown(resultsOf([], { status })).split('\n')[0],
    );
    expect(marks).toEqual([
      '## ✅ hello: FINISHED',
      '## ✅ hello: DRYRUN',
      '## ❌ hello: FAILURE',
      '## 🚫 hello: CANCELLED',
      '## ⏸️ hello: INTERRUPTED',
    ]);
  });

  it('shows the first failures and the first steps of many, and how many more there are', () => {
    const text = summaryMarkdown(
      resultsOf(
        Array.from({ length: 700 }, (_, i) => failed(`s${i}`)),
        { status: 'FAILURE' },
      ),
    );
    expect(text.match(/<details>/g)).toHaveLength(50);
    expect(text).toContain('And 650 more.');
    expect(text.match(/^\| <code>/gm)).toHaveLength(500);
    expect(text).toContain('And 200 more; all are in report.json.');
  });

  it('is never more than GitHub takes, and says what it lacks', () => {
    const says = '<'.repeat(16 * 1024);
    const huge = summaryMarkdown(
      resultsOf(
        Array.from({ length: 600 }, (_, i) => failed(`${'n'.repeat(200)}${i}`, { says })),
        { status: 'FAILURE' },
      ),
    );
    expect(Buffer.byteLength(huge)).toBeLessThan(githubTakes);
    expect(huge).toContain('## ❌ hello: FAILURE');
    const names = summaryMarkdown(
      resultsOf(Array.from({ length: 500 }, (_, i): Told => ({ name: `${'|'.repeat(2000)}${i}`, record: ran(1) }))),
    );
    expect(Buffer.byteLength(names)).toBeLessThan(githubTakes);
    expect(names).toContain('What does not fit here is in report.json.');
    expect(largestSummary).toBeLessThan(githubTakes);
  });

  it('is the same structure whatever names, reasons and outputs hold', () => {
    fc.assert(
      fc.property(hostileText, hostileText, hostileText, hostileText, (name, reason, says, place) => {
        const text = summaryMarkdown(
          resultsOf(
            [
              failed(`s${name}`, {
                says,
                record: ran(1, { state: 'FAILED', reason }),
                outputs: { stdout: place, stderr: place },
              }),
            ],
            { status: 'FAILURE', name, path: place, spec: place, host: place },
          ),
        );
        const tags = text.match(/<\/?[^>]*>/g)!.map((tag) => tag.replace(/[<>]/g, ''));
        const said = says === '' ? ['p', '/p'] : ['pre', '/pre'];
        expect(tags).toEqual([
          ...['code', '/code', 'code', '/code'],
          ...['details', 'summary', 'b', '/b', '/summary', 'p', 'code', '/code', '/p', ...said, '/details'],
          ...['code', '/code'],
        ]);
        // What is in a <pre> is no Markdown.
        const markdown = text.replace(/<pre>[^<]*<\/pre>/, '');
        expect(markdown).not.toMatch(/[`*@~[\]\\]/);
        const lines = markdown.split('\n');
        expect(lines.filter((line) => line.startsWith('#'))).toHaveLength(3);
        // Every bar is of the one table: five cells a row.
        const bars = lines.filter((line) => line.includes('|'));
        expect(bars.map((line) => line.split('|').length)).toEqual([7, 7, 7]);
        const details = text.slice(text.indexOf('<details>'), text.indexOf('\n</details>'));
        expect(details.split('\n').filter((line) => line.trim() === '')).toEqual([]);
      }),
    );
  });
});
