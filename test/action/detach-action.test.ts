import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { Job } from '../support/bundle.js';
import { CutProxy } from '../support/cut-proxy.js';
import { GitHubServer } from '../support/github-api.js';
import { plainEnvironment } from '../support/hosts.js';
import { yamlOf } from '../support/plan.js';
import { forPullRequest, head, onlyCheckRun, reportingTo } from '../support/reported.js';
import { SshServer } from '../support/ssh-server.js';
import { stateOf } from '../support/study-state.js';
import { until } from '../support/wait.js';

const slow = yamlOf({
  steps: [{ name: 'wait', cmd: 'echo $(N); while [ ! -e $(OUTPUT_PATH)/go ]; do sleep 0.1; done' }],
  parameters: { N: [1, 2] },
});

/** A job whose steps find the Node of the tests. */
function jobWith(study: string): Job {
  const job = new Job().study(study).with({ detach: 'true' });
  job.environment.PATH = `${path.dirname(process.execPath)}:${plainEnvironment.PATH}`;
  return job;
}

/** Lets a detached study come to its end, and waits for that. */
async function finish(study: string): Promise<void> {
  writeFileSync(path.join(study, 'go'), '');
  await until('the study is over', () => stateOf(study)?.state === 'ended');
}

describe('a detached study of the action', () => {
  it('leaves its check run in progress, with the token of the start, and says where it is', async () => {
    const github = await GitHubServer.start();
    const job = forPullRequest(github, jobWith(slow), slow);
    const { code, stderr } = await job.run();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(job.outputs).toMatchObject({ status: 'DETACHED', 'steps-total': '2' });
    const study = job.outputs['study-path']!;
    const run = onlyCheckRun(github);
    const [token] = readdirSync(path.join(study, '.conductor/detached'));
    expect(run).toMatchObject({ head_sha: head, status: 'in_progress', external_id: `detached-${token}` });
    expect(run.summary?.replaceAll('&#95;', '_')).toContain(`the study is in <code>${study}</code>`);
    const registration = path.join(job.home, 'maestro-studies/.conductor/detached', `${token}.json`);
    expect(JSON.parse(readFileSync(registration, 'utf8'))).toMatchObject({
      studyPath: study,
      repository: 'octo/studies',
      sha: head,
      checkRun: { id: run.id },
    });
    expect(job.summary).toContain('The study runs detached');
    // There is nothing for the post step to clean up.
    expect(await job.post()).toMatchObject({ code: 0, stdout: '' });
    expect(onlyCheckRun(github)).toMatchObject({ status: 'in_progress' });
    await finish(study);
  });

  it('is refused on a pull request without a check run, and starts nothing', async () => {
    const github = await GitHubServer.start();
    const job = forPullRequest(github, jobWith(slow), slow).with({ 'github-token': '' });
    const { code, stdout } = await job.run();
    expect(code).toBe(1);
    expect(stdout).toContain("input 'detach' needs a check run on pull requests and merge groups");
    expect(existsSync(path.join(job.home, 'maestro-studies'))).toBe(false);
  });

  it('that has failed before the step ends is DETACHED as any other, and red once it is collected', async () => {
    const github = await GitHubServer.start();
    const failing = yamlOf({ steps: [{ name: 'fail', cmd: 'exit 3' }] });
    const job = forPullRequest(github, jobWith(failing), failing);
    expect(await job.run()).toMatchObject({ code: 0 });
    expect(job.outputs).toMatchObject({ status: 'DETACHED' });
    expect(onlyCheckRun(github)).toMatchObject({ status: 'in_progress' });
    await until('the study is over', () => stateOf(job.outputs['study-path']!)?.state === 'ended');
    const collector = new Job().with({ command: 'collect' });
    Object.assign(collector.environment, { HOME: job.home, PATH: job.environment.PATH });
    expect(await reportingTo(github, collector).run()).toMatchObject({ code: 2 });
    expect(onlyCheckRun(github)).toMatchObject({ conclusion: 'failure' });
  });

  it('on a push needs no check run', async () => {
    const job = jobWith(slow);
    const { code } = await job.run();
    expect(code).toBe(0);
    expect(job.outputs).toMatchObject({ status: 'DETACHED', 'check-run-url': '' });
    await finish(job.outputs['study-path']!);
  });

  it('whose start is killed once its conductor runs keeps its check run, which a collector completes', async () => {
    const github = await GitHubServer.start();
    const job = forPullRequest(github, jobWith(slow), slow);
    const { process: child, ended } = job.start();
    const studies = path.join(job.home, 'maestro-studies');
    const started = () =>
      (existsSync(studies) ? readdirSync(studies, { recursive: true, encoding: 'utf8' }) : []).find((name) =>
        /\.conductor\/detached\/[^/]+\/started$/.test(name),
      );
    await until('the conductor is started', () => started() !== undefined, 40_000);
    child.kill('SIGKILL');
    await ended;
    const study = path.join(studies, started()!.split('/.conductor/')[0]!);
    await job.post();
    expect(onlyCheckRun(github)).toMatchObject({ status: 'in_progress' });
    await finish(study);
    const collector = new Job().with({ command: 'collect' });
    Object.assign(collector.environment, { HOME: job.home, PATH: job.environment.PATH });
    expect(await reportingTo(github, collector).run()).toMatchObject({ code: 0 });
    expect(onlyCheckRun(github)).toMatchObject({ status: 'completed', conclusion: 'success' });
  });

  it('whose way to the host is lost once its conductor runs keeps its check run, which a collector completes', async () => {
    const github = await GitHubServer.start();
    const job = forPullRequest(github, jobWith(slow), slow);
    const server = await SshServer.forTest({ environment: { PATH: job.environment.PATH! }, home: job.home });
    const proxy = await CutProxy.forTest(server.port);
    job.with({
      host: server.hostPort.replace(`:${server.port}`, `:${proxy.port}`),
      'ssh-key': (await server.newKey()).text,
      'ssh-known-hosts': server.knownHosts.replaceAll(`]:${server.port}`, `]:${proxy.port}`),
    });
    const { process: child, ended } = job.start();
    const studies = path.join(job.home, 'maestro-studies');
    const started = () =>
      (existsSync(studies) ? readdirSync(studies, { recursive: true, encoding: 'utf8' }) : []).find((name) =>
        /\.conductor\/detached\/[^/]+\/started$/.test(name),
      );
    await until('the conductor is started', () => started() !== undefined, 40_000);
    await proxy.refuse();
    proxy.cut();
    // Or it would try to connect for minutes.
    child.kill('SIGINT');
    const { code, stdout } = await ended;
    expect({ code, isAnswered: /runs detached/.test(stdout) }).toEqual({ code: 3, isAnswered: false });
    await job.post();
    expect(onlyCheckRun(github)).toMatchObject({ status: 'in_progress' });
    await finish(path.join(studies, started()!.split('/.conductor/')[0]!));
    const collector = new Job().with({ command: 'collect' });
    Object.assign(collector.environment, { HOME: job.home, PATH: job.environment.PATH });
    expect(await reportingTo(github, collector).run()).toMatchObject({ code: 0 });
    expect(onlyCheckRun(github)).toMatchObject({ status: 'completed', conclusion: 'success' });
  });
});
