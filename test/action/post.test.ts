import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { action } from '../../src/action/main.js';
import { post } from '../../src/action/post.js';
import { type ProcessContext, Signalled } from '../../src/run/process-context.js';
import { readJournal } from '../../src/store/directory.js';
import { commands, newStudy } from '../schedulers/allocation/stand-ins.js';
import { commandsIn } from '../support/bundle.js';
import { plainEnvironment, plainHost } from '../support/hosts.js';
import { temporaryDirectory } from '../support/temporary.js';
import { validReport } from '../support/valid-report.js';
import { isAlive, until } from '../support/wait.js';

let written = '';
let temporary: string;

beforeEach(() => {
  temporary = temporaryDirectory();
  written = '';
  // The toolkit writes to the process's own stdout, and nowhere else.
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    written += String(text);
    return true;
  });
});

afterEach(() => {
  vi.restoreAllMocks();
});

/** What the runner sets for both steps. */
const runnerOf = (temporary: string) => ({
  GITHUB_WORKSPACE: '/checkout',
  GITHUB_REPOSITORY: 'octo/studies',
  GITHUB_RUN_ID: '4711',
  RUNNER_TEMP: temporary,
  INPUT_SPEC: 'study.yaml',
});

/** The post step, in what the runner sets. */
function run(given: Readonly<Record<string, string>> = {}): Promise<number> {
  const signal = new AbortController().signal;
  const environment = {
    ...plainEnvironment,
    HOME: temporary,
    ...runnerOf(temporary),
    STATE_maestro_post: 'true',
    ...given,
  };
  return post({ environment, workingDirectory: '/', cancel: signal, hangup: signal });
}

const warnings = () =>
  commandsIn(written)
    .filter(({ name }) => name === 'warning')
    .map(({ message }) => message);

/** A Slurm with one job, until that is cancelled, in the directory of commands that `setup` adds to PATH. */
function slurm(): { readonly setup: string; readonly hasJob: () => boolean; readonly state: string } {
  const directory = temporaryDirectory();
  const job = path.join(directory, 'job');
  writeFileSync(job, '17\n');
  commands(directory, { squeue: `cat ${job} 2> /dev/null; :`, scancel: `[ "$1" != 17 ] || rm -f ${job}` });
  const described = { kind: 'slurm', id: '17', jobName: 'demo.1', flux: '/usr/bin/flux', fluxVersion: '0.88.0' };
  const state = JSON.stringify({ ...described, studyPath: newStudy(), number: 1 });
  return { setup: `PATH=${directory}:$PATH`, hasJob: () => existsSync(job), state };
}

describe('the post step', () => {
  it('has nothing to do, and nothing to say, where nothing was left', async () => {
    expect(await run()).toBe(0);
    expect(written).toBe('');
  });

  it('needs no inputs where there is nothing to give back', async () => {
    expect(await run({ INPUT_SPEC: '', 'INPUT_DRY-RUN': 'nonsense' })).toBe(0);
    expect(written).toBe('');
  });

  it('gives back the allocation that is held still', async () => {
    const { setup, hasJob, state } = slurm();
    expect(await run({ INPUT_SETUP: setup, STATE_maestro_allocation: state })).toBe(0);
    expect(hasJob()).toBe(false);
    expect(written).toBe('Gave back the allocation 17\n');
  });

  it('removes the files that were made for ssh, and nothing else', async () => {
    mkdirSync(path.join(temporary, 'maestro-ssh-AbC123'));
    writeFileSync(path.join(temporary, 'maestro-ssh-AbC123/key'), 'secret');
    mkdirSync(path.join(temporary, 'maestro-report'));
    writeFileSync(path.join(temporary, 'else'), 'x');
    expect(await run()).toBe(0);
    expect(readdirSync(temporary).sort()).toEqual(['else', 'maestro-report']);
    expect(readFileSync(path.join(temporary, 'else'), 'utf8')).toBe('x');
  });

  it.each<[string, Readonly<Record<string, string>>, RegExp]>([
    ['what cannot be understood', { STATE_maestro_allocation: '{not json' }, /JSON/],
    ['what describes no allocation', { STATE_maestro_allocation: '{"kind":"slurm","id":""}' }, /./],
    ['for want of inputs', { STATE_maestro_allocation: '{}', INPUT_SPEC: '' }, /^input 'spec' is required/],
  ])('tells what it cannot give back, does not fail, and removes keys all the same: %s', async (_, given, words) => {
    mkdirSync(path.join(temporary, 'maestro-ssh-AbC123'));
    expect(await run(given)).toBe(0);
    expect(warnings()).toEqual([expect.stringMatching(words)]);
    expect(readdirSync(temporary)).toEqual([]);
  });

  it('keeps secrets out of the log before it says anything about them', async () => {
    await run({ STATE_maestro_allocation: '{"kind":"slurm"}', 'INPUT_SSH-PASSPHRASE': 'correct horse' });
    expect(commandsIn(written)[0]).toMatchObject({ name: 'add-mask', message: 'correct horse' });
    expect(
      commandsIn(written)
        .slice(1)
        .map(({ message }) => message)
        .join(),
    ).not.toContain('correct horse');
  });

  it('does not fail a job of a runner that says nothing of itself', async () => {
    expect(await run({ RUNNER_TEMP: '' })).toBe(0);
    expect(warnings()).toEqual(['RUNNER_TEMP is not set, although every GitHub Actions runner sets it']);
  });
});

describe('a study that the main step was killed in the middle of', () => {
  /** A checkout, and a home, of the one study. */
  class Setting {
    readonly workspace = temporaryDirectory();
    readonly studyPath = path.join(temporaryDirectory(), 'study');
    readonly pidFile = path.join(this.workspace, 'pid');
    readonly given: Readonly<Record<string, string>> = {
      GITHUB_WORKSPACE: this.workspace,
      GITHUB_ACTIONS: 'true',
      'INPUT_OUTPUT-PATH': this.studyPath,
    };

    constructor() {
      const spec = {
        description: { name: 'demo', description: 'a demo' },
        study: [
          {
            name: 'long',
            description: 'd',
            run: { cmd: `echo $$ > ${this.pidFile}.new; mv ${this.pidFile}.new ${this.pidFile}; exec sleep 300` },
          },
          { name: 'after', description: 'd', run: { cmd: 'true', depends: ['long'] } },
        ],
      };
      writeFileSync(path.join(this.workspace, 'study.yaml'), JSON.stringify(spec));
    }

    /** The main step, until its first step runs; that goes on. Returns its process. */
    async leave(): Promise<number> {
      const cancel = new AbortController();
      const environment = { ...plainEnvironment, HOME: temporary, ...runnerOf(temporary), ...this.given };
      const context: ProcessContext = {
        environment: { ...environment, 'INPUT_ON-CANCEL': 'leave' },
        workingDirectory: '/',
        cancel: cancel.signal,
        hangup: new AbortController().signal,
      };
      const ended = action(context);
      const pid = await until('the step runs', () => existsSync(this.pidFile) && Number(readFileSync(this.pidFile)));
      cancel.abort(new Signalled('SIGINT'));
      expect(await ended).toBe(4);
      expect(isAlive(pid)).toBe(true);
      written = '';
      return pid;
    }

    /** The post step, as if the main step had not come to say that it let go of the study. */
    post(state: Readonly<Record<string, string>>): Promise<number> {
      return run({ ...this.given, STATE_maestro_study: this.studyPath, ...state });
    }

    async state() {
      return readJournal(plainHost(), this.studyPath);
    }
  }

  it('is brought to its end, and that is written down, if the workflow was cancelled', async () => {
    const setting = new Setting();
    const pid = await setting.leave();
    expect(await setting.post({ STATE_maestro_cancelled: 'true' })).toBe(0);
    await until('the step is gone', () => !isAlive(pid));
    const { records, ended, cancelReason } = await setting.state();
    expect(records.map(({ state }) => state)).toEqual(['CANCELLED', 'CANCELLED']);
    expect([ended?.status, cancelReason]).toEqual(['CANCELLED', 'the workflow was cancelled']);
    expect(readFileSync(path.join(setting.studyPath, 'status.csv'), 'utf8').match(/CANCELLED/g)).toHaveLength(2);
    expect(written).toContain('the workflow was cancelled');
    const report = validReport(readFileSync(path.join(reportDirectory(), 'report.json'), 'utf8'));
    expect(report.status).toBe('CANCELLED');
  });

  it.each<[string, Readonly<Record<string, string>>]>([
    ['the workflow was not cancelled', {}],
    ['jobs are to be left', { STATE_maestro_cancelled: 'true', 'INPUT_ON-CANCEL': 'leave' }],
  ])('is left as it is if %s', async (_, given) => {
    const setting = new Setting();
    const pid = await setting.leave();
    try {
      const before = readFileSync(path.join(setting.studyPath, '.conductor/journal.jsonl'), 'utf8');
      expect(await setting.post(given)).toBe(0);
      expect(isAlive(pid)).toBe(true);
      expect(readFileSync(path.join(setting.studyPath, '.conductor/journal.jsonl'), 'utf8')).toBe(before);
      expect(written).toBe(
        `The study in ${setting.studyPath} was left unfinished; its jobs go on, and a run of the same study continues it\n`,
      );
    } finally {
      process.kill(pid, 'SIGKILL');
    }
  });

  it('is told, and no failure, if it is not there any more; the allocation is given back all the same', async () => {
    const { setup, hasJob, state } = slurm();
    const setting = new Setting();
    const given = { STATE_maestro_cancelled: 'true', STATE_maestro_allocation: state, INPUT_SETUP: setup };
    expect(await setting.post(given)).toBe(0);
    expect(hasJob()).toBe(false);
    expect(warnings()).toHaveLength(1);
    // Nothing is made for what is only to be ended.
    expect(existsSync(setting.studyPath)).toBe(false);
  });

  it('is told, and no failure, if its spec is gone; the allocation is given back all the same', async () => {
    const { setup, hasJob, state } = slurm();
    const setting = new Setting();
    const given = { STATE_maestro_cancelled: 'true', STATE_maestro_allocation: state, INPUT_SETUP: setup };
    expect(await setting.post({ ...given, INPUT_SPEC: 'gone.yaml' })).toBe(0);
    expect(hasJob()).toBe(false);
    expect(warnings()).toEqual([expect.stringContaining('gone.yaml')]);
  });

  it('has its allocation left to jobs that are to be resumed', async () => {
    const { setup, hasJob, state } = slurm();
    const given = { STATE_maestro_cancelled: 'true', 'INPUT_ON-CANCEL': 'leave', INPUT_SETUP: setup };
    expect(await run({ ...given, STATE_maestro_allocation: state })).toBe(0);
    expect(hasJob()).toBe(true);
  });
});

/** Where the reports of the one study are. */
function reportDirectory(): string {
  const root = path.join(temporary, 'maestro-report');
  return path.join(
    root,
    ...(readdirSync(root, { recursive: true }) as string[]).filter((name) => name.endsWith('study')),
  );
}
