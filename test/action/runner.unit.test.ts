import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { outputsOf, readRunner, setOutputs, writeSummary } from '../../src/action/runner.js';
import { blame } from '../../src/causes/cause.js';
import { ran, resultsOf } from '../support/results.js';
import { temporaryDirectory } from '../support/temporary.js';

const runner = {
  GITHUB_WORKSPACE: '/home/runner/work/repository/',
  GITHUB_REPOSITORY: 'octo/studies',
  GITHUB_RUN_ID: '4711',
  RUNNER_TEMP: '/home/runner/work/_temp',
};

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('what the runner says of the job', () => {
  it('is in the environment', () => {
    expect(readRunner(runner)).toEqual({
      workspace: '/home/runner/work/repository',
      repository: 'octo/studies',
      runId: '4711',
      runUrl: 'https://github.com/octo/studies/actions/runs/4711',
      apiUrl: 'https://api.github.com',
      serverUrl: 'https://github.com',
      sha: '',
      eventName: '',
      eventPath: '',
      temporary: '/home/runner/work/_temp',
    });
  });

  it('is of the server that it names', () => {
    const read = readRunner({
      ...runner,
      GITHUB_SERVER_URL: 'https://github.example.org/',
      GITHUB_API_URL: 'https://github.example.org/api/v3/',
    });
    expect(read.runUrl).toBe('https://github.example.org/octo/studies/actions/runs/4711');
    expect(read.apiUrl).toBe('https://github.example.org/api/v3');
    expect(read.serverUrl).toBe('https://github.example.org');
  });

  it('names the event and the commit', () => {
    const event = { GITHUB_SHA: 'a'.repeat(40), GITHUB_EVENT_NAME: 'push', GITHUB_EVENT_PATH: '/event.json' };
    expect(readRunner({ ...runner, ...event })).toMatchObject({
      sha: 'a'.repeat(40),
      eventName: 'push',
      eventPath: '/event.json',
    });
  });

  for (const name of Object.keys(runner)) {
    it(`must have ${name}`, () => {
      expect(() => readRunner({ ...runner, [name]: '' })).toThrow(`${name} is not set`);
      expect(() => readRunner({ ...runner, [name]: undefined })).toThrow(`${name} is not set`);
    });
  }
});

describe('the outputs', () => {
  it('count the steps that finished, those that ran and failed, and those that were skipped', () => {
    const file = path.join(temporaryDirectory(), 'output');
    writeFileSync(file, '');
    vi.stubEnv('GITHUB_OUTPUT', file);
    const results = resultsOf(
      [
        { name: 'a', record: ran(1) },
        { name: 'b', record: ran(1, { state: 'FAILED' }) },
        { name: 'c', record: ran(1, { state: 'TIMEDOUT' }) },
        { name: 'd', record: ran(1, { state: 'HWFAILURE' }) },
        { name: 'e', record: { state: 'FAILED', ended: 1 } },
        { name: 'f', record: { state: 'CANCELLED', ended: 1 } },
      ],
      { status: 'CANCELLED', path: '/p/a\nb', blame: blame('code') },
    );
    setOutputs(outputsOf(results, '/reports', undefined));
    const text = readFileSync(file, 'utf8').replace(/ghadelimiter_[-0-9a-f]+/g, 'END');
    expect(text).toBe(
      'status<<END\nCANCELLED\nEND\ncause<<END\ncode\nEND\nstudy-path<<END\n/p/a\nb\nEND\nflux-uri<<END\n\nEND\nsteps-total<<END\n6\nEND\n' +
        'steps-finished<<END\n1\nEND\nsteps-failed<<END\n3\nEND\nsteps-skipped<<END\n2\nEND\nreport-path<<END\n/reports\nEND\ncheck-run-url<<END\n\nEND\n',
    );
  });
});

describe('the job summary', () => {
  it('says why it cannot be written, and does not fail', async () => {
    const file = path.join(temporaryDirectory(), 'gone/summary');
    vi.stubEnv('GITHUB_STEP_SUMMARY', file);
    expect(await writeSummary('# Hello')).toMatch(/^the job summary cannot be written: /);
    expect(existsSync(file)).toBe(false);
  });
});
