import { describe, expect, it } from 'vitest';
import { opensshFailure } from '../../../src/hosts/ssh/openssh-failure.js';

const login = "debug1: Authenticating to login1:22 as 'me'\n";
const key = 'debug1: Server host key: ssh-ed25519 SHA256:abc\n';
const offered = 'debug1: Offering public key: /home/me/.ssh/id ED25519 SHA256:def\n';
const denied = 'me@login1: Permission denied (publickey).';

/** What `ssh -v` prints, the kind of failure, and a part of the message. */
const failures: readonly (readonly [said: string, kind: string, message: string])[] = [
  ['ssh: connect to host login1 port 22: Connection refused', 'connection', 'a-host refused the connection'],
  ['ssh: connect to host login1 port 22: Connection timed out', 'connection', 'a-host did not answer (timed out)'],
  ['ssh: connect to host login1 port 22: No route to host', 'connection', 'a-host is unreachable'],
  ['ssh: Could not resolve hostname login1: Name or service not known', 'unknown', 'a-host is unknown'],
  [`${key}${login}Host key verification failed.`, 'refused', 'the host key of me@login1:22 is not known'],
  [
    `${key}${login}@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @`,
    'refused',
    'has changed: it showed the key ssh-ed25519 SHA256:abc',
  ],
  [`${key}${login}@ WARNING: REVOKED HOST KEY DETECTED! @`, 'refused', 'is revoked'],
  [`${login}${offered}${denied}`, 'refused', 'rejected the key (offered: /home/me/.ssh/id ED25519 SHA256:def)'],
  [`${login}${denied}`, 'refused', 'rejected the login (no key was offered)'],
  [`${login}${offered}debug1: Server accepts key: x\n${denied}`, 'refused', 'give its passphrase as `ssh-passphrase`'],
  [
    'channel 0: open failed: connect failed: Connection refused\nkex_exchange_identification',
    'connection',
    'a-host does not let us through to the next machine: connect failed: Connection refused',
  ],
  [
    'ssh: connect to host jump port 2222: Connection refused\nConnection closed by UNKNOWN port 65535',
    'connection',
    'jump:2222 refused the connection',
  ],
  ['OpenSSH_9.2p1\nkex_exchange_identification: read', 'connection', 'cannot connect to a-host: kex_exchange'],
  ['', 'connection', 'cannot connect to a-host: ssh ended without a message'],
];

describe('what the runner’s ssh says when it fails', () => {
  it.each(failures)('%j is a failure of the kind %s', (said, kind, message) => {
    const failure = opensshFailure(said, 'a-host');
    expect(failure.kind).toBe(kind);
    expect(failure.message).toContain(message);
  });
});
