import { inputGroups } from '../inputs/groups.js';
import { defaultOf, descriptionOf, isTruth, tryInputs } from '../inputs/parse.js';
import { actionOnly, type InputName, type Inputs, repeatable } from '../inputs/schema.js';
import { InputError } from '../util/errors.js';
import { type Flag, type FlagGroup, readArguments } from './flags.js';

export interface ArgumentOptions {
  /** Reads a file. */
  readonly read: (file: string) => string;
  /** Whether there must be a SPEC; without one it is ''. */
  readonly needsSpec?: boolean;
}

/** The flags of verbs about a study: every input but the spec, which is given without a name, and those of the action alone. */
export const studyFlags: readonly FlagGroup[] = inputGroups
  .map(({ title, inputs }) => ({
    title,
    flags: inputs.filter((name) => name !== 'spec' && !actionOnly.has(name)).map(flagOf),
  }))
  .filter(({ flags }) => flags.length > 0);

function flagOf(name: InputName): Flag {
  const byDefault = defaultOf(name);
  return {
    name,
    description: descriptionOf(name),
    ...(isTruth(name) ? {} : { value: 'VALUE' }),
    ...(byDefault === undefined || byDefault === '' ? {} : { default: byDefault }),
    isRepeatable: repeatable.has(name),
  };
}

/**
 * The inputs of the command line: one SPEC and `--name value`, `--name=value`, or `--name` alone for true. A value
 * `@FILE` stands for the text of that file, less its last newline. Inputs that are lines may be given a line at a time.
 *
 * @throws InputError with a line for everything that is wrong
 */
export function commandLineInputs(args: readonly string[], { read, needsSpec = true }: ArgumentOptions): Inputs {
  const flags = studyFlags.flatMap((group) => group.flags);
  const { values, positionals, errors: mistakes } = readArguments(args, flags, 1);
  const errors: string[] = [...mistakes];
  const given = new Map<string, string>();
  const filesOf = new Map<string, string>();
  const [spec, ...more] = positionals;
  if (spec !== undefined) given.set('spec', spec);
  for (const other of more) errors.push(`only one spec can be given, but '${spec}' and '${other}' were given`);
  for (const [name, texts] of values) {
    const textOf = (text: string) => {
      if (!text.startsWith('@')) return text;
      filesOf.set(name, text.slice(1));
      return fromFile(name, text.slice(1), read, errors);
    };
    given.set(name, texts.map(textOf).join('\n'));
  }
  const parsed = tryInputs(given, (name) => (name === 'spec' ? 'SPEC' : `--${name}`), {
    needsSpec,
    filesOf,
  });
  if (parsed.inputs === undefined || errors.length > 0) throw new InputError([...errors, ...parsed.errors]);
  return parsed.inputs;
}

function fromFile(name: string, file: string, read: (file: string) => string, errors: string[]): string {
  try {
    return read(file).replace(/\r?\n$/, '');
  } catch (error) {
    errors.push(`--${name}: cannot read ${file}: ${(error as Error).message}`);
    return '';
  }
}
