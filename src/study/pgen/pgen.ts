import * as z from 'zod';
import { programs } from '../../generated/programs.js';
import { runLeashed } from '../../hosts/commands.js';
import { type Host, HostError } from '../../hosts/host.js';
import { pyRepr } from '../../spec/python.js';
import type { Spec } from '../../spec/spec.js';
import { deadline } from '../../util/abort.js';
import type { Clock } from '../../util/clock.js';
import { UserError } from '../../util/errors.js';
import { quote, quoteAll } from '../../util/shell-quote.js';
import type { Places } from '../environment.js';
import type { GeneratorAnswer, Request } from './answer.js';
import { LARGEST_HASHED_BYTES } from './files.js';

/** A generator that takes longer than this is ended. */
const LIMIT_SECONDS = 60;

const answerSchema = z.object({
  parameters: z.array(
    z.object({ key: z.string(), name: z.string(), values: z.array(z.string()), labels: z.array(z.string()) }),
  ),
  files: z.array(z.tuple([z.string(), z.string(), z.boolean()])),
});

/** The user's generator could not be run, or is wrong. The message is for him. */
export class PgenError extends UserError {
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

export interface PgenOptions {
  /** The machine that the generator runs on, with its `python3`. */
  readonly host: Host;
  readonly pgen: Pgen;
  readonly request: Request;
  readonly places: Places;
  /** Ends it. */
  readonly cancel: AbortSignal;
  readonly clock?: Pick<Clock, 'after'>;
}

/** What a generator of this spec is asked with. */
export function requestOf({ kwargs }: Pgen, spec: Spec): Request {
  return {
    kwargs: Object.fromEntries(kwargs),
    // Maestro's environment has all of these by name, and a generator may ask for any.
    variables: [...spec.variables, ...spec.labels]
      .filter(({ name }) => name !== 'OUTPUT_PATH')
      .map(({ name, value }) => [name, pyRepr(value)] as const),
    paths: spec.paths.map((dependency) => [dependency.name, dependency.path] as const),
    git: spec.git.map((dependency) => [dependency.name, dependency.url, dependency.path] as const),
  };
}

/**
 * Runs a generator of Maestro's kind, in the directory that the study was started in, and returns what it makes in place of
 * the spec's parameters.
 *
 * @throws PgenError with Python's own last lines
 */
export async function runPgen(options: PgenOptions): Promise<Omit<GeneratorAnswer, 'question'>> {
  const { host, pgen, request, places, cancel, clock } = options;
  const { file, shown } = pgen;
  const question = {
    ...request,
    file,
    output_path: places.studyPath,
    specroot: places.specRoot,
    largest: LARGEST_HASHED_BYTES,
  };
  const command =
    `command -v python3 >/dev/null || { echo 'there is no python3' >&2; exit 127; }\n` +
    `cd -- ${quote(places.workingDirectory)} || exit\n` +
    `exec ${quoteAll(['python3', '-c', programs['study/pgen/shim.py'], JSON.stringify(question)])}`;
  const limit = deadline(LIMIT_SECONDS * 1000, { parent: cancel, ...(clock === undefined ? {} : { clock }) });
  const { code, stdout, stderr } = await runLeashed(host, command, limit.signal, {
    endsGroup: true,
    isForSteps: true,
  }).finally(limit.release);
  if (limit.hasPassed) throw new PgenError(`${shown}: the parameter generator did not end within ${LIMIT_SECONDS} s`);
  if (cancel.aborted) throw new HostError(String(cancel.reason));
  if (code !== 0) throw new PgenError(`${shown}: the parameter generator failed:\n${lastLines(stderr)}`);
  const answer = answerSchema.safeParse(parseJson(stdout.toString('utf8')));
  if (!answer.success) throw new PgenError(`${shown}: the parameter generator ended before it gave its parameters`);
  const { parameters, files } = answer.data;
  if (parameters.some(({ values, labels }) => [...values, ...labels].some((text) => text.includes('\0')))) {
    throw new PgenError(`${shown}: a value of a parameter cannot have a NUL character in it`);
  }
  return { parameters, files: files.map(([name, hash, isModule]) => ({ path: name, hash, isModule })) };
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
