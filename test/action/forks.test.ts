import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Job, startBundle } from '../support/bundle.js';
import { examplePayload } from '../support/events.js';
import { GitHubServer } from '../support/github-api.js';
import {
  chain,
  commandsOf,
  head,
  merged,
  messagesOf,
  onlyCheckRun,
  pullRequest,
  reportingTo,
  startedBy,
} from '../support/reported.js';

const fork = 'mallory/studies';

function workflowRun(from: string | null) {
  const payload = examplePayload('workflow_run');
  payload.workflow_run.head_sha = head;
  payload.workflow_run.head_repository = from === null ? null : { full_name: from };
  return payload;
}

function checkSuite(from: string) {
  const payload = examplePayload('check_suite');
  payload.check_suite.pull_requests[0].head.repo.url = `https://api.github.com/repos/${from}`;
  return payload;
}

function comment() {
  const payload = examplePayload('issue_comment');
  payload.issue.number = 7;
  payload.issue.pull_request = { url: 'https://api.github.com/repos/octo/studies/pulls/7' };
  return payload;
}

function deletedFork() {
  const payload = pullRequest();
  payload.pull_request.head.repo = null;
  return payload;
}

/** A job whose study, and its generator, leave a trace if they run. */
async function job(name: string, payload: unknown) {
  const github = await GitHubServer.start();
  const made = new Job();
  const trace = path.join(made.directory, 'trace');
  made.study(chain(`touch ${trace}`));
  writeFileSync(
    path.join(made.workspace, 'pgen.py'),
    `open(${JSON.stringify(trace)}, 'w')\nfrom maestrowf.datastructures.core import ParameterGenerator\n` +
      'def get_custom_generator(env, **kwargs):\n    return ParameterGenerator()\n',
  );
  startedBy(reportingTo(github, made), name, payload, merged);
  return { github, job: made, hasRun: () => existsSync(trace) };
}

const forks: readonly (readonly [what: string, name: string, payload: () => unknown, says: string])[] = [
  ['a pull request', 'pull_request', () => pullRequest(fork), fork],
  ['a pull request whose fork is gone', 'pull_request', deletedFork, 'which no longer exists'],
  ['pull_request_target', 'pull_request_target', () => pullRequest(fork), fork],
  ['a review', 'pull_request_review', () => pullRequest(fork), fork],
  ['a workflow_run', 'workflow_run', () => workflowRun(fork), fork],
  ['a workflow_run whose fork is gone', 'workflow_run', () => workflowRun(null), 'which no longer exists'],
  ['a comment', 'issue_comment', comment, fork],
  ['a check suite', 'check_suite', () => checkSuite(fork), fork],
  ['an event that is not told', 'pull_request_target', () => ({}), 'does not say whose code'],
];

describe("a fork's study", () => {
  for (const [what, name, payload, says] of forks) {
    it(`(${what}) is refused before anything runs or is connected to`, async () => {
      const { github, job: made, hasRun } = await job(name, payload());
      github.pulls.set(7, { repository: fork, sha: head });
      let connections = 0;
      const host = createServer((socket) => {
        connections += 1;
        socket.destroy();
      });
      await new Promise<void>((resolve) => host.listen(0, '127.0.0.1', resolve));
      onTestFinished(() => void host.close());
      made.with({ host: `127.0.0.1:${(host.address() as AddressInfo).port}`, pgen: 'pgen.py' });
      const ended = await made.run();
      expect(ended).toMatchObject({ code: 1, stderr: '' });
      const errors = messagesOf(ended, 'error');
      expect(errors).toEqual([expect.stringContaining(says)]);
      expect(errors[0]).toContain("'allow-fork-pr: true'");
      expect(errors[0]).toContain("'dry-run: true'");
      expect(commandsOf(ended)).toHaveLength(1);
      expect(made.summary).toContain('cannot be run');
      expect([hasRun(), connections, readdirSync(made.home), made.outputs]).toEqual([false, 0, [], {}]);
      expect(github.log).toEqual(name === 'issue_comment' ? ['GET /pulls/7 200'] : []);
      expect(github.complaints).toEqual([]);
      expect(await made.post()).toEqual({ code: 0, stdout: '', stderr: '' });
    });
  }

  it('is refused if it cannot be found out whose it is, and says what that takes', async () => {
    const { job: made, hasRun } = await job('issue_comment', comment());
    const ended = await made.with({ 'github-token': '' }).run();
    expect(ended.code).toBe(1);
    expect(messagesOf(ended, 'error')).toEqual([expect.stringContaining('pull-requests: read')]);
    expect(hasRun()).toBe(false);
  });

  it('runs if that is allowed, with a check run on its head', async () => {
    const { github, job: made, hasRun } = await job('pull_request_target', pullRequest(fork));
    expect(await made.with({ 'allow-fork-pr': 'true' }).run()).toMatchObject({ code: 0, stderr: '' });
    expect(hasRun()).toBe(true);
    expect(onlyCheckRun(github)).toMatchObject({ head_sha: head, conclusion: 'success' });
  });

  it('has a dry run, which runs nothing', async () => {
    const { job: made, hasRun } = await job('pull_request', pullRequest(fork));
    expect(await made.with({ 'dry-run': 'true' }).run()).toMatchObject({ code: 0, stderr: '' });
    expect([made.outputs.status, hasRun()]).toEqual(['DRYRUN', false]);
  });

  for (const [what, name, payload] of [
    ['a pull request', 'pull_request', () => pullRequest(fork)],
    ['an event that is not told', 'check_suite', () => ({})],
  ] as const) {
    it(`(${what}) is staged in the temporary directory only, and \`setup\` is not run for it`, async () => {
      const { job: made } = await job(name, payload());
      const away = path.join(made.directory, 'away');
      mkdirSync(away);
      symlinkSync(away, path.join(made.workspace, 'link'));
      const text = `env:\n  variables:\n    OUTPUT_PATH: ${away}/out\n${chain('echo hello')}`;
      const setup = path.join(made.directory, 'setup');
      for (const outputPath of ['', `${away}/given`, path.join(made.workspace, 'link')]) {
        made.study(text).with({ 'dry-run': 'true', setup: `touch ${setup}`, 'output-path': outputPath });
        const ended = await made.run();
        expect(ended).toMatchObject({ code: 0, stderr: '' });
        expect(ended.stdout).toContain("may be a fork's");
        expect(made.outputs['study-path']!.startsWith(`${made.temporary}/`)).toBe(true);
        expect(made.read('s1/s1.sh')).toContain('echo hello');
        expect([readdirSync(away), existsSync(setup), readdirSync(made.home)]).toEqual([[], false, []]);
      }
    });
  }

  it('is staged where it says, with `setup`, if forks are allowed', async () => {
    const { job: made } = await job('pull_request', pullRequest(fork));
    const setup = path.join(made.directory, 'setup');
    made.with({
      'dry-run': 'true',
      'allow-fork-pr': 'true',
      setup: `touch ${setup}`,
      'output-path': `${made.home}/here`,
    });
    expect(await made.run()).toMatchObject({ code: 0, stderr: '' });
    expect([made.outputs['study-path'], existsSync(setup)]).toEqual([`${made.home}/here`, true]);
  });

  it.each(['spec', 'baseline'])('is not read through a link that leads out of the checkout: %s', async (input) => {
    const { job: made } = await job('pull_request', pullRequest(fork));
    const secret = path.join(made.home, 'secret');
    writeFileSync(secret, 'hunter2: hunter2\n');
    symlinkSync(secret, path.join(made.workspace, 'link.yaml'));
    const ended = await made.with({ 'dry-run': 'true', [input]: 'link.yaml' }).run();
    expect(ended).toMatchObject({ code: 1, stderr: '' });
    expect(messagesOf(ended, 'error')).toEqual([
      `input '${input}': link.yaml leads out of the checkout, which is not allowed for a fork`,
    ]);
    expect(`${ended.stdout}${made.summary}`).not.toContain('hunter2');
  });

  it('has no dry run with a parameter generator, which would run', async () => {
    const { job: made, hasRun } = await job('pull_request', pullRequest(fork));
    const ended = await made.with({ 'dry-run': 'true', pgen: 'pgen.py' }).run();
    expect(ended.code).toBe(1);
    expect(messagesOf(ended, 'error')).toEqual([expect.stringContaining('Python on this runner')]);
    expect(hasRun()).toBe(false);
  });

  it('can be validated', async () => {
    const { job: made } = await job('pull_request', pullRequest(fork));
    const options = { cwd: made.workspace, env: made.environment };
    const ended = await startBundle(['validate', 'study.yaml'], options).ended;
    expect(ended).toMatchObject({ code: 0, stderr: '' });
  });
});

describe("the repository's own study", () => {
  for (const [what, name, payload] of [
    ['a pull request', 'pull_request', () => pullRequest()],
    ['a workflow_run', 'workflow_run', () => workflowRun('octo/studies')],
    ['a comment on a pull request', 'issue_comment', comment],
    ['a push', 'push', () => examplePayload('push')],
    ['an event without a payload', 'schedule', () => null],
  ] as const) {
    it(`(${what}) runs`, async () => {
      const { github, job: made, hasRun } = await job(name, payload());
      github.pulls.set(7, { repository: 'octo/studies', sha: head });
      expect(await made.run()).toMatchObject({ code: 0, stderr: '' });
      expect(hasRun()).toBe(true);
      const run = onlyCheckRun(github);
      expect(run.conclusion).toBe('success');
      if (name !== 'push' && name !== 'schedule') expect(run.head_sha).toBe(head);
    });
  }
});
