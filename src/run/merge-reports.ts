import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { type MergedResults, merge } from '../report/merge/merge.js';
import { mergedHtml } from '../report/merge/merged-html.js';
import { mergedJson } from '../report/merge/merged-json.js';
import { mergedJunit } from '../report/merge/merged-junit.js';
import { mergedSummary } from '../report/merge/merged-summary.js';
import { namesOf } from '../report/merge/names.js';
import { ReportError, readReport, resultsOfReport } from '../report/read-report.js';
import type { StudyResults } from '../report/results.js';
import { InputError } from '../util/errors.js';
import { matchAny } from '../util/globs.js';
import type { GuardedPlace } from '../util/guarded-path.js';
import { oneLine } from '../util/log/plain-text.js';
import { writeFiles } from './write-reports.js';

/** Which reports are merged. */
export interface MergeRequest {
  /** Paths, globs or `NAME=PATH`. */
  readonly reports: readonly string[];
  /** The names of the legs that there should be. */
  readonly expected: readonly string[];
  /** What paths are relative to. */
  readonly directory: string;
  /** What messages call the reports: `input 'reports'`. */
  readonly called: string;
}

interface NamedFile {
  readonly file: string;
  readonly name: string | undefined;
}

/**
 * Reads and merges reports.
 *
 * @throws InputError with a line for everything that is wrong with them
 */
export function mergeReports({ reports, expected, directory, called }: MergeRequest): MergedResults {
  const errors: string[] = [];
  const files = reports.flatMap((entry) => {
    const { found, error } = filesOf(entry, directory, expected.length > 0);
    if (error !== undefined) errors.push(`${called}: ${error}`);
    return found;
  });
  const unique = [...new Map(files.map((file) => [path.resolve(directory, file.file), file])).values()];
  const unnamed = unique.filter(({ name }) => name === undefined).map(({ file }) => file);
  const derived = new Map(namesOf(unnamed, expected).map((name, i) => [unnamed[i]!, name]));
  const given = new Map<string, { readonly file: string; readonly results: StudyResults }>();
  for (const { file, name } of unique) {
    try {
      const results = resultsOfReport(readReport(readFileSync(path.resolve(directory, file), 'utf8')));
      const called = name ?? derived.get(file) ?? (results.host || file);
      const before = given.get(called);
      if (before !== undefined) {
        errors.push(
          `two reports are called ${oneLine(called)}, ${before.file} and ${file}: name them, as in ${oneLine(called)}-2=${file}`,
        );
      } else given.set(called, { file, results });
    } catch (error) {
      if (error instanceof ReportError) {
        errors.push(`${file} ${error.message}: it has to be the report.json of a run`);
      } else errors.push(`cannot read ${file}: ${(error as Error).message}`);
    }
  }
  if (errors.length > 0) throw new InputError(errors);
  return merge(new Map([...given].map(([name, { results }]) => [name, results])), expected);
}

/** The files that an entry names. */
function filesOf(
  entry: string,
  directory: string,
  mayBeNone: boolean,
): { readonly found: NamedFile[]; readonly error?: string } {
  const [, name, rest] = /^([^/=*?[{]+)=(.+)$/s.exec(entry) ?? [];
  const isNamed = name !== undefined && rest !== undefined && !isFile(path.resolve(directory, entry));
  const pattern = isNamed ? rest : entry;
  const files = expand(pattern, directory);
  if (files.length === 0) {
    if (mayBeNone) return { found: [] };
    return {
      found: [],
      error: /[*?[{]/.test(pattern) ? `no file matches '${pattern}'` : `there is no file ${pattern}`,
    };
  }
  if (isNamed && files.length > 1) {
    return {
      found: [],
      error: `'${pattern}' matches ${files.length} files, but only one can be called ${name.trim()}`,
    };
  }
  return { found: files.map((file) => ({ file, name: isNamed ? name.trim() : undefined })) };
}

/** The files that match a glob: `*` within a name, `**` for any directories. In the order of their names. */
function expand(pattern: string, directory: string): string[] {
  let found = [pattern.startsWith('/') ? '/' : ''];
  for (const part of pattern.split('/').filter((name) => name !== '' && name !== '.')) {
    if (part === '**') found = found.flatMap((at) => [at, ...directoriesBelow(at, directory)]);
    else if (!/[*?[{]/.test(part)) found = found.map((at) => path.join(at, part));
    else {
      const isMatch = matchAny([part]);
      found = found.flatMap((at) =>
        entriesOf(at, directory)
          .map(({ name }) => name)
          .filter(isMatch)
          .map((name) => path.join(at, name)),
      );
    }
  }
  return [...new Set(found)].filter((file) => isFile(path.resolve(directory, file)));
}

function directoriesBelow(at: string, directory: string): string[] {
  const below = entriesOf(at, directory).filter((entry) => entry.isDirectory());
  return below.flatMap(({ name }) => [path.join(at, name), ...directoriesBelow(path.join(at, name), directory)]);
}

function entriesOf(at: string, directory: string) {
  try {
    const entries = readdirSync(path.resolve(directory, at), { withFileTypes: true });
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch {
    return [];
  }
}

function isFile(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false })?.isFile() === true;
}

/** The reports of a merged result. */
export interface MergedFiles {
  readonly summary: string;
  /** What could not be written, for people. */
  readonly warnings: readonly string[];
}

/** Writes report.json, junit.xml, report.html and summary.md of a merged result. */
export async function writeMerged(
  merged: MergedResults,
  place: GuardedPlace,
  runUrl: string | undefined,
): Promise<MergedFiles> {
  const summary = mergedSummary(merged);
  const warnings = await writeFiles(place, {
    'report.json': mergedJson(merged),
    'summary.md': summary,
    'junit.xml': mergedJunit(merged),
    'report.html': mergedHtml(merged, { runUrl }),
  });
  return { summary, warnings };
}
