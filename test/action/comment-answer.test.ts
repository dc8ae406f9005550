import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { commented, commentPayload } from '../support/commented.js';
import { chain, head, messagesOf, onlyCheckRun, startedBy } from '../support/reported.js';

const answer = '<!-- maestro-on-flux: answer to 501 -->\nStudy <code>a</code>; asked for by ada.';
const waiting = `${answer}\n\n<!-- maestro-on-flux: result -->\n⏳ Running.`;

/** report.json of a study of one step. */
function report(status: 'FINISHED' | 'FAILURE', stderr = ''): string {
  const isFailed = status === 'FAILURE';
  const time = '2026-01-01T00:00:00.000Z';
  const step = {
    ...{ name: 's1', step: 's1', line: 6, params: {}, workspace: 's1', scheduled: false, dependsOn: [] },
    ...{ state: isFailed ? 'FAILED' : 'FINISHED', skipped: false, reason: isFailed ? 'exit 3' : '', tolerated: false },
    ...{ exitCode: isFailed ? 3 : 0, signal: null, restarts: 0, script: 's1/s1.sh', restartScript: null },
    ...{ stdout: 's1/s1.1.out', stderr: 's1/s1.1.err', stderrTail: stderr || null },
    ...{ submitted: time, started: time, ended: time, jobs: [] },
  };
  const study = {
    name: 'hello',
    path: '/p',
    spec: 'a.yaml',
    host: 'here',
    scheduler: 'local',
    started: time,
    ended: time,
  };
  return JSON.stringify({ schema: 1, status, study, steps: [step] });
}

async function finished(reports: Readonly<Record<string, string>>, inputs: Record<string, string> = {}) {
  const { github, job } = await commented('/study run');
  const { id } = github.addComment({ issue: 7, body: waiting });
  for (const [name, text] of Object.entries(reports)) {
    mkdirSync(path.join(job.workspace, 'reports', name), { recursive: true });
    writeFileSync(path.join(job.workspace, 'reports', name, 'report.json'), text);
  }
  job.with({ spec: '', answer: String(id), reports: 'reports/*/report.json', ...inputs });
  const ended = await job.run();
  expect(github.complaints).toEqual([]);
  return { ended, body: github.comments[0]!.body, asked: github.log, id };
}

describe('the answer to a command', () => {
  it('has the result in the place of what waits for it, and no second comment is made', async () => {
    const { ended, body, asked, id } = await finished({ study: report('FINISHED') });
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(body).toMatch(
      /^<!-- .* -->\nStudy <code>a<\/code>; asked for by ada\.\n\n<!-- .* -->\n## ✅ hello: FINISHED\n/,
    );
    expect(body).not.toContain('Running');
    expect(asked).toEqual([`GET /issues/comments/${id} 200`, `PATCH /issues/comments/${id} 200`]);
  });

  it('shows failures with the end of what they have written, harmless and within the limit', async () => {
    const { ended, body } = await finished({
      study: report('FAILURE', `${'<img src=x> @everyone </pre>é\n'.repeat(9000)}`),
    });
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(body).toContain('## ❌ hello: FAILURE');
    expect(body).toContain('<b>s1</b> exit 3');
    expect(body).not.toContain('<img');
    expect(Buffer.byteLength(body)).toBeLessThanOrEqual(65_536);
    expect(body.match(/<pre>/g)).toHaveLength(1);
    expect(body.match(/<\/pre>/g)).toHaveLength(1);
  });

  it('shows machines side by side, and those that have no report', async () => {
    const { body } = await finished(
      { quartz: report('FINISHED'), ruby: report('FAILURE', 'oops') },
      { expected: '["quartz", {"name": "ruby"}, "gone"]' },
    );
    for (const text of ['quartz', 'ruby', 'gone', 'oops', 'not run']) expect(body).toContain(text);
  });

  it.each([
    ['there is none', {}, {}],
    ['none can be read', { study: 'no JSON' }, {}],
    ['none of those expected is there', {}, { expected: 'quartz' }],
    ['none is asked for', { study: report('FINISHED') }, { reports: '' }],
  ] as const)('says that the study did not run to its end if there is no report: %s', async (_, reports, inputs) => {
    const { ended, body } = await finished(reports, inputs);
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(body).toContain('There is no report: the study did not start, or it was killed. [The run](https://');
  });

  it('is never another comment', async () => {
    const { github, job } = await commented('/study run');
    const { id } = github.addComment({ issue: 7, body: 'Hello' });
    const ended = await job.with({ spec: '', answer: String(id) }).run();
    expect(ended.code).toBe(1);
    expect(messagesOf(ended, 'error')).toEqual([`input 'answer': comment ${id} is not an answer to a command`]);
    expect(github.comments[0]!.body).toBe('Hello');
  });

  it.each([
    [{ reports: 'a' }, "input 'reports' is of no use without input 'answer', which is empty"],
    [{ answer: '1', machines: 'a' }, "input 'machines' is of no use with input 'answer': the comment was read before"],
    [{ answer: 'x' }, "input 'answer' must be the id of a comment: the output `answer`"],
  ])('needs inputs that fit together: %j', async (inputs, says) => {
    const { job } = await commented('/study run');
    const ended = await job.with({ ...inputs }).run();
    expect(ended.code).toBe(1);
    expect(messagesOf(ended, 'error')[0]).toContain(says);
  });
});

describe('the run that a comment asked for', () => {
  /** The job that runs the study: a checkout of a commit, and the inputs that the workflow gives. */
  async function checkedOut(commit: string) {
    const { github, job } = await commented('', { from: 'mallory/studies' });
    mkdirSync(path.join(job.workspace, '.git'));
    writeFileSync(path.join(job.workspace, '.git/HEAD'), `${commit}\n`);
    job.with({ command: 'run', 'allow-fork-pr': 'true', sha: head }).study(chain('echo hello'));
    startedBy(job, 'issue_comment', commentPayload('/study run'), 'c'.repeat(40));
    return { github, job };
  }

  it('is shown on the commit that was named, although the pull request has another head by now', async () => {
    const { github, job } = await checkedOut(head);
    github.pulls.set(7, { repository: 'mallory/studies', sha: 'd'.repeat(40) });
    expect(await job.run()).toMatchObject({ code: 0, stderr: '' });
    expect(onlyCheckRun(github)).toMatchObject({ head_sha: head, conclusion: 'success' });
  });

  it('is refused if another commit is checked out, which would be green or red for this one', async () => {
    const { github, job } = await checkedOut('e'.repeat(40));
    const ended = await job.run();
    expect(ended.code).toBe(1);
    expect(messagesOf(ended, 'error')).toEqual([expect.stringContaining(`but ${'e'.repeat(40)} is checked out`)]);
    expect(github.checkRuns).toEqual([]);
  });

  it('is refused if a branch is checked out that is at another commit', async () => {
    const { job } = await checkedOut('ref: refs/heads/main');
    mkdirSync(path.join(job.workspace, '.git/refs/heads'), { recursive: true });
    writeFileSync(path.join(job.workspace, '.git/refs/heads/main'), `${'e'.repeat(40)}\n`);
    expect(messagesOf(await job.run(), 'error')).toEqual([expect.stringContaining('is checked out')]);
  });
});
