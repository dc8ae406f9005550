import * as z from 'zod';
import { runSchema } from '../../history/record.js';
import type { HistoryOptions } from '../history-options.js';

const schema = z.object({
  root: z.string().startsWith('/'),
  run: runSchema,
  isWritten: z.boolean(),
  server: z.string(),
}) satisfies z.ZodType<HistoryOptions>;

/** The history that a detached study was started with; undefined if there is none, or it is not as this version writes it. */
export function parseHistory(kept: unknown): HistoryOptions | undefined {
  return schema.safeParse(kept).data;
}
