import { schedulerNames } from '../../spec/spec.js';
import { isFailure, isOver, isSkipped, type StudyStatus, shownState } from '../../study/state.js';
import { capitalized, isoTime, shortDuration } from '../../util/format.js';
import { countStates, failuresOf } from '../attention.js';
import { nodeHoursText } from '../cause-texts.js';
import { type ComparedInstance, type Comparison, comparisonLine, growthText, type Slower } from '../comparison.js';
import { lastWords, MAX_ERROR_TAILS, reasonOf, type StepResult, type StudyResults } from '../results.js';
import { counted, type Html, html, nothing } from './html.js';
import { type Tone, toneOf } from './states.js';

export const statusTones: Readonly<Record<StudyStatus | 'NOTRUN', Tone>> = {
  FINISHED: 'good',
  DRYRUN: 'open',
  FAILURE: 'bad',
  CANCELLED: 'stopped',
  INTERRUPTED: 'late',
  NOTRUN: 'skipped',
};

/** How many failures are shown, and how many lines of each list of a comparison. */
const mostFailures = 200;
const mostCompared = 100;
/** Up to this many failures are shown unfolded. */
const mostOpen = 3;

/** The outcome, how many steps are in each state, and where the study is. */
export function header(results: StudyResults, runUrl: string | undefined): Html {
  const { name, description, status, causeLine, interruption, steps, started, ended } = results;
  const counts = [...countStates(steps.map(({ record }) => record))];
  const hours = nodeHoursText(results);
  return html`<header>
<p class="kind">Study</p>
<h1><bdi>${name}</bdi> <span class="outcome tone-${statusTones[status]}">${status}</span></h1>
${description.trim() === '' ? nothing : html`<p class="description">${description}</p>`}
<p class="counts"><span><strong>${counted(steps.length, 'step')}</strong> in ${shortDuration(ended - started)}</span>${hours === '' ? nothing : html`<span>${hours}</span>`}${counts.map(
    ([state, count]) =>
      html`<span class="count"><span class="dot fill-${toneOf(state)}"></span>${counted(count)} ${state.toLowerCase()}</span>`,
  )}</p>
${shareBar(steps)}
${causeLine === '' ? nothing : html`<p class="cause">${causeLine}</p>`}
${interrupted(results)}
${factList(results, runUrl)}
</header>`;

  function interrupted({ steps }: StudyResults): Html {
    if (interruption === '') return nothing;
    const open = steps.filter(({ record }) => !isOver(record)).length;
    const left = open === 0 ? '' : ` ${counted(open, 'step')} ${open === 1 ? 'is' : 'are'} not over.`;
    return html`<p class="interruption">It stopped before its end: ${interruption}.${left}</p>`;
  }
}

/** A bar of how many steps are in each state. */
export function shareBar(steps: readonly StepResult[]): Html {
  const counts = [...countStates(steps.map(({ record }) => record))];
  return html`<div class="share" aria-hidden="true">${counts.map(([state, count]) => shareOf(state, count, steps.length))}</div>`;
}

/** A part of a bar. An SVG, for it takes its width without a style of its own, which the page's policy forbids. */
function shareOf(state: Parameters<typeof toneOf>[0], count: number, all: number): Html {
  const percent = (100 * count) / all;
  return html`<svg width="${percent}%" height="6"><rect class="fill-${toneOf(state)}" width="100%" height="6"/></svg>`;
}

function facts(results: StudyResults): [string, Html][] {
  const { path, host, spec, scheduler, fluxUri, started, ended } = results;
  const time = (at: number) =>
    html`<time datetime="${isoTime(at)!}">${isoTime(at)!.slice(0, 19).replace('T', ' ')} UTC</time>`;
  return [
    ['Spec', html`<code>${spec}</code>`],
    ['Directory', html`<code>${path}</code>`],
    ['Host', html`<bdi>${host}</bdi>`],
    ['Scheduler', html`${schedulerNames[scheduler]}`],
    ...(fluxUri === null ? [] : [['Flux broker', html`<code>${fluxUri}</code>`] satisfies [string, Html]]),
    ['Began', time(started)],
    ['Ended', time(ended)],
  ];
}

/** Facts about a study, as a list. */
export function factList(results: StudyResults, runUrl?: string): Html {
  const all = facts(results).map(([title, fact]) => html`<div><dt>${title}</dt><dd>${fact}</dd></div>`);
  return html`<dl class="facts">${all}${runFact(runUrl)}</dl>`;
}

/** Whether a link to it leads to a page of the web, and runs nothing. */
export const isWebPage = (url: string) => /^https?:\/\//i.test(url);

/** Where the workflow run is, as a part of a list of facts. */
export function runFact(url: string | undefined): Html {
  if (url === undefined || !isWebPage(url)) return nothing;
  return html`<div><dt>Run</dt><dd><a href="${url}">${url}</a></dd></div>`;
}

/** The failures that the page shows with their last words: those that others only waited for are left out. */
export function shownFailures({ steps }: StudyResults): StepResult[] {
  return failuresOf(steps).slice(0, mostFailures);
}

export function failuresSection({ steps, spec, pattern = '' }: StudyResults, shown: readonly StepResult[]): Html {
  if (shown.length === 0) return nothing;
  const all = failuresOf(steps).length;
  const notRun = steps.filter(({ record }) => isSkipped(record) && isFailure(record.state)).length;
  return html`<section aria-labelledby="failures">
<h2 id="failures">Failures <span class="number">${counted(all)}</span></h2>
${pattern === '' ? nothing : html`<p class="pattern">${pattern}</p>`}
${notRun === 0 ? nothing : html`<p class="note">${counted(notRun)} more did not run because of these.</p>`}
${shown.map((result, i) => html`${result.isTailLeftOut && !shown[i - 1]?.isTailLeftOut ? unreadNote : nothing}${failureDetails(result, spec, `failure-${result.step.index}`, shown.length <= mostOpen)}`)}
${all === shown.length ? nothing : html`<p class="note">And ${counted(all - shown.length)} more: report.json has them all.</p>`}
</section>`;
}

const unreadNote = html`<p class="note">Only the stderr of the first ${MAX_ERROR_TAILS} failed steps was read; that of the following was not.</p>`;

/** @param id what links to it name */
export function failureDetails(result: StepResult, spec: string, id: string, isOpen: boolean): Html {
  const { step, record, outputs, errorTail, outputTail } = result;
  const words = lastWords(result);
  const said = errorTail
    ? html`<pre tabindex="0" aria-label="The end of its stderr">${words}</pre>`
    : html`<p class="note">${capitalized(words)}.</p>`;
  const printed = outputTail
    ? html`<p class="where"><code>${outputs?.stdout ?? ''}</code></p>
<pre tabindex="0" aria-label="The end of its stdout">${outputTail}</pre>
`
    : nothing;
  return html`<details id="${id}"${isOpen ? html` open` : nothing}>
<summary><span class="dot fill-${toneOf(shownState(record))}"></span><bdi class="name">${step.name}</bdi> <span class="reason">${reasonOf(record) || record.state.toLowerCase()}</span></summary>
<p class="where"><code>${spec}:${step.at.line}</code>${outputs === null ? nothing : html` · <code>${outputs.stderr}</code>`}</p>
${said}
${printed}</details>
`;
}

/** What is new since the baseline. */
export function comparisonSection(comparison: Comparison | undefined): Html {
  if (comparison === undefined) return nothing;
  const { baseline, isOfSameStudy, slowerThan } = comparison;
  const ended = baseline.ended === null ? '' : ` of ${isoTime(baseline.ended)!.slice(0, 16).replace('T', ' ')} UTC`;
  const other = isOfSameStudy ? '' : ` It is of another study, ${baseline.name}.`;
  const changed = ({ was, reason }: ComparedInstance) =>
    html`was ${was ?? 'not there'}${reason === '' ? '' : `; ${reason}`}`;
  const slower = (found: Slower) => html`${growthText(found)}`;
  return html`<section aria-labelledby="comparison">
<h2 id="comparison">Since the baseline</h2>
<p class="note">The baseline${ended} ended ${baseline.status}.${other} Now: ${comparisonLine(comparison)}. ${counted(comparison.added, 'instance')} new, ${counted(comparison.gone.length)} gone.${comparison.newlySkipped === 0 ? '' : ` ${counted(comparison.newlySkipped)} did not run because of others, and did before.`}</p>
${[
  foldedList('Newly failing', comparison.newlyFailing, changed),
  foldedList(
    'Missing now',
    comparison.gone.map((name) => ({ name })),
    () => nothing,
  ),
  foldedList('Still failing', comparison.stillFailing, changed),
  foldedList('Fixed', comparison.fixed, changed),
  foldedList(`Steps slower by more than ${slowerThan} %`, comparison.slowerSteps, slower),
  foldedList(`Instances slower by more than ${slowerThan} %`, comparison.slowerInstances, slower),
]}
</section>`;
}

/** A list under its title, which is open if it is short; nothing if it is empty. */
export function foldedList<T extends { readonly name: string }>(
  title: string,
  list: readonly T[],
  tell: (one: T) => Html,
): Html {
  if (list.length === 0) return nothing;
  const more = list.length - mostCompared;
  return html`<details${list.length <= 10 ? html` open` : nothing}><summary>${title} <span class="number">${counted(list.length)}</span></summary>
<ul>${list.slice(0, mostCompared).map((one) => html`<li><bdi class="name">${one.name}</bdi> <span class="reason">${tell(one)}</span></li>`)}${
    more > 0 ? html`<li>and ${counted(more)} more</li>` : nothing
  }</ul></details>`;
}
