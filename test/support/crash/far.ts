import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Client } from '../ssh-hosts.js';
import type { SshServer } from '../ssh-server.js';
import { temporaryDirectory } from '../temporary.js';
import type { Place } from './crashed-study.js';

/** A machine that is reached by SSH, through a port of loopback. */
export async function farPlace(server: SshServer, client: Client, port: number): Promise<Place> {
  const directory = temporaryDirectory();
  const key = await server.newKey();
  const file = (name: string) => path.join(directory, name);
  writeFileSync(file('key'), key.text, { mode: 0o600 });
  writeFileSync(file('known'), server.knownHosts.replaceAll(`:${server.port} `, `:${port} `));
  const args = [
    `--host=${server.user}@127.0.0.1:${port}`,
    `--ssh-client=${client}`,
    `--ssh-key=@${file('key')}`,
    `--ssh-known-hosts=@${file('known')}`,
  ];
  return { args, isFar: true };
}
