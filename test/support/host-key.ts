import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { temporaryDirectory } from './temporary.js';

/**
 * A new Ed25519 key, made by ssh-keygen: of those that `ssh2` makes itself, 1 in 400 cannot be read by `ssh2`.
 *
 * @returns the private key as text, and the public one as in known_hosts: `ssh-ed25519 BASE64`
 */
export function newHostKey(): { readonly private: string; readonly public: string } {
  const file = path.join(temporaryDirectory(), 'key');
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', file]);
  return { private: readFileSync(file, 'utf8'), public: readFileSync(`${file}.pub`, 'utf8').trim() };
}
