import type { StudyEnd } from '../store/journal/records.js';
import type { ExecutionResult } from './execute.js';
import type { RunOutcome } from './report.js';

/**
 * How a study ended, for its journal: later looks at it, which read no metrics, are to say the same as its run.
 *
 * @param outcome undefined if it could not be reported
 */
export function studyEnd(
  ran: ExecutionResult | undefined,
  outcome: Pick<RunOutcome, 'results'> | undefined,
): StudyEnd | undefined {
  if (ran === undefined) return undefined;
  const failed = outcome?.results.metrics?.filter(({ verdict }) => verdict.severity === 'failure').length;
  return { status: ran.status, interruption: ran.interruptionKind, failedMetrics: failed || undefined };
}
