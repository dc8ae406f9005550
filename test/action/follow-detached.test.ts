import { mkdirSync, readdirSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { Job, startBundle } from '../support/bundle.js';
import { DetachedByAction, detachingJob, waiting } from '../support/detached.js';
import { GitHubServer } from '../support/github-api.js';
import { forPullRequest, head, onlyCheckRun, pullRequest, startedBy } from '../support/reported.js';
import { stateOf } from '../support/study-state.js';
import { until } from '../support/wait.js';

/** The same step of the same workflow run once more, on the same machine. */
function again(study: DetachedByAction, inputs: Readonly<Record<string, string>>, spec = waiting): Job {
  const job = forPullRequest(study.github, detachingJob(spec), spec);
  Object.assign(job.environment, { HOME: study.job.home, GITHUB_RUN_ATTEMPT: '2' });
  return job.with(inputs);
}

const said = (text: string) => (chunks: readonly string[]) => chunks.join('').includes(text);

/** Starts a job, and gives what it has printed so far. */
function watched(job: Job) {
  const { process: child, ended } = job.start();
  const chunks: string[] = [];
  child.stdout!.on('data', (chunk: Buffer) => chunks.push(String(chunk)));
  return { child, ended, has: (text: string) => said(text)(chunks) };
}

describe('a run whose study a detached conductor drives', () => {
  it('follows it to its end, which is the end of the run, and completes its check run', async () => {
    const study = await DetachedByAction.start(await GitHubServer.start());
    const job = again(study, { detach: 'false' });
    const { ended, has } = watched(job);
    await until('it is followed', () => has('is driven by a detached conductor'), 40_000);
    await study.finish(3);
    const { code, stdout } = await ended;
    expect(code).toBe(2);
    expect(stdout).toMatch(/\[\d\/2\] wait_N\.1 FAILED/);
    expect(job.outputs).toMatchObject({ status: 'FAILURE', 'study-path': study.path });
    expect(job.report).toMatchObject({ status: 'FAILURE' });
    const run = onlyCheckRun(study.github);
    expect(run).toMatchObject({ conclusion: 'failure', external_id: `detached-${study.token}` });
    expect(run.annotations).toHaveLength(2);
    expect(study.isRegistered).toBe(false);
  });

  for (const [what, inputs] of [
    ['shows nothing on the commit', { annotations: 'none' }],
    ['has a check run of another name', { 'check-name': 'another' }],
  ] as const) {
    it(`is left to those who collect, for its own check run, by a run that ${what}`, async () => {
      const study = await DetachedByAction.start(await GitHubServer.start(), { 'study-key': 'one' });
      const { ended, has } = watched(again(study, { detach: 'false', 'study-key': 'one', ...inputs }));
      await until('it is followed', () => has('is driven by a detached conductor'), 40_000);
      await study.finish(3);
      expect(await ended).toMatchObject({ code: 2 });
      expect(study.github.checkRuns[0]).toMatchObject({ status: 'in_progress' });
      expect(study.isRegistered).toBe(true);
      expect(await study.collector().run()).toMatchObject({ code: 2 });
      const conclusions = study.github.checkRuns.map(({ conclusion }) => conclusion);
      expect(new Set(conclusions)).toEqual(new Set(['failure']));
      expect(study.isRegistered).toBe(false);
    });
  }

  it('is left to those who collect by a run that cannot follow it any more', async () => {
    const study = await DetachedByAction.start(await GitHubServer.start());
    const job = again(study, { detach: 'false' });
    const { ended, has } = watched(job);
    await until('it is followed', () => has('is driven by a detached conductor'), 40_000);
    renameSync(study.path, `${study.path}.away`);
    const { code, stdout } = await ended;
    renameSync(`${study.path}.away`, study.path);
    expect(code, stdout).toBe(1);
    await job.post();
    expect(onlyCheckRun(study.github).status).toBe('in_progress');
    expect(study.isRegistered).toBe(true);
  });

  describe('whose start leads nobody to the check run of a run that follows it', () => {
    /** Follows it until the check run is there, and ends that. @param change to its registration */
    async function unfollowed(
      change: Readonly<Record<string, unknown>>,
      end: (study: DetachedByAction, child: ReturnType<typeof watched>['child'], job: Job) => unknown,
    ) {
      const study = await DetachedByAction.start(await GitHubServer.start(), { 'study-key': 'one' });
      study.forge(change);
      const job = again(study, { detach: 'false', 'study-key': 'one', 'check-name': 'follower' });
      const { child, ended } = watched(job);
      const shown = () => study.github.checkRuns.find(({ name }) => name === 'follower');
      await until('the check run is there', () => shown() !== undefined, 40_000);
      await end(study, child, job);
      const { code } = await ended;
      await job.post();
      expect(study.github.checkRuns[0]!.status).toBe('in_progress');
      return { code, shown: shown() };
    }

    it('completes it when it cannot be followed any more', async () => {
      const byHand = { repository: '', sha: '', checkRun: null };
      const { code, shown } = await unfollowed(byHand, ({ path: at }) => renameSync(at, `${at}.away`));
      expect(code).toBe(1);
      expect(shown).toMatchObject({ status: 'completed', conclusion: 'failure' });
    });

    it('completes it when that run is cancelled', async () => {
      const { code, shown } = await unfollowed({ checkRun: null }, (_, child) => child.kill('SIGINT'));
      expect(code).toBe(3);
      expect(shown).toMatchObject({ status: 'completed', conclusion: 'cancelled' });
    });

    it('completes it when that run is killed', async () => {
      const { shown } = await unfollowed({ repository: 'octo/others' }, async ({ token }, child, job) => {
        await until('it is left to the post step', () => job.state.maestro_shown_key === `detached-${token}`);
        child.kill('SIGKILL');
      });
      expect(shown).toMatchObject({ status: 'completed' });
    });
  });

  it('completes the check runs of all runs that have shown it', async () => {
    const study = await DetachedByAction.start(await GitHubServer.start());
    expect(await again(study, { detach: 'true' }).run()).toMatchObject({ code: 0 });
    const { ended, has } = watched(again(study, { detach: 'false' }));
    await until('it is followed', () => has('is driven by a detached conductor'), 40_000);
    await study.finish(3);
    expect(await ended).toMatchObject({ code: 2 });
    if (study.isRegistered) expect(await study.collector().run()).toMatchObject({ code: 2 });
    const { checkRuns } = study.github;
    expect(checkRuns.map(({ conclusion }) => conclusion)).toEqual(checkRuns.map(() => 'failure'));
    expect(study.isRegistered).toBe(false);
  });

  it('goes on when the run that follows it is cancelled, which says so, and leaves the check run in progress', async () => {
    const study = await DetachedByAction.start(await GitHubServer.start());
    const job = again(study, { detach: 'false' });
    const { child, ended, has } = watched(job);
    await until('it is followed', () => has('is driven by a detached conductor'), 40_000);
    child.kill('SIGINT');
    const { code, stdout } = await ended;
    expect(code).toBe(3);
    expect(stdout).toContain('which keeps running');
    await job.post();
    expect(onlyCheckRun(study.github).status).toBe('in_progress');
    await study.finish();
    expect(await study.collector().run()).toMatchObject({ code: 0 });
    expect(onlyCheckRun(study.github)).toMatchObject({ conclusion: 'success' });
  });

  it('is refused if its steps are others, or its commit is another, and says which', async () => {
    const study = await DetachedByAction.start(await GitHubServer.start(), { 'study-key': 'one' });
    const other = waiting.replace('echo said', 'echo otherwise');
    for (const detach of ['false', 'true']) {
      const steps = await again(study, { detach, 'study-key': 'one' }, other).run();
      expect(steps.code).toBe(1);
      expect(steps.stdout).toMatch(/its plan differs from this one in wait_N\.1, wait_N\.2: wait until it is over/);
      const pull = pullRequest();
      pull.pull_request.head.sha = 'e'.repeat(40);
      const commit = await startedBy(again(study, { detach, 'study-key': 'one' }), 'pull_request', pull).run();
      expect(commit.code).toBe(1);
      expect(commit.stdout).toMatch(/was started for the commit a{40}, not for e{40}/);
    }
    await study.finish();
    expect(await study.collector().run()).toMatchObject({ code: 0 });
    const [first] = study.github.checkRuns;
    expect(first).toMatchObject({ conclusion: 'success' });
    expect(study.github.checkRuns.filter(({ status }) => status !== 'completed')).toEqual([]);
  });

  it('is confirmed by a re-run that detaches, and no check run of either stays in progress', async () => {
    const study = await DetachedByAction.start(await GitHubServer.start());
    const job = again(study, { detach: 'true' });
    const { code, stdout } = await job.run();
    expect(code).toBe(0);
    expect(stdout).toContain('was started before, and runs detached');
    expect(job.outputs).toMatchObject({ status: 'DETACHED', 'study-path': study.path });
    // There is one start, which two check runs show.
    expect(readdirSync(path.dirname(study.registration)).filter((name) => name.endsWith('.json'))).toHaveLength(1);
    const ids = study.github.checkRuns.map(({ id }) => id);
    expect(study.github.checkRuns.map(({ external_id }) => external_id)).toEqual(
      ids.map(() => `detached-${study.token}`),
    );
    expect(JSON.parse(readFileSync(study.registration, 'utf8')).checkRun.id).toBe(ids.at(-1));
    await study.finish();
    expect(await study.collector().run()).toMatchObject({ code: 0 });
    expect(study.github.checkRuns.map(({ conclusion }) => conclusion)).toEqual(ids.map(() => 'success'));
    expect(study.isRegistered).toBe(false);
  });
});

describe('a detached study that a re-run confirms', () => {
  const key = { 'study-key': 'one' };

  /** Confirms it, collects it once it is over, and gives what became of the check runs. */
  async function confirmed(inputs: Readonly<Record<string, string>>, fault: GitHubServer['fault'] = () => undefined) {
    const study = await DetachedByAction.start(await GitHubServer.start(), key);
    const { github } = study;
    const job = again(study, { detach: 'true', ...key, ...inputs });
    // Then a check run is not needed.
    if (inputs.annotations === 'none') {
      Object.assign(job.environment, { GITHUB_EVENT_NAME: 'push', GITHUB_SHA: head });
      delete job.environment.GITHUB_EVENT_PATH;
    }
    github.fault = fault;
    const { code, stdout } = await job.run();
    expect(code, stdout).toBe(0);
    expect(stdout).toContain('was started before, and runs detached');
    github.fault = () => undefined;
    expect(github.checkRuns.map(({ status }) => status)).toEqual(github.checkRuns.map(() => 'in_progress'));
    await study.finish(3);
    github.runs.set('4711', { event: 'schedule', head_branch: 'main', head_sha: head });
    expect(await study.collector({ issue: 'The nightly is red' }).run()).toMatchObject({ code: 2 });
    expect(github.complaints).toEqual([]);
    expect(study.isRegistered).toBe(false);
    // GitHub shows the newest one of a name.
    expect(github.checkRuns.at(-1)!.annotations).toHaveLength(2);
    expect(github.issues).toMatchObject([{ title: 'The nightly is red', state: 'open' }]);
    return github.checkRuns.map(({ name, conclusion }) => ({ name, conclusion }));
  }

  it('keeps its check run though the re-run has none', async () => {
    expect(await confirmed({ annotations: 'none' })).toMatchObject([{ conclusion: 'failure' }]);
  });

  it('has the check runs of both completed', async () => {
    expect(await confirmed({})).toMatchObject([{ conclusion: 'failure' }, { conclusion: 'failure' }]);
  });

  it('has the check runs of both completed, though their names differ', async () => {
    const shown = await confirmed({ 'check-name': 'another' });
    expect(shown).toMatchObject([{ conclusion: 'failure' }, { name: 'another', conclusion: 'failure' }]);
  });

  for (const name of ['', 'another']) {
    it(`has both completed, though GitHub did not take that they show one study${name && ', and their names differ'}`, async () => {
      const [first, second, ...others] = await confirmed({ 'check-name': name }, ({ method, body }) =>
        method === 'PATCH' && body.external_id !== undefined ? { status: 422, body: { message: 'No' } } : undefined,
      );
      expect([first, second, others]).toMatchObject([{ conclusion: 'failure' }, { conclusion: 'failure' }, []]);
    });
  }
});

describe('a detached study that cannot be registered again for a re-run that confirms it', () => {
  it('has the check run of the re-run completed if nothing leads to that', async () => {
    const study = await DetachedByAction.start(await GitHubServer.start());
    unlinkSync(study.registration);
    mkdirSync(path.join(study.registration, 'in-the-way'), { recursive: true });
    const { code, stdout } = await again(study, { detach: 'true' }).run();
    expect(code, stdout).toBe(1);
    expect(study.github.checkRuns).toMatchObject([
      { status: 'in_progress' },
      { status: 'completed', conclusion: 'failure' },
    ]);
  });
});

describe('a detached study that is started again before it was collected', () => {
  it('is reported once, and completes the check runs of all its starts', async () => {
    const study = await DetachedByAction.start(await GitHubServer.start());
    await study.finish(3);
    const job = again(study, { detach: 'true' });
    expect(await job.run()).toMatchObject({ code: 0 });
    expect(job.outputs).toMatchObject({ status: 'DETACHED', 'study-path': study.path });
    const registrations = () => readdirSync(path.dirname(study.registration)).filter((name) => name.endsWith('.json'));
    expect(registrations()).toHaveLength(2);
    // The steps that failed run again, and find the same.
    const tokens = readdirSync(path.join(study.path, '.conductor/detached'));
    await until(
      'both starts are over',
      () => tokens.every((token) => stateOf(study.path, token)?.state === 'ended'),
      30_000,
    );
    const collector = study.collector();
    expect(await collector.run()).toMatchObject({ code: 2 });
    expect(JSON.parse(collector.outputs.studies!)).toHaveLength(1);
    expect(study.github.checkRuns.map(({ conclusion }) => conclusion)).toEqual(['failure', 'failure']);
    expect(registrations()).toEqual([]);
  });
});

describe('supersede', () => {
  const of = (run: number, more: Readonly<Record<string, string>> = {}) => ({
    GITHUB_WORKFLOW_REF: 'octo/studies/.github/workflows/sweep.yml@refs/pull/7/merge',
    GITHUB_SERVER_URL: 'https://github.invalid',
    GITHUB_JOB: 'study',
    GITHUB_ACTION: 'sweep',
    GITHUB_RUN_NUMBER: String(run),
    GITHUB_RUN_ID: String(1000 + run),
    ...more,
  });

  /** Detaches a study for run `run` of the workflow, on one machine with the others. */
  async function detached(github: GitHubServer, home: string, environment: Readonly<Record<string, string>>) {
    const job = forPullRequest(github, detachingJob(), waiting).with({ supersede: 'true' });
    Object.assign(job.environment, { HOME: home }, environment);
    const ended = await job.run();
    expect(ended.code, ended.stdout).toBe(0);
    return { job, ...ended, study: job.outputs['study-path']! };
  }

  /** How far a study is, by the conductor's own file: its outcome once it has one. */
  const sayingOf = (study: string) => {
    const { state, status } = stateOf(study) ?? {};
    return status ?? state;
  };

  it('cancels what an earlier run of the same step has started for the pull request, and nothing that is newer', async () => {
    const github = await GitHubServer.start();
    const { home } = new Job();
    const second = await detached(github, home, of(2));
    const other = await detached(github, home, of(1, { GITHUB_JOB: 'other' }));
    expect(sayingOf(second.study)).toBe('runs');
    const third = await detached(github, home, of(3));
    expect(third.stdout).toMatch(/of run 2, which this one supersedes, is cancelled/);
    expect(sayingOf(second.study)).toBe('CANCELLED');
    expect(sayingOf(other.study)).toBe('runs');
    const rerun = await detached(github, home, of(2, { GITHUB_RUN_ATTEMPT: '2', GITHUB_RUN_ID: '2002' }));
    expect(rerun.stdout).not.toContain('supersedes');
    expect(sayingOf(third.study)).toBe('runs');
    for (const { study } of [other, third, rerun]) writeFileSync(path.join(study, 'go'), '0\n');
  });

  it('leaves a study that a forged registration names, and that no run of the repository has started', async () => {
    const github = await GitHubServer.start();
    const { home } = new Job();
    const earlier = await detached(github, home, of(1));
    // Started by hand, beside it.
    const mine = path.join(home, 'mine');
    const { environment, workspace } = earlier.job;
    const { PATH } = environment;
    const env = { PATH: PATH!, HOME: home };
    const args = ['run', 'study.yaml', '--detach', '-o', mine];
    expect(await startBundle(args, { cwd: workspace, env }).ended).toMatchObject({ code: 0 });
    const registrations = path.join(home, 'maestro-studies/.conductor/detached');
    for (const name of readdirSync(registrations).filter((file) => file.endsWith('.json'))) {
      const file = path.join(registrations, name);
      writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), studyPath: mine }));
    }
    const next = await detached(github, home, of(2));
    expect(next.stdout).toContain('does not match the record of its start, and is left as it is');
    expect(sayingOf(mine)).toBe('runs');
    for (const study of [mine, earlier.study, next.study]) writeFileSync(path.join(study, 'go'), '0\n');
  });
});
