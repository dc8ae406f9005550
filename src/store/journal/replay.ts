import * as z from 'zod';
import { interruptions } from '../../causes/interruption.js';
import type { GeneratorAnswer, KnownAnswer } from '../../study/pgen/answer.js';
import { type JobRecord, newRecord, openJob, type StepRecord, studyStatuses } from '../../study/state.js';
import { UserError } from '../../util/errors.js';
import { obsoleteAfter, withoutDiscarded } from './obsolete-jobs.js';
import { applyPatch } from './patch.js';
import {
  type DescribedAllocation,
  type Endpoint,
  type Entry,
  type JournalRecord,
  type JournalState,
  journalVersion,
  type RecordBase,
  type StepPatch,
} from './records.js';

/** A journal from which the study cannot be continued. The message is for people. */
export class JournalError extends UserError {
  constructor(line: number, what: string, hint: string) {
    super(`journal.jsonl:${line}: ${what} (${hint})`);
    this.name = 'JournalError';
  }
}

/** The line of a record, ending with its only newline. */
export function serialize({ seq, fence, at }: RecordBase, entry: Entry): string {
  return `${JSON.stringify({ seq, fence, at, ...entry })}\n`;
}

/**
 * Reads a journal. A line that a crash tore, lines of a driver that had been replaced, and repeated lines are tolerated.
 *
 * @throws JournalError if a record is missing or malformed, or if a later version wrote the journal
 */
export function replay(text: string): JournalState {
  const isTorn = text !== '' && !text.endsWith('\n');
  const lines = keep(text);
  const hasStudy = lines.some(({ record }) => record.type === 'study');
  const state = emptyState(isTorn);
  if (!hasStudy) return state;
  for (const { line, record } of lines) {
    if (shapes.get(record.type)?.safeParse(record).success === false) throw damaged(line, misshapen(record));
    try {
      apply(state, record);
    } catch (error) {
      if (!(error instanceof RangeError || error instanceof TypeError)) throw error;
      throw damaged(line, `${misshapen(record)}: ${error.message}`);
    }
  }
  const { seq, fence } = lines.at(-1)!.record;
  return { ...state, seq, fence };
}

interface Line {
  /** From 1. */
  readonly line: number;
  readonly record: JournalRecord;
}

/** The valid records, numbered 1, 2, 3… */
function keep(text: string): Line[] {
  const kept: Line[] = [];
  let fence = 0;
  /** Where a record is missing, and up to which number the same driver, or a later one, must still supply all. */
  let gap: { readonly line: number; readonly fence: number; readonly upTo: number } | undefined;
  for (const [i, text_] of text.split('\n').entries()) {
    const record = parseRecord(text_);
    // A driver that had not noticed yet that it was replaced wrote this line.
    if (record === undefined || record.fence < fence) continue;
    fence = record.fence;
    const { seq } = record;
    const line = i + 1;
    const isLater = fence > (kept.at(-1)?.record.fence ?? -1);
    if (isLater && seq <= kept.length) kept.length = seq - 1;
    if (seq <= kept.length) continue;
    if (seq > kept.length + 1) {
      gap = { line: gap?.line ?? line, fence, upTo: Math.max(seq, gap?.upTo ?? 0) };
      continue;
    }
    if (record.type === 'study' && record.version > journalVersion) {
      const hint = 'use that version, or `resume: never` to start over in a new directory';
      throw new JournalError(line, 'the journal was written by a later version of this program', hint);
    }
    kept.push({ line, record });
    if (gap !== undefined && (gap.fence < fence || gap.upTo <= seq)) gap = undefined;
  }
  if (gap !== undefined) throw damaged(gap.line, `record ${kept.length + 1} is missing before this line`);
  return kept;
}

/** @returns undefined if the line has no complete record */
function parseRecord(line: string): JournalRecord | undefined {
  // A driver may have appended to a torn line. Within a record there is no text like the beginning of one.
  const start = line.lastIndexOf('{"seq":');
  if (start < 0) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(line.slice(start));
  } catch {
    return undefined;
  }
  return baseShape.safeParse(value).success ? (value as JournalRecord) : undefined;
}

const baseShape = z.object({ seq: z.int().min(1), fence: z.int().min(0), at: z.number(), type: z.string() });

const anything = z.looseObject({});
const outcome = z.enum(studyStatuses);

/** The shape of each type of record. Records of other types are ignored. */
const shapes: ReadonlyMap<string, z.ZodType> = new Map<Entry['type'], z.ZodType>([
  ['study', z.object({ version: z.int(), key: z.string(), name: z.string() })],
  [
    'open',
    z.object({
      holder: z.object({
        machine: z.string(),
        pid: z.int(),
        runUrl: z.string().optional(),
        runAttempt: z.string().optional(),
      }),
    }),
  ],
  [
    'plan',
    z.object({
      flux: z.string(),
      steps: z.array(
        z.object({
          name: z.string(),
          workspace: z.string(),
          scheduled: z.boolean(),
          script: z.string(),
          dependencies: z.string(),
          record: anything,
        }),
      ),
      knowsAnswers: z.literal(true).optional(),
    }),
  ],
  [
    'generated',
    z.object({
      question: z.object({ file: z.string(), arguments: z.string(), environment: z.string() }),
      files: z.array(z.object({ path: z.string(), hash: z.string(), isModule: z.boolean() })),
      parameters: z.array(
        z.object({ key: z.string(), name: z.string(), values: z.array(z.string()), labels: z.array(z.string()) }),
      ),
    }),
  ],
  ['steps', z.object({ steps: anything })],
  ['cancel', z.object({ reason: z.string() })],
  [
    'limits',
    z.object({
      throttle: z.int().min(0).optional(),
      restartLimit: z.int().min(0).optional(),
      inputs: z.object({ throttle: z.int(), restartLimit: z.int() }).optional(),
    }),
  ],
  ['allocation', z.object({ number: z.int(), allocation: anything.nullable() })],
  [
    'endpoint',
    z.object({
      endpoint: z.object({
        place: z.string(),
        instance: z.string(),
        rank: z.int(),
        machine: z.string(),
        allocation: anything.optional(),
      }),
    }),
  ],
  ['discarded', z.object({ jobs: z.array(z.object({ workspace: z.string(), attempt: z.int() })) })],
  // A later version may know other kinds of interruptions.
  ['end', z.object({ status: outcome, interruption: z.string().optional(), failedMetrics: z.int().optional() })],
]);

function misshapen({ seq, type }: JournalRecord): string {
  return `record ${seq} (${type}) is not as this program writes it`;
}

function damaged(line: number, what: string): JournalError {
  return new JournalError(
    line,
    `the journal is damaged: ${what}`,
    'choose `resume: never` to start over in a new directory; this one stays as it is',
  );
}

/** A state that is being put together. */
type Draft = { -readonly [Key in keyof JournalState]: JournalState[Key] } & {
  records: StepRecord[];
  former: Map<string, readonly JobRecord[]>;
  formerWorkspaces: Set<string>;
  endpoints: Endpoint[];
};

function emptyState(isTorn: boolean): Draft {
  return {
    key: '',
    name: '',
    seq: 0,
    fence: 0,
    isTorn,
    plan: undefined,
    records: [],
    former: new Map(),
    formerWorkspaces: new Set(),
    obsolete: [],
    isStaged: false,
    answers: [],
    cancelReason: undefined,
    limits: {},
    allocation: undefined,
    endpoints: [],
    allocations: 0,
    opened: undefined,
    ended: undefined,
  };
}

function apply(state: Draft, record: JournalRecord): void {
  switch (record.type) {
    case 'study':
      state.key = record.key;
      state.name = record.name;
      break;
    case 'open':
      rememberCancelled(state);
      state.opened = { holder: record.holder, at: record.at };
      state.cancelReason = undefined;
      state.ended = undefined;
      break;
    case 'plan':
      rememberJobs(state);
      for (const { workspace } of state.plan?.steps ?? []) state.formerWorkspaces.add(workspace);
      planAnew(state, record);
      for (const { workspace } of record.steps) {
        state.former.delete(workspace);
        state.formerWorkspaces.delete(workspace);
      }
      state.isStaged = false;
      if (!record.knowsAnswers) state.answers = [];
      break;
    case 'generated':
      state.answers = withAnswer(state.answers, record);
      break;
    case 'staged':
      state.isStaged = true;
      break;
    case 'steps':
      for (const index of Object.keys(record.steps)) patchStep(state, index, record.steps[index]!);
      break;
    case 'cancel':
      state.cancelReason = record.reason;
      break;
    case 'limits': {
      const { throttle, restartLimit, inputs, at } = record;
      state.limits = {
        ...state.limits,
        ...(throttle !== undefined && { throttle: { value: throttle, input: inputs?.throttle, at } }),
        ...(restartLimit !== undefined && { restartLimit: { value: restartLimit, input: inputs?.restartLimit, at } }),
      };
      break;
    }
    case 'allocation':
      state.allocation = record.allocation === null ? undefined : described(record.allocation);
      state.allocations = Math.max(state.allocations, record.number);
      break;
    case 'endpoint':
      state.endpoints.push(record.endpoint);
      break;
    case 'discarded':
      state.obsolete = withoutDiscarded(state.obsolete, record.jobs);
      break;
    case 'end':
      state.ended = { status: record.status, at: record.at, ...interruptionIn(record), ...failedMetricsIn(record) };
  }
}

/** What kind of thing stopped the driver, if this version knows it. */
function interruptionIn({ interruption }: Extract<Entry, { type: 'end' }>) {
  return interruption !== undefined && Object.hasOwn(interruptions, interruption) ? { interruption } : {};
}

function failedMetricsIn({ failedMetrics }: Extract<Entry, { type: 'end' }>) {
  return failedMetrics === undefined ? {} : { failedMetrics };
}

function patchStep({ records }: Draft, index: string, patch: StepPatch): void {
  const record = records[Number(index)];
  if (record === undefined) throw new RangeError(`there is no step ${index}`);
  applyPatch(record, patch);
}

/** Jobs that the last driver cancelled may not have ended before it did. */
function rememberCancelled({ cancelReason, records }: Draft): void {
  if (cancelReason === undefined) return;
  for (const record of records) if (openJob(record) !== undefined) record.rerun ??= 'cancelled';
}

/** Claims stay in the study, so the numbers of attempts are used up even when their step is gone from the plan. */
function rememberJobs({ plan, records, former }: Draft): void {
  for (const [index, { workspace }] of (plan?.steps ?? []).entries()) {
    const { jobs } = records[index]!;
    if (jobs.length > 0) former.set(workspace, jobs);
  }
}

function planAnew(state: Draft, { flux, steps }: Extract<Entry, { type: 'plan' }>): void {
  const before = { steps: state.plan?.steps ?? [], records: state.records };
  const records = steps.map(({ record }) => applyPatch(newRecord(), record));
  const after = steps.map(({ workspace }, index) => ({ workspace, record: records[index]! }));
  state.obsolete = obsoleteAfter(state.obsolete, before, after);
  state.plan = { flux, steps: steps.map(({ record: _, ...step }) => step) };
  state.records = records;
}

function withAnswer(
  answers: readonly KnownAnswer[],
  { question, files, parameters, at }: RecordBase & GeneratorAnswer,
): KnownAnswer[] {
  const isOther = ({ question: other }: KnownAnswer) =>
    other.file !== question.file ||
    other.arguments !== question.arguments ||
    other.environment !== question.environment;
  return [...answers.filter(isOther), { question, files, parameters, at }];
}

/** Restores a field that JSON leaves out if it is undefined. */
function described(allocation: DescribedAllocation): DescribedAllocation {
  return { ...allocation, cluster: allocation.cluster };
}
