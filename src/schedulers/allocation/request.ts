import * as z from 'zod';
import { secondsOf, timeForms } from '../../scripts/walltime.js';
import { type Problem, problemOf, sortProblems } from '../../spec/problem.js';
import { pyRepr } from '../../spec/python.js';
import type { Position, Source } from '../../spec/source.js';
import { entry, type MappingNode, type Node, readYaml, scalarsIn, toPyValue } from '../../spec/yaml/read-yaml.js';
import { type Allocator, allocators } from '../../store/journal/records.js';
import { closest } from '../../util/closest.js';
import { splitWords } from '../../util/format.js';

/** The input `allocate`, parsed. */
export interface AllocationRequest {
  readonly with: Allocator;
  readonly nodes: number;
  /** Tasks of the whole allocation, if parts of nodes are enough; undefined: whole nodes. */
  readonly tasks: number | undefined;
  /** GPUs of each node; undefined: the scheduler's default. */
  readonly gpus: number | undefined;
  /** Time limit in whole minutes; undefined: the queue's default. */
  readonly minutes: number | undefined;
  readonly queue: string | undefined;
  readonly bank: string | undefined;
  /** Additional arguments for `sbatch`, `bsub` or `flux batch`. */
  readonly args: readonly string[];
  /** Whether the allocation is kept after the study. */
  readonly keep: boolean;
  /** How many further allocations to request, one after the other, if one ends before the study. */
  readonly renew: number;
  /** How many seconds it may wait in the queue; 0 or undefined: no limit. */
  readonly maxWait?: number | undefined;
}

const whole = (minimum: number) => {
  const error = `must be a whole number from ${minimum} up`;
  return z.number({ error }).int({ error }).min(minimum, { error });
};

const label = () => {
  const error = 'must be a name';
  return z.string({ error }).regex(/\S/, { error });
};

/** Seconds. @param none whether 0 is one of the values */
const time = ({ none = false } = {}) =>
  z.unknown().transform((value, context) => {
    if (none && value === 0) return 0;
    const seconds = typeof value === 'number' || typeof value === 'string' ? secondsOf(String(value)) : undefined;
    if (seconds !== undefined) return seconds;
    context.addIssue({
      code: 'custom',
      message: `must be ${timeForms}`,
    });
    return z.NEVER;
  });

const args = () => {
  const error = 'must be text, or a list of texts';
  const words = z.string({ error }).transform(splitWords);
  return z.union([words, z.array(z.string({ error }), { error })], { error });
};

const schema = z.strictObject(
  {
    with: z.enum(allocators, { error: `must be ${allocators.slice(0, -1).join(', ')} or ${allocators.at(-1)}` }),
    nodes: whole(1).optional(),
    tasks: whole(1).optional(),
    gpus: whole(0).optional(),
    time: time().optional(),
    queue: label().optional(),
    bank: label().optional(),
    args: args().optional(),
    keep: z.boolean({ error: 'must be true or false' }).optional(),
    renew: whole(0).optional(),
    'max-wait': time({ none: true }).optional(),
  },
  { error: 'must be a YAML mapping' },
);

const keys = Object.keys(schema.shape);

/**
 * Parses the input `allocate` and reports all its problems; the request is undefined if one of them is an error.
 *
 * @param source named as in messages: `input 'allocate'`
 */
export function readAllocationRequest(source: Source): {
  readonly request: AllocationRequest | undefined;
  readonly problems: readonly Problem[];
} {
  const { root, problems: found } = readYaml(source);
  if (root?.kind !== 'mapping') {
    const at = root?.at ?? source.positionAt(0);
    const wrong = problemOf('error', at, `${source.file} must be a YAML mapping`, 'such as {with: slurm, nodes: 2}');
    return { request: undefined, problems: found.length > 0 && root === null ? found : [...found, wrong] };
  }
  const result = schema.safeParse(toPlain(root));
  const problems = [...found, ...checkCharacters(source, root)];
  if (!result.success) {
    problems.push(...result.error.issues.flatMap((issue) => told(source, root, issue)));
    return { request: undefined, problems: sortProblems(problems) };
  }
  const { nodes = 1, tasks, gpus, time: seconds, queue, bank, keep = false, renew = 0 } = result.data;
  const { with: allocator, args: words = [], 'max-wait': maxWait } = result.data;
  const request: AllocationRequest = {
    with: allocator,
    nodes,
    tasks,
    gpus,
    minutes: seconds === undefined ? undefined : Math.ceil(seconds / 60),
    queue,
    bank,
    args: words,
    keep,
    renew,
    maxWait,
  };
  problems.push(...checkTasks(root, request));
  return { request: problems.some(({ severity }) => severity === 'error') ? undefined : request, problems };
}

/** Keys whose values are kept as written, because PyYAML reads some names and times as numbers. */
const asWritten: ReadonlySet<string> = new Set(['queue', 'bank', 'args']);

function toPlain(root: MappingNode): unknown {
  const plain = (key: string, node: Node): unknown => {
    if (node.kind === 'sequence') return node.items.map((item) => plain(key, item));
    if (node.kind === 'mapping') return Symbol.for('mapping');
    const { value, text } = node;
    // PyYAML reads an unquoted 1:30:00 as a number in base 60.
    const isTime = key === 'time' && text.includes(':');
    const isNumber = typeof value === 'bigint' || typeof value === 'number';
    if (isNumber && (isTime || asWritten.has(key))) return text;
    return typeof value === 'bigint' ? Number(value) : value;
  };
  return Object.fromEntries(root.entries.map(({ name: key, value }) => [key, plain(key, value)]));
}

function told(source: Source, root: MappingNode, issue: z.core.$ZodIssue): Problem[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const guess = closest(key, keys);
      const hint = guess === undefined ? `it has ${keys.join(', ')}` : `did you mean '${guess}'?`;
      return problemOf('error', entry(root, key)?.keyAt ?? root.at, `unknown key '${key}' in ${source.file}`, hint);
    });
  }
  const key = String(issue.path[0]);
  const node = entry(root, key)?.value;
  if (node === undefined) {
    return [problemOf('error', root.at, `'${key}' is missing from ${source.file}`, `one of ${allocators.join(', ')}`)];
  }
  return [problemOf('error', node.at, `'${key}' of ${source.file} ${issue.message}, not ${shown(node)}`)];
}

function shown(node: Node): string {
  if (node.kind !== 'scalar') return node.kind === 'sequence' ? 'a list' : 'a mapping';
  const value = toPyValue(node);
  return value === null ? 'empty' : typeof value === 'string' ? pyRepr(value) : node.text;
}

function checkCharacters(source: Source, root: MappingNode): Problem[] {
  return [...scalarsIn(root)]
    .filter(({ text }) => text.includes('\0'))
    .map(({ at }) => problemOf('error', at, `a text of ${source.file} cannot have a NUL character in it`));
}

/** Checks `tasks` against what each batch system accepts. */
function checkTasks(root: MappingNode, { with: allocator, nodes, tasks, gpus }: AllocationRequest): Problem[] {
  const at: Position = entry(root, 'tasks')?.value.at ?? root.at;
  if (tasks === undefined) return [];
  if (allocator === 'lsf') {
    return [problemOf('error', at, "'tasks' is of no use with lsf: it gives whole nodes", 'leave it out')];
  }
  if (tasks < nodes) {
    return [problemOf('error', at, `${tasks} tasks are not enough for ${nodes} nodes`, 'each node needs at least one')];
  }
  if (allocator === 'flux' && gpus !== undefined && (gpus * nodes) % tasks !== 0) {
    const hint = 'Flux gives each task the same number of GPUs';
    return [problemOf('error', at, `${gpus * nodes} GPUs cannot be shared among ${tasks} tasks`, hint)];
  }
  return [];
}
