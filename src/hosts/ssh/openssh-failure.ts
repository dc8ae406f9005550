import { shown } from './destination.js';
import { sshFailure } from './failures.js';
import type { SshError } from './transport.js';

/**
 * Why the runner's `ssh` could not log in.
 *
 * @param said what `ssh -v` printed
 * @param destination what messages call the host: a jump host may be the one that failed
 */
export function opensshFailure(said: string, destination: string): SshError {
  const words = said
    .split('\n')
    .filter((line) => !/^(debug\d|OpenSSH_|Authenticated|Transferred|Bytes per)/.test(line.trim()));
  const text = words.join('\n').trim();
  const login = [...said.matchAll(/Authenticating to (\S+):(\d+) as '([^']*)'/g)].at(-1);
  const name = failedMachine(text, login) ?? destination;
  // Each jump host prints its key too: the last one is of the machine that failed.
  const hostKey = [...said.matchAll(/Server host key: (\S+ \S+)/g)].at(-1)?.[1];
  if (/REMOTE HOST IDENTIFICATION HAS CHANGED|host key .* has changed/i.test(said)) {
    return sshFailure('host-key-changed', name, { shown: hostKey });
  }
  if (/REVOKED HOST KEY/i.test(said)) return sshFailure('host-key-revoked', name, { shown: hostKey });
  if (/Host key verification failed|host key is known/i.test(said)) {
    return sshFailure('host-key-unknown', name, { shown: hostKey, reason: text });
  }
  if (/Permission denied|Too many authentication failures/i.test(said)) {
    return rejection(name, said.slice(login?.index ?? 0), text);
  }
  // Before the next ones: they may be about a machine that only the jump host has tried to reach.
  const barrier = /open failed: (.+)/.exec(text)?.[1];
  if (barrier !== undefined) return sshFailure('no-forwarding', name, { next: 'the next machine', reason: barrier });
  if (/Connection refused/i.test(said)) return sshFailure('connection-refused', name, {});
  if (/timed out/i.test(said)) return sshFailure('timed-out', name, {});
  if (/Could not resolve hostname/i.test(said)) return sshFailure('unresolved', name, {});
  if (/No route to host|Network is unreachable/i.test(said)) return sshFailure('unreachable', name, {});
  return sshFailure('cannot-connect', name, { reason: lastLine(text) || 'ssh ended without a message' });
}

/** The machine that `ssh` was about to log in to when it failed; undefined if it does not say. */
function failedMachine(text: string, login: RegExpExecArray | undefined): string | undefined {
  // Where the first jump host is not there, what goes through it sees only its connection end.
  const jump = /UNKNOWN port/.test(text)
    ? /connect to host (\S+) port (\d+)|resolve hostname ([^\s:]+)/.exec(text)
    : undefined;
  if (jump) {
    const port = jump[2] === undefined ? undefined : Number(jump[2]);
    return shown({ user: undefined, name: jump[1] ?? jump[3]!, port });
  }
  return login && shown({ user: login[3]!, name: login[1]!, port: Number(login[2]) });
}

/**
 * Why the server did not accept the login.
 *
 * @param said what `ssh -v` printed of this login
 * @param text what `ssh` prints without `-v`
 */
function rejection(name: string, said: string, text: string): SshError {
  const offered = [...said.matchAll(/Offering public key: (.+)/g)].map(([, key]) => key!.trim());
  const load = /Load key .*|.*incorrect passphrase.*/i.exec(text)?.[0];
  // A login that fails with a key that the server accepts could not decrypt that key.
  if (load === undefined && /Server accepts key/.test(said) && !/signing failed/i.test(said)) {
    return sshFailure('key-unreadable', name, { offered });
  }
  const reason = [...(load === undefined ? [] : [load]), lastLine(text)].join('; ');
  return sshFailure('rejected', name, { offered, reason });
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)!.trim();
}
