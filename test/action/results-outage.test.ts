import { expect, it } from 'vitest';
import { Job } from '../support/bundle.js';
import { GitHubServer } from '../support/github-api.js';
import { chain, reportingTo } from '../support/reported.js';
import { until } from '../support/wait.js';

it('a workflow that is cancelled in an outage has its outputs and its summary before the runner ends it', async () => {
  const github = await GitHubServer.start();
  const job = reportingTo(github, new Job().study(chain('touch up; sleep 100')));
  github.fault = ({ body }) => (body?.status === 'completed' ? { instead: 'silence' } : undefined);
  const { process, ended } = job.start();
  await until('the check run is there', () => github.checkRuns.length === 1, 20_000);
  process.kill('SIGINT');
  await until('GitHub is told', () => github.requests.some(({ body }) => body?.status === 'completed'), 20_000);
  process.kill('SIGKILL');
  await ended;
  expect(job.outputs).toMatchObject({ status: 'CANCELLED', 'check-run-url': expect.stringContaining('http') });
  expect(job.summary).toContain('CANCELLED');
});
