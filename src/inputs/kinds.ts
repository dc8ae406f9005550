import * as z from 'zod';
import { parseResubmitOn } from '../causes/resubmit.js';
import { secondsOf, timeForms } from '../scripts/walltime.js';
import { splitWords } from '../util/format.js';
import { linesOf } from './named-places.js';

/** What the texts of inputs may be, and what is made of them. */

/** An input of text. @param kind what reference and help call such a value */
export const text = (kind = 'text') => z.string().meta({ kind });
export const truth = () =>
  z.stringbool({ truthy: ['true'], falsy: ['false'], error: 'must be true or false' }).meta({ kind: 'true, false' });
export const whole = (minimum: number) => {
  const error = `must be a whole number from ${minimum} up`;
  const isWhole = (value: string) =>
    /^[0-9]+$/.test(value) && Number(value) >= minimum && Number.isSafeInteger(Number(value));
  return z
    .string()
    .refine(isWhole, { error, params: { showsValue: true } })
    .transform(Number)
    .meta({ kind: 'whole number' });
};
/** Seconds; 0, as nothing at all, is none. */
export const time = () =>
  z
    .string()
    .transform((value, context) => {
      const found = /^0*$/.test(value.trim()) ? 0 : secondsOf(value);
      if (found !== undefined) return found;
      context.addIssue({ code: 'custom', message: `must be ${timeForms}`, params: { showsValue: true } });
      return z.NEVER;
    })
    .meta({ kind: 'time' });

export const percent = () =>
  z
    .string()
    .refine((value) => /^[0-9]+(\.[0-9]+)?\s*%?$/.test(value), {
      error: 'must be a percentage, such as 25 %',
      params: { showsValue: true },
    })
    .transform((value) => Number.parseFloat(value))
    .meta({ kind: 'percentage' });
export const choice = <const T extends string>(...words: [T, ...T[]]) =>
  z
    .enum(words, { error: `must be ${words.slice(0, -1).join(', ')} or ${words.at(-1)}` })
    .meta({ kind: words.join(', ') });

/** Words that blanks separate, as the texts of `args` of `allocate`. */
export const words = () =>
  z
    .string()
    .transform((value) => splitWords(value))
    .meta({ kind: 'arguments' });

export const list = () =>
  z
    .string()
    .transform((value) => linesOf(value).map((line) => line.trim()))
    .meta({ kind: 'globs' });

/** Lines of `KEY:VALUE`, split at the first colon (Maestro's `--pargs`). */
export const pairs = () =>
  z
    .string()
    .transform((value, context) => {
      const lines = linesOf(value);
      const bad = lines.findIndex((line) => !line.includes(':'));
      if (bad !== -1) {
        // The line may be a secret, so it is not shown.
        context.addIssue({ code: 'custom', message: `must be lines of KEY:VALUE, but line ${bad + 1} has no colon` });
        return z.NEVER;
      }
      const split = (line: string): [string, string] => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
      };
      return new Map(lines.map(split)) as ReadonlyMap<string, string>;
    })
    .meta({ kind: 'KEY:VALUE lines' });

export const resubmitOn = () =>
  z
    .string()
    .transform((value, context) => {
      const parsed = parseResubmitOn(value);
      if (typeof parsed !== 'string') return parsed;
      context.addIssue({ code: 'custom', message: `must be causes and how often, such as node: 3; ${parsed}` });
      return z.NEVER;
    })
    .meta({ kind: 'causes' });

export const assignments = () =>
  z
    .string()
    .transform((value, context) => {
      const result = new Map<string, string>();
      for (const line of linesOf(value)) {
        const match = /^\s*([A-Za-z_][A-Za-z0-9_]*)=(.*)$/.exec(line);
        if (match === null) {
          // The value may be a secret, so only the text before `=` is shown.
          const shown = line.includes('=') ? `${line.slice(0, line.indexOf('=')).trim()}=...` : 'a line without `=`';
          context.addIssue({ code: 'custom', message: `must be lines of NAME=VALUE, but has ${shown}` });
          return z.NEVER;
        }
        result.set(match[1]!, match[2]!);
      }
      return result as ReadonlyMap<string, string>;
    })
    .meta({ kind: 'NAME=VALUE lines' });
