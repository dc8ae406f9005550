import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { AxeResults } from 'axe-core';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { merge } from '../../../src/report/merge/merge.js';
import { mergedHtml } from '../../../src/report/merge/merged-html.js';
import { chromiumPath, startBrowser } from '../../support/browser.js';
import { ran, resultsOf, type Told } from '../../support/results.js';
import { temporaryDirectory } from '../../support/temporary.js';

if (chromiumPath === undefined)
  console.warn('There is no Chromium here: the merged report.html is NOT tried in a browser');

const axe = (createRequire(import.meta.url)('axe-core') as { source: string }).source;
const hostile = '<img src=x onerror=alert(1)>';

/** A machine on which one instance in forty fails. */
function leg(instances: number, machine: number) {
  const steps = Array.from({ length: instances }, (_, i): Told => {
    const name = `run_SIZE.${i}`;
    const outputs = { stdout: `${name}.out`, stderr: `${name}.err` };
    const isBad = (i + machine) % 40 === 0;
    const record = ran(1000 * (i + 1), isBad ? { state: 'FAILED', reason: `exit ${machine}` } : {});
    return { name, step: 'run', params: { SIZE: String(i) }, outputs, record, says: isBad ? hostile : '' };
  });
  return resultsOf(steps, { status: 'FAILURE' });
}

describe.skipIf(chromiumPath === undefined)('the merged report.html in a browser', { timeout: 180_000 }, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startBrowser();
  }, 180_000);
  afterAll(() => browser?.close());

  async function open(machines: number, instances: number, options: object = {}) {
    const legs = Array.from({ length: machines }, (_, i) => [`machine-${i}`, leg(instances, i)] as const);
    const merged = merge(new Map([...legs, [hostile, leg(instances, 0)]]), ['absent']);
    const file = path.join(temporaryDirectory(), 'report.html');
    writeFileSync(file, mergedHtml(merged, { runUrl: undefined }));
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    await page.goto(pathToFileURL(file).href);
    return { page, complaints };
  }

  it.each(['light', 'dark'] as const)('breaks no rule of accessibility (%s)', async (colorScheme) => {
    const { page } = await open(2, 12, { colorScheme, bypassCSP: true });
    await page.addScriptTag({ content: axe });
    const { violations } = await page.evaluate<AxeResults>('axe.run()');
    expect(violations.map(({ id, nodes }) => [id, nodes[0]?.html])).toEqual([]);
  });

  it('shows 500 steps on 30 machines: those that failed first, found by state and machine, with the way to their stderr', async () => {
    const { page, complaints } = await open(30, 500);
    const rows = page.locator('#table tbody tr:not(.more)');
    await expect.poll(() => rows.count()).toBe(100);
    expect(await page.locator('#table tbody tr:not(.more)').nth(99).locator('td').allInnerTexts()).toContainEqual(
      expect.stringContaining('FAILED'),
    );
    await page.getByLabel('Machine', { exact: true }).selectOption({ label: 'machine-7 (500)' });
    await page.getByLabel('State', { exact: true }).selectOption({ index: 1 });
    await expect.poll(() => rows.count()).toBe(12);
    await rows.first().locator('th button').click();
    const link = page.locator('tr.more dd', { hasText: 'exit 7' }).locator('a').first();
    await link.click();
    const failure = page.locator('details[open]', { hasText: 'exit 7' }).first();
    expect(await failure.locator('pre').innerText()).toBe(hostile);
    expect(await page.locator('img').count()).toBe(0);
    expect(complaints).toEqual([]);
  });
});
