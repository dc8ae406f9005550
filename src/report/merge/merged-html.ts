import { shownState } from '../../study/state.js';
import { shortDuration, someOf } from '../../util/format.js';
import { printable } from '../../util/log/plain-text.js';
import { countsText, failuresOf } from '../attention.js';
import { stateOrder } from '../html/data.js';
import { page, tableSection } from '../html/frame.js';
import { counted, type Html, html, nothing } from '../html/html.js';
import { movedMetrics } from '../html/moved.js';
import { factList, failureDetails, runFact, shareBar, statusTones } from '../html/sections.js';
import { toneOf } from '../html/states.js';
import { reasonOf, type StepResult } from '../results.js';
import { runTime } from '../run-time.js';
import {
  emptinessOf,
  type Leg,
  legStatus,
  legsText,
  type MergedResults,
  mergedWarnings,
  rowRank,
  shownStatus,
} from './merge.js';

/** How many failures of a machine are shown. */
const mostFailures = 50;

export interface MergedExtras {
  /** Where the workflow run is. */
  readonly runUrl: string | undefined;
}

/** The text of the report.html of a merged result: the machines, the grid of steps and machines, and each machine's failures. */
export function mergedHtml(merged: MergedResults, { runUrl }: MergedExtras): string {
  const { status, studies, legs, rows } = merged;
  const name = someOf(studies, 3) || 'No study';
  return page({
    title: `${shownStatus(status)}: ${name}`,
    header: html`<header>
<p class="kind">Study on several machines</p>
<h1><bdi>${name}</bdi> <span class="outcome tone-${statusTones[status]}">${shownStatus(status)}</span></h1>
<p class="counts"><span>${legsText(merged)}</span></p>
${warnings(merged)}
${runUrl === undefined ? nothing : html`<dl class="facts">${runFact(runUrl)}</dl>`}
</header>`,
    sections: [
      ['machines', 'Machines', machinesSection(legs)],
      ['steps', 'Steps', tableSection(rows.length, 'grid-of-machines')],
      ['failures', 'Failures', failuresSection(legs)],
      ['metrics', 'Metrics', metricsSection(legs)],
    ],
    data: gridData(merged),
  });
}

function warnings(merged: MergedResults): Html {
  const empty = emptinessOf(merged);
  const lines = [...(empty === '' ? [] : [`It is no success that ${empty}`]), ...mergedWarnings(merged)];
  if (lines.length === 0) return nothing;
  return html`${lines.map((line) => html`<p class="interruption">${line}.</p>\n`)}`;
}

/** A table of the machines: it is there without scripts, and leads to what failed on them. */
function machinesSection(legs: readonly Leg[]): Html {
  return html`<section aria-labelledby="machines">
<h2 id="machines" tabindex="-1">Machines <span class="number">${counted(legs.length)}</span></h2>
<div class="scroll" role="region" aria-label="Table of machines" tabindex="0"><table class="machines">
<thead><tr><th scope="col">Machine</th><th scope="col">Status</th><th scope="col">Steps</th><th scope="col" class="digits">Time</th><th scope="col">Study</th></tr></thead>
<tbody>${legs.map(machineRow)}</tbody>
</table></div>
</section>`;
}

function machineRow(leg: Leg, index: number): Html {
  const { name, results } = leg;
  const status = legStatus(leg);
  const shown = html`<span class="tone-${statusTones[status]}"><span class="dot fill-${statusTones[status]}"></span>${shownStatus(status)}</span>`;
  const title = html`<th scope="row"><bdi class="name">${name}</bdi></th>`;
  if (results === undefined) return html`<tr>${title}<td>${shown}</td><td></td><td></td><td></td></tr>\n`;
  const failed = failuresOf(results.steps).length > 0;
  const { causeLine } = results;
  return html`<tr id="machine-${index}">${title}<td>${shown}</td><td>${failed ? html`<a href="#failures-${index}">${countsText(results.steps)}</a>` : html`${countsText(results.steps)}`}${shareBar(results.steps)}${causeLine === '' ? nothing : html`<p class="cause">${causeLine}</p>`}</td><td class="digits">${shortDuration(results.ended - results.started)}</td><td><details><summary>${results.interruption === '' ? 'Where it is' : `It stopped before its end: ${results.interruption}`}</summary>${factList(results)}</details></td></tr>
`;
}

function failuresSection(legs: readonly Leg[]): Html {
  const failing = legs.flatMap(({ name, results }, index) => {
    const failures = failuresOf(results?.steps ?? []);
    return failures.length === 0 ? [] : [{ name, spec: results!.spec, index, failures }];
  });
  if (failing.length === 0) return nothing;
  const all = failing.reduce((sum, { failures }) => sum + failures.length, 0);
  return html`<section aria-labelledby="failures">
<h2 id="failures" tabindex="-1">Failures <span class="number">${counted(all)}</span></h2>
${failing.map(
  ({
    name,
    spec,
    index,
    failures,
  }) => html`<h3 id="failures-${index}" tabindex="-1"><bdi>${name}</bdi> <span class="number">${counted(failures.length)}</span></h3>
<div>${failures.slice(0, mostFailures).map((result) => failureDetails(result, spec, failureId(index, result), all <= 3))}</div>
${failures.length <= mostFailures ? nothing : html`<p class="note">And ${counted(failures.length - mostFailures)} more: the report of this machine has them all.</p>`}`,
)}
</section>`;
}

/** The metrics of which there is something to say, for each machine. */
function metricsSection(legs: readonly Leg[]): Html {
  const lists = legs.map(({ name, results }) => movedMetrics(name, results?.metrics ?? []));
  if (lists.every(({ text }) => text === '')) return nothing;
  return html`<section aria-labelledby="metrics">
<h2 id="metrics" tabindex="-1">Metrics</h2>
${lists}
</section>`;
}

const failureId = (leg: number, { step }: StepResult) => `failure-${leg}-${step.index}`;

/** What the page's script makes the grid of: as of a run's own steps, with a cell for each machine. */
function gridData({ legs, rows }: MergedResults): unknown {
  const cells = rows.flatMap((row) => row.cells.flatMap((cell) => (cell === undefined ? [] : shownState(cell.record))));
  const there = new Set(cells);
  const states = stateOrder.filter((state) => there.has(state));
  const steps = [...new Set(rows.map(({ step }) => step))];
  const params = [...new Set(rows.flatMap((row) => Object.keys(row.params)))].sort();
  const shown = legs.map(({ results }) => new Set(failuresOf(results?.steps ?? []).slice(0, mostFailures)));
  const cellOf = (cell: StepResult | undefined, leg: number) => {
    if (cell === undefined) return null;
    const reason = printable(reasonOf(cell.record));
    return {
      state: states.indexOf(shownState(cell.record)),
      ran: runTime(cell),
      ...(reason === '' ? {} : { reason }),
      ...(shown[leg]!.has(cell) ? { failure: failureId(leg, cell) } : {}),
    };
  };
  return {
    states: states.map((name) => ({ name, tone: toneOf(name) })),
    steps: steps.map(printable),
    params: params.map(printable),
    causes: [],
    metrics: [],
    machines: legs.map(({ name }) => printable(name)),
    rows: rows.map((row) => ({
      name: printable(row.name),
      step: steps.indexOf(row.step),
      rank: rowRank(row),
      params: params.map((name) => (Object.hasOwn(row.params, name) ? printable(row.params[name]!) : null)),
      cells: row.cells.map(cellOf),
      more: [],
    })),
  };
}
