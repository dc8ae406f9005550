import { expect } from 'vitest';
import { CheckRun, type CheckRunOptions } from '../../src/github/check-run.js';
import { finish } from './finish.js';
import { GitHubServer } from './github-api.js';
import { ran, resultsOf, start, type Told } from './results.js';
import { VirtualClock } from './virtual-clock.js';

export const sha = 'a'.repeat(40);
/** What would come of merging `sha`. */
export const merged = 'b'.repeat(40);

export const specText = `description:
  name: hello
  description: A test.

study:
  - name: run
    description: Runs.
    run:
      cmd: ./run $(SIZE)
`;

/** A step that failed, of the spec above. */
export function failed(name: string, told: Partial<Told> = {}): Told {
  return {
    name,
    step: 'run',
    line: 6,
    workspace: `run/${name}`,
    record: ran(1000, { state: 'FAILED', reason: 'exit 3', exitCode: 3 }),
    outputs: { stdout: `run/${name}/run.out`, stderr: `run/${name}/run.err` },
    says: 'no such file',
    ...told,
  };
}

/** Results of so many failures and so many that finished. */
export function resultsWith(failures: number, finished = 0) {
  return resultsOf(
    [
      ...Array.from({ length: failures }, (_, i) => failed(`run_SIZE.${i}`)),
      ...Array.from({ length: finished }, (_, i) => ({ name: `fine${i}`, record: ran(1) })),
    ],
    { status: failures > 0 ? 'FAILURE' : 'FINISHED' },
  );
}

/** A study on a runner, whose check run goes to a server of the test's. */
export class Checked {
  readonly github: GitHubServer;
  readonly clock = new VirtualClock(start);
  readonly warnings: string[] = [];

  constructor(github: GitHubServer) {
    this.github = github;
  }

  static async with(): Promise<Checked> {
    return new Checked(await GitHubServer.start());
  }

  start(options: Partial<CheckRunOptions> = {}): Promise<CheckRun> {
    const { github, clock, warnings } = this;
    const started = CheckRun.start({
      runner: {
        apiUrl: github.url,
        repository: github.repository,
        runUrl: 'https://github.com/octo/studies/actions/runs/4711',
        sha,
      },
      event: { sha, origin: { kind: 'own' } },
      token: github.token,
      name: 'Study hello',
      key: '4711-abc',
      spec: { path: 'specs/hello.yaml', shown: 'specs/hello.yaml', text: specText },
      log: { warning: (message) => warnings.push(message) },
      clock,
      ...options,
    });
    return this.finish(started);
  }

  /** What it waits for comes at once. */
  finish<T>(work: Promise<T>): Promise<T> {
    return finish(work, this.clock);
  }

  /** The server found nothing wrong with any request. */
  expectNoComplaints(): void {
    expect(this.github.complaints).toEqual([]);
  }
}
