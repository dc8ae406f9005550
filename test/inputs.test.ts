import { describe, expect, it } from 'vitest';
import {
  actionInputs,
  commandLineInputs,
  defaultOf,
  descriptionOf,
  InputError,
  inputNames,
  parseInputs,
} from '../src/inputs.js';

const noFiles = (file: string): string => {
  throw new Error(`ENOENT: no such file or directory, open '${file}'`);
};
const flags = (...args: string[]) => commandLineInputs(args, noFiles);

/** The lines of the error that comes of it. */
function complaints(parse: () => unknown): string[] {
  try {
    parse();
  } catch (error) {
    if (error instanceof InputError) return error.message.split('\n');
    throw error;
  }
  return [];
}

describe('the inputs', () => {
  it('have these defaults', () => {
    expect(flags('study.yaml')).toMatchObject({
      spec: 'study.yaml',
      'dry-run': false,
      'output-path': '',
      'study-key': '',
      'allow-failure': [],
      throttle: 0,
      'local-jobs': 4,
      'submission-attempts': 1,
      'restart-limit': 1,
      'hash-workspaces': false,
      setup: '',
      env: new Map(),
      annotations: 'commands',
      summary: true,
      'report-path': '',
    });
  });

  it('are described, each, and have as default what they take when they are empty', () => {
    for (const name of inputNames) {
      expect([name, descriptionOf(name)]).toEqual([name, expect.stringMatching(/^.{10,}\.$/s)]);
      if (name === 'spec') expect(defaultOf(name)).toBeUndefined();
      else expect([name, typeof defaultOf(name)]).toEqual([name, 'string']);
    }
    const given = (value: (name: string) => string) =>
      parseInputs(new Map(inputNames.map((name) => [name, name === 'spec' ? 'a' : value(name)])), (name) => name);
    expect(given(() => '')).toEqual(given((name) => defaultOf(name as (typeof inputNames)[number])!));
  });

  it('are typed', () => {
    expect(
      flags(
        ...['study.yaml', '--throttle', '12', '--local-jobs=2', '--submission-attempts=3', '--restart-limit=0'],
        ...['--annotations=none', '--summary=false', '--study-key=a-B_c.1', '--hash-workspaces'],
      ),
    ).toMatchObject({
      throttle: 12,
      'local-jobs': 2,
      'submission-attempts': 3,
      'restart-limit': 0,
      annotations: 'none',
      summary: false,
      'study-key': 'a-B_c.1',
      'hash-workspaces': true,
    });
  });
});

describe('env', () => {
  it('is lines of NAME=VALUE, the value as it is', () => {
    const { env } = flags('a', '--env', `A=1\n\n  B=two words =x \nC=\nD_1="it's $HOME"`);
    expect(Object.fromEntries(env)).toEqual({ A: '1', B: 'two words =x ', C: '', D_1: `"it's $HOME"` });
  });

  it('is lines however those end', () => {
    const { env } = flags('a', '--env', 'A=1\r\nB=2\r\n');
    expect(Object.fromEntries(env)).toEqual({ A: '1', B: '2' });
  });

  it('shows no value of a line that it cannot read: it may be a secret', () => {
    const wrong = (text: string) => complaints(() => flags('a', '--env', text));
    expect(wrong('MY TOKEN=hunter2')).toEqual(['--env must be lines of NAME=VALUE, but has MY TOKEN=...']);
    expect(wrong('A=1\nhunter2')).toEqual(['--env must be lines of NAME=VALUE, but has a line without `=`']);
    expect(wrong('1A=hunter2').join()).not.toContain('hunter2');
  });
});

describe('allow-failure', () => {
  it('is globs, one a line, without blanks around', () => {
    expect(flags('a', '--allow-failure', 'run_*\n\n  post \n')['allow-failure']).toEqual(['run_*', 'post']);
  });

  it('leaves a glob of alternatives whole', () => {
    expect(flags('a', '--allow-failure', 'run_{A,B}.*')['allow-failure']).toEqual(['run_{A,B}.*']);
  });
});

describe('the inputs of the action', () => {
  it('are in the environment under their names, as the runner puts them there', () => {
    expect(
      actionInputs({
        INPUT_SPEC: ' study.yaml\n',
        'INPUT_DRY-RUN': 'true',
        INPUT_THROTTLE: '',
        INPUT_SETUP: 'a\nb',
        DRY_RUN: 'x',
      }),
    ).toMatchObject({ spec: 'study.yaml', 'dry-run': true, throttle: 0, setup: 'a\nb' });
  });

  it('are wrong all at once, each by its name and with what was given', () => {
    expect(
      complaints(() =>
        actionInputs({
          'INPUT_DRY-RUN': 'yes',
          INPUT_THROTTLE: '-1',
          'INPUT_LOCAL-JOBS': 'many',
          INPUT_ANNOTATIONS: 'all',
          'INPUT_STUDY-KEY': 'a b',
        }),
      ).sort(),
    ).toEqual([
      "input 'annotations' must be commands or none, not 'all'",
      "input 'dry-run' must be true or false, not 'yes'",
      "input 'local-jobs' must be a whole number from 1 up, not 'many'",
      "input 'spec' is required: the path of a study specification",
      "input 'study-key' must be letters, digits, `-`, `_` and `.` only, not 'a b'",
      "input 'throttle' must be a whole number from 0 up, not '-1'",
    ]);
  });

  it('are numbers from where they start', () => {
    expect(complaints(() => actionInputs({ INPUT_SPEC: 'a', 'INPUT_LOCAL-JOBS': '0' }))).toEqual([
      "input 'local-jobs' must be a whole number from 1 up, not '0'",
    ]);
    for (const wrong of ['1.5', '1e3', '٣', '0x10', '99999999999999999999']) {
      expect([wrong, complaints(() => actionInputs({ INPUT_SPEC: 'a', INPUT_THROTTLE: wrong })).length]).toEqual([
        wrong,
        1,
      ]);
    }
  });
});

describe('the inputs of the command line', () => {
  it('are one spec and options, in any order', () => {
    for (const args of [
      ['study.yaml', '--dry-run', '--throttle', '3'],
      ['--throttle=3', '--dry-run', 'study.yaml'],
      ['--dry-run=true', 'study.yaml', '--throttle=3'],
      ['--dry-run', 'true', 'study.yaml', '--throttle=3'],
      ['-dry-run', '-throttle=3', 'study.yaml'],
    ]) {
      expect([args, flags(...args)]).toEqual([
        args,
        expect.objectContaining({ spec: 'study.yaml', 'dry-run': true, throttle: 3 }),
      ]);
    }
  });

  it('may be false', () => {
    expect(flags('a', '--summary=false').summary).toBe(false);
    expect(flags('a', '--summary', 'false').summary).toBe(false);
    expect(flags('--summary', 'a')).toMatchObject({ summary: true, spec: 'a' });
  });

  it('may have any value after a `=`, also one with lines, a `=`, or nothing', () => {
    expect(flags('a', '--setup=x=1\ny=2').setup).toBe('x=1\ny=2');
    expect(flags('a', '--throttle=').throttle).toBe(0);
  });

  it('may be read from a file, less its last newline', () => {
    const read = (file: string) =>
      ({ 'lines.txt': 'one\ntwo\n', 'dos.txt': 'one\r\n', none: '' })[file] ?? noFiles(file);
    const setup = (...args: string[]) => commandLineInputs(['a', ...args], read).setup;
    expect(setup('--setup', '@lines.txt')).toBe('one\ntwo');
    expect(setup('--setup=@dos.txt')).toBe('one');
    expect(setup('--setup=@none')).toBe('');
    expect(complaints(() => setup('--setup=@gone'))).toEqual([
      "--setup: cannot read gone: ENOENT: no such file or directory, open 'gone'",
    ]);
  });

  it('are refused with a suggestion if there is no such option', () => {
    expect(complaints(() => flags('a', '--dryrun', '--Throttle=3', '--zzzzzz'))).toEqual([
      'there is no option --dryrun; did you mean --dry-run?',
      'there is no option --Throttle; did you mean --throttle?',
      'there is no option --zzzzzz; --help lists them',
    ]);
  });

  it('are not suggested as what they were called', () => {
    const [complaint] = complaints(() => flags('--spec', 'a'));
    expect(complaint).toContain('there is no option --spec');
    expect(complaint).not.toContain('did you mean --spec?');
  });

  it('need a value', () => {
    expect(complaints(() => flags('a', '--throttle'))).toEqual(['--throttle needs a value']);
  });

  it('are one spec, no less and no more', () => {
    expect(complaints(() => flags('--dry-run'))).toEqual(['SPEC is required: the path of a study specification']);
    expect(complaints(() => flags('a', 'b'))).toEqual(["there is one spec to run, but 'a' and 'b' were given"]);
  });

  it('are wrong all at once, whatever is wrong with them', () => {
    expect(complaints(() => flags('a', '--dryrun', '--throttle=x', '--local-jobs=0', '--setup=@gone')).sort()).toEqual([
      "--local-jobs must be a whole number from 1 up, not '0'",
      expect.stringMatching(/^--setup: cannot read gone/),
      "--throttle must be a whole number from 0 up, not 'x'",
      'there is no option --dryrun; did you mean --dry-run?',
    ]);
  });
});
