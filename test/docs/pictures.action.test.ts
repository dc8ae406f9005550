import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chromiumPath, startBrowser } from '../support/browser.js';
import { root } from '../support/markdown.js';
import { nightlyResults } from '../support/nightly-results.js';
import { openReport } from '../support/report-page.js';

if (chromiumPath === undefined) console.warn('There is no Chromium here: the pictures of report.html are NOT compared');

/** Width and height, which are in the first chunk of a PNG. */
function sizeOf(png: Buffer): readonly [width: number, height: number] {
  expect(png.subarray(0, 8).toString('latin1')).toBe('\x89PNG\r\n\x1a\n');
  return [png.readUInt32BE(16), png.readUInt32BE(20)];
}

/** Pictures of docs/, by the sections of the page that they show. */
const pictures = [
  ['grid', 'section[aria-labelledby="grid"]'],
  ['metrics', 'section[aria-labelledby="metrics"]'],
] as const;

/** `UPDATE_PICTURES=1` makes them anew. Fonts differ between machines, so only their sizes are compared. */
const isUpdate = process.env.UPDATE_PICTURES === '1';

describe.skipIf(chromiumPath === undefined)('the pictures of report.html in docs/', { timeout: 180_000 }, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startBrowser();
  }, 180_000);
  afterAll(() => browser?.close());

  it.each(
    pictures.flatMap(([name, selector]) => (['light', 'dark'] as const).map((scheme) => [name, scheme, selector])),
  )('are small, and show the page as it is: %s, %s', async (name, scheme, selector) => {
    const colorScheme = scheme as 'light' | 'dark';
    const page = await openReport(browser, nightlyResults(), { colorScheme, viewport: { width: 900, height: 700 } });
    const control = page.locator('#axes').getByLabel('Colours');
    if (name === 'grid') await control.selectOption({ label: 'grind-time' });
    const drawn = await page.locator(selector).screenshot();
    const file = path.join(root, `docs/${name}-${scheme}.png`);
    if (isUpdate) writeFileSync(file, drawn);
    const kept = readFileSync(file);
    expect(kept.length).toBeLessThan(120_000);
    const [[width, height], [keptWidth, keptHeight]] = [sizeOf(drawn), sizeOf(kept)];
    expect(keptWidth).toBe(width);
    expect(Math.abs(keptHeight / height - 1)).toBeLessThan(0.15);
  });
});
