import type { Position } from '../spec/source.js';

/** Which of the values that a pattern finds counts. */
export const takes = ['first', 'last', 'min', 'max', 'mean', 'count'] as const;
export type Take = (typeof takes)[number];

/** Which direction is good; `none`: no change is better or worse. */
export const betters = ['lower', 'higher', 'none'] as const;
export type Better = (typeof betters)[number];

export const onRegressions = ['fail', 'warn'] as const;

/** What may be thought of a value: `MetricVerdict` says what each means. */
export const verdicts = [
  ...(['ok', 'recorded', 'worse', 'better', 'outside', 'moved'] as const),
  ...(['missing', 'unreadable', 'unread'] as const),
] as const;

/** How far a value may be from its reference on one side: 5 %, or 0.2 in the metric's unit. Never negative. */
export interface Bound {
  readonly amount: number;
  readonly isPercent: boolean;
}

/** The bounds of both sides; null: none. */
export interface Tolerance {
  readonly lower: Bound | null;
  readonly upper: Bound | null;
}

/** The value that a metric should have, in all instances or in those with some values of parameters. */
export interface Reference {
  /** Values by the names of parameters; empty: in all instances. */
  readonly params: Readonly<Record<string, string>>;
  readonly value: number;
  readonly at: Position;
}

/** One entry of the input `metrics`. */
export interface Metric {
  readonly name: string;
  readonly at: Position;
  /** Globs for names of steps or instances. */
  readonly steps: readonly string[];
  readonly stepsAt: Position;
  /** A glob for files in the step's workspace; null: the step's stdout. */
  readonly file: string | null;
  /** The source of a regular expression. */
  readonly pattern: string;
  readonly take: Take;
  /** '' if it has none. */
  readonly unit: string;
  readonly better: Better;
  readonly references: readonly Reference[];
  readonly tolerance: Tolerance;
  /** In percent. */
  readonly baselineTolerance: number;
  readonly onRegression: (typeof onRegressions)[number];
  /** Whether an instance without a match is no failure. */
  readonly isOptional: boolean;
}

/** What both tolerances are if nothing is said. */
export const DEFAULT_TOLERANCE_PERCENT = 5;
