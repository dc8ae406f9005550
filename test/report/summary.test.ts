import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compare, parseBaseline } from '../../src/report/comparison.js';
import { reportJson } from '../../src/report/report-json.js';
import { MAX_SUMMARY_BYTES, summaryMarkdown } from '../../src/report/summary.js';
import type { StudyStatus } from '../../src/study/state.js';
import { hostileText } from '../support/hostile.js';
import { badNight, explained, instanceOf, jobOf, ran, resultsOf, type Told } from '../support/results.js';

/** What GitHub takes for the summary of one step of a job, in bytes. */
const githubTakes = 1024 * 1024;

const failedRun = ran(1200, { state: 'FAILED', reason: 'exit 3', exitCode: 3 });

const failed = (name: string, told: Partial<Told> = {}): Told => ({
  name,
  line: 7,
  record: failedRun,
  outputs: { stdout: `${name}/${name}.17.out`, stderr: `${name}/${name}.17.err` },
  ...told,
});

/** The sections by their titles; the first, which is the outcome, by `##`. */
function sectionsOf(text: string): Map<string, string> {
  const parts = text.split(/^(?=###? )/m);
  return new Map(parts.map((part) => [/^###? (.*)$/m.exec(part)![1]!, part.slice(part.indexOf('\n') + 1).trim()]));
}

const many = (count: number, told: (i: number) => Partial<Told> = () => ({})): Told[] =>
  Array.from({ length: count }, (_, i) => ({
    name: `run_${i}`,
    step: 'run',
    workspace: `run/${i}`,
    record: ran(1),
    ...told(i),
  }));

describe('the summary of a night on which a node broke', () => {
  const text = summaryMarkdown(explained(resultsOf(badNight, { status: 'FAILURE' })));
  const sections = sectionsOf(text);

  it('begins with whose fault it was', () => {
    expect(text.split('\n').slice(0, 5)).toEqual([
      '## ❌ hello: FAILURE',
      '',
      '**Nothing here says that the code is wrong&#58; n7 was lost 3 times.**',
      '',
      '8 steps in 1h 00m: 6 finished, 2 hwfailure; 11 node-hours.',
    ]);
  });

  it('names the suspect node, the flaky steps, and the node-hours of each step', () => {
    expect(sections.get('Suspect nodes')).toBe(
      '- <code>n7</code>: 3 instances of <code>run</code> and <code>post</code> failed on it (<code>run&#95;A.4</code>, <code>run&#95;A.5</code>, <code>post&#95;A.2</code>), while others of these steps passed elsewhere',
    );
    expect(sections.get('Flaky steps')).toBe(
      '- <code>run&#95;A.5</code> passed at attempt 2; attempt 1 was lost with a node (<code>n7</code>)\n' +
        '- <code>post&#95;A.3</code> passed at attempt 2; attempt 1 was preempted (on <code>n3</code>)',
    );
    expect(sections.get('Node-hours')).toContain('| <code>run</code> | 6 | 6 |\n| <code>post</code> | 5 | 5 |');
    expect(sections.get('Steps')).toContain('| Step | State | Cause | Time | Restarts | Nodes | Reason |');
    expect(sections.get('Steps')).toContain(
      '| <code>run&#95;A.4</code> | HWFAILURE | node | 1h 00m | 0 | n7 | node! |',
    );
  });

  it('says how much of an allocation was used', () => {
    const allocation = { nodeHours: 20, usedNodeHours: 11 };
    const shown = summaryMarkdown(explained(resultsOf(badNight, { status: 'FAILURE', allocation })));
    expect(shown).toContain("2 hwfailure; 11 node-hours, 55 % of the allocation's 20 used.");
  });

  it('says what the failures have in common', () => {
    const told = Array.from({ length: 20 }, (_, a) =>
      instanceOf('run', a, [jobOf(1, ['n1'], a >= 14 ? 'code' : null)]),
    );
    const shown = sectionsOf(summaryMarkdown(explained(resultsOf(told, { status: 'FAILURE' }))));
    expect(shown.get('What the failures have in common')).toBe('All 6 failures have A ≥ 14.');
  });

  it('names as many flaky steps as there is room for', () => {
    const told = Array.from({ length: 3000 }, (_, a) =>
      instanceOf('run', a, [jobOf(1, ['n7'], 'node'), jobOf(2, ['n2'])]),
    );
    const shown = sectionsOf(summaryMarkdown(explained(resultsOf(told)))).get('Flaky steps')!;
    expect(Buffer.byteLength(shown)).toBeLessThan(50 * 1024);
    expect(shown).toMatch(/\n\nAnd \d+ more; all are in report\.json\.$/);
  });
});

describe('the summary', () => {
  it('of a study that finished is its outcome, its steps, and pictures of them', () => {
    const text = summaryMarkdown(
      resultsOf([
        { name: 'make', record: ran(1500) },
        { name: 'run_A.1', step: 'run', params: { A: '1' }, after: ['make'], record: ran(62_000, { restarts: 2 }) },
      ]),
    );
    expect(text.replace(/```mermaid\n[^`]*```/g, '(a diagram)')).toBe(
      `## ✅ hello: FINISHED

2 steps in 1h 00m: 2 finished.
Spec <code>specs/hello.yaml</code>, study directory <code>/p/studies/hello&#95;1</code> on this machine.

### Step graph

(a diagram)

### Timeline

<details><summary>When the jobs ran</summary>

(a diagram)

</details>

### Parameters

| A | run |
| --- | --- |
| <code>1</code> | ✅ 1m 02s |

### Steps

| Step | State | Time | Restarts | Reason |
| --- | --- | --- | --- | --- |
| <code>make</code> | FINISHED | 1.5s | 0 |  |
| <code>run&#95;A.1</code> | FINISHED | 1m 02s | 2 |  |

`,
    );
    expect(text).toContain('```mermaid\nflowchart LR\n  n0["make<br/>FINISHED"]');
    expect(text).toContain('```mermaid\ngantt\n');
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
    expect(text).toContain('## ❌ hello: FAILURE\n\n3 steps in 1h 00m: 2 failed, 1 skipped.');
    expect(text).toContain(
      '### Failures\n\n' +
        '<details><summary><b>run</b> exit 3 (line 7)</summary>\n' +
        '<p><code>run/run.17.err</code></p><pre>no input\n&#8203;\n&lt;lost&gt;</pre>\n</details>\n\n' +
        '<details><summary><b>quiet</b> exit 3 (line 7)</summary>\n' +
        '<p><code>quiet/quiet.17.err</code></p><p>Nothing on stderr.</p>\n</details>\n\n' +
        '1 more did not run because of these.\n\n### Step graph',
    );
    expect(text).toContain('| <code>next</code> | SKIPPED |  | 0 | dependency run failed |');
  });

  it('says of a failure that it may be', () => {
    const record = ran(1, { state: 'FAILED', reason: 'exit 1', tolerated: true });
    expect(summaryMarkdown(resultsOf([failed('run', { record })]))).toContain(
      '<b>run</b> exit 1 (allowed to fail) (line 7)',
    );
  });

  it('has a mark for every outcome, and says how to continue what is not done', () => {
    const statuses = ['FINISHED', 'DRYRUN', 'FAILURE', 'CANCELLED', 'INTERRUPTED'] as const satisfies StudyStatus[];
    const texts = statuses.map((status) => summaryMarkdown(resultsOf([], { status, path: "/p/it's" })));
    expect(texts.map((text) => text.split('\n')[0])).toEqual([
      '## ✅ hello: FINISHED',
      '## ✅ hello: DRYRUN',
      '## ❌ hello: FAILURE',
      '## 🚫 hello: CANCELLED',
      '## ⏸️ hello: INTERRUPTED',
    ]);
    const how =
      "“Re-run failed jobs” on GitHub, or the same command with <code>--output-path '/p/it'\\''s'</code> on the command line, " +
      'continues this study: steps that are FINISHED stay, all others run again.';
    const running = ' Jobs that still run go on meanwhile, and are taken over.';
    expect(texts.map((text) => sectionsOf(text).get('How to continue')?.replaceAll('&#92;', '\\'))).toEqual([
      ...[undefined, undefined, how, how, how + running],
    ]);
  });

  it('says how to continue as it is told', () => {
    const text = summaryMarkdown(resultsOf([], { status: 'FAILURE' }), { resume: 'Call `us`.' });
    expect(text).toContain('\n\nCall &#96;us&#96;: steps that are FINISHED stay, all others run again.\n');
  });

  it('has what is new after the failures', () => {
    const before = parseBaseline(reportJson(resultsOf([{ name: 'run', record: ran(1) }])));
    const results = resultsOf([failed('run')], { status: 'FAILURE' });
    const text = summaryMarkdown(results, { comparison: compare(before, results, 25) });
    expect([...sectionsOf(text).keys()]).toEqual([
      '❌ hello: FAILURE',
      'Failures',
      'What is new',
      'Steps',
      'How to continue',
    ]);
    expect(sectionsOf(text).get('What is new')).toContain('1 newly failing.');
  });

  it('shows the first failures and the first steps of many, and how many more there are', () => {
    const steps = Array.from({ length: 700 }, (_, i) =>
      failed(`s${i}`, { step: i < 100 ? 'a' : 'b', workspace: `${i}` }),
    );
    const text = summaryMarkdown(resultsOf(steps, { status: 'FAILURE' }));
    expect(
      sectionsOf(text)
        .get('Failures')!
        .match(/<details>/g),
    ).toHaveLength(50);
    expect(text).toContain('And 650 more: 600 of b, 50 of a.');
    const table = sectionsOf(text).get('Steps')!;
    expect(table).toContain(
      `| Step | Instances | Finished | Failed | Skipped | Cancelled | Other | Median time |
| --- | --- | --- | --- | --- | --- | --- | --- |
| <code>a</code> | 100 | 0 | 100 | 0 | 0 | 0 | 1.2s |
| <code>b</code> | 600 | 0 | 600 | 0 | 0 | 0 | 1.2s |

<details><summary>700 instances</summary>

| Step |`,
    );
    expect(table.match(/^\| <code>s/gm)).toHaveLength(500);
    expect(table).toContain('\n\nAnd 200 more; all are in report.json.\n\n</details>');
  });

  it('counts the instances of a step that are more than a call may have arguments', () => {
    const record = ran(1);
    const instances = many(150_000, (i) => ({ params: { N: String(i) }, record }));
    expect(summaryMarkdown(resultsOf(instances))).toContain('| <code>run</code> | 150000 | 150000 |');
  });

  it('shows failed instances first where not all instances fit, and all in their order where they do', () => {
    const many = (count: number) =>
      Array.from({ length: count }, (_, i): Told => {
        const base = { name: `s${i}`, step: 's', workspace: `${i}`, params: { N: String(i) } };
        const tolerated = i === 1500;
        if (i === count - 1 || tolerated) return failed(base.name, { ...base, record: { ...failedRun, tolerated } });
        if (i === 7) return { ...base, record: { state: 'FAILED', reason: 'dependency x failed', ended: 5 } };
        return { ...base, record: ran(1) };
      });
    const sections = sectionsOf(summaryMarkdown(resultsOf(many(3000), { status: 'FAILURE' })));
    const rows = sections.get('Steps')!.match(/^\| <code>s[0-9]+<.*/gm)!;
    expect(rows).toHaveLength(500);
    expect(rows.slice(0, 4).map((row) => row.slice(0, 30))).toEqual([
      expect.stringContaining('s2999</code> | FAILED'),
      expect.stringContaining('s1500</code> | FAILED'),
      expect.stringContaining('s7</code> | SKIPPED'),
      expect.stringContaining('s0</code> | FINISHED'),
    ]);
    const parameters = sections.get('Parameters')!.match(/^\| <code>[0-9]+<.*/gm)!;
    expect(parameters.slice(0, 3).map((row) => /[0-9]+/.exec(row)![0])).toEqual(['2999', '1500', '7']);
    expect(sections.get('Failures')).toMatch(/s2999[\s\S]*s1500/);
    const few = sectionsOf(summaryMarkdown(resultsOf(many(300)))).get('Steps')!;
    expect(few.match(/^\| <code>s[0-9]+<.*/gm)!.at(-1)).toContain('s299</code> | FAILED');
  });

  it('keeps the failed rows where GitHub has no room for all of long ones', () => {
    const steps = Array.from({ length: 3000 }, (_, i): Told => {
      const name = `s${i}_${'x'.repeat(280)}`;
      const base = { name, step: 's', workspace: `${i}`, params: { N: 'y'.repeat(280) + String(i) } };
      return i < 2980 ? { ...base, record: ran(1, { reason: 'z'.repeat(280) }) } : failed(name, base);
    });
    const text = summaryMarkdown(resultsOf(steps, { status: 'FAILURE' }));
    expect(Buffer.byteLength(text)).toBeLessThan(1024 * 1024);
    expect(
      sectionsOf(text)
        .get('Steps')!
        .match(/ \| FAILED \| /g),
    ).toHaveLength(20);
    expect(sectionsOf(text).get('Parameters')!.match(/❌/g)).toHaveLength(20);
  });

  it('says where failures are left out that the stderr of so many only was read', () => {
    const steps = Array.from({ length: 60 }, (_, i) => failed(`s${i}`));
    const results = resultsOf(steps);
    const read = {
      ...results,
      steps: results.steps.map((step, i) => (i < 50 ? step : { ...step, isTailLeftOut: true })),
    };
    expect(summaryMarkdown(read)).toMatch(/And 10 more: .*\. Only the stderr of the first 50 failed steps was read\./);
  });

  it('names the first steps only, where failures are of very many', () => {
    const steps = Array.from({ length: 80 }, (_, i) => failed(`s${i}`));
    expect(summaryMarkdown(resultsOf(steps))).toMatch(/And 30 more: 1 of s50, .*1 of s59, 20 other steps\./);
  });

  it('says of a graph that is too big that it is', () => {
    const text = summaryMarkdown(resultsOf(Array.from({ length: 200 }, (_, i) => ({ name: `s${i}` }))));
    expect(sectionsOf(text).get('Step graph')).toBe('It is too big to be drawn here: 200 steps.');
  });
});

describe('the table of parameters', () => {
  const tableOf = (steps: Told[]) => sectionsOf(summaryMarkdown(resultsOf(steps))).get('Parameters');

  it('has a row for each combination and a column for each step, for each set of parameters', () => {
    const state = { FAILED: ran(1000, { state: 'FAILED' }), CANCELLED: ran(5, { state: 'CANCELLED' }) } as const;
    const step = (name: string, params: Told['params'], record: Told['record']): Told => ({
      ...{
        name: `${name}_${Object.values(params!).join('.')}`,
        step: name,
        workspace: `${name}${Object.values(params!)}`,
      },
      ...{ params: params!, record: record! },
    });
    expect(
      tableOf([
        { name: 'make', record: ran(1) },
        step('run', { N: '1', SIZE: 'a|b' }, ran(62_000)),
        step('run', { N: '2', SIZE: 'c' }, state.FAILED),
        step('post', { N: '1', SIZE: 'a|b' }, { ...state.FAILED, tolerated: true }),
        step('post', { N: '2', SIZE: 'c' }, state.CANCELLED),
        step('plot', { N: '1' }, {}),
        step('plot', { N: '2' }, { state: 'RUNNING' }),
        step('plot', { N: '3' }, { state: 'FAILED', reason: 'dependency make failed', ended: 1 }),
      ]),
    ).toBe(`| N | SIZE | run | post |
| --- | --- | --- | --- |
| <code>1</code> | <code>a&#124;b</code> | ✅ 1m 02s | ⚠️ FAILED 1.0s |
| <code>2</code> | <code>c</code> | ❌ FAILED 1.0s | 🚫 CANCELLED 0.0s |

| N | plot |
| --- | --- |
| <code>1</code> | ⏸️ INITIALIZED |
| <code>2</code> | ⏸️ RUNNING |
| <code>3</code> | ⏭️ SKIPPED |`);
  });

  it('is folded if it is long', () => {
    const steps = many(41, (i) => ({ params: { N: String(i) } }));
    expect(tableOf(steps.slice(0, 40))).toMatch(/^\| N \|/);
    expect(tableOf(steps)).toMatch(/^<details><summary>By N: 41 rows<\/summary>\n\n\| N \|/);
  });

  it('has twelve steps at most, and names the others', () => {
    const steps = Array.from({ length: 14 }, (_, i): Told => ({ name: `s${i}`, params: { N: '1' }, record: ran(1) }));
    expect(tableOf(steps)).toMatch(/\| s11 \|\n[\s\S]*\n\nThe steps s12, s13 are below\.$/);
  });

  it('keeps the columns of steps that failed if there are too many', () => {
    const steps = Array.from(
      { length: 14 },
      (_, i): Told => ({ name: `s${i}`, params: { N: '1' }, record: ran(1, i === 13 ? { state: 'FAILED' } : {}) }),
    );
    expect(tableOf(steps)).toMatch(/\| s10 \| s13 \|\n[\s\S]*\n\nThe steps s11, s12 are below\.$/);
  });

  it('is not there without parameters', () => {
    expect(tableOf([{ name: 'a' }])).toBeUndefined();
  });
});

describe('the size of the summary', () => {
  it('is never more than GitHub takes: outputs are shortened first, then tables', () => {
    const says = `${'<'.repeat(800)}\n`.repeat(20) + 'the end';
    const steps = many(600, (i) => failed(`${'n'.repeat(200)}${i}`, { says, params: { N: 'v'.repeat(200) + i } }));
    const text = summaryMarkdown(resultsOf(steps, { status: 'FAILURE' }));
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(MAX_SUMMARY_BYTES);
    expect(MAX_SUMMARY_BYTES).toBeLessThan(githubTakes);
    const sections = sectionsOf(text);
    expect(sections.get('Failures')!.match(/the end<\/pre>/g)).toHaveLength(50);
    expect(sections.get('Failures')!.match(/shortened for want of room/g)).toHaveLength(50);
    expect(sections.get('Parameters')).toContain('more; all are in report.json.');
    expect(sections.has('How to continue')).toBe(true);
  });

  it('is kept whatever is long', () => {
    const long = fc.integer({ min: 0, max: 1500 }).map((count) => '|<é😀'.repeat(count));
    const study = fc.record({
      name: long,
      reason: long,
      says: long,
      value: long,
      count: fc.integer({ min: 0, max: 300 }),
    });
    fc.assert(
      fc.property(study, ({ name, reason, says, value, count }) => {
        const steps = many(count, (i) =>
          failed(`${name}${i}`, {
            says,
            params: { N: value + i },
            step: `s${i % 7}${name}`,
            record: ran(1, { state: 'FAILED', reason }),
          }),
        );
        const results = resultsOf(steps, { status: 'FAILURE', name });
        const comparison = compare(parseBaseline(reportJson(resultsOf([]))), results, 25);
        const text = summaryMarkdown(results, { comparison });
        expect(Buffer.byteLength(text)).toBeLessThanOrEqual(MAX_SUMMARY_BYTES);
        expect(text).toContain('### How to continue');
      }),
      { numRuns: 8 },
    );
  });

  it('lets go of what has no room, and names it', () => {
    // No table of parameters has its first row in so few bytes.
    const params = Object.fromEntries(Array.from({ length: 800 }, (_, i) => [`K${i}`, '|'.repeat(300)]));
    const text = summaryMarkdown(resultsOf([{ name: 'a', params, record: ran(1) }]));
    expect(text).toMatch(/\n\n_Left out, for want of room: the parameters\._\n\n$/);
    expect(sectionsOf(text).has('Steps')).toBe(true);
  });
});

describe('whatever names, reasons and outputs hold, the summary', () => {
  it('is the same structure', () => {
    fc.assert(
      fc.property(hostileText, hostileText, hostileText, hostileText, (name, reason, says, place) => {
        const text = summaryMarkdown(
          resultsOf(
            [
              failed(`s${name}`, {
                says,
                step: `t${name}`,
                params: { [`k${name}`]: place },
                record: ran(1, { state: 'FAILED', reason }),
                outputs: { stdout: place, stderr: place },
              }),
              { name: `u${name}`, workspace: 'u', record: ran(1) },
            ],
            { status: 'FAILURE', name, path: place, spec: place, host: place },
          ),
        );
        const withoutDiagrams = text.replace(/^```mermaid\n[^`]*\n```$/gm, '');
        const tags = withoutDiagrams.match(/<\/?[^>]*>/g)!.map((tag) => tag.replace(/[<>]/g, ''));
        const said = says === '' ? ['p', '/p'] : ['pre', '/pre'];
        expect(tags).toEqual([
          ...['code', '/code', 'code', '/code'],
          ...['details', 'summary', 'b', '/b', '/summary', 'p', 'code', '/code', '/p', ...said, '/details'],
          ...['details', 'summary', '/summary', '/details'],
          ...['code', '/code'],
          ...['code', '/code', 'code', '/code'],
          ...['code', '/code'],
        ]);
        // What is in a <pre> is no Markdown.
        const markdown = withoutDiagrams.replace(/<pre>[^<]*<\/pre>/, '');
        expect(markdown).not.toMatch(/[`*@~[\]\\]/);
        const lines = markdown.split('\n');
        expect(lines.filter((line) => line.startsWith('#'))).toHaveLength(7);
        // Every bar is of one of the two tables: two cells a row, or five.
        const bars = lines.filter((line) => line.includes('|'));
        expect(bars.map((line) => line.split('|').length)).toEqual([4, 4, 4, 7, 7, 7, 7]);
        const details = text.slice(text.indexOf('<details>'), text.indexOf('\n</details>'));
        expect(details.split('\n').filter((line) => line.trim() === '')).toEqual([]);
      }),
    );
  });
});
