import { CHOMPING_MODE, SCALAR_STYLE, type ScalarEvent } from 'js-yaml';
import { PyBytes, PyDate, type PyValue } from '../python.js';
import { CORE } from './tags.js';

/** A scalar that PyYAML refuses: where it raises ValueError, KeyError, ConstructorError or the like. */
export class PyYamlError extends Error {
  override readonly name = 'PyYamlError';
}

// PyYAML 6 resolver.py, in the order in which it tries them. All other plain text is a str.
const RESOLVERS: readonly (readonly [tag: string, pattern: RegExp])[] = [
  ['bool', /^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$/],
  [
    'float',
    /^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/,
  ],
  [
    'int',
    /^(?:[-+]?0b[01_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$/,
  ],
  ['merge', /^<<$/],
  ['null', /^(?:~|null|Null|NULL|)$/],
  [
    'timestamp',
    /^(?:[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::[0-9]{2})?))?)$/,
  ],
  ['value', /^=$/],
];

/** The full tag that PyYAML gives a plain scalar, such as `tag:yaml.org,2002:int`. */
export function plainTag(text: string): string {
  return CORE + (RESOLVERS.find(([, pattern]) => pattern.test(text))?.[0] ?? 'str');
}

/**
 * The value of a plain scalar. `<<` and `=` mean something to PyYAML only as keys, which is the caller's to know:
 * elsewhere it refuses them, and so does this.
 *
 * @param text the decoded scalar
 * @throws PyYamlError if the text looks like a value of some type and is none (`2024-13-01`, `0b_`)
 */
export function resolvePlain(text: string): PyValue {
  const tag = plainTag(text);
  if (tag === `${CORE}merge` || tag === `${CORE}value`) {
    throw new PyYamlError(`'${text}' has a meaning of its own in YAML and can be no value`);
  }
  return resolveTagged(tag, text)!;
}

/**
 * The value of a scalar with an explicit tag.
 *
 * @param tag a full tag (`tag:yaml.org,2002:int`) or its short form (`!!int`)
 * @param text the decoded scalar
 * @returns the value, or undefined for a tag that is not a scalar type of YAML 1.1
 * @throws PyYamlError if the text is no value of that type
 */
export function resolveTagged(tag: string, text: string): PyValue | undefined {
  switch (tag.startsWith('!!') ? CORE + tag.slice(2) : tag) {
    case `${CORE}str`:
      return text;
    case `${CORE}int`:
      return constructInt(text);
    case `${CORE}float`:
      return constructFloat(text);
    case `${CORE}bool`:
      return constructBool(text);
    case `${CORE}null`:
      return null;
    case `${CORE}timestamp`:
      return constructTimestamp(text);
    case `${CORE}binary`:
      return constructBinary(text);
    default:
      return undefined;
  }
}

// The functions below follow PyYAML 6 constructor.py, SafeConstructor.construct_yaml_*.

function constructBool(text: string): boolean {
  const word = text.toLowerCase();
  if (word === 'yes' || word === 'true' || word === 'on') return true;
  if (word === 'no' || word === 'false' || word === 'off') return false;
  throw new PyYamlError(`'${clip(text)}' is not a boolean`);
}

function splitSign(text: string): { negative: boolean; body: string } {
  return { negative: text.startsWith('-'), body: /^[-+]/.test(text) ? text.slice(1) : text };
}

function constructInt(text: string): bigint {
  const { negative, body } = splitSign(text.replaceAll('_', ''));
  const value = unsignedInt(body);
  // CPython 3.11 neither reads nor prints a decimal number longer than this.
  if (value === undefined || body.length > 20_000 || value.toString().length > 4300) {
    throw new PyYamlError(`'${clip(text)}' is not an integer that Python can read`);
  }
  return negative ? -value : value;
}

function unsignedInt(body: string): bigint | undefined {
  if (body === '0') return 0n;
  if (body.startsWith('0b')) return pythonInt(body.slice(2), 2);
  if (body.startsWith('0x')) return pythonInt(body.slice(2), 16);
  if (body.startsWith('0')) return pythonInt(body, 8);
  if (!body.includes(':')) return pythonInt(body, 10);
  let value = 0n;
  for (const part of body.length > 20_000 ? [] : body.split(':')) {
    const digit = pythonInt(part, 10);
    if (digit === undefined) return undefined;
    value = value * 60n + digit;
  }
  return value;
}

const PYTHON_INT = {
  2: { digits: /^[01]+$/, prefix: /^0b/i, js: '0b' },
  8: { digits: /^[0-7]+$/, prefix: /^0o/i, js: '0o' },
  10: { digits: /^[0-9]+$/, prefix: /^(?!)/, js: '' },
  16: { digits: /^[0-9a-fA-F]+$/, prefix: /^0x/i, js: '0x' },
} as const;

/** Python's `int(text, base)`: white space around, a sign and the base's prefix are allowed (`!!int 0o17` is 15). */
function pythonInt(text: string, base: 2 | 8 | 10 | 16): bigint | undefined {
  const { digits, prefix, js } = PYTHON_INT[base];
  const { negative, body } = splitSign(text.trim());
  const bare = body.replace(prefix, '');
  if (bare.length > 20_000 || !digits.test(bare)) return undefined;
  const value = BigInt(js + bare);
  return negative ? -value : value;
}

function constructFloat(text: string): number {
  const { negative, body } = splitSign(text.replaceAll('_', '').toLowerCase());
  const value = unsignedFloat(body);
  if (value === undefined) throw new PyYamlError(`'${clip(text)}' is not a number`);
  return negative ? -value : value;
}

function unsignedFloat(body: string): number | undefined {
  if (body === '.inf') return Number.POSITIVE_INFINITY;
  if (body === '.nan') return Number.NaN;
  if (!body.includes(':')) return pythonFloat(body);
  const parts = body.split(':').reverse();
  let base = 1n; // an int there, turned into a float for each product
  let value = 0;
  for (const part of parts) {
    const digit = pythonFloat(part);
    if (digit === undefined || !Number.isFinite(Number(base))) return undefined;
    value += digit * Number(base);
    base *= 60n;
  }
  return value;
}

/** Python's `float(text)` for lower-case text without `_`. */
function pythonFloat(text: string): number | undefined {
  const trimmed = text.trim();
  if (/^[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[-+]?[0-9]+)?$/.test(trimmed)) return Number(trimmed);
  const { negative, body } = splitSign(trimmed);
  if (body === 'nan') return Number.NaN;
  if (body !== 'inf' && body !== 'infinity') return undefined;
  return negative ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}

const TIMESTAMP =
  /^([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(?:(?:[Tt]|[ \t]+)([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]*))?(?:[ \t]*(Z|([-+])([0-9]{1,2})(?::([0-9]{2}))?))?)?$/;

function constructTimestamp(text: string): PyDate {
  const match = TIMESTAMP.exec(text);
  const refuse = (why: string) => new PyYamlError(`'${clip(text)}' is not a date: ${why}`);
  if (!match) throw refuse('it is not of the form YYYY-MM-DD or YYYY-MM-DD HH:MM:SS');
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0)) as SixNumbers;
  const daysInMonth = new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate();
  if (year < 1) throw refuse('year 0 is out of range');
  if (month < 1 || month > 12) throw refuse('the month must be in 1..12');
  if (day < 1 || day > daysInMonth) throw refuse('there is no such day in that month');
  const date = `${match[1]}-${two(month)}-${two(day)}`;
  if (match[4] === undefined) return new PyDate('date', date, `datetime.date(${year}, ${month}, ${day})`);
  if (hour > 23 || minute > 59 || second > 59) throw refuse('the time of day is out of range');

  const micros = Number((match[7] ?? '').slice(0, 6).padEnd(6, '0'));
  const zone = match[8] === undefined ? undefined : zoneOf(match[9], match[10], match[11]);
  if (zone !== undefined && Math.abs(zone) >= 1440) throw refuse('the offset from UTC must be less than a day');
  const clock = `${two(hour)}:${two(minute)}:${two(second)}${micros ? `.${micros.toString().padStart(6, '0')}` : ''}`;
  const parts = [year, month, day, hour, minute];
  if (second || micros) parts.push(second);
  if (micros) parts.push(micros);
  const arguments_ = [...parts, ...(zone === undefined ? [] : [`tzinfo=${reprZone(zone)}`])].join(', ');
  return new PyDate('datetime', `${date} ${clock}${printZone(zone)}`, `datetime.datetime(${arguments_})`);
}

type SixNumbers = [number, number, number, number, number, number];

function two(value: number): string {
  return value.toString().padStart(2, '0');
}

/** Minutes east of UTC. */
function zoneOf(sign: string | undefined, hours = '0', minutes = '0'): number {
  const size = Number(hours) * 60 + Number(minutes);
  return sign === '-' && size !== 0 ? -size : size;
}

function printZone(zone: number | undefined): string {
  if (zone === undefined) return '';
  const size = Math.abs(zone);
  return `${zone < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

function reprZone(zone: number): string {
  if (zone === 0) return 'datetime.timezone.utc';
  const delta = zone < 0 ? `days=-1, seconds=${(zone + 1440) * 60}` : `seconds=${zone * 60}`;
  return `datetime.timezone(datetime.timedelta(${delta}))`;
}

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Python's `base64.decodebytes`, which passes over what is no base64 but wants the padding to be right. */
function constructBinary(text: string): PyBytes {
  if (/[^\x00-\x7f]/.test(text)) throw new PyYamlError('!!binary text is not ASCII');
  const bytes: number[] = [];
  let inGroup = 0;
  let padding = 0;
  let bits = 0;
  for (const character of text) {
    if (character === '=') {
      padding++;
      if (inGroup >= 2 && inGroup + padding >= 4) return new PyBytes(Uint8Array.from(bytes));
      continue;
    }
    const digit = BASE64.indexOf(character);
    if (digit === -1) continue;
    padding = 0;
    bits = ((bits << 6) | digit) & 0xffff;
    inGroup = (inGroup + 1) % 4;
    if (inGroup !== 1) bytes.push((bits >> (((4 - inGroup) % 4) * 2)) & 0xff);
  }
  if (inGroup !== 0) throw new PyYamlError('!!binary text is not base64: its padding is incorrect');
  return new PyBytes(Uint8Array.from(bytes));
}

/** The text of a scalar, and where it came from: from `index` of the text on, characters come from `offset` on. */
export interface Decoded {
  readonly text: string;
  readonly runs: readonly { readonly index: number; readonly offset: number }[];
}

/**
 * Decodes a scalar as PyYAML 6 scanner.py does. js-yaml's own decoder ends every block scalar with a line break,
 * even where the file ends without one, and gives no positions.
 *
 * @param source the text that was parsed
 * @throws PyYamlError for an escape that is no character
 */
export function decodeScalar(source: string, event: ScalarEvent): Decoded {
  const { valueStart, valueEnd, style } = event;
  if (valueStart < 0) return { text: '', runs: [] };
  const plain = source.slice(valueStart, valueEnd);
  if (event.fast && !/[\x85\u2028\u2029]/.test(plain)) return { text: plain, runs: [{ index: 0, offset: valueStart }] };
  const block = style === SCALAR_STYLE.LITERAL_BLOCK || style === SCALAR_STYLE.FOLDED_BLOCK;
  return block ? decodeBlock(source, event) : decodeFlow(source, event);
}

// PyYAML 6 scanner.py, Scanner.scan_block_scalar.
function decodeBlock(source: string, event: ScalarEvent): Decoded {
  const folded = event.style === SCALAR_STYLE.FOLDED_BLOCK;
  const runs: { index: number; offset: number }[] = [];
  const line = /( *)([^\r\n\x85\u2028\u2029]*)(\r\n?|[\n\x85\u2028\u2029]|$)/y;
  let text = '';
  let lineBreak = ''; // of the last line with content; empty at the end of a file that ends without one
  let blankLines = '';
  let indentedMore = false;
  line.lastIndex = event.valueStart;
  while (line.lastIndex < event.valueEnd) {
    const start = line.lastIndex;
    const [, spaces = '', rest = '', ending = ''] = line.exec(source)!;
    const contentStart = start + Math.min(spaces.length, Math.max(event.indent, 0));
    const content = source.slice(contentStart, start + spaces.length + rest.length);
    const endOfLine = ending === '' ? '' : lineBreakOf(ending);
    if (content === '' || event.indent < 0) {
      blankLines += endOfLine;
      continue;
    }
    const startsWithBlank = /^[ \t]/.test(content);
    if (folded && lineBreak === '\n' && !indentedMore && !startsWithBlank) text += blankLines === '' ? ' ' : blankLines;
    else text += lineBreak + blankLines;
    runs.push({ index: text.length, offset: contentStart });
    text += content;
    blankLines = '';
    lineBreak = endOfLine;
    indentedMore = startsWithBlank;
  }
  if (event.chomping !== CHOMPING_MODE.STRIP) text += lineBreak;
  if (event.chomping === CHOMPING_MODE.KEEP) text += blankLines;
  return { text, runs };
}

const ESCAPES: Readonly<Record<string, string>> = {
  ...{ '0': '\0', a: '\x07', b: '\b', t: '\t', '\t': '\t', n: '\n', v: '\v', f: '\f', r: '\r', e: '\x1b' },
  ...{ ' ': ' ', '"': '"', '\\': '\\', '/': '/', N: '\x85', _: '\xa0', L: '\u2028', P: '\u2029' },
};

/** The line breaks of YAML 1.1, of which js-yaml knows the first two. */
const BREAK = /\r\n?|[\n\x85\u2028\u2029]/g;

/** PyYAML 6 scanner.py, Scanner.scan_line_break: the separators of Unicode stay what they are. */
function lineBreakOf(characters: string): string {
  return /[\u2028\u2029]/.test(characters) ? characters : '\n';
}

// PyYAML 6 scanner.py, Scanner.scan_flow_scalar and scan_plain. Each match is a line break with the blanks around it, an
// escape, or text that stands for itself.
const FLOW_TOKENS = {
  [SCALAR_STYLE.DOUBLE_QUOTED]:
    /[ \t]*[\r\n\x85\u2028\u2029][ \t\r\n\x85\u2028\u2029]*|\\(?:[\r\n\x85\u2028\u2029][ \t\r\n\x85\u2028\u2029]*|x.{2}|u.{4}|U.{8}|.)|[ \t]+|[^ \t\r\n\x85\u2028\u2029\\]+/g,
  [SCALAR_STYLE.SINGLE_QUOTED]:
    /[ \t]*[\r\n\x85\u2028\u2029][ \t\r\n\x85\u2028\u2029]*|''|[ \t]+|[^ \t\r\n\x85\u2028\u2029']+/g,
  [SCALAR_STYLE.PLAIN]: /[ \t]*[\r\n\x85\u2028\u2029][ \t\r\n\x85\u2028\u2029]*|[ \t]+|[^ \t\r\n\x85\u2028\u2029]+/g,
};

function decodeFlow(source: string, event: ScalarEvent): Decoded {
  const style = event.style as keyof typeof FLOW_TOKENS;
  const runs: { index: number; offset: number }[] = [];
  let text = '';
  for (const match of source.slice(event.valueStart, event.valueEnd).matchAll(FLOW_TOKENS[style])) {
    const offset = event.valueStart + match.index;
    const last = runs.at(-1);
    if (!last || last.offset - last.index !== offset - text.length) runs.push({ index: text.length, offset });
    text += decodeToken(match[0], style);
  }
  return { text, runs };
}

function decodeToken(token: string, style: keyof typeof FLOW_TOKENS): string {
  const escaped = style === SCALAR_STYLE.DOUBLE_QUOTED && token.startsWith('\\') ? token[1]! : '';
  const [first, ...others] = (token.match(BREAK) ?? []).map(lineBreakOf);
  if (first !== undefined) {
    const kept = escaped === '' && first !== '\n' ? first : '';
    return escaped === '' && kept === '' && others.length === 0 ? ' ' : kept + others.join('');
  }
  if (escaped === '') return token === "''" && style === SCALAR_STYLE.SINGLE_QUOTED ? "'" : token;
  if (!/[xuU]/.test(escaped)) return ESCAPES[escaped]!;
  const code = Number.parseInt(token.slice(2), 16);
  if (code > 0x10ffff) throw new PyYamlError(`the escape ${token} is beyond the last character of Unicode`);
  return String.fromCodePoint(code);
}

function clip(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}
