/** A `datetime.date` or `datetime.datetime`: what Python prints of it, which is all that Maestro uses. */
export class PyDate {
  readonly kind: 'date' | 'datetime';
  /** What `str()` prints: `2024-01-01`, `2001-12-14 21:59:43.100000+00:00`. */
  readonly text: string;
  /** What `repr()` prints: `datetime.date(2024, 1, 1)`. */
  readonly repr: string;

  constructor(kind: 'date' | 'datetime', text: string, repr: string) {
    this.kind = kind;
    this.text = text;
    this.repr = repr;
  }
}

/** A `bytes` (`!!binary`). */
export class PyBytes {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

/** A `set` (`!!set`), in the order of the file: Python's own order changes from run to run. */
export class PySet {
  readonly items: readonly PyValue[];

  constructor(items: readonly PyValue[]) {
    this.items = items;
  }
}

/** A Python value: int is bigint, float is number (so 1.0 is the number 1), None is null, dict is Map, list is array. */
export type PyValue =
  | string
  | bigint
  | number
  | boolean
  | null
  | PyDate
  | PyBytes
  | PySet
  | readonly PyValue[]
  | ReadonlyMap<PyValue, PyValue>;

/** What Python 3's `str()` gives. */
export function pyStr(value: PyValue): string {
  if (typeof value === 'string') return value;
  return value instanceof PyDate ? value.text : pyRepr(value);
}

/** What Python 3's `repr()` gives. */
export function pyRepr(value: PyValue): string {
  if (typeof value === 'string') return reprString(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'number') return reprFloat(value);
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (value === null) return 'None';
  if (value instanceof PyDate) return value.repr;
  if (value instanceof PyBytes) return reprBytes(value.bytes);
  if (value instanceof PySet) return value.items.length === 0 ? 'set()' : `{${value.items.map(pyRepr).join(', ')}}`;
  if (isDict(value)) return `{${Array.from(value, ([key, item]) => `${pyRepr(key)}: ${pyRepr(item)}`).join(', ')}}`;
  return `[${value.map(pyRepr).join(', ')}]`;
}

/** The name of the value's Python type, as `type(value).__name__` has it. */
export function pyTypeName(
  value: PyValue,
): 'str' | 'int' | 'float' | 'bool' | 'NoneType' | 'list' | 'dict' | 'date' | 'datetime' | 'bytes' | 'set' {
  if (typeof value === 'string') return 'str';
  if (typeof value === 'bigint') return 'int';
  if (typeof value === 'number') return 'float';
  if (typeof value === 'boolean') return 'bool';
  if (value === null) return 'NoneType';
  if (value instanceof PyDate) return value.kind;
  if (value instanceof PyBytes) return 'bytes';
  if (value instanceof PySet) return 'set';
  return isDict(value) ? 'dict' : 'list';
}

/** Whether Python's `if value:` is taken. */
export function truthy(value: PyValue): boolean {
  if (typeof value === 'string') return value !== '';
  if (typeof value === 'bigint') return value !== 0n;
  if (typeof value === 'number') return value !== 0; // NaN is true in Python
  if (typeof value === 'boolean') return value;
  if (value === null) return false;
  if (value instanceof PyDate) return true;
  if (value instanceof PyBytes) return value.bytes.length > 0;
  if (value instanceof PySet) return value.items.length > 0;
  return isDict(value) ? value.size > 0 : value.length > 0;
}

/**
 * What two dict keys share exactly when Python takes them for one key (`1`, `1.0` and `True` are one), or undefined
 * if the value is unhashable and can be no key.
 */
export function keyIdentity(value: PyValue): string | undefined {
  if (typeof value === 'string') return `str ${value}`;
  if (typeof value === 'bigint') return `number ${value}`;
  if (typeof value === 'boolean') return value ? 'number 1' : 'number 0';
  if (typeof value === 'number') return `number ${Number.isInteger(value) ? BigInt(value) : value}`;
  if (value === null) return 'None';
  if (value instanceof PyDate) return `${value.kind} ${value.text}`;
  return value instanceof PyBytes ? `bytes ${reprBytes(value.bytes)}` : undefined;
}

function isDict(value: readonly PyValue[] | ReadonlyMap<PyValue, PyValue>): value is ReadonlyMap<PyValue, PyValue> {
  return value instanceof Map;
}

// CPython's float_repr_style 'short': the fewest digits that read back the same, with an exponent below -4 or from 16.
function reprFloat(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  const size = Math.abs(value);
  if (size === Number.POSITIVE_INFINITY) return `${sign}inf`;
  const [mantissa = '0', power = '0'] = size.toExponential().split('e');
  const digits = mantissa.replace('.', '');
  const exponent = Number(power);
  if (exponent < -4 || exponent >= 16) {
    const fraction = digits.length > 1 ? `.${digits.slice(1)}` : '';
    const width = Math.abs(exponent).toString().padStart(2, '0');
    return `${sign}${digits[0]}${fraction}e${exponent < 0 ? '-' : '+'}${width}`;
  }
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0');
  return `${sign}${whole}.${digits.slice(exponent + 1) || '0'}`;
}

// str.isprintable: everything but Unicode's "Other" and "Separator", less the space. A character newer than Python's
// Unicode tables, but not than ours, is escaped there and printed here.
const NOT_PRINTABLE = /^(?! )[\p{C}\p{Z}]$/u;
const SHORT_ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\' };

function quoteFor(text: string): string {
  return text.includes("'") && !text.includes('"') ? '"' : "'";
}

function reprString(text: string): string {
  const quote = quoteFor(text);
  let out = quote;
  for (const character of text) {
    if (character === quote) out += `\\${quote}`;
    else if (character in SHORT_ESCAPES) out += SHORT_ESCAPES[character];
    else if (NOT_PRINTABLE.test(character)) out += escapeCodePoint(character.codePointAt(0)!);
    else out += character;
  }
  return out + quote;
}

function escapeCodePoint(code: number): string {
  const hex = code.toString(16);
  if (code <= 0xff) return `\\x${hex.padStart(2, '0')}`;
  return code <= 0xffff ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
}

function reprBytes(bytes: Uint8Array): string {
  const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
  const quote = quoteFor(text);
  let out = `b${quote}`;
  for (const character of text) {
    const code = character.charCodeAt(0);
    if (character === quote) out += `\\${quote}`;
    else if (character in SHORT_ESCAPES) out += SHORT_ESCAPES[character];
    else if (code < 0x20 || code > 0x7e) out += `\\x${code.toString(16).padStart(2, '0')}`;
    else out += character;
  }
  return out + quote;
}
