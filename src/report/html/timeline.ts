import { isoTime, shortDuration } from '../../util/format.js';
import type { StudyResults } from '../results.js';
import { counted, type Html, html, nothing } from './html.js';
import { type JobTimes, jobTimes, lanesOf, mostAtOnce, type TimedJob } from './jobs.js';
import { jobToneOf } from './states.js';

/** More jobs than this, or more lanes of them, are shown as a curve for each step. */
const most = { jobs: 1000, lanes: 90 };
const mostSteps = 60;

const left = 150;
const plot = 920;
const right = 36;
/** How many parts the time of a curve has: two pixels each. */
const parts = plot / 2;

/** The section with the jobs over time. */
export function timelineSection(results: StudyResults): Html {
  const times = jobTimes(results);
  const jobs = times.groups.flatMap((group) => group.jobs);
  if (jobs.length === 0) return nothing;
  const running = mostAtOnce(jobs.flatMap(runningOf), times.length, parts);
  const waiting = mostAtOnce(jobs.flatMap(waitingOf), times.length, parts);
  const peak = Math.max(...running);
  const told =
    `${counted(jobs.length, 'job')} in ${shortDuration(times.length)}; at most ${counted(peak)} ran at once, ` +
    `and ${counted(Math.max(...waiting))} waited in the queue.`;
  const earlier =
    times.earlier === 0
      ? ''
      : ` ${counted(times.earlier)} earlier ones were over before the study was resumed, and are not shown.`;
  const from = isoTime(times.start)!.slice(0, 19).replace('T', ' ');
  return html`<section aria-labelledby="timeline">
<h2 id="timeline">Timeline</h2>
<p class="note">${told}${earlier} It begins at ${from} UTC.</p>
<div class="scroll" role="region" aria-label="Timeline, as pictures" tabindex="0">
${concurrency(times, running, waiting, `Jobs at once over time. ${told}`)}
${lanes(times)}
</div>
</section>`;
}

const runningOf = ({ started, ended }: TimedJob): [number, number][] => (started === null ? [] : [[started, ended]]);
const waitingOf = ({ submitted, started, ended }: TimedJob): [number, number][] => {
  const until = started ?? ended;
  return until > submitted ? [[submitted, until]] : [];
};

function svg(label: string, height: number, content: Html): Html {
  const width = left + plot + right;
  return html`<svg class="times" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${label}">${content}</svg>`;
}

/** How many ran, as an area, and how many waited, as a line. */
function concurrency(times: JobTimes, running: readonly number[], waiting: readonly number[], label: string): Html {
  const [top, high] = [22, 90];
  const highest = Math.max(1, ...running, ...waiting);
  const y = (count: number) => top + high - (high * count) / highest;
  const ticks = highest < 2 ? [0, highest] : [0, Math.round(highest / 2), highest];
  return svg(
    label,
    top + high + 22,
    html`<g class="legend"><rect class="area" x="${left}" y="4" width="10" height="10"/><text x="${left + 15}" y="13">running</text><path class="line" d="M${left + 75} 9h12"/><text x="${left + 92}" y="13">in the queue</text></g>
${ticks.map((tick) => html`<path class="grid" d="M${left} ${y(tick)}h${plot}"/><text class="end" x="${left - 8}" y="${y(tick) + 4}">${tick}</text>`)}
<path class="area" d="${curve(running, y)}V${y(0)}H${left}Z"/><path class="line" d="${curve(waiting, y)}"/>
${timeAxis(times, top, high)}`,
  );
}

/** Steps of it: one for each part that differs from the one before. */
function curve(counts: readonly number[], y: (count: number) => number): string {
  const round = (value: number) => Math.round(value * 10) / 10;
  let path = `M${left} ${round(y(counts[0]!))}`;
  for (let i = 1; i < counts.length; i++) {
    if (counts[i] !== counts[i - 1]) path += `H${left + (i * plot) / counts.length}V${round(y(counts[i]!))}`;
  }
  return `${path}H${left + plot}`;
}

const second = 1000;
const [minute, hour, day] = [60 * second, 3600 * second, 86_400 * second];
const tickLengths = [
  ...[0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30].map((count) => count * second),
  ...[1, 2, 5, 10, 15, 30].map((count) => count * minute),
  ...[1, 2, 3, 6, 12].map((count) => count * hour),
  ...[1, 2, 7, 14, 30, 90, 365].map((count) => count * day),
];

function timeAxis({ length }: JobTimes, top: number, high: number): Html {
  const tick = tickLengths.find((one) => length / one <= 10) ?? length;
  const ticks = Array.from({ length: Math.floor(length / tick) + 1 }, (_, i) => i * tick);
  return html`<g class="axis">${ticks.map((time) => {
    const x = left + (plot * time) / length;
    return html`<path class="grid" d="M${x} ${top}v${high + 4}"/><text class="middle" x="${x}" y="${top + high + 17}">${time === 0 ? '0' : shortDuration(time)}</text>`;
  })}</g>`;
}

/** The jobs themselves, by steps. */
function lanes(times: JobTimes): Html {
  const groups = times.groups
    .map(({ name, jobs }) => ({ name, jobs: jobs.filter(({ started }) => started !== null) }))
    .filter(({ jobs }) => jobs.length > 0);
  const count = groups.reduce((sum, { jobs }) => sum + jobs.length, 0);
  if (count === 0) return nothing;
  const scale = plot / times.length;
  const laid =
    count <= most.jobs ? groups.map((group) => ({ ...group, lanes: lanesOf(group.jobs.flatMap(runningOf)) })) : [];
  const lanesIn = (group: { lanes: readonly number[] }) => Math.max(...group.lanes) + 1;
  if (laid.length === 0 || laid.reduce((sum, group) => sum + lanesIn(group), 0) > most.lanes) {
    return curves(times, groups);
  }
  let top = 4;
  const content = laid.map((group) => {
    const y = top;
    const high = Math.max(16, lanesIn(group) * 9);
    top += high + 8;
    return html`${label(group.name, y + 11)}<path class="grid" d="M0 ${y - 4}H${left + plot}"/>${group.jobs.map(
      ({ result, job, started, ended }, i) => {
        const [from, to] = [started!, ended];
        const attempts = result.record.jobs.length > 1 ? `, attempt ${job.attempt}` : '';
        return html`<rect class="fill-${jobToneOf(job)}" x="${left + from * scale}" y="${y + group.lanes[i]! * 9}" width="${Math.max(2, (to - from) * scale)}" height="7"><title>${result.step.name}${attempts}: ${job.result ?? 'not over'}, ${shortDuration(to - from)}</title></rect>`;
      },
    )}`;
  });
  return svg('Each job as a bar, by steps', top + 24, html`${timeAxis(times, 0, top)}${content}`);
}

/** For each step how many of its jobs ran. */
function curves(times: JobTimes, groups: JobTimes['groups']): Html {
  const shown = [...groups].sort((a, b) => b.jobs.length - a.jobs.length).slice(0, mostSteps);
  const names = new Set(shown.map(({ name }) => name));
  const high = 26;
  let top = 4;
  const content = groups
    .filter(({ name }) => names.has(name))
    .map(({ name, jobs }) => {
      const counts = mostAtOnce(jobs.flatMap(runningOf), times.length, parts);
      const peak = Math.max(...counts);
      const y = (count: number) => base - (high * count) / peak;
      const base = top + high;
      const row = html`${label(name, top + 12)}<text class="end small" x="${left - 8}" y="${top + 25}">up to ${peak}</text><path class="grid" d="M${left} ${base}h${plot}"/><path class="area" d="${curve(counts, y)}V${base}H${left}Z"/>`;
      top += high + 8;
      return row;
    });
  const picture = svg('Running jobs of each step', top + 24, html`${timeAxis(times, 0, top)}${content}`);
  const leftOut = groups.length - shown.length;
  return leftOut === 0
    ? picture
    : html`${picture}<p class="note">The ${shown.length} steps with the most jobs; ${leftOut} more are not shown.</p>`;
}

/** A step's name, cut off where the plot begins. */
function label(name: string, y: number): Html {
  return html`<svg x="0" y="${y - 12}" width="${left - 8}" height="18"><title>${name}</title><text class="title" x="0" y="13">${name}</text></svg>`;
}
