import path from 'node:path';
import type { Spec } from '../../spec/spec.js';
import type { Log } from '../../util/log/log.js';
import type { Parameter } from '../parameters.js';
import {
  type AnswerStore,
  changedData,
  changeSince,
  type FileRead,
  type GeneratorAnswer,
  type KnownAnswer,
  parametersOf,
  questionOf,
} from './answer.js';
import { hashBytes, hashFile, readRegularFile } from './files.js';
import { type PgenOptions, requestOf, runPgen } from './pgen.js';

export interface AskOptions extends Omit<PgenOptions, 'request'> {
  readonly spec: Spec;
  readonly log: Pick<Log, 'info' | 'warning'>;
  /** What it gave before; undefined if nothing is kept. */
  readonly answers: AnswerStore | undefined;
}

/** What a generator makes, and what it was. */
export interface Asked {
  readonly parameters: Parameter[];
  readonly answer: GeneratorAnswer;
  /** Undefined if its file cannot be read a second time. */
  readonly copy: { readonly name: string; readonly bytes: Uint8Array } | undefined;
}

/**
 * What a parameter generator makes: what it gave before in this study if it would be asked the same, for a generator
 * need not be deterministic, and else what it gives now.
 *
 * @throws PgenError, HostError
 */
export async function askGenerator({ spec, log, answers, ...options }: AskOptions): Promise<Asked> {
  const { file, shown } = options.pgen;
  const directory = path.dirname(file);
  const bytes = readRegularFile(file);
  const copy = bytes && { name: path.basename(file), bytes };
  const request = requestOf(options.pgen, spec);
  const question = questionOf(bytes && hashBytes(bytes), request);
  const hashOf = (read: FileRead) => hashFile(path.resolve(directory, read.path));

  const known = answers?.known ?? [];
  const last = known.at(-1);
  const same = answers?.takesLast
    ? last
    : known.findLast((answer) => changeSince(answer, question, hashOf) === undefined);
  if (same !== undefined) {
    log.info(`The parameters are those that ${shown} gave on ${timeOf(same)}; \`resume: never\` asks it anew`);
    const changed = changedData(same, hashOf);
    if (changed.length > 0) log.warning(staleData(shown, same, changed));
    return { parameters: parametersOf(same, shown), answer: same, copy };
  }
  if (last !== undefined) {
    log.info(`${shown} is asked anew, for ${changeSince(last, question, hashOf)} since its answer of ${timeOf(last)}`);
  }
  const answer = await runPgen({ ...options, request });
  const kept = { question: question ?? { file: '', arguments: '', environment: '' }, ...answer };
  // The answer is not used before it is on disk, so that a resumed study uses the same one.
  await answers?.keep(kept);
  return { parameters: parametersOf(kept, shown), answer: kept, copy };
}

/** In UTC, as the report has its times. */
function timeOf({ at }: KnownAnswer): string {
  return `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** The number of changed files that a message names. */
const MOST_NAMES = 5;

function staleData(shown: string, answer: KnownAnswer, changed: readonly string[]): string {
  const names = changed.slice(0, MOST_NAMES).join(', ');
  const more = changed.length > MOST_NAMES ? ` and ${changed.length - MOST_NAMES} more` : '';
  return (
    `${names}${more}, which ${shown} read, has changed since it gave its parameters on ${timeOf(answer)}, and those are used all the same: ` +
    `to have others change one of its arguments (\`pargs\`), or start over with \`resume: never\``
  );
}
