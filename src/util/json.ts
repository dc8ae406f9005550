import type * as z from 'zod';

/** A text of JSON as a schema has it; undefined for a text that is none, or not what it should be. */
export function parseAs<T>(schema: z.ZodType<T>, text: string): T | undefined {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
