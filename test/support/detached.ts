import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { Job } from './bundle.js';
import type { GitHubServer } from './github-api.js';
import { endProcessesOf } from './home-processes.js';
import { plainEnvironment } from './hosts.js';
import { yamlOf } from './plan.js';
import { forPullRequest, reportingTo } from './reported.js';
import { stateOf, tokenOf } from './study-state.js';
import { until } from './wait.js';

/** A study of two steps that wait for a file `go` in its directory, and end with the exit status that is in it. */
export const waiting = yamlOf({
  steps: [
    {
      name: 'wait',
      cmd: 'echo $(N); while [ ! -s $(OUTPUT_PATH)/go ]; do sleep 0.1; done; echo said >&2; exit $(cat $(OUTPUT_PATH)/go)',
    },
  ],
  parameters: { N: [1, 2] },
});

/** A job whose steps find the Node of the tests. */
export function detachingJob(study = waiting): Job {
  return withNode(new Job().study(study).with({ detach: 'true' }));
}

function withNode(job: Job): Job {
  // A conductor would wait for its steps long after the test.
  onTestFinished(() => endProcessesOf(job.home));
  job.environment.PATH = `${path.dirname(process.execPath)}:${plainEnvironment.PATH}`;
  return job;
}

/** A study that was detached for a pull request. */
export class DetachedByAction {
  readonly github: GitHubServer;
  readonly job: Job;

  private constructor(github: GitHubServer, job: Job) {
    this.github = github;
    this.job = job;
  }

  static async start(
    github: GitHubServer,
    inputs: Readonly<Record<string, string>> = {},
    environment: Readonly<Record<string, string>> = {},
  ): Promise<DetachedByAction> {
    const job = forPullRequest(github, detachingJob(), waiting).with(inputs);
    Object.assign(job.environment, environment);
    const { code, stdout, stderr } = await job.run();
    if (code !== 0) throw new Error(`the study was not detached: ${stdout}${stderr}`);
    return new DetachedByAction(github, job);
  }

  get path(): string {
    return this.job.outputs['study-path']!;
  }

  get token(): string {
    return tokenOf(this.path);
  }

  get registration(): string {
    return path.join(this.job.home, 'maestro-studies/.conductor/detached', `${this.token}.json`);
  }

  /** Whether it is not reported yet. */
  get isRegistered(): boolean {
    return existsSync(this.registration);
  }

  /** Changes what its registration says, as any step could. */
  forge(change: Readonly<Record<string, unknown>>): void {
    writeFileSync(
      this.registration,
      JSON.stringify({ ...JSON.parse(readFileSync(this.registration, 'utf8')), ...change }),
    );
  }

  /** Lets it come to its end, and waits for that. */
  async finish(exit = 0): Promise<void> {
    writeFileSync(path.join(this.path, 'go'), `${exit}\n`);
    await until('the study is over', () => stateOf(this.path)?.state === 'ended');
  }

  /** A job of another workflow run that collects on the same machine. */
  collector(inputs: Readonly<Record<string, string>> = {}): Job {
    const job = withNode(reportingTo(this.github, new Job()));
    Object.assign(job.environment, { HOME: this.job.home, GITHUB_RUN_ID: '4712', GITHUB_SHA: 'c'.repeat(40) });
    return job.with({ command: 'collect', ...inputs });
  }
}
