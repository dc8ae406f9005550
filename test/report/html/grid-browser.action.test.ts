import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StudyResults } from '../../../src/report/results.js';
import { chromiumPath, startBrowser } from '../../support/browser.js';
import { nightlyResults } from '../../support/nightly-results.js';
import { checkedByAxe, openReport } from '../../support/report-page.js';
import { ran, resultsOf, type Told } from '../../support/results.js';

if (chromiumPath === undefined) console.warn('There is no Chromium here: the grid of report.html is NOT tried');

/** Instances for each pair of two values, each tenth of which fails. */
function sweep(sizes: number, seeds: number): StudyResults {
  const instances = Array.from({ length: sizes * seeds }, (_, i): Told => {
    const [size, seed] = [Math.floor(i / seeds), i % seeds];
    const params = { SIZE: String(size), SEED: `s${seed}` };
    const record = ran(1000 * (i + 1), i % 10 === 9 ? { state: 'FAILED', reason: 'exit 3' } : {});
    return { name: `run_SIZE.${size}.SEED.${seed}`, step: 'run', params, record };
  });
  return resultsOf(instances, { status: 'FAILURE' });
}

describe.skipIf(chromiumPath === undefined)('the grid of report.html in a browser', { timeout: 180_000 }, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startBrowser();
  }, 180_000);
  afterAll(() => browser?.close());

  const open = (results: StudyResults, options?: BrowserContextOptions) => openReport(browser, results, options);
  const grid = (page: Page) => page.locator('#grid-part');
  const cells = (page: Page) => grid(page).locator('td a');
  const cell = (page: Page, name: string) => grid(page).getByRole('link', { name });
  const note = (page: Page) => page.locator('#grid-note').innerText();
  const choose = (page: Page, axis: string, label: string) =>
    grid(page).getByLabel(axis, { exact: true }).selectOption({ label });
  const focused = (page: Page) => page.evaluate<string>('document.activeElement.getAttribute("aria-label")');

  it('has a cell for each pair of values, with its state as text and as a name', async () => {
    const page = await open(nightlyResults());
    expect(await cells(page).count()).toBe(90);
    expect(await note(page)).toContain('90 instances in 90 cells');
    expect(await page.locator('#grid-table caption').innerText()).toBe('State by SIZE (down) and TRIAL (across)');
    expect(await cell(page, 'SIZE 70, TRIAL 7: FAILED').innerText()).toBe('✗');
    expect(await cell(page, 'SIZE 70, TRIAL 6: FINISHED').innerText()).toBe('✓');
    expect(await page.locator('#legend').innerText()).toMatch(/✗\s*9 FAILED\s+✓\s*81 FINISHED/);
  });

  it('shows run times and metrics, and which are worse than allowed', async () => {
    const page = await open(nightlyResults());
    await choose(page, 'Colours', 'run time');
    expect(await cell(page, 'SIZE 10, TRIAL 0: ').getAttribute('aria-label')).toMatch(/: \d+s; FINISHED$/);
    await choose(page, 'Colours', 'grind-time');
    const worse = cell(page, 'SIZE 40, TRIAL 3: ');
    expect(await worse.getAttribute('aria-label')).toMatch(/: 3\.3\d* ns\/zone, worse than allowed; FINISHED$/);
    expect(await worse.innerText()).toMatch(/^3\.3\d* !$/);
    expect(await cell(page, 'SIZE 70, TRIAL 7: no grind-time; FAILED').innerText()).toBe('✗');
    expect(await page.locator('#legend').innerText()).toContain('worse than allowed');
  });

  it('has the worst of several instances in a cell, and how many they are', async () => {
    const page = await open(nightlyResults());
    await choose(page, 'Rows', 'one row');
    expect(await cells(page).count()).toBe(10);
    expect(await cell(page, 'TRIAL 7: 3 of 9 FAILED').innerText()).toBe('✗ 3/9');
    expect(await cell(page, 'TRIAL 0: 9 of 9 FINISHED').innerText()).toBe('✓ 9');
    await choose(page, 'Colours', 'grind-time');
    expect(await cell(page, 'TRIAL 3: worst of 9: ').innerText()).toMatch(/ !$/);
  });

  it('swaps the axes if the same parameter is chosen for both', async () => {
    const page = await open(nightlyResults());
    await choose(page, 'Rows', 'TRIAL');
    expect(await page.locator('#grid-table caption').innerText()).toBe('State by TRIAL (down) and SIZE (across)');
    await choose(page, 'Columns', 'TRIAL');
    expect(await page.locator('#grid-table caption').innerText()).toBe('State by SIZE (down) and TRIAL (across)');
  });

  it('has one row where there is one parameter', async () => {
    const steps = ['1', '2', '3'].map(
      (value): Told => ({ name: `run_A.${value}`, params: { A: value }, record: ran(1) }),
    );
    const page = await open(resultsOf(steps));
    expect(await cells(page).count()).toBe(3);
    expect(await page.locator('#grid-table tbody tr').count()).toBe(1);
    await choose(page, 'Rows', 'A');
    expect(await grid(page).getByLabel('Rows').inputValue()).toBe('');
    expect(await cells(page).count()).toBe(3);
  });

  it('leads from a cell to the row of its step, and from several instances to their rows', async () => {
    const page = await open(nightlyResults());
    await cell(page, 'SIZE 70, TRIAL 7: FAILED').click();
    expect(await page.evaluate('document.activeElement.textContent')).toBe('run_SIZE.70.TRIAL.7');
    expect(await page.getByRole('button', { expanded: true }).innerText()).toBe('run_SIZE.70.TRIAL.7');
    expect(await page.locator('#filters').getByLabel('Chosen in the grid').inputValue()).toBe('SIZE 70, TRIAL 7');
    await page.getByRole('button', { name: 'Clear' }).click();
    await expect.poll(() => page.getByRole('status').innerText()).toBe('Steps 1 to 91 of 91');
    expect(await page.locator('#filters').getByLabel('Chosen in the grid').isVisible()).toBe(false);
    await choose(page, 'Rows', 'one row');
    await cell(page, 'TRIAL 7: ').click();
    expect(await page.getByRole('status').innerText()).toBe('Steps 1 to 9 of 9 that match; 91 in all');
  });

  it('is used with the keyboard alone', async () => {
    const page = await open(nightlyResults());
    const visible = page.locator('#axes select:visible');
    await visible.last().focus();
    for (let i = 0; i < 5 && !(await focused(page))?.startsWith('SIZE'); i++) await page.keyboard.press('Tab');
    const visited: (string | null)[] = [await focused(page)];
    for (const key of [
      'ArrowRight',
      'ArrowDown',
      'ArrowLeft',
      'ArrowLeft',
      'End',
      'Home',
      'Control+End',
      'ArrowDown',
    ]) {
      await page.keyboard.press(key);
      visited.push(await focused(page));
    }
    expect(visited).toEqual([
      'SIZE 10, TRIAL 0: FINISHED',
      'SIZE 10, TRIAL 1: FINISHED',
      'SIZE 20, TRIAL 1: FINISHED',
      'SIZE 20, TRIAL 0: FINISHED',
      'SIZE 20, TRIAL 0: FINISHED',
      'SIZE 20, TRIAL 9: FINISHED',
      'SIZE 20, TRIAL 0: FINISHED',
      'SIZE 90, TRIAL 9: FAILED',
      'SIZE 90, TRIAL 9: FAILED',
    ]);
    expect(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle')).toBe('solid');
    // One cell is a stop of the tab key: the one that was left.
    await page.keyboard.press('Tab');
    await page.keyboard.press('Shift+Tab');
    expect(await focused(page)).toBe('SIZE 90, TRIAL 9: FAILED');
    await page.keyboard.press('Enter');
    expect(await page.evaluate('document.activeElement.textContent')).toBe('run_SIZE.90.TRIAL.9');
  });

  for (const colorScheme of ['light', 'dark'] as const) {
    it(`has nothing in its ${colorScheme} colours, nor has a plot, that axe finds fault with`, async () => {
      const page = await open(nightlyResults(), { colorScheme });
      for (const colours of ['state', 'run time', 'grind-time']) {
        await choose(page, 'Colours', colours);
        const { violations, passes } = await checkedByAxe(page);
        expect(violations, colours).toEqual([]);
        expect(passes).toEqual(expect.arrayContaining(['color-contrast', 'svg-img-alt', 'aria-required-children']));
      }
    });
  }

  it('is no wider than a telephone, plots and all', async () => {
    const page = await open(nightlyResults(), { viewport: { width: 360, height: 700 } });
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
    expect(await page.locator('.plots svg').first().boundingBox()).toMatchObject({ width: 330 });
  });

  it('shows 10,000 steps in a few thousand elements, several values together, within the time of a glance', async () => {
    const page = await open(sweep(20, 500));
    expect(await note(page)).toBe(
      '10,000 instances in 1,000 cells, each as its worst. 10 values of SEED are together. Arrow keys move from cell to cell; Enter shows the steps of a cell in the table below.',
    );
    expect(await cell(page, 'SIZE 0, SEED s0 to s9: 1 of 10 FAILED').innerText()).toBe('✗ 1/10');
    expect(await page.evaluate('document.querySelectorAll("*").length')).toBeLessThan(10_000);
    await choose(page, 'Colours', 'run time');
    expect(await cell(page, 'SIZE 0, SEED s0 to s9: longest of 10: 10s; 1 of 10 FAILED').count()).toBe(1);
    await cell(page, 'SIZE 19, SEED s490 to s499: ').click();
    expect(await page.getByRole('status').innerText()).toBe('Steps 1 to 10 of 10 that match; 10,000 in all');
  });

  it('says where scripts do not run that it is made by one, and shows the plots', async () => {
    const page = await open(nightlyResults(), { javaScriptEnabled: false });
    expect(await page.getByText('The grid of outcomes is made by a script').isVisible()).toBe(true);
    expect(await page.locator('#grid-part').isVisible()).toBe(false);
    expect(await page.locator('.plots svg').first().isVisible()).toBe(true);
  });
});
