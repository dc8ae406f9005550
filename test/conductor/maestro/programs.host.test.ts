import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { findMaestro } from '../../../src/conductor/maestro/find-maestro.js';
import { findOutputs } from '../../../src/conductor/maestro/find-outputs.js';
import { MaestroRun } from '../../../src/conductor/maestro/maestro-run.js';
import { programs } from '../../../src/generated/programs.js';
import { run } from '../../../src/hosts/commands.js';
import { systemClock } from '../../../src/util/clock.js';
import { assignments, quoteAll } from '../../../src/util/shell-quote.js';
import { plainEnvironment, plainHost } from '../../support/hosts.js';
import { instancesOf } from '../../support/plan.js';
import { temporaryDirectory } from '../../support/temporary.js';
import { isAlive, until } from '../../support/wait.js';

function program(file: string, text: string): string {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
  chmodSync(file, 0o755);
  return file;
}

/** A study directory that is to be made, with `.conductor` beside it, and a stand-in of Maestro that is a bash script. */
class StandIn {
  readonly directory = temporaryDirectory();
  readonly study = path.join(this.directory, 'study');
  readonly control = path.join(this.directory, '.study.conductor');
  readonly log: string[] = [];
  readonly host = plainHost('', { PATH: `${this.directory}/bin:${plainEnvironment.PATH}` });

  /** @param script its first argument is the study directory; `go` in the current one lets it go on */
  constructor(script: string) {
    mkdirSync(path.join(this.control, '.conductor'), { recursive: true });
    writeFileSync(path.join(this.control, '.conductor/journal.jsonl'), 'journal\n');
    const begin = `#!/bin/bash --norc\ncd ${this.directory}; echo started >> starts; echo $$ > pid\n`;
    const wait = `wait_for() { until [ -e "$1" ] || [ ! -d ${this.directory} ]; do sleep 0.02; done; }\n`;
    program(path.join(this.directory, 'bin/maestro'), begin + wait + script);
    onTestFinished(() => this.write('go'));
  }

  newRun(clock = systemClock): MaestroRun {
    const { host, study } = this;
    return new MaestroRun({
      ...{ host, clock, studyPath: study, onStatus: () => {} },
      onLog: (line) => this.log.push(line),
    });
  }

  start(exports = ''): Promise<void> {
    return this.newRun().start(['maestro', this.study], exports);
  }

  watch(): ReturnType<MaestroRun['watch']> {
    return this.newRun().watch(new AbortController().signal);
  }

  has = (file: string) => existsSync(path.join(this.directory, file));
  read = (file: string) => readFileSync(path.join(this.directory, file), 'utf8');
  write = (file: string, text = '') => writeFileSync(path.join(this.directory, file), text);
}

const makesStudy = 'mkdir -p "$1/logs"; echo begun; wait_for go; echo done; exit 2\n';

describe('the start of Maestro', () => {
  it('moves `.conductor` into the directory that Maestro makes, and leaves a link', async () => {
    const it = new StandIn(makesStudy);
    await it.start();
    await until('it is moved', () => it.has('study/.conductor/maestro/process'));
    expect(it.read('study/.conductor/journal.jsonl')).toBe('journal\n');
    await until('the link is there', () => it.has('.study.conductor/.conductor/journal.jsonl'));
    expect(lstatSync(path.join(it.control, '.conductor')).isSymbolicLink()).toBe(true);
    it.write('go');
    expect(await it.watch()).toEqual({ status: 2, lastWords: 'done' });
  });

  it('twice, or ten times at once, starts it once', async () => {
    const it = new StandIn(makesStudy);
    await Promise.all(Array.from({ length: 10 }, () => it.start()));
    await it.start();
    it.write('go');
    await it.watch();
    expect(it.read('starts')).toBe('started\n');
  });

  it('does not give it a directory that is there', async () => {
    const it = new StandIn('rm -rf "$1"; exit 0\n');
    mkdirSync(it.study);
    it.write('study/mine', 'mine');
    await it.start();
    expect(await it.watch()).toEqual({ status: 1, lastWords: expect.stringContaining('is there already') });
    expect([it.has('starts'), it.read('study/mine')]).toEqual([false, 'mine']);
  });

  it('gives it its own variables, and no standard input', async () => {
    const it = new StandIn('mkdir -p "$1/logs"; echo "$OWN, $(cat), $(set | grep -c ^_maestro)"; exit 0\n');
    await it.start("export OWN='my own'\n");
    expect(await it.watch()).toEqual({ status: 0, lastWords: 'my own, , 0' });
  });

  it('of one that makes no directory leaves `.conductor` where it was', async () => {
    const it = new StandIn('echo "Traceback"; echo "KeyError: no"; exit 1\n');
    await it.start();
    expect(await it.watch()).toEqual({ status: 1, lastWords: 'KeyError: no' });
    expect([it.has('study'), it.has('.study.conductor/.conductor/maestro/exit')]).toEqual([false, true]);
  });
});

describe('a watched Maestro', () => {
  it('tells each line of its log once, also to a watcher that begins again in the middle', async () => {
    const it = new StandIn('mkdir -p "$1/logs"; echo one; printf tw; wait_for half; echo o; wait_for go; echo three\n');
    await it.start();
    const stop = new AbortController();
    const watcher = it.newRun();
    const first = watcher.watch(stop.signal);
    await until('a line is told', () => it.log.length > 0);
    stop.abort();
    expect(await first).toBe(undefined);
    it.write('half');
    const second = watcher.watch(new AbortController().signal);
    await until('another is told', () => it.log.length > 1);
    it.write('go');
    expect(await second).toEqual({ status: 0, lastWords: 'three' });
    expect(it.log).toEqual(['one', 'two', 'three']);
  });

  it('that was killed with all of its own is gone, without an exit status', async () => {
    const it = new StandIn(makesStudy);
    await it.start();
    const exit = it.watch();
    await until('it runs', () => it.has('study/.conductor/maestro/process') && it.log.length > 0);
    const [, shell, , , maestro] = it.read('study/.conductor/maestro/process').trim().split(' ');
    for (const pid of [shell, maestro]) process.kill(Number(pid), 'SIGKILL');
    expect(await exit).toEqual({ status: null, lastWords: 'begun' });
  });

  it('that was killed alone has the exit status of the signal', async () => {
    const it = new StandIn(makesStudy);
    await it.start();
    await until('it runs', () => it.has('pid'));
    process.kill(Number(it.read('pid')), 'SIGKILL');
    expect((await it.watch())!.status).toBe(137);
  });

  it('whose process file is of an earlier boot is gone', async () => {
    const it = new StandIn('');
    const directory = '.study.conductor/.conductor/maestro';
    mkdirSync(path.join(it.directory, directory));
    it.write(`${directory}/log`, 'last\n');
    const machine = readFileSync('/proc/sys/kernel/hostname', 'utf8').trim();
    it.write(`${directory}/process`, `${machine} ${process.pid} another-boot 1 ${process.pid}\n`);
    expect(await it.watch()).toEqual({ status: null, lastWords: 'last' });
  });
});

describe('a Maestro that does not cancel its study', () => {
  it('is asked first, then ended with the local step that it waits for', async () => {
    const it = new StandIn(
      'if [ "$1" = cancel ]; then cat >> answers; exit; fi\n' +
        'mkdir -p "$1/logs"; bash --norc -c \'echo $$ > step; trap "" TERM; while [ ! -e go ]; do sleep 0.05; done\'; exit 0\n',
    );
    await it.start();
    const exit = it.watch();
    await until('the step runs', () => it.has('step') && it.has('study/.conductor/maestro/process'));
    const over = new AbortController();
    void exit.then(() => over.abort());
    const pauses: number[] = [];
    const after: typeof systemClock.after = (milliseconds, call) => {
      pauses.push(milliseconds);
      return systemClock.after(Math.min(milliseconds, 300), call);
    };
    await it.newRun({ ...systemClock, after }).cancel('', 1, over.signal);
    expect(pauses.slice(0, 2)).toEqual([32_000, 5000]);
    expect((await exit)!.status).toBeGreaterThan(128);
    expect(it.read('answers')).toBe('y\n');
    await until('the step is gone', () => !isAlive(Number(it.read('step'))));
  });
});

describe('the process id of a step that failed', () => {
  it('is in the name of its newest output', async () => {
    const directory = temporaryDirectory();
    const steps = instancesOf({
      parameters: { X: ['a b'] },
      steps: [{ name: 'bad', cmd: 'echo $(X)' }, { name: 'none' }, { name: 'odd' }],
    });
    const made = ['bad/X.a_b/bad_X.a b.12.err', 'bad/X.a_b/bad_X.a b.7.err', 'odd/odd.x.err', 'none/none.sh'];
    for (const file of made) program(path.join(directory, file), '');
    utimesSync(path.join(directory, made[0]!), 1000, 1000);
    const ids = await findOutputs(plainHost(), directory, steps);
    expect(steps.map(({ name }, i) => [name, ids[i]])).toEqual([
      ['bad_X.a b', '7'],
      ['none', ''],
      ['odd', ''],
    ]);
    expect(await findOutputs(plainHost(), directory, [])).toEqual([]);
  });
});

describe('what is found of Maestro', () => {
  const python = (directory: string, name = 'python3') =>
    program(
      path.join(directory, name),
      '#!/bin/bash\n# As Python, which reads its input for a first argument of `-`.\n[ "$1" != -c ] || echo bindings=0.88.0\n',
    );

  function found(shebang: string, directory: string, needsFlux = true) {
    const bin = path.join(directory, 'bin');
    program(path.join(bin, 'maestro'), `${shebang}\necho maestro 1.2.1\n`);
    return findMaestro(plainHost('', { PATH: `${bin}:${plainEnvironment.PATH}` }), needsFlux);
  }

  it('is nothing where there is none', async () => {
    expect(await findMaestro(plainHost('', { PATH: '/usr/bin:/bin' }), true)).toMatchObject({
      ...{ maestro: '', version: '', python: '', bindings: '', flux: '', fluxVersion: '', fluxPythonPath: '' },
      python3: expect.stringContaining('python3'),
    });
  });

  it('is its Python, by the first line of the command', async () => {
    const directory = temporaryDirectory();
    const own = python(directory);
    expect((await found(`#!${own}`, directory)).python).toBe(own);
  });

  it('is its Python, by the line that pip writes where the path is long', async () => {
    const directory = temporaryDirectory();
    const own = python(path.join(directory, 'long'.repeat(40)));
    const shebang = `#!/bin/sh\n'''exec' "${own}" "$0" "$@"\n' '''`;
    expect(await found(shebang, directory)).toMatchObject({ python: own, bindings: '0.88.0' });
    expect(await found(shebang.replaceAll(`"${own}"`, own), directory)).toMatchObject({ python: own });
  });

  it('is its Python on PATH, if the first line asks env', async () => {
    const directory = temporaryDirectory();
    const own = python(path.join(directory, 'bin'));
    expect(await found('#!/usr/bin/env python3', directory)).toMatchObject({ python: own, bindings: '0.88.0' });
  });

  it('is no bindings of Flux if no step needs them', async () => {
    const directory = temporaryDirectory();
    const own = python(directory);
    expect(await found(`#!${own}`, directory, false)).toMatchObject({ python: own, bindings: '', flux: '' });
  });
});

describe('an environment', () => {
  /** A stand-in of python3, whose environments have a pip that does what `pip` says. */
  function site(pip: string) {
    const directory = temporaryDirectory();
    const python = `#!/bin/bash\necho "\${*:2}" >> ${directory}/asked\n${pip}\n`;
    writeFileSync(path.join(directory, 'python'), python, { mode: 0o755 });
    program(
      path.join(directory, 'bin/python3'),
      `#!/bin/bash\nwhile [ $# -gt 1 ]; do shift; done; mkdir -p "$1/bin"; cp ${directory}/python "$1/bin/python"\n`,
    );
    const root = path.join(directory, 'environments');
    const make = (...words: string[]) =>
      run(
        plainHost('', { PATH: `${directory}/bin:${plainEnvironment.PATH}` }),
        `${assignments({ directory: root, name: 'own' })}set -- ${quoteAll(words)}\n${programs['conductor/maestro/environment.sh']}`,
      );
    return { root, make, asked: () => readFileSync(path.join(directory, 'asked'), 'utf8') };
  }
  const installs = 'touch "${0%/*}/maestro"; chmod +x "${0%/*}/maestro"';

  it('is made once', async () => {
    const { root, make, asked } = site(installs);
    expect(await make('maestrowf')).toMatchObject({ code: 0, stdout: Buffer.from('first\n') });
    expect(existsSync(path.join(root, 'own/bin/maestro'))).toBe(true);
    expect(await make('maestrowf')).toMatchObject({ code: 0, stdout: Buffer.from('there\n') });
    expect(asked().split('\n')).toHaveLength(2);
  });

  it.each<[string, (root: string) => void]>([
    [
      'that others can write to',
      (root) => {
        mkdirSync(root);
        chmodSync(root, 0o777);
      },
    ],
    [
      'that is a link',
      (root) => {
        mkdirSync(`${root}.other`);
        symlinkSync(`${root}.other`, root);
      },
    ],
  ])('is not taken from a directory %s', async (_, prepare) => {
    const { root, make } = site(installs);
    prepare(root);
    program(path.join(root, 'own/bin/maestro'), '#!/bin/bash\n');
    const { code, stdout, stderr } = await make('maestrowf');
    expect([code, stdout.toString()]).toEqual([1, '']);
    expect(stderr).toContain('can be written by others');
  });

  it('has its name only once it is whole', async () => {
    const { root, make } = site(`sleep 1; [ ! -e ${'"${0%/bin/*}"'}/../own ] || exit 9; ${installs}`);
    expect((await make('maestrowf')).code).toBe(0);
    expect(readdirSync(root)).toHaveLength(2);
  });

  it('is whole if several are made at once', async () => {
    const { root, make } = site(`sleep 0.2; ${installs}`);
    const ends = await Promise.all([make('maestrowf'), make('maestrowf'), make('maestrowf')]);
    expect(ends.map(({ code }) => code)).toEqual([0, 0, 0]);
    expect(existsSync(path.join(root, 'own/bin/maestro'))).toBe(true);
  });

  it('takes what comes second if the first cannot be had', async () => {
    const { make, asked } = site(`case $* in *--pre*) ${installs} ;; *) exit 1 ;; esac`);
    expect(await make('flux==1', '--', '--pre', 'flux')).toMatchObject({ code: 0, stdout: Buffer.from('second\n') });
    expect(asked()).toMatch(/flux==1\n.*--pre flux\n$/);
  });

  it.each([
    ['that fails leaves nothing, and its words', 'echo Looking; echo "no network" >&2; exit 1', 'no network'],
    ['that installs no maestro leaves nothing', 'true', 'pip installed no maestro'],
  ])('of a pip %s', async (_, pip, words) => {
    const { root, make } = site(pip);
    const { code, stderr } = await make('maestrowf', '--', '--pre', 'maestrowf');
    expect([code, stderr.split('\n').at(-1)]).toEqual([1, words]);
    expect(readdirSync(root)).toEqual([]);
  });
});
