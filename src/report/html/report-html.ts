import type { Comparison } from '../comparison.js';
import type { StudyResults } from '../results.js';
import { pageData } from './data.js';
import { page, tableSection } from './frame.js';
import { graphSection } from './graph.js';
import { gridAxes, gridSection } from './grid.js';
import { metricsSection } from './metrics.js';
import { movedSection, nodesSection } from './moved.js';
import { comparisonSection, failuresSection, header, shownFailures } from './sections.js';
import { timelineSection } from './timeline.js';

export interface ReportExtras {
  /** What is new since the baseline, if there is one. */
  readonly comparison?: Comparison | undefined;
  /** Where the workflow run is. */
  readonly runUrl?: string | undefined;
}

/** The text of report.html. */
export function reportHtml(results: StudyResults, extras: ReportExtras = {}): string {
  const failures = shownFailures(results);
  const axes = gridAxes(results.steps);
  return page({
    title: `${results.status}: ${results.name}`,
    header: header(results, extras.runUrl),
    sections: [
      ['failures', 'Failures', failuresSection(results, failures)],
      ['comparison', 'Since the baseline', comparisonSection(extras.comparison)],
      ['moved', 'What moved', movedSection(results)],
      ['nodes', 'Nodes and flaky steps', nodesSection(results)],
      ['metrics', 'Metrics', metricsSection(results)],
      ['grid', 'Grid', gridSection(axes)],
      ['graph', 'Step graph', graphSection(results)],
      ['timeline', 'Timeline', timelineSection(results)],
      ['steps', 'Steps', tableSection(results.steps.length)],
    ],
    data: pageData(results, { failures: new Set(failures), axes }),
  });
}
