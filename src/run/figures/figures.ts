import { recordDirectory } from '../../history/files.js';
import type { Judgement } from '../../history/judge.js';
import { type HistoryRecord, readHistory } from '../../history/record.js';
import { type Host, HostError } from '../../hosts/host.js';
import type { Metric } from '../../metrics/metric.js';
import { verdictOf } from '../../metrics/verdict.js';
import { withMetricRows } from '../../report/metrics/outcome.js';
import type { MetricRow } from '../../report/metrics/rows.js';
import type { ShownHistory, StudyResults } from '../../report/results.js';
import { someOf } from '../../util/format.js';
import type { Log } from '../../util/log/log.js';
import { oneLine } from '../../util/log/plain-text.js';
import type { HistoryOptions } from '../history-options.js';
import { baselineOf, type Compared, compareWithHistory, earlierRecords } from './compare-history.js';
import { readHistoryFiles, writeHistoryFile } from './history-files.js';
import { type Measured, measure } from './read-metrics.js';
import { historySteps, recordOf } from './record.js';

export interface FiguresContext {
  readonly host: Host;
  readonly log: Pick<Log, 'info' | 'warning'>;
  readonly metrics: readonly Metric[];
  /** Undefined if there is none. */
  readonly history: HistoryOptions | undefined;
  /** Aborted when the run is to end. */
  readonly stop?: AbortSignal | undefined;
  /** In percent: which growth of a step's run time is more than usual. */
  readonly slowerThan: number;
}

/** What outputs and history say of a study. */
export interface Figures {
  readonly results: StudyResults;
  /** Adds the study to the history, if it belongs there. That it cannot be added is a warning. */
  keep(): Promise<void>;
}

/**
 * Reads the metrics of a study that has ended and the history of its branch, and judges what is new. What cannot be read is a
 * warning, or a reading that says so.
 */
export async function figuresOf(context: FiguresContext, results: StudyResults): Promise<Figures> {
  const { host, log, metrics, history, slowerThan, stop } = context;
  // A cancelled study has little time left, so its metrics are not read.
  if (results.status === 'CANCELLED' || results.status === 'DRYRUN') return { results, keep: async () => {} };
  // A study that was stopped has little time left or no host, and is measured when it has been resumed.
  const wasStopped = results.status === 'INTERRUPTED' && results.interruptionKind !== undefined;
  const measured = metrics.length === 0 || wasStopped ? [] : await measure(host, results, metrics, stop);
  warnOfUnread(log, measured);
  const known = history && (await earlierRuns(context, history, results));
  const steps = known && historySteps(results.steps);
  const compared =
    known && compareWithHistory(results, { measured, steps: steps!, records: known.records, slowerThan });
  const rows = measured.map((each) => rowOf(each, compared));
  const judged = metrics.length === 0 ? results : withMetricRows(results, rows);
  const shown = compared === undefined ? judged : { ...judged, history: shownHistory(history!, compared, known!.last) };
  return {
    results: shown,
    keep: async () => {
      if (history?.isWritten !== true) return;
      const file = recordOf(shown, history.run);
      if (file === undefined) return;
      try {
        await writeHistoryFile(host, directoryOf(history), file, known?.toRemove ?? []);
      } catch (error) {
        if (!(error instanceof HostError)) throw error;
        log.warning(`this run was not added to the history: ${error.message}`);
      }
    },
  };
}

function warnOfUnread(log: FiguresContext['log'], measured: readonly Measured[]): void {
  const reasons = measured.flatMap(({ reading }) => (reading.is === 'unread' ? [reading.why] : []));
  if (reasons.length === 0) return;
  const some = reasons.length === 1 ? 'a metric was not read' : `${reasons.length} metrics were not read`;
  const what = reasons.length === measured.length ? 'no metric was read' : some;
  log.warning(`${what}, so regressions may go unnoticed: ${reasons[0]}`);
}

const directoryOf = ({ root, run }: HistoryOptions) => `${root}/${recordDirectory(run)}`;

/** The runs to compare with; undefined if they cannot be read. */
async function earlierRuns({ host, log }: FiguresContext, history: HistoryOptions, { ended }: StudyResults) {
  const directory = directoryOf(history);
  try {
    const { files, toRemove, foreign } = await readHistoryFiles(host, directory);
    const { records, skipped } = readHistory(files);
    const unusable = [...skipped, ...foreign.map((name) => ({ name, why: 'does not have the name of a record' }))];
    if (unusable.length > 0) {
      const names = unusable.map(({ name, why }) => oneLine(`${name} ${why}`));
      log.warning(`some files of the history in ${directory} on ${host.name} were ignored: ${someOf(names, 3)}`);
    }
    const earlier = earlierRecords(records, history.run, ended);
    return { records: baselineOf(earlier), last: earlier.at(-1), toRemove };
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    log.warning(`the results could not be compared with earlier runs: ${error.message}`);
    return undefined;
  }
}

function shownHistory(
  { run, server }: HistoryOptions,
  { runs, changes, slower, values }: Compared,
  last: HistoryRecord | undefined,
): ShownHistory {
  const wasBad = last === undefined ? {} : { wasBad: last.status !== 'FINISHED' };
  return { branch: run.branch, ...wasBad, commit: run.commit, server, runs, changes, slower, values };
}

function rowOf({ metric, step, reference, reading }: Measured, compared: Compared | undefined): MetricRow {
  const judgement: Judgement | null = compared?.judgements.get(metric.name)?.get(step.name) ?? null;
  return {
    metric: { name: metric.name, unit: metric.unit, better: metric.better },
    step: { name: step.name, step: step.step, params: step.params },
    verdict: verdictOf({ metric, reading, reference, judgement }),
    judgement,
  };
}
