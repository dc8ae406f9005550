import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compare, parseBaseline } from '../../src/report/comparison.js';
import { reportJson } from '../../src/report/report-json.js';
import type { StepState } from '../../src/study/state.js';
import { Checked, failed, merged, resultsWith, sha, specText } from '../support/check-runs.js';
import { hostileText } from '../support/hostile.js';
import { ran, resultsOf } from '../support/results.js';
import { until } from '../support/wait.js';

const counts = (finished: number, running = 0) =>
  new Map<StepState, number>([
    ['FINISHED', finished],
    ['RUNNING', running],
  ]);
const checks = '/check-runs';
const listed = `GET /commits/${sha}/check-runs 200`;

describe('the check run of a study', () => {
  it('is there from the beginning, and says in the end how it went', async () => {
    const checked = await Checked.with();
    const check = await checked.start();
    const [run] = checked.github.checkRuns;
    expect(run).toMatchObject({
      name: 'Study hello',
      head_sha: sha,
      external_id: '4711-abc',
      status: 'in_progress',
      conclusion: null,
      title: 'The study is starting',
    });
    expect(check.isWorking).toBe(true);

    const delivery = await checked.finish(check.complete(resultsWith(0, 2)));
    expect(delivery).toEqual({ url: `https://github.com/octo/studies/runs/${run!.id}`, isDelivered: true });
    expect(run).toMatchObject({ status: 'completed', conclusion: 'success', annotations: [] });
    expect(checked.github.log).toEqual([listed, `POST ${checks} 201`, `PATCH ${checks}/${run!.id} 200`]);
    expect(checked.warnings).toEqual([]);
    checked.expectNoComplaints();
  });

  it('of a pull request has ninety failures on their lines, in three requests and those that carry them', async () => {
    const checked = await Checked.with();
    const { github } = checked;
    github.files.set('specs/hello.yaml', `# A comment that was not there when this was branched off.\n${specText}`);
    const check = await checked.start({
      runner: { apiUrl: github.url, repository: github.repository, runUrl: 'https://x.invalid/', sha: merged },
    });
    const { isDelivered } = await checked.finish(check.complete(resultsWith(90)));
    const [run] = github.checkRuns;
    expect(run).toMatchObject({ head_sha: sha, conclusion: 'failure', title: 'Failed in 1h 00m: 90 failed' });
    expect(run!.annotations).toHaveLength(90);
    expect(new Set(run!.annotations.map(({ path, start_line }) => `${path}:${start_line}`))).toEqual(
      new Set(['specs/hello.yaml:7']),
    );
    expect(run!.annotations[10]).toEqual({
      path: 'specs/hello.yaml',
      start_line: 7,
      end_line: 7,
      annotation_level: 'failure',
      title: 'run_SIZE.10 failed: exit 3',
      message: expect.stringContaining('It ran on this machine in /p/studies/hello_1/run/run_SIZE.10'),
      raw_details: 'no such file',
    });
    expect(github.log).toEqual([
      listed,
      `POST ${checks} 201`,
      'GET /contents/specs/hello.yaml 200',
      `PATCH ${checks}/${run!.id} 200`,
      `PATCH ${checks}/${run!.id} 200`,
    ]);
    expect(github.requests[2]!.query.get('ref')).toBe(sha);
    expect(isDelivered).toBe(true);
    checked.expectNoComplaints();
  });

  it('has the warnings about the spec too, and what takes longer than in an earlier run', async () => {
    const checked = await Checked.with();
    const check = await checked.start();
    const at = { file: 'specs/hello.yaml', line: 2, column: 3 };
    const fine = (time: number) => ({ name: 'run_SIZE.1', step: 'run', line: 6, record: ran(time) });
    const before = resultsOf([fine(1000)]);
    const results = resultsOf([failed('run_SIZE.0'), fine(60_000)], { status: 'FAILURE' });
    const comparison = compare(parseBaseline(reportJson(before)), results, 25);
    const warnings = [{ severity: 'warning', at, message: 'odd' } as const];
    await checked.finish(check.complete(results, { warnings, comparison }));
    const [run] = checked.github.checkRuns;
    expect(run!.annotations.map(({ annotation_level: level, start_line: line }) => [level, line])).toEqual([
      ['failure', 6],
      ['warning', 6],
      ['warning', 2],
    ]);
    expect(run!.text).toMatch(/^### What is new/);
    checked.expectNoComplaints();
  });

  it('has no annotation if the spec is not in the repository: the log has to say them', async () => {
    const checked = await Checked.with();
    const check = await checked.start({ spec: { path: undefined, shown: '/tmp/a', text: specText } });
    const { isDelivered } = await checked.finish(check.complete(resultsWith(1)));
    expect(isDelivered).toBe(false);
    expect(checked.github.checkRuns[0]).toMatchObject({ conclusion: 'failure', annotations: [] });
    expect(checked.github.checkRuns[0]!.summary).toContain('1 of the annotations could not be put on lines');
    expect(checked.warnings).toEqual([]);
  });

  for (const [status, conclusion] of [
    ['FINISHED', 'success'],
    ['DRYRUN', 'success'],
    ['FAILURE', 'failure'],
    ['CANCELLED', 'cancelled'],
    ['INTERRUPTED', 'timed_out'],
  ] as const) {
    it(`is ${conclusion} for a study that is ${status}`, async () => {
      const checked = await Checked.with();
      await checked.finish((await checked.start()).complete(resultsOf([], { status })));
      expect(checked.github.checkRuns[0]).toMatchObject({ status: 'completed', conclusion });
      checked.expectNoComplaints();
    });
  }

  it('says why a study could not be run, on the lines that are wrong', async () => {
    const checked = await Checked.with();
    const check = await checked.start();
    const at = { file: 'specs/hello.yaml', line: 3, column: 1 };
    const problems = [{ severity: 'error', at, message: 'there is no such step' } as const];
    await checked.finish(check.cannotRun(['specs/hello.yaml:3:1: there is no such step'], { problems }));
    const [run] = checked.github.checkRuns;
    expect(run).toMatchObject({ status: 'completed', conclusion: 'failure' });
    expect(run!.title).toBe('The study cannot be run: specs/hello.yaml:3:1: there is no such step');
    expect(run!.annotations).toMatchObject([{ start_line: 3, annotation_level: 'failure' }]);

    const cancelled = await checked.start({ key: 'another' });
    await checked.finish(cancelled.cannotRun(['cancelled by SIGINT'], { isCancelled: true }));
    expect(checked.github.checkRuns[1]).toMatchObject({ conclusion: 'cancelled' });
    checked.expectNoComplaints();
  });

  it('holds whatever names and outputs are', async () => {
    const checked = await Checked.with();
    const check = await checked.start({ name: fc.sample(hostileText, { numRuns: 1, seed: 7 })[0]! || 'x' });
    const texts = fc.sample(hostileText, { numRuns: 200, seed: 42 });
    const results = resultsOf(
      texts.map((text, i) => failed(`${i}${text}`, { says: text, step: `${i}${text}`, workspace: text })),
      { status: 'FAILURE', name: texts[0]!, path: `/p/${texts[1]}`, interruption: texts[2]! },
    );
    const huge = failed('huge', { step: 'huge', says: 'x'.repeat(10_000_000) });
    await checked.finish(check.complete({ ...results, steps: [...results.steps, ...resultsOf([huge]).steps] }));
    expect(checked.github.checkRuns[0]!.annotations).toHaveLength(201);
    checked.expectNoComplaints();
  });
});

describe('a check run that was there before', () => {
  it('is updated by a later run of the same study, as long as it has no annotations', async () => {
    const checked = await Checked.with();
    await checked.finish((await checked.start()).complete(resultsOf([], { status: 'INTERRUPTED' })));
    const check = await checked.start();
    const [run] = checked.github.checkRuns;
    expect(run).toMatchObject({ status: 'in_progress', conclusion: null, title: 'The study is starting' });
    await checked.finish(check.complete(resultsWith(1)));
    expect(checked.github.checkRuns).toHaveLength(1);
    expect(run).toMatchObject({ conclusion: 'failure' });
    expect(run!.annotations).toHaveLength(1);
    checked.expectNoComplaints();
  });

  it('is replaced if it has annotations, which cannot be taken back', async () => {
    const checked = await Checked.with();
    await checked.finish((await checked.start()).complete(resultsWith(2)));
    await checked.finish((await checked.start()).complete(resultsWith(0, 2)));
    await checked.finish((await checked.start()).complete(resultsWith(0, 2)));
    expect(checked.github.checkRuns).toMatchObject([
      { name: 'Study hello', external_id: '4711-abc', conclusion: 'failure' },
      { name: 'Study hello', external_id: '4711-abc', conclusion: 'success', annotations: [] },
    ]);
    checked.expectNoComplaints();
  });

  it("is left alone if it is another study's, or on another commit", async () => {
    const checked = await Checked.with();
    checked.github.add({ name: 'Study hello', head_sha: sha, external_id: 'other' });
    checked.github.add({ name: 'Study hello', head_sha: merged, external_id: '4711-abc' });
    checked.github.add({ name: 'Another', head_sha: sha, external_id: '4711-abc' });
    await checked.start();
    expect(checked.github.checkRuns).toHaveLength(4);
    expect(checked.github.checkRuns.slice(0, 3).map(({ status }) => status)).toEqual(['queued', 'queued', 'queued']);
  });

  it('is found among many', async () => {
    const checked = await Checked.with();
    const ours = checked.github.add({ name: 'Study hello', head_sha: sha, external_id: '4711-abc' });
    for (let i = 0; i < 150; i++) checked.github.add({ name: 'Study hello', head_sha: sha, external_id: `${i}` });
    await checked.start();
    expect(ours.status).toBe('in_progress');
    expect(checked.github.checkRuns).toHaveLength(151);
    checked.expectNoComplaints();
  });

  it('is replaced if it was made with the token of another app', async () => {
    const checked = await Checked.with();
    const theirs = checked.github.add({ name: 'Study hello', head_sha: sha, external_id: '4711-abc' });
    checked.github.fault = ({ method, path }) =>
      method === 'PATCH' && path.endsWith(`/${theirs.id}`)
        ? {
            status: 403,
            body: { message: 'Invalid app_id 1: check run can only be modified by the app that created it.' },
          }
        : undefined;
    const check = await checked.start();
    expect(check.isWorking).toBe(true);
    expect(checked.github.checkRuns).toHaveLength(2);
    expect(checked.warnings).toEqual([]);
  });
});

describe('a check run while the study runs', () => {
  const titles = ({ github }: Checked) =>
    github.requests.filter(({ method }) => method === 'PATCH').map(({ body }) => body.output.title);
  const sent = (checked: Checked, count: number) =>
    until(`${count} updates`, () => checked.github.requests.filter((r) => r.status !== 0).length === 2 + count);

  it('is updated after 15 seconds, with the counts of then, however often they change', async () => {
    const checked = await Checked.with();
    const check = await checked.start();
    let finished = 0;
    for (finished = 1; finished < 1000; finished++) check.update(() => counts(finished, 1));
    checked.clock.advance(14_999);
    expect(titles(checked)).toEqual([]);
    finished = 1234;
    checked.clock.advance(1);
    await sent(checked, 1);
    expect(titles(checked)).toEqual(['1234 of 1235 finished, 1 running']);
    checked.expectNoComplaints();
    await checked.finish(check.complete(resultsWith(0, 1)));
    expect(checked.clock.pending).toBe(0);
  });

  it('is not updated if nothing changes, or the counts are the same', async () => {
    const checked = await Checked.with();
    const check = await checked.start();
    checked.clock.advance(3_600_000);
    check.update(() => counts(1));
    checked.clock.runOut();
    await sent(checked, 1);
    await until('the update is done', () => {
      check.update(() => counts(1));
      return checked.clock.pending > 0;
    });
    checked.clock.runOut();
    await checked.finish(check.complete(resultsWith(0, 1)));
    expect(titles(checked)).toEqual(['1 of 1 finished', 'Finished in 1h 00m: 1 finished']);
  });

  it('says nothing more once it is left, or over', async () => {
    const checked = await Checked.with();
    const check = await checked.start();
    check.update(() => counts(1));
    check.leave();
    check.update(() => counts(2));
    expect(checked.clock.pending).toBe(0);
    expect(checked.github.checkRuns[0]).toMatchObject({ status: 'in_progress', title: 'The study is starting' });
  });

  it('is not overwritten by an update that is on its way when the study ends', async () => {
    const checked = await Checked.with();
    const { github, clock } = checked;
    const check = await checked.start();
    let release = () => {};
    github.hold = ({ method }) =>
      method === 'PATCH' && titles(checked).length === 1 ? new Promise((resolve) => (release = resolve)) : undefined;
    check.update(() => counts(1));
    clock.runOut();
    await until('the update is on its way', () => titles(checked).length === 1);
    const completed = check.complete(resultsWith(0, 1));
    // Another request, answered meanwhile, shows that there was time for one.
    await checked.start({ key: 'another' });
    expect(titles(checked)).toEqual(['1 of 1 finished']);
    release();
    await checked.finish(completed);
    expect(titles(checked)).toEqual(['1 of 1 finished', 'Finished in 1h 00m: 1 finished']);
    expect(github.checkRuns[0]).toMatchObject({ status: 'completed', title: 'Finished in 1h 00m: 1 finished' });
  });
});
