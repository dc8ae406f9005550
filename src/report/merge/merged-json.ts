import { isSkipped, lastJob } from '../../study/state.js';
import { reportedMetric } from '../metrics/reported.js';
import { studyJson } from '../report-json.js';
import { reportedCause } from '../reported-cause.js';
import { reasonOf } from '../results.js';
import { runTime } from '../run-time.js';
import { legStatus, type MergedResults } from './merge.js';
import { MERGED_SCHEMA, type MergedReport } from './merged-schema.js';

/** The text of the report.json of a merged result. */
export function mergedJson(merged: MergedResults): string {
  const report: MergedReport = {
    kind: 'merged',
    schema: MERGED_SCHEMA,
    status: merged.status,
    machines: merged.legs.map((leg) => ({
      name: leg.name,
      status: legStatus(leg),
      run: leg.results?.run ?? null,
      study: leg.results === undefined ? null : studyJson(leg.results),
      metrics: (leg.results?.metrics ?? []).map(reportedMetric),
    })),
    steps: merged.rows.map(({ name, step, params, cells }) => ({
      ...{ name, step, params },
      results: cells.flatMap((cell, i) => {
        if (cell === undefined) return [];
        const { record } = cell;
        const { state, tolerated } = record;
        return {
          machine: merged.legs[i]!.name,
          ...{ state, skipped: isSkipped(record), tolerated, reason: reasonOf(record) },
          ...reportedCause(cell.blame),
          nodes: lastJob(record)?.nodes?.slice() ?? null,
          runTime: runTime(cell),
        };
      }),
    })),
  };
  return `${JSON.stringify(report, null, 1)}\n`;
}
