import * as z from 'zod';

/**
 * The shape of a study specification: Maestro's own schema (`yamlspecification.json`, Maestro 1.1 and 1.2), with what
 * Maestro rejects in code after it. Checked on plain values, so that the JSON Schema it exports is the same thing.
 * Messages complete a sentence that begins with the key's name: "`nodes` of step 'a' must be …".
 */

const text = (what = 'text') => z.string({ error: `must be ${what}` }).min(1, { error: 'must not be empty' });

/** One `$(NAME)` and nothing else: how Maestro lets a variable or parameter stand where a number is due. */
const token = z.string().regex(/^\$\([\p{L}\p{N}_]+\)$/u);

const count = (minimum: number) =>
  z.union([z.number().int().min(minimum), token], {
    error: `must be a whole number from ${minimum} up, or one $(NAME)`,
  });

const flag = z.union([z.boolean(), token], { error: 'must be true, false or one $(NAME)' });

const priorities = ['held', 'minimal', 'low', 'medium', 'high', 'expedited'];
const spellings = priorities.flatMap((word) => [word, word.toUpperCase(), word[0]!.toUpperCase() + word.slice(1)]);

const list = <T extends z.ZodType>(item: T) => z.array(item, { error: 'must be a list' });
const mapping = 'must be a mapping';

/** When a step may start (Maestro's enhancement proposal 4): the first is what a plain list means. */
export const conditions = ['all-succeeded', 'all-completed'] as const;

const stepNames = z.array(z.string());
const hasRepeats = (names: readonly string[]) => new Set(names).size < names.length;

export const runSchema = z.strictObject(
  {
    cmd: text('the text of a shell script'),
    depends: z
      .union([stepNames, z.strictObject({ steps: stepNames, condition: z.enum(conditions).optional() })], {
        error: `must be a list of step names, or a mapping of steps and condition (${conditions.join(' or ')})`,
      })
      .refine((value) => !hasRepeats(Array.isArray(value) ? value : value.steps), {
        error: 'must not name a step twice',
      })
      .optional(),
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
    walltime: z
      .union([z.string().min(1), z.number().int().min(0)], {
        error: 'must be a time such as "01:30:00", or whole minutes',
      })
      .optional(),
    reservation: text().optional(),
    exclusive: z
      .union([z.boolean(), token, z.looseObject({ allocation: flag.optional(), launcher: flag.optional() })], {
        error: 'must be true, false, one $(NAME), or a mapping of allocation and launcher',
      })
      .optional(),
    nested: z.boolean({ error: 'must be true or false' }).optional(),
    waitable: z.boolean({ error: 'must be true or false' }).optional(),
    priority: z
      .union([z.enum(spellings as [string, ...string[]]), z.number().min(0).max(1)], {
        error: `must be one of ${priorities.join(', ')}, or a number from 0 to 1`,
      })
      .optional(),
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

export const environmentSchema = z.strictObject(
  {
    variables: z
      .record(z.string(), z.union([z.string().min(1), z.number()], { error: 'must be text or a number' }), {
        error: mapping,
      })
      .optional(),
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
