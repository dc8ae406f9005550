import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Metric } from '../metrics/metric.js';
import { type Problem, problemOf, SpecError } from '../spec/problem.js';
import { Source } from '../spec/source.js';
import { InputError } from '../util/errors.js';
import type { Inputs } from './schema.js';

/** How the input `metrics` is called in messages, and where paths start. */
interface Context {
  readonly nameOf: (name: string) => string;
  readonly directory: string;
}

/** The path that the input `metrics` gives; undefined if it is the text itself. No mapping is a line without a colon. */
export function metricsFile({ metrics }: Pick<Inputs, 'metrics'>): string | undefined {
  const text = metrics.trim();
  return text === '' || /[\n:]/.test(text) ? undefined : text;
}

/**
 * The text of the metrics, with the name that its problems are told by; undefined if none are asked for.
 *
 * @throws InputError if its file cannot be read
 */
export function metricsSource(inputs: Pick<Inputs, 'metrics'>, { nameOf, directory }: Context): Source | undefined {
  const file = metricsFile(inputs);
  if (file === undefined) {
    return inputs.metrics.trim() === '' ? undefined : new Source(nameOf('metrics'), inputs.metrics);
  }
  const refused = (why: string) => new InputError([`${nameOf('metrics')}: cannot read ${file}: ${why}`]);
  let bytes: Buffer;
  try {
    bytes = readFileSync(path.resolve(directory, file));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw refused(code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a directory' : message);
  }
  try {
    return new Source(file, new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw refused('it is not UTF-8');
  }
}

/** The inputs as texts, with the text of the metrics in place of their file, which is not there for those who go on with the study. */
export function withMetricsText(
  texts: ReadonlyMap<string, string>,
  inputs: Pick<Inputs, 'metrics'>,
  directory: string,
): ReadonlyMap<string, string> {
  try {
    const source = metricsSource(inputs, { nameOf: (name) => name, directory });
    return source === undefined ? texts : new Map([...texts, ['metrics', source.text]]);
  } catch (error) {
    // That it cannot be read is one of the mistakes of the start.
    if (error instanceof InputError) return texts;
    throw error;
  }
}

/** @returns the metrics, and what is probably wrong with them. @throws SpecError with everything that is wrong */
export async function readableMetrics(
  inputs: Pick<Inputs, 'metrics'>,
  context: Context,
): Promise<{ readonly metrics: readonly Metric[]; readonly warnings: readonly Problem[] }> {
  const source = metricsSource(inputs, context);
  if (source === undefined) return { metrics: [], warnings: [] };
  const { readMetrics } = await import(/* webpackMode: "eager" */ '../metrics/read.js');
  const { metrics, problems } = readMetrics(source);
  const found =
    problems.length + metrics.length > 0
      ? problems
      : [problemOf('error', source.positionAt(0), 'there are no metrics')];
  if (found.some(({ severity }) => severity === 'error')) throw new SpecError(found);
  return { metrics, warnings: problems };
}
