import { type PyValue, pyStr } from '../../spec/python.js';
import type { Batch } from '../../spec/spec.js';

/** The longest job description that LSF takes, in characters. */
const MAX_DESCRIPTION_LENGTH = 4094;

/**
 * The options for `bsub` from `args` of the batch block: a key is the name of an option, with or without its hyphen. A
 * list repeats the option, an empty value or `true` stands for an option without one, and `false` leaves it out.
 */
export function optionsOf(batch: Batch): (readonly [option: string, ...value: string[]])[] {
  const args = batch.values.get('args');
  if (!(args instanceof Map)) return [];
  return [...(args as ReadonlyMap<PyValue, PyValue>)].flatMap(([key, value]) => {
    const option = `-${pyStr(key).trim().replace(/^-+/, '')}`;
    const values = Array.isArray(value) ? (value as readonly PyValue[]) : [value];
    return values.flatMap((item): (readonly [string, ...string[]])[] => {
      if (item === false) return [];
      return item === null || item === true || item === '' ? [[option]] : [[option, pyStr(item)]];
    });
  });
}

/** Options that cannot be used, each with the reason. */
const refused: readonly (readonly [option: RegExp, why: string])[] = [
  [/^-(I|Ip|Is|IS|ISp|ISs|IX|K|XF)$/, '`bsub` would wait for the job'],
  [/^-(Jd|cwd|rn|o|oo|e|eo)$/, 'it is set for each job'],
  [/^-(pack|Zs|i|is|h|V|help)$/, 'the job is read from the file that is submitted'],
];

/** Why an option of `args` cannot be used; undefined if it can. */
export function whyRefused([option, value = '']: readonly [string, ...string[]]): string | undefined {
  if (option === '-J' && /\[.*\]/.test(value)) return 'a step is one job, not an array of jobs';
  return refused.find(([pattern]) => pattern.test(option))?.[1];
}

/**
 * The words for `bsub`. A job never runs a second time after a failure of its host, unless `args` wants it (`r`): what runs
 * again is another attempt. Its description begins with the label, by which it is found.
 */
export function submitWords(batch: Batch, label: string, shown: string): string[] {
  const options = optionsOf(batch);
  const isRerunnable = options.some(([option]) => option === '-r');
  const description = `${label} ${shown.replaceAll(/[\s|]+/g, ' ')}`.slice(0, MAX_DESCRIPTION_LENGTH);
  return [...(isRerunnable ? [] : ['-rn']), ...options.flat(), '-Jd', description];
}
