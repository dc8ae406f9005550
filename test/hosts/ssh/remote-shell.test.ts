import { spawnSync } from 'node:child_process';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { environmentOf } from '../../../src/hosts/environment.js';
import { BeforeEnd, exportsOf, marksOf, readerLine, shellLine } from '../../../src/hosts/ssh/remote-shell.js';
import { plainEnvironment } from '../../support/hosts.js';

const marks = marksOf('0a1b2c3d');
const begin = marks.begin.join('');
const end = marks.end.join('');

/** What a login shell would do with a command line. */
function inShell(line: string, input = '', environment: Readonly<Record<string, string>> = plainEnvironment) {
  const { status, signal, stdout, stderr } = spawnSync('sh', ['-c', line], {
    env: environment,
    input,
    encoding: 'utf8',
    cwd: '/tmp',
  });
  return { status, signal, stdout, stderr };
}

describe('the command line of a session', () => {
  const line = shellLine(marks);

  it('has bash run what comes first in its input, with what comes after as its input', () => {
    expect(inShell(line, 'cat; echo problem >&2; exit 5\0the input')).toEqual({
      status: 5,
      signal: null,
      stdout: `${begin}the input`,
      stderr: `${begin}problem\n${end}5;`,
    });
  });

  it('is the same for every command, and short', () => {
    expect(line).not.toContain('\n');
    expect(line.length).toBeLessThan(1000);
  });

  it('means the same to shells in which `!` and a backslash are special', () => {
    expect(line).not.toMatch(/[!\\`]/);
  });

  it('has neither mark in it', () => {
    expect(line).not.toContain(begin);
    expect(line).not.toContain(end);
  });

  it('brings nothing of the environment but where programs are', () => {
    const { stdout } = inShell(line, 'env\0', {
      ...plainEnvironment,
      SECRET: 'hunter2',
      'BASH_FUNC_ls%%': '() { echo; }',
    });
    expect(stdout).toContain(`PATH=${plainEnvironment.PATH}\n`);
    expect(stdout).not.toMatch(/hunter2|BASH_FUNC|HOME=|LC_ALL/);
  });

  it('begins in the root directory', () => {
    expect(inShell(line, 'pwd\0').stdout).toBe(`${begin}/\n`);
  });

  it('tells of each way in which a command can end', () => {
    const ends = [
      'true',
      'false',
      'exit 255',
      'kill -TERM -- -$$',
      'kill -HUP $BASHPID',
      'if true',
      'exec false',
      'set -e; false; true',
    ];
    const statuses = ends.map((command) => {
      const { stderr } = spawnSync('setsid', ['-w', 'sh', '-c', line], {
        env: plainEnvironment,
        input: `${command}\0`,
        encoding: 'utf8',
      });
      return Number(new RegExp(`${end}(\\d+);$`).exec(stderr)?.[1]);
    });
    expect(statuses).toEqual([0, 1, 255, 143, 129, expect.toSatisfy((code: number) => code > 0), 1, 1]);
  });

  it('leaves no variable of its own to the command', () => {
    expect(inShell(line, 'compgen -v | grep -i maestro\0').stdout).toBe(begin);
  });
});

describe('the command line of a bash that runs its input', () => {
  it('reads no more than that, and nothing that the environment names', () => {
    const environment = { ...plainEnvironment, BASH_ENV: '/dev/stdin', 'BASH_FUNC_read%%': '() { echo mine; }' };
    const { status, stdout } = inShell(readerLine, 'echo "read $(type -t read)"; cat\0rest', environment);
    expect([status, stdout]).toEqual([0, 'read builtin\nrest']);
  });
});

describe('an environment as bash text', () => {
  /** The environment that a bash has after the text. */
  const environmentAfter = (text: string) => {
    const { stdout, stderr } = spawnSync(
      'env',
      ['-i', plainEnvironment.PATH === undefined ? '' : `PATH=${plainEnvironment.PATH}`, 'bash', '--norc'],
      {
        input: `${text}\nexec env -0\n`,
      },
    );
    expect(stderr.toString()).toBe('');
    return environmentOf(stdout);
  };

  it('sets any value of any name', () => {
    const name = fc.stringMatching(/^X[A-Za-z0-9_]{0,8}$/);
    const value = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((text) => !text.includes('\0'));
    fc.assert(
      fc.property(fc.dictionary(name, value, { minKeys: 1 }), (environment) => {
        expect(environmentAfter(exportsOf(environment))).toMatchObject(environment);
      }),
      { numRuns: 40 },
    );
  });

  it('sets values that a shell would do something with', () => {
    const environment = { A: `it's "$HOME" $(id) \`id\` \\ ! ~`, B: '', C: '\n\n', D: '  two  ', E: '-n', F: 'é\t' };
    expect(environmentAfter(exportsOf(environment))).toMatchObject(environment);
  });

  it('defines exported functions', () => {
    const environment = {
      'BASH_FUNC_module%%': `() {  echo "it's $1" | sed 's/x/y/'\n}`,
      'BASH_FUNC_old()': '() { :; }',
      'BASH_FUNC_a-b.c%%': '() { :; }',
    };
    const text = exportsOf(environment);
    expect(environmentAfter(`${text}module x`)).toBeDefined();
    const { stdout } = spawnSync('bash', ['--norc'], { input: `${text}bash -c 'module six'`, encoding: 'utf8' });
    expect(stdout).toBe("it's siy\n");
    expect(Object.keys(environmentAfter(text))).toEqual(
      expect.arrayContaining(['BASH_FUNC_module%%', 'BASH_FUNC_old%%', 'BASH_FUNC_a-b.c%%']),
    );
  });

  it('leaves out what is no function although it is called so', () => {
    expect(exportsOf({ 'BASH_FUNC_x%%': 'echo hunted' })).toBe('');
  });

  it('leaves out what is of bash itself, or cannot be set', () => {
    const own = ['BASHOPTS', 'SHELLOPTS', 'UID', 'PPID', 'PWD', 'OLDPWD', 'SHLVL', '_', 'a-b', '1'];
    expect(exportsOf(Object.fromEntries(own.map((name) => [name, '1'])))).toBe('');
  });

  it('says nothing if there is none', () => {
    expect(exportsOf({})).toBe('');
  });
});

describe('what comes before the mark of the end', () => {
  async function passed(text: string, ends: readonly number[] = []) {
    const statuses: number[] = [];
    const stream = new BeforeEnd(marks.end, (status) => statuses.push(status));
    const before = buffer(stream);
    const bytes = Buffer.from(text, 'latin1');
    const places = [0, ...ends.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
    for (let i = 1; i < places.length; i++) stream.write(bytes.subarray(places[i - 1], places[i]));
    stream.end();
    return { before: (await before).toString('latin1'), statuses };
  }

  it('is passed on, and the status told, however it arrives', async () => {
    const noise = fc
      .array(fc.constantFrom('m', 'maestro-', 'end-', '0a1b2c3d', '=', ';', '\n', '\xff'))
      .map((all) => all.join(''));
    await fc.assert(
      fc.asyncProperty(noise, noise, fc.nat(255), fc.array(fc.nat()), async (before, after, status, ends) => {
        fc.pre(`${before}${end}`.indexOf(end) === before.length);
        expect(await passed(`${before}${end}${status};${after}`, ends)).toEqual({ before, statuses: [status] });
      }),
    );
  });

  it('is all, if the mark does not come or is not whole', async () => {
    for (const text of ['', 'words', end.slice(0, -1), `x${end}`, `x${end}12`]) {
      expect(await passed(text)).toEqual({ before: text, statuses: [] });
    }
  });

  it('is passed on at once, however little it is', async () => {
    const stream = new BeforeEnd(marks.end, () => {});
    stream.write('a question? ');
    expect(String(stream.read())).toBe('a question? ');
    stream.write('maes');
    expect(stream.read()).toBe(null);
    stream.write('ter');
    expect(String(stream.read())).toBe('maester');
  });
});
