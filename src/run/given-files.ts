import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { type BaselineReport, parseBaseline } from '../report/comparison.js';
import { describeError, InputError } from '../util/errors.js';
import { type GuardedPlace, guardedPath } from '../util/guarded-path.js';
import { obstacleTo } from '../util/writable.js';
import type { RunOptions } from './options.js';

/**
 * Reads a spec from this machine.
 *
 * @param shown the path as the user gave it
 * @throws InputError if it cannot be read or is not UTF-8
 */
export function readSpecText(file: string, shown: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a directory' : message;
    throw new InputError([`cannot read the study ${shown}: ${why}`]);
  }
  return specTextOf(bytes, shown);
}

/** @throws InputError if it is not UTF-8 */
export function specTextOf(bytes: Uint8Array, shown: string): string {
  try {
    // The copy of the spec in the study keeps a byte order mark.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new InputError([`cannot read the study ${shown}: it is not UTF-8`]);
  }
}

/**
 * Reads the report of an earlier run. A first run has none: that is only a warning.
 *
 * @param baseline its path, relative to `directory`; '' for none, `auto` for what is no file
 * @throws InputError, BaselineError if it cannot be read
 */
export function readBaseline(
  baseline: string,
  directory: string,
  warn: (line: string) => void,
): BaselineReport | undefined {
  if (baseline === '' || baseline === 'auto') return undefined;
  let text: string;
  try {
    text = readFileSync(path.resolve(directory, baseline), 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT') throw new InputError([`cannot read the baseline ${baseline}: ${message}`]);
    warn(`there is no baseline ${baseline}, so the results are not compared`);
    return undefined;
  }
  return parseBaseline(text);
}

/** What is known of a study before it is planned. */
interface Given {
  readonly options: Pick<RunOptions, 'report'>;
  readonly specPath: string;
}

/** Where the user wants the reports; undefined if the user did not say. */
export function givenReportPlace(study: Given, workingDirectory: string): GuardedPlace | undefined {
  const given = study.options.report.path;
  return given === '' ? undefined : placeFor(given, { workingDirectory, specPath: study.specPath });
}

interface Surroundings {
  readonly workingDirectory: string;
  /** Undefined if there is no spec on this machine. */
  readonly specPath?: string;
}

/** A directory to write to. The working directory and the spec's may be a checkout that a pull request has prepared. */
export function placeFor(given: string, { workingDirectory, specPath }: Surroundings): GuardedPlace {
  const beside = specPath === undefined ? [] : [path.dirname(specPath)];
  const untrusted = [workingDirectory, ...beside].flatMap((directory) => [directory, ...checkoutsAround(directory)]);
  const roots = new Set(untrusted.filter((directory) => directory !== '/'));
  return { path: path.resolve(workingDirectory, given), untrusted: [...roots] };
}

/** The work trees of Git that a directory is in, but for a home that is one. */
function checkoutsAround(directory: string): string[] {
  const above = path.dirname(directory);
  const others = above === directory ? [] : checkoutsAround(above);
  return directory !== homedir() && existsSync(path.join(directory, '.git')) ? [directory, ...others] : others;
}

/** @throws InputError if the reports cannot be written where the user wants them */
export async function refuseReportPath(
  place: GuardedPlace | undefined,
  nameOf: (name: string) => string,
): Promise<void> {
  if (place === undefined) return;
  const refused = (why: string) => new InputError([`${nameOf('report-path')}: ${why}`]);
  try {
    const obstacle = await obstacleTo(await guardedPath(place, 'keep'));
    if (obstacle !== undefined) throw refused(`${obstacle}: give a directory that can be made or written to`);
  } catch (error) {
    throw error instanceof InputError ? error : refused(describeError(error));
  }
}
