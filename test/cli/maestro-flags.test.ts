import { describe, expect, it } from 'vitest';
import { readInputs } from '../../src/cli/arguments.js';
import { withoutGlobalFlags } from '../../src/cli/maestro-flags.js';

const read = (line: string) => readInputs(line.split(' '), { read: () => '' });

describe('a command line of `maestro run`', () => {
  it('has all its flags, in short and in long', () => {
    const inputs = {
      spec: 'study.yaml',
      'submission-attempts': 3,
      'restart-limit': 2,
      throttle: 10,
      pgen: 'gen.py',
      pargs: new Map([
        ['SIZE', '10'],
        ['N', '4'],
      ]),
      'output-path': 'out/x',
    };
    for (const line of [
      '-a 3 -r 2 -t 10 -p gen.py --pargs SIZE:10 --pargs N:4 -o out/x study.yaml',
      'study.yaml --attempts 3 --rlimit 2 --throttle 10 --pgen gen.py --pargs SIZE:10 --pargs N:4 --out out/x',
      '-a3 -r2 -t10 -pgen.py --pargs=SIZE:10 --pargs=N:4 -oout/x study.yaml',
    ]) {
      expect(read(line)).toMatchObject({ inputs, errors: [], notes: [] });
    }
  });

  it.each([['--dry'], ['-d'], ['-dry'], ['--dry-run']])('is a dry run with %s', (flag) => {
    expect(read(`study.yaml ${flag}`)).toMatchObject({ inputs: { 'dry-run': true }, errors: [], notes: [] });
  });

  it('hashes workspaces with --hashws', () => {
    expect(read('--hashws study.yaml').inputs['hash-workspaces']).toBe(true);
  });

  it('says once and for all what has no effect', () => {
    expect(read('-fg -y -s 30 study.yaml')).toMatchObject({
      inputs: { spec: 'study.yaml', sleeptime: 5 },
      errors: [],
      notes: [
        '-fg, -y and --sleeptime have no effect: studies run in the foreground, nothing is asked and ends of jobs are seen at once',
      ],
    });
    expect(read('--autoyes study.yaml').notes).toEqual(['-y has no effect: nothing is asked']);
    expect(read('-fg study.yaml').notes).toEqual(['-fg has no effect: studies run in the foreground']);
  });

  it("sleeps as long as is said with the host's own Maestro", () => {
    expect(read('-s 30 --conductor maestro study.yaml')).toMatchObject({
      inputs: { sleeptime: 30 },
      errors: [],
      notes: [],
    });
  });

  it('says that -y overwrites nothing here', () => {
    expect(read('-y -o out study.yaml').notes).toEqual([
      '-y has no effect: nothing is asked',
      'with -y Maestro removes a study that is in its output path; here it is continued (--resume)',
    ]);
  });

  it.each([['-n'], ['--autono']])('launches nothing with %s, as with Maestro', (flag) => {
    expect(read(`${flag} study.yaml`)).toMatchObject({
      inputs: { 'dry-run': true },
      errors: [],
      notes: ["-n answers no to Maestro's question whether to launch the study: this is a dry run"],
    });
  });

  it('cannot have both answers', () => {
    expect(read('-n -y study.yaml').errors).toEqual(['-y and -n contradict each other: give one of them']);
  });

  it('is refused with --usetmp, which says why', () => {
    expect(read('--usetmp --throttle x study.yaml').errors).toEqual([
      '--usetmp is refused: jobs and later runs need the scripts, which are always in the study directory; leave it out',
      "--throttle must be a whole number from 0 up, not 'x'",
    ]);
  });
});

describe('what Maestro takes before its verb', () => {
  it('is about its log, and has no effect', () => {
    expect(withoutGlobalFlags(['-d', '1', '-c', '-l', '/tmp/x', 'run', 'study.yaml', '-d'])).toEqual({
      args: ['run', 'study.yaml', '-d'],
      notes: ['-d, -c and -l have no effect: the log is always on the terminal and in the study directory'],
    });
    expect(withoutGlobalFlags(['--debug_lvl=1', 'run'])).toMatchObject({ args: ['run'] });
  });

  it('is nothing in other command lines', () => {
    expect(withoutGlobalFlags(['run', '-d'])).toEqual({ args: ['run', '-d'], notes: [] });
    expect(withoutGlobalFlags([])).toEqual({ args: [], notes: [] });
  });
});
