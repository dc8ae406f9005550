import { describe, expect, it } from 'vitest';
import { Job } from '../support/bundle.js';
import { type Fault, GitHubServer, type SeenRequest, type StoredCheckRun } from '../support/github-api.js';
import {
  chain,
  commandsOf,
  forPullRequest,
  messagesOf,
  onLines,
  onlyCheckRun,
  reportingTo,
} from '../support/reported.js';

/** Independent steps that fail, as many as are wanted: more than GitHub shows annotations for. */
const failing = (count: number) => `description:
  name: hello
  description: A test.

study:
  - name: run
    description: Fails.
    run:
      cmd: |
        echo "no input $(SIZE)" >&2
        exit 3

global.parameters:
  SIZE:
    values: [${Array.from({ length: count }, (_, i) => i + 1)}]
    label: SIZE.%%
`;

const isWrite = ({ method }: SeenRequest) => method !== 'GET';

/** What it is, what is wrong, and what the one warning says. */
const troubles: readonly (readonly [
  what: string,
  arrange: (github: GitHubServer, job: Job) => void,
  says: string[],
])[] = [
  ['no token', (_, job) => job.with({ 'github-token': '' }), ['no token', 'checks: write']],
  ['a token that is none', (_, job) => job.with({ 'github-token': 'ghs_other' }), ['401', "'github-token'"]],
  [
    'a token without the permission',
    faulty((request) => (isWrite(request) ? { status: 403, body: notAccessible } : undefined)),
    ['403', 'checks: write'],
  ],
  ['a token that may not even look', faulty(() => ({ status: 403, body: notAccessible })), ['403', 'checks: write']],
  ['a repository that is not found', faulty(() => ({ status: 404, body: { message: 'Not Found' } })), ['404']],
  [
    'no requests left',
    faulty(() => ({ status: 429, headers: { 'retry-after': '3600' } })),
    ['429', 'hourly limit of requests'],
  ],
  [
    'no requests left, said otherwise',
    faulty(() => ({
      status: 403,
      headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-limit': '1000', 'x-ratelimit-reset': '9999999999' },
    })),
    ['403', 'hourly limit of requests'],
  ],
  ['an answer that is none', faulty(() => ({ status: 200, body: [] })), ['answer']],
  ['a request that is refused', faulty((r) => (isWrite(r) ? { status: 422 } : undefined)), ['422']],
];

const notAccessible = { message: 'Resource not accessible by integration' };

function faulty(fault: (request: SeenRequest) => Fault | undefined) {
  return (github: GitHubServer) => {
    github.fault = fault;
  };
}

describe('a study whose results GitHub does not take', () => {
  for (const [what, arrange, says] of troubles) {
    it(`(${what}) has workflow commands, one warning, and its own exit status`, async () => {
      const github = await GitHubServer.start();
      const job = reportingTo(github, new Job().study(failing(12)));
      arrange(github, job);
      const ended = await job.run();
      expect(ended).toMatchObject({ code: 2, stderr: '' });
      const warnings = messagesOf(ended, 'warning');
      expect(warnings).toHaveLength(1);
      for (const words of says) expect(warnings[0]).toContain(words);
      const annotations = onLines(ended);
      // GitHub shows ten, and the last is for the outcome.
      expect(annotations).toHaveLength(9);
      expect(annotations[0]).toEqual({
        name: 'error',
        properties: { file: 'study.yaml', line: '6', title: 'run_SIZE.1 FAILED: exit 3' },
        message: expect.stringContaining('no input 1'),
      });
      expect(messagesOf(ended, 'error').at(-1)).toMatch(/^Study hello FAILURE/);
      expect(job.outputs).toMatchObject({ status: 'FAILURE', 'check-run-url': '' });
      expect(job.summary).toContain('no input 12');
      expect(job.report.status).toBe('FAILURE');
      expect(await job.post()).toEqual({ code: 0, stdout: '', stderr: '' });
    });

    it(`(${what}) finishes all the same if it did`, async () => {
      const github = await GitHubServer.start();
      const job = reportingTo(github, new Job().study(chain('true')));
      arrange(github, job);
      const ended = await job.run();
      expect([ended.code, ended.stderr, commandsOf(ended).length]).toEqual([0, '', 1]);
      expect(job.outputs.status).toBe('FINISHED');
    });
  }

  it("(a fork's token may only read) says that no permission helps", async () => {
    const github = await GitHubServer.start();
    github.fault = (request) => (isWrite(request) ? { status: 403, body: notAccessible } : undefined);
    const spec = chain('exit 3');
    const job = forPullRequest(github, new Job().study(spec), spec, 'mallory/studies').with({
      'allow-fork-pr': 'true',
    });
    const ended = await job.run();
    expect(ended.code).toBe(2);
    expect(messagesOf(ended, 'warning')).toEqual([expect.stringContaining("fork's pull request may only read")]);
    expect(onLines(ended)).toHaveLength(1);
  });

  for (const [when, hasExpired, left] of [
    ['while it ran', (run) => run !== undefined, ['in_progress', null]],
    // How it ended is said first of all.
    ['in the middle of the end', (run) => run?.status === 'completed', ['completed', 'failure']],
  ] as const satisfies readonly (readonly [
    string,
    (run: StoredCheckRun | undefined) => boolean,
    readonly (string | null)[],
  ])[]) {
    it(`(the token expired ${when}) says that, and has what is missing as workflow commands`, async () => {
      const github = await GitHubServer.start();
      github.fault = () =>
        hasExpired(github.checkRuns[0]) ? { status: 401, body: { message: 'Bad credentials' } } : undefined;
      const job = reportingTo(github, new Job().study(failing(60))).with({ 'local-jobs': '8' });
      const ended = await job.run();
      expect(ended.code).toBe(2);
      expect(messagesOf(ended, 'warning')).toEqual([expect.stringContaining('expired')]);
      expect(onLines(ended)).toHaveLength(9);
      const run = onlyCheckRun(github);
      expect([run.status, run.conclusion]).toEqual(left);
      expect(job.outputs['check-run-url']).toMatch(new RegExp(`/runs/${run.id}$`));
    });
  }

  it('(a spec with errors) has those as workflow commands', async () => {
    const github = await GitHubServer.start();
    github.fault = () => ({ status: 403, body: notAccessible });
    const job = reportingTo(github, new Job().study(chain('true').replace('cmd:', 'comd:')));
    const ended = await job.run();
    expect(ended.code).toBe(1);
    expect(messagesOf(ended, 'warning')).toEqual([expect.stringContaining('checks: write')]);
    expect(onLines(ended).length).toBeGreaterThan(0);
    expect(job.summary).toContain('comd');
  });

  it('(not at first) has its check run at the end, and its page in the outputs', async () => {
    const github = await GitHubServer.start();
    github.fault = () =>
      github.requests.length === 1 ? { status: 429, headers: { 'retry-after': '3600' } } : undefined;
    const job = reportingTo(github, new Job().study(chain('exit 3')));
    const ended = await job.run();
    expect([ended.code, commandsOf(ended).length]).toEqual([2, 1]);
    const run = onlyCheckRun(github);
    expect(run).toMatchObject({ conclusion: 'failure', annotations: [{ start_line: 6 }] });
    expect(job.outputs).toMatchObject({
      status: 'FAILURE',
      'check-run-url': expect.stringMatching(`/runs/${run.id}$`),
    });
  });

  it('(only for a moment) has its check run, with each failure once', async () => {
    const github = await GitHubServer.start();
    const seen = new Map<string, number>();
    // Each kind of request fails once: before it is carried out, after it, with a limit that soon ends, or by a cut.
    const faults: Record<string, Fault> = {
      'GET /repos/{owner}/{repo}/commits/{ref}/check-runs': { status: 429, headers: { 'retry-after': '1' } },
      'POST /repos/{owner}/{repo}/check-runs': { status: 502, body: '<html>Bad gateway</html>', thenWork: true },
      'GET /repos/{owner}/{repo}/contents/{path}': { status: 503 },
      'PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}': { instead: 'cut', thenWork: true },
    };
    github.fault = ({ method, route }) => {
      const key = `${method} ${route}`;
      seen.set(key, (seen.get(key) ?? 0) + 1);
      return seen.get(key) === 1 ? faults[key] : undefined;
    };
    const spec = failing(60);
    const job = forPullRequest(github, new Job().study(spec), spec).with({ 'local-jobs': '8' });
    const ended = await job.run();
    expect(ended.code).toBe(2);
    expect([...seen.keys()].filter((key) => key in faults)).toHaveLength(4);
    const run = onlyCheckRun(github);
    expect(run.conclusion).toBe('failure');
    expect(new Set(run.annotations.map(({ title }) => title)).size).toBe(60);
    expect(run.annotations).toHaveLength(60);
    expect(commandsOf(ended)).toHaveLength(1);
  });
});
