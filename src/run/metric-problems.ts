import type { Metric } from '../metrics/metric.js';
import type { Problem } from '../spec/problem.js';
import type { StepGraph } from '../study/graph.js';

/** What is wrong with metrics of a study, as far as its steps and parameters show it. */
export async function metricProblems(metrics: readonly Metric[], { steps }: StepGraph): Promise<readonly Problem[]> {
  if (metrics.length === 0) return [];
  const { assignMetrics } = await import(/* webpackMode: "eager" */ '../metrics/assign.js');
  return assignMetrics(metrics, steps).problems;
}
