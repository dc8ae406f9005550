import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ActRepository, act } from '../support/act.js';
import { GitHubServer } from '../support/github-api.js';
import { chain, pullRequest } from '../support/reported.js';
import { isAlive, until } from '../support/wait.js';

/** A workflow of one job that checks out the repository and runs a study, and says how the job goes. */
const workflow = (inputs: string) => `name: test
on: [push, pull_request]
jobs:
  study:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@v7
      - id: study
        uses: maestro-on-flux/maestro-on-flux@v0
        with: { spec: study.yaml, ${inputs} }
`;

const repositoryWith = (spec: string, inputs = 'annotations: commands') =>
  new ActRepository({ 'study.yaml': spec, '.github/workflows/test.yml': workflow(inputs) });

/** A pull request whose code is of a fork. */
const ofFork = { event: 'pull_request', payload: pullRequest('mallory/studies') };

if (act.program === undefined) {
  console.warn(act.why);
  it.skip(act.why, () => {});
} else {
  describe('workflows that act runs', () => {
    it('the example that is started by hand runs its study, and keeps the report as an artifact', async () => {
      const github = await GitHubServer.start();
      const repository = new ActRepository();
      const run = await repository.run({
        workflow: 'example-manual.yml',
        event: 'workflow_dispatch',
        inputs: { spec: 'samples/hello-bye-parameterized.yaml', 'local-jobs': '2', 'dry-run': 'false' },
        github,
      });
      expect(run.jobs, run.log).toEqual({ study: 'success' });
      expect(run.output('study', 'study', 'status')).toBe('FINISHED');
      const report = readFileSync(path.join(repository.artifacts, 'study-report/report.json'), 'utf8');
      expect(JSON.parse(report)).toMatchObject({ status: 'FINISHED' });
      expect(github.complaints).toEqual([]);
      expect(github.checkRuns).toMatchObject([{ conclusion: 'success' }]);
    });

    it('the nightly example runs its study', async () => {
      const run = await new ActRepository().run({ workflow: 'example-nightly.yml', event: 'schedule' });
      expect(run.jobs, run.log).toEqual({ study: 'success' });
    });

    it('the example for pull requests only stages the study of a fork', async () => {
      const run = await new ActRepository().run({ workflow: 'example-pull-request.yml', ...ofFork });
      expect(run.jobs, run.log).toEqual({ study: 'success' });
      expect(run.output('study', 'study', 'status')).toBe('DRYRUN');
    });

    it('a pull request of a fork is refused, and nothing of it is run', async () => {
      const repository = repositoryWith(chain('touch "$HOME/ran"'));
      const run = await repository.run({ workflow: 'test.yml', ...ofFork });
      expect(run.jobs, run.log).toEqual({ study: 'failure' });
      expect(run.messages('study', 'error').join('\n')).toMatch(/fork/);
      expect(existsSync(path.join(repository.home, 'ran'))).toBe(false);
    });

    it('a study that fails fails its job, and its step is annotated', async () => {
      const run = await repositoryWith(chain('echo cannot open the mesh >&2; exit 3')).run({ workflow: 'test.yml' });
      expect(run.code).not.toBe(0);
      expect(run.jobs, run.log).toEqual({ study: 'failure' });
      expect(run.output('study', 'study', 'status')).toBe('FAILURE');
      expect(run.messages('study', 'error').join('\n')).toContain('cannot open the mesh');
    });
  });

  it('a workflow that detaches its study ends while that runs, and one that collects completes its check run', async () => {
    const github = await GitHubServer.start();
    const spec = chain('while [ ! -e $(OUTPUT_PATH)/go ]; do sleep 0.1; done', 'echo over');
    const collecting = `name: collect
on: workflow_dispatch
jobs:
  collect:
    runs-on: ubuntu-24.04
    steps:
      - id: studies
        uses: maestro-on-flux/maestro-on-flux@v0
        with: { command: collect }
`;
    const repository = new ActRepository({
      'study.yaml': spec,
      '.github/workflows/test.yml': workflow('detach: true'),
      '.github/workflows/collect.yml': collecting,
    });
    const started = await repository.run({ workflow: 'test.yml', github });
    expect(started.jobs, started.log).toEqual({ study: 'success' });
    expect(started.output('study', 'study', 'status')).toBe('DETACHED');
    expect(github.checkRuns).toMatchObject([{ status: 'in_progress' }]);
    const study = started.output('study', 'study', 'study-path')!;
    const collect = async () => {
      const run = await repository.run({ workflow: 'collect.yml', event: 'workflow_dispatch', github });
      expect(run.jobs, run.log).toEqual({ collect: 'success' });
      return run.output('collect', 'studies', 'status');
    };
    expect(await collect()).toBe('DETACHED');
    writeFileSync(path.join(study, 'go'), '');
    await until('the study is over', () =>
      readFileSync(path.join(study, '.conductor/journal.jsonl'), 'utf8').includes('"type":"end"'),
    );
    expect(await collect()).toBe('FINISHED');
    expect(github.checkRuns).toMatchObject([{ status: 'completed', conclusion: 'success' }]);
    expect(github.complaints).toEqual([]);
  });

  describe('a main step that is killed at once', () => {
    const spec = chain(
      'echo $$ > "$HOME/pid"; touch "$HOME/began"; sleep 30; touch "$HOME/ended"',
      'touch "$HOME/after"',
    );

    async function started(repository: ActRepository) {
      const run = repository.start({ workflow: 'test.yml' });
      const read = (name: string) => readFileSync(path.join(repository.home, name), 'utf8');
      const has = (name: string) => existsSync(path.join(repository.home, name));
      await until('the first step runs', () => has('began'), 40_000);
      return { ...run, has, step: Number(read('pid')) };
    }

    it('is known to be cancelled by the post step, which ends what runs: nothing of the study runs any more', async () => {
      const { process: child, ended, has, step } = await started(repositoryWith(spec));
      child.kill('SIGINT');
      const run = await ended;
      expect(run.jobs, run.log).toEqual({ study: 'failure' });
      expect(run.postLog('study')).toContain('Study hello CANCELLED');
      expect(run.output('study', 'study', 'status')).toBe('CANCELLED');
      expect(isAlive(step)).toBe(false);
      await sleep(1000);
      expect(['ended', 'after'].filter(has)).toEqual([]);
    });

    it('leaves the study running with on-cancel: leave', async () => {
      const {
        process: child,
        ended,
        step,
      } = await started(repositoryWith(spec, 'annotations: commands, on-cancel: leave'));
      child.kill('SIGINT');
      const run = await ended;
      expect(run.postLog('study'), run.log).toContain('its jobs go on');
      expect(isAlive(step)).toBe(true);
      process.kill(step, 'SIGKILL');
    });
  });
}
