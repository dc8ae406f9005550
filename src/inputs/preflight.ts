import { statSync } from 'node:fs';
import type { Metric } from '../metrics/metric.js';
import type { BaselineReport } from '../report/comparison.js';
import { givenReportPlace, readBaseline, refuseReportPath } from '../run/given-files.js';
import { metricProblems } from '../run/metric-problems.js';
import type { Mistakes } from '../run/mistakes.js';
import { nowhere, planAt, type ReadStudy, readStudy, type SpecContext, type StudyContext } from '../run/prepare.js';
import type { AllocationRequest } from '../schedulers/allocation/request.js';
import { checkOverlays } from '../spec/overlay.js';
import { SpecError } from '../spec/problem.js';
import type { Spec } from '../spec/spec.js';
import type { Pgen } from '../study/pgen/pgen.js';
import { obstacleTo } from '../util/writable.js';
import { isElsewhere, overlaysOf, pgenOf, requestOf, runOptionsOf } from './derive.js';
import { readableMetrics } from './metrics.js';
import type { Inputs } from './schema.js';

export interface PreflightOptions {
  readonly nameOf: (name: string) => string;
  /** The directory that relative paths start from. */
  readonly directory: string;
  readonly warn: (line: string) => void;
  /** Where the study will be, if that is on this machine. */
  readonly studyPath?: (spec: Spec) => string;
}

/** A study that could be read. */
export type PreflightStudy = SpecContext & Pick<StudyContext, 'pgen'>;

/** What a run takes, and is read before anything is connected to. */
export interface Ready {
  /** Undefined if there is no study, or it cannot be read. */
  readonly read: ReadStudy | undefined;
  readonly request: AllocationRequest | undefined;
  readonly baseline: BaselineReport | undefined;
  readonly metrics: readonly Metric[];
}

/**
 * Looks for everything that is wrong with a start, as far as that needs no other machine and no scheduler.
 *
 * @param study undefined if it cannot be read, which is one of the mistakes, or none was named
 * @returns what was read; what is wrong is in `mistakes`
 */
export async function preflight(
  study: PreflightStudy | undefined,
  inputs: Inputs,
  mistakes: Mistakes,
  { nameOf, directory, warn, studyPath }: PreflightOptions,
): Promise<Ready> {
  const read = study && mistakes.attempt(() => readStudy(study));
  if (study === undefined) mistakes.attempt(() => refuseProblems(checkOverlays(overlaysOf(inputs, nameOf))));
  const request = mistakes.attempt(() => requestOf(inputs, nameOf));
  const pgen = pgenOf(inputs, directory);
  if (pgen !== undefined) mistakes.add(...missingPgen(pgen, nameOf));
  const baseline = mistakes.attempt(() => readBaseline(inputs.baseline, directory, warn));
  const { metrics = [], warnings = [] } =
    (await mistakes.attemptAsync(() => readableMetrics(inputs, { nameOf, directory }))) ?? {};
  const place = givenReportPlace({ options: runOptionsOf(inputs), specPath: study?.specPath ?? directory }, directory);
  await mistakes.attemptAsync(() => refuseReportPath(place, nameOf));
  const home = read && studyPath?.(read.spec);
  const obstacle = home && (await obstacleTo(home));
  if (obstacle !== undefined)
    mistakes.add(`the study cannot be in ${home}: ${obstacle} (choose another place with ${nameOf('output-path')})`);
  const key = inputs['ssh-key'];
  if (isElsewhere(inputs) && inputs['ssh-client'] === 'ssh2' && key !== '') {
    // Loaded only where it is needed, as by the connection.
    const { readPrivateKey } = await import(/* webpackMode: "eager" */ '../hosts/ssh/private-key.js');
    mistakes.attempt(() => readPrivateKey(key, inputs['ssh-passphrase']));
  }
  // A study without mistakes is planned later, where it will be; with them this is the time to tell all that is wrong.
  if (!mistakes.isEmpty && study !== undefined && read !== undefined && pgen === undefined) {
    const planned = mistakes.attempt(() => planAt(study, read, nowhere));
    if (planned !== undefined) {
      const wrong = await metricProblems(metrics, planned.plan.graph);
      mistakes.attempt(() => refuseProblems(wrong));
    }
  }
  return { read: read && { ...read, warnings: [...read.warnings, ...warnings] }, request, baseline, metrics };
}

function refuseProblems(problems: ReturnType<typeof checkOverlays>): void {
  if (problems.some(({ severity }) => severity === 'error')) throw new SpecError(problems);
}

function missingPgen({ file, shown }: Pgen, nameOf: (name: string) => string): string[] {
  const status = statSync(file, { throwIfNoEntry: false });
  const why = status === undefined ? 'there is no such file' : status.isDirectory() ? 'it is a directory' : undefined;
  return why === undefined ? [] : [`${nameOf('pgen')}: cannot read ${shown}: ${why}`];
}
