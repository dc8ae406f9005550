import type { Interruption } from '../../causes/interruption.js';
import type { Host } from '../../hosts/host.js';
import type { Metric } from '../../metrics/metric.js';
import { outputsOfJob } from '../../schedulers/batch-systems.js';
import { Source } from '../../spec/source.js';
import { ourHolder } from '../../store/lease.js';
import type { StudySight } from '../../store/look/look.js';
import type { Log } from '../../util/log/log.js';
import { type ReportContext, type RunOutcome, report } from '../report.js';
import { type KeptFiles, readKeptFiles, rebuildPlan } from './rebuild-plan.js';
import { viewOf } from './view.js';

/** Why a study counts as interrupted: for people, and as a kind that it is blamed on. */
export interface GivenUp {
  readonly why: string;
  readonly kind: Interruption;
}

export interface ExistingReportContext
  extends Pick<ReportContext, 'reportPlace' | 'baseline' | 'run' | 'metrics' | 'history'> {
  readonly host: Host;
  readonly log: Log;
  readonly options: ReportContext['options']['report'];
  /** Why the study counts as interrupted, whatever its journal says; undefined if it does not. */
  readonly interrupted?: GivenUp | undefined;
}

/**
 * Makes the reports of a study as it stands, as its run does at its end. Nothing in the study is changed, unless the reports go there.
 *
 * @throws HostError
 */
export async function reportExisting(context: ExistingReportContext, sight: StudySight): Promise<RunOutcome> {
  const { host, log, options } = context;
  const { state, path, now } = sight;
  const seen = viewOf(sight);
  const { interrupted } = context;
  const view = interrupted === undefined ? seen : { ...seen, status: 'INTERRUPTED' as const, why: interrupted.why };
  const kept = await readKeptFiles(host, path);
  const { plan, shownSpec, lacks } = rebuildPlan(state, path, kept);
  if (lacks !== undefined) log.warning(lacks);
  const { type } = plan.spec.batch;
  const isRunning = view.status === 'RUNNING';
  // Its metrics are read again.
  const statusOfSteps = view.status === 'FAILURE' ? (state.ended?.status ?? view.status) : view.status;
  const kind = interrupted?.kind ?? state.ended?.interruption ?? 'left';
  const interruption = isRunning ? 'it is still running' : view.status === 'INTERRUPTED' ? view.why : '';
  return report(
    {
      ...context,
      metrics: context.metrics ?? (await keptMetrics(kept)),
      options: { shownSpec, isDryRun: view.status === 'DRYRUN', report: options },
      holder: state.opened?.holder ?? ourHolder(),
    },
    { plan, session: undefined },
    {
      records: state.records,
      status: statusOfSteps === 'RUNNING' ? 'INTERRUPTED' : statusOfSteps,
      interruption,
      ...(interruption !== '' && !isRunning ? { interruptionKind: kind } : {}),
      outputsOfJob: (step, id) => (id === '' ? undefined : outputsOfJob(type, step, id)),
      fluxUri: (type === 'flux' && state.endpoints.at(-1)?.place) || null,
      started: view.begun ?? now,
      ended: view.ended ?? now,
    },
  );
}

/** The metrics that the study was run with: their text was checked then. */
async function keptMetrics({ inputs }: KeptFiles): Promise<readonly Metric[]> {
  const text = inputs?.inputs?.metrics ?? '';
  if (text === '') return [];
  const { readMetrics } = await import(/* webpackMode: "eager" */ '../../metrics/read.js');
  return readMetrics(new Source('metrics', text)).metrics;
}
