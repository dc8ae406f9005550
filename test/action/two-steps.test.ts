import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Job, Job as NewJob } from '../support/bundle.js';
import { GitHubServer } from '../support/github-api.js';
import { chain, messagesOf, reportingTo } from '../support/reported.js';

/** A job of the one workflow run: all have the home and the temporary directory of one machine. */
function step(
  first: Job | undefined,
  environment: Record<string, string>,
  text = chain('echo ran >> "$HOME/runs"'),
): Job {
  const job = new NewJob().study(text);
  Object.assign(job.environment, { GITHUB_RUN_ATTEMPT: '1', GITHUB_JOB: 'study', GITHUB_ACTION: '__octo_maestro' });
  if (first !== undefined) Object.assign(job.environment, { HOME: first.home, RUNNER_TEMP: first.temporary });
  Object.assign(job.environment, environment);
  return job;
}

const runsOf = ({ home }: Job) => readFileSync(path.join(home, 'runs'), 'utf8').trim().split('\n').length;

describe('two steps with one spec in one workflow run', () => {
  for (const [what, other] of [
    ['two jobs', { GITHUB_JOB: 'other' }],
    ['two steps of a job', { GITHUB_ACTION: '__octo_maestro_2' }],
    ['two steps with ids', { GITHUB_ACTION: 'second' }],
  ] as const) {
    it(`(${what}) are two studies: each runs, and each has its own reports`, async () => {
      const first = step(undefined, {});
      const second = step(first, other);
      for (const job of [first, second]) expect(await job.run()).toMatchObject({ code: 0, stderr: '' });
      expect(runsOf(first)).toBe(2);
      expect(second.outputs['study-path']).not.toBe(first.outputs['study-path']);
      expect(second.outputs['report-path']).not.toBe(first.outputs['report-path']);
      expect(first.report.study.path).toBe(first.outputs['study-path']);
      const again = step(first, { GITHUB_RUN_ATTEMPT: '2' });
      expect((await again.run()).stdout).toContain('There is nothing to do');
      expect(runsOf(first)).toBe(2);
    });
  }

  it('are two check runs with two names, of which neither hides the other', async () => {
    const github = await GitHubServer.start();
    const made = [{}, { GITHUB_JOB: 'other' }, { GITHUB_ACTION: '__octo_maestro_2' }, { GITHUB_ACTION: 'second' }];
    for (const environment of made) await reportingTo(github, step(undefined, environment)).run();
    expect(github.checkRuns.map(({ name }) => name)).toEqual([
      'maestro: study.yaml (study)',
      'maestro: study.yaml (other)',
      'maestro: study.yaml (study, octo_maestro_2)',
      'maestro: study.yaml (study, second)',
    ]);
    expect(new Set(github.checkRuns.map(({ external_id }) => external_id)).size).toBe(4);
  });

  it('that cannot be told apart are warned of when the second finds its study done in the same attempt', async () => {
    const first = step(undefined, {});
    await first.run();
    const leg = await step(first, {}).run();
    expect(leg.code).toBe(0);
    expect(messagesOf(leg, 'warning')).toEqual([expect.stringMatching(/^nothing was run: .*'study-key'$/)]);
    expect(messagesOf(await step(first, { GITHUB_RUN_ATTEMPT: '2' }).run(), 'warning')).toEqual([]);
  });

  it('are one study without a warning if they have one study-key', async () => {
    const first = step(undefined, {}).with({ 'study-key': 'one' });
    const second = step(first, { GITHUB_JOB: 'other' }).with({ 'study-key': 'one' });
    await first.run();
    const ended = await second.run();
    expect(ended.stdout).toContain('There is nothing to do');
    expect(messagesOf(ended, 'warning')).toEqual([]);
    expect(runsOf(first)).toBe(1);
  });
});

describe('the spelling of the spec', () => {
  for (const [what, spell] of [
    ['./study.yaml', () => './study.yaml'],
    ['x/../study.yaml', () => 'x/../study.yaml'],
    ['an absolute path', (job: Job) => path.join(job.workspace, 'study.yaml')],
  ] as const) {
    it(`(${what}) changes neither the study, nor the name of its check run, nor where its annotations are`, async () => {
      const github = await GitHubServer.start();
      const first = reportingTo(github, step(undefined, {}, chain('exit 3')));
      await first.run();
      const second = reportingTo(github, step(first, { GITHUB_RUN_ATTEMPT: '2' }, chain('exit 3')));
      second.with({ spec: spell(second), annotations: 'commands' });
      const ended = await second.run();
      expect(second.outputs['study-path']).toBe(first.outputs['study-path']);
      expect(second.report.study.spec).toBe('study.yaml');
      expect(ended.stdout).toMatch(/^::error title=s1 FAILED%3A exit 3,file=study\.yaml,line=6::/m);
      await second.with({ annotations: 'checks' }).run();
      expect(new Set(github.checkRuns.map(({ name }) => name))).toEqual(new Set(['maestro: study.yaml (study)']));
      for (const run of github.checkRuns) for (const { path: at } of run.annotations) expect(at).toBe('study.yaml');
    });
  }
});

describe('a study that an earlier version began in the same run', () => {
  /** A study that failed, under the key that has neither job nor step in it. */
  async function begun() {
    const first = step(
      undefined,
      { GITHUB_JOB: '', GITHUB_ACTION: '' },
      chain('echo ran >> "$HOME/runs"', '[ -e "$HOME/mended" ]'),
    );
    expect(await first.run()).toMatchObject({ code: 2 });
    writeFileSync(path.join(first.home, 'mended'), '');
    return first;
  }
  const next = (first: Job, environment: Record<string, string> = {}) =>
    step(
      first,
      { GITHUB_RUN_ATTEMPT: '2', ...environment },
      readFileSync(path.join(first.workspace, 'study.yaml'), 'utf8'),
    );

  it('is found, continued, and has the new key from then on, and the log says so', async () => {
    const first = await begun();
    const second = next(first);
    const ended = await second.run();
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(second.outputs['study-path']).toBe(first.outputs['study-path']);
    expect(ended.stdout).toMatch(/^This study has the key 4711-[0-9a-f]{8}, of an earlier version; from now on/m);
    expect(runsOf(first)).toBe(1);
    const third = next(first, { GITHUB_RUN_ATTEMPT: '3' });
    expect((await third.run()).stdout).toContain('There is nothing to do');
    const other = next(first, { GITHUB_JOB: 'other' });
    expect(await other.run()).toMatchObject({ code: 0, stderr: '' });
    expect(other.outputs['study-path']).not.toBe(first.outputs['study-path']);
    expect(runsOf(first)).toBe(2);
  });

  it('is continued where output-path says that it is', async () => {
    const first = step(undefined, { GITHUB_JOB: '', GITHUB_ACTION: '' });
    const place = path.join(first.home, 'here');
    await first.with({ 'output-path': place }).run();
    const second = step(first, { GITHUB_RUN_ATTEMPT: '2' }).with({ 'output-path': place });
    expect(await second.run()).toMatchObject({ code: 0, stdout: expect.stringContaining('There is nothing to do') });
    const third = step(first, { GITHUB_JOB: 'other' }).with({ 'output-path': place });
    expect(await third.run()).toMatchObject({ code: 1, stdout: expect.stringContaining('holds another study') });
  });

  it('is left alone with `resume: never`, and where the new key has a study', async () => {
    const first = await begun();
    const never = next(first).with({ resume: 'never' });
    await never.run();
    expect(never.outputs['study-path']).not.toBe(first.outputs['study-path']);
    const second = next(first);
    await second.run();
    expect(second.outputs['study-path']).toBe(never.outputs['study-path']);
  });

  it('is nothing of ours if it only has the name of one', async () => {
    const first = await begun();
    const old = first.outputs['study-path']!;
    const journal = path.join(old, '.conductor/journal.jsonl');
    writeFileSync(journal, readFileSync(journal, 'utf8').replace(/"key":"[^"]*"/, '"key":"else"'));
    const second = next(first);
    await second.run();
    expect(second.outputs['study-path']).not.toBe(old);
    expect(readdirSync(path.dirname(old))).toHaveLength(2);
  });
});
