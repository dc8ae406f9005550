import type { StepResult, StudyResults } from '../../report/results.js';

/**
 * The results of a study without secrets in what schedulers and steps said. They are taken out before the reports are made of it, which
 * each write texts in another way.
 */
export function redactedResults(results: StudyResults, redact: (text: string) => string): StudyResults {
  const inTail = (tail: string | null) => tail && redact(tail);
  const { interruption, steps, metrics } = results;
  return {
    ...results,
    interruption: redact(interruption),
    steps: steps.map(
      (step): StepResult => ({
        ...step,
        record: { ...step.record, reason: redact(step.record.reason) },
        errorTail: inTail(step.errorTail),
        ...(step.outputTail !== undefined && { outputTail: inTail(step.outputTail) }),
      }),
    ),
    ...(metrics && {
      metrics: metrics.map((row) => {
        const { line, reason } = row.verdict;
        return { ...row, verdict: { ...row.verdict, line: redact(line), reason: redact(reason) } };
      }),
    }),
  };
}
