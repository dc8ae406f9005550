import type { Host } from '../hosts/host.js';
import { collect, collectedText, collectedWarnings } from '../report/artifacts/collected.js';
import { bringLogs } from '../report/artifacts/failed-logs.js';
import { failuresOf } from '../report/attention.js';
import { metricFileNames } from '../report/metrics/files.js';
import type { StudyResults } from '../report/results.js';
import { describeError } from '../util/errors.js';
import { someOf } from '../util/format.js';
import { GuardedDirectory } from '../util/guarded-directory.js';
import type { GuardedPlace } from '../util/guarded-path.js';
import type { Log } from '../util/log/log.js';
import type { RunOptions } from './options.js';

/** What reports are written with. */
export interface WriteContext {
  readonly options: Pick<RunOptions, 'isDryRun' | 'report'>;
  readonly host: Host;
  readonly log: Log;
}

/** Writes files of this machine. That they cannot be written must not hide how the study ended: it is a warning. */
export async function writeReports(
  context: WriteContext,
  results: StudyResults,
  files: Readonly<Record<string, string>>,
  place: GuardedPlace,
): Promise<void> {
  const { log } = context;
  let directory: GuardedDirectory;
  try {
    directory = await GuardedDirectory.open(place);
  } catch (error) {
    log.warning(cannotWrite(error));
    return;
  }
  const unwritten = await writeEach(directory, files);
  const warnings = [...unwritten, ...(await bring(context, results, directory)), ...replacedWarnings(directory)];
  for (const warning of warnings) log.warning(warning);
  if (unwritten.length === 0) log.info(`Reports in ${place.path}`);
}

/**
 * Writes reports of this machine that no other files go with. Never throws.
 *
 * @returns what a person is to be warned of
 */
export async function writeFiles(place: GuardedPlace, files: Readonly<Record<string, string>>): Promise<string[]> {
  try {
    const directory = await GuardedDirectory.open(place);
    return [...(await writeEach(directory, files)), ...replacedWarnings(directory)];
  } catch (error) {
    return [cannotWrite(error)];
  }
}

const cannotWrite = (error: unknown) => `the reports cannot be written: ${describeError(error)}`;

/** @returns what a person is to be warned of */
async function writeEach(directory: GuardedDirectory, files: Readonly<Record<string, string>>): Promise<string[]> {
  const warnings: string[] = [];
  for (const [name, text] of Object.entries(files)) {
    try {
      await directory.write(name, text);
    } catch (error) {
      warnings.push(`the report ${name} cannot be written: ${describeError(error)}`);
    }
  }
  return warnings;
}

function replacedWarnings({ replaced }: GuardedDirectory): string[] {
  if (replaced.length === 0) return [];
  return [`a symbolic link, or a special file, was in the way of ${someOf(replaced)}: it was removed, not followed`];
}

/** Names in the directory of the reports that are not for files of the study. */
const reserved = ['report.json', 'junit.xml', 'report.html', 'summary.md', 'logs', ...metricFileNames];

/**
 * Brings to the reports what is wanted of the study's files, and the logs of failed steps. That it cannot be brought does
 * not change how the study ended.
 *
 * @returns what a person is to be warned of
 */
async function bring(
  { host, options, log }: WriteContext,
  results: StudyResults,
  directory: GuardedDirectory,
): Promise<string[]> {
  const wanted = options.report.collect;
  if (options.isDryRun) return [];
  const logs = failuresOf(results.steps).flatMap(({ step, outputs }) => {
    const [stdout, stderr] = [`${results.path}/${outputs?.stdout}`, `${results.path}/${outputs?.stderr}`];
    return outputs === null ? [] : [{ name: step.name, stdout, stderr }];
  });
  const warnings: string[] = [];
  // Whatever becomes of the one, the other is tried.
  try {
    const { leftOut } = await bringLogs(host, logs, directory);
    if (leftOut > 0) {
      const brought = logs.length - leftOut;
      log.info(`The logs of ${brought} failed steps are in logs/ of the reports; ${leftOut} more are left out`);
    }
  } catch (error) {
    warnings.push(`the logs of failed steps could not be collected: ${describeError(error)}`);
  }
  if (wanted.length === 0) return warnings;
  try {
    const collected = await collect(host, results.path, wanted, directory, reserved);
    log.info(collectedText(collected));
    warnings.push(...collectedWarnings(collected));
  } catch (error) {
    warnings.push(`not everything could be collected: ${describeError(error)}`);
  }
  return warnings;
}
