import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { AxeResults } from 'axe-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { expect, onTestFinished } from 'vitest';
import { reportHtml } from '../../src/report/html/report-html.js';
import type { StudyResults } from '../../src/report/results.js';
import { temporaryDirectory } from './temporary.js';

const axe = (createRequire(import.meta.url)('axe-core') as { source: string }).source;

/** The report.html of results. That the browser has nothing to complain of, and asks for nothing else, is seen to at the end. */
export async function openReport(
  browser: Browser,
  results: StudyResults,
  options: BrowserContextOptions = {},
): Promise<Page> {
  const file = path.join(temporaryDirectory(), 'report.html');
  writeFileSync(file, reportHtml(results));
  const url = pathToFileURL(file).href;
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => {
    if (request.url() !== url) complaints.push(`a request for ${request.url()}`);
  });
  await page.goto(url);
  onTestFinished(async () => {
    await context.close();
    expect(complaints).toEqual([]);
  });
  return page;
}

/** What axe finds wrong on a page: each rule with the element; and the rules that hold. */
export async function checkedByAxe(page: Page): Promise<{ violations: string[]; passes: string[] }> {
  await page.evaluate(axe);
  const { violations, passes } = await page.evaluate<AxeResults>('axe.run()');
  return {
    violations: violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`)),
    passes: passes.map(({ id }) => id),
  };
}
