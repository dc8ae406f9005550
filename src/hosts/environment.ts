import { isUtf8 } from 'node:buffer';

/** What the runner and GitHub put into the environment: none of it is a step's business, and some of it is secret. */
const runnersOwn = /^(INPUT|GITHUB|ACTIONS|RUNNER|STATE)_/;

/** Options of one shell, which the next one that inherits them takes for its own. */
const ofOneShell = /^(SHELLOPTS|BASHOPTS)$/;

/**
 * An environment. Bytes that are not UTF-8 are lone surrogates in its values, U+DC80 to U+DCFF, as Python's `surrogateescape`
 * has them.
 */
export type Environment = Readonly<Record<string, string>>;

/** The environment of steps on the command line: the caller's own, as with Maestro, less what an Actions runner adds. */
export function callersEnvironment(own: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(own).filter(
      (entry): entry is [string, string] =>
        entry[1] !== undefined && !runnersOwn.test(entry[0]) && !ofOneShell.test(entry[0]),
    ),
  );
}

/** An environment from the output of `env -0`. */
export function environmentOf(output: Buffer): Record<string, string> {
  const entries = decodeBytes(output)
    .split('\0')
    .filter((entry) => entry.includes('='))
    .map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)] as const);
  return Object.fromEntries(entries.filter(([name]) => !ofOneShell.test(name)));
}

/**
 * A process's environment with the values that Node cannot decode as they are.
 *
 * @param read gives the bytes that the process was started with, as /proc/self/environ has them
 */
export function exactEnvironment(
  own: Readonly<Record<string, string | undefined>>,
  read: () => Buffer,
): Readonly<Record<string, string | undefined>> {
  const damaged = Object.entries(own).filter(([, value]) => value?.includes('\ufffd'));
  if (damaged.length === 0) return own;
  let exact: Environment;
  try {
    exact = environmentOf(read());
  } catch {
    return own;
  }
  return { ...own, ...Object.fromEntries(damaged.map(([name, value]) => [name, exact[name] ?? value])) };
}

/** Whether a value is text, so that JSON and Node's own functions can carry it. */
export function isText(value: string): boolean {
  return !/\p{Surrogate}/u.test(value);
}

/** Text of bytes; what is not UTF-8 becomes lone surrogates. */
export function decodeBytes(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  if (!text.includes('\ufffd')) return text;
  let decoded = '';
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceAt(bytes, at);
    decoded += length === 0 ? String.fromCharCode(0xdc00 + bytes[at]!) : bytes.toString('utf8', at, at + length);
    at += length || 1;
  }
  return decoded;
}

/** The length of the UTF-8 sequence that begins there; 0 if none does. */
function sequenceAt(bytes: Buffer, at: number): number {
  const first = bytes[at]!;
  if (first < 0x80) return 1;
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  const sequence = bytes.subarray(at, at + length);
  return sequence.length === length && isUtf8(sequence) && first >= 0xc2 ? length : 0;
}
