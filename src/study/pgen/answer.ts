import { createHash } from 'node:crypto';
import { makeParameter, type Parameter } from '../parameters.js';

/** A parameter as a generator gives it. */
export interface GivenParameter {
  readonly key: string;
  readonly name: string;
  readonly values: readonly string[];
  readonly labels: readonly string[];
}

/** A file that was read while a generator ran. */
export interface FileRead {
  /** Relative to the generator's directory, so that another checkout of the same files is the same. */
  readonly path: string;
  /** As `hashFile` has it. */
  readonly hash: string;
  /** Whether it is Python that was imported. */
  readonly isModule: boolean;
}

/** Hashes of all that decides what a generator is asked. */
export interface Question {
  /** The generator's own bytes. */
  readonly file: string;
  readonly arguments: string;
  /** The spec's variables, labels and dependencies. */
  readonly environment: string;
}

/** What a generator gave once, and what it was asked. */
export interface GeneratorAnswer {
  readonly question: Question;
  readonly files: readonly FileRead[];
  readonly parameters: readonly GivenParameter[];
}

/** An answer of an earlier run. */
export interface KnownAnswer extends GeneratorAnswer {
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** Whether two answers are one, whenever each was kept. */
export function isSameAnswer(one: GeneratorAnswer, other: GeneratorAnswer): boolean {
  const essence = ({ question, parameters }: GeneratorAnswer) => JSON.stringify([question, parameters]);
  return essence(one) === essence(other);
}

/** Where answers of generators are kept from run to run. */
export interface AnswerStore {
  /** Those there are, the latest last. */
  readonly known: readonly KnownAnswer[];
  /** Whether the last one is taken, whatever has changed since: only what was begun is brought to its end. */
  readonly takesLast: boolean;
  /** Resolves once the answer is on the disk. */
  keep(answer: GeneratorAnswer): Promise<void>;
}

/** What a generator is asked with, apart from its own bytes. */
export interface Request {
  readonly kwargs: Readonly<Record<string, string>>;
  readonly variables: readonly (readonly [name: string, repr: string])[];
  readonly paths: readonly (readonly [name: string, path: string])[];
  readonly git: readonly (readonly [name: string, url: string, path: string])[];
}

/**
 * The process's environment is not in it, for that is never the same twice; nor is where the study and the spec are, which
 * another runner has elsewhere.
 *
 * @param file hash of the generator; undefined if it cannot be read again, which makes its question unlike any other
 */
export function questionOf(file: string | undefined, { kwargs, variables, paths, git }: Request): Question | undefined {
  if (file === undefined) return undefined;
  const named = Object.entries(kwargs).sort(([a], [b]) => (a < b ? -1 : 1));
  return { file, arguments: hash(named), environment: hash([variables, paths, git]) };
}

function hash(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}

/**
 * Why an earlier answer is none to what is asked now; undefined if it is.
 *
 * @param hashOf of a file that was read then, as it is now
 */
export function changeSince(
  { question: before, files }: GeneratorAnswer,
  now: Question | undefined,
  hashOf: (file: FileRead) => string | undefined,
): string | undefined {
  if (now === undefined || now.file !== before.file) return 'it has changed';
  const changed = files.find((file) => file.isModule && hashOf(file) !== file.hash);
  if (changed !== undefined) return `${changed.path}, which it imports, has changed`;
  if (now.arguments !== before.arguments) return 'its arguments have changed';
  if (now.environment !== before.environment) return "the spec's variables, labels or dependencies have changed";
  return undefined;
}

/** Files besides Python that the generator read then, and that are not the same now. */
export function changedData(
  { files }: GeneratorAnswer,
  hashOf: (file: FileRead) => string | undefined,
): readonly string[] {
  return files.filter((file) => !file.isModule && hashOf(file) !== file.hash).map((file) => file.path);
}

/** @param file what messages call the generator */
export function parametersOf({ parameters }: GeneratorAnswer, file: string): Parameter[] {
  return parameters.map((parameter) => makeParameter({ ...parameter, at: { file, line: 1, column: 1 } }));
}
