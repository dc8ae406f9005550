import { createHash, createHmac } from 'node:crypto';
import { sshFailure } from './failures.js';
import type { SshError } from './transport.js';

/** A line of a known_hosts file that has a key. */
export interface KnownHostsLine {
  /** What messages call the file. */
  readonly source: string;
  /** From 1. */
  readonly line: number;
  readonly marker: 'none' | 'revoked' | 'cert-authority';
  /** Patterns with commas between them, or one hash. */
  readonly names: string;
  readonly type: string;
  readonly key: Buffer;
}

/** A line that cannot be read: it is ignored with a warning. */
export interface KnownHostsProblem {
  readonly source: string;
  readonly line: number;
  readonly message: string;
}

/** Whether a key that a server showed is trusted. */
export type KeyState =
  | { readonly is: 'known' }
  | { readonly is: 'unknown' }
  /** The machine is known, with other keys. */
  | { readonly is: 'changed'; readonly expected: readonly KnownHostsLine[] }
  | { readonly is: 'revoked'; readonly by: KnownHostsLine }
  /** The machine is known only by the authority that signs its keys, and the client `ssh2` does not read certificates. */
  | { readonly is: 'needs-ca'; readonly by: KnownHostsLine };

/** The algorithms of host keys that we can check, the best first, and the type of key that each goes with. */
const algorithms: readonly (readonly [algorithm: string, type: string])[] = [
  ['ssh-ed25519', 'ssh-ed25519'],
  ['ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp256'],
  ['ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp384'],
  ['ecdsa-sha2-nistp521', 'ecdsa-sha2-nistp521'],
  ['rsa-sha2-512', 'ssh-rsa'],
  ['rsa-sha2-256', 'ssh-rsa'],
];

/** Types of keys that a line may have, and of how many fields such a key consists, its type included (RFC 4253, RFC 5656, RFC 8709). */
const fieldsOf: Readonly<Record<string, number>> = {
  'ssh-ed25519': 2,
  'ecdsa-sha2-nistp256': 3,
  'ecdsa-sha2-nistp384': 3,
  'ecdsa-sha2-nistp521': 3,
  'ssh-rsa': 3,
  'ssh-dss': 5,
  'sk-ssh-ed25519@openssh.com': 3,
  'sk-ecdsa-sha2-nistp256@openssh.com': 4,
};

/**
 * The host keys that are trusted, in the format of OpenSSH (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT) and with its rules. There
 * is no way to trust a key that is not in it.
 */
export class KnownHosts {
  readonly #lines: readonly KnownHostsLine[];
  readonly problems: readonly KnownHostsProblem[];

  private constructor(lines: readonly KnownHostsLine[], problems: readonly KnownHostsProblem[]) {
    this.#lines = lines;
    this.problems = problems;
  }

  /** @param source what messages call the text: `input 'ssh-known-hosts'`, `~/.ssh/known_hosts` */
  static parse(text: string, source: string): KnownHosts {
    const lines: KnownHostsLine[] = [];
    const problems: KnownHostsProblem[] = [];
    text.split('\n').forEach((content, i) => {
      const parsed = parseLine(content.trim());
      if (typeof parsed === 'string') problems.push({ source, line: i + 1, message: parsed });
      else if (parsed !== undefined) lines.push({ source, line: i + 1, ...parsed });
    });
    return new KnownHosts(lines, problems);
  }

  /** All of several files: a key is known if it is in any of them, and revoked too. */
  static join(all: readonly KnownHosts[]): KnownHosts {
    return new KnownHosts(
      all.flatMap((each) => each.#lines),
      all.flatMap((each) => each.problems),
    );
  }

  /**
   * The algorithms of host keys to ask this machine for, the best first; none if we know no key of it. Those of which we know
   * one come first, and servers show the first that they have. The others are there so that a machine that no longer has
   * such a key is reported with the key that it has.
   */
  algorithmsFor(name: string, port: number): string[] {
    for (const lookUp of lookUps(name, port)) {
      const matching = this.#matching(lookUp);
      const revoked = matching.filter(({ marker }) => marker === 'revoked');
      const types = matching
        .filter(({ marker, key }) => marker === 'none' && !revoked.some((line) => line.key.equals(key)))
        .map(({ type }) => type);
      const known = algorithms.filter(([, type]) => types.includes(type));
      if (known.length > 0) return [...new Set([...known, ...algorithms])].map(([algorithm]) => algorithm);
    }
    return [];
  }

  /** @param key as the server sent it (RFC 4253, section 6.6) */
  judge(name: string, port: number, key: Buffer): KeyState {
    const [first, ...others] = lookUps(name, port).map((lookUp) => judgeBy(this.#matching(lookUp), key));
    if (first!.is !== 'unknown' && first!.is !== 'needs-ca') return first!;
    // A line without the port may be about another server on the same machine, so a different key there proves nothing.
    return others.find(({ is }) => is !== 'unknown' && is !== 'changed') ?? first!;
  }

  #matching(lookUp: string): KnownHostsLine[] {
    return this.#lines.filter(({ names }) => isNamed(lookUp, names));
  }
}

/** What a machine is looked up by. Like `ssh`, a server at another port than 22 is also known by the name alone. */
function lookUps(name: string, port: number): string[] {
  return port === 22 ? [nameOf(name, port)] : [nameOf(name, port), name.toLowerCase()];
}

/** As known_hosts has it. */
function nameOf(name: string, port: number): string {
  return port === 22 ? name.toLowerCase() : `[${name.toLowerCase()}]:${port}`;
}

/** @param matching the lines of the machine */
function judgeBy(matching: readonly KnownHostsLine[], key: Buffer): KeyState {
  const revoked = matching.find((line) => line.marker === 'revoked' && line.key.equals(key));
  if (revoked !== undefined) return { is: 'revoked', by: revoked };
  const expected = matching.filter(({ marker }) => marker === 'none');
  if (expected.some((line) => line.key.equals(key))) return { is: 'known' };
  if (expected.length > 0) return { is: 'changed', expected };
  const authority = matching.find(({ marker }) => marker === 'cert-authority');
  return authority === undefined ? { is: 'unknown' } : { is: 'needs-ca', by: authority };
}

/** @returns undefined for a comment, what is wrong as text */
function parseLine(content: string): Omit<KnownHostsLine, 'source' | 'line'> | string | undefined {
  if (content === '' || content.startsWith('#')) return undefined;
  const words = content.split(/[ \t]+/);
  const word = words[0]!.startsWith('@') ? words.shift()! : '';
  if (!['', '@revoked', '@cert-authority'].includes(word) || words[0]?.startsWith('@')) {
    return 'a marker can only be @revoked or @cert-authority, and there can be one';
  }
  const marker = word === '' ? 'none' : (word.slice(1) as 'revoked' | 'cert-authority');
  const [names, type, base64] = words;
  if (names === undefined || type === undefined || base64 === undefined) {
    return 'it is not of the form: names, type of the key, key';
  }
  if (names.startsWith('|') && saltOf(names) === undefined) return 'its name is hashed in a way that is not known';
  const fields = Object.hasOwn(fieldsOf, type) ? fieldsOf[type] : undefined;
  if (fields === undefined) return 'it has no type of key that is known after the names';
  const key = Buffer.from(base64, 'base64');
  const isWhole = /^[A-Za-z0-9+/]+={0,2}$/.test(base64) && readFields(key)?.length === fields;
  if (!isWhole || typeOfKey(key) !== type) return `what follows ${type} is no such key: it may be cut off`;
  return { marker, names, type, key };
}

/** @param lookUp in lower case */
function isNamed(lookUp: string, names: string): boolean {
  if (names.startsWith('|')) return names === hashed(lookUp, saltOf(names)!);
  const patterns = names.toLowerCase().split(',');
  if (patterns.some((pattern) => pattern.startsWith('!') && matches(lookUp, pattern.slice(1)))) return false;
  return patterns.some((pattern) => matches(lookUp, pattern));
}

/** Of `|1|salt|hash`; undefined if it is not that. */
function saltOf(names: string): Buffer | undefined {
  const salt = Buffer.from(/^\|1\|([^|]+)\|[^|]+$/.exec(names)?.[1] ?? '', 'base64');
  return salt.length === 20 ? salt : undefined;
}

function hashed(lookUp: string, salt: Buffer): string {
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(lookUp).digest('base64')}`;
}

/** Whether a pattern of which `*` and `?` stand for any characters and any one is all of the text. Linear for each `*`. */
function matches(text: string, pattern: string): boolean {
  let [t, p] = [0, 0];
  /** Where to continue if what follows the last `*` does not match. */
  let back: { readonly p: number; t: number } | undefined;
  while (t < text.length) {
    if (pattern[p] === '*') {
      back = { p: ++p, t };
    } else if (pattern[p] === '?' || pattern[p] === text[t]) {
      p++;
      t++;
    } else if (back !== undefined) {
      p = back.p;
      t = ++back.t;
    } else {
      return false;
    }
  }
  return /^\**$/.test(pattern.slice(p));
}

/** The fields of a public key (RFC 4251, `string`); undefined if it is cut off, or goes on after them. */
function readFields(key: Buffer): Buffer[] | undefined {
  const fields: Buffer[] = [];
  for (let at = 0; at < key.length; ) {
    if (key.length - at < 4) return undefined;
    const end = at + 4 + key.readUInt32BE(at);
    if (end > key.length) return undefined;
    fields.push(key.subarray(at + 4, end));
    at = end;
  }
  return fields;
}

/** The type that a public key says it has, harmless to print: a server may send anything. */
export function typeOfKey(key: Buffer): string {
  const type = readFields(key)?.[0]?.toString('latin1') ?? '';
  return /^[A-Za-z0-9@._-]{1,64}$/.test(type) ? type : 'unknown';
}

/** As `ssh-keygen -l` prints it. */
export function fingerprint(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replaceAll('=', '')}`;
}

/**
 * The error for a server whose key is not trusted.
 *
 * @param state what is wrong with the key
 * @param key as the server sent it
 */
export function hostKeyFailure(
  state: Exclude<KeyState, { readonly is: 'known' }>,
  { name, port, key }: { readonly name: string; readonly port: number; readonly key: Buffer },
): SshError {
  const host = nameOf(name, port);
  const shown = `${typeOfKey(key)} ${fingerprint(key)}`;
  switch (state.is) {
    case 'unknown':
      return sshFailure('host-key-unknown', host, {
        shown,
        line: `${host} ${typeOfKey(key)} ${key.toString('base64')}`,
      });
    case 'changed': {
      const expected = state.expected.map((line) => `${place(line)} expects ${line.type} ${fingerprint(line.key)}`);
      return sshFailure('host-key-changed', host, { shown, expected });
    }
    case 'revoked':
      return sshFailure('host-key-revoked', host, { shown, by: place(state.by) });
    case 'needs-ca':
      return sshFailure('host-key-needs-ca', host, { shown, by: place(state.by) });
  }
}

function place({ source, line }: KnownHostsLine): string {
  return `line ${line} of ${source}`;
}
