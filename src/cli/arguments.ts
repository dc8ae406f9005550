import { type ParseArgsConfig, parseArgs } from 'node:util';
import { isTruth, tryInputs } from '../inputs/parse.js';
import { actionOnly, type InputName, type Inputs, inputNames, repeatable } from '../inputs/schema.js';
import { closest } from '../util/closest.js';
import { InputError } from '../util/errors.js';

export interface ArgumentOptions {
  /** Reads a file. */
  readonly read: (file: string) => string;
  /** Whether there must be a SPEC; without one it is ''. */
  readonly needsSpec?: boolean;
}

/** Every input but the spec, which is given without a name, and those that are no flags. */
const optionNames = inputNames.filter((name) => name !== 'spec' && !actionOnly.has(name));

function isOption(name: string): name is InputName {
  return (optionNames as readonly string[]).includes(name);
}

const config = {
  options: Object.fromEntries(
    optionNames.map((name) => [name, { type: isTruth(name) ? ('boolean' as const) : ('string' as const) }]),
  ),
  // Every mistake is reported, each with a hint: parseArgs itself would throw at the first.
  strict: false,
  allowPositionals: true,
  tokens: true,
} satisfies ParseArgsConfig;

/**
 * The inputs of the command line: one SPEC and `--name value`, `--name=value`, or `--name` alone for true. A value
 * `@FILE` stands for the text of that file, less its last newline. Inputs that are lines may be given a line at a time.
 *
 * @throws InputError with a line for everything that is wrong
 */
export function commandLineInputs(args: readonly string[], { read, needsSpec = true }: ArgumentOptions): Inputs {
  const given = new Map<string, string>();
  const filesOf = new Map<string, string>();
  const errors: string[] = [];

  const set = (name: InputName, value: string) => {
    const isFile = value.startsWith('@');
    if (isFile) filesOf.set(name, value.slice(1));
    const text = isFile ? fromFile(name, value.slice(1), read, errors) : value;
    const before = repeatable.has(name) ? given.get(name) : undefined;
    given.set(name, before === undefined ? text : `${before}\n${text}`);
  };

  // One dash is as good as two: there are no options of one letter.
  const { tokens } = parseArgs({ ...config, args: args.map((arg) => arg.replace(/^-(?=[^-])/, '--')) });
  /** The option before, if it has no value yet: what follows may be its value, though parseArgs takes it for the spec. */
  let open: string | undefined;
  for (const token of tokens) {
    const before = open;
    open = undefined;
    if (token.kind === 'positional') {
      const isTruthValue = token.value === 'true' || token.value === 'false';
      if (before !== undefined && isOption(before) && isTruthValue) set(before, token.value);
      else if (before !== undefined && !isOption(before) && mayTakeValue(before, given)) continue;
      else if (!given.has('spec')) given.set('spec', token.value);
      else errors.push(`only one spec can be given, but '${given.get('spec')}' and '${token.value}' were given`);
    } else if (token.kind === 'option') {
      const { name, index } = token;
      const value = token.inlineValue === false ? args[index + 1] : token.value;
      if (!isOption(name)) errors.push(unknownOption(args[index]!.split('=')[0]!, name));
      else if (value !== undefined) set(name, value);
      else if (isTruth(name)) set(name, 'true');
      else errors.push(`--${name} needs a value`);
      if (value === undefined) open = name;
    }
  }
  const parsed = tryInputs(given, (name) => (name === 'spec' ? 'SPEC' : `--${name}`), {
    needsSpec,
    filesOf,
  });
  if (parsed.inputs === undefined || errors.length > 0) throw new InputError([...errors, ...parsed.errors]);
  return parsed.inputs;
}

/** @param given the option as it was given, with its dashes */
function unknownOption(given: string, name: string): string {
  const guess = closest(name, optionNames);
  return `there is no option ${given}${guess === undefined ? '; --help lists them' : `; did you mean --${guess}?`}`;
}

/** Whether what follows an unknown option is its value, rather than the spec. */
function mayTakeValue(unknown: string, given: ReadonlyMap<string, string>): boolean {
  const guess = closest(unknown, optionNames);
  return given.has('spec') || (guess !== undefined && !isTruth(guess as InputName));
}

function fromFile(name: string, file: string, read: (file: string) => string, errors: string[]): string {
  try {
    return read(file).replace(/\r?\n$/, '');
  } catch (error) {
    errors.push(`--${name}: cannot read ${file}: ${(error as Error).message}`);
    return '';
  }
}
