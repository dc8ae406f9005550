import { createHash } from 'node:crypto';
import { programs } from '../../generated/programs.js';
import { counted, Html, html, jsonInHtml, nothing } from './html.js';

const pageScript = (['common', 'page', 'cells'] as const).map((name) => programs[`report/html/${name}.js`]).join('');
const pageStyle = (['page', 'table', 'plots'] as const).map((name) => programs[`report/html/${name}.css`]).join('');

/** What is on a page. */
export interface Page {
  readonly title: string;
  readonly header: Html;
  /** In their order; empty ones are left out. Each has a heading with its id. */
  readonly sections: readonly (readonly [id: string, title: string, section: Html])[];
  /** What the page's script makes its table of. */
  readonly data: unknown;
}

/**
 * The text of one page that needs nothing else. Everything but its table is there without scripts. Its
 * policy lets nothing in but its own script and style, so that not even a mistake here would run what a study wrote.
 */
export function page({ title, header, sections, data }: Page): string {
  const there = sections.filter(([, , section]) => section.text !== '');
  const policy = [
    "default-src 'none'",
    `script-src '${hashOf(pageScript)}'`,
    `style-src '${hashOf(pageStyle)}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  return html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${new Html(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${new Html(pageStyle)}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the results</a>
<div class="page">
${header}
<nav aria-label="On this page"><ul>${there.map(([id, title]) => html`<li><a href="#${id}">${title}</a></li>`)}</ul></nav>
<main id="main" tabindex="-1">
${there.map(([, , section]) => html`${section}\n`)}</main>
</div>
<script type="application/json" id="data">${new Html(jsonInHtml(data))}</script>
<script>${new Html(pageScript)}</script>
</body>
</html>
`.text;
}

/**
 * The frame of the table of steps, which the script fills.
 *
 * @param style the class of a table that is not the usual one
 */
export function tableSection(count: number, style = ''): Html {
  if (count === 0) return nothing;
  return html`<section aria-labelledby="steps">
<h2 id="steps" tabindex="-1">Steps <span class="number">${counted(count)}</span></h2>
<p class="note unscripted">The table of all steps is made by a script, which does not run here. All that it shows is in report.json.</p>
<div class="script-only" id="table-part">
<form id="filters" role="search" aria-label="Steps"></form>
<p id="shown" class="note" role="status"></p>
<div class="scroll" role="region" aria-label="Table of steps" tabindex="0"><table id="table"${style === '' ? nothing : html` class="${style}"`}><thead></thead><tbody></tbody></table></div>
<nav id="pages" aria-label="Pages of the table"></nav>
</div>
</section>`;
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}
