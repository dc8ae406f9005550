import fc from 'fast-check';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StudyResults } from '../../../src/report/results.js';
import { chromiumPath, startBrowser } from '../../support/browser.js';
import { hostileText } from '../../support/hostile.js';
import { checkedByAxe, openReport } from '../../support/report-page.js';
import { ran, resultsOf, type Told } from '../../support/results.js';

if (chromiumPath === undefined) console.warn('There is no Chromium here: report.html is NOT tried in a browser');

/** A sweep over two parameters, of which a tenth fails. */
function sweep(sizes: number, seeds: number): StudyResults {
  const runs: Told[] = Array.from({ length: sizes * seeds }, (_, i) => {
    const [size, seed] = [1 << Math.floor(i / seeds), i % seeds];
    const hasFailed = i % 10 === 9;
    const name = `run_SIZE.${size}.SEED.${seed}`;
    return {
      name,
      step: 'run',
      after: ['make'],
      params: { SIZE: String(size), SEED: `s${seed}` },
      says: hasFailed ? `no solution for ${size}` : '',
      outputs: { stdout: `${name}.out`, stderr: `${name}.err` },
      record: ran(1000 * (i + 1), hasFailed ? { state: 'FAILED', reason: 'exit 3', exitCode: 3 } : {}),
    };
  });
  const names = runs.map(({ name }) => name);
  return resultsOf(
    [
      { name: 'make', record: ran(900) },
      ...runs,
      { name: 'collect', after: names, record: { state: 'FAILED', reason: `dependency ${names[9]} failed`, ended: 1 } },
    ],
    { status: 'FAILURE' },
  );
}

describe.skipIf(chromiumPath === undefined)('report.html in a browser', { timeout: 180_000 }, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startBrowser();
  }, 180_000);
  afterAll(() => browser?.close());

  // Playwright's waitForFunction has the page itself evaluate a text, which its policy forbids: hence `expect.poll`.
  const generous = { timeout: 60_000 };

  const open = (results: StudyResults, options?: BrowserContextOptions) => openReport(browser, results, options);

  const rows = (page: Page) => page.locator('#table tbody tr:not(.more)');
  const filters = (page: Page) => page.locator('#filters');
  const names = (page: Page) => page.locator('#table tbody th').allInnerTexts();
  const column = (page: Page, index: number) =>
    page.locator(`#table tbody tr:not(.more) > :nth-child(${index})`).allInnerTexts();

  it('shows every instance, a page at a time', async () => {
    const page = await open(sweep(13, 10));
    expect(await rows(page).count()).toBe(100);
    expect(await page.getByRole('status').innerText()).toBe('Steps 1 to 100 of 132');
    await page.getByRole('button', { name: 'Next' }).click();
    expect(await rows(page).count()).toBe(32);
    expect(await page.getByRole('status').innerText()).toBe('Steps 101 to 132 of 132');
    expect(await page.getByRole('button', { name: 'Last' }).isDisabled()).toBe(true);
    await page.getByRole('button', { name: 'First' }).click();
    // What failed is on the first page.
    expect((await names(page)).slice(0, 14)).toEqual([
      ...Array.from({ length: 13 }, (_, i) => `run_SIZE.${1 << i}.SEED.9`),
      'collect',
    ]);
    expect((await names(page))[14]).toBe('make');
  });

  it('filters by state, by step, by parameters and by text, each on top of the others', async () => {
    const page = await open(sweep(4, 10));
    const count = () => rows(page).count();
    await filters(page).getByLabel('State').selectOption({ label: 'FAILED (4)' });
    expect(await count()).toBe(4);
    await filters(page).getByLabel('Step', { exact: true }).selectOption({ label: 'run (40)' });
    expect(await count()).toBe(4);
    await filters(page).getByLabel('SIZE').selectOption({ label: '4 (10)' });
    expect(await names(page)).toEqual(['run_SIZE.4.SEED.9']);
    await filters(page).getByLabel('SEED').selectOption({ label: 's3 (4)' });
    expect(await count()).toBe(0);
    expect(await page.getByRole('status').innerText()).toBe('No step matches; 42 in all');
    await page.getByRole('button', { name: 'Clear' }).click();
    await expect.poll(count, generous).toBe(42);
    await filters(page).getByLabel('Text').fill('SEED.9 FAILED');
    expect(await names(page)).toEqual(['collect']);
  });

  it('sorts by each column, numbers as numbers, and what has none last', async () => {
    const page = await open(sweep(5, 3));
    const heading = (name: string) => page.locator('#table').getByRole('columnheader', { name });
    const sort = (name: string) => heading(name).getByRole('button').click();
    await sort('SIZE');
    expect(await heading('SIZE').getAttribute('aria-sort')).toBe('ascending');
    const sizes = ['1', '2', '4', '8', '16'].flatMap((size) => [size, size, size]);
    // The columns are Step, State, SEED, SIZE.
    expect(await column(page, 4)).toEqual([...sizes, '', '']);
    await sort('SIZE');
    expect(await heading('SIZE').getAttribute('aria-sort')).toBe('descending');
    expect(await column(page, 4)).toEqual([...sizes.reverse(), '', '']);
    await sort('SIZE');
    expect(await heading('SIZE').getAttribute('aria-sort')).toBe('none');
    expect((await names(page))[0]).toBe('make');
    await sort('State');
    expect((await column(page, 2)).slice(0, 3)).toEqual(['FAILED', 'SKIPPED', 'FINISHED']);
  });

  it('chooses a step by the graph, and goes from a row to what it said last', async () => {
    const page = await open(sweep(4, 10));
    await page.getByRole('link', { name: 'run: 36 FINISHED, 4 FAILED' }).click();
    expect(await rows(page).count()).toBe(40);
    await page.getByRole('button', { name: 'run_SIZE.1.SEED.9' }).click();
    const more = page.locator('tr.more:not([hidden])');
    expect(await more.innerText()).toContain('run_SIZE.1.SEED.9.err');
    await more.getByRole('link').click();
    const said = page.getByText('no solution for 1', { exact: true });
    await expect.poll(() => said.isVisible(), generous).toBe(true);
  });

  it('is used with the keyboard alone', async () => {
    const page = await open(sweep(2, 5));
    const focused = () => page.evaluate<string>('document.activeElement.textContent || document.activeElement.id');
    await page.keyboard.press('Tab');
    expect(await focused()).toBe('Skip to the results');
    await page.keyboard.press('Enter');
    await expect.poll(() => page.evaluate('document.activeElement.id'), generous).toBe('main');
    for (let i = 0; i < 60 && (await focused()) !== 'State'; i++) await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    expect(await page.getByRole('columnheader', { name: 'State' }).getAttribute('aria-sort')).toBe('ascending');
    for (let i = 0; i < 60 && (await focused()) !== 'run_SIZE.2.SEED.4'; i++) await page.keyboard.press('Tab');
    await page.keyboard.press('Space');
    expect(await page.getByRole('button', { expanded: true }).innerText()).toBe('run_SIZE.2.SEED.4');
    // Where the focus is, is seen.
    expect(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle')).toBe('solid');
  });

  for (const colorScheme of ['light', 'dark'] as const) {
    it(`has nothing in its ${colorScheme} colours that is hard to read or that a screen reader does not get`, async () => {
      const page = await open(sweep(12, 10), { colorScheme });
      await page.locator('#table tbody button').nth(10).click();
      await page.locator('summary').nth(1).click();
      const { violations, passes } = await checkedByAxe(page);
      expect(violations).toEqual([]);
      expect(passes).toEqual(expect.arrayContaining(['color-contrast', 'label', 'region']));
      const back = await page.evaluate('getComputedStyle(document.body).backgroundColor');
      expect(back).toBe(colorScheme === 'light' ? 'rgb(255, 255, 255)' : 'rgb(15, 19, 24)');
    });
  }

  it('is no wider than a telephone', async () => {
    const page = await open(sweep(4, 10), { viewport: { width: 360, height: 700 } });
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
  });

  it('says the outcome and the failures where scripts do not run', async () => {
    const page = await open(sweep(1, 10), { javaScriptEnabled: false });
    expect(await page.getByRole('heading', { level: 1 }).innerText()).toContain('FAILURE');
    expect(await page.getByText('no solution for 1', { exact: true }).isVisible()).toBe(true);
    expect(await page.getByText('The table of all steps is made by a script').isVisible()).toBe(true);
    expect(await page.locator('#table-part').isVisible()).toBe(false);
  });

  it('runs nothing that names and outputs hold, and shows them as they are', async () => {
    const attacks = [
      '</script><script>window.taken = 1</script>',
      '<img src=x onerror="window.taken = 1">',
      '"><svg onload="window.taken = 1">',
      "' onfocus=window.taken=1 autofocus '",
      '</title></style></pre><script>window.taken = 1</script>',
      '<!--<script>',
      '\u202eright to left\u0000\u001b[31m',
    ];
    const [more] = fc.sample(
      hostileText.map((text) => `a${text}`),
      { numRuns: 1, seed: 7 },
    );
    const steps = [...attacks, more!].map(
      (text): Told => ({
        name: text,
        step: text,
        params: { [text]: text },
        says: text,
        outputs: { stdout: text, stderr: text },
        record: ran(5, { state: 'FAILED', reason: text }),
      }),
    );
    const page = await open(
      resultsOf(steps, {
        status: 'FAILURE',
        name: attacks[0]!,
        path: attacks[1]!,
        spec: attacks[2]!,
        description: attacks[4]!,
      }),
    );
    expect(await names(page)).toEqual(expect.arrayContaining(attacks.slice(0, 6)));
    for (const button of await page.locator('#table tbody th button').all()) await button.click();
    for (const summary of await page.locator('summary').all()) await summary.click();
    expect(await page.locator('script').count()).toBe(2);
    expect(await page.locator('img').count()).toBe(0);
    expect(await page.evaluate('"taken" in window')).toBe(false);
    expect(await page.locator('body').innerText()).toContain('\ufffdright to left␀');
  });

  it('shows 10,000 steps within a second, and does not make all of them at once', async () => {
    const page = await open(sweep(20, 500));
    const firstPaint = 'performance.getEntriesByName("first-contentful-paint")[0]?.startTime';
    // On a machine that has other things to do the first try may be late.
    let paint = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 10 && paint > 1000; i++) {
      if (i > 0) await page.reload();
      await expect.poll(() => page.evaluate(`${firstPaint} !== undefined`), generous).toBe(true);
      paint = await page.evaluate<number>(firstPaint);
    }
    expect(paint).toBeLessThanOrEqual(1000);
    expect(await page.evaluate('document.querySelectorAll("*").length')).toBeLessThan(10_000);
    expect(await page.getByRole('status').innerText()).toBe('Steps 1 to 100 of 10,002');
    await filters(page).getByLabel('Text').fill('SEED.499');
    expect(await page.getByRole('status').innerText()).toBe('Steps 1 to 20 of 20 that match; 10,002 in all');
  });
});
