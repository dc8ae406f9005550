import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { groupBy } from '../../src/util/group-by.js';
import { type Ended, Job, startBundle } from '../support/bundle.js';
import { DetachedByAction } from '../support/detached.js';
import { lastLines } from '../support/figures-of-merit.js';
import { GitHubServer } from '../support/github-api.js';
import { plainEnvironment } from '../support/hosts.js';
import { yamlOf } from '../support/plan.js';
import { messagesOf, onlyCheckRun, pullRequest, reportingTo, startedBy } from '../support/reported.js';
import { temporaryDirectory } from '../support/temporary.js';
import { validReport } from '../support/valid-report.js';

const root = path.resolve(import.meta.dirname, '../..');

/** A study whose instances print how long they took; the one of size 20 takes longer than it should. */
const study = yamlOf({
  name: 'timed',
  steps: [{ name: 'run', cmd: 'echo "time = $(SIZE).$(TENTH) s"' }],
  parameters: { SIZE: [10, 20], TENTH: [1, 9] },
});
const metrics = `time:
  steps: run
  pattern: 'time = (.*)'
  unit: s
  better: lower
  reference: {SIZE=10: 10, SIZE=20: 19}
`;

class CommandLine {
  readonly directory = temporaryDirectory();

  constructor() {
    this.write('study.yaml', study);
    this.write('metrics.yaml', metrics);
  }

  write(name: string, text: string): void {
    mkdirSync(path.dirname(path.join(this.directory, name)), { recursive: true });
    writeFileSync(path.join(this.directory, name), text);
  }

  run(...args: readonly string[]): Promise<Ended> {
    const env = { ...plainEnvironment, HOME: this.directory };
    return startBundle(args, { cwd: this.directory, env }).ended;
  }

  report(name: string): string {
    return readFileSync(path.join(this.directory, 'study/.conductor/report', name), 'utf8');
  }
}

const withMetrics = ['run', 'study.yaml', '--output-path', 'study', '--metrics', 'metrics.yaml'];

describe('metrics', () => {
  it('fail a study whose steps are all FINISHED, and are among its reports', async () => {
    const line = new CommandLine();
    const { code, stdout, stderr } = await line.run(...withMetrics);
    expect(code).toBe(2);
    expect(stdout + stderr).toContain('time of run_SIZE.20.TENTH.9 is 20.9 s');
    expect(stdout + stderr).toContain('10 % above the reference 19 (at most 19.95)');
    expect(stdout).not.toContain('To run only what has not finished');
    const report = validReport(line.report('report.json'));
    expect(report.status).toBe('FAILURE');
    expect(new Set(report.steps.map(({ state }: { state: string }) => state))).toEqual(new Set(['FINISHED']));
    expect(report.metrics).toMatchObject([
      { instance: 'run_SIZE.10.TENTH.1', value: 10.1, verdict: 'ok', line: 'time = 10.1 s' },
      { instance: 'run_SIZE.20.TENTH.9', value: 20.9, verdict: 'worse', line: 'time = 20.9 s', reference: 19 },
    ]);
    expect(line.report('metrics.csv')).toBe(
      'instance,step,SIZE,TENTH,time\nrun_SIZE.10.TENTH.1,run,10,1,10.1\nrun_SIZE.20.TENTH.9,run,20,9,20.9\n',
    );
    expect(JSON.parse(line.report('benchmark-smaller.json'))).toHaveLength(2);
    expect(existsSync(path.join(line.directory, 'study/.conductor/report/benchmark-bigger.json'))).toBe(false);
    expect(line.report('summary.md')).toMatch(/### Metrics\n\nCompared with no earlier run\. 1 value is as expected/);
    const junit = line.report('junit.xml');
    expect(junit).toContain('<property name="metric.time" value="20.9 s"/>');
    expect(junit).toContain('failures="1"');
  });

  it('are read again by those who report, collect or resume the study, from what is kept in it', async () => {
    const line = new CommandLine();
    await line.run(...withMetrics);
    const first = line.report('metrics.csv');
    for (const args of [
      ['report', 'study'],
      ['resume', 'study'],
    ]) {
      const { code } = await line.run(...args);
      expect([args[0], code]).toEqual([args[0], 2]);
      expect(line.report('metrics.csv')).toBe(first);
    }
  });

  it('fail the study also for those who look at it, cancel it or change its limits later', async () => {
    const line = new CommandLine();
    await line.run(...withMetrics);
    await line.run('update', 'study', '--throttle', '3');
    await line.run('cancel', 'study');
    for (const verb of ['status', 'watch']) {
      const { code, stdout } = await line.run(verb, 'study');
      expect([verb, code]).toEqual([verb, 2]);
      expect(stdout).toMatch(/FAILURE.*2 finished.*\(1 metric failed\)/);
    }
    const { stdout } = await line.run('list', '.', '--json');
    expect(JSON.parse(stdout)).toMatchObject([{ name: 'timed', status: 'FAILURE' }]);
    // Another reference makes it good.
    line.write('metrics.yaml', metrics.replace('SIZE=20: 19', 'SIZE=20: 21'));
    expect(await line.run(...withMetrics)).toMatchObject({ code: 0 });
    expect(await line.run('status', 'study')).toMatchObject({ code: 0, stdout: expect.stringContaining('FINISHED') });
  });

  it('that are wrong, or of no step, are told with their place before anything is run', async () => {
    const line = new CommandLine();
    line.write('metrics.yaml', metrics.replace('steps: run', 'steps: rum'));
    const place = "metrics.yaml:2:10: no step matches 'steps' of metric 'time' (did you mean 'run'?)";
    for (const verb of ['validate', 'run']) {
      const { code, stderr } = await line.run(verb, 'study.yaml', '--metrics', 'metrics.yaml');
      expect([verb, code, stderr]).toEqual([verb, 1, expect.stringContaining(place)]);
    }
    line.write('metrics.yaml', 'time: {pattern: "("}\n');
    const wrong = await line.run('validate', 'study.yaml', '--metrics', 'metrics.yaml', '--throttle', 'x');
    expect(wrong.stderr).toContain('--throttle must be a whole number');
    expect(wrong.stderr).toContain("metrics.yaml:1:17: 'pattern' of metric 'time' is not a valid regular expression");
    expect(readdirSync(line.directory).sort()).toEqual(['metrics.yaml', 'study.yaml']);
  });

  it('have an annotation on the line of their step, for each that is worse', async () => {
    const github = await GitHubServer.start();
    const job = reportingTo(github, new Job().study(study)).with({ metrics });
    github.files.set('study.yaml', study);
    const ended = await job.run();
    expect(ended.code).toBe(2);
    const run = onlyCheckRun(github);
    expect(run.conclusion).toBe('failure');
    expect(run.annotations).toMatchObject([
      {
        path: 'study.yaml',
        annotation_level: 'failure',
        title: 'time of run_SIZE.20.TENTH.9 is 20.9 s',
        message: '10 % above the reference 19 (at most 19.95)\ntime = 20.9 s',
      },
    ]);
    expect(job.outputs.status).toBe('FAILURE');
    expect(job.outputs['steps-finished']).toBe('2');
  });
});

describe('metrics of a detached study', () => {
  it('are judged by the run that collects it, and its record is written then, once', async () => {
    const github = await GitHubServer.start();
    const figures = "said: {pattern: '(\\d)', better: lower, reference: {N=2: 1}}";
    const pushed = { GITHUB_EVENT_NAME: 'push', GITHUB_REF: 'refs/heads/main' };
    const detached = await DetachedByAction.start(github, { metrics: figures, history: 'auto' }, pushed);
    await detached.finish();
    const history = path.join(detached.job.home, 'maestro-studies/.maestro-history');
    expect(existsSync(history)).toBe(false);
    const collector = detached.collector();
    const { code } = await collector.run();
    expect(code).toBe(2);
    const [directory] = readdirSync(history);
    expect(readdirSync(path.join(history, directory!))).toHaveLength(1);
    expect(messagesOf(await detached.collector().run(), 'error')).toEqual([]);
    expect(readdirSync(path.join(history, directory!))).toHaveLength(1);
  });
});

describe('a history', () => {
  const nightly = (job: Job, night: number) => {
    Object.assign(job.environment, {
      GITHUB_RUN_ID: `${4711 + night}`,
      GITHUB_EVENT_NAME: 'schedule',
      GITHUB_REF: 'refs/heads/main',
      GITHUB_SHA: `${night}`.padStart(40, 'a'),
      GITHUB_WORKFLOW_REF: 'octo/studies/.github/workflows/nightly.yml@refs/heads/main',
    });
    return job.with({ history: 'auto' });
  };

  it('of nights is kept on the host, and a pull request is compared with it and adds nothing', async () => {
    const timed = yamlOf({ name: 'timed', steps: [{ name: 'run', cmd: 'echo "time = 1.$(cat ~/tenth) s"' }] });
    const figures = "time: {pattern: 'time = (.*)', unit: s, better: lower}";
    const first = new Job().study(timed).with({ metrics: figures });
    const records = () => {
      const directory = path.join(first.home, 'maestro-studies/.maestro-history');
      const [only, ...others] = readdirSync(directory);
      expect(others).toEqual([]);
      return readdirSync(path.join(directory, only!)).length;
    };
    for (let night = 0; night < 5; night++) {
      const job = night === 0 ? first : new Job().study(timed).with({ metrics: figures });
      job.environment.HOME = first.home;
      writeFileSync(path.join(first.home, 'tenth'), `${night % 2}`);
      const { code } = await nightly(job, night).run();
      expect(code).toBe(0);
      expect(records()).toBe(night + 1);
    }
    const pull = new Job().study(timed).with({ metrics: figures, history: 'auto' });
    startedBy(pull, 'pull_request', pullRequest(), 'b'.repeat(40));
    Object.assign(pull.environment, {
      ...{ HOME: first.home, GITHUB_RUN_ID: '4799', GITHUB_BASE_REF: 'main', GITHUB_REF: 'refs/pull/7/merge' },
      GITHUB_WORKFLOW_REF: 'octo/studies/.github/workflows/nightly.yml@refs/pull/7/merge',
    });
    writeFileSync(path.join(first.home, 'tenth'), '9');
    const { code } = await pull.run();
    expect(code).toBe(2);
    expect(records()).toBe(5);
    expect(pull.summary).toContain('Compared with 5 earlier runs of <code>main</code>');
    expect(pull.summary).toMatch(
      /<code>run<\/code> \| time \| 1\.9 s \| ❌ worse \| 90 % above the median 1 of 5 runs/,
    );
  });
});

describe('the samples', () => {
  it.each<[keyof typeof lastLines, string, string, Readonly<Record<string, readonly (number | null)[]>>]>([
    [
      'lulesh',
      'LULESH',
      `case $2 in 10) cat <<'E'\n${lastLines.lulesh('10', '2.720531e+04')}E\n;; *) cat <<'E'\n${lastLines.lulesh('30', '2.025075e+05')}E\n;; esac`,
      {
        'elapsed-time': [14, 14],
        'grind-time': [0.53776723, 0.53776723],
        fom: [1859.5414, 1859.5414],
        'origin-energy': [27205.31, 202507.5],
      },
    ],
    [
      'amg2023',
      'AMG',
      `case $2 in 1) cat <<'E'\n${lastLines.amg2023(' * iterations')}E\n;; *) cat <<'E'\n${lastLines.amg2023('')}E\n;; esac`,
      {
        'fom-setup': [1.10324e7, 1.10324e7],
        'fom-solve': [4.012334e8, 4.012334e8],
        fom: [2.781006e7, 2.781006e7],
        iterations: [19, 19],
      },
    ],
    [
      'kripke',
      'KRIPKE',
      `cat <<'E'\n${lastLines.kripke}E`,
      {
        throughput: [2683674, 2683674],
        'grind-time': [3.726235e-7, 3.726235e-7],
        'sweep-efficiency': [17.439, 17.439],
        unknowns: [4932800, 4932800],
      },
    ],
  ])('read the figures of merit of %s', async (name, variable, script, values) => {
    const line = new CommandLine();
    line.write('program', `#!/bin/bash\n${script}\n`);
    const sample = (file: string) => path.join(root, 'samples', file);
    const { code, stderr } = await line.run(
      ...['run', sample(`${name}.yaml`), '--metrics', sample(`metrics/${name}.yaml`), '--output-path', 'study'],
      ...['--variables', `{${variable}: bash ${line.directory}/program}`],
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const reported: { metric: string; value: number | null }[] = validReport(line.report('report.json')).metrics;
    const byMetric = groupBy(reported, ({ metric }) => metric);
    const read = Object.fromEntries([...byMetric].map(([metric, of]) => [metric, of.map(({ value }) => value)]));
    expect(read).toEqual(values);
  });
});
