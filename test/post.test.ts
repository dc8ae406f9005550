import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { post } from '../src/post.js';
import { commands, newStudy } from './broker/allocation/stand-ins.js';
import { commandsIn } from './support/bundle.js';
import { plainEnvironment } from './support/hosts.js';
import { temporaryDirectory } from './support/temporary.js';

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

/** The post step, in what the runner sets. */
function run(given: Readonly<Record<string, string>> = {}): Promise<number> {
  const signal = new AbortController().signal;
  const environment = {
    ...plainEnvironment,
    HOME: temporary,
    GITHUB_WORKSPACE: '/work',
    GITHUB_REPOSITORY: 'octo/studies',
    GITHUB_RUN_ID: '4711',
    RUNNER_TEMP: temporary,
    STATE_maestro_post: 'true',
    INPUT_SPEC: 'study.yaml',
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
    expect(warnings()).toEqual(['RUNNER_TEMP is not set, as every GitHub Actions runner sets it']);
  });
});
