import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { Job, startBundle } from '../support/bundle.js';
import { GitHubServer } from '../support/github-api.js';
import { plainEnvironment } from '../support/hosts.js';
import { yamlOf } from '../support/plan.js';
import { forPullRequest, messagesOf, onlyCheckRun, reportingTo } from '../support/reported.js';
import { temporaryDirectory } from '../support/temporary.js';

/** A directory for PATH with which the machine cannot begin any step after the first. */
function brokenTools(): string {
  const bin = temporaryDirectory();
  const script = '#!/bin/bash -p\ncase $1 in */good*|*/bad*) rm "$0" ;; esac\nexec /usr/bin/setsid "$@"\n';
  writeFileSync(path.join(bin, 'setsid'), script, { mode: 0o755 });
  return bin;
}

const lost = { name: 'lost', cmd: 'true' };
const good = { name: 'good', cmd: 'true' };
const bad = { name: 'bad', cmd: 'exit 3' };
const siteOnly = yamlOf({ steps: [good, lost] });

function onBrokenMachine(study = siteOnly): Job {
  const setup = `export PATH=${brokenTools()}:$PATH`;
  return new Job().study(study).with({ 'local-jobs': '1', 'resubmit-on': 'none', setup });
}

const atNight = (github: GitHubServer, job: Job) => {
  reportingTo(github, job).environment.GITHUB_EVENT_NAME = 'schedule';
  return job;
};

describe('a night that only the infrastructure spoiled', () => {
  it('is a failure with the cause, which summary and check run say first', async () => {
    const github = await GitHubServer.start();
    const job = atNight(github, onBrokenMachine());
    expect(await job.run()).toMatchObject({ code: 2, stderr: '' });
    expect(job.outputs).toMatchObject({ status: 'FAILURE', cause: 'node' });
    const [heading, , first] = job.summary.split('\n');
    expect(heading).toContain('FAILURE');
    expect(first).toMatch(/^\*\*Nothing here says that the code is wrong&#58; /);
    const run = onlyCheckRun(github);
    expect(run.conclusion).toBe('failure');
    expect(run.summary).toMatch(/^\*\*Nothing here says that the code is wrong&#58; /);
    expect(job.report.run).toMatchObject({ repository: 'octo/studies', event: 'schedule', attempt: 1 });
    expect(readFileSync(path.join(job.outputs['report-path']!, 'junit.xml'), 'utf8')).toMatch(/errors="1"/);
  });

  it('is neutral if that is asked for: exit status 0, a neutral check run, and a warning', async () => {
    const github = await GitHubServer.start();
    const job = atNight(github, onBrokenMachine()).with({ 'on-infrastructure': 'neutral' });
    const ended = await job.run();
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(job.outputs).toMatchObject({ status: 'FAILURE', cause: 'node' });
    expect(messagesOf(ended, 'warning')).toContainEqual(
      expect.stringContaining('the check is neutral, which GitHub counts as passed'),
    );
    const run = onlyCheckRun(github);
    expect(run.conclusion).toBe('neutral');
    // Nothing in it is red.
    expect(messagesOf(ended, 'error')).toEqual([]);
    expect(run.annotations.map(({ annotation_level }) => annotation_level)).toEqual(['warning']);
    expect(run.summary).toContain('The check is neutral, because only the infrastructure is to blame');
    expect(job.summary).toContain('“Re-run all jobs” on GitHub');
  });

  it('is a failure at a pull request whatever is asked for, and a warning says so', async () => {
    const github = await GitHubServer.start();
    const job = forPullRequest(github, onBrokenMachine(), siteOnly).with({ 'on-infrastructure': 'neutral' });
    const ended = await job.run();
    expect(ended).toMatchObject({ code: 2, stderr: '' });
    expect(messagesOf(ended, 'warning')).toContainEqual(
      expect.stringContaining('on-infrastructure: neutral has no effect for the event pull_request'),
    );
    expect(onlyCheckRun(github).conclusion).toBe('failure');
  });

  it('is a failure if a step failed by itself, too', async () => {
    const github = await GitHubServer.start();
    const job = atNight(github, onBrokenMachine(yamlOf({ steps: [bad, lost] }))).with({
      'on-infrastructure': 'neutral',
    });
    expect(await job.run()).toMatchObject({ code: 2, stderr: '' });
    expect(job.outputs).toMatchObject({ status: 'FAILURE', cause: 'code' });
    expect(onlyCheckRun(github).summary).toMatch(
      /^\*\*1 step failed\. In addition, because of the infrastructure&#58; /,
    );
  });
});

describe('a study of a commit that only `sha` names', () => {
  it('is not what its branch came to: it has no issue, adds nothing to the history, and is not neutral', async () => {
    const github = await GitHubServer.start();
    const job = reportingTo(github, onBrokenMachine(yamlOf({ steps: [bad, lost] }))).with({
      ...{ sha: 'd'.repeat(40), issue: 'The nightly study fails', history: 'auto' },
    });
    Object.assign(job.environment, { GITHUB_EVENT_NAME: 'workflow_dispatch', GITHUB_REF: 'refs/heads/main' });
    expect(await job.run()).toMatchObject({ code: 2, stderr: '' });
    expect(github.issues).toEqual([]);
    expect(existsSync(path.join(job.home, 'maestro-studies/.maestro-history'))).toBe(false);
    expect(job.report.run).toMatchObject({ commit: 'd'.repeat(40), isOtherCommit: true });

    const lostOnly = reportingTo(github, onBrokenMachine()).with({
      ...{ sha: 'd'.repeat(40), 'on-infrastructure': 'neutral' },
    });
    lostOnly.environment.GITHUB_EVENT_NAME = 'workflow_dispatch';
    const ended = await lostOnly.run();
    expect(ended).toMatchObject({ code: 2, stderr: '' });
    expect(messagesOf(ended, 'warning')).toContainEqual(expect.stringContaining('that is not the commit of the run'));
  });
});

describe('on the command line, a study that only the infrastructure spoiled', () => {
  const run = async (environment: Readonly<Record<string, string>>) => {
    const cwd = temporaryDirectory();
    writeFileSync(path.join(cwd, 'study.yaml'), siteOnly);
    const env = {
      ...plainEnvironment,
      HOME: temporaryDirectory(),
      PATH: `${brokenTools()}:${plainEnvironment.PATH}`,
      ...environment,
    };
    const once = ['--local-jobs', '1', '--resubmit-on', 'none'];
    const args = ['run', 'study.yaml', ...once, '--on-infrastructure', 'neutral'];
    return startBundle(args, { cwd, env }).ended;
  };

  it('fails elsewhere than on GitHub, which is said', async () => {
    const { code, stdout, stderr } = await run({});
    expect(code).toBe(2);
    expect(stdout + stderr).toContain('on-infrastructure: neutral has no effect outside of GitHub');
  });

  it('is neutral in a workflow that is started by a schedule', async () => {
    const github = { GITHUB_ACTIONS: 'true', GITHUB_REPOSITORY: 'octo/studies', GITHUB_RUN_ID: '1' };
    expect(await run({ ...github, GITHUB_EVENT_NAME: 'schedule' })).toMatchObject({ code: 0 });
  });
});

describe('the issue about a nightly study', () => {
  const night = (github: GitHubServer, study: string) =>
    atNight(github, new Job().study(study)).with({ issue: 'The nightly study fails' });

  it('is opened by a red night, and closed by a green one', async () => {
    const github = await GitHubServer.start();
    expect(await night(github, yamlOf({ steps: [good, bad] })).run()).toMatchObject({ code: 2, stderr: '' });
    expect(github.issues).toMatchObject([{ title: 'The nightly study fails', state: 'open' }]);
    expect(await night(github, yamlOf({ steps: [good] })).run()).toMatchObject({ code: 0, stderr: '' });
    expect(github.issues).toMatchObject([{ state: 'closed' }]);
    expect(github.complaints).toEqual([]);
  });

  it('is found again though the commit and the run are among the inputs, and a green leg leaves that of a red one', async () => {
    const github = await GitHubServer.start();
    const leg = (compiler: string, commit: string, step: { readonly name: string; readonly cmd: string }) => {
      const job = night(github, yamlOf({ steps: [step] })).with({
        'check-name': `nightly of ${commit}`,
        env: `CC=${compiler}\nCOMMIT=${commit}`,
      });
      job.environment.GITHUB_SHA = commit;
      return job.run();
    };
    const commits = ['a', 'b', 'c'].map((letter) => letter.repeat(40));
    expect(await leg('gcc', commits[0]!, bad)).toMatchObject({ code: 2, stderr: '' });
    expect(await leg('clang', commits[0]!, good)).toMatchObject({ code: 0 });
    expect(await leg('gcc', commits[1]!, bad)).toMatchObject({ code: 2 });
    expect(github.issues).toMatchObject([{ state: 'open', body: expect.stringContaining(commits[1]!) }]);
    expect(await leg('gcc', commits[2]!, good)).toMatchObject({ code: 0 });
    expect(github.issues).toMatchObject([{ state: 'closed' }]);
  });

  it('is opened by a night whose spec is wrong', async () => {
    const github = await GitHubServer.start();
    const wrong = yamlOf({ steps: [{ ...good, depends: ['nothing'] }] });
    expect(await night(github, wrong).run()).toMatchObject({ code: 1, stderr: '' });
    expect(github.issues).toMatchObject([
      { state: 'open', body: expect.stringMatching(/The study cannot be run:\n\n- study\.yaml&#58;\d+/) },
    ]);
    expect(await night(github, yamlOf({ steps: [good] })).run()).toMatchObject({ code: 0, stderr: '' });
    expect(github.issues).toMatchObject([{ state: 'closed' }]);
  });

  it('that cannot be kept is a warning, and the study ends as it did', async () => {
    const github = await GitHubServer.start();
    github.fault = ({ path: at }) => (at.endsWith('/issues') ? { status: 403, body: { message: 'No' } } : undefined);
    const ended = await night(github, yamlOf({ steps: [bad] })).run();
    expect(ended).toMatchObject({ code: 2, stderr: '' });
    expect(messagesOf(ended, 'warning')).toEqual([expect.stringContaining("Add 'issues: write'")]);
  });
});
