import * as z from 'zod';
import type { GeneratorAnswer } from '../../study/pgen/answer.js';
import { type StudyStatus, studyStatuses } from '../../study/state.js';
import { parseAs } from '../../util/json.js';

/** Where the parcel of a detached start is, relative to the study; only its owner can read what is in it. */
export function parcelPath(token: string): string {
  return `.conductor/detached/${token}`;
}

/** Files and directories of a parcel. */
export const parcelFiles = {
  /** What the conductor is to do; it stays, for those who collect the study or resume it. */
  order: 'order.json',
  /** The inputs that may hold secrets; removed when the study is over. */
  secrets: 'secrets.json',
  /** The working tree, until it is staged. */
  tree: 'tree',
  /** What became of the start: a `StartState`. */
  state: 'state.json',
  /** How often collectors have started the conductor again, if they have: see restarts.ts. */
  restarts: 'restarts.json',
  log: 'conductor.log',
  /** The machine and the process id of a conductor in the background. */
  started: 'started',
  /** How the conductor is asked for as a job, if it is to be one: a `JobRequest`. */
  request: 'job-request.json',
  /** What is submitted then, what it was called last before that, and the job that the batch system has made of it. */
  script: 'job.sh',
  asked: 'job-asked.json',
  job: 'job.json',
} as const;

const fileRead = z.object({ path: z.string(), hash: z.string(), isModule: z.boolean() });

const answer = z.object({
  question: z.object({ file: z.string(), arguments: z.string(), environment: z.string() }),
  files: z.array(fileRead),
  parameters: z.array(
    z.object({ key: z.string(), name: z.string(), values: z.array(z.string()), labels: z.array(z.string()) }),
  ),
}) satisfies z.ZodType<GeneratorAnswer>;

/** What a conductor needs to run a study that another process has begun, but for the inputs that may hold secrets. */
export const orderSchema = z.object({
  version: z.literal(1),
  token: z.string(),
  /** The inputs as texts, by name. */
  inputs: z.record(z.string(), z.string()),
  key: z.string(),
  /** The spec's text. */
  text: z.string(),
  /** Absolute paths on the machine that the study was started on. */
  specPath: z.string(),
  workingDirectory: z.string(),
  stageRoot: z.string().optional(),
  /** Of the parameter generator: its file, if that is there, and what it gave. */
  generator: z.object({ name: z.string(), base64: z.string().optional(), answer }).optional(),
  /** The workflow run that started it, and the commit that its results are about; '' if there is none. */
  runUrl: z.string(),
  sha: z.string().default(''),
  runAttempt: z.string().optional(),
});

export type Order = z.output<typeof orderSchema>;

/** Names of starts: they become names of files. */
const tokenSchema = z.string().regex(/^[0-9a-f]{32}$/);

/** A check run that shows a study. */
const shownSchema = z.object({
  id: z.int().positive(),
  name: z.string(),
  /** Of the run that made it for itself, and then found the study running: GitHub may not have taken that it is that of the start. */
  token: tokenSchema.optional(),
});

/** What a study was started for, as far as that is not known from its directory. */
const originSchema = z.object({
  /** `owner/name`; '' if it was started on the command line. */
  repository: z.string(),
  /** The commit that the results are about; '' if there is none. */
  sha: z.string(),
  /** The check run that shows the study; null if there is none. */
  checkRun: shownSchema.nullable(),
  /** Those that showed it before a later run confirmed that it goes on. */
  earlier: z.array(shownSchema).optional(),
  runUrl: z.string(),
  /** The spec's path in the repository; absent if it is not in it. */
  specPath: z.string().optional(),
  /** The number of the pull request; absent if it was not for one. */
  pullRequest: z.int().positive().optional(),
  /** Which step of which workflow, and the number of its run, which counts the runs of the workflow. */
  workflow: z.string().optional(),
  job: z.string().optional(),
  step: z.string().optional(),
  runNumber: z.int().positive().optional(),
  /** The `HistoryOptions` of the start, which are looked at only where the study is reported. */
  history: z.unknown().optional(),
  /** The event and the ref of that run, and which attempt of it; earlier versions did not write them. */
  event: z.string().optional(),
  ref: z.string().optional(),
  attempt: z.int().positive().optional(),
  /** Whether the commit is another than the event's. */
  isOtherCommit: z.boolean().optional(),
  /** Which leg of a matrix it is, for an issue about the study. */
  leg: z.string().optional(),
});

export type Origin = z.output<typeof originSchema>;

/** What a study is started for on the command line. */
export const startedByHand = { repository: '', sha: '', checkRun: null, runUrl: '' } as const satisfies Origin;

/**
 * Says in the directory of the studies that one was detached, wherever it is, and what it was started for: those who collect it
 * compare that with what GitHub says, for the account that steps run as can write it.
 */
export const pointerSchema = originSchema.extend({
  version: z.literal(1),
  token: tokenSchema,
  studyPath: z.string().startsWith('/'),
  /** Milliseconds since the epoch. */
  started: z.number(),
});

export type Pointer = z.output<typeof pointerSchema>;

/** The `external_id` of the check run of a detached study. */
export function detachedKey(token: string): string {
  return `detached-${token}`;
}

/** Where the pointers are, relative to the directory of the studies. */
export const pointersPath = '.conductor/detached';

/** How far a detached start has come. */
export type StartState =
  | { readonly state: 'runs'; readonly words: string }
  | { readonly state: 'ended'; readonly status: StudyStatus }
  | { readonly state: 'failed'; readonly reasons: readonly string[] };

const stateSchema = z.union([
  z.object({ state: z.literal('runs'), words: z.string() }),
  z.object({ state: z.literal('ended'), status: z.enum(studyStatuses) }),
  z.object({ state: z.literal('failed'), reasons: z.array(z.string()) }),
]) satisfies z.ZodType<StartState>;

/** @returns undefined for a text that is no state: the file is being written, or there is none yet */
export function parseState(text: string): StartState | undefined {
  return parseAs(stateSchema, text);
}
