import { createServer, request, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Job } from '../support/bundle.js';
import { GitHubServer } from '../support/github-api.js';
import { chain, commandsOf, forPullRequest, onlyCheckRun } from '../support/reported.js';

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** GitHub Enterprise Server, whose API is below `/api/v3`. */
function enterprise(github: GitHubServer): Promise<number> {
  const server = createServer((incoming, outgoing) => {
    if (!incoming.url!.startsWith('/api/v3/')) return outgoing.writeHead(404).end('<html>');
    const options = { method: incoming.method, headers: incoming.headers };
    const forwarded = request(`${github.url}${incoming.url!.slice('/api/v3'.length)}`, options, (answer) => {
      outgoing.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(outgoing);
    });
    return incoming.pipe(forwarded);
  });
  return listening(server);
}

describe('GitHub Enterprise Server', () => {
  it('has the check run, through the proxy of the environment, with links to its own pages', async () => {
    const github = await GitHubServer.start();
    const port = await enterprise(github);
    const targets: string[] = [];
    const proxy = createServer((_, response) => response.writeHead(405).end());
    proxy.on('connect', (asked, client, first) => {
      targets.push(asked.url!);
      const server = connect(port, '127.0.0.1', () => {
        client.write('HTTP/1.1 200 Connection established\r\n\r\n');
        server.write(first);
        server.pipe(client).pipe(server);
      });
      for (const socket of [server, client]) socket.on('error', () => socket.destroy());
    });
    const spec = chain('exit 3');
    const job = forPullRequest(github, new Job().study(spec), spec);
    Object.assign(job.environment, {
      GITHUB_API_URL: 'http://ghes.invalid/api/v3/',
      GITHUB_SERVER_URL: 'https://ghes.invalid/',
      http_proxy: `http://127.0.0.1:${await listening(proxy)}`,
    });
    const ended = await job.run();
    expect(ended).toMatchObject({ code: 2, stderr: '' });
    const run = onlyCheckRun(github);
    expect(run).toMatchObject({ conclusion: 'failure', annotations: [{ start_line: 6 }] });
    const page = 'https://ghes.invalid/octo/studies/actions/runs/4711';
    expect(github.requests.find(({ method }) => method === 'POST')?.body.details_url).toBe(page);
    expect(run.summary).toContain(page);
    expect(new Set(targets)).toEqual(new Set(['ghes.invalid:80']));
    expect(commandsOf(ended)).toHaveLength(1);
    for (const { headers } of github.requests) expect(headers['user-agent']).toContain('maestro-on-flux');
  });

  it('is not asked through a proxy that NO_PROXY excepts it from', async () => {
    const github = await GitHubServer.start();
    let isUsed = false;
    const proxy = createServer((_, response) => response.writeHead(405).end());
    proxy.on('connect', (_, client) => {
      isUsed = true;
      client.destroy();
    });
    const spec = chain('true');
    const job = forPullRequest(github, new Job().study(spec), spec);
    Object.assign(job.environment, {
      GITHUB_API_URL: github.url,
      HTTP_PROXY: `http://127.0.0.1:${await listening(proxy)}`,
      NO_PROXY: 'localhost,127.0.0.1',
    });
    expect(await job.run()).toMatchObject({ code: 0, stderr: '' });
    expect(onlyCheckRun(github).conclusion).toBe('success');
    expect(isUsed).toBe(false);
  });
});
