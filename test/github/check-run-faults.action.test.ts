import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { StepState } from '../../src/study/state.js';
import { Checked, merged, resultsWith, specText } from '../support/check-runs.js';
import type { Fault, SeenRequest } from '../support/github-api.js';
import { until } from '../support/wait.js';

const forbidden = { status: 403, body: { message: 'Resource not accessible by integration' } };
const counts = () => new Map<StepState, number>([['FINISHED', 1]]);

/** Fails those requests that `is` is true of, or the first `times` of them. */
function failing(checked: Checked, fault: Fault, is: (request: SeenRequest) => boolean, times = Infinity): void {
  let left = times;
  checked.github.fault = (request) => (is(request) && left-- > 0 ? fault : undefined);
}
const any = () => true;
const patch = ({ method }: SeenRequest) => method === 'PATCH';
const post = ({ method }: SeenRequest) => method === 'POST';
const carrying = ({ body }: SeenRequest) => body?.output?.annotations !== undefined;

/** A study that is over at once: what became of its check run. */
async function run(checked: Checked, failures = 1, options: Parameters<Checked['start']>[0] = {}) {
  const check = await checked.start(options);
  const began = checked.clock.now();
  const delivery = await checked.finish(check.complete(resultsWith(failures)));
  return { check, delivery, took: checked.clock.now() - began };
}

describe('without a check run', () => {
  it('a study goes on if there is no token, and says which permission to add', async () => {
    const checked = await Checked.with();
    const { check, delivery } = await run(checked, 1, { token: '' });
    check.update(counts);
    expect(check.isWorking).toBe(false);
    expect(delivery).toEqual({ url: undefined, isDelivered: false });
    expect(checked.github.requests).toEqual([]);
    expect(checked.clock.pending).toBe(0);
    expect(checked.warnings).toEqual([
      "There is no check run: there is no token. To have one, give the job 'permissions: checks: write' and leave 'github-token' as it is. The job summary and the log have the results",
    ]);
  });

  it('a study goes on if its commit is not known', async () => {
    const checked = await Checked.with();
    const { delivery } = await run(checked, 1, { event: { sha: '', origin: { kind: 'own' } } });
    expect(delivery.isDelivered).toBe(false);
    expect(checked.warnings).toEqual([expect.stringContaining('the commit is not known')]);
  });

  for (const [what, fault, says] of [
    ['is forbidden', forbidden, "Add 'checks: write' to the job's 'permissions'"],
    ['is not found', { status: 404, body: { message: 'Not Found' } }, "Add 'checks: write'"],
    ['is wrong', { status: 422, body: { message: 'Validation Failed' } }, 'GitHub answered 422, Validation Failed'],
    ['has a bad token', { status: 401, body: { message: 'Bad credentials' } }, 'is not a token that GitHub accepts'],
  ] as const) {
    it(`a study goes on if that ${what}: it asks once, and warns once`, async () => {
      const checked = await Checked.with();
      failing(checked, fault, any);
      const { check, delivery } = await run(checked);
      check.update(counts);
      expect(check.isWorking).toBe(false);
      expect(delivery).toEqual({ url: undefined, isDelivered: false });
      expect(checked.github.requests).toHaveLength(1);
      expect(checked.warnings).toEqual([expect.stringContaining(says)]);
    });
  }

  it("a fork's study goes on: its token may only read, and no permission changes that", async () => {
    const checked = await Checked.with();
    failing(checked, forbidden, post);
    const origin = { kind: 'fork', repository: 'mallory/studies' } as const;
    await run(checked, 1, { event: { sha: merged, origin } });
    expect(checked.warnings).toEqual([expect.stringContaining("token of a fork's pull request may only read")]);
    expect(checked.warnings[0]).not.toContain('Add ');
  });

  it('a study goes on if GitHub is not there: its end is held up for a minute at most', async () => {
    for (const fault of [{ status: 503 }, { status: 200, body: '<html>Sign in</html>' }, { instead: 'cut' }] as const) {
      const checked = await Checked.with();
      failing(checked, fault, any);
      const { delivery, took } = await run(checked);
      expect(delivery).toEqual({ url: undefined, isDelivered: false });
      expect(checked.github.requests.length).toBeGreaterThan(3);
      expect(took).toBeLessThanOrEqual(60_000);
      expect(checked.warnings).toHaveLength(1);
    }
  });

  it('a study goes on if nothing listens where GitHub is to be', async () => {
    const checked = await Checked.with();
    const gone = createServer();
    await new Promise<void>((resolve) => gone.listen(0, '127.0.0.1', resolve));
    const { port } = gone.address() as AddressInfo;
    await new Promise((resolve) => gone.close(resolve));
    const runner = { apiUrl: `http://127.0.0.1:${port}`, repository: 'octo/studies', runUrl: '', sha: '' };
    await run(checked, 1, { runner });
    expect(checked.warnings).toEqual([
      expect.stringMatching(/^There is no check run: GitHub's API cannot be reached: .*ECONNREFUSED/),
    ]);
  });

  it('a study goes on if GitHub does not answer', async () => {
    const checked = await Checked.with();
    failing(checked, { instead: 'silence' }, any);
    const { delivery } = await run(checked, 1, { patience: 20 });
    expect(delivery.isDelivered).toBe(false);
    expect(checked.warnings).toEqual([expect.stringContaining('cannot be reached')]);
  });

  it('a warning is one line, without the token, whatever GitHub says', async () => {
    const checked = await Checked.with();
    const { token } = checked.github;
    failing(checked, { status: 422, body: { message: `no\n::error::\u001b[31m${'x'.repeat(10_000)}` } }, any);
    await run(checked);
    expect(checked.warnings[0]).not.toMatch(/[\n\u001b]/);
    expect(checked.warnings[0]!.length).toBeLessThan(1000);
    const odd = await Checked.with();
    const runner = { apiUrl: `http://${token}.invalid:1`, repository: 'octo/studies', runUrl: '', sha: '' };
    await run(odd, 1, { runner, patience: 1000 });
    expect(odd.warnings[0]).not.toContain(token);
  });
});

describe('a check run that GitHub makes trouble about', () => {
  it('is made later if it cannot be made at the beginning', async () => {
    const checked = await Checked.with();
    failing(checked, { status: 502 }, any);
    const check = await checked.start();
    expect(check.isWorking).toBe(false);
    expect(checked.warnings).toEqual([]);
    checked.github.fault = () => undefined;
    check.update(counts);
    checked.clock.runOut();
    await until('it is there', () => check.isWorking);
    expect(checked.github.checkRuns[0]).toMatchObject({ status: 'in_progress', title: '1 of 1 finished' });
    expect((await checked.finish(check.complete(resultsWith(1)))).isDelivered).toBe(true);
    expect(checked.warnings).toEqual([]);
    checked.expectNoComplaints();
  });

  it('is made at the end at the latest', async () => {
    const checked = await Checked.with();
    failing(checked, { status: 502 }, any);
    const check = await checked.start();
    checked.github.fault = () => undefined;
    const delivery = await checked.finish(check.complete(resultsWith(1)));
    expect(delivery).toMatchObject({ url: expect.stringContaining('/runs/'), isDelivered: true });
    expect(checked.github.checkRuns[0]).toMatchObject({ conclusion: 'failure' });
    checked.expectNoComplaints();
  });

  it('is not lost by updates that fail', async () => {
    const checked = await Checked.with();
    const check = await checked.start();
    failing(checked, { status: 500 }, patch);
    check.update(counts);
    checked.clock.runOut();
    await until('an update was tried', () => checked.github.requests.some(patch));
    const completed = check.complete(resultsWith(1));
    checked.github.fault = () => undefined;
    expect((await checked.finish(completed)).isDelivered).toBe(true);
    expect(checked.warnings).toEqual([]);
  });

  it('is made once, though the answer to that was lost', async () => {
    for (const fault of [{ instead: 'cut' }, { status: 504, body: '' }] as const) {
      const checked = await Checked.with();
      failing(checked, { ...fault, thenWork: true }, post, 1);
      const check = await checked.start();
      expect(check.isWorking).toBe(true);
      expect(checked.github.checkRuns).toHaveLength(1);
      checked.expectNoComplaints();
    }
  });

  it('has each annotation once, though the answer to some was lost', async () => {
    for (const thenWork of [true, false]) {
      const checked = await Checked.with();
      failing(checked, { status: 502, thenWork }, carrying, 2);
      const { delivery } = await run(checked, 90);
      const { annotations } = checked.github.checkRuns[0]!;
      expect(annotations).toHaveLength(90);
      expect(new Set(annotations.map(({ title }) => title)).size).toBe(90);
      expect(delivery.isDelivered).toBe(true);
      checked.expectNoComplaints();
    }
  });

  it('has its conclusion though GitHub does not take the annotations', async () => {
    const checked = await Checked.with();
    failing(checked, { status: 422, body: { message: 'Validation Failed' } }, carrying);
    const { delivery } = await run(checked, 3);
    expect(delivery).toMatchObject({ url: expect.any(String), isDelivered: false });
    expect(checked.github.checkRuns[0]).toMatchObject({ status: 'completed', conclusion: 'failure', annotations: [] });
    expect(checked.warnings).toEqual([expect.stringContaining('The check run cannot be kept up to date')]);
  });

  it('has its conclusion though only some of the annotations come through', async () => {
    const checked = await Checked.with();
    let sent = 0;
    checked.github.fault = (request) => (carrying(request) && ++sent > 1 ? forbidden : undefined);
    const { delivery, check } = await run(checked, 90);
    expect(delivery.isDelivered).toBe(false);
    expect(check.isWorking).toBe(false);
    expect(checked.github.checkRuns[0]).toMatchObject({ conclusion: 'failure' });
    expect(checked.github.checkRuns[0]!.annotations).toHaveLength(50);
  });

  it('is given up when the token has expired, in the middle or at the end', async () => {
    for (const inTheMiddle of [true, false]) {
      const checked = await Checked.with();
      const check = await checked.start();
      failing(checked, { status: 401, body: { message: 'Bad credentials' } }, any);
      if (inTheMiddle) {
        check.update(counts);
        checked.clock.runOut();
        await until('it is given up', () => !check.isWorking);
        check.update(counts);
        expect(checked.clock.pending).toBe(0);
      }
      const delivery = await checked.finish(check.complete(resultsWith(1)));
      expect(delivery).toMatchObject({ url: expect.any(String), isDelivered: false });
      expect(checked.github.requests.filter(patch)).toHaveLength(1);
      expect(checked.warnings).toEqual([expect.stringContaining('The token has expired')]);
      expect(checked.warnings[0]).toContain('timeout-minutes');
    }
  });

  it('does not ask for lines longer than it may', async () => {
    for (const [fault, line, isDelivered] of [
      [{ status: 403 }, 1, true],
      [{ status: 503 }, 1, true],
      [{ status: 404 }, undefined, false],
    ] as const) {
      const checked = await Checked.with();
      failing(checked, fault, ({ path }) => path.includes('/contents/'));
      const runner = { apiUrl: checked.github.url, repository: 'octo/studies', runUrl: '', sha: merged };
      const { delivery, took } = await run(checked, 1, { runner });
      expect(checked.github.checkRuns[0]!.annotations.map(({ start_line }) => start_line)).toEqual(line ? [line] : []);
      expect(delivery.isDelivered).toBe(isDelivered);
      expect(took).toBeLessThanOrEqual(15_000);
      checked.expectNoComplaints();
    }
  });
});

describe('a rate limit', () => {
  const inSeconds = (checked: Checked, seconds: number) => String(Math.ceil(checked.clock.now() / 1000) + seconds);
  const message = { message: 'You have exceeded a secondary rate limit. Please wait.' };

  for (const [how, status, headers] of [
    ['how many seconds', 429, () => ({ 'retry-after': '7' })],
    ['how many seconds, as something forbidden', 403, () => ({ 'retry-after': '7' })],
    [
      'when it ends',
      403,
      (checked: Checked) => ({ 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': inSeconds(checked, 7) }),
    ],
  ] as const) {
    it(`is waited for if it says ${how}`, async () => {
      const checked = await Checked.with();
      const check = await checked.start();
      // In whatever words.
      failing(checked, { status, headers: headers(checked), body: { message: 'Slow down' } }, patch, 1);
      const began = checked.clock.now();
      expect((await checked.finish(check.complete(resultsWith(1)))).isDelivered).toBe(true);
      expect(checked.clock.now() - began).toBeGreaterThanOrEqual(7000);
      expect(checked.clock.now() - began).toBeLessThan(10_000);
      expect(checked.warnings).toEqual([]);
      checked.expectNoComplaints();
    });
  }

  for (const [how, status, headers] of [
    ['in an hour', 429, { 'retry-after': '3600' }],
    ['in an hour, by its clock', 403, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '99999999999' }],
    ['it does not say when', 403, {}],
  ] as const) {
    it(`is not waited for if it ends too late: ${how}`, async () => {
      const checked = await Checked.with();
      const check = await checked.start();
      failing(checked, { status, headers, body: message }, patch);
      const began = checked.clock.now();
      expect((await checked.finish(check.complete(resultsWith(1)))).isDelivered).toBe(false);
      expect(checked.clock.now()).toBe(began);
      expect(checked.github.requests.filter(patch)).toHaveLength(1);
      expect(checked.warnings).toEqual([expect.stringContaining('share its hourly limit of requests')]);
    });
  }

  it('is kept away from: updates become rare when little is left', async () => {
    const checked = await Checked.with();
    const reset = Math.ceil(checked.clock.now() / 1000) + 1800;
    checked.github.quota = { limit: 1000, remaining: 50, reset };
    const check = await checked.start();
    check.update(counts);
    checked.clock.advance(1_700_000);
    expect(checked.github.requests.filter(patch)).toHaveLength(0);
    checked.clock.advance(101_000);
    await until('the update comes', () => checked.github.requests.some(patch));
  });
});

describe('the spec that a check run is about', () => {
  it('is asked for only if there is something to say of it, on another commit', async () => {
    const contents = ({ github }: Checked) => github.requests.filter(({ path }) => path.includes('/contents/')).length;
    const fine = await Checked.with();
    const runner = { apiUrl: fine.github.url, repository: 'octo/studies', runUrl: '', sha: merged };
    await run(fine, 0, { runner });
    expect(contents(fine)).toBe(0);
    fine.github.files.set('a dir/ü#?.yaml', specText);
    await run(fine, 1, {
      runner,
      spec: { path: 'a dir/ü#?.yaml', shown: 'specs/hello.yaml', text: specText },
      key: 'k',
    });
    expect(contents(fine)).toBe(1);
    expect(fine.github.checkRuns.at(-1)!.annotations).toMatchObject([{ path: 'a dir/ü#?.yaml', start_line: 6 }]);
    fine.expectNoComplaints();
  });
});
