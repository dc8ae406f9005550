import * as z from 'zod';
import { capitalized } from '../util/format.js';

/**
 * The shape of a study specification: Maestro's own schema (`yamlspecification.json`, Maestro 1.1 and 1.2), with what
 * Maestro rejects in code after it. Checked on plain values, so that the JSON Schema it exports is the same thing.
 *
 * Messages complete a sentence that begins with the key's name: "`nodes` of step 'a' must be …". Every check of a key has
 * the same one: which of them failed is not what the user has to know.
 */

const text = (what = 'text') => {
  const error = `must be ${what}`;
  return z.string({ error }).min(1, { error: 'must not be empty' });
};

/** One `$(NAME)` and nothing else: how Maestro lets a variable or parameter stand where a number is due. */
const token = (error: string) => z.string({ error }).regex(/^\$\([\p{L}\p{N}_]+\)$/u, { error });

const count = (minimum: number) => {
  const error = `must be a whole number from ${minimum} up, or one $(NAME)`;
  return z.union([z.number({ error }).int({ error }).min(minimum, { error }), token(error)], { error });
};

const flag = (what = 'must be true, false or one $(NAME)') =>
  z.union([z.boolean({ error: what }), token(what)], { error: what });

const truth = () => z.boolean({ error: 'must be true or false' });

const priorities = ['held', 'minimal', 'low', 'medium', 'high', 'expedited'];
const spellings = priorities.flatMap((word) => [word, word.toUpperCase(), capitalized(word)]);

const priority = () => {
  const error = `must be one of ${priorities.join(', ')}, or a number from 0 to 1`;
  const word = z.enum(spellings as [string, ...string[]], { error });
  return z.union([word, z.number({ error }).min(0, { error }).max(1, { error })], { error });
};

const walltime = () => {
  const error = 'must be a time such as "01:30:00", or whole minutes';
  return z.union([z.string({ error }).min(1, { error }), z.number({ error }).int({ error }).min(0, { error })], {
    error,
  });
};

const exclusive = () => {
  const error = 'must be true, false, one $(NAME), or a mapping of allocation and launcher';
  const both = z.looseObject({ allocation: flag().optional(), launcher: flag().optional() }, { error });
  return z.union([z.boolean({ error }), token(error), both], { error });
};

const list = <T extends z.ZodType>(item: T) => z.array(item, { error: 'must be a list' });
const mapping = 'must be a mapping';

/** When a step may start (Maestro's enhancement proposal 4): the first is what a plain list means. */
export const conditions = ['all-succeeded', 'all-completed'] as const;

const depends = () => {
  const hasRepeats = (names: readonly string[]) => new Set(names).size < names.length;
  const error = 'must be a list of step names, or a mapping of steps and condition';
  const names = z.array(z.string({ error: 'must be the name of a step' }), { error });
  const condition = z.enum(conditions, { error: `must be ${conditions.join(' or ')}` });
  return z
    .union([names, z.strictObject({ steps: names, condition: condition.optional() }, { error })], { error })
    .refine((value) => !hasRepeats(Array.isArray(value) ? value : value.steps), {
      error: 'must not name a step twice',
    });
};

export const runSchema = z.strictObject(
  {
    cmd: text('the text of a shell script'),
    depends: depends().optional(),
    pre: text().optional(),
    post: text().optional(),
    restart: text('the text of a shell script').optional(),
    nodes: count(1).optional(),
    procs: count(1).optional(),
    gpus: count(0).optional(),
    'cores per task': count(1).optional(),
    'tasks per rs': count(1).optional(),
    'rs per node': count(1).optional(),
    'cpus per rs': count(1).optional(),
    bind: text().optional(),
    'bind gpus': text().optional(),
    walltime: walltime().optional(),
    reservation: text().optional(),
    exclusive: exclusive().optional(),
    nested: truth().optional(),
    waitable: truth().optional(),
    priority: priority().optional(),
    qos: text().optional(),
  },
  { error: mapping },
);

export const stepSchema = z.strictObject(
  { name: text('the name of the step'), description: text(), run: runSchema },
  { error: mapping },
);

export const parameterSchema = z.strictObject({ values: list(z.any()), label: text() }, { error: mapping });

const dependency = { name: text('the name by which the spec refers to it'), path: text('a path') };

const variable = () => {
  const error = 'must be text or a number';
  return z.union([z.string({ error }).min(1, { error: 'must not be empty' }), z.number({ error })], { error });
};

export const environmentSchema = z.strictObject(
  {
    variables: z.record(z.string(), variable(), { error: mapping }).optional(),
    labels: z
      .record(
        z.string(),
        z.any().refine((value) => value !== null, { error: 'must not be empty' }),
        { error: mapping },
      )
      .optional(),
    sources: list(z.any()).optional(),
    dependencies: z
      .looseObject(
        {
          paths: list(z.strictObject(dependency, { error: mapping })).optional(),
          git: list(
            z.looseObject(
              {
                ...dependency,
                url: text('the URL of a repository'),
                tag: text().optional(),
                hash: text().optional(),
                branch: text().optional(),
              },
              { error: mapping },
            ),
          ).optional(),
        },
        { error: mapping },
      )
      .optional(),
  },
  { error: mapping },
);

export const studySchema = z.looseObject(
  {
    description: z.looseObject({ name: text('the name of the study'), description: text() }, { error: mapping }),
    env: environmentSchema.optional(),
    batch: z.looseObject({}, { error: mapping }).nullable().optional(),
    study: list(stepSchema).min(1, { error: 'must have at least one step' }),
    'global.parameters': z.record(z.string(), parameterSchema, { error: mapping }).optional(),
  },
  { error: 'must be a mapping with `description` and `study`' },
);

/** Keys of a mapping schema, for "did you mean". */
export function keysOf(schema: z.ZodObject): readonly string[] {
  return Object.keys(schema.shape);
}
