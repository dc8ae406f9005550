import { parseArgs } from 'node:util';
import { suggestions } from '../util/closest.js';
import { InputError } from '../util/errors.js';
import { alternatives } from '../util/format.js';

/** A flag, as the parser and `--help` know it. */
export interface Flag {
  /** Without dashes. */
  readonly name: string;
  readonly description: string;
  /** What its value is called in help, such as DIR; a flag without one is on or off. */
  readonly value?: string;
  /** What else than true or false may be said of a flag that is on or off. */
  readonly words?: readonly string[];
  /** Its default, as help shows it. */
  readonly default?: string;
  /** Its one letter, for `-t 4` and `-t4`. */
  readonly short?: string;
  /** Other names that it goes by. */
  readonly aliases?: readonly string[];
  /** Whether it may be given several times; else the last one counts. */
  readonly isRepeatable?: boolean;
}

/** Flags under one heading of `VERB --help`. */
export interface FlagGroup {
  readonly title: string;
  readonly flags: readonly Flag[];
}

/** The arguments of a verb. */
export interface Arguments {
  /** The values of each flag that was given, in their order; `true` and `false` of one that is on or off. */
  readonly values: ReadonlyMap<string, readonly string[]>;
  readonly positionals: readonly string[];
  /** What is wrong with them, a line each. */
  readonly errors: readonly string[];
}

/**
 * Reads `--name value`, `--name=value`, and `--name` alone of a flag that is on or off. One dash is as good as two, and one letter
 * is enough for a flag that has one: `-t 4`, `-t4`, `-t=4`, `-yt4`.
 *
 * @param most how many arguments without a name there can be; more of them are not an error of this function
 */
export function readArguments(
  args: readonly string[],
  flags: readonly Flag[],
  most = Number.POSITIVE_INFINITY,
): Arguments {
  const byName = new Map(flags.flatMap((flag) => [flag.name, ...(flag.aliases ?? [])].map((name) => [name, flag])));
  const values = new Map<string, string[]>();
  const positionals: string[] = [];
  const errors: string[] = [];
  const set = ({ name, isRepeatable }: Flag, value: string) => {
    values.set(name, isRepeatable ? [...(values.get(name) ?? []), value] : [value]);
  };
  /** Whether what follows an unknown flag is its value, rather than a positional. */
  const mayTakeValue = (unknown: string) => {
    const [guess] = suggestions(unknown, byName.keys());
    return positionals.length >= most || (guess !== undefined && byName.get(guess)!.value !== undefined);
  };

  const { tokens } = parseArgs({
    args: args.map((arg) => inFull(arg, byName)),
    options: Object.fromEntries(
      [...byName].map(([name, { value, short, ...flag }]) => [
        name,
        {
          type: value === undefined ? 'boolean' : 'string',
          ...(name === flag.name && short ? { short } : {}),
        } as const,
      ]),
    ),
    // Every mistake is reported, each with a hint: parseArgs itself would throw at the first.
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  /** The flag before, if it has no value yet: parseArgs takes what follows for a positional. */
  let open: string | undefined;
  for (const token of tokens) {
    const before = open;
    open = undefined;
    if (token.kind === 'positional') {
      const flag = before === undefined ? undefined : byName.get(before);
      const isTruthValue = ['true', 'false', ...(flag?.words ?? [])].includes(token.value);
      if (flag !== undefined && isTruthValue) set(flag, token.value);
      else if (before !== undefined && flag === undefined && mayTakeValue(before)) continue;
      else positionals.push(token.value);
    } else if (token.kind === 'option') {
      const { name, index } = token;
      const flag = byName.get(name);
      // A value that follows is taken as it was given, though it may look like a flag.
      const value = token.inlineValue === false ? args[index + 1] : token.value;
      const given = args[index]!.split('=')[0]!;
      if (flag === undefined) errors.push(unknownFlag(given, name, byName));
      else if (value !== undefined) set(flag, value);
      else if (flag.value === undefined) set(flag, 'true');
      else errors.push(`${byName.has(given.replace(/^-+/, '')) ? `--${name}` : given} needs a value`);
      if (value === undefined) open = name;
    }
  }
  return { values, positionals, errors };
}

/**
 * An argument with two dashes if one before a long name stands for them. What begins with the letter of a flag, and is not nearly a
 * long name, is left to parseArgs.
 */
function inFull(arg: string, byName: ReadonlyMap<string, Flag>): string {
  if (!/^-[^-]/.test(arg)) return arg;
  const [, word, rest] = /^-([^=]*)(.*)$/s.exec(arg)!;
  const flag = [...byName.values()].find(({ short }) => short === word);
  if (flag !== undefined) return rest === '' ? arg : `--${flag.name}${rest}`;
  const isLetter = [...byName.values()].some(({ short }) => short === word![0]);
  const isLong = byName.has(word!) || suggestions(word!, byName.keys()).length > 0;
  return isLetter && !isLong ? arg : `-${arg}`;
}

/** @param given the flag as it was given, with its dashes */
function unknownFlag(given: string, name: string, byName: ReadonlyMap<string, Flag>): string {
  const found = suggestions(name, byName.keys());
  // Of two names of one flag the first that fits is enough.
  const guesses = found.filter((guess, i) => found.findIndex((other) => byName.get(other) === byName.get(guess)) === i);
  if (guesses.length === 0) return `there is no option ${given}; --help lists them`;
  return `there is no option ${given}; did you mean ${alternatives(guesses.map((guess) => `--${guess}`))}?`;
}

/** The arguments of a verb with flags of its own, to be asked by name. */
export class GivenFlags {
  readonly positionals: readonly string[];
  readonly errors: string[];
  readonly #values: ReadonlyMap<string, readonly string[]>;

  constructor({ values, positionals, errors }: Arguments) {
    this.#values = values;
    this.positionals = positionals;
    this.errors = [...errors];
  }

  /** The value of a flag; undefined if it was not given. */
  text(name: string): string | undefined {
    return this.#values.get(name)?.at(-1);
  }

  /** All values of a flag that may be given several times. */
  all(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  /** Whether a flag that is on or off is on. */
  isOn(name: string): boolean {
    return this.text(name) === 'true';
  }

  /** @throws InputError with all of `errors`, to which a verb adds its own first, if there are any */
  refuseErrors(): void {
    if (this.errors.length > 0) throw new InputError(this.errors);
  }
}

/**
 * Reads the arguments of a verb with flags of its own. The verb adds what else is wrong to `errors`, and calls
 * `refuseErrors`, so that all mistakes are told at once.
 */
export function readFlags(args: readonly string[], groups: readonly FlagGroup[]): GivenFlags {
  const flags = groups.flatMap((group) => group.flags);
  const given = new GivenFlags(readArguments(args, flags));
  for (const { name, value } of flags) {
    const text = given.text(name);
    if (value !== undefined || text === undefined || text === 'true' || text === 'false') continue;
    given.errors.push(`--${name} must be true or false, not '${text}'`);
  }
  return given;
}
