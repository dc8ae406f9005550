import { tryInputs } from '../inputs/parse.js';
import type { Inputs } from '../inputs/schema.js';
import { readArguments } from './flags.js';
import { takeMaestroFlags } from './maestro-flags.js';
import { optionOf } from './naming.js';
import { flagsOfTheAction, studyFlags } from './study-flags.js';

export interface ArgumentOptions {
  /** Reads a file. */
  readonly read: (file: string) => string;
  /** Whether there must be a SPEC; without one it is ''. */
  readonly needsSpec?: boolean;
}

/** The inputs of a command line, and what is to be said of it. */
export interface GivenInputs {
  /** The inputs, with the default of each that is wrong. */
  readonly inputs: Inputs;
  /** As they were given. */
  readonly texts: ReadonlyMap<string, string>;
  /** A line for everything that is wrong. */
  readonly errors: readonly string[];
  /** What has no effect, or another than a user of Maestro may expect, a sentence each. */
  readonly notes: readonly string[];
}

/**
 * Reads the inputs of the command line: one SPEC and `--name value`, `--name=value`, or `--name` alone for true. A value
 * `@FILE` stands for the text of that file, less its last newline. Inputs that are lines may be given a line at a time. Maestro's own
 * names of flags are as good as ours.
 */
export function readInputs(args: readonly string[], { read, needsSpec = true }: ArgumentOptions): GivenInputs {
  const flags = [...studyFlags.flatMap((group) => group.flags), ...flagsOfTheAction];
  const { values: all, positionals, errors: mistakes } = readArguments(args, flags, 1);
  const { values, errors: refused, notes } = takeMaestroFlags(all);
  const [spec, ...more] = positionals;
  const tooMany = more.map((other) => `only one spec can be given, but '${spec}' and '${other}' were given`);
  const given = new Map(values);
  if (spec !== undefined) given.set('spec', [spec]);
  const { inputs, texts, errors } = inputsOf(given, { read, needsSpec });
  return { inputs, texts, errors: [...mistakes, ...refused, ...tooMany, ...errors].map(withWayOut), notes };
}

/** The inputs that flags stand for. A value `@FILE` but of SPEC stands for the text of that file. */
export function inputsOf(
  values: ReadonlyMap<string, readonly string[]>,
  { read, needsSpec = true }: ArgumentOptions,
): Omit<GivenInputs, 'notes'> {
  const errors: string[] = [];
  const given = new Map<string, string>();
  const filesOf = new Map<string, string>();
  for (const [name, texts] of values) {
    const textOf = (text: string) => {
      if (name === 'spec' || !text.startsWith('@')) return text;
      filesOf.set(name, text.slice(1));
      return fromFile(name, text.slice(1), read, errors);
    };
    given.set(name, texts.map(textOf).join('\n'));
  }
  const parsed = tryInputs(given, (name) => (name === 'spec' ? 'SPEC' : optionOf(name)), { needsSpec, filesOf });
  return { inputs: parsed.inputs, texts: given, errors: [...errors, ...parsed.errors] };
}

/** What people often mean by a value that is wrong. */
const waysOut: readonly (readonly [start: string, way: string])[] = [
  [
    '--env must be lines of NAME=VALUE, but has a line without',
    'to pass on a variable of yours, --env NAME="$NAME"; for a file of them, --env @FILE',
  ],
  ['--pargs must be lines of KEY:VALUE', 'for each argument, --pargs KEY:VALUE; for a file of them, --pargs @FILE'],
];

function withWayOut(line: string): string {
  const way = waysOut.find(([start]) => line.startsWith(start))?.[1];
  return way === undefined ? line : `${line} (${way})`;
}

function fromFile(name: string, file: string, read: (file: string) => string, errors: string[]): string {
  try {
    return read(file).replace(/\r?\n$/, '');
  } catch (error) {
    errors.push(`--${name}: cannot read ${file}: ${whyUnreadable(error as NodeJS.ErrnoException)}`);
    return '';
  }
}

function whyUnreadable({ code, message }: NodeJS.ErrnoException): string {
  return (code !== undefined && plainReasons[code]) || message;
}

const plainReasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'it is a directory',
  EACCES: 'you may not read it',
};
