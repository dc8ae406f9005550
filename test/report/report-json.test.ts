import { describe, expect, it } from 'vitest';
import { blame } from '../../src/causes/cause.js';
import { reportJson } from '../../src/report/report-json.js';
import { badNight, explained, ran, resultsOf, start } from '../support/results.js';

describe('report.json', () => {
  it('is what its contract says, in that order', () => {
    const given = resultsOf(
      [
        {
          name: 'make',
          line: 12,
          record: ran(1500, { exitCode: 0 }),
          outputs: { stdout: 'make/make.17.out', stderr: 'make/make.17.err' },
        },
        {
          name: 'run_SIZE.10',
          step: 'run',
          line: 31,
          workspace: 'run/SIZE.10',
          params: { SIZE: '10' },
          after: ['make'],
          scheduled: true,
          restart: true,
          record: {
            state: 'FAILED',
            reason: 'exit 3',
            exitCode: 3,
            restarts: 1,
            tolerated: true,
            submitted: start + 1500,
            started: start + 2000,
            ended: start + 9000,
            jobs: [
              {
                attempt: 1,
                script: 'main',
                id: 'ƒ3x',
                place: 'local:///run/flux/local',
                isDoubtful: false,
                submitted: start + 1500,
                started: start + 2000,
                ended: start + 5000,
                result: 'timeout',
                nodes: ['n1'],
              },
              {
                attempt: 2,
                script: 'restart',
                id: '',
                place: '',
                isDoubtful: false,
                submitted: start + 5000,
                started: null,
                ended: start + 9000,
                result: 'node-failure',
                blame: blame('node'),
                nodes: ['n3', 'n4'],
                excluded: ['n1'],
              },
            ],
          },
        },
      ],
      { status: 'FAILURE', scheduler: 'flux', fluxUri: 'local:///run/flux/local', ended: start + 10_000 },
    );
    const steps = given.steps.map((step, i) => (i === 1 ? { ...step, blame: blame('node'), nodeHours: 4 } : step));
    const text = reportJson({ ...given, steps, blame: null, nodeHours: 4 });
    expect(text).toBe(`${JSON.stringify(JSON.parse(text), null, 1)}\n`);
    const expected = {
      schema: 1,
      status: 'FAILURE',
      run: null,
      study: {
        name: 'hello',
        description: 'A test.',
        path: '/p/studies/hello_1',
        spec: 'specs/hello.yaml',
        host: 'this machine',
        scheduler: 'flux',
        fluxUri: 'local:///run/flux/local',
        interruption: '',
        cause: null,
        infrastructure: false,
        pattern: '',
        suspects: [],
        flaky: [],
        nodeHours: 4,
        allocation: null,
        started: '2026-01-31T22:59:58.125Z',
        ended: '2026-01-31T23:00:08.125Z',
      },
      steps: [
        {
          name: 'make',
          step: 'make',
          line: 12,
          params: {},
          workspace: 'make',
          scheduled: false,
          dependsOn: [],
          state: 'FINISHED',
          skipped: false,
          reason: '',
          tolerated: false,
          exitCode: 0,
          signal: null,
          cause: null,
          infrastructure: false,
          nodes: null,
          attempts: 1,
          nodeHours: null,
          restarts: 0,
          jobs: [
            {
              id: '17',
              submitted: '2026-01-31T22:59:58.125Z',
              started: '2026-01-31T22:59:58.125Z',
              ended: '2026-01-31T22:59:59.625Z',
              result: 'completed',
              nodes: null,
              excluded: [],
              cause: null,
              infrastructure: false,
            },
          ],
          script: 'make/make.sh',
          restartScript: null,
          stdout: 'make/make.17.out',
          stderr: 'make/make.17.err',
          stderrTail: null,
          stdoutTail: null,
          submitted: '2026-01-31T22:59:58.125Z',
          started: '2026-01-31T22:59:58.125Z',
          ended: '2026-01-31T22:59:59.625Z',
        },
        {
          name: 'run_SIZE.10',
          step: 'run',
          line: 31,
          params: { SIZE: '10' },
          workspace: 'run/SIZE.10',
          scheduled: true,
          dependsOn: ['make'],
          state: 'FAILED',
          skipped: false,
          reason: 'exit 3 (allowed to fail)',
          tolerated: true,
          exitCode: 3,
          signal: null,
          cause: 'node',
          infrastructure: true,
          nodes: ['n3', 'n4'],
          attempts: 2,
          nodeHours: 4,
          restarts: 1,
          jobs: [
            {
              id: 'ƒ3x',
              submitted: '2026-01-31T22:59:59.625Z',
              started: '2026-01-31T23:00:00.125Z',
              ended: '2026-01-31T23:00:03.125Z',
              result: 'timeout',
              nodes: ['n1'],
              excluded: [],
              cause: 'timeout',
              infrastructure: false,
            },
            {
              id: '',
              submitted: '2026-01-31T23:00:03.125Z',
              started: null,
              ended: '2026-01-31T23:00:07.125Z',
              result: 'node-failure',
              nodes: ['n3', 'n4'],
              excluded: ['n1'],
              cause: 'node',
              infrastructure: true,
            },
          ],
          script: 'run/SIZE.10/run_SIZE.10.sh',
          restartScript: 'run/SIZE.10/run_SIZE.10.restart.sh',
          stdout: null,
          stderr: null,
          stderrTail: null,
          stdoutTail: null,
          submitted: '2026-01-31T22:59:59.625Z',
          started: '2026-01-31T23:00:00.125Z',
          ended: '2026-01-31T23:00:07.125Z',
        },
      ],
      metrics: [],
      history: null,
    };
    expect(JSON.parse(text)).toEqual(expected);
    // The order of keys is part of what people see.
    expect(text).toBe(`${JSON.stringify(expected, null, 1)}\n`);
  });

  it('has what the steps say together, and the run on GitHub', () => {
    const run = {
      ...{ repository: 'octo/studies', commit: 'c0ffee', ref: 'refs/heads/main', event: 'schedule' },
      ...{ workflow: 'nightly.yml', job: 'study', url: 'https://github.com/octo/studies/actions/runs/1', attempt: 2 },
    };
    const report = JSON.parse(reportJson(explained(resultsOf(badNight, { status: 'FAILURE', run }))));
    expect(report.run).toEqual(run);
    expect(report.study).toMatchObject({
      cause: 'node',
      infrastructure: true,
      suspects: [{ node: 'n7', failed: ['run_A.4', 'run_A.5', 'post_A.2'], steps: ['run', 'post'] }],
      flaky: [
        {
          name: 'run_A.5',
          passedAt: 2,
          failures: [{ attempt: 1, nodes: ['n7'], cause: 'node', infrastructure: true }],
        },
        { name: 'post_A.3', passedAt: 2, failures: [{ attempt: 1, nodes: ['n3'], cause: 'preempted' }] },
      ],
      nodeHours: 11,
    });
  });

  it("keeps Maestro's word for a step that did not run, and says that it was skipped", () => {
    const steps = [
      { name: 'post', record: { state: 'FAILED', reason: 'dependency make failed', ended: start } },
      { name: 'last', record: { state: 'CANCELLED', ended: start } },
      { name: 'open' },
    ] as const;
    const found = JSON.parse(reportJson(resultsOf(steps))).steps as { state: string; skipped: boolean }[];
    expect(found.map(({ state, skipped }) => [state, skipped])).toEqual([
      ['FAILED', true],
      ['CANCELLED', true],
      ['INITIALIZED', false],
    ]);
  });

  it('of a study without steps has none', () => {
    expect(JSON.parse(reportJson(resultsOf([])))).toMatchObject({ schema: 1, steps: [], study: { fluxUri: null } });
  });
});
