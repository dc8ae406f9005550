import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { Job } from '../support/bundle.js';
import { GitHubServer } from '../support/github-api.js';
import { chain, commandsOf, messagesOf, onLines, onlyCheckRun, reportingTo } from '../support/reported.js';

/** Three steps that do not wait for each other, on lines 6, 11 and 16. */
const three = (...commands: readonly string[]) => `description:
  name: nightly
  description: A test.

study:
${commands.map((cmd, i) => `  - name: ${['first', 'second', 'third'][i]}\n    description: A step.\n    run:\n      cmd: "${cmd}"\n`).join('\n')}`;

/** A job with a check run of its own, that is compared with the report of another. */
async function compared(spec: string, before: Job | undefined, inputs: Record<string, string> = {}) {
  const github = await GitHubServer.start();
  const job = reportingTo(github, new Job().study(spec)).with(inputs);
  if (before !== undefined) {
    copyFileSync(path.join(before.outputs['report-path']!, 'report.json'), path.join(job.workspace, 'last.json'));
    job.with({ baseline: 'last.json' });
  }
  return { github, job, ended: await job.run() };
}

describe('a baseline', () => {
  it('tells what newly fails, is fixed and is slower, wherever results are; its report is the next baseline', async () => {
    const { job: before } = await compared(three('exit 3', 'true', 'true'), undefined);
    const { github, job, ended } = await compared(three('true', 'exit 4', 'sleep 11'), before);
    expect(ended).toMatchObject({ code: 2, stderr: '' });
    const run = onlyCheckRun(github);
    const html = readFileSync(path.join(job.outputs['report-path']!, 'report.html'), 'utf8');
    for (const text of [job.summary, run.text]) {
      expect(text).toContain('What is new');
      expect(text).toMatch(/Newly failing\W+\(1\)\s+- <code>second<\/code>/);
      expect(text).toMatch(/Fixed\W+\(1\)\s+- <code>first<\/code>/);
      expect(text).toMatch(/Slower steps\W+\(1\)\s+- <code>third<\/code>/);
    }
    expect(html).toMatch(/newly failing/i);
    expect(run.conclusion).toBe('failure');
    expect(run.annotations.map(({ annotation_level, start_line }) => [annotation_level, start_line])).toEqual([
      ['failure', 11],
      ['warning', 16],
    ]);
    expect(ended.stdout).toMatch(/^Compared with the baseline: 1 newly failing, 1 fixed, /m);
    expect(onLines(ended)).toEqual([]);

    const { job: after, ended: again } = await compared(three('true', 'exit 4', 'true'), job);
    expect(again.code).toBe(2);
    expect(again.stdout).toMatch(/^Compared with the baseline: 1 still failing$/m);
    expect(after.summary).toMatch(/Still failing\W+\(1\)\s+- <code>second<\/code>/);
  });

  it('tells a failure that is allowed once, by the check run or by a workflow command', async () => {
    const { job: before } = await compared(three('true', 'true'), undefined);
    for (const token of [{}, { 'github-token': '' }]) {
      const { github, ended } = await compared(three('exit 3', 'true'), before, { 'allow-failure': 'first', ...token });
      expect(ended.code).toBe(0);
      expect(ended.stdout).toMatch(/^Compared with the baseline: 1 newly failing$/m);
      const shown = github.checkRuns.flatMap(({ annotations }) => annotations);
      expect([...shown, ...onLines(ended)]).toHaveLength(1);
      expect(ended.stdout).not.toContain('newly fails');
    }
  });

  it('of another study is a warning that no step is in common; what is missing now is told by name', async () => {
    const { job: before } = await compared(chain('true', 'true'), undefined);
    const { ended } = await compared(three('true', 'true'), before);
    expect(messagesOf(ended, 'warning')).toEqual([
      'The baseline is of another study, hello, and has no step in common with this run: nothing can be compared',
    ]);
    expect(ended.stdout).toMatch(/^In the baseline, but missing now: s1, s2$/m);
    const { job: whole } = await compared(three('true', 'true', 'true'), undefined);
    const { ended: part } = await compared(three('true', 'true'), whole);
    expect(part.stdout).toMatch(/^Compared with the baseline: 1 not there any more$/m);
    expect(part.stdout).toMatch(/^In the baseline, but missing now: third$/m);
  });

  it('does not change that a study finished, and calls nothing slower that `slower-than` allows', async () => {
    // Of no time at all any other would be infinitely more.
    const { job: before } = await compared(three('true', 'sleep 0.1'), undefined);
    const { github, ended } = await compared(three('true', 'sleep 11'), before, { 'slower-than': '100000000 %' });
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(ended.stdout).toMatch(/^Compared with the baseline: nothing new$/m);
    expect(onlyCheckRun(github)).toMatchObject({ conclusion: 'success', annotations: [] });
    expect(onlyCheckRun(github).text).toContain('nothing new');
  });

  it('has its warnings as workflow commands where there is no check run', async () => {
    const { job: before } = await compared(three('true'), undefined);
    const { ended } = await compared(three('sleep 11'), before, { 'github-token': '' });
    expect(ended.code).toBe(0);
    expect(onLines(ended)).toEqual([
      {
        name: 'warning',
        properties: { file: 'study.yaml', line: '6', title: 'first is slower than before' },
        message: expect.stringContaining('The median of 1 instance'),
      },
    ]);
  });

  it('that is not there is told, and no more', async () => {
    const { github, job, ended } = await compared(chain('true'), undefined, { baseline: 'no/report.json' });
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(commandsOf(ended)).toHaveLength(1);
    expect(messagesOf(ended, 'warning')).toEqual([expect.stringContaining('no/report.json')]);
    expect(job.summary).not.toContain('What is new');
    expect(onlyCheckRun(github).conclusion).toBe('success');
  });

  for (const [what, text, says] of [
    ['is cut off', '{"schema": 1, "sta', 'is not JSON'],
    ['is empty', '', 'is empty'],
    ['is something else', '{"steps": []}', 'has no `schema`'],
    ['is of another version', '{"schema": 2}', 'this version knows schema 1 only'],
    ['has something else in it', '{"schema": 1, "status": "\\n::error::injected"}', 'is wrong at `status`'],
  ] as const) {
    it(`that ${what} is an error before anything runs`, async () => {
      const github = await GitHubServer.start();
      const job = reportingTo(github, new Job().study(chain('true'))).with({ baseline: 'last.json' });
      writeFileSync(path.join(job.workspace, 'last.json'), text);
      const ended = await job.run();
      expect(ended).toMatchObject({ code: 1, stderr: '' });
      expect(messagesOf(ended, 'error')).toEqual([expect.stringContaining(says)]);
      expect(messagesOf(ended, 'error')[0]).toContain('report.json of an earlier run');
      expect(commandsOf(ended)).toHaveLength(1);
      expect(job.outputs).toEqual({});
      expect(onlyCheckRun(github)).toMatchObject({ conclusion: 'failure' });
    });
  }
});
