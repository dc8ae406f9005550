import { numberText } from '../../metrics/verdict.js';
import { type Html, html, nothing } from './html.js';

/** A mark of a plot. `x` counts places from 0. */
export interface PlotPoint {
  readonly x: number;
  readonly y: number;
  readonly tone: 'usual' | 'warned' | 'bad';
  /** What a pointer on it is told. */
  readonly title: string;
}

/** What values at some places may be; null: no bound on that side. */
export interface PlotBand {
  /** The first and the last place. */
  readonly from: number;
  readonly to: number;
  readonly low: number | null;
  readonly high: number | null;
  /** What the bounds are derived from; null: it is not drawn. */
  readonly middle: number | null;
  readonly kind: 'reference' | 'usual';
}

export interface Plot {
  readonly caption: Html;
  /** For those who do not see it. */
  readonly label: string;
  /** A label for each place on the axis; '' for none. */
  readonly places: readonly string[];
  /** Where the places are on an axis of numbers; undefined: evenly spaced. */
  readonly positions?: readonly number[] | undefined;
  readonly bands: readonly PlotBand[];
  readonly points: readonly PlotPoint[];
  /** Joined by a line, in their order. */
  readonly trend?: readonly { readonly x: number; readonly y: number }[];
  /** From the lowest to the highest value of a place, where there are too many for points. */
  readonly ranges?: readonly { readonly x: number; readonly low: number; readonly high: number }[];
  readonly unit: string;
}

const width = 330;
const [left, right, top, bottom] = [52, 10, 8, 20];
const [plotWidth, plotHeight] = [width - left - right, 132];
const height = top + plotHeight + bottom;
/** Of a label on the axis a character takes so many pixels. */
const characterWidth = 6.2;

/** A plot as a figure: an inline SVG, which takes its colours from the page's style. */
export function plotFigure(plot: Plot): Html {
  const { caption, label, places, bands, points, trend = [], ranges = [], unit } = plot;
  const x = xScale(plot);
  const { y, ticks, low, high } = yScale(plot);
  const half = Math.min(14, plotWidth / Math.max(2, places.length) / 2);
  const drawnBand = (band: PlotBand) => {
    const [from, to] = [Math.max(left, x(band.from) - half), Math.min(left + plotWidth, x(band.to) + half)];
    const [upper, lower] = [y(Math.min(high, band.high ?? high)), y(Math.max(low, band.low ?? low))];
    return html`<rect class="${band.kind === 'reference' ? 'band' : 'usual'}" x="${from}" y="${upper}" width="${Math.max(1, to - from)}" height="${Math.max(1, lower - upper)}"/>`;
  };
  const references = bands.flatMap(({ kind, from, to, middle }) =>
    kind === 'usual' || middle === null
      ? []
      : html`<path class="reference" d="M${Math.max(left, x(from) - half)} ${y(middle)}H${Math.min(left + plotWidth, x(to) + half)}"/>`,
  );
  return html`<figure><figcaption>${caption}</figcaption>
<svg width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${label}">
${bands.map(drawnBand)}${references}
${ticks.map((tick) => html`<path class="grid" d="M${left} ${y(tick)}h${plotWidth}"/><text class="end small" x="${left - 6}" y="${y(tick) + 4}">${numberText(tick)}</text>`)}
${labelsOf(places, x).map(({ text, at, anchor }) => html`<text class="${anchor} small" x="${at}" y="${height - 5}">${text}</text>`)}
${ranges.map((range) => html`<path class="range" d="M${x(range.x)} ${y(range.low)}V${y(range.high) - 1}"/>`)}
${trend.length < 2 ? nothing : html`<path class="trend" d="${trend.map((at, i) => `${i === 0 ? 'M' : 'L'}${fixed(x(at.x))} ${fixed(y(at.y))}`).join('')}"/>`}
${points.map((point) => mark(point, x(point.x), y(point.y), unit))}
</svg></figure>
`;
}

/** A dot; a diamond, which is larger, where the value is worse than allowed. */
function mark({ tone, title, y: value }: PlotPoint, x: number, y: number, unit: string): Html {
  const text = html`<title>${title}: ${numberText(value)}${unit === '' ? '' : ` ${unit}`}</title>`;
  if (tone === 'usual') return html`<circle class="point" cx="${x}" cy="${y}" r="2.5">${text}</circle>`;
  return html`<path class="point-${tone}" d="M${x - 5} ${y}L${x} ${y - 5}L${x + 5} ${y}L${x} ${y + 5}Z">${text}</path>`;
}

const fixed = (value: number) => Math.round(value * 10) / 10;

function xScale({ places, positions }: Plot): (place: number) => number {
  const margin = 14;
  const inside = plotWidth - 2 * margin;
  if (places.length < 2) return () => left + plotWidth / 2;
  if (positions === undefined) return (place) => left + margin + (inside * place) / (places.length - 1);
  const [first, last] = [Math.min(...positions), Math.max(...positions)];
  const isLog = first > 0 && last / first >= 50;
  const at = isLog ? Math.log : (value: number) => value;
  return (place) => left + margin + (inside * (at(positions[place]!) - at(first))) / (at(last) - at(first));
}

function yScale({ bands, points, ranges = [], trend = [] }: Plot) {
  const bounds = bands.flatMap(({ low, high, middle }) => [low, high, middle]).filter((bound) => bound !== null);
  const values = [...points, ...trend].map(({ y }) => y);
  const all = [...bounds, ...values, ...ranges.flatMap(({ low, high }) => [low, high])];
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of all) [low, high] = [Math.min(low, value), Math.max(high, value)];
  const size = Math.max(Math.abs(low), Math.abs(high));
  // Values that are the same, but for the last digits of a computer's numbers, get an axis around them.
  const spread = high - low > size * 1e-9 ? high - low : size > 1e-300 ? size : 1;
  [low, high] = [low - spread * 0.08, high + spread * 0.08];
  const y = (value: number) => top + plotHeight * (1 - (value - low) / (high - low));
  return { y, low, high, ticks: ticksBetween(low, high) };
}

/** Two to six round numbers. */
export function ticksBetween(low: number, high: number): number[] {
  const rough = (high - low) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough * 0.99)!;
  const first = Math.ceil(low / step);
  const count = Math.floor(high / step) - first + 1;
  return Array.from({ length: count }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** The labels for which there is room, from the left, the last one for sure. */
function labelsOf(places: readonly string[], x: (place: number) => number) {
  const labels = places.flatMap((text, place) => (text === '' ? [] : [labelAt(text, x(place))]));
  const last = labels.at(-1);
  let end = 0;
  return labels.filter((label) => {
    const isFree = label === last || (label.from >= end && (last === undefined || label.to <= last.from - 6));
    if (isFree) end = label.to + 6;
    return isFree;
  });
}

function labelAt(full: string, center: number) {
  const text = full.length > 14 ? `${full.slice(0, 13)}…` : full;
  const half = (text.length * characterWidth) / 2;
  const isOver = center + half > width;
  const at = isOver ? width - 1 : center;
  return { text, at, anchor: isOver ? 'end' : 'middle', from: isOver ? at - 2 * half : at - half, to: at + half };
}
