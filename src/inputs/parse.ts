import * as z from 'zod';
import { InputError } from '../util/errors.js';
import { commandsOf, contradictions, requirements } from './requirements.js';
import { type InputName, type Inputs, inputNames, inputsSchema } from './schema.js';

/**
 * Types the inputs.
 *
 * @param given texts by name; those that are absent or empty take their default
 * @param nameOf how to call an input in a message: `input 'throttle'`, `--throttle`
 * @throws InputError with a line for every input that is wrong
 */
export function parseInputs(given: ReadonlyMap<string, string>, nameOf: (name: string) => string): Inputs {
  const { inputs, errors } = tryInputs(given, nameOf);
  if (errors.length > 0) throw new InputError(errors);
  return inputs;
}

interface ParseOptions {
  /** Whether there must be a spec if the command is `run`; without one it is ''. */
  readonly needsSpec?: boolean;
  /** The files that inputs are the texts of, by name of the input. */
  readonly filesOf?: ReadonlyMap<string, string>;
}

/** A short value as it is; of a long one, which may be a file's content or a secret, only the length. */
function shownValue(value: string): string {
  return value.length <= 100 && !value.includes('\n') ? `'${value}'` : `a text of ${value.length} characters`;
}

/** Inputs, with the default of each that is wrong, and a line for everything that is wrong with them. */
export interface Tried {
  readonly inputs: Inputs;
  /** As they were given, those that are wrong too. */
  readonly texts: ReadonlyMap<string, string>;
  readonly errors: readonly string[];
  /** Whether what to do is one of the mistakes. */
  readonly isCommandWrong: boolean;
}

/** Types the inputs. Those that are wrong have their default; what is wrong with all of them is in `errors`. */
export function tryInputs(
  given: ReadonlyMap<string, string>,
  nameOf: (name: string) => string,
  { needsSpec = true, filesOf = new Map() }: ParseOptions = {},
): Tried {
  const values = Object.fromEntries([...given].filter(([, value]) => value !== ''));
  const result = inputsSchema.safeParse(values);
  const issues = result.success ? [] : result.error.issues;
  const wrong = new Set(issues.map(({ path }) => String(path[0])));
  const right = Object.fromEntries(Object.entries(values).filter(([name]) => !wrong.has(name)));
  const inputs = result.success ? result.data : inputsSchema.parse(right);
  const isRun = (values.command ?? 'run') === 'run';
  const isSpecMissing = needsSpec && isRun && values.spec === undefined;
  const missing = isSpecMissing ? [`${nameOf('spec')} is required: the path of a study specification`] : [];
  const errors = issues.map((issue) => {
    const name = String(issue.path[0]);
    const value = values[name];
    const isOurs = issue.code === 'custom' && issue.params?.showsValue !== true;
    const shown = filesOf.has(name) ? `what is in ${filesOf.get(name)}` : shownValue(value ?? '');
    return `${nameOf(name)} ${issue.message}${value === undefined || isOurs ? '' : `, not ${shown}`}`;
  });
  // With another command, which of the others have a meaning is not known.
  if (wrong.has('command')) return { inputs, texts: given, errors, isCommandWrong: true };
  const contradicting = contradictions(inputs, { texts: given, defaultOf }).map((words) =>
    words.replaceAll(/`([a-z-]+)`/g, (_, name) => nameOf(name)),
  );
  return { inputs, texts: given, errors: [...missing, ...errors, ...contradicting], isCommandWrong: false };
}

/** The environment variable in which the runner passes an input. */
export function inputVariable(name: InputName): string {
  return `INPUT_${name.toUpperCase()}`;
}

/**
 * The inputs of the action, from the environment as the runner sets it: `INPUT_DRY-RUN`.
 *
 * @throws InputError with a line for every input that is wrong
 */
export function actionInputs(environment: Readonly<Record<string, string | undefined>>): Inputs {
  const { inputs, errors } = tryActionInputs(environment);
  if (errors.length > 0) throw new InputError(errors);
  return inputs;
}

/** The same, with the default of each input that is wrong, and what is wrong with them. */
export function tryActionInputs(environment: Readonly<Record<string, string | undefined>>): Tried {
  const given = inputNames.flatMap((name): [string, string][] => {
    const text = environment[inputVariable(name)];
    return text === undefined ? [] : [[name, text.trim()]];
  });
  return tryInputs(new Map(given), (name) => `input '${name}'`);
}

/** The default of an input, as text. */
export function defaultOf(name: InputName): string | undefined {
  const schema: z.ZodType = inputsSchema.shape[name];
  return schema instanceof z.ZodPrefault ? String(schema.def.defaultValue) : undefined;
}

export function descriptionOf(name: InputName): string {
  const needed = requirements.filter(({ input, unless }) => input === name && unless === undefined);
  const needs = needed.map(({ needs }) => ` Needs \`${needs}\`.`).join('');
  const commands = commandsOf(name).map((command) => `\`command: ${command}\``);
  const only = commands.length === 0 ? '' : ` Only with ${commands.join(' and ')}.`;
  return `${inputsSchema.shape[name].description ?? ''}${needs}${only}`;
}

/** What kind of value an input takes: `text`, `whole number`, `globs`, or the words that it may be. */
export function kindOf(name: InputName): string {
  let schema: z.ZodType = inputsSchema.shape[name];
  while (schema.meta()?.kind === undefined && schema instanceof z.ZodPrefault)
    schema = schema.def.innerType as z.ZodType;
  return String(schema.meta()?.kind ?? 'text');
}

export function isTruth(name: InputName): boolean {
  return defaultOf(name) === 'true' || defaultOf(name) === 'false';
}

/** The words that an input can be; undefined of one that can be anything, or is true or false. */
export function choicesOf(name: InputName): readonly string[] | undefined {
  const schema: z.ZodType = inputsSchema.shape[name];
  const inner = schema instanceof z.ZodPrefault ? schema.def.innerType : schema;
  return inner instanceof z.ZodEnum ? inner.options.map(String) : undefined;
}

/** The inputs that make two runs of one spec different studies: overlays, the generator, and where it runs. */
export function distinctions(inputs: Inputs): string[] {
  return [
    inputs.parameters,
    inputs.variables,
    inputs.batch,
    inputs.pgen,
    JSON.stringify([...inputs.pargs]),
    // Legs of a matrix may differ only in these.
    ...(inputs.setup === '' && inputs.env.size === 0 ? [] : [inputs.setup, JSON.stringify([...inputs.env])]),
    // Without a host the list is as in earlier versions, and so is the study key.
    ...(inputs.host === '' && inputs.flux === 'auto' && inputs.allocate === ''
      ? []
      : [inputs.host, inputs.flux, inputs.allocate]),
    ...(inputs.conductor === 'native' ? [] : [inputs.conductor]),
  ];
}
