/** What a harness has done, for its table. */
export interface Row {
  readonly what: string;
  /** Studies that were run to their end. */
  readonly studies: number;
  /** Steps in all of them. */
  readonly steps: number;
  /** What was done to them. */
  readonly faults: Readonly<Record<string, number>>;
  readonly ranTwice: number;
  readonly lost: number;
  readonly seconds: number;
  /** What chance began with, if it had a part in it. */
  readonly seed?: number;
  /** Of the conductors: `75 MB`. */
  readonly memory?: string;
}

const columns: Readonly<Record<string, (row: Row) => string>> = {
  '': ({ what }) => what,
  studies: ({ studies }) => String(studies),
  steps: ({ steps }) => String(steps),
  faults: ({ faults }) =>
    Object.entries(faults)
      .map(([fault, count]) => `${fault} ${count}`)
      .join(', '),
  'ran twice': ({ ranTwice }) => String(ranTwice),
  lost: ({ lost }) => String(lost),
  time: ({ seconds }) => `${Math.round(seconds)} s`,
  seed: ({ seed }) => (seed === undefined ? '' : String(seed)),
  memory: ({ memory = '' }) => memory,
};

/** A table of what was done and what came of it, for people. */
export function tableOf(rows: readonly Row[]): string {
  const cells = [Object.keys(columns), ...rows.map((row) => Object.values(columns).map((cell) => cell(row)))];
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map((line) => line[column]!.length)));
  return cells
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
