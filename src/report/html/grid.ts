import { hasFailed } from '../../study/state.js';
import type { StepResult } from '../results.js';
import { type Html, html, nothing } from './html.js';

/** The parameters of the grid's rows and columns; null: it has one row. */
export type GridAxes = readonly [rows: string | null, columns: string];

/** Of so many parameters all pairs are looked at. */
const mostParams = 12;
/** A pair with fewer of its cells filled, as of parameters that change together, is a diagonal. */
const leastFilled = 0.5;

/**
 * Which two parameters the grid begins with: those that failures depend on most, then those that most instances have. Undefined
 * if no parameter has two values.
 */
export function gridAxes(steps: readonly StepResult[]): GridAxes | undefined {
  const names = new Set<string>();
  for (const { step } of steps) for (const name in step.params) names.add(name);
  const params = [...names]
    .sort()
    .map((name) => paramOf(name, steps))
    .filter(({ values }) => values.size > 1);
  if (params.length === 0) return undefined;
  const ranked = params.toSorted((a, b) => b.tells - a.tells || b.count - a.count || b.values.size - a.values.size);
  const pairs = ranked
    .slice(0, mostParams)
    .flatMap((a, i, all) => all.slice(i + 1).map((b) => pairOf(a, b, steps)))
    .filter(({ filled }) => filled >= leastFilled)
    .sort((a, b) => b.tells - a.tells || b.count - a.count || b.cells - a.cells);
  if (pairs.length === 0) return [null, ranked[0]!.name];
  const [rows, columns] = pairs[0]!.params.toSorted((a, b) => a.values.size - b.values.size);
  return [rows!.name, columns!.name];
}

interface Param {
  readonly name: string;
  /** Each value with a number of its own, from 0. */
  readonly values: ReadonlyMap<string, number>;
  /** How many instances have it. */
  readonly count: number;
  /** How much more the failures differ from value to value than chance would have it, in standard deviations; 0 at least. */
  readonly tells: number;
}

function paramOf(name: string, steps: readonly StepResult[]): Param {
  const values = new Map<string, number>();
  const counts: { all: number; failed: number }[] = [];
  const total = { all: 0, failed: 0 };
  for (const { step, record } of steps) {
    if (!Object.hasOwn(step.params, name)) continue;
    const value = step.params[name]!;
    const number = values.get(value) ?? values.size;
    if (number === values.size) values.set(value, number);
    counts[number] ??= { all: 0, failed: 0 };
    for (const each of [counts[number], total]) {
      each.all += 1;
      if (hasFailed(record)) each.failed += 1;
    }
  }
  return { name, values, count: total.all, tells: tellsOf(counts, total) };
}

interface Count {
  readonly all: number;
  readonly failed: number;
}

function tellsOf(counts: readonly Count[], total: Count): number {
  const share = total.failed / total.all;
  const variance = share * (1 - share);
  const freedom = counts.length - 1;
  if (variance === 0 || freedom === 0) return 0;
  const spread = counts.reduce((sum, { all, failed }) => sum + all * (failed / all - share) ** 2, 0);
  return Math.max(0, (spread / variance - freedom) / Math.sqrt(2 * freedom));
}

function pairOf(a: Param, b: Param, steps: readonly StepResult[]) {
  const cells = new Set<number>();
  let count = 0;
  for (const { step } of steps) {
    const [x, y] = [a.values.get(step.params[a.name]!), b.values.get(step.params[b.name]!)];
    if (x === undefined || y === undefined) continue;
    cells.add(x * b.values.size + y);
    count += 1;
  }
  const filled = cells.size / (a.values.size * b.values.size);
  return { params: [a, b], filled, cells: cells.size, count, tells: a.tells + b.tells };
}

/** The frame of the grid of outcomes, which the script fills. */
export function gridSection(axes: GridAxes | undefined): Html {
  if (axes === undefined) return nothing;
  return html`<section aria-labelledby="grid">
<h2 id="grid">Grid</h2>
<p class="note unscripted">The grid of outcomes is made by a script, which does not run here. All that it shows is in report.json.</p>
<div class="script-only" id="grid-part">
<form id="axes" class="fields" aria-label="What the grid shows"></form>
<p id="grid-note" class="note"></p>
<div class="scroll" role="region" aria-label="Grid of outcomes" tabindex="0"><table id="grid-table" role="grid"></table></div>
<ul id="legend"></ul>
</div>
</section>`;
}
