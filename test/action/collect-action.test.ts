import { existsSync, mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Job, startBundle } from '../support/bundle.js';
import { DetachedByAction } from '../support/detached.js';
import { GitHubServer, type SeenRequest } from '../support/github-api.js';
import { head, onlyCheckRun } from '../support/reported.js';
import { validReport } from '../support/valid-report.js';
import { until } from '../support/wait.js';

const completes = ({ method, body }: SeenRequest) => method === 'PATCH' && body?.status === 'completed';
const forbidden = { status: 403, body: { message: 'Resource not accessible by integration' } };

/** What the collector says of its studies, one after the other. */
const studiesOf = (job: Job) => JSON.parse(job.outputs.studies!);

describe('command: collect', () => {
  it('tells the check run of a study that goes on how far it is, and completes it once it is over', async () => {
    const study = await DetachedByAction.start(await GitHubServer.start());
    const first = study.collector();
    expect(await first.run()).toMatchObject({ code: 0, stderr: '' });
    expect(first.outputs).toMatchObject({ status: 'DETACHED', 'steps-total': '2', 'report-path': '' });
    expect(onlyCheckRun(study.github)).toMatchObject({ status: 'in_progress', title: '0 of 2 finished, 2 running' });
    await study.finish();
    const second = study.collector();
    expect(await second.run()).toMatchObject({ code: 0, stderr: '' });
    expect(onlyCheckRun(study.github)).toMatchObject({ status: 'completed', conclusion: 'success', head_sha: head });
    expect(second.outputs).toMatchObject({ status: 'FINISHED', 'study-path': study.path, 'steps-finished': '2' });
    expect(study.isRegistered).toBe(false);
    const third = study.collector();
    expect(await third.run()).toMatchObject({ code: 0 });
    expect(third.outputs).toMatchObject({ status: '', studies: '[]' });
    expect(third.summary).toContain('There is no detached study to collect');
  });

  it('reports a failure as the run itself would: exit status, reports, summary, and lines of the spec at its commit', async () => {
    const study = await DetachedByAction.start(await GitHubServer.start(), { collect: 'wait/*/*.err' });
    await study.finish(3);
    const job = study.collector({ 'report-path': 'reports' });
    const { code, stdout } = await job.run();
    expect(code).toBe(2);
    const run = onlyCheckRun(study.github);
    expect(run).toMatchObject({ conclusion: 'failure' });
    const said = run.annotations.map(({ path: file, title, raw_details }) => ({ file, title, raw_details }));
    expect(said).toEqual(
      [1, 2].map((n) => ({ file: 'study.yaml', title: `wait_N.${n} failed: exit 3`, raw_details: 'said' })),
    );
    expect(run.annotations[0]!.start_line).toBeGreaterThan(1);
    const [{ report, status, sha }] = studiesOf(job);
    expect({ status, sha }).toEqual({ status: 'FAILURE', sha: head });
    expect(path.dirname(report)).toBe(path.join(job.workspace, 'reports'));
    expect(validReport(readFileSync(path.join(report, 'report.json'), 'utf8'))).toMatchObject({ status: 'FAILURE' });
    // The run that was detached asked for these files.
    expect(existsSync(path.join(report, 'wait/N.1'))).toBe(true);
    expect(job.summary).toMatch(/## Detached studies[\s\S]*wait&#95;N\.1/);
    expect(stdout).toContain('is FAILURE');
  });

  it('completes the check run once, though two collect at the same time', async () => {
    const study = await DetachedByAction.start(await GitHubServer.start());
    await study.finish(3);
    const jobs = [study.collector(), study.collector()];
    await Promise.all(jobs.map((job) => job.run()));
    expect(study.github.requests.filter(completes)).toHaveLength(1);
    expect(onlyCheckRun(study.github).annotations).toHaveLength(2);
    expect(jobs.map((job) => job.outputs.status)).toContain('FAILURE');
    expect(study.isRegistered).toBe(false);
  });

  it('leaves the check run as it is if the collector before died before it had noted that', async () => {
    const github = await GitHubServer.start();
    const study = await DetachedByAction.start(github);
    await study.finish(3);
    const first = study.collector();
    // Its end is published, and the answer never comes.
    github.fault = (request) => (completes(request) ? { thenWork: true, instead: 'silence' } : undefined);
    const { process: child, ended } = first.start();
    await until('the check run is completed', () => github.checkRuns[0]!.status === 'completed');
    child.kill('SIGKILL');
    await ended;
    github.fault = () => undefined;
    expect(study.isRegistered).toBe(true);
    const before = structuredClone(onlyCheckRun(github));
    const busy = study.collector();
    expect(await busy.run()).toMatchObject({ code: 0 });
    expect(studiesOf(busy)).toMatchObject([{ status: 'RUNNING' }]);
    // What it held is free again once it has been quiet for ten minutes.
    const old = new Date(Date.now() - 11 * 60_000);
    utimesSync(`${study.registration}.claim`, old, old);
    const second = study.collector();
    expect(await second.run()).toMatchObject({ code: 2 });
    expect(onlyCheckRun(github)).toEqual(before);
    expect(studiesOf(second)).toMatchObject([{ status: 'FAILURE', checkRunUrl: expect.any(String) }]);
    expect(study.isRegistered).toBe(false);
  });

  it('sends each annotation once, though the collector before died between them and the end', async () => {
    const github = await GitHubServer.start();
    const study = await DetachedByAction.start(github);
    await study.finish(3);
    github.fault = (request) => (completes(request) ? { status: 503, body: '' } : undefined);
    const first = study.collector();
    const { process: child, ended } = first.start();
    await until('the annotations are there', () => github.checkRuns[0]!.annotations.length === 2);
    await until('the end is tried', () => github.requests.some(completes));
    child.kill('SIGKILL');
    await ended;
    github.fault = () => undefined;
    expect(onlyCheckRun(github).status).toBe('in_progress');
    const old = new Date(Date.now() - 11 * 60_000);
    utimesSync(`${study.registration}.claim`, old, old);
    expect(await study.collector().run()).toMatchObject({ code: 2 });
    expect(onlyCheckRun(github)).toMatchObject({ status: 'completed', conclusion: 'failure' });
    expect(github.checkRuns[0]!.annotations).toHaveLength(2);
  });

  it('makes a check run of the same name on the same commit if GitHub does not let another run complete it', async () => {
    const github = await GitHubServer.start();
    const study = await DetachedByAction.start(github);
    await study.finish();
    const { id, name } = onlyCheckRun(github);
    github.fault = ({ method, path: file }) => (method === 'PATCH' && file.endsWith(`/${id}`) ? forbidden : undefined);
    expect(await study.collector().run()).toMatchObject({ code: 0 });
    const [, made, ...others] = github.checkRuns;
    expect(made).toMatchObject({ name, head_sha: head, status: 'completed', conclusion: 'success' });
    expect(others).toEqual([]);
    expect(study.isRegistered).toBe(false);
  });

  it("keeps a study to be collected again while its token is another app's, and makes no check run of that app", async () => {
    const github = await GitHubServer.start();
    const study = await DetachedByAction.start(github);
    await study.finish();
    const message = 'Invalid app_id `15368` - check run can only be modified by the GitHub App that created it.';
    github.fault = ({ method }) => (method === 'PATCH' ? { status: 403, body: { message } } : undefined);
    const { code, stdout } = await study.collector().run();
    expect(code).toBe(0);
    expect(stdout).toContain('Only a token of the app that made it can');
    expect(onlyCheckRun(github).status).toBe('in_progress');
    expect(study.isRegistered).toBe(true);
  });

  it('keeps a study to be collected again while its token may not write check runs, and says which permission it needs', async () => {
    const github = await GitHubServer.start();
    const study = await DetachedByAction.start(github);
    await study.finish();
    github.fault = ({ method }) => (method === 'GET' ? undefined : forbidden);
    const { code, stdout } = await study.collector().run();
    expect(code).toBe(0);
    expect(stdout).toMatch(/Add 'checks: write' to the job's 'permissions'.*The next collecting run tries again/);
    expect(onlyCheckRun(github).status).toBe('in_progress');
    github.fault = () => undefined;
    expect(await study.collector().run()).toMatchObject({ code: 0 });
    expect(onlyCheckRun(github)).toMatchObject({ conclusion: 'success' });
  });

  it('leaves a study to be collected again where annotations leave no check run to complete, and says so', async () => {
    const study = await DetachedByAction.start(await GitHubServer.start());
    await study.finish(3);
    for (const annotations of ['none', 'commands']) {
      const { code, stdout } = await study.collector({ annotations }).run();
      expect(code).toBe(2);
      expect(stdout).toContain(`its check run is not completed, because input 'annotations' is ${annotations}: `);
      expect(study.isRegistered).toBe(true);
    }
    expect(await study.collector().run()).toMatchObject({ code: 2 });
    expect(onlyCheckRun(study.github)).toMatchObject({ conclusion: 'failure' });
    expect(study.isRegistered).toBe(false);
  });

  it('leaves a study to be collected that a person has looked at with the verb', async () => {
    const study = await DetachedByAction.start(await GitHubServer.start());
    await study.finish(3);
    const { home, environment, workspace } = study.job;
    const env = { PATH: environment.PATH!, HOME: home };
    const { code, stdout } = await startBundle(['collect', study.path], { cwd: workspace, env }).ended;
    expect(code).toBe(2);
    expect(stdout).toContain(
      `${study.path} was started by a workflow of octo/studies: it stays to be collected there, where its check run is completed`,
    );
    expect(study.isRegistered).toBe(true);
    expect(await study.collector().run()).toMatchObject({ code: 2 });
    expect(onlyCheckRun(study.github)).toMatchObject({ conclusion: 'failure' });
  });

  describe('that keeps an issue', () => {
    const issue = 'The nightly is red';

    /** A study of a night that has failed. */
    async function redNight(): Promise<DetachedByAction> {
      const study = await DetachedByAction.start(await GitHubServer.start());
      study.github.runs.set('4711', { event: 'schedule', head_branch: 'main', head_sha: head });
      await study.finish(3);
      return study;
    }

    it('opens it though it dies as it completes the check run', async () => {
      const study = await redNight();
      const { github } = study;
      github.fault = (request) => (completes(request) ? { thenWork: true, instead: 'silence' } : undefined);
      const { process: child, ended } = study.collector({ issue }).start();
      await until('the check run is completed', () => github.checkRuns[0]!.status === 'completed');
      child.kill('SIGKILL');
      await ended;
      expect(github.issues).toMatchObject([{ title: issue, state: 'open' }]);
      expect(onlyCheckRun(github)).toMatchObject({ conclusion: 'failure' });
    });

    it('has the study collected again if GitHub does not take it now', async () => {
      const study = await redNight();
      const { github } = study;
      github.fault = ({ path: at }) => (/\/issues/.test(at) ? { status: 503, body: '' } : undefined);
      const { code, stdout } = await study.collector({ issue }).run();
      expect(code).toBe(2);
      expect(stdout).toContain('its check run is not completed yet, because its issue could not be updated');
      expect(onlyCheckRun(github).status).toBe('in_progress');
      expect(study.isRegistered).toBe(true);
      github.fault = () => undefined;
      expect(await study.collector({ issue }).run()).toMatchObject({ code: 2 });
      expect(github.issues).toMatchObject([{ title: issue, state: 'open' }]);
      expect(onlyCheckRun(github)).toMatchObject({ conclusion: 'failure' });
      expect(study.isRegistered).toBe(false);
    });

    it('completes the check run all the same where GitHub refuses it', async () => {
      const study = await redNight();
      study.github.fault = ({ path: at }) => (/\/issues/.test(at) ? forbidden : undefined);
      expect(await study.collector({ issue }).run()).toMatchObject({ code: 2 });
      expect(onlyCheckRun(study.github)).toMatchObject({ conclusion: 'failure' });
      expect(study.isRegistered).toBe(false);
    });
  });

  it('says that it keeps no issue about a study whose start has left no check run', async () => {
    const study = await DetachedByAction.start(await GitHubServer.start());
    await study.finish(3);
    study.forge({ checkRun: null });
    const { code, stdout } = await study.collector({ issue: 'The nightly is red' }).run();
    expect(code).toBe(2);
    expect(stdout).toContain(`The issue about ${study.path} is not updated: its start left no check run`);
  });

  for (const [what, change, why] of [
    ['another commit', () => ({ sha: 'd'.repeat(40) }), 'is on another commit than'],
    [
      'the check run of something else',
      (other: number) => ({ checkRun: { id: other, name: 'theirs' } }),
      'is not the one of this study',
    ],
    [
      'a check run that there is none of',
      () => ({ checkRun: { id: 999_999, name: 'none' } }),
      'the repository has no check run 999999',
    ],
  ] as const) {
    it(`publishes nothing for a registration that names ${what}`, async () => {
      const github = await GitHubServer.start();
      const study = await DetachedByAction.start(github);
      await study.finish();
      const other = github.add({
        name: 'theirs',
        head_sha: head,
        status: 'in_progress',
        external_id: 'detached-other',
      });
      const before = structuredClone(github.checkRuns);
      study.forge(change(other.id));
      const job = study.collector();
      const { code, stdout } = await job.run();
      expect(code).toBe(0);
      expect(stdout).toContain(`nothing is published for it`);
      expect(stdout).toContain(why);
      expect(github.checkRuns).toEqual(before);
      expect(github.complaints).toEqual([]);
      expect(job.outputs).toMatchObject({ status: 'FINISHED' });
    });
  }

  it('publishes nothing for a study that names the completed check run of another, by its token', async () => {
    const github = await GitHubServer.start();
    const study = await DetachedByAction.start(github);
    await study.finish(3);
    expect(await study.collector().run()).toMatchObject({ code: 2 });
    const before = structuredClone(onlyCheckRun(github));
    const other = await DetachedByAction.start(github);
    await other.finish();
    // A step of another study would have its own success shown there.
    const token = before.external_id.replace('detached-', '');
    const directory = path.join(other.job.home, 'maestro-studies/.conductor/detached');
    const forged = {
      ...JSON.parse(readFileSync(other.registration, 'utf8')),
      token,
      checkRun: { id: before.id, name: 'x' },
    };
    writeFileSync(path.join(directory, `${token}.json`), JSON.stringify(forged));
    await other.collector().run();
    expect(github.checkRuns.find(({ id }) => id === before.id)).toEqual(before);
  });

  it('leaves files that are no registrations, and those of other repositories', async () => {
    const github = await GitHubServer.start();
    const study = await DetachedByAction.start(github);
    await study.finish();
    study.forge({ repository: 'octo/other' });
    const directory = path.dirname(study.registration);
    const text = readFileSync(study.registration, 'utf8');
    writeFileSync(path.join(directory, 'renamed.json'), text);
    writeFileSync(path.join(directory, 'odd.json'), text.replace(study.token, '../../../victim'));
    mkdirSync(path.join(directory, 'dir.json'));
    const job = study.collector();
    const { code, stdout } = await job.run();
    expect(code).toBe(0);
    expect(stdout).toContain('renamed.json in ');
    expect(stdout).toContain('odd.json in ');
    expect(job.outputs.studies).toBe('[]');
    expect(study.isRegistered).toBe(true);
    expect(onlyCheckRun(github).status).toBe('in_progress');
  });

  it('starts the conductor again that is dead while there is work left, and says so', async () => {
    const github = await GitHubServer.start();
    const study = await DetachedByAction.start(github);
    const { pid } = JSON.parse(readFileSync(path.join(study.path, '.conductor/lease'), 'utf8'));
    process.kill(pid, 'SIGKILL');
    const job = study.collector();
    const { code, stdout } = await job.run();
    expect(code).toBe(0);
    expect(stdout).toContain('is gone but its study is not over; starting another one');
    expect(job.outputs).toMatchObject({ status: 'DETACHED' });
    expect(job.summary).toContain('a new one was started');
    await study.finish();
    expect(await study.collector().run()).toMatchObject({ code: 0 });
    expect(onlyCheckRun(github)).toMatchObject({ conclusion: 'success' });
  });

  it('has one table over all studies, exits with the worst, and goes on without one that is gone', async () => {
    const github = await GitHubServer.start();
    const study = await DetachedByAction.start(github);
    await study.finish(3);
    const lost = { token: 'f'.repeat(32), studyPath: '/nowhere/study', checkRun: null };
    const file = path.join(path.dirname(study.registration), `${lost.token}.json`);
    writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(study.registration, 'utf8')), ...lost }));
    const job = study.collector();
    const { code, stdout } = await job.run();
    expect(code).toBe(2);
    expect(stdout).toContain('/nowhere/study cannot be collected: there is no directory /nowhere/study');
    expect(
      studiesOf(job)
        .map(({ status }: { status: string }) => status)
        .sort(),
    ).toEqual(['FAILURE', 'LOST']);
    expect(existsSync(file)).toBe(true);
  });

  it('ends the check run of a study that was removed, and does not look for it any more', async () => {
    const study = await DetachedByAction.start(await GitHubServer.start());
    await study.finish();
    const { registration } = study;
    rmSync(study.path, { recursive: true });
    const { code, stdout } = await study.collector().run();
    expect(code).toBe(1);
    expect(stdout).toContain(`there is no directory ${study.path}: it was removed, and is no longer looked for`);
    expect(onlyCheckRun(study.github)).toMatchObject({ conclusion: 'cancelled', title: 'The study was removed' });
    expect(existsSync(registration)).toBe(false);
    expect(await study.collector().run()).toMatchObject({ code: 0 });
  });

  it('collects only the study that study-path names', async () => {
    const github = await GitHubServer.start();
    const study = await DetachedByAction.start(github);
    await study.finish();
    const other = study.collector({ 'study-path': '/elsewhere' });
    expect(await other.run()).toMatchObject({ code: 0 });
    expect(other.outputs.studies).toBe('[]');
    const job = study.collector({ 'study-path': study.path });
    expect(await job.run()).toMatchObject({ code: 0 });
    expect(job.outputs['study-path']).toBe(study.path);
  });
});
