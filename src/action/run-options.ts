import { existsSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import type { Runner } from '../github/runner-facts.js';
import { isWithin } from '../github/spec-lines.js';
import { isStaged, overlaysOf, pgenOf, runOptionsOf } from '../inputs/derive.js';
import { fileNames } from '../inputs/file-names.js';
import { ineffectiveInputs } from '../inputs/ineffective.js';
import { metricsFile } from '../inputs/metrics.js';
import type { Inputs } from '../inputs/schema.js';
import { type StudyKeys, withPlainPaths } from '../inputs/study-key.js';
import { outcomeLine } from '../report/final-table.js';
import type { RunContext } from '../run/context.js';
import { givenReportPlace, readSpecText } from '../run/given-files.js';
import { Mistakes } from '../run/mistakes.js';
import { type OpenedHosts, stageRootOf } from '../run/open-hosts.js';
import type { HostInputs, SpecContext, StudyContext } from '../run/prepare.js';
import type { ProcessContext } from '../run/process-context.js';
import type { RunOutcome } from '../run/report.js';
import type { Spec } from '../spec/spec.js';
import { ourHolder } from '../store/lease.js';
import { shortHash, studiesRoot, studyDirectory } from '../study/directory.js';
import { safeName } from '../study/names.js';
import { InputError } from '../util/errors.js';
import type { ActionsLog, Placing } from '../util/log/actions-log.js';
import type { CheckRunObserver } from './check-run-observer.js';
import { outputsOf, setOutputs, writeSummary } from './runner.js';
import { saveLeftBehind } from './state.js';

/** What messages call an input on GitHub. */
export const nameOf = (name: string) => `input '${name}'`;

/** What becomes of what is wrong on a line of the spec. */
export const placings: Readonly<Record<Inputs['annotations'], Placing>> = {
  checks: 'kept',
  commands: 'commands',
  none: 'lines',
};

/** A study as the inputs give it. */
export interface GivenStudy extends SpecContext, Pick<StudyContext, 'pgen' | 'hostInputs' | 'metrics'> {
  readonly inputs: Inputs;
}

/** The study as the inputs give it, with its paths in one spelling. Undefined if it cannot be read, which is one of the mistakes. */
export function givenStudy(
  given: Inputs,
  runner: Runner,
  mistakes: Mistakes,
  hostInputs?: HostInputs,
): GivenStudy | undefined {
  const inputs = withPlainPaths(given, runner.workspace);
  if (inputs.spec === '') return undefined;
  const specPath = path.resolve(runner.workspace, inputs.spec);
  const stageRoot = isStaged(inputs)
    ? mistakes.attempt(() => stageRootOf(inputs.stage, specPath, runner.workspace))
    : undefined;
  const text = mistakes.attempt(() => readSpecText(specPath, inputs.spec));
  if (text === undefined) return undefined;
  return {
    inputs,
    hostInputs,
    options: runOptionsOf(inputs),
    pgen: pgenOf(inputs, runner.workspace),
    specPath,
    text,
    overlays: overlaysOf(inputs, nameOf),
    workingDirectory: runner.workspace,
    stageRoot,
  };
}

/** The study of a step that has begun. @throws InputError if it cannot be read any more */
export function readableStudy(inputs: Inputs, runner: Runner): GivenStudy {
  const mistakes = new Mistakes();
  const study = givenStudy(inputs, runner, mistakes);
  mistakes.refuse();
  if (study === undefined) throw new InputError([`${nameOf('spec')} is not given`]);
  return study;
}

/** Takes out the inputs that are a text, and were given the name of a file. */
export function withoutFileNames(inputs: Inputs, { workspace }: Runner, mistakes: Mistakes): Inputs {
  const isFile = (name: string) =>
    statSync(path.resolve(workspace, name), { throwIfNoEntry: false })?.isFile() ?? false;
  const { inputs: others, errors } = fileNames(inputs, { nameOf, readsFiles: false, isFile });
  mistakes.add(...errors);
  return others;
}

/**
 * Refuses files of a fork's that are links out of the checkout: what is wrong with them would be told in their own words, which
 * may be secrets of the runner's.
 *
 * @throws InputError
 */
export function refuseForeignFiles(inputs: Inputs, { workspace }: Runner): void {
  const root = realpathSync(workspace);
  const given = { spec: inputs.spec, baseline: inputs.baseline, metrics: metricsFile(inputs) ?? '' };
  for (const [name, shown] of Object.entries(given)) {
    const file = path.resolve(workspace, shown);
    if (shown === '' || !isWithin(file, workspace) || !existsSync(file)) continue;
    if (isWithin(realpathSync(file), root)) continue;
    throw new InputError([`${nameOf(name)}: ${shown} leads out of the checkout, which is not allowed for a fork`]);
  }
}

/** The runner, and what the study is known by there. */
export interface OnRunner {
  readonly runner: Runner;
  readonly keys: StudyKeys;
  /** Whether the study is only looked at, because it may be a fork's: it decides nothing about where files are written. */
  readonly isUntrusted: boolean;
}

/** What a run of the study takes on a runner, but for its allocation. */
export function runContext(
  study: GivenStudy,
  { runner, keys, isUntrusted }: OnRunner,
  { environment, cancel, hangup }: ProcessContext,
  { host, here, home, isElsewhere }: OpenedHosts,
  log: ActionsLog,
): Omit<RunContext, 'request' | 'baseline'> {
  const { inputs } = study;
  const { key, former } = keys;
  const directory = (spec: Spec, suffix: string) => {
    // Neither OUTPUT_PATH nor an output-path with a link in it leads out of there.
    if (isUntrusted) return path.join(runner.temporary, 'maestro-dry-run', safeName(`${spec.name}_${suffix}`));
    return studyDirectory(spec, {
      outputPath: inputs['output-path'],
      // Not below the checkout, which the next run cleans.
      root: path.posix.join(studiesRoot(home), runner.repository),
      home,
      suffix,
    });
  };
  return {
    ...study,
    log,
    cancel,
    hangup,
    host,
    here,
    place: (spec) => ({
      path: directory(spec, key),
      key,
      resume: inputs.resume,
      ...(former !== undefined && !isUntrusted && { former: { path: directory(spec, former), key: former } }),
    }),
    reportPlace: (studyPath) =>
      givenReportPlace(study, runner.workspace) ?? {
        path: path.join(runner.temporary, 'maestro-report', shortHash(studyPath), path.basename(studyPath)),
        untrusted: [],
      },
    // A runner in an allocation, whose steps have a login's environment.
    around: isElsewhere ? '' : (environment.FLUX_URI ?? ''),
    ineffectiveOptions: (plan) => ineffectiveInputs(inputs, plan),
    holder: ourHolder(runner.runUrl, runner.attempt),
    isKeyDerived: inputs['study-key'] === '',
    remember: saveLeftBehind,
  };
}

/** Outputs and summary first: GitHub's API may take longer than a runner waits that has been told to cancel. */
export async function report(
  { results, comparison, reportPath, summary, isResumable, isNeutral, exitCode }: RunOutcome,
  inputs: Inputs,
  log: ActionsLog,
  publication: CheckRunObserver,
): Promise<void> {
  const early = publication.url;
  const failures = [
    setOutputs(outputsOf(results, reportPath, early)),
    inputs.summary ? await writeSummary(summary) : undefined,
  ];
  const url = await publication.ended({ results, comparison, isNeutral });
  if (url !== early) failures[0] ??= setOutputs(outputsOf(results, reportPath, url));
  for (const failure of failures) if (failure !== undefined) log.warning(failure);
  if (exitCode !== 0) log.error(outcomeLine(results));
  if (isResumable) {
    log.info('To continue it, re-run this job, or run the workflow again with the same study-key');
  }
}
