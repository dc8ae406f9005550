import { isIPv6 } from 'node:net';
import { HostError } from '../host.js';

/** A machine to log in to, as a person names it. */
export interface Destination {
  /** undefined: not given; the client, or the user's own configuration, decides. */
  readonly user: string | undefined;
  /** A name or an address; an IPv6 address without its brackets. */
  readonly name: string;
  /** undefined: not said. That is 22, unless the user's configuration, which only the client `openssh` reads, says otherwise. */
  readonly port: number | undefined;
}

/** A part of a destination is missing, as where the variable that it is taken from is not set. */
export class IncompleteDestination extends HostError {}

/**
 * Reads `[user@]name[:port]`, or the same as `ssh://[user@]name[:port]`.
 *
 * Names come into the command line of `ssh`, and through its configuration into other commands. So what may be in them is
 * listed here, rather than what may not.
 *
 * @param input the input that the text is from, for messages
 * @throws HostError that says which part is wrong
 */
export function parseDestination(text: string, input: string): Destination {
  const wrong = (what: string): HostError =>
    new HostError(`input '${input}': ${what}, in ${quoted(text)} (write it as [user@]name[:port])`);
  const lacking = (what: string): HostError =>
    new IncompleteDestination(wrong(`${what} (is it taken from a variable that is not set?)`).message);
  const trimmed = text.trim();
  if (trimmed === '') {
    throw new IncompleteDestination(
      `input '${input}': a machine has no name; is it taken from a variable that is not set? (write it as [user@]name[:port])`,
    );
  }
  const rest = trimmed.startsWith('ssh://') ? trimmed.slice('ssh://'.length).replace(/\/$/, '') : trimmed;

  const at = rest.indexOf('@');
  const user = at === -1 ? undefined : rest.slice(0, at);
  const place = rest.slice(at + 1);
  if (user === '') throw lacking('there is no user before the @');
  if (user?.startsWith('-')) throw wrong('the user name begins with a -');
  if (user !== undefined && !/^[A-Za-z0-9_.+-]+$/.test(user)) {
    throw wrong('the user name may only have letters, digits and . _ + -');
  }
  if (place.includes('@')) throw wrong('there is more than one @');

  const { name, port, inBrackets } = split(place, wrong);
  if (name === '') throw lacking('there is no name of a machine');
  if (name.startsWith('-')) throw wrong('the name of the machine begins with a -');
  if (!isAddress(name) && !/^[A-Za-z0-9_.-]+$/.test(name)) {
    if (name.includes(':')) {
      throw wrong(inBrackets ? 'the text in brackets is not an IPv6 address' : 'there is more than one :');
    }
    throw wrong('the name of the machine may only have letters, digits and . _ -');
  }
  if (port === undefined) return { user, name, port };
  if (port === '') throw lacking('the port is not a number from 1 to 65535');
  if (!/^[0-9]{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535) {
    throw wrong('the port is not a number from 1 to 65535');
  }
  return { user, name, port: Number(port) };
}

interface Place {
  readonly name: string;
  readonly port: string | undefined;
  readonly inBrackets: boolean;
}

function split(place: string, wrong: (what: string) => HostError): Place {
  if (place.startsWith('[')) {
    const parts = /^\[([^\]]*)\](?::(.*))?$/s.exec(place);
    if (parts === null) throw wrong('the [ of an address has no ], or something other than :port follows it');
    return { name: parts[1]!, port: parts[2], inBrackets: true };
  }
  // All of `::1:22` is an address: a port after an IPv6 address needs brackets.
  if (isAddress(place)) return { name: place, port: undefined, inBrackets: false };
  const colon = place.lastIndexOf(':');
  if (colon === -1) return { name: place, port: undefined, inBrackets: false };
  return { name: place.slice(0, colon), port: place.slice(colon + 1), inBrackets: false };
}

/** Whether a name is an IPv6 address. What its `%interface` may be is not left to Node, which has let anything pass for it. */
function isAddress(name: string): boolean {
  return isIPv6(name.replace(/%.*/s, '')) && /^[^%]+(%[A-Za-z0-9_.-]+)?$/.test(name);
}

/**
 * Reads the machines to jump over, the first first, as `ssh -J` takes them: separated by commas.
 *
 * @returns none for a text that is empty
 * @throws HostError
 */
export function parseJumps(text: string, input: string): Destination[] {
  return text.trim() === '' ? [] : text.split(',').map((part) => parseDestination(part, input));
}

/**
 * A destination as a person writes it.
 *
 * @param user shown where the destination names none
 */
export function shown({ user: own, name, port }: Destination, user?: string): string {
  const login = own ?? user;
  const place = port !== undefined && name.includes(':') ? `[${name}]` : name;
  return `${login === undefined ? '' : `${login}@`}${place}${port === undefined ? '' : `:${port}`}`;
}

/** What the user wrote, harmless to print. */
function quoted(text: string): string {
  const most = 100;
  const printable = text.trim().replaceAll(/\p{C}/gu, '?');
  return `'${printable.length > most ? `${printable.slice(0, most)}...` : printable}'`;
}
