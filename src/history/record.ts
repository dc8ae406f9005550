import * as z from 'zod';
import { causes } from '../causes/cause.js';
import { stepStates } from '../study/state.js';

/** What a record says that it is, so that a file of something else in the same directory is none. */
export const HISTORY_FORMAT = 'maestro-on-flux-history';
/** Members may be added to a version; what changes or goes makes a new one. */
export const HISTORY_SCHEMA = 1;

const statuses = ['FINISHED', 'FAILURE', 'CANCELLED', 'INTERRUPTED'] as const;
/** Milliseconds since the epoch. */
const time = () => z.number().min(0);

/** Which runs are compared with each other, and what ran. */
export const runSchema = z.object({
  /** `owner/name`. */
  repository: z.string(),
  workflow: z.string(),
  /** The path of the spec in the repository. */
  spec: z.string(),
  branch: z.string(),
  /** Which of the jobs of a matrix; '' without one. */
  leg: z.string(),
  commit: z.string(),
  event: z.string(),
  /** Of the run on GitHub. */
  url: z.string(),
  attempt: z.int().min(1),
});

const stepSchema = z.object({
  state: z.enum(stepStates),
  skipped: z.boolean(),
  tolerated: z.boolean(),
  /** Null if it finished. */
  cause: z.enum(causes).nullable(),
  isOfSpec: z.boolean(),
  /** How long its last job ran, in milliseconds; null if none did. */
  time: z.number().min(0).nullable(),
  /** How many of its jobs before the last failed by the study's own doing: neither lost, nor at a time limit to go on. */
  failures: z.int().min(0),
});

/** One reported run of a study, as a file of the history has it. */
export const recordSchema = z.object({
  format: z.literal(HISTORY_FORMAT),
  schema: z.literal(HISTORY_SCHEMA),
  run: runSchema,
  study: z.string(),
  status: z.enum(statuses),
  cause: z.enum(causes).nullable(),
  started: time(),
  ended: time(),
  /** By the names of the instances. */
  steps: z.record(z.string(), stepSchema),
  /** By the names of metrics, then of instances. */
  metrics: z.record(z.string(), z.record(z.string(), z.number())),
});

export type HistoryRecord = z.infer<typeof recordSchema>;
export type HistoryRun = HistoryRecord['run'];
export type HistoryStep = HistoryRecord['steps'][string];

/** The text of a record's file: one line, whose end shows that it is whole. */
export function recordText(record: HistoryRecord): string {
  return `${JSON.stringify(record)}\n`;
}

/** A file of the history's directory. */
export interface HistoryFile {
  readonly name: string;
  /** Null if it could not be read. */
  readonly text: string | null;
}

export interface ReadHistory {
  /** The earliest first. */
  readonly records: readonly HistoryRecord[];
  /** Files that are no records, with why: `… is cut off`. */
  readonly skipped: readonly { readonly name: string; readonly why: string }[];
}

/**
 * Reads the files of a history. One that is torn, foreign or of a later version is left out, and named. Of several records of
 * the same run the latest counts: a later attempt continues the study, and measures again what had finished.
 */
export function readHistory(files: readonly HistoryFile[]): ReadHistory {
  const skipped: { name: string; why: string }[] = [];
  const byRun = new Map<string, HistoryRecord>();
  for (const { name, text } of files) {
    const record = parseRecord(text);
    if ('why' in record) {
      skipped.push({ name, why: record.why });
      continue;
    }
    const { url, leg, spec } = record.run;
    const key = JSON.stringify(url === '' ? [name] : [url, leg, spec]);
    const known = byRun.get(key);
    if (known === undefined || known.ended <= record.ended) byRun.set(key, record);
  }
  return { records: [...byRun.values()].sort((a, b) => a.ended - b.ended), skipped };
}

function parseRecord(text: string | null): HistoryRecord | { readonly why: string } {
  if (text === null) return { why: 'cannot be read' };
  if (!text.endsWith('\n')) return { why: 'is cut off' };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { why: 'is not JSON' };
  }
  const { format, schema } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  if (format !== HISTORY_FORMAT) return { why: 'is not a record of a study' };
  if (schema !== HISTORY_SCHEMA)
    return { why: `has version ${JSON.stringify(schema)?.slice(0, 40)}, which is not known` };
  const result = recordSchema.safeParse(value);
  if (result.success) return result.data;
  const { path, message } = result.error.issues[0]!;
  return { why: `has an unexpected ${path.slice(0, 2).join('.').slice(0, 60)}: ${message}` };
}

/** Whether a record is of the same study as a run, so that the two can be compared, whatever their commits. */
export function isOfSame(a: HistoryRun, b: HistoryRun): boolean {
  const keys = ['repository', 'workflow', 'spec', 'branch', 'leg'] as const;
  return keys.every((key) => a[key] === b[key]);
}
