import * as z from 'zod';
import { runLeashed } from '../hosts/commands.js';
import { type Host, HostError } from '../hosts/host.js';
import { quoteAll } from '../quote.js';
import { pyRepr } from '../spec/python.js';
import type { Spec } from '../spec/spec.js';
import type { Places } from '../study/environment.js';
import { makeParameter, type Parameter } from '../study/parameters.js';
import { pgenShim } from './shim.js';

/** A generator that takes longer than this, in seconds, is ended. */
const timeLimit = 60;

const answerSchema = z.array(
  z.object({ key: z.string(), name: z.string(), values: z.array(z.string()), labels: z.array(z.string()) }),
);

/** The user's generator could not be run, or is wrong. The message is for him. */
export class PgenError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'PgenError';
  }
}

/** A parameter generator, as the inputs name it. */
export interface Pgen {
  /** The Python file, absolute. */
  readonly file: string;
  /** Its path as the user gave it. */
  readonly shown: string;
  readonly kwargs: ReadonlyMap<string, string>;
}

/**
 * Runs a generator of Maestro's kind, on `host` with its `python3`, and returns what it makes in place of the spec's
 * parameters.
 *
 * @param cancel ends it
 * @throws PgenError with Python's own last lines
 */
export async function runPgen(
  host: Host,
  { file, shown, kwargs }: Pgen,
  spec: Spec,
  places: Places,
  cancel: AbortSignal,
): Promise<Parameter[]> {
  const request = {
    file,
    kwargs: Object.fromEntries(kwargs),
    // Maestro's environment has all of these by name, and a generator may ask for any.
    variables: [...spec.variables, ...spec.labels]
      .filter(({ name }) => name !== 'OUTPUT_PATH')
      .map(({ name, value }) => [name, pyRepr(value)]),
    paths: spec.paths.map((dependency) => [dependency.name, dependency.path]),
    git: spec.git.map((dependency) => [dependency.name, dependency.url, dependency.path]),
    output_path: places.studyPath,
    specroot: places.specRoot,
  };
  const limit = AbortSignal.any([cancel, AbortSignal.timeout(timeLimit * 1000)]);
  const command =
    `command -v python3 >/dev/null || { echo 'there is no python3' >&2; exit 127; }\n` +
    `exec ${quoteAll(['python3', '-c', pgenShim, JSON.stringify(request)])}`;
  const { code, stdout, stderr } = await runLeashed(host, command, limit);
  if (cancel.aborted) throw new HostError(String(cancel.reason));
  if (limit.aborted) throw new PgenError(`${shown}: the parameter generator did not end within ${timeLimit} s`);
  if (code !== 0) throw new PgenError(`${shown}: the parameter generator failed:\n${lastLines(stderr)}`);
  const answer = answerSchema.safeParse(parseJson(stdout.toString('utf8')));
  if (!answer.success) throw new PgenError(`${shown}: the parameter generator ended before it gave its parameters`);
  if (answer.data.some(({ values, labels }) => [...values, ...labels].some((text) => text.includes('\0')))) {
    throw new PgenError(`${shown}: a value of a parameter cannot have a NUL character in it`);
  }
  return answer.data.map((parameter) => makeParameter({ ...parameter, at: { file: shown, line: 1, column: 1 } }));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function lastLines(stderr: string): string {
  return stderr.split('\n').slice(-12).join('\n');
}
