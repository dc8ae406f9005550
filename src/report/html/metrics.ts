import { numberText } from '../../metrics/verdict.js';
import { isoTime } from '../../util/format.js';
import { groupBy } from '../../util/group-by.js';
import { median } from '../../util/median.js';
import { own } from '../../util/own.js';
import { comparedWith, type MetricRow, unitSuffix } from '../metrics/rows.js';
import type { HistoryValue, StudyResults } from '../results.js';
import { counted, type Html, html, nothing } from './html.js';
import { type PlotBand, type PlotPoint, plotFigure } from './plots.js';

/** How many metrics have plots, how many parameters of each, and how many instances over the history. */
const most = { metrics: 12, params: 3, instances: 6 };
/** So many instances are shown over the history even if there is nothing to see. */
const fewestInstances = 2;
/** From this rank on there is something to see of an instance. */
const noteworthy = 100;
/** More values than this are drawn as ranges with their medians. */
const mostPoints = 400;
/** Of more values of a parameter, a few that follow each other are drawn together. */
const mostPlaces = 200;

/** A value that is there. */
interface Measured {
  readonly row: MetricRow;
  readonly value: number;
}

/** The section with a plot of each metric over each parameter, and over the history. */
export function metricsSection({ metrics = [], history }: StudyResults): Html {
  if (metrics.length === 0) return nothing;
  const byName = [...groupBy(metrics, ({ metric }) => metric.name)];
  const shown = byName.slice(0, most.metrics);
  const left = byName.length - shown.length;
  return html`<section aria-labelledby="metrics">
<h2 id="metrics">Metrics <span class="number">${counted(byName.length)}</span></h2>
<p class="note">${comparedWith(metrics)}${history === undefined ? '' : ` of ${history.branch}`}. Green is what the reference allows, grey what is usual by the history; a diamond is worse than allowed.</p>
${shown.map(([name, rows]) => metricPlots(rows, own(history?.values, name) ?? {}))}
${left === 0 ? nothing : html`<p class="note">${counted(left, 'more metric')} ${left === 1 ? 'is' : 'are'} not shown: metrics.csv has them all.</p>`}
</section>`;
}

function metricPlots(rows: readonly MetricRow[], earlier: Readonly<Record<string, readonly HistoryValue[]>>): Html {
  const { metric } = rows[0]!;
  const measured = measuredOf(rows);
  const better = metric.better === 'none' ? '' : `${metric.better} is better`;
  const about = [metric.unit, better].filter((text) => text !== '').join(', ');
  const plots = measured.length === 0 ? [] : [...overParams(measured), ...overHistory(rows, earlier)];
  return html`<h3><bdi>${metric.name}</bdi> <span class="number">${about}</span></h3>
<p class="note">${summaryOf(rows, measured)}</p>
${plots.length === 0 ? nothing : html`<div class="plots">${plots}</div>`}`;
}

const measuredOf = (rows: readonly MetricRow[]): Measured[] =>
  rows.flatMap((row) => (row.verdict.value === null ? [] : [{ row, value: row.verdict.value }]));

/** `90 values, 2.9 to 3.5 ns/zone; 1 fails the study, 2 missing`. */
function summaryOf(rows: readonly MetricRow[], measured: readonly Measured[]): string {
  const values = measured.map(({ value }) => value);
  const count = (is: (row: MetricRow) => boolean) => rows.filter(is).length;
  const [failing, warned] = [
    count(({ verdict }) => verdict.severity === 'failure'),
    count(({ verdict }) => verdict.severity === 'warning'),
  ];
  const without = rows.length - measured.length;
  return [
    counted(measured.length, 'value') +
      (values.length === 0 ? '' : `, ${rangeText(values)}${unitSuffix(rows[0]!.metric)}`),
    ...(failing === 0 ? [] : [`${counted(failing)} ${failing === 1 ? 'fails' : 'fail'} the study`]),
    ...(warned === 0 ? [] : [`${counted(warned)} with a warning`]),
    ...(without === 0 ? [] : [`${counted(without)} without a value`]),
  ].join('; ');
}

function rangeText(values: readonly number[]): string {
  const [low, high] = [lowest(values), highest(values)];
  return low === high ? numberText(low) : `${numberText(low)} to ${numberText(high)}`;
}

const lowest = (values: readonly number[]) => values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
const highest = (values: readonly number[]) => values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);

const toneOf = ({ verdict }: MetricRow): PlotPoint['tone'] =>
  verdict.severity === 'failure' ? 'bad' : verdict.severity === 'warning' ? 'warned' : 'usual';

function overParams(measured: readonly Measured[]): Html[] {
  const names = [...new Set(measured.flatMap(({ row }) => Object.keys(row.step.params)))].sort();
  const telling = names.filter((name) => new Set(measured.flatMap(({ row }) => row.step.params[name] ?? [])).size > 1);
  return telling.slice(0, most.params).map((name) => overParam(name, measured));
}

function overParam(name: string, all: readonly Measured[]): Html {
  const measured = all.filter(({ row }) => Object.hasOwn(row.step.params, name));
  const texts = [...new Set(measured.map(({ row }) => row.step.params[name]!))];
  const areNumbers = texts.every((text) => text.trim() !== '' && Number.isFinite(Number(text)));
  const inTurn = texts.sort(areNumbers ? (a, b) => Number(a) - Number(b) : byNumbersWithin.compare);
  const together = Math.ceil(inTurn.length / mostPlaces);
  const places = inTurn.filter((_, i) => i % together === 0);
  const placeOf = new Map(inTurn.map((text, i) => [text, Math.floor(i / together)]));
  const atPlaces = groupBy(measured, ({ row }) => placeOf.get(row.step.params[name]!)!);
  const { metric } = measured[0]!.row;
  const values = (at: readonly Measured[]) => at.map(({ value }) => value);
  const inOrder = [...atPlaces].sort(([a], [b]) => a - b);
  const isMany = measured.length > mostPoints;
  const worse = measured.filter(({ row }) => toneOf(row) !== 'usual');
  return plotFigure({
    caption: html`over <bdi>${name}</bdi>`,
    label: `${metric.name} over ${name}: ${counted(measured.length, 'value')}, ${rangeText(values(measured))}${unitSuffix(metric)}; ${worse.length === 0 ? 'none' : someNames(worse)} worse than allowed`,
    places,
    positions: areNumbers ? places.map(Number) : undefined,
    bands: bandsOf(inOrder, places.length),
    points: (isMany ? worse.slice(0, mostPoints) : measured).map(({ row, value }) => ({
      x: placeOf.get(row.step.params[name]!)!,
      y: value,
      tone: toneOf(row),
      title: row.step.name,
    })),
    trend: inOrder.map(([x, at]) => ({ x, y: median(values(at)) })),
    ranges: isMany ? inOrder.map(([x, at]) => ({ x, low: lowest(values(at)), high: highest(values(at)) })) : [],
    unit: metric.unit,
  });
}

const byNumbersWithin = new Intl.Collator('en', { numeric: true });

function someNames(measured: readonly Measured[]): string {
  const names = measured.slice(0, 5).map(({ row }) => row.step.name);
  return names.join(', ') + (measured.length > 5 ? ` and ${counted(measured.length - 5)} more` : '');
}

/** What the references allow: one band where they are the same at all places, none where they differ at one. */
function bandsOf(atPlaces: readonly (readonly [number, readonly Measured[]])[], count: number): PlotBand[] {
  const bands = atPlaces.flatMap(([x, at]) => {
    const of = new Map(
      at.flatMap(({ row }) => {
        const { reference: middle, low, high } = row.verdict;
        if (middle === null) return [];
        const band: PlotBand = { from: x, to: x, low, high, middle, kind: 'reference' };
        return [[JSON.stringify([middle, low, high]), band] as const];
      }),
    );
    return [...of];
  });
  if (new Set(bands.map(([, { from }]) => from)).size < bands.length) return [];
  const isSame = bands.length === atPlaces.length && bands.every(([key]) => key === bands[0]![0]);
  if (isSame && bands.length > 0) return [{ ...bands[0]![1], from: 0, to: count - 1 }];
  return bands.map(([, band]) => band);
}

/** The instances of which there is most to see, each over the history; before them, all together. */
function overHistory(rows: readonly MetricRow[], earlier: Readonly<Record<string, readonly HistoryValue[]>>): Html[] {
  const known = measuredOf(rows).filter(({ row }) => (own(earlier, row.step.name)?.length ?? 0) > 0);
  if (known.length === 0) return [];
  const ranked = known.toSorted((a, b) => attentionOf(b.row) - attentionOf(a.row));
  const count = ranked.filter(({ row }) => attentionOf(row) >= noteworthy).length;
  const shown = ranked.slice(0, Math.min(most.instances, Math.max(fewestInstances, count)));
  const single = shown.map((one) => instanceOverHistory(one, earlier[one.row.step.name]!));
  return known.length === 1 ? single : [allOverHistory(known, earlier), ...single];
}

function attentionOf({ verdict, judgement }: MetricRow): number {
  const severity = { failure: 300, warning: 200, none: 0 }[verdict.severity];
  const hasMoved = ['better', 'moved'].includes(judgement?.verdict ?? '') ? noteworthy : 0;
  const { change, limit } = judgement ?? { change: null, limit: null };
  return severity + hasMoved + (change === null || !limit ? 0 : Math.min(99, Math.abs(change / limit)));
}

const dayOf = (time: number) => isoTime(time).slice(0, 10);
const titleOf = ({ commit, ended }: HistoryValue) => `${dayOf(ended)}, ${commit.slice(0, 7)}`;

function instanceOverHistory({ row, value }: Measured, earlier: readonly HistoryValue[]): Html {
  const { metric, step, verdict, judgement } = row;
  const last = earlier.length;
  const points = [
    ...earlier.map((one, x): PlotPoint => ({ x, y: one.value, tone: 'usual', title: titleOf(one) })),
    { x: last, y: value, tone: toneOf(row), title: 'this run' } satisfies PlotPoint,
  ];
  const everywhere = { from: 0, to: last };
  const { median: middle = null, limit = null } = judgement ?? {};
  const bands: PlotBand[] = [
    ...(verdict.reference === null
      ? []
      : [
          {
            ...everywhere,
            low: verdict.low,
            high: verdict.high,
            middle: verdict.reference,
            kind: 'reference',
          } as const,
        ]),
    ...(middle === null || limit === null
      ? []
      : [{ ...everywhere, low: middle - limit, high: middle + limit, middle, kind: 'usual' } as const]),
  ];
  return plotFigure({
    caption: html`<bdi>${step.name}</bdi> over the last ${counted(earlier.length, 'run')}`,
    label: `${metric.name} of ${step.name}: ${rangeText(earlier.map((one) => one.value))}${unitSuffix(metric)} in ${counted(earlier.length, 'earlier run')}, now ${numberText(value)}${verdict.reason === '' ? '' : `, ${verdict.reason}`}`,
    places: [dayOf(earlier[0]!.ended).slice(5), ...new Array<string>(last - 1).fill(''), 'now'],
    bands,
    points,
    trend: points,
    unit: metric.unit,
  });
}

/** All instances together, each in percent of what is usual for it: the range in each run, and the median. */
function allOverHistory(known: readonly Measured[], earlier: Readonly<Record<string, readonly HistoryValue[]>>): Html {
  const { metric } = known[0]!.row;
  const scaled = known.flatMap(({ row, value }) => {
    const before = earlier[row.step.name]!;
    const usual = median(before.map((one) => one.value));
    if (usual === 0) return [];
    const now = { at: Number.POSITIVE_INFINITY, percent: (100 * value) / usual, row };
    return [...before.map((one) => ({ at: one.ended, percent: (100 * one.value) / usual, row })), now];
  });
  if (scaled.length === 0) return nothing;
  const runs = [...groupBy(scaled, ({ at }) => at)].sort(([a], [b]) => a - b);
  const percents = runs.map(([, of]) => of.map(({ percent }) => percent));
  const now = runs.at(-1)![1];
  return plotFigure({
    caption: html`all ${counted(known.length)} over the last ${counted(runs.length - 1, 'run')}, in percent of their medians`,
    label: `${metric.name} of ${counted(known.length, 'instance')} in percent of their medians: ${rangeText(percents.slice(0, -1).flat())} % in ${counted(runs.length - 1, 'earlier run')}, now ${rangeText(percents.at(-1)!)} %`,
    places: [dayOf(runs[0]![0]).slice(5), ...new Array<string>(Math.max(0, runs.length - 2)).fill(''), 'now'],
    bands: [],
    points: now
      .filter(({ row }) => toneOf(row) !== 'usual')
      .map(({ percent, row }) => ({ x: runs.length - 1, y: percent, tone: toneOf(row), title: row.step.name })),
    trend: percents.map((of, x) => ({ x, y: median(of) })),
    ranges: percents.map((of, x) => ({ x, low: lowest(of), high: highest(of) })),
    unit: '%',
  });
}
