import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { Job } from '../support/bundle.js';
import { GitHubServer } from '../support/github-api.js';
import { chain, messagesOf, reportingTo } from '../support/reported.js';

/** A server that takes connections, and does what it is told with each: nothing, or an end at once. */
async function server(onConnection: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const listening = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    onConnection(socket);
  });
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    listening.close();
  });
  return `127.0.0.1:${(listening.address() as AddressInfo).port}`;
}

/** The same study without any report, to compare with: this machine may be slow. */
async function timeOf(job: Job) {
  const began = Date.now();
  const ended = await job.run();
  return { ended, took: Date.now() - began };
}

it.each<[string, (job: Job) => Promise<void>]>([
  [
    'does not answer',
    async ({ environment }) => void Object.assign(environment, { GITHUB_API_URL: `http://${await server(() => {})}` }),
  ],
  [
    'ends connections',
    async ({ environment }) =>
      void Object.assign(environment, { GITHUB_API_URL: `http://${await server((socket) => socket.destroy())}` }),
  ],
  [
    'has no address',
    async ({ environment }) => void Object.assign(environment, { GITHUB_API_URL: 'http://api.invalid' }),
  ],
  [
    'is behind a proxy that hangs',
    async ({ environment }) =>
      void Object.assign(environment, {
        GITHUB_API_URL: 'https://api.invalid',
        https_proxy: `http://${await server(() => {})}`,
      }),
  ],
])(
  'a study waits for no GitHub that %s: it begins at once, and ends a few seconds late, with one warning',
  async (_, prepare) => {
    const github = await GitHubServer.start();
    const job = reportingTo(github, new Job().study(chain('date +%s%N >> "$HOME/began"', 'exit 3')));
    await prepare(job);
    const { ended, took } = await timeOf(job);
    const plain = await timeOf(
      reportingTo(github, new Job().study(chain('true', 'exit 3'))).with({ annotations: 'none' }),
    );
    expect(ended).toMatchObject({ code: 2, stderr: '' });
    expect(took - plain.took).toBeLessThan(9000);
    expect(messagesOf(ended, 'warning')).toEqual([
      expect.stringMatching(/^There is no check run: GitHub's API cannot be reached: /),
    ]);
    expect(job.outputs).toMatchObject({ status: 'FAILURE', 'check-run-url': '' });
  },
);

it('a study begins before GitHub has answered', async () => {
  const github = await GitHubServer.start();
  let ran = () => {};
  const isRunning = new Promise<void>((resolve) => {
    ran = resolve;
  });
  // GitHub answers only once the study runs.
  github.hold = () => isRunning;
  const job = reportingTo(github, new Job().study(chain('touch up; sleep 1')));
  const { process: child, ended } = job.start();
  child.stdout!.on('data', (text) => {
    if (String(text).includes('::group::Run')) ran();
  });
  expect(await ended).toMatchObject({ code: 0, stderr: '' });
  expect(github.checkRuns).toMatchObject([{ status: 'completed', conclusion: 'success' }]);
});
