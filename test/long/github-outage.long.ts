import { expect, it } from 'vitest';
import { Job } from '../support/bundle.js';
import { type Fault, GitHubServer } from '../support/github-api.js';
import { chain, commandsOf, messagesOf, onLines, reportingTo } from '../support/reported.js';

/** Runs a study that fails while GitHub does not work. */
async function during(fault: Fault) {
  const github = await GitHubServer.start();
  github.fault = () => fault;
  const job = reportingTo(github, new Job().study(chain('echo no input >&2\nexit 3')));
  return { fault, job, ended: await job.run() };
}

it('a study that ends in an outage of GitHub waits for that a minute or so, and then says all by itself', async () => {
  const down = { status: 503, body: '<html>No server is available</html>' };
  for (const { job, ended } of await Promise.all([down, { instead: 'cut' } as const].map(during))) {
    expect(ended).toMatchObject({ code: 2, stderr: '' });
    expect(messagesOf(ended, 'warning')).toEqual([expect.stringContaining('There is no check run: GitHub')]);
    expect(onLines(ended)).toMatchObject([{ properties: { line: '6' }, message: expect.stringContaining('no input') }]);
    expect(commandsOf(ended)).toHaveLength(3);
    expect(job.outputs).toMatchObject({ status: 'FAILURE', 'check-run-url': '' });
  }
}, 180_000);
