import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Comparison } from '../../../src/report/comparison.js';
import { html, jsonInHtml } from '../../../src/report/html/html.js';
import { jobTimes, lanesOf, mostAtOnce } from '../../../src/report/html/jobs.js';
import { layered } from '../../../src/report/html/layers.js';
import { reportHtml } from '../../../src/report/html/report-html.js';
import { hostileText } from '../../support/hostile.js';
import { instanceOf, jobOf, ran, resultsOf, start, type Told } from '../../support/results.js';

const failed = (name: string, told: Partial<Told> = {}): Told => ({
  name,
  line: 7,
  record: ran(1200, { state: 'FAILED', reason: 'exit 3', exitCode: 3 }),
  outputs: { stdout: `${name}/${name}.17.out`, stderr: `${name}/${name}.17.err` },
  ...told,
});

/** The tags of a page, its script, style and data left out. */
function tagsOf(page: string): string[] {
  const markup = page.replace(/<(script|style)[^>]*>[\s\S]*?<\/\1>/g, '<$1></$1>');
  return markup.match(/<\/?[a-z][^>]*>/gi)!.map((tag) => /^<\/?[a-z0-9]+/i.exec(tag)![0]);
}

function dataOf(page: string): {
  rows: { name: string; reason: string; more: [string, string][] }[];
  params: string[];
} {
  return JSON.parse(/<script type="application\/json" id="data">([\s\S]*?)<\/script>/.exec(page)![1]!);
}

describe('markup', () => {
  it('has the texts that are put into it as texts, in elements and in attributes', () => {
    expect(html`<b title="${'"<&\''}">${['<i>', html`<i>${1.005}</i>`]}</b>`.text).toBe(
      '<b title="&quot;&lt;&amp;&#39;">&lt;i&gt;<i>1</i></b>',
    );
    expect(html`${'\u001b[31mred\u202e\u0007'}`.text).toBe('red\ufffd␇');
  });

  it('has JSON in it that ends no script, and is read back the same', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), hostileText), (text) => {
        const json = jsonInHtml({ text: `${text}</script><!--\u2028` });
        expect(json).not.toMatch(/[<>&\u2028\u2029]/);
        expect(JSON.parse(json)).toEqual({ text: `${text}</script><!--\u2028` });
      }),
    );
  });
});

describe('report.html', () => {
  it('says the outcome and the failures without any script', () => {
    const page = reportHtml(
      resultsOf(
        [
          failed('run', { says: 'no <input>\n\nat all' }),
          failed('quiet'),
          { name: 'next', after: ['run'], record: { state: 'FAILED', reason: 'dependency run failed', ended: 5 } },
        ],
        { status: 'FAILURE' },
      ),
    );
    expect(page).toContain('<title>FAILURE: hello</title>');
    expect(page).toContain('<h1><bdi>hello</bdi> <span class="outcome tone-bad">FAILURE</span></h1>');
    expect(page).toContain('<strong>3 steps</strong> in 1h 00m');
    expect(page).toContain('Failures <span class="number">2</span>');
    expect(page).toContain('<p class="note">1 more did not run because of these.</p>');
    expect(page).toContain('aria-label="The end of its stderr">no &lt;input&gt;\n\nat all</pre>');
    expect(page).toContain('<p class="note">Nothing on stderr.</p>');
    expect(page).toContain('The table of all steps is made by a script');
  });

  it('shows what did not run as skipped, in a grey of its own, in counts, graph and table', () => {
    const page = reportHtml(
      resultsOf(
        [
          failed('run'),
          { name: 'next', after: ['run'], record: { state: 'FAILED', reason: 'dependency run failed', ended: 5 } },
          { name: 'last', record: { state: 'CANCELLED', reason: 'cancelled by SIGINT', ended: 5 } },
          { name: 'cut', record: ran(5, { state: 'CANCELLED' }) },
        ],
        { status: 'CANCELLED' },
      ),
    );
    for (const count of ['1 failed', '2 skipped', '1 cancelled']) expect(page).toContain(`</span>${count}</span>`);
    expect(page).toContain('<title>next: SKIPPED</title>');
    expect(page).toContain('<span class="dot fill-skipped"></span>2 skipped');
    const data = JSON.parse(/id="data">([\s\S]*?)<\/script>/.exec(page)![1]!);
    expect(data.rows.map(({ state }: { state: number }) => data.states[state])).toEqual([
      { name: 'FAILED', tone: 'bad' },
      { name: 'SKIPPED', tone: 'skipped' },
      { name: 'SKIPPED', tone: 'skipped' },
      { name: 'CANCELLED', tone: 'stopped' },
    ]);
    const colours = [...page.matchAll(/--(stopped|skipped): (#[0-9a-f]{6});/g)].map(([, , colour]) => colour);
    expect(new Set(colours).size).toBe(4);
  });

  it('says before the first failure whose stderr was not read that only so many were', () => {
    const results = resultsOf(Array.from({ length: 60 }, (_, i) => failed(`s${i}`)));
    const steps = results.steps.map((step, i) => (i < 50 ? step : { ...step, errorTail: null, isTailLeftOut: true }));
    const page = reportHtml({ ...results, steps });
    const note = 'Only the stderr of the first 50 failed steps was read';
    expect(page.split(note)).toHaveLength(2);
    const [before, after] = page.split(note) as [string, string];
    expect(before).toContain('id="failure-49"');
    expect(before).not.toContain('id="failure-50"');
    expect(after).toContain('Its stderr was not read: only that of the first 50 failed steps is.');
  });

  it('lets nothing in but its own script and style', () => {
    const page = reportHtml(resultsOf([failed('run')]), { runUrl: 'https://example.org/runs/1?a=1&b=2' });
    const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(page)![1]!;
    const [style] = /(?<=<style>)[\s\S]*?(?=<\/style>)/.exec(page)!;
    const [script] = /(?<=<script>)[\s\S]*?(?=<\/script>)/.exec(page)!;
    const hash = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
    expect(policy).toBe(
      `default-src 'none'; script-src ${hash(script!)}; style-src ${hash(style!)}; base-uri 'none'; form-action 'none'`,
    );
    expect(page).not.toMatch(/ (?:on[a-z]+|style)=/);
    expect(page.match(/(?:src|href)="[^"#][^"]*"/g)).toEqual(['href="https://example.org/runs/1?a=1&amp;b=2"']);
  });

  it('links to nothing but a page of the web', () => {
    const page = reportHtml(resultsOf([failed('run')]), { runUrl: 'javascript:alert(1)' });
    expect(page).not.toContain('javascript:');
  });

  it('is the same structure whatever names, reasons and outputs hold', () => {
    const pageOf = (name: string, says: string) =>
      reportHtml(
        resultsOf(
          [
            failed(`s${name}`, {
              step: `t${name}`,
              says: `s${says}`,
              params: { [`p${name}`]: says },
              record: ran(1, { state: 'FAILED', reason: `r${says}` }),
              outputs: { stdout: says, stderr: says },
            }),
          ],
          { status: 'FAILURE', interruption: `i${says}`, name, description: `d${says}`, path: says, host: name },
        ),
      );
    const plain = tagsOf(pageOf('a', 'b'));
    fc.assert(
      fc.property(hostileText, hostileText, (name, says) => {
        const page = pageOf(name, says);
        expect(tagsOf(page)).toEqual(plain);
        // Nothing moves, hides or reorders what is around it.
        expect(page).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
        expect(dataOf(page).rows).toHaveLength(1);
        expect(JSON.stringify(dataOf(page))).not.toMatch(/\\u00[01]|[\u202a-\u202e\u2066-\u2069]/);
      }),
    );
  });

  it('holds what its table shows of every instance', () => {
    const page = reportHtml(
      resultsOf([
        { name: 'make', record: ran(5), params: {} },
        { name: 'run_A.1', step: 'run', after: ['make'], params: { A: '1', B: '' }, record: ran(7, { exitCode: 0 }) },
      ]),
    );
    const { rows, params } = dataOf(page);
    expect(params).toEqual(['A', 'B']);
    expect(rows).toMatchObject([
      { name: 'make', params: [null, null], waited: 0, ran: 5, reason: '' },
      { name: 'run_A.1', params: ['1', ''], ran: 7 },
    ]);
    expect(rows[1]!.more).toEqual([
      ['Workspace', 'run'],
      ['Script', 'run/run_A.1.sh'],
      ['Exit code', '0'],
      ['Runs after', 'make'],
      [
        'Jobs',
        '1. 17: completed, submitted 2026-01-31T22:59:58.125Z, began 2026-01-31T22:59:58.125Z, ended 2026-01-31T22:59:58.132Z',
      ],
    ]);
  });

  it('says of a job where it was not to run', () => {
    const jobs = [jobOf(1, ['n1'], 'node'), { ...jobOf(2, ['n2']), excluded: ['n1'] }];
    const more = dataOf(reportHtml(resultsOf([instanceOf('run', 1, jobs)]))).rows[0]!.more;
    const [first, second] = more.find(([title]) => title === 'Jobs')![1].split('\n');
    expect(first).toMatch(/, on n1, cause: node$/);
    expect(second).toMatch(/, on n2, not on n1$/);
  });

  it('says of an interrupted study why, and how much is left', () => {
    const page = reportHtml(
      resultsOf([{ name: 'a' }, { name: 'b', record: ran(1) }], { status: 'INTERRUPTED', interruption: 'no time' }),
    );
    expect(page).toContain('It stopped before its end: no time. 1 step is not over.');
  });

  it('is a page for a study without steps, too', () => {
    const page = reportHtml(resultsOf([]));
    expect(page).toContain('<strong>0 steps</strong>');
    expect(page).not.toContain('<h2');
  });

  it('shows the first failures of many, and how many more there are', () => {
    const page = reportHtml(
      resultsOf(
        Array.from({ length: 1234 }, (_, i) => failed(`s${i}`, { step: 's' })),
        { status: 'FAILURE' },
      ),
    );
    expect(page.match(/<details /g)).toHaveLength(200);
    expect(page).toContain('Failures <span class="number">1,234</span>');
    expect(page).toContain('And 1,034 more: report.json has them all.');
  });

  it('says what is new since a baseline', () => {
    const at = { file: 'study.yaml', line: 1, column: 1 };
    const comparison: Comparison = {
      baseline: { name: 'other <study>', status: 'FAILURE', ended: start },
      ...{
        isOfSameStudy: false,
        slowerThan: 25,
        unfinished: 0,
        added: 1,
        gone: ['old_1', 'old_2'],
        newlySkipped: 1,
        common: 3,
        slowerInstances: [],
        stillFailing: [],
      },
      newlyFailing: [
        {
          name: 'run',
          step: 'run',
          at,
          was: 'FINISHED',
          now: 'FAILED',
          reason: 'exit 3',
          tolerated: false,
        },
      ],
      fixed: [{ name: 'make', step: 'make', at, was: 'FAILED', now: 'FINISHED', reason: '', tolerated: false }],
      slowerSteps: [{ name: 'run', step: 'run', at, was: 20_000, now: 40_000, percent: 100, instances: 3 }],
    };
    const page = reportHtml(resultsOf([failed('run')]), { comparison });
    expect(page).toContain('It is of another study, other &lt;study&gt;.');
    expect(page).toContain('1 instance new, 2 gone.');
    expect(page).toContain('<bdi class="name">run</bdi> <span class="reason">was FINISHED; exit 3</span>');
    expect(page).toContain('<bdi class="name">make</bdi> <span class="reason">was FAILED</span>');
    expect(page).toContain('Steps slower by more than 25 %');
    expect(page).toContain('<span class="reason">40s, was 20s: +100 %</span>');
  });
});

describe('the step graph', () => {
  const nodes = (page: string) => page.match(/class="node"/g)?.length ?? 0;

  it('shows instances of a small study, and the steps of a large one', () => {
    const sweep = (count: number): Told[] => [
      { name: 'make' },
      ...Array.from({ length: count }, (_, i): Told => ({ name: `run_A.${i}`, step: 'run', after: ['make'] })),
    ];
    expect(nodes(reportHtml(resultsOf(sweep(39))))).toBe(40);
    const large = reportHtml(resultsOf(sweep(40)));
    expect(nodes(large)).toBe(2);
    expect(large).toContain('<title>run: 40 INITIALIZED</title>');
    // Forty dependencies are one line.
    expect(large.match(/<g class="edges"[^>]*>(<path[^>]*>)+<\/g>/)![0].match(/<path/g)).toHaveLength(1);
  });

  it('says of what is too large for a picture that it is', () => {
    const page = reportHtml(resultsOf(Array.from({ length: 301 }, (_, i) => ({ name: `s${i}` }))));
    expect(nodes(page)).toBe(0);
    expect(page).toContain('301 steps with 0 dependencies between them are too many for a picture.');
  });

  it('has what comes first on the left, and no node over another', () => {
    const edge = fc.tuple(fc.nat(19), fc.nat(19));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.array(edge, { maxLength: 40 }), (count, pairs) => {
        const edges = pairs.filter(([from, to]) => from < to && to < count);
        const sizes = { height: 40, gap: 10 };
        const layout = layered(count, edges, sizes);
        for (const [from, to] of edges) expect(layout.nodes[from]!.layer).toBeLessThan(layout.nodes[to]!.layer);
        for (const [i, a] of layout.nodes.entries()) {
          expect(a.y).toBeGreaterThanOrEqual(sizes.height / 2 - 1e-6);
          expect(a.y).toBeLessThanOrEqual(layout.height - sizes.height / 2 + 1e-6);
          for (const b of layout.nodes.slice(i + 1)) {
            if (a.layer === b.layer) expect(Math.abs(a.y - b.y)).toBeGreaterThanOrEqual(50 - 1e-6);
          }
        }
        for (const points of layout.edges) {
          expect(points.map(({ layer }) => layer)).toEqual(points.map((_, i) => points[0]!.layer + i));
        }
      }),
    );
  });

  it('has lines that do not cross where they need not', () => {
    // Two chains, their second nodes in the wrong order.
    const { nodes } = layered(
      4,
      [
        [0, 3],
        [1, 2],
      ],
      { height: 40, gap: 10 },
    );
    expect(nodes[0]!.y < nodes[1]!.y).toBe(nodes[3]!.y < nodes[2]!.y);
    // A chain is a straight line.
    expect(
      new Set(
        layered(
          3,
          [
            [0, 1],
            [1, 2],
          ],
          { height: 40, gap: 10 },
        ).nodes.map(({ y }) => y),
      ).size,
    ).toBe(1);
  });
});

describe('the timeline', () => {
  const intervals = fc.array(
    fc.tuple(fc.nat(100), fc.nat(100)).map(([a, b]): [number, number] => [Math.min(a, b), Math.max(a, b)]),
    { maxLength: 30 },
  );

  it('counts the most that ran at once', () => {
    expect(mostAtOnce([], 10, 5)).toEqual([0, 0, 0, 0, 0]);
    expect(
      mostAtOnce(
        [
          [0, 4],
          [4, 8],
        ],
        10,
        5,
      ),
    ).toEqual([1, 1, 1, 1, 1]);
    expect(
      mostAtOnce(
        [
          [0, 10],
          [3, 4],
        ],
        10,
        5,
      ),
    ).toEqual([1, 2, 2, 1, 1]);
    expect(mostAtOnce([[5, 5]], 10, 5)).toEqual([0, 0, 1, 0, 0]);
    expect(
      Math.max(
        ...mostAtOnce(
          [
            [5, 5],
            [5, 6],
          ],
          10,
          5,
        ),
      ),
    ).toBe(2);
    fc.assert(
      fc.property(intervals, (some) => {
        const peak = Math.max(
          0,
          ...some.map(
            ([at]) => some.filter(([from, to]) => from <= at && (at < to || (from === to && at === to))).length,
          ),
        );
        expect(Math.max(...mostAtOnce(some, 100, 50))).toBe(peak);
      }),
    );
  });

  it('has no job over another in a lane, and no more lanes than there are jobs at once', () => {
    fc.assert(
      fc.property(intervals, (some) => {
        const lanes = lanesOf(some);
        for (const [i, [from, to]] of some.entries()) {
          for (const [j, [otherFrom, otherTo]] of some.entries()) {
            if (i < j && lanes[i] === lanes[j]) expect(to <= otherFrom || otherTo <= from).toBe(true);
          }
        }
      }),
    );
    expect(
      lanesOf([
        [0, 5],
        [1, 3],
        [3, 9],
        [5, 6],
      ]),
    ).toEqual([0, 1, 1, 0]);
  });

  it('shows the jobs of this run: of earlier ones how many there were', () => {
    const job = { attempt: 1, script: 'main', id: '1', place: '', isDoubtful: false } as const;
    const before = {
      ...job,
      submitted: start - 9000,
      started: start - 8000,
      ended: start - 7000,
      result: 'failed',
    } as const;
    const across = { ...job, attempt: 2, submitted: start - 100, started: start + 50, ended: null, result: null };
    const results = resultsOf([{ name: 'run', record: { jobs: [before, across] } }]);
    const { groups, earlier, length } = jobTimes(results);
    expect(earlier).toBe(1);
    expect(groups.map(({ jobs }) => jobs.map(({ submitted, started, ended }) => [submitted, started, ended]))).toEqual([
      [[0, 50, length]],
    ]);
    expect(reportHtml(results)).toContain('1 earlier ones were over before the study was resumed');
  });

  it('shows each job of a small study as a bar, and a curve for each step of a large one', () => {
    const bars = (count: number) => {
      const page = reportHtml(
        resultsOf(
          Array.from({ length: count }, (_, i) => ({ name: `run_A.${i}`, step: 'run', record: ran(i * 1000) })),
        ),
      );
      return { bars: page.match(/height="7"/g)?.length ?? 0, isCurves: page.includes('Running jobs of each step') };
    };
    expect(bars(90)).toEqual({ bars: 90, isCurves: false });
    // So many at once have no room.
    expect(bars(120)).toEqual({ bars: 0, isCurves: true });
  });
});
