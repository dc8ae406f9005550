import type { Problem } from '../../spec/problem.js';
import type { Position } from '../../spec/source.js';

/**
 * The log of a run: a terminal, or the log of an Actions job. Texts may contain anything; escape sequences and commands
 * are disarmed.
 */
export interface Log {
  /** Begins a phase, and ends the one before. */
  phase(title: string): void;
  /** Ends the last phase; further lines belong to no phase. */
  endPhase(): void;
  info(text: string): void;
  /** Shows a last line that is kept up to date, if the log is a terminal. Undefined removes it. */
  live(text: (() => string) | undefined): void;
  problem(problem: Problem): void;
  /** Logs an error, with its place in the spec if that is known. */
  error(message: string, place?: Place): void;
  warning(message: string, place?: Place): void;
}

/** A line of the spec, and the title of the message about it. */
export interface Place {
  readonly at: Position;
  readonly title: string;
}
