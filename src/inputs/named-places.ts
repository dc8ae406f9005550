import * as z from 'zod';

/** The lines of a text that have something in them. */
export const linesOf = (value: string) => value.split(/\r?\n/).filter((line) => line.trim() !== '');

/** Names: lines, or a JSON list of them or of objects that have one, as a matrix is given. */
export const names = () => namedObjects().transform((places) => places.map(({ name }) => name));

/** The same, each with its object as it was given. */
export const namedObjects = () =>
  z.string().transform((value, context) => {
    if (!value.trimStart().startsWith('[')) {
      return linesOf(value).map((line): NamedPlace => ({ name: line.trim(), value: line.trim() }));
    }
    const named = z.union([
      z.string().transform((name): NamedPlace => ({ name, value: name })),
      z.looseObject({ name: z.string() }).transform((object): NamedPlace => ({ name: object.name, value: object })),
    ]);
    const result = z.array(named).safeParse(parsedJson(value));
    if (result.success) return result.data;
    context.addIssue({ code: 'custom', message: badNames });
    return z.NEVER;
  });

/** A place to run, as a matrix has it: its name alone, or an object with that. */
export interface NamedPlace {
  readonly name: string;
  readonly value: unknown;
}

const badNames = 'must be lines of names, or a JSON list of names or of {"name": ...}';

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
