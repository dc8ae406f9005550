import * as z from 'zod';
import { reportSchema, statuses } from '../report-schema.js';

/** The report.json of merged reports, from which docs/merged-report.schema.json is generated. */

export const MERGED_SCHEMA = 1;

const status = z
  .enum([...statuses, 'NOTRUN'])
  .describe(
    'NOTRUN: there is no report. Of the merged result: the first of FAILURE, CANCELLED, INTERRUPTED, FINISHED, DRYRUN, NOTRUN that any machine has.',
  );
const { steps, study, run, metrics } = reportSchema.shape;
const { name, step, params, state, skipped, tolerated, reason, cause, infrastructure, nodes } = steps.element.shape;

export const mergedSchema = z.object({
  kind: z.literal('merged').describe('What tells it from the report of one run.'),
  schema: z.literal(MERGED_SCHEMA).describe('The version of this format.'),
  status,
  machines: z.array(
    z.object({
      name: z.string(),
      status,
      run,
      study: study.nullable().describe('The study, as in the report of its run; null if there is no report.'),
      metrics,
    }),
  ),
  steps: z
    .array(
      z.object({
        name,
        step,
        params,
        results: z.array(
          z.object({
            machine: z.string().describe('The name of the machine. Machines that do not have the step are left out.'),
            ...{ state, skipped, tolerated, reason, cause, infrastructure, nodes },
            runTime: z
              .number()
              .nullable()
              .describe('How long its last job ran, in milliseconds; null if that is not known.'),
          }),
        ),
      }),
    )
    .describe('Every instance that any machine has.'),
});

export type MergedReport = z.infer<typeof mergedSchema>;
