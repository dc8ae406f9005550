import { type FoundParts, readParts, type WantedPart } from '../../hosts/file-parts.js';
import { type Host, HostError } from '../../hosts/host.js';
import { type Assignment, assignMetrics } from '../../metrics/assign.js';
import type { Metric } from '../../metrics/metric.js';
import { MAX_SEARCHED_BYTES, type SearchResult, TextSearcher } from '../../metrics/search.js';
import { joinedResults, keptFor, type Reading, readingOf } from '../../metrics/value.js';
import type { StepResult, StudyResults } from '../../report/results.js';
import { groupBy } from '../../util/group-by.js';

/** What a metric of one instance came to, before anything is thought of it. */
export interface Measured extends Assignment {
  readonly reading: Reading;
}

const limits = { bytes: MAX_SEARCHED_BYTES, files: 8, seconds: 600 } as const;

/** The metrics of an instance that are in the same files. */
interface Wanted {
  readonly part: WantedPart;
  readonly of: readonly Assignment[];
}

/**
 * Reads the metrics of the steps that are FINISHED: others have come to no value. What cannot be read is a reading that says
 * so: `unread` where that is the host's fault. Never throws for the host's sake.
 *
 * @param stop aborted when the run is to end: what is not read by then is `unread`
 */
export async function measure(
  host: Host,
  { path, steps }: Pick<StudyResults, 'path' | 'steps'>,
  metrics: readonly Metric[],
  stop?: AbortSignal,
): Promise<readonly Measured[]> {
  const { assignments } = assignMetrics(
    metrics,
    steps.map(({ step }, index) => ({ ...step, index })),
  );
  const due = assignments.filter(({ step }) => steps[step.index]!.record.state === 'FINISHED');
  const readings = new Map<Assignment, Reading>();
  const wanted = wantedParts(due, steps, path);
  const searcher = new TextSearcher();
  try {
    await readParts(host, {
      wanted: wanted.map(({ part }) => part),
      ...{ limits, stop },
      take: async (found, index, signal) => {
        const { part, of } = wanted[index]!;
        const read = await readingsIn(found, { part, of, searcher, signal });
        for (const [i, assignment] of of.entries()) readings.set(assignment, read[i]!);
      },
    });
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    for (const { of } of wanted) {
      for (const assignment of of) {
        if (!readings.has(assignment)) readings.set(assignment, { is: 'unread', why: error.message });
      }
    }
  } finally {
    await searcher.close();
  }
  return due.map((assignment) => ({
    ...assignment,
    reading: readings.get(assignment) ?? { is: 'missing', why: 'the step has no output' },
  }));
}

function wantedParts(due: readonly Assignment[], steps: readonly StepResult[], studyPath: string): Wanted[] {
  const groups = groupBy(due, ({ metric, step }) => JSON.stringify([step.index, metric.file, endOf(metric)]));
  return [...groups.values()].flatMap((of): Wanted[] => {
    const { metric, step } = of[0]!;
    const { outputs, step: instance, record } = steps[step.index]!;
    const end = endOf(metric);
    if (metric.file !== null) {
      const directory = `${studyPath}/${instance.workspace}`;
      const except = outputs === null ? [] : earlierOutputs(outputs.stdout, record.jobs);
      return [{ part: { directory, name: metric.file, isGlob: true, end, except }, of }];
    }
    if (outputs === null) return [];
    return [{ part: { directory: studyPath, name: outputs.stdout, isGlob: false, end }, of }];
  });
}

const endOf = ({ take }: Metric) => (take === 'first' ? 'first' : 'last');

/**
 * The names of what earlier jobs of a step have written, whose values are not those of the last one. Where names do not have the
 * job's id, there are none.
 *
 * @param stdout of its last job
 */
function earlierOutputs(stdout: string, jobs: StepResult['record']['jobs']): string[] {
  const name = stdout.slice(stdout.lastIndexOf('/') + 1);
  // Flux has two ways to write an id, of which a file has either.
  const idsOf = ({ id }: { id: string }) => (id === '' ? [] : [id, id.replace('ƒ', 'f')]);
  const own = jobs.slice(-1).flatMap(idsOf);
  const ending = own.map((id) => `.${id}.out`).find((end) => name.endsWith(end));
  if (ending === undefined) return [];
  const base = name.slice(0, -ending.length);
  const ids = new Set(jobs.flatMap(idsOf));
  for (const id of own) ids.delete(id);
  return [...ids].flatMap((id) => [`${base}.${id}.out`, `${base}.${id}.err`]);
}

interface Searching extends Wanted {
  readonly searcher: TextSearcher;
  readonly signal: AbortSignal;
}

/** In the order of the assignments. */
async function readingsIn(
  { files, areMore }: FoundParts,
  { part: { name, isGlob, end }, of, searcher, signal }: Searching,
): Promise<Reading[]> {
  const what = isGlob ? `'${name}'` : 'its stdout';
  const all = (reading: Reading) => of.map(() => reading);
  if (areMore) return all(unreadable(`more than ${limits.files} files match ${what}`));
  if (files.length === 0) {
    return all({ is: 'missing', why: isGlob ? `no file matches ${what}` : `${what} is not there` });
  }
  const closed = files.find(({ bytes }) => bytes === null);
  if (closed !== undefined) return all(unreadable(`${isGlob ? `'${closed.name}'` : what} cannot be read`));
  const patterns = of.map(({ metric }) => ({ source: metric.pattern, keep: keptFor(metric.take) }));
  const results: (readonly SearchResult[])[] = [];
  for (const { bytes, isCut } of files) {
    const cut = { isStartCut: isCut && end === 'last', isEndCut: isCut && end === 'first' };
    results.push(await searcher.search({ bytes: bytes!, ...cut, patterns }, signal));
  }
  return of.map(({ metric }, i) => {
    const found = results.map((result) => result[i]!);
    return readingOf(metric, joinedResults(found, patterns[i]!.keep));
  });
}

const unreadable = (why: string): Reading => ({ is: 'unreadable', why, line: '' });
