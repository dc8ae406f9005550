/** A part of a report that is bounded in bytes. */
export interface Section {
  /** What it is called where it had to be left out: `the step graph`. */
  readonly name: string;
  /** Which section gets room first: 1 before 2. The order on the page is another matter. */
  readonly rank: number;
  /** The most bytes that it may have, however much room there is. */
  readonly most?: number;
  /**
   * Its text of at most `bytes` bytes, shortened where necessary with a note that says so; '' if there is nothing to say, undefined if
   * it does not fit at all.
   */
  render(bytes: number): string | undefined;
}

const end = '\n\n';
/** Room for the line that says what was left out. */
const NOTE_BYTES = 1000;

/** Sections below each other, in the order given, within `largest` bytes: sections that do not fit are left out, and named. */
export function arrange(sections: readonly Section[], largest: number): string {
  const texts = new Map<Section, string | undefined>();
  let room = largest - NOTE_BYTES;
  for (const section of [...sections].sort((a, b) => a.rank - b.rank)) {
    const bytes = Math.min(room - end.length, section.most ?? Number.POSITIVE_INFINITY);
    const text = section.render(bytes);
    const fits = text !== undefined && byteLength(text) <= bytes;
    texts.set(section, fits ? text : undefined);
    if (fits && text !== '') room -= byteLength(text) + end.length;
  }
  const shown = sections.flatMap((section) => texts.get(section) || []);
  const missing = sections.filter((section) => texts.get(section) === undefined).map(({ name }) => name);
  const note = missing.length === 0 ? [] : [`_Left out, for want of room: ${missing.join(', ')}._`];
  return [...shown, ...note].map((text) => text + end).join('');
}

/** The first text that fits. They are made one by one: the first is mostly enough. */
export function firstFitting(bytes: number, ...variants: readonly (() => string)[]): string | undefined {
  for (const variant of variants) {
    const text = variant();
    if (byteLength(text) <= bytes) return text;
  }
  return undefined;
}

/**
 * As many of the first lines as fit. `more` makes a line of the number of those that are left out.
 *
 * @param lines those that may be shown
 * @param total how many there are with those that may not
 */
export function fittingLines(
  bytes: number,
  lines: readonly string[],
  total: number,
  more: (count: number) => string,
  separator = '\n',
): string | undefined {
  const longestMore = byteLength(more(total)) + separator.length;
  let used = 0;
  let count = 0;
  while (count < lines.length) {
    const next = used + byteLength(lines[count]!) + separator.length;
    if (next + (count + 1 < total ? longestMore : 0) > bytes) break;
    used = next;
    count += 1;
  }
  if (count === 0 && total > 0) return undefined;
  const rest = total - count;
  return [...lines.slice(0, count), ...(rest > 0 ? [more(rest)] : [])].join(separator);
}

export function byteLength(text: string): number {
  return Buffer.byteLength(text);
}
