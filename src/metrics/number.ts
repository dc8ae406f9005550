/** A number as programs print it: C, Fortran, Python, with an exponent or without one. */
const pattern =
  /^([+-]?)(?:(\d+\.?\d*|\.\d+)(?:[eEdDqQ]([+-]?\d{1,4})|([+-]\d{3}))?(?![\d.])|(nan|infinity|inf)(?!\w))/i;

/** What is around a number in a sentence. */
const opening = /^[\s("'[{<=:~]+/;
const closing = /[\s)"'\]}>,;:.]+$/;

/** What may stand right behind a number: a blank, a unit, a bracket, the end of a quotation or a clause. */
const boundary = /^(?:$|[\s\p{L}%°±()[\]{}<>"'’;,]|\/\p{L})/u;

/**
 * What shows that the digits before it are a part of something: of `1 234`, `1'000`, `0x1F`, `1.5e12345`, `0m3.2s`, `1h 30m`.
 */
const remainder = /^(?:\s*['’;,]?\d|[edq][+-]\d|[a-z]+\d|\s*(?:d|days?|h|hours?|m|min|minutes?)\s+\d)/i;

export type ParsedNumber =
  /** `unit` is what stands behind it: `ns/zone`; '' if nothing does. */
  | { readonly is: 'number'; readonly value: number; readonly unit: string }
  /** `why` completes "the value …". */
  | { readonly is: 'none'; readonly why: string };

/**
 * Parses a captured text: `3.1`, `1.0D-3`, `1.5-103` (Fortran leaves out the letter before an exponent of three digits),
 * `12.5 ms`, `(4.2e6)`. A number that is not finite is none.
 */
export function parseNumber(captured: string): ParsedNumber {
  const text = captured.replace(opening, '').replace(closing, '');
  const found = pattern.exec(text);
  if (found === null) return { is: 'none', why: whyNot(text) };
  const [whole, sign, digits, exponent, bareExponent, word] = found;
  if (word !== undefined) return { is: 'none', why: `is ${whole}` };
  const rest = text.slice(whole.length);
  // Without a point it is a range: `100-200`.
  const isRange = bareExponent !== undefined && !digits!.includes('.');
  if (isRange || !boundary.test(rest) || remainder.test(rest)) return { is: 'none', why: whyNot(text) };
  const value = Number(`${sign}${digits}e${exponent ?? bareExponent ?? 0}`);
  if (!Number.isFinite(value)) return { is: 'none', why: `${whole} is too large` };
  return { is: 'number', value, unit: rest.trim() };
}

function whyNot(text: string): string {
  const shown = text.length > 40 ? `${text.slice(0, 40)}...` : text;
  if (text === '') return 'is empty';
  if (/^\*+$/.test(text)) return `is '${shown}': the number did not fit into its Fortran field`;
  if (/^[+-]?\d+,\d/.test(text)) return `'${shown}' has a comma, which may be of thousands or of decimals`;
  if (/^[+-]?\d+\s+\d/.test(text)) return `'${shown}' has a blank, which may be of thousands or between two numbers`;
  return `'${shown}' is not a number`;
}
