import { type Problem, problemOf } from '../problem.js';
import type { Position } from '../source.js';

/** Ends the reading: nothing after it could be trusted. */
export class Fatal extends Error {
  readonly problem: Problem;

  constructor(at: Position, message: string, hint?: string) {
    super(message);
    this.problem = problemOf('error', at, message, hint);
  }
}

/** Enough of a text to know it by. */
export function clip(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}
