import { spawn } from 'node:child_process';
import type { AddressInfo } from 'node:net';
import ssh2, { type Connection, type ServerChannel } from 'ssh2';
import { expect, it, onTestFinished } from 'vitest';
import { run } from '../../../src/hosts/commands.js';
import { HostLostError } from '../../../src/hosts/host.js';
import { newHostKey } from '../../support/host-key.js';
import { plainEnvironment } from '../../support/hosts.js';
import { hostForTest } from './account.js';

/** A server that runs what it is told, and can end a session without a word of how: OpenSSH's always has one. */
async function wordlessServer() {
  const keys = newHostKey();
  const streams: ServerChannel[] = [];
  const clients: Connection[] = [];
  const server = new ssh2.Server({ hostKeys: [keys.private] }, (client) => {
    clients.push(client);
    client.on('error', () => {});
    client.on('authentication', (context) => context.accept());
    client.on('session', (accept) => {
      accept().on('exec', (accept, _, { command }) => {
        const stream = accept();
        const child = spawn('bash', ['-c', command], { env: plainEnvironment, stdio: 'pipe' });
        onTestFinished(() => {
          child.kill('SIGKILL');
        });
        child.stdin.on('error', () => {});
        // Other sessions wait for a command.
        child.stdout.on('data', (chunk: Buffer) => chunk.includes('running') && streams.push(stream));
        stream.pipe(child.stdin);
        child.stdout.pipe(stream, { end: false });
        child.stderr.pipe(stream.stderr, { end: false });
        child.on('close', (code) => {
          if (stream.destroyed) return;
          stream.exit(code ?? 1);
          stream.end();
        });
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  onTestFinished(() => {
    for (const client of clients) client.end();
    server.close();
  });
  const knownHosts = `[127.0.0.1]:${port} ${keys.public.split(' ').slice(0, 2).join(' ')}\n`;
  return { host: `somebody@127.0.0.1:${port}`, knownHosts, key: keys.private, streams, clients };
}

it('a session that ends without a word is lost, but not the connection', async () => {
  const { streams, clients, ...wanted } = await wordlessServer();
  const told: string[] = [];
  const host = await hostForTest('ssh2', { ...wanted, tell: (line) => told.push(line) });
  const [other, process] = [host.spawn('cat'), host.spawn('echo running; sleep 60')];
  await new Promise((resolve) => process.stdout.once('data', resolve));
  streams.at(-1)!.close();
  await expect(process.exit).rejects.toBeInstanceOf(HostLostError);
  await expect(process.exit).rejects.toThrow('ended without an exit status');
  expect((await run(host, 'echo well')).stdout.toString()).toBe('well\n');
  other.stdin.end();
  expect(await other.exit).toEqual({ code: 0 });
  expect(told).toEqual([]);
  expect(clients).toHaveLength(1);
});
