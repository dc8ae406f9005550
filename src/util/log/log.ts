import type { Problem } from '../../spec/problem.js';
import type { Position } from '../../spec/source.js';

/** Where a run is told as it goes: a terminal, or the log of an Actions job. Texts may hold anything; none is obeyed. */
export interface Log {
  /** Begins a phase; the phase before ends. */
  phase(title: string): void;
  /** Ends the last phase: what follows stands by itself. */
  endPhase(): void;
  info(text: string): void;
  /** A last line that is kept up to date, where that is possible; elsewhere nothing. Undefined ends it. */
  live(text: (() => string) | undefined): void;
  problem(problem: Problem): void;
  /** Something that went wrong, at a place in the spec if that is known. */
  error(message: string, place?: Place): void;
  warning(message: string, place?: Place): void;
}

/** A line of the spec, and the title of what is said about it. */
export interface Place {
  readonly at: Position;
  readonly title: string;
}
