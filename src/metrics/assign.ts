import { type Problem, problemOf } from '../spec/problem.js';
import { suggestions } from '../util/closest.js';
import { someOf } from '../util/format.js';
import { matchAny } from '../util/globs.js';
import type { Metric, Reference } from './metric.js';
import { ReferenceIndex } from './references.js';

/** What of an instance decides which metrics it has. */
export interface MeasuredStep {
  readonly index: number;
  readonly name: string;
  readonly step: string;
  readonly params: Readonly<Record<string, string>>;
}

/** A metric of one instance. */
export interface Assignment {
  readonly metric: Metric;
  readonly step: MeasuredStep;
  /** Null if none is given for this instance. */
  readonly reference: Reference | null;
}

/**
 * Which instances have which metric, and with which reference. A metric of no step is an error, since it would never be
 * missed, and so are two references of which neither says more. A reference of no instance is a warning: the parameters may
 * be fewer this time.
 */
export function assignMetrics(
  metrics: readonly Metric[],
  steps: readonly MeasuredStep[],
): { readonly assignments: readonly Assignment[]; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const assignments = metrics.flatMap((metric) => {
    const isMeasured = matchAny(metric.steps);
    const measured = steps.filter(({ name, step }) => isMeasured(name) || isMeasured(step));
    const references = new ReferenceIndex(metric.references);
    const used = new Set<Reference>();
    const contradictions = new Map<Reference, string>();
    const assigned = measured.map((step): Assignment => {
      const found = references.matching(step.params);
      for (const reference of found) used.add(reference);
      if (found.length > 1 && !contradictions.has(found[1]!)) contradictions.set(found[1]!, step.name);
      return { metric, step, reference: found[0] ?? null };
    });
    for (const [{ at }, name] of contradictions) {
      const message = `two references of metric '${metric.name}' are for ${name}`;
      problems.push(problemOf('error', at, message, 'give one for both parameters together'));
    }
    problems.push(...unusedIn(metric, { measured, used, all: steps }));
    return assigned;
  });
  return { assignments, problems };
}

interface Usage {
  readonly measured: readonly MeasuredStep[];
  readonly used: ReadonlySet<Reference>;
  readonly all: readonly MeasuredStep[];
}

/** What of a metric is for no instance. */
function unusedIn(metric: Metric, { measured, used, all }: Usage): Problem[] {
  if (measured.length === 0) {
    const names = new Set(all.map(({ step }) => step));
    const [guess] = metric.steps.flatMap((glob) => suggestions(glob, names));
    const hint = guess === undefined ? `the steps are ${someOf([...names])}` : `did you mean '${guess}'?`;
    return [problemOf('error', metric.stepsAt, `no step matches 'steps' of metric '${metric.name}'`, hint)];
  }
  const known = new Set(measured.flatMap(({ params }) => Object.keys(params)));
  return metric.references
    .filter((reference) => !used.has(reference))
    .map(({ at, params }) => {
      const unknown = Object.keys(params).find((name) => !known.has(name));
      const values = Object.entries(params).map(([name, value]) => `${name}=${value}`);
      const what = unknown === undefined ? `is of ${values.join(', ')}` : `has a parameter ${unknown}`;
      return problemOf('warning', at, `no instance with metric '${metric.name}' ${what}`);
    });
}
