import { afterAll, describe, expect, it } from 'vitest';
import type { Take } from '../../src/metrics/metric.js';
import { MAX_LINE_BYTES, type SearchedText, TextSearcher } from '../../src/metrics/search.js';
import { keptFor, readingOf } from '../../src/metrics/value.js';

const searcher = new TextSearcher();
afterAll(() => searcher.close());

const bytesOf = (text: string | Uint8Array) => (typeof text === 'string' ? Buffer.from(text) : text);
const text = (
  content: string | Uint8Array,
  sources: readonly string[],
  cut: Partial<SearchedText> = {},
): SearchedText => ({
  bytes: bytesOf(content),
  isStartCut: false,
  isEndCut: false,
  patterns: sources.map((source) => ({ source, keep: 'all' as const })),
  ...cut,
});
async function capturedIn(content: string | Uint8Array, source: string, cut: Partial<SearchedText> = {}) {
  const [result] = await searcher.search(text(content, [source], cut));
  return result!.is === 'found' ? result!.captured : result!.is;
}
async function read(content: string, source: string, take: Take, unit = '') {
  const [result] = await searcher.search({
    ...text(content, []),
    patterns: [{ source, keep: keptFor(take) }],
  });
  return readingOf({ take, unit }, result!);
}

describe('a text is searched', () => {
  it.each<[string, string, string, readonly string[]]>([
    ['line by line, and more than once in a line', 't=1 t=2\nt=3\n', 't=(\\d)', ['1', '2', '3']],
    ['without an end of its last line', 'a\nt=3', 't=(\\d)', ['3']],
    ['with ends of lines as on Windows', 't=1\r\nt=2\r\n', '^t=(\\d)$', ['1', '2']],
    ['with lines that are printed over each other', 't=1\rt=2\rt=3\n', '^t=(\\d)$', ['1', '2', '3']],
    ['for a group of the name value', 'a=1 b=2\n', '(\\w)=1 \\w=(?<value>\\d)', ['2']],
    ['for all that matches if there is no group', 'WARNING: x\n', 'WARN', ['WARN']],
    ['for a group that may be left out', 'time\n', 'time(=\\d)?', ['']],
    ['and a pattern never matches across lines', 'time\n= 3\n', 'time\\s+= (\\d)', []],
    ['with a pattern that matches nothing', 'ab', 'x*', ['', '', '']],
  ])('%s', async (_, content, source, captured) => expect(await capturedIn(content, source)).toEqual(captured));

  it('whatever bytes it has', async () => {
    const bytes = Buffer.concat([
      Buffer.from([0xff, 0xfe, 0, 0x80]),
      Buffer.from(' t=5 \xb5\n', 'latin1'),
      Buffer.from('µ=6'),
    ]);
    expect(await capturedIn(bytes, '[tµ]=(\\d)')).toEqual(['5', '6']);
  });

  it('without the lines that are cut off at its ends', async () => {
    const content = 't=1\nt=2\nt=3';
    expect(await capturedIn(content, 't=(\\d)', { isStartCut: true })).toEqual(['2', '3']);
    expect(await capturedIn(content, 't=(\\d)', { isEndCut: true })).toEqual(['1', '2']);
  });

  it('to 4 KiB of each line', async () => {
    const long = `${'x'.repeat(MAX_LINE_BYTES)}t=1`;
    expect(await capturedIn(`${long}\n${long.slice(2)}\n`, 't=(\\d)')).toEqual([]);
    expect(await capturedIn(`${long.slice(3)}\n`, 't=(\\d)')).toEqual(['1']);
  });

  it('with each line given back once', async () => {
    const [result] = await searcher.search(text('t=1 t=2\nx\nt=3\n', ['t=(\\d)']));
    expect(result).toMatchObject({ at: [0, 0, 1], lines: ['t=1 t=2', 't=3'] });
  });

  it('after those before it, whichever is waited for', async () => {
    const all = ['1', '2', '3'].map((digit) => searcher.search(text(`t=${digit}`, ['t=(\\d)'])));
    const found = (await Promise.all(all)).map(([result]) => (result!.is === 'found' ? result!.captured : []));
    expect(found).toEqual([['1'], ['2'], ['3']]);
  });

  it('with the other patterns although one takes for ever', async () => {
    const impatient = new TextSearcher(200);
    const content = `${'a'.repeat(60)}b\nt=1\n`;
    const results = await impatient.search(text(content, ['^(a+)+$', 't=(\\d)']));
    await impatient.close();
    expect(results[0]).toEqual({ is: 'too-slow' });
    expect(results[1]).toMatchObject({ is: 'found', captured: ['1'] });
  });

  it('for a pattern no more that was too slow for three others', async () => {
    const impatient = new TextSearcher(300);
    const slow = text(`${'a'.repeat(60)}b\nt=1\n`, ['^(a+)+$', 't=(\\d)']);
    const found: string[][] = [];
    for (let i = 0; i < 4; i++) found.push((await impatient.search(slow)).map((result) => result.is));
    await impatient.close();
    expect(found).toEqual([...Array(3).fill(['too-slow', 'found']), ['given-up', 'found']]);
  });

  it('no longer than its signal allows, and the next one is searched by another thread', async () => {
    const one = new TextSearcher();
    const limit = new AbortController();
    const searching = one.search(text(`${'a'.repeat(60)}b\n`, ['^(a+)+$']), limit.signal);
    setTimeout(() => limit.abort(new Error('the time is up')), 100);
    await expect(searching).rejects.toThrow('the time is up');
    expect(await one.search(text('t=2', ['t=(\\d)']))).toMatchObject([{ captured: ['2'] }]);
    await one.close();
  });

  it('with the other patterns although one is no regular expression', async () => {
    expect(await searcher.search(text('t=1', ['(', 't=(\\d)']))).toMatchObject([
      { is: 'failed', why: expect.stringMatching(/^SyntaxError: Invalid regular expression/) },
      { is: 'found', captured: ['1'] },
    ]);
  });

  it('for the first or the last match alone, however many there are', async () => {
    const content = Buffer.from('t=1\n'.repeat(1_000_001));
    const patterns = (['first', 'last', 'all'] as const).map((keep) => ({ source: 't=(\\d)', keep }));
    expect(await searcher.search({ ...text(content, []), patterns })).toEqual([
      { is: 'found', captured: ['1'], at: [0], places: [0], lines: ['t=1'], matches: 1 },
      { is: 'found', captured: ['1'], at: [0], places: [0], lines: ['t=1'], matches: 1_000_001 },
      { is: 'too-many' },
    ]);
  });

  it('again after the thread was ended', async () => {
    const one = new TextSearcher();
    await one.search(text('t=1', ['t=(\\d)']));
    await one.close();
    expect(await one.search(text('t=2', ['t=(\\d)']))).toMatchObject([{ captured: ['2'] }]);
    await one.close();
  });
});

describe('the value', () => {
  const content = 'step 1: t = 4.0 ms\nstep 2: t = 2.0 ms\nstep 3: t = 3.0 ms\n';
  it.each<[Take, number, string]>([
    ['first', 4, 'step 1: t = 4.0 ms'],
    ['last', 3, 'step 3: t = 3.0 ms'],
    ['min', 2, 'step 2: t = 2.0 ms'],
    ['max', 4, 'step 1: t = 4.0 ms'],
    ['mean', 3, 'step 3: t = 3.0 ms'],
    ['count', 3, 'step 3: t = 3.0 ms'],
  ])('with `take: %s` is %d', async (take, value, line) =>
    expect(await read(content, 't = (.*)', take)).toEqual({
      is: 'value',
      value,
      line,
      matches: take === 'first' ? 1 : 3,
    }),
  );

  it('is in the unit of the metric', async () => {
    expect(await read(content, 't = (.*)', 'last', 'ms')).toMatchObject({ value: 3 });
    expect(await read(content, 't = (.*)', 'last', 's')).toMatchObject({ value: 0.003 });
    expect(await read(content, 't = (\\S+)', 'last', 's')).toMatchObject({ value: 3 });
    expect(await read(content, 't = (.*)', 'last', 'B')).toEqual({
      is: 'unreadable',
      why: "the value is in 'ms', not in 'B'",
      line: 'step 3: t = 3.0 ms',
    });
  });

  it('is missing if nothing matches, but a count is 0', async () => {
    expect(await read(content, 'grind = (.*)', 'last')).toEqual({
      is: 'missing',
      why: 'the pattern matches nothing',
    });
    expect(await read(content, 'ERROR', 'count')).toEqual({ is: 'value', value: 0, line: '', matches: 0 });
  });

  it('that is nan is none, and makes none of a mean', async () => {
    const broken = 't = 1\nt = nan\nt = 2\n';
    expect(await read(broken, 't = (.*)', 'last')).toMatchObject({ value: 2 });
    for (const take of ['min', 'max', 'mean'] as const) {
      expect(await read(broken, 't = (.*)', take)).toEqual({
        is: 'unreadable',
        why: 'the value is nan',
        line: 't = nan',
      });
    }
  });

  it('is none if the pattern is too slow or matches too often', () => {
    expect(readingOf({ take: 'last', unit: '' }, { is: 'too-slow' })).toMatchObject({
      why: 'the pattern took longer than 10 s',
    });
    expect(readingOf({ take: 'count', unit: '' }, { is: 'too-many' })).toMatchObject({ is: 'unreadable' });
    expect(readingOf({ take: 'last', unit: '' }, { is: 'given-up' })).toMatchObject({
      why: 'the pattern took longer than 10 s in each of 3 other files',
    });
    expect(readingOf({ take: 'last', unit: '' }, { is: 'failed', why: 'it took too much memory' })).toMatchObject({
      why: 'the search failed: it took too much memory',
    });
  });

  it('that its line is cut in is none, for it may be half a number', async () => {
    const before = `${' '.repeat(MAX_LINE_BYTES - 7)}t = `;
    expect(await read(`${before}3.14e5\n`, 't = (\\S+)', 'last')).toMatchObject({
      is: 'unreadable',
      why: 'the value may be cut: only 4096 bytes of a line are read',
    });
    expect(await read(`${before}3.1\n`, 't = (\\S+)', 'last')).toMatchObject({ value: 3.1 });
    expect(await read(`${before}7  and more\n`, 't = (\\S+)', 'last')).toMatchObject({ value: 7 });
    expect(await read(`${before}3.14e5\n`, 't = (\\S+)', 'count')).toMatchObject({ value: 1 });
  });

  it('comes with no more of a long line than is around it', async () => {
    const [before, after] = ['b'.repeat(1000), 'a'.repeat(1000)];
    const lineOf = async (line: string) => {
      const reading = await read(`${line}\n`, 't=(\\d)', 'last');
      return reading.is === 'value' ? reading.line : reading;
    };
    expect(await lineOf(`${before}t=1${after}`)).toBe(`...${'b'.repeat(100)}t=1${'a'.repeat(197)}...`);
    expect(await lineOf(`t=1${after}`)).toBe(`t=1${'a'.repeat(297)}...`);
    expect(await lineOf(`${before}t=1`)).toBe(`...${'b'.repeat(297)}t=1`);
  });

  it('in a word that all objects know is in a unit that is not known', async () =>
    expect(await read('t = 5toString\n', 't = (.*)', 'last', 's')).toMatchObject({
      why: "the value is in 'toString', not in 's'",
    }));

  it.each([
    [
      'LULESH 2.0',
      'Grind time (us/z/c)  =  0.51273619 (per dom)  ( 0.51273619 overall)',
      'Grind time \\(us/z/c\\)\\s+=\\s+(\\S+)',
      0.51273619,
    ],
    ['LULESH 2.0', 'FOM                  =   1950.3184 (z/s)', 'FOM\\s+=\\s+(.+)', 1950.3184],
    [
      'AMG2023',
      'Figure of Merit (FOM): nnz_AP / (Setup Phase Time + 3 * Solve Phase Time) 5.379893e+07',
      '\\(FOM\\).*\\s(\\S+)$',
      5.379893e7,
    ],
    [
      'Kripke',
      '  Grind time :       5.473961e-09 [(seconds/iteration)/unknowns]',
      'Grind time :\\s+(\\S+)',
      5.473961e-9,
    ],
  ])('of a line of %s is read', async (_, line, source, value) =>
    expect(await read(`${line}\n`, source, 'last')).toMatchObject({ is: 'value', value, line }),
  );
});
