import { appendFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { GitHubServer } from '../support/github-api.js';
import { commandsOf, onlyCheckRun, reportingTo } from '../support/reported.js';
import { counted, Reruns } from '../support/reruns.js';
import { until } from '../support/wait.js';

describe('the check run of a main step that was killed', () => {
  for (const [onCancel, conclusion] of [
    ['cancel', 'cancelled'],
    ['leave', 'timed_out'],
  ] as const) {
    it(`after it was cancelled is ${conclusion} by the post step with on-cancel: ${onCancel}`, async () => {
      const github = await GitHubServer.start();
      const inputs = { 'on-cancel': onCancel };
      const reruns = new Reruns((own) => [{ name: 'a', cmd: own.stubborn(60) }], inputs);
      const job = reportingTo(github, reruns.job());
      const { process, ended } = await reruns.startUntilUp(job, 'a');
      github.hold = () => new Promise(() => {});
      process.kill('SIGINT');
      await until('that is written down', () => job.state.maestro_cancelled === 'true');
      process.kill('SIGKILL');
      await ended;
      github.hold = () => undefined;
      expect(onlyCheckRun(github)).toMatchObject({ status: 'in_progress' });
      const post = await job.post();
      expect([post.code, post.stderr, commandsOf(post).filter(({ name }) => name === 'warning')]).toEqual([0, '', []]);
      expect(onlyCheckRun(github)).toMatchObject({ status: 'completed', conclusion });
    });
  }

  it('out of the blue is timed_out by the post step; the run that continues the study continues it too', async () => {
    const github = await GitHubServer.start();
    const reruns = new Reruns((own) => [counted('a', { cmd: own.gate() })]);
    const job = reportingTo(github, reruns.job());
    const { process, ended } = await reruns.startUntilUp(job, 'a');
    process.kill('SIGKILL');
    await ended;
    expect(await job.post()).toMatchObject({ code: 0, stderr: '' });
    const run = onlyCheckRun(github);
    expect(run).toMatchObject({ status: 'completed', conclusion: 'timed_out' });
    expect(run.summary).toContain('It can be continued');
    reruns.open();
    const next = reportingTo(github, reruns.job({ attempt: 2 }));
    expect(await next.run()).toMatchObject({ code: 0 });
    expect(onlyCheckRun(github)).toMatchObject({ id: run.id, status: 'completed', conclusion: 'success' });
  });

  it('before there was a study to look after is timed_out too', async () => {
    const github = await GitHubServer.start();
    const reruns = new Reruns(() => [counted('a')]);
    const job = reportingTo(github, reruns.job());
    const { process, ended } = job.start();
    await until('it is there', () => job.state.maestro_shown === 'true', 20_000);
    process.kill('SIGKILL');
    await ended;
    // As if it had not come to that.
    appendFileSync(job.environment.GITHUB_STATE!, 'maestro_study<<end\n\nend\nmaestro_shown<<end\ntrue\nend\n');
    expect(await job.post()).toMatchObject({ code: 0, stdout: expect.not.stringContaining('::warning') });
    expect(onlyCheckRun(github)).toMatchObject({ status: 'completed', conclusion: 'timed_out' });
  });
});
