import { UserError } from '../util/errors.js';
import type { Position } from './source.js';

/** Something wrong, or probably wrong, in what the user wrote. */
export interface Problem {
  readonly severity: 'error' | 'warning';
  readonly at: Position;
  /** What is wrong, in one sentence without a final full stop. */
  readonly message: string;
  /** What to do about it. */
  readonly hint?: string;
}

/** A problem; without the key `hint` if there is none. */
export function problemOf(severity: Problem['severity'], at: Position, message: string, hint?: string): Problem {
  return hint === undefined ? { severity, at, message } : { severity, at, message, hint };
}

/** Something that is probably wrong. */
export function warning(at: Position, message: string, hint?: string): Problem {
  return problemOf('warning', at, message, hint);
}

/** `FILE:LINE:COLUMN: message (hint)`, the form that editors and terminals make clickable. */
export function formatProblem(problem: Problem): string {
  const { file, line, column } = problem.at;
  const kind = problem.severity === 'warning' ? 'warning: ' : '';
  const hint = problem.hint ? ` (${problem.hint})` : '';
  return `${file}:${line}:${column}: ${kind}${problem.message}${hint}`;
}

/** By place, as a person goes through a file; what is at one place in the order in which it was found. */
export function sortProblems(problems: readonly Problem[]): Problem[] {
  return [...problems].sort(
    ({ at: a }, { at: b }) => a.file.localeCompare(b.file) || a.line - b.line || a.column - b.column,
  );
}

/** Leaves out what is said of a place already: instances of a step have the same problem. */
export function withoutRepetitions(problems: readonly Problem[]): Problem[] {
  const byText = problems.map(
    (problem) => [`${problem.at.line}:${problem.at.column} ${problem.message}`, problem] as const,
  );
  return [...new Map(byText).values()];
}

/** Everything that is wrong with a spec, found at once. Thrown only when at least one problem is an error. */
export class SpecError extends UserError {
  readonly problems: readonly Problem[];

  constructor(found: readonly Problem[]) {
    const problems = sortProblems(found);
    super(problems.map(formatProblem).join('\n'));
    this.name = 'SpecError';
    this.problems = problems;
  }
}

/** Ends the reading of a text: nothing after the problem can be trusted. */
export class Fatal extends Error {
  readonly problem: Problem;

  constructor(at: Position, message: string, hint?: string) {
    super(message);
    this.problem = problemOf('error', at, message, hint);
  }
}

/** Enough of a text to recognize it by. */
export function clip(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}
