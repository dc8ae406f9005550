import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  type Dirent,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Host, HostError } from '../../src/hosts/host.js';
import { planStudy } from '../../src/run/plan.js';
import { clone, logPath, type StagedBefore, stage } from '../../src/run/stage.js';
import { launcherText } from '../../src/schedulers/claims/launcher.js';
import type { Plan } from '../../src/scripts/plan.js';
import { toParameter } from '../../src/study/parameters.js';
import { plainEnvironment, plainHost, WatchedHost } from '../support/hosts.js';
import { type Brief, places, validSpec } from '../support/plan.js';
import { temporaryDirectory } from '../support/temporary.js';

let studyPath: string;

beforeEach(() => {
  studyPath = path.join(temporaryDirectory(), `it's a "study"`);
  mkdirSync(path.join(studyPath, '.conductor'), { recursive: true });
});

const file = (name: string) => path.join(studyPath, name);
const read = (name: string) => readFileSync(file(name), 'utf8');
const mode = (name: string) => (statSync(file(name)).mode & 0o777).toString(8);
const isExecutable = (name: string) => (statSync(file(name)).mode & 0o100) !== 0;
/** All files, and directories with nothing in them. */
const list = () =>
  (readdirSync(studyPath, { recursive: true, withFileTypes: true }) as Dirent[])
    .map((entry) => ({ entry, name: path.relative(studyPath, path.join(entry.parentPath, entry.name)) }))
    .filter(({ entry, name }) => !entry.isDirectory() || readdirSync(file(name)).length === 0)
    .map(({ name }) => name)
    .sort();

const study: Brief = {
  name: 'hello',
  parameters: { N: [1, 2] },
  steps: [
    { name: 'run', cmd: 'echo $(N)', restart: 'echo again $(N)' },
    { name: 'end', cmd: 'echo end', depends: ['run_*'] },
  ],
};

/** @param scheduled whether its steps are jobs, although their scripts are those of local steps */
function planned(brief: Brief = study, scheduled = true): Plan {
  const spec = validSpec(brief);
  const here = { ...places, studyPath };
  const plan = planStudy(spec, spec.parameters.map(toParameter), here, { hashWorkspaces: false }).plan!;
  return { ...plan, graph: { ...plan.graph, steps: plan.graph.steps.map((step) => ({ ...step, scheduled })) } };
}

const spec = { name: '/specs/study.yaml', text: 'the spec\n' };

const staged = (plan: Plan, before?: StagedBefore, host: Host = plainHost(), text = spec.text) =>
  stage(host, plan, { ...spec, text }, before);

/** Those of these instances have their scripts already. */
const having = (plan: Plan, ...names: string[]): StagedBefore => ({
  hasScripts: (index) => names.includes(plan.graph.steps[index]!.name),
});

describe('staging a study', () => {
  it('writes its spec, an empty log, the launcher, every script, and where every step makes its claims', async () => {
    await staged(planned());
    expect(list()).toEqual([
      '.conductor/claims/end',
      '.conductor/claims/run/N.1',
      '.conductor/claims/run/N.2',
      '.conductor/run',
      'end/end.sh',
      'logs/hello.log',
      'run/N.1/run_N.1.restart.sh',
      'run/N.1/run_N.1.sh',
      'run/N.2/run_N.2.restart.sh',
      'run/N.2/run_N.2.sh',
      'study.yaml',
    ]);
    expect([read('study.yaml'), read('logs/hello.log'), read('.conductor/run')]).toEqual([spec.text, '', launcherText]);
    expect(read('run/N.2/run_N.2.restart.sh')).toContain('echo again 2');
    for (const script of ['.conductor/run', 'end/end.sh', 'run/N.1/run_N.1.restart.sh']) {
      expect([script, mode(script)]).toEqual([script, '744']);
    }
    expect(mode('study.yaml')).toBe('644');
  });

  it('writes no launcher if no step is a job, and writes it once one is', async () => {
    const local = planned(study, false);
    await staged(local);
    expect(list()).not.toContain('.conductor/run');
    await staged(local, having(local));
    expect(list()).not.toContain('.conductor/run');
    await staged(planned(), having(planned()));
    expect([read('.conductor/run'), isExecutable('.conductor/run')]).toEqual([launcherText, true]);
  });

  it('takes one command, as many steps as there may be', async () => {
    const host = new WatchedHost();
    const values = Array.from({ length: 300 }, (_, i) => i);
    await staged(planned({ parameters: { N: values }, steps: [{ name: 'run', cmd: 'echo $(N)' }] }), undefined, host);
    expect(host.commands).toHaveLength(1);
    expect(readdirSync(file('run'))).toHaveLength(300);
  });

  it('calls the log as the study is called, if a file can be', () => {
    expect(logPath('hello')).toBe('logs/hello.log');
    for (const name of ['a/b', '../x', 'a b', `it's`, 'é', '.']) {
      expect(logPath(name)).toMatch(/^logs\/[^/]*\.log$/);
      expect(path.posix.normalize(logPath(name))).toBe(logPath(name));
    }
  });

  it('says that it cannot be written', async () => {
    writeFileSync(file('run'), 'precious');
    await expect(staged(planned())).rejects.toThrow(HostError);
    expect(read('run')).toBe('precious');
  });
});

describe('staging a study again that was staged before', () => {
  /** Everything as it was staged, and what a study leaves besides. */
  async function begun(plan = planned()): Promise<Plan> {
    await staged(plan);
    writeFileSync(file(logPath('hello')), 'what happened\n');
    writeFileSync(file('.conductor/claims/run/N.1/1.claim'), 'job 17');
    writeFileSync(file('run/N.1/run.17.out'), 'precious');
    return plan;
  }

  it('leaves alone what jobs may be reading: scripts, launcher, claims, log', async () => {
    const plan = await begun();
    const kept = ['.conductor/run', 'run/N.1/run_N.1.sh', 'run/N.1/run_N.1.restart.sh', 'end/end.sh', logPath('hello')];
    const before = kept.map((name) => [name, statSync(file(name)).ino, statSync(file(name)).mtimeMs]);
    const names = list();
    await staged(plan, having(plan, 'run_N.1', 'run_N.2', 'end'), plainHost(), 'the spec as it is now\n');
    expect(kept.map((name) => [name, statSync(file(name)).ino, statSync(file(name)).mtimeMs])).toEqual(before);
    expect(list()).toEqual(names);
    expect(read(logPath('hello'))).toBe('what happened\n');
    expect(read('study.yaml')).toBe('the spec as it is now\n');
  });

  it('writes the scripts that have changed, and those of new steps, beside the claims that there are', async () => {
    await begun();
    const changed = planned({
      ...study,
      parameters: { N: [1, 2, 3] },
      steps: [{ name: 'run', cmd: 'echo changed $(N)', restart: 'echo again $(N)' }, study.steps[1]!],
    });
    const endScript = statSync(file('end/end.sh')).ino;
    await staged(changed, having(changed, 'end'));
    for (const n of [1, 2, 3]) expect(read(`run/N.${n}/run_N.${n}.sh`)).toContain(`echo changed ${n}`);
    expect(statSync(file('end/end.sh')).ino).toBe(endScript);
    expect(existsSync(file('.conductor/claims/run/N.3'))).toBe(true);
    expect(read('.conductor/claims/run/N.1/1.claim')).toBe('job 17');
    expect(read('run/N.1/run.17.out')).toBe('precious');
  });

  it('removes nothing of steps that are gone', async () => {
    await begun();
    const fewer = planned({ ...study, parameters: { N: [2] } });
    await staged(fewer, having(fewer, 'run_N.2'));
    expect(list()).toEqual(expect.arrayContaining(['run/N.1/run_N.1.sh', 'run/N.1/run.17.out', 'end/end.sh']));
  });

  it('does not change a script under a job that runs it', async () => {
    await begun();
    linkSync(file('run/N.1/run_N.1.sh'), file('as the job has it'));
    const old = read('as the job has it');
    const changed = planned({ ...study, steps: [{ name: 'run', cmd: 'echo changed $(N)' }, study.steps[1]!] });
    await staged(changed, having(changed, 'end'));
    expect(read('run/N.1/run_N.1.sh')).toContain('changed');
    expect(read('as the job has it')).toBe(old);
  });

  it('replaces the launcher of another version at once, and leaves nothing beside it', async () => {
    const plan = await begun();
    writeFileSync(file('.conductor/run'), '#!/bin/bash\necho old\n');
    linkSync(file('.conductor/run'), file('as a job has it'));
    await staged(plan, having(plan, 'run_N.1', 'run_N.2', 'end'));
    expect([read('.conductor/run'), isExecutable('.conductor/run')]).toEqual([launcherText, true]);
    expect(read('as a job has it')).toBe('#!/bin/bash\necho old\n');
    expect(readdirSync(file('.conductor')).sort()).toEqual(['claims', 'run']);
  });

  it.each([
    ['may not be executed any more', () => chmodSync(file('.conductor/run'), 0o644)],
    ['was cut short', () => truncateSync(file('.conductor/run'), 100)],
    ['is empty', () => truncateSync(file('.conductor/run'))],
  ])('repairs the launcher that %s', async (_, damage) => {
    const plan = await begun();
    damage();
    await staged(plan, having(plan, 'run_N.1', 'run_N.2', 'end'));
    expect([read('.conductor/run'), isExecutable('.conductor/run')]).toEqual([launcherText, true]);
    expect(readdirSync(file('.conductor')).sort()).toEqual(['claims', 'run']);
  });

  it('makes the launcher if it is gone', async () => {
    const plan = await begun();
    execFileSync('rm', [file('.conductor/run')]);
    await staged(plan, having(plan, 'run_N.1', 'run_N.2', 'end'));
    expect([read('.conductor/run'), isExecutable('.conductor/run')]).toEqual([launcherText, true]);
  });

  it('keeps the launcher that there is if a new one cannot be written', async () => {
    const plan = await begun();
    writeFileSync(file('.conductor/run'), '#!/bin/bash\necho old\n');
    const full = plainHost(`cat() { echo 'cat: write error: No space left on device' >&2; return 1; }`);
    await expect(staged(plan, having(plan, 'run_N.1', 'run_N.2', 'end'), full)).rejects.toThrow(
      new HostError(`cannot write ${studyPath}/.conductor/run: cat: write error: No space left on device`),
    );
    expect(read('.conductor/run')).toBe('#!/bin/bash\necho old\n');
  });

  it('writes everything if nothing is known to be as it is to be, whatever a driver left that was killed', async () => {
    const plan = planned();
    mkdirSync(file('run/N.1'), { recursive: true });
    writeFileSync(file('run/N.1/run_N.1.sh'), 'half a scr');
    chmodSync(file('run/N.1/run_N.1.sh'), 0o600);
    await staged(plan, { hasScripts: () => false });
    expect(read('run/N.1/run_N.1.sh')).toBe(plan.scripts[0]!.main.text);
    expect(mode('run/N.1/run_N.1.sh')).toBe('744');
    expect(read('.conductor/run')).toBe(launcherText);
    // Where the log can be written to.
    expect(readdirSync(file('logs'))).toEqual([]);
  });
});

describe('cloning what a study depends on', () => {
  it('clones each of it once: a study that is continued has it already', async () => {
    const origin = temporaryDirectory();
    const git = (...args: string[]) =>
      execFileSync('git', ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.org', ...args], {
        cwd: origin,
        env: plainEnvironment,
        stdio: 'pipe',
      });
    git('init', '--quiet');
    writeFileSync(path.join(origin, 'file'), 'one');
    git('add', '.');
    git('commit', '--quiet', '-m', 'one');
    const plan = planned({
      ...study,
      dependencies: { git: [{ name: 'CODE', path: studyPath, url: origin }] },
      steps: [{ name: 'run', cmd: 'ls $(CODE)' }],
    });
    const told: string[] = [];
    const log = { info: (line: string) => told.push(line), warning: (line: string) => told.push(line) };
    const cloneIt = () => clone(plainHost(), plan, new AbortController().signal, log);
    await cloneIt();
    expect(read('CODE/file')).toBe('one');
    writeFileSync(file('CODE/file'), 'changed by a step');
    await cloneIt();
    expect(read('CODE/file')).toBe('changed by a step');
    expect(told).toEqual([`Cloning ${origin} to ${studyPath}/CODE`]);
  });
});
