import { existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { supersede } from '../../src/action/supersede.js';
import { registrationSchema, writeRegistration } from '../../src/run/detach/registration.js';
import { replay } from '../../src/store/journal/replay.js';
import { journalOf, leaseOf, writeStudy } from '../support/existing.js';
import { plainHost } from '../support/hosts.js';
import { temporaryDirectory } from '../support/temporary.js';

const token = 'b'.repeat(32);
const runUrl = 'https://github.invalid/octo/studies/actions/runs/1';
const step = { repository: 'octo/studies', workflow: 'sweep', job: 'study', step: 'sweep' };
const failed = { state: 'FAILED' as const, ended: 7 };

/** A study that run 1 has started for a pull request, and that run 2 supersedes. */
class Superseded {
  readonly root = temporaryDirectory();
  readonly path = path.join(this.root, 'study');
  readonly said: string[] = [];

  constructor(journal: string) {
    writeStudy(this.path, journal, leaseOf({ released: true }));
    const order = { version: 1, token, inputs: {}, key: 'key', text: '', runUrl, sha: 'c'.repeat(40) };
    const places = { specPath: '/s/study.yaml', workingDirectory: '/s' };
    this.write(`study/.conductor/detached/${token}/order.json`, JSON.stringify({ ...order, ...places }));
    this.write(`study/.conductor/detached/${token}/secrets.json`, '{}');
  }

  write(file: string, text: string, mode = 0o644): void {
    mkdirSync(path.dirname(path.join(this.root, file)), { recursive: true });
    writeFileSync(path.join(this.root, file), text, { mode });
  }

  has(file: string): boolean {
    return existsSync(path.join(this.root, file));
  }

  get state() {
    return replay(readFileSync(path.join(this.path, '.conductor/journal.jsonl'), 'utf8'));
  }

  async supersede(): Promise<string> {
    const host = plainHost(`export PATH=${this.root}/bin:$PATH`);
    const about = { ...step, sha: 'c'.repeat(40), checkRun: null, runUrl, pullRequest: 7, runNumber: 1 };
    await writeRegistration(host, this.root, registrationSchema.parse({ ...about, ...this.registration }));
    const say = (line: string) => void this.said.push(line);
    const none = () => {};
    const never = new AbortController().signal;
    const log = { phase: none, endPhase: none, info: say, live: none, problem: none, error: say, warning: say };
    const runner = { ...step, serverUrl: 'https://github.invalid', runUrl, runNumber: 2, attempt: '1', ref: '' };
    const event = { name: 'pull_request', sha: 'd'.repeat(40), pullRequest: 7, isOtherCommit: false };
    const context = { host, log, cancel: never, hangup: never, isShared: false };
    await supersede(context, this.root, runner as never, event as never);
    return this.said.join('\n');
  }

  get registration() {
    return { version: 1, token, studyPath: this.path, started: 1 };
  }
}

describe('a study that is superseded', () => {
  it('does not run again though it has failed before, and the job of its conductor waits in the queue', async () => {
    const study = new Superseded(journalOf([{ name: 'run', record: failed }], { type: 'end', status: 'FAILURE' }));
    const job = JSON.stringify({ kind: 'slurm', jobName: 'conductor', id: '17', flux: '', fluxVersion: '' });
    study.write(`study/.conductor/detached/${token}/job.json`, job);
    study.write('bin/squeue', '#!/bin/bash\necho "PENDING|pdebug|1|N/A|Priority"\n', 0o755);
    study.write('bin/scancel', '#!/bin/bash\necho "$@" > "$0.ended"\n', 0o755);
    expect(await study.supersede()).toMatch(/of run 1, which this one supersedes, is cancelled$/m);
    expect(readFileSync(path.join(study.root, 'bin/scancel.ended'), 'utf8')).toBe('17\n');
    expect(study.state.ended?.status).toBe('FAILURE');
    expect(study.has(`study/.conductor/detached/${token}/secrets.json`)).toBe(false);
  });

  it('is not begun by those who collect it though its conductor died before it had a plan', async () => {
    const [made, opened] = journalOf([]).split('\n');
    const study = new Superseded(`${made}\n${opened}\n`);
    utimesSync(path.join(study.path, `.conductor/detached/${token}/order.json`), 100, 100);
    expect(await study.supersede()).toMatch(/of run 1, which this one supersedes, is cancelled$/m);
    expect(study.state.ended?.status).toBe('CANCELLED');
  });
});
