import { SshError, type SshFailure } from './transport.js';

/** What the message about a host key that is not trusted says besides that. */
export interface HostKeyDetails {
  /** The key that the server showed, as `ssh-keygen -l` prints it: its type and its fingerprint. */
  readonly shown: string | undefined;
}

/** The ways in which a connection fails, whichever client notices, and what the message about each needs to know. */
interface Failures {
  closed: object;
  /** `during` is what took too long. */
  'timed-out': { readonly afterMs?: number; readonly during?: string };
  'connection-refused': object;
  unreachable: object;
  unresolved: object;
  /** `next` is the machine that the jump host does not connect us to. */
  'no-forwarding': { readonly next: string; readonly reason: string };
  'cannot-connect': { readonly reason: string };
  'session-refused': { readonly reason: string };
  'no-key': object;
  'key-unreadable': { readonly offered: readonly string[] };
  'more-than-a-key': { readonly methods: readonly string[] };
  /** `methods` is empty if the server did not say which ones it accepts; `reason` is what the client says itself. */
  rejected: Rejection;
  'unusable-configuration': { readonly reason: string };
  /** `line` is the line of known_hosts that makes the key known; `reason` is what the client says itself. */
  'host-key-unknown': HostKeyDetails & { readonly line?: string; readonly reason?: string };
  /** `expected` has the keys in known_hosts, each with its place. */
  'host-key-changed': HostKeyDetails & { readonly expected?: readonly string[] };
  'host-key-revoked': HostKeyDetails & { readonly by?: string };
  'host-key-needs-ca': HostKeyDetails & { readonly by: string };
}

interface Rejection {
  readonly user?: string;
  readonly offered: readonly string[];
  readonly methods?: readonly string[];
  readonly reason?: string;
}

type Table = {
  readonly [Kind in keyof Failures]: {
    /** Whether another attempt may help. */
    readonly is: SshFailure;
    readonly text: (name: string, details: Failures[Kind]) => string;
  };
};

const table: Table = {
  closed: {
    is: 'connection',
    text: () => 'the connection was closed',
  },
  'timed-out': {
    is: 'connection',
    text: (name, { afterMs, during = 'answer' }) =>
      `${name} did not ${during}${afterMs === undefined ? '' : ` within ${afterMs / 1000} s`} (timed out)`,
  },
  'connection-refused': {
    is: 'connection',
    text: (name) => `${name} refused the connection: is an SSH server running there, on this port?`,
  },
  unreachable: {
    is: 'connection',
    text: (name) => `${name} is unreachable from this machine`,
  },
  unresolved: {
    is: 'unknown',
    text: (name) => `${name} is unknown: its name cannot be resolved`,
  },
  'no-forwarding': {
    is: 'connection',
    text: (name, { next, reason }) => `${name} does not let us through to ${next}: ${reason}`,
  },
  'cannot-connect': {
    is: 'connection',
    text: (name, { reason }) => `cannot connect to ${name}: ${reason}`,
  },
  'session-refused': {
    is: 'session',
    text: (name, { reason }) => `${name} allows no further session: ${reason}`,
  },
  'no-key': {
    is: 'refused',
    text: (name) =>
      `there is no key to log in to ${name} with: give one as \`ssh-key\`, or run an agent (SSH_AUTH_SOCK)`,
  },
  'key-unreadable': {
    is: 'refused',
    text: (name, { offered }) =>
      `${name} accepts the key (${offered.join('; ')}), but it cannot be read: give its passphrase as \`ssh-passphrase\``,
  },
  'more-than-a-key': {
    is: 'refused',
    text: (name, { methods }) =>
      `${name} asks for more than a key (${methods.join(', ')}): use \`ssh-client: openssh\` with a connection that a person has authenticated`,
  },
  rejected: { is: 'refused', text: rejectedText },
  'unusable-configuration': {
    is: 'refused',
    text: (_, { reason }) => `the configuration of ssh cannot be used: ${reason}`,
  },
  'host-key-unknown': {
    is: 'refused',
    text: (name, { shown, line, reason }) =>
      `the host key of ${name} is not known${keyText(shown)}. ` +
      'Compare it with the fingerprint that the site publishes (in its documentation, or ask its support). ' +
      (line === undefined
        ? 'Only if they are the same, add its line to `ssh-known-hosts` (`ssh-keyscan` prints it)'
        : `Only if they are the same, add this line to \`ssh-known-hosts\`:\n${line}`) +
      (reason === undefined ? '' : `. ssh says: ${reason}`),
  },
  'host-key-changed': {
    is: 'refused',
    text: (name, { shown, expected = [] }) =>
      `the host key of ${name} has changed${keyText(shown)}${expected.length === 0 ? '' : `, but ${expected.join(', ')}`}. ` +
      'Either someone is intercepting the connection, or the machine has a new key. ' +
      'Ask the site, by another way, before you replace its line in `ssh-known-hosts`',
  },
  'host-key-revoked': {
    is: 'refused',
    text: (name, { shown, by }) =>
      `the host key of ${name} is revoked${keyText(shown)}${by === undefined ? '' : `, which ${by} says must not be accepted`}. ` +
      'Someone who has stolen it may be intercepting the connection: ask the site for its new key',
  },
  'host-key-needs-ca': {
    is: 'refused',
    text: (name, { shown, by }) =>
      `the host key of ${name} cannot be checked${keyText(shown)}, and ${by} trusts keys of this machine only if a certificate ` +
      'authority has signed them, which needs `ssh-client: openssh`. Or add a line with the key itself to `ssh-known-hosts`',
  },
};

/**
 * The error for a failure.
 *
 * @param name what messages call the machine
 */
export function sshFailure<Kind extends keyof Failures>(kind: Kind, name: string, details: Failures[Kind]): SshError {
  const { is, text } = table[kind];
  return new SshError(is, text(name, details));
}

function keyText(shown: string | undefined): string {
  return shown === undefined ? '' : `: it showed the key ${shown}`;
}

function rejectedText(name: string, { user, offered, methods = [], reason }: Rejection): string {
  const who = user === undefined ? '' : ` of user ${user}`;
  const what = offered.length === 0 ? `login${who} (no key was offered)` : `key${who} (offered: ${offered.join('; ')})`;
  const accepts =
    methods.length === 0 || methods.includes('publickey') ? '' : `; it accepts only ${methods.join(', ')}`;
  const said = reason === undefined ? '' : `. ssh says: ${reason}`;
  return `${name} rejected the ${what}${accepts}: is its public half in ~/.ssh/authorized_keys there, and is this the right user?${said}`;
}
