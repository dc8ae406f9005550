import { type Change, compareLink } from '../../history/outcomes.js';
import { numberText } from '../../metrics/verdict.js';
import { isoTime, shortDuration } from '../../util/format.js';
import { flakyText, suspectText } from '../cause-texts.js';
import { type MetricRow, unitSuffix } from '../metrics/rows.js';
import type { ShownHistory, StudyResults } from '../results.js';
import { isNews } from '../summary/metrics.js';
import { counted, type Html, html, nothing } from './html.js';
import { foldedList, isWebPage } from './sections.js';

/** So many nodes, and so many flaky steps, are listed. */
const mostNamed = 100;

/** The section with what earlier runs show to be new: metrics, outcomes, run times. */
export function movedSection(results: StudyResults): Html {
  const { metrics = [], history } = results;
  const moved = metrics.filter(isNews);
  const changed = (change: Change['change']) => (history?.changes ?? []).filter((one) => one.change === change);
  const since = (change: Change) => sinceText(change, history!);
  const lists = [
    movedMetrics('Metrics', metrics),
    foldedList('Newly failing', changed('newly-failing'), since),
    foldedList('Still failing', changed('still-failing'), since),
    foldedList('Fixed', changed('fixed'), () => nothing),
    foldedList(
      'Slower',
      history?.slower ?? [],
      ({ time, usual }) => html`${shortDuration(time)}, usually ${shortDuration(usual)}`,
    ),
    foldedList(
      'Flaky',
      (history?.changes ?? []).filter(({ isFlaky }) => isFlaky),
      () => html`passes and fails in turns`,
    ),
  ];
  if (history === undefined && moved.length === 0) return nothing;
  const isAny = lists.some(({ text }) => text !== '');
  return html`<section aria-labelledby="moved">
<h2 id="moved">What moved</h2>
<p class="note">${comparedText(results)}${isAny ? '' : ' Nothing is new.'}</p>
${lists}
</section>`;
}

/** The metrics of which there is something to say, those that fail the study first; nothing if there are none. */
export function movedMetrics(title: string, metrics: readonly MetricRow[]): Html {
  const moved = metrics.filter(isNews).toSorted((a, b) => urgencyOf(b) - urgencyOf(a));
  return foldedList(title, moved.map(namedMetric), metricText);
}

function comparedText({ history }: StudyResults): string {
  if (history === undefined) return 'Compared with references only: there is no history.';
  if (history.runs === 0) return `Compared with no earlier run: ${history.branch} has none yet.`;
  return `Compared with ${counted(history.runs, 'earlier run')} of ${history.branch}.`;
}

const urgencyOf = ({ verdict }: MetricRow) => ['none', 'warning', 'failure'].indexOf(verdict.severity);

const namedMetric = (row: MetricRow) => ({ name: `${row.metric.name} of ${row.step.name}`, row });

function metricText({ row: { metric, verdict } }: { row: MetricRow }): Html {
  const { value, reason, severity } = verdict;
  const tone = severity === 'failure' ? 'bad' : severity === 'warning' ? 'late' : 'open';
  const shown = value === null ? '' : `${numberText(value)}${unitSuffix(metric)}`;
  return html`<span class="dot fill-${tone}"></span>${[shown, reason || verdict.verdict].filter((text) => text !== '').join(', ')}${severity === 'failure' ? ' (fails the study)' : ''}`;
}

/** `since abc1234, 2026-01-31 (what changed)`. */
function sinceText(change: Change, { server = '', commit = '' }: ShownHistory): Html {
  const { failingSince, lastPassed } = change;
  const since =
    failingSince === null
      ? 'for the first time'
      : `since ${failingSince.run.commit.slice(0, 7)}, ${isoTime(failingSince.ended).slice(0, 10)}`;
  const last =
    lastPassed === null
      ? 'no earlier run passed'
      : `last passed at ${lastPassed.run.commit.slice(0, 7)}, ${isoTime(lastPassed.ended).slice(0, 10)}`;
  const url = server === '' ? '' : compareLink(server, change, commit);
  const link = isWebPage(url) ? html` (<a href="${url}">what changed</a>)` : nothing;
  return html`${since}; ${last}${link}`;
}

/** The section with nodes on which what runs elsewhere fails, and with steps that passed only at a later attempt. */
export function nodesSection({ suspects = [], flaky = [] }: StudyResults): Html {
  if (suspects.length === 0 && flaky.length === 0) return nothing;
  const list = (title: string, texts: readonly string[]) =>
    texts.length === 0
      ? nothing
      : html`<h3>${title} <span class="number">${counted(texts.length)}</span></h3>
<ul>${texts.slice(0, mostNamed).map((text) => html`<li>${text}</li>`)}${texts.length > mostNamed ? html`<li>and ${counted(texts.length - mostNamed)} more: report.json has them all</li>` : nothing}</ul>`;
  return html`<section aria-labelledby="nodes">
<h2 id="nodes">Nodes and flaky steps</h2>
${list(
  'Suspect nodes',
  suspects.map((suspect) => suspectText(suspect, plain)),
)}
${list(
  'Flaky steps',
  flaky.map((instance) => flakyText(instance, plain)),
)}
</section>`;
}

const plain = (text: string) => text;
