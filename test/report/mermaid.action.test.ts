// @vitest-environment jsdom
// Mermaid's parser cleans labels by means of a document.

import fc from 'fast-check';
import mermaid from 'mermaid';
import { describe, expect, it } from 'vitest';
import { jobTimeline, mermaidLimits, mermaidText, stepGraph } from '../../src/report/mermaid.js';
import type { StudyResults } from '../../src/report/results.js';
import { oneLine } from '../../src/util/log/plain-text.js';
import { hostileText } from '../support/hostile.js';
import { ran, resultsOf, start, type Told } from '../support/results.js';

/** What Mermaid makes of a diagram: its own data base of it. */
async function parsed(source: string) {
  expect(await mermaid.parse(source)).toBeTruthy();
  const diagram = await mermaid.mermaidAPI.getDiagramFromText(source);
  // biome-ignore lint/suspicious/noExplicitAny: each kind of diagram has a data base of its own kind
  return diagram.db as any;
}

/** What a browser shows of text that Mermaid keeps with its marks of entities. */
function shown(text: string): string {
  return text
    .replace(/ﬂ°°([0-9]+)¶ß/g, (_, number) => String.fromCodePoint(Number(number)))
    .replaceAll('<br>', '<br/>');
}

async function nodesOf(results: StudyResults): Promise<Map<string, { label: string; classes: string[] }>> {
  const vertices: Map<string, { text: string; classes: string[] }> = (await parsed(stepGraph(results)!)).getVertices();
  return new Map([...vertices].map(([id, { text, classes }]) => [id, { label: shown(text), classes }]));
}

/** Pieces that mean something in some place of some diagram. */
const words = [
  ...[
    'end',
    'graph',
    'subgraph x',
    'section a',
    'title t',
    'gantt',
    'click n0',
    'style n0 fill:#fff;',
    'classDef a:#b;',
  ],
  ...['"', '#', ';', '#quot;', '#35;', '%%', '%%{init: {}}%%', '---', '-->', '|', '[', ']', '(', ')', '{', '}', '`x`'],
  ...['<br/>', '<b>', '&amp;', '1. one', '- one', '* a', '**b**', '_c_', 'www.example.org', 'http://a.b', 'fa:fa-ban'],
  ...[
    ':::',
    ':',
    '$$x$$',
    '@{',
    'אבג',
    '\u202e',
    '😀',
    '\ud800',
    '\ufffe',
    'é',
    ' ',
    '\n',
    '\u0000',
    'dateFormat x',
    'ﬂ°°60¶ß',
  ],
];
const nasty = fc.oneof(
  hostileText,
  fc.array(fc.constantFrom(...words), { minLength: 1, maxLength: 5 }).map((parts) => parts.join('')),
);

/** What of a text is shown in a diagram, which has no use for blanks side by side. */
const plain = (text: string) =>
  oneLine(text)
    .trim()
    .replace(/\s+/g, ' ')
    .replace(/[\p{Surrogate}\p{Noncharacter_Code_Point}]/gu, '\ufffd')
    .replace(/\$(?=\$)/g, '$\u200b');

describe('text in a diagram', () => {
  it('is as it was where it means nothing, and codes where it may', () => {
    expect(mermaidText('run_SIZE.10, a-b')).toBe('run_SIZE.10, a-b');
    expect(mermaidText('a "b" #c;\n[end] 1. x')).toBe('a #34;b#34; #35;c#59; #91;end#93; 1#46; x');
    expect(mermaidText('www.a.b - _x_ 😀')).toBe('www#46;a.b #45; #95;x#95; #128512;');
  });

  it('has no two dollars side by side, which would begin a formula', () => {
    expect(mermaidText('$$x$$')).toBe('#36;#8203;#36;x#36;#8203;#36;');
  });

  it('holds nothing that any grammar or Markdown knows', () => {
    fc.assert(
      fc.property(nasty, (text) => {
        const label = mermaidText(text);
        expect(label.replace(/#[0-9]+;/g, '')).toMatch(/^[\p{L}\p{N} ,._-]*$/u);
        expect(label.replace(/#([0-9]+);/g, (_, code) => String.fromCodePoint(Number(code)))).toBe(plain(text));
      }),
    );
  });
});

describe('the step graph', () => {
  const failed = ran(1, { state: 'FAILED', reason: 'exit 3' });

  it('has a node for each instance, with its state, and an edge for each dependency', async () => {
    const results = resultsOf([
      { name: 'make', record: ran(1) },
      { name: 'run_A.1', after: ['make'], record: failed },
      { name: 'run_A.2', after: ['make'], record: { ...failed, tolerated: true } },
      { name: 'post', after: ['run_A.1', 'run_A.2'], record: ran(1, { state: 'CANCELLED' }) },
      { name: 'rest', record: { state: 'RUNNING' } },
      { name: 'last' },
      { name: 'never', record: { state: 'FAILED', reason: 'dependency run_A.1 failed', ended: 1 } },
    ]);
    expect(stepGraph(results)!.split('\n').slice(0, 12)).toEqual([
      'flowchart LR',
      '  n0["make<br/>FINISHED"]',
      '  n1["run_A.1<br/>FAILED"]',
      '  n2["run_A.2<br/>FAILED"]',
      '  n3["post<br/>CANCELLED"]',
      '  n4["rest<br/>RUNNING"]',
      '  n5["last<br/>INITIALIZED"]',
      '  n6["never<br/>SKIPPED"]',
      '  n0 --> n1',
      '  n0 --> n2',
      '  n1 --> n3',
      '  n2 --> n3',
    ]);
    const nodes = await nodesOf(results);
    expect([...nodes.values()].map(({ classes }) => classes.join())).toEqual([
      ...['finished', 'failed', 'tolerated', 'cancelled', 'running', 'waiting', 'skipped'],
    ]);
  });

  it('does not take a failure that is not the last word for one', async () => {
    const nodes = await nodesOf(resultsOf([{ name: 'a', record: { ...failed, ended: null } }]));
    expect(nodes.get('n0')!.classes).toEqual(['waiting']);
  });

  const instances = (count: number, record: (i: number) => Told['record']): Told[] =>
    Array.from({ length: count }, (_, i) => ({
      name: `run_${i}`,
      step: 'run',
      workspace: `run/${i}`,
      after: ['make'],
      record: record(i)!,
    }));

  it('of a big study has a node for each step, that looks like the worst of it', async () => {
    const results = resultsOf([
      { name: 'make', record: ran(1) },
      ...instances(90, (i) => (i === 7 ? failed : ran(1))),
      { name: 'post', after: ['run_1', 'run_2'], record: ran(1, { state: 'CANCELLED' }) },
    ]);
    const db = await parsed(stepGraph(results)!);
    const nodes = await nodesOf(results);
    expect([...nodes.values()]).toEqual([
      { label: 'make<br/>1 FINISHED', classes: ['finished'] },
      { label: 'run<br/>89 FINISHED, 1 FAILED', classes: ['failed'] },
      { label: 'post<br/>1 CANCELLED', classes: ['cancelled'] },
    ]);
    expect(db.getEdges().map(({ start, end }: { start: string; end: string }) => `${start} ${end}`)).toEqual([
      'n0 n1',
      'n1 n2',
    ]);
  });

  it('is not drawn beyond what Mermaid draws', () => {
    const many = (count: number, name: string) =>
      Array.from({ length: count }, (_, i): Told => ({ name: `${name}${i}` }));
    const before = many(25, 'a');
    const after = many(25, 'b').map((told) => ({ ...told, after: before.map(({ name }) => name) }));
    expect(stepGraph(resultsOf([...before, ...after]))).toBeUndefined();
    expect(stepGraph(resultsOf(many(151, 'a')))).toBeUndefined();
    expect(stepGraph(resultsOf(many(150, 'a')))).toBeDefined();
    const longest = stepGraph(resultsOf(many(150, '"'.repeat(300))));
    expect(longest === undefined || longest.length <= mermaidLimits.characters).toBe(true);
  });

  it('is the same to Mermaid whatever names hold, and shows them', async () => {
    await fc.assert(
      fc.asyncProperty(nasty, nasty, async (one, other) => {
        const [a, b] = [`a${one}`.slice(0, 50), `b${other}`.slice(0, 50)];
        const results = resultsOf([
          { name: a, record: ran(1) },
          { name: b, after: [a], record: failed },
        ]);
        const nodes = await nodesOf(results);
        expect([...nodes]).toEqual([
          ['n0', { label: `${plain(a)}<br/>FINISHED`, classes: ['finished'] }],
          ['n1', { label: `${plain(b)}<br/>FAILED`, classes: ['failed'] }],
        ]);
      }),
      { numRuns: 60 },
    );
  });

  it('has colours that can be read: dark text on light, and the other way round nowhere', () => {
    const styles = [
      ...stepGraph(resultsOf([{ name: 'a', record: ran(1) }, { name: 'b', record: failed }, { name: 'c' }]))!.matchAll(
        /classDef \w+ fill:(#\w{6}),stroke:#\w{6},color:(#\w{6})/g,
      ),
    ];
    expect(styles).toHaveLength(3);
    for (const [, fill, color] of styles) expect(contrast(fill!, color!)).toBeGreaterThan(7);
  });
});

/** The contrast of two colours, as WCAG 2 has it: 7 is its highest demand. */
function contrast(light: string, dark: string): number {
  const luminance = (colour: string) => {
    const [r, g, b] = [1, 3, 5]
      .map((at) => Number.parseInt(colour.slice(at, at + 2), 16) / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
  };
  return (luminance(light) + 0.05) / (luminance(dark) + 0.05);
}

describe('the timeline', () => {
  const job = { attempt: 1, script: 'main', id: '17', place: '', isDoubtful: false, submitted: start } as const;

  it('has a section for each step and a bar for each job', async () => {
    const results = resultsOf([
      { name: 'make', record: ran(1500) },
      {
        name: 'run_A.1',
        step: 'run',
        workspace: 'a',
        record: ran(1, {
          state: 'FAILED',
          jobs: [
            { ...job, started: start + 2000, ended: start + 5000, result: 'timeout' },
            { ...job, attempt: 2, started: start + 6000, ended: null, result: null },
            { ...job, attempt: 3, started: null, ended: start + 7000, result: 'failed' },
          ],
        }),
      },
      { name: 'never' },
    ]);
    expect(jobTimeline(results)).toBe(
      `gantt
  dateFormat x
  axisFormat %H:%M
  todayMarker off
  section make
  #109;ake :done, j0, ${start}, ${start + 1500}
  section run
  #114;un_A.1, attempt 1 :crit, j1, ${start + 2000}, ${start + 5000}
  #114;un_A.1, attempt 2 :active, j2, ${start + 6000}, ${start + 3_600_000}`,
    );
    const tasks = (await parsed(jobTimeline(results)!)).getTasks();
    expect(
      tasks.map(({ startTime, endTime }: { startTime: Date; endTime: Date }) => [
        startTime.getTime() - start,
        endTime.getTime() - start,
      ]),
    ).toEqual([
      ...[
        [0, 1500],
        [2000, 5000],
        [6000, 3_600_000],
      ],
    ]);
  });

  it('leaves out what ran before the study was continued', () => {
    const old = ran(1, { jobs: [{ ...job, started: start - 9000, ended: start - 5000, result: 'completed' }] });
    const text = jobTimeline(
      resultsOf([
        { name: 'old', record: old },
        { name: 'a', record: ran(1) },
        { name: 'b', record: ran(1) },
      ]),
    );
    expect(text!.match(/section .*/g)).toEqual(['section a', 'section b']);
  });

  it('is for small studies, and for more than one job', () => {
    const jobs = (count: number) =>
      resultsOf(Array.from({ length: count }, (_, i) => ({ name: `s${i}`, record: ran(1) })));
    expect([0, 1, 2, 60, 61].map((count) => jobTimeline(jobs(count)) !== undefined)).toEqual([
      false,
      false,
      true,
      true,
      false,
    ]);
  });

  it('has an axis that fits how long it took', () => {
    const axis = (milliseconds: number) =>
      /axisFormat (.*)/.exec(
        jobTimeline(resultsOf(['a', 'b'].map((name) => ({ name, record: ran(milliseconds) }))))!,
      )![1];
    expect([1000, 3_600_000, 3 * 86_400_000].map(axis)).toEqual(['%H:%M:%S', '%H:%M', '%m-%d %H:%M']);
  });

  it('is the same to Mermaid whatever names hold, and shows them', async () => {
    await fc.assert(
      fc.asyncProperty(nasty, nasty, async (one, other) => {
        const [a, b] = [`${one}a`.slice(-50), `${other}b`.slice(-50)];
        const results = resultsOf([
          { name: `1${a}`, step: a, record: ran(1) },
          { name: b, step: b, workspace: 'w', record: ran(1) },
        ]);
        fc.pre(a !== b && `1${a}` !== b && plain(a) !== plain(b));
        const db = await parsed(jobTimeline(results)!);
        const tasks = db.getTasks() as { task: string; section: string; id: string }[];
        expect(tasks.map(({ task, section, id }) => [shown(task).trim(), shown(section), id])).toEqual([
          [plain(`1${a}`), plain(a), 'j0'],
          [plain(b), plain(b), 'j1'],
        ]);
      }),
      { numRuns: 60 },
    );
  });
});
