import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { GitHubApi } from '../../src/github/api.js';
import { send } from '../../src/github/http.js';
import { Checked, resultsWith } from '../support/check-runs.js';
import { GitHubServer } from '../support/github-api.js';
import { VirtualClock } from '../support/virtual-clock.js';

afterEach(() => {
  vi.unstubAllEnvs();
});

/** A proxy that brings every connection to one port of this machine, whatever its name. @returns where it is, and for what it was used */
async function proxyTo(port: number): Promise<{ readonly url: string; readonly targets: string[] }> {
  const targets: string[] = [];
  const proxy = createServer((_, response) => response.writeHead(405).end());
  proxy.on('connect', (request, client, head) => {
    targets.push(request.url!);
    const server = connect(port, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      server.write(head);
      server.pipe(client).pipe(server);
    });
    for (const socket of [server, client]) socket.on('error', () => socket.destroy());
  });
  return { url: await listening(proxy), targets };
}

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('requests to GitHub', () => {
  it('go through the proxy that the environment names', async () => {
    const checked = await Checked.with();
    const proxy = await proxyTo(checked.github.port);
    vi.stubEnv('http_proxy', proxy.url);
    const runner = { apiUrl: 'http://api.github.invalid', repository: 'octo/studies', runUrl: '', sha: '' };
    const check = await checked.start({ runner, patience: 60_000 });
    await checked.finish(check.complete(resultsWith(0)));
    expect(checked.github.checkRuns[0]).toMatchObject({ conclusion: 'success' });
    expect(new Set(proxy.targets)).toEqual(new Set(['api.github.invalid:80']));
    checked.expectNoComplaints();
  });

  it('go straight to a server that NO_PROXY names', async () => {
    const github = await GitHubServer.start();
    const proxy = await proxyTo(github.port);
    vi.stubEnv('http_proxy', proxy.url);
    vi.stubEnv('no_proxy', 'github.invalid');
    const get = { method: 'GET', url: 'http://api.github.invalid/', headers: {} } as const;
    await expect(send(get, 10_000)).rejects.toThrow();
    expect(proxy.targets).toEqual([]);
  });

  it('are to the API of GitHub Enterprise Server where that is, and follow what was renamed', async () => {
    const seen: string[] = [];
    const url = await listening(
      createServer((request, response) => {
        seen.push(`${request.method} ${request.url} ${request.headers.authorization}`);
        if (request.url === '/api/v3/repos/octo/old') response.writeHead(307, { location: '/api/v3/repositories/1' });
        response.end('{"id":1}');
      }),
    );
    const api = new GitHubApi({ url: `${url}/api/v3`, token: 't', clock: new VirtualClock() });
    expect(await api.request('PATCH', '/repos/octo/old', { milliseconds: 30_000, body: { a: 1 } })).toEqual({ id: 1 });
    expect(seen).toEqual(['PATCH /api/v3/repos/octo/old Bearer t', 'PATCH /api/v3/repositories/1 Bearer t']);
  });

  it('say what they are of, and which version of the API they mean', async () => {
    const github = await GitHubServer.start();
    const api = new GitHubApi({ url: github.url, token: github.token, clock: new VirtualClock() });
    await expect(api.request('GET', '/repos/octo/studies/pulls/1', { milliseconds: 30_000 })).rejects.toThrow(
      'GitHub answered 404, Not Found',
    );
    expect(github.requests[0]!.headers).toMatchObject({
      accept: 'application/vnd.github+json',
      authorization: `Bearer ${github.token}`,
      'user-agent': expect.stringMatching(/^maestro-on-flux\/\d/),
      'x-github-api-version': '2022-11-28',
    });
    expect(github.complaints).toEqual([]);
  });
});
