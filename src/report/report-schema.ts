import * as z from 'zod';
import { causes } from '../causes/cause.js';
import { schedulerTypes } from '../spec/spec.js';
import { stepStates } from '../study/state.js';

import { historySchema, metricSchema } from './metrics/reported.js';

/**
 * report.json: the type that `reportJson` writes, the schema that docs/report.schema.json is generated from, and what earlier
 * reports are read with.
 */

/** The version that `schema` has. Members may be added to a version; what changes or goes makes a new one. */
export const REPORT_SCHEMA = 1;

export const statuses = ['FINISHED', 'FAILURE', 'CANCELLED', 'INTERRUPTED', 'DRYRUN'] as const;

/** A time in ISO 8601, as `isoTime` writes it. */
const time = () =>
  z
    .string()
    .refine((text) => !Number.isNaN(Date.parse(text)), 'is no time')
    .meta({ format: 'date-time' });
const whole = () => z.int();
const nodes = (which: string) =>
  z.array(z.string()).nullable().describe(`The nodes of ${which}, by name; null if they are not known.`);
const cause = (why: string) => z.enum(causes).nullable().describe(why);
const infrastructure = () =>
  z.boolean().describe('Whether that is the doing of the machines or the site, and says nothing about the code.');

const jobSchema = z.object({
  id: z.string().describe("The scheduler's id; empty for a job that could not be submitted."),
  submitted: time(),
  started: time().nullable().describe('Null if it never began to run.'),
  ended: time().nullable().describe('Null if it is not over.'),
  result: z
    .enum(['completed', 'failed', 'timeout', 'cancelled', 'node-failure', 'not-run', 'evicted', 'not submitted'])
    .nullable()
    .describe("How it ended, in the scheduler's words; null if it is not over."),
  nodes: nodes('the job'),
  excluded: z.array(z.string()).describe('The nodes that it was not to run on: earlier jobs were lost with them.'),
  cause: cause('Why it did not complete; null if it did, or is not over.'),
  infrastructure: infrastructure(),
});

const stepSchema = z.object({
  name: z.string().describe('The name of the instance, unique in the study: `run_SIZE.10`.'),
  step: z.string().describe('The name of the step in the spec.'),
  line: whole().describe('The line of the spec on which the step is defined.'),
  params: z.record(z.string(), z.string()).describe('The parameters that it or its dependencies use, by name.'),
  workspace: z.string().describe('Its directory, relative to that of the study.'),
  scheduled: z.boolean().describe('Whether the batch system ran it; if not, it was a process on the host.'),
  dependsOn: z.array(z.string()).describe('The names of the instances that it waited for.'),
  state: z.enum(stepStates).describe("Its state, in Maestro's words."),
  skipped: z
    .boolean()
    .describe('Whether it is over and never ran: a dependency did not finish, or the study was cancelled first.'),
  reason: z.string().describe('Why it is in its state; empty if the state says enough.'),
  tolerated: z.boolean().describe('Whether its failure does not fail the study (`allow-failure`).'),
  exitCode: whole().nullable(),
  signal: z.string().nullable().describe('The signal that ended it.'),
  cause: cause('Why it did not finish; null if it did.'),
  infrastructure: infrastructure(),
  nodes: nodes('its last job'),
  attempts: whole().describe('How many jobs it has had since the study was begun or last resumed.'),
  nodeHours: z
    .number()
    .nullable()
    .describe('Nodes × run time of all its jobs, in hours; null of a step that was a process on the host.'),
  restarts: whole().describe('How often it was restarted after a timeout.'),
  jobs: z.array(jobSchema).describe('Every attempt at it, the latest last. Those of before a study was resumed stay.'),
  script: z.string().describe('The path of its script, relative to the study, as the following paths are.'),
  restartScript: z.string().nullable(),
  stdout: z.string().nullable().describe('The output of its last job; null if none ran.'),
  stderr: z.string().nullable(),
  stderrTail: z
    .string()
    .nullable()
    .describe('The end of the stderr of a step that failed; null if it was not read, or the step did not fail.'),
  stdoutTail: z.string().nullable().describe('The end of its stdout, as of its stderr.'),
  submitted: time().nullable().describe('When its first job of this run was submitted.'),
  started: time().nullable(),
  ended: time().nullable().describe('When it came to its final state.'),
});

const suspectSchema = z.object({
  node: z.string(),
  failed: z.array(z.string()).describe('The names of the instances that failed on it.'),
  steps: z.array(z.string()).describe('The steps that these are of.'),
});

const flakySchema = z.object({
  name: z.string(),
  passedAt: whole().describe('The attempt that passed; the first is 1.'),
  failures: z.array(
    z.object({
      attempt: whole(),
      nodes: nodes('its job'),
      cause: cause('Why it did not complete.'),
      infrastructure: infrastructure(),
    }),
  ),
});

const runSchema = z.object({
  repository: z.string().describe('`owner/name`.'),
  commit: z.string().describe("The commit that the results are about: of a pull request, its head's."),
  ref: z.string(),
  event: z.string(),
  workflow: z.string(),
  job: z.string(),
  url: z.string(),
  attempt: whole(),
  isOtherCommit: z
    .boolean()
    .optional()
    .describe("Whether the commit is another than the event's, because the input `sha` names it."),
});

const studySchema = z.object({
  name: z.string(),
  description: z.string(),
  path: z.string().describe('The study directory, on the host.'),
  spec: z.string().describe('The path of the spec, as it was given.'),
  host: z.string().describe('The machine that the study ran on.'),
  scheduler: z.enum(schedulerTypes).describe('What ran its scheduled steps.'),
  fluxUri: z.string().nullable().describe('The Flux broker that ran the jobs; null if none did.'),
  interruption: z.string().describe('Why it stopped before its end; empty if it did not.'),
  cause: cause('Why it is not FINISHED: that of its steps which is most urgent to know; null if it is FINISHED.'),
  infrastructure: infrastructure(),
  pattern: z
    .string()
    .describe('What all failures have in common and few others, in a sentence; empty if nothing holds.'),
  suspects: z
    .array(suspectSchema)
    .describe('Nodes on which instances of two steps or more failed, while others of the same steps passed elsewhere.'),
  flaky: z.array(flakySchema).describe('Instances that passed only after they had failed.'),
  nodeHours: z
    .number()
    .nullable()
    .describe("Nodes × run time of all jobs, in hours; null if none was a batch system's."),
  allocation: z
    .object({
      nodeHours: z.number().describe('Nodes × time of the allocations.'),
      usedNodeHours: z.number().describe('Of these, how many had a job. Jobs that share a node count it once.'),
    })
    .nullable()
    .describe('What was allocated for the study in this run (`allocate`), and used; null if nothing was.'),
  started: time(),
  ended: time(),
});

export const reportSchema = z.object({
  schema: z
    .literal(REPORT_SCHEMA)
    .describe(
      'The version of this format. Members are added without a new version: ignore those that you do not know.',
    ),
  status: z.enum(statuses).describe('How the study ended.'),
  run: runSchema.nullable().describe('The run on GitHub that the study was started for; null elsewhere.'),
  study: studySchema,
  steps: z.array(stepSchema).describe('Every instance of every step, dependencies first.'),
  metrics: z.array(metricSchema).describe('What was read from the outputs of steps that finished, by metric.'),
  history: historySchema.nullable().describe('What earlier runs of the branch say of it; null if there is no history.'),
});

export type Report = z.infer<typeof reportSchema>;
export type ReportedStep = Report['steps'][number];

/**
 * What is taken as a report: less than is written today, for earlier versions wrote less, and others cut reports down to what they
 * need.
 */
export const readableSchema = z.object({
  status: reportSchema.shape.status,
  run: runSchema.nullable().optional(),
  study: studySchema.partial().extend({ name: studySchema.shape.name, ended: studySchema.shape.ended.nullable() }),
  steps: z.array(
    stepSchema
      .partial()
      .required({ name: true, state: true, submitted: true })
      .extend({
        jobs: z.array(jobSchema.partial().required({ started: true, ended: true })),
      }),
  ),
  metrics: z.array(metricSchema).optional(),
});

export type ReadableReport = z.infer<typeof readableSchema>;
