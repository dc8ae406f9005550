import { type Blame, blame, isInfrastructure } from '../causes/cause.js';

/** A cause as reports for programs have it: its name, and whether it says nothing about the code. */
export interface ReportedCause {
  readonly cause: Blame['cause'] | null;
  readonly infrastructure: boolean;
}

export function reportedCause(of: Blame | null | undefined): ReportedCause {
  return of == null
    ? { cause: null, infrastructure: false }
    : { cause: of.cause, infrastructure: isInfrastructure(of) };
}

/** The cause that a report has; undefined if it is of a version that has none. */
export function causeIn({
  cause,
  infrastructure = false,
}: {
  readonly cause?: ReportedCause['cause'] | undefined;
  readonly infrastructure?: boolean | undefined;
}): Blame | null | undefined {
  if (cause == null) return cause;
  const byItself = blame(cause);
  return isInfrastructure(byItself) === infrastructure ? byItself : { cause, isOfSpec: !infrastructure };
}
