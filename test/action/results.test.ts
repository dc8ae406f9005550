import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, type TestSuites } from 'junit2json';
import { describe, expect, it } from 'vitest';
import { Job } from '../support/bundle.js';
import { examplePayload } from '../support/events.js';
import { GitHubServer } from '../support/github-api.js';
import {
  chain,
  commandsOf,
  forPullRequest,
  head,
  merged,
  messagesOf,
  onLines,
  onlyCheckRun,
  reportingTo,
  startedBy,
} from '../support/reported.js';
import { counted, Reruns } from '../support/reruns.js';

/** A study of 90 instances, of which the first five finish. */
const ninety = `description:
  name: ninety
  description: A test.

study:
  - name: make
    description: Comes first.
    run:
      cmd: echo made

  - name: run
    description: Runs.
    run:
      cmd: |
        echo "SIZE $(SIZE) is too large" >&2
        [ $(SIZE) -le 5 ] || exit 3
      depends: [make]

global.parameters:
  SIZE:
    values: [${Array.from({ length: 89 }, (_, i) => i + 1)}]
    label: SIZE.%%
`;

const schema = fileURLToPath(new URL('../report/junit.xsd', import.meta.url));

describe('a failing study of 90 instances in a pull request', () => {
  it('shows each failure on its line of the head, in three requests and chunks; and has all reports', async () => {
    const github = await GitHubServer.start();
    // What would come of merging has two lines more before the steps.
    const atHead = ninety.replace('\n\nstudy', '\nstudy').replace('  - name: make', '# Steps\n  - name: make');
    const job = forPullRequest(github, new Job().study(`# merged\n${ninety}`), atHead).with({
      'local-jobs': '8',
      collect: 'make/*.out',
    });
    const ended = await job.run();
    expect(ended).toMatchObject({ code: 2, stderr: '' });
    const run = onlyCheckRun(github);
    expect(run).toMatchObject({
      name: 'maestro: study.yaml',
      head_sha: head,
      status: 'completed',
      conclusion: 'failure',
      title: expect.stringMatching(/^Failed in .*: 84 failed, 6 finished$/),
    });
    // A slow machine makes updates come in between.
    const isUpdate = (body: { status?: string } | undefined) => body !== undefined && body.status === undefined;
    const [update, ...appended] = [...github.requests].reverse();
    expect(update?.body.output.annotations).toHaveLength(34);
    expect(
      appended
        .reverse()
        .filter(({ body }) => !isUpdate(body))
        .map(({ method, route }) => `${method} ${route.replace('/repos/{owner}/{repo}', '')}`),
    ).toEqual([
      'GET /commits/{ref}/check-runs',
      'POST /check-runs',
      'GET /contents/{path}',
      'PATCH /check-runs/{check_run_id}',
    ]);
    expect(run.annotations).toHaveLength(84);
    const line = atHead.split('\n').indexOf('  - name: run') + 1;
    for (const annotation of run.annotations) {
      expect(annotation).toMatchObject({ path: 'study.yaml', start_line: line, annotation_level: 'failure' });
    }
    expect(run.annotations[0]).toMatchObject({
      title: 'run_SIZE.6 failed: exit 3',
      message: expect.stringContaining('tail -n 100'),
      raw_details: 'SIZE 6 is too large',
    });
    expect(run.text).toContain('SIZE 6 is too large');

    // Nothing is told twice.
    expect(onLines(ended)).toEqual([]);
    expect(commandsOf(ended)).toHaveLength(1);
    expect(job.outputs).toMatchObject({ 'check-run-url': expect.stringContaining('http'), 'steps-failed': '84' });
    expect(Buffer.byteLength(job.summary)).toBeLessThan(1024 * 1024);
    expect(job.summary).toContain('SIZE 6 is too large');

    const reports = job.outputs['report-path']!;
    expect(readdirSync(reports).sort()).toEqual([
      ...['junit.xml', 'logs', 'make', 'report.html', 'report.json', 'summary.md'],
    ]);
    // What each said on stdout, and on stderr.
    expect(readdirSync(path.join(reports, 'logs'))).toHaveLength(2 * 84);
    const xml = readFileSync(path.join(reports, 'junit.xml'), 'utf8');
    const { testsuite } = (await parse(xml)) as TestSuites;
    expect(testsuite?.map(({ name, tests, failures }) => ({ name, tests, failures }))).toEqual([
      { name: 'make', tests: 1, failures: 0 },
      { name: 'run', tests: 89, failures: 84 },
    ]);
    const lint = spawnSync('xmllint', ['--noout', '--schema', schema, path.join(reports, 'junit.xml')]);
    if (lint.error === undefined)
      expect([lint.status, String(lint.stderr).slice(0, 500)]).toEqual([0, expect.any(String)]);
    const html = readFileSync(path.join(reports, 'report.html'), 'utf8');
    expect(html).toContain('run_SIZE.6');
    expect(html).not.toMatch(/<(?:script|link|img)[^>]+(?:src|href)=["']?https?:/);
    expect(await job.post()).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect(onlyCheckRun(github).conclusion).toBe('failure');
  }, 120_000);
});

describe('the check run', () => {
  /** Runs a study after a push. */
  async function pushed(spec: string, inputs: Record<string, string> = {}) {
    const github = await GitHubServer.start();
    const job = reportingTo(github, new Job().study(spec)).with(inputs);
    const ended = await job.run();
    return { github, job, ended, run: onlyCheckRun(github) };
  }

  it('is a success, with warnings of the spec on their lines', async () => {
    const { ended, run, github } = await pushed(chain('echo $(NONE)'));
    expect(ended.code).toBe(0);
    expect(run).toMatchObject({ conclusion: 'success', head_sha: head });
    expect(run.annotations).toEqual([
      expect.objectContaining({ annotation_level: 'warning', message: expect.stringContaining('NONE') }),
    ]);
    expect(onLines(ended)).toEqual([]);
    expect(github.log).toHaveLength(3);
  });

  it('is a success of a dry run, and says what it is; the study itself has another', async () => {
    const { github, job, run } = await pushed(chain('true'), { 'dry-run': 'true' });
    expect(run).toMatchObject({ conclusion: 'success', title: expect.stringMatching(/^Dry run/) });
    // A dry run that ends later must not make a failure green.
    const other = reportingTo(github, new Job().study(chain('exit 3')));
    other.environment.HOME = job.home;
    await other.run();
    expect(github.checkRuns.map(({ conclusion }) => conclusion)).toEqual(['success', 'failure']);
    expect(new Set(github.checkRuns.map(({ name }) => name)).size).toBe(2);
    expect(github.complaints).toEqual([]);
  });

  it('is a success with a warning where a failure is allowed', async () => {
    const { ended, run } = await pushed(chain('exit 3'), { 'allow-failure': 's1' });
    expect([ended.code, run.conclusion]).toEqual([0, 'success']);
    expect(run.annotations).toMatchObject([{ annotation_level: 'warning', start_line: 6 }]);
  });

  it('is a failure if the spec cannot be run, with each problem on its line', async () => {
    const { ended, run, job } = await pushed(
      chain('true').replace('description: A step.', 'descripton: A step.') + '  - nam: x\n',
    );
    expect(ended).toMatchObject({ code: 1, stderr: '' });
    expect(run).toMatchObject({ status: 'completed', conclusion: 'failure' });
    expect(run.annotations.length).toBeGreaterThan(1);
    expect(run.annotations.map(({ start_line }) => start_line)).toContain(7);
    expect(onLines(ended)).toEqual([]);
    expect(run.summary).toContain('descripton');
    expect(job.summary).toContain('descripton');
  });

  it('is a failure if an overlay is wrong, which is a workflow command: it is in no file', async () => {
    const { ended, run } = await pushed(chain('true'), { parameters: 'SIZE: [1' });
    expect([ended.code, run.conclusion]).toEqual([1, 'failure']);
    expect(run.annotations).toEqual([]);
    expect(messagesOf(ended, 'error')).toEqual([expect.stringContaining('parameters')]);
  });

  it('has the name that is wanted, else one that legs of a matrix do not share', async () => {
    const github = await GitHubServer.start();
    const legs = [{}, { variables: 'A: 1' }, { variables: 'A: 2' }, { 'check-name': 'Nightly ::error:: é' }];
    for (const inputs of legs) {
      await reportingTo(github, new Job().study(chain('true')))
        .with(inputs as Record<string, string>)
        .run();
    }
    expect(github.complaints).toEqual([]);
    const names = github.checkRuns.map(({ name }) => name);
    expect(names[0]).toBe('maestro: study.yaml');
    for (const name of names.slice(1, 3)) expect(name).toMatch(/^maestro: study\.yaml \([0-9a-f]{4}\)$/);
    expect(names[3]).toBe('Nightly ::error:: é');
    expect(new Set(names).size).toBe(4);
  });

  it('is on the commit of a push, of a workflow_run, of the run otherwise', async () => {
    const github = await GitHubServer.start();
    const workflowRun = examplePayload('workflow_run');
    workflowRun.workflow_run.head_repository.full_name = 'octo/studies';
    workflowRun.workflow_run.head_sha = 'c'.repeat(40);
    const push = examplePayload('push', ({ head_commit }) => head_commit !== null);
    push.head_commit.id = 'd'.repeat(40);
    const events = [
      ['workflow_run', workflowRun],
      ['push', push],
      ['schedule', { schedule: '0 3 * * *' }],
      ['workflow_dispatch', examplePayload('workflow_dispatch')],
    ] as const;
    for (const [name, payload] of events) {
      const job = reportingTo(github, new Job().study(chain('true')));
      expect(await startedBy(job, name, payload, merged).run()).toMatchObject({ code: 0 });
    }
    expect(github.complaints).toEqual([]);
    expect(github.checkRuns.map(({ head_sha }) => head_sha)).toEqual(
      ['c'.repeat(40), 'd'.repeat(40), merged, merged].filter((sha, i, all) => all.indexOf(sha) === i),
    );
  });

  it('names the spec by its path in the checkout that it is in', async () => {
    const github = await GitHubServer.start();
    const job = reportingTo(github, new Job().study(chain('exit 3'), 'sub/specs/a b.yaml'));
    mkdirSync(path.join(job.workspace, 'sub/.git'));
    await job.run();
    expect(onlyCheckRun(github).annotations).toMatchObject([{ path: 'specs/a b.yaml', start_line: 6 }]);
  });

  it('leaves failures to workflow commands if the head has no such spec', async () => {
    const github = await GitHubServer.start();
    const job = forPullRequest(github, new Job().study(chain('exit 3')), chain('exit 3'));
    github.files.clear();
    const ended = await job.run();
    expect(onlyCheckRun(github)).toMatchObject({ conclusion: 'failure', annotations: [] });
    expect(onLines(ended)).toMatchObject([{ name: 'error', properties: { file: 'study.yaml', line: '6' } }]);
  });

  it('of an earlier attempt is updated; one with annotations is followed by another, as they cannot be taken back', async () => {
    const github = await GitHubServer.start();
    const reruns = new Reruns(() => [counted('a', { cmd: 'exit 3' })]);
    const job = (attempt: number) => reportingTo(github, reruns.job({ attempt }));
    const first = job(1);
    first.environment.INPUT_SPEC = '../study.yaml';
    writeFileSync(path.join(first.workspace, '../study.yaml'), readFileSync(path.join(first.workspace, 'study.yaml')));
    // Outside of the checkout there are no lines to put anything on.
    await first.run();
    expect(onlyCheckRun(github)).toMatchObject({ conclusion: 'failure', annotations: [] });
    const id = github.checkRuns[0]!.id;
    const second = job(2);
    second.environment.INPUT_SPEC = '../study.yaml';
    writeFileSync(
      path.join(second.workspace, '../study.yaml'),
      readFileSync(path.join(second.workspace, 'study.yaml')),
    );
    await second.run();
    expect(onlyCheckRun(github)).toMatchObject({ id, conclusion: 'failure', status: 'completed' });
  });

  it('of attempts that fail on lines is a new one each, of the same name and key', async () => {
    const github = await GitHubServer.start();
    const reruns = new Reruns(() => [counted('a', { cmd: '[ $(wc -l < runs) -ge 2 ] || exit 3' })]);
    expect(await reportingTo(github, reruns.job()).run()).toMatchObject({ code: 2 });
    expect(await reportingTo(github, reruns.job({ attempt: 2 })).run()).toMatchObject({ code: 0 });
    expect(github.complaints).toEqual([]);
    const [one, two, ...others] = github.checkRuns;
    expect(others).toEqual([]);
    expect([one?.conclusion, two?.conclusion]).toEqual(['failure', 'success']);
    expect([two?.name, two?.external_id]).toEqual([one?.name, one?.external_id]);
    // Nothing to do, and none the more.
    expect(await reportingTo(github, reruns.job({ attempt: 3 })).run()).toMatchObject({ code: 0 });
    expect(github.checkRuns).toHaveLength(2);
    expect(github.checkRuns[1]).toMatchObject({ status: 'completed', conclusion: 'success' });
  });

  it('of the first driver is left alone by a second, which reports nothing', async () => {
    const github = await GitHubServer.start();
    const reruns = new Reruns((own) => [counted('a', { cmd: own.gate() })]);
    const first = await reruns.startUntilUp(reportingTo(github, reruns.job()), 'a');
    const requests = github.requests.length;
    const second = reportingTo(github, reruns.job());
    const ended = await second.run();
    expect(ended.code).toBe(1);
    expect(messagesOf(ended, 'error')).toHaveLength(1);
    expect(github.requests.slice(requests).filter(({ body }) => body?.status !== undefined)).toEqual([]);
    expect(onlyCheckRun(github)).toMatchObject({ status: 'in_progress', conclusion: null });
    reruns.open();
    expect(await first.ended).toMatchObject({ code: 0 });
    expect(onlyCheckRun(github)).toMatchObject({ status: 'completed', conclusion: 'success' });
  });

  for (const [onCancel, conclusion, status] of [
    ['cancel', 'cancelled', 'CANCELLED'],
    ['leave', 'timed_out', 'INTERRUPTED'],
  ] as const) {
    it(`of a workflow that is cancelled is ${conclusion} with on-cancel: ${onCancel}`, async () => {
      const github = await GitHubServer.start();
      const reruns = new Reruns((own) => [counted('a', { cmd: own.gate() })], { 'on-cancel': onCancel });
      const job = reportingTo(github, reruns.job());
      const { process, ended } = await reruns.startUntilUp(job, 'a');
      process.kill('SIGINT');
      await ended;
      expect(job.outputs.status).toBe(status);
      expect(onlyCheckRun(github)).toMatchObject({ status: 'completed', conclusion });
      await job.post();
      expect(onlyCheckRun(github)).toMatchObject({ status: 'completed', conclusion });
    });
  }
});
