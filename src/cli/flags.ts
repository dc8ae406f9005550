import { parseArgs } from 'node:util';
import { closest } from '../util/closest.js';
import { InputError } from '../util/errors.js';

/** A flag, as the parser and `--help` know it. */
export interface Flag {
  /** Without dashes. */
  readonly name: string;
  readonly description: string;
  /** What its value is called in help, such as DIR; a flag without one is on or off. */
  readonly value?: string;
  /** Its default, as help shows it. */
  readonly default?: string;
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
 * Reads `--name value`, `--name=value`, and `--name` alone of a flag that is on or off. One dash is as good as two.
 *
 * @param most how many arguments without a name there can be; more of them are not an error of this function
 */
export function readArguments(args: readonly string[], flags: readonly Flag[], most = Number.POSITIVE_INFINITY) {
  const known = new Map(flags.map((flag) => [flag.name, flag]));
  const values = new Map<string, string[]>();
  const positionals: string[] = [];
  const errors: string[] = [];
  const set = ({ name, isRepeatable }: Flag, value: string) => {
    values.set(name, isRepeatable ? [...(values.get(name) ?? []), value] : [value]);
  };

  const { tokens } = parseArgs({
    args: args.map((arg) => arg.replace(/^-(?=[^-])/, '--')),
    options: Object.fromEntries(
      flags.map(({ name, value }) => [
        name,
        { type: value === undefined ? ('boolean' as const) : ('string' as const) },
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
      const flag = before === undefined ? undefined : known.get(before);
      const isTruthValue = token.value === 'true' || token.value === 'false';
      if (flag !== undefined && isTruthValue) set(flag, token.value);
      else if (before !== undefined && flag === undefined && mayTakeValue(before)) continue;
      else positionals.push(token.value);
    } else if (token.kind === 'option') {
      const { name, index } = token;
      const flag = known.get(name);
      const value = token.inlineValue === false ? args[index + 1] : token.value;
      if (flag === undefined) errors.push(unknownFlag(args[index]!.split('=')[0]!, name, known));
      else if (value !== undefined) set(flag, value);
      else if (flag.value === undefined) set(flag, 'true');
      else errors.push(`--${name} needs a value`);
      if (value === undefined) open = name;
    }
  }
  return { values, positionals, errors } satisfies Arguments;

  /** Whether what follows an unknown flag is its value, rather than a positional. */
  function mayTakeValue(unknown: string): boolean {
    const guess = closest(unknown, known.keys());
    return positionals.length >= most || (guess !== undefined && known.get(guess)!.value !== undefined);
  }
}

/** @param given the flag as it was given, with its dashes */
function unknownFlag(given: string, name: string, known: ReadonlyMap<string, Flag>): string {
  const guess = closest(name, known.keys());
  return `there is no option ${given}${guess === undefined ? '; --help lists them' : `; did you mean --${guess}?`}`;
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
  return new GivenFlags(
    readArguments(
      args,
      groups.flatMap(({ flags }) => flags),
    ),
  );
}
