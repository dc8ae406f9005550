import { createHash } from 'node:crypto';
import { programs } from '../../generated/programs.js';
import type { Comparison } from '../comparison.js';
import type { StudyResults } from '../results.js';
import { pageData } from './data.js';
import { graphSection } from './graph.js';
import { counted, Html, html, jsonInHtml, nothing } from './html.js';
import { comparisonSection, failuresSection, header, shownFailures } from './sections.js';
import { timelineSection } from './timeline.js';

const pageScript = programs['report/html/page.js'];
const pageStyle = programs['report/html/page.css'] + programs['report/html/table.css'];

export interface ReportExtras {
  /** What is new since the baseline, if there is one. */
  readonly comparison?: Comparison | undefined;
  /** Where the workflow run is. */
  readonly runUrl?: string | undefined;
}

/**
 * The text of report.html: one page that needs nothing else. Everything but the table of steps is there without scripts. Its
 * policy lets nothing in but its own script and style, so that not even a mistake here would run what a study wrote.
 */
export function reportHtml(results: StudyResults, extras: ReportExtras = {}): string {
  const failures = shownFailures(results);
  const sections: (readonly [id: string, title: string, section: Html])[] = [
    ['failures', 'Failures', failuresSection(results, failures)],
    ['comparison', 'Since the baseline', comparisonSection(extras.comparison)],
    ['graph', 'Step graph', graphSection(results)],
    ['timeline', 'Timeline', timelineSection(results)],
    ['steps', 'Steps', stepsSection(results)],
  ];
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
<title>${results.status}: ${results.name}</title>
<style>${new Html(pageStyle)}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the results</a>
<div class="page">
${header(results, extras.runUrl)}
<nav aria-label="On this page"><ul>${there.map(([id, title]) => html`<li><a href="#${id}">${title}</a></li>`)}</ul></nav>
<main id="main" tabindex="-1">
${there.map(([, , section]) => html`${section}\n`)}</main>
</div>
<script type="application/json" id="data">${new Html(jsonInHtml(pageData(results, new Set(failures))))}</script>
<script>${new Html(pageScript)}</script>
</body>
</html>
`.text;
}

/** The frame of the table, which the script fills. */
function stepsSection({ steps }: StudyResults): Html {
  if (steps.length === 0) return nothing;
  return html`<section aria-labelledby="steps">
<h2 id="steps" tabindex="-1">Steps <span class="number">${counted(steps.length)}</span></h2>
<p class="note unscripted">The table of all steps is made by a script, which does not run here. All that it shows is in report.json.</p>
<div class="script-only" id="table-part">
<form id="filters" role="search" aria-label="Steps"></form>
<p id="shown" class="note" role="status"></p>
<div class="scroll" role="region" aria-label="Table of steps" tabindex="0"><table id="table"><thead></thead><tbody></tbody></table></div>
<nav id="pages" aria-label="Pages of the table"></nav>
</div>
</section>`;
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}
