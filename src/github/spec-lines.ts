import { readSpec } from '../spec/read.js';
import { Source } from '../spec/source.js';
import type { Annotation } from './annotations.js';

/** What is known of the spec at the commit that a check run is on. */
export type SpecAtHead =
  /** It is what ran. */
  | { readonly kind: 'same' }
  | { readonly kind: 'text'; readonly text: string }
  /** There is no such file. */
  | { readonly kind: 'absent' }
  /** It could not be read. */
  | { readonly kind: 'unknown' };

/** Where an annotation goes: a line, with a word about it if that is not where the trouble is. */
export interface PlacedLine {
  readonly line: number;
  readonly note?: string;
}

/**
 * The lines, at a commit, of what is said about the spec that ran. A pull request's run is of what would come of merging
 * it, where others' changes may have moved the lines.
 *
 * @returns undefined for annotations that have no place there
 */
export function linesAt(head: SpecAtHead, ran: string): (annotation: Annotation) => PlacedLine | undefined {
  switch (head.kind) {
    case 'same':
      return ({ line }) => ({ line: Math.max(1, line) });
    case 'absent':
      return () => undefined;
    case 'unknown':
      return ({ line }) => ({
        line: 1,
        note: `Line ${line} of the spec that ran; the spec at this commit could not be read`,
      });
    case 'text':
      return head.text === ran ? linesAt({ kind: 'same' }, ran) : linesBetween(ran, head.text);
  }
}

function linesBetween(ran: string, head: string): (annotation: Annotation) => PlacedLine {
  const steps = stepLines(head);
  const ranLines = ran.split('\n');
  const headLines = linesByText(head);
  return ({ line, step }) => {
    const text = ranLines[line - 1]?.trim() ?? '';
    const same = headLines.get(text);
    const at = step !== undefined ? steps.get(step) : same?.length === 1 && text !== '' ? same[0] : undefined;
    if (at !== undefined) return { line: at };
    return { line: 1, note: `Line ${line} of the spec that ran; the spec at this commit does not have it` };
  };
}

/** The first line of each step. A text that is no spec has none. */
function stepLines(text: string): Map<string, number> {
  const { draft } = readSpec(new Source('', text));
  const lines = new Map<string, number>();
  for (const { name, at } of draft?.steps ?? []) if (!lines.has(name)) lines.set(name, at.line);
  return lines;
}

function linesByText(text: string): Map<string, number[]> {
  const lines = new Map<string, number[]>();
  for (const [i, line] of text.split('\n').entries()) {
    const key = line.trim();
    const those = lines.get(key);
    if (those === undefined) lines.set(key, [i + 1]);
    else those.push(i + 1);
  }
  return lines;
}
