import { describe, expect, it } from 'vitest';
import { actionInputs, defaultOf, descriptionOf, distinctions, parseInputs } from '../../src/inputs/parse.js';
import { type InputName, inputNames } from '../../src/inputs/schema.js';
import { secrets } from '../../src/inputs/traits.js';
import { commandLineInputs } from '../support/command-line-inputs.js';
import { complaints } from '../support/complaints.js';

const noFiles = (file: string): string => {
  throw new Error(`ENOENT: no such file or directory, open '${file}'`);
};
const flags = (...args: string[]) => commandLineInputs(args, { read: noFiles });

describe('the inputs', () => {
  it('have these defaults', () => {
    expect(flags('study.yaml')).toMatchObject({
      spec: 'study.yaml',
      'dry-run': false,
      'output-path': '',
      'study-key': '',
      resume: 'auto',
      'timeout-minutes': 0,
      'on-cancel': 'cancel',
      'allow-failure': [],
      throttle: 0,
      'local-jobs': 4,
      'submission-attempts': 1,
      'restart-limit': 1,
      'hash-workspaces': false,
      setup: '',
      host: '',
      'ssh-client': 'ssh2',
      'ssh-key': '',
      'ssh-passphrase': '',
      'ssh-known-hosts': '',
      'proxy-jump': '',
      env: new Map(),
      flux: 'auto',
      allocate: '',
      stage: '',
      'stage-exclude': [],
      'allow-fork-pr': false,
      annotations: 'checks',
      'check-name': '',
      'github-token': '',
      baseline: '',
      history: 'none',
      metrics: '',
      'slower-than': 25,
      summary: true,
      'report-path': '',
      collect: [],
    });
  });

  it('are described, each, and have as default what they take when they are empty', () => {
    for (const name of inputNames) {
      expect([name, descriptionOf(name)]).toEqual([name, expect.stringMatching(/^.{10,}\.$/s)]);
      expect([name, typeof defaultOf(name)]).toEqual([name, 'string']);
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
        ...['--host=me@login1:2222', '--ssh-client=openssh', '--proxy-jump=gate1,gate2', '--stage=..'],
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
      host: 'me@login1:2222',
      'ssh-client': 'openssh',
      'proxy-jump': 'gate1,gate2',
      stage: '..',
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
    expect(wrong('A=1\nhunter2')).toEqual([
      '--env must be lines of NAME=VALUE, but has a line without `=` ' +
        '(to pass on a variable of yours, --env NAME="$NAME"; for a file of them, --env @FILE)',
    ]);
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

describe('stage-exclude and collect', () => {
  it.each(['stage-exclude', 'collect'] as const)('are globs, one a line or one each time: %s', (name) => {
    const inputs = flags('a', '--host=h', `--${name}`, '*.log\n\n build/ ', `--${name}=post/*/plots`);
    expect(inputs[name]).toEqual(['*.log', 'build/', 'post/*/plots']);
  });
});

describe('what is said of the connection', () => {
  const read = (file: string) =>
    ({
      id_ed25519: '-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----\n',
      known: 'login1 ssh-ed25519 AAAA\n',
    })[file] ?? noFiles(file);
  const given = (...args: string[]) => commandLineInputs(['a', ...args], { read });

  it('may be read from files: a key, and known hosts, of several files', () => {
    const inputs = given(
      '--host=login1',
      '--ssh-key=@id_ed25519',
      '--ssh-known-hosts',
      '@known',
      '--ssh-known-hosts',
      'b c d',
    );
    expect(inputs['ssh-key']).toBe('-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----');
    expect(inputs['ssh-known-hosts']).toBe('login1 ssh-ed25519 AAAA\nb c d');
  });

  it('is made with one of two clients', () => {
    expect(complaints(() => flags('a', '--ssh-client=putty'))).toEqual([
      "--ssh-client must be ssh2 or openssh, not 'putty'",
      '--ssh-client is of no use without --host',
    ]);
  });

  it('is secret where it is a secret', () => {
    expect([...secrets].sort()).toEqual(['github-token', 'ssh-key', 'ssh-passphrase']);
  });

  it('shows no secret in a message about anything else', () => {
    const words = complaints(() =>
      flags('a', '--ssh-key=hunter2', '--ssh-passphrase=hunter3', '--throttle=x', '--stage=s'),
    );
    expect(words).not.toEqual([]);
    expect(words.join()).not.toMatch(/hunter/);
  });

  it('is refused with an empty host: who gives a key does not expect the study to run on the runner', () => {
    const inputs = { INPUT_SPEC: 'a', 'INPUT_SSH-KEY': 'k', 'INPUT_SSH-KNOWN-HOSTS': 'l', INPUT_HOST: '' };
    const why = ', which is empty; is it taken from a variable that is not set?';
    expect(complaints(() => actionInputs(inputs))).toEqual([
      `input 'ssh-key' is of no use without input 'host'${why}`,
      `input 'ssh-known-hosts' is of no use without input 'host'${why}`,
    ]);
  });
});

describe('what is said of continuing and ending', () => {
  it('is one of few words', () => {
    for (const word of ['auto', 'always', 'never']) expect(flags('a', `--resume=${word}`).resume).toBe(word);
    for (const word of ['cancel', 'leave']) expect(flags('a', `--on-cancel=${word}`)['on-cancel']).toBe(word);
    expect(complaints(() => flags('a', '--resume=yes', '--on-cancel=kill'))).toEqual([
      "--resume must be auto, always or never, not 'yes'",
      "--on-cancel must be cancel or leave, not 'kill'",
    ]);
  });

  it('is minutes, as many as one likes', () => {
    expect(flags('a', '--timeout-minutes=100000')['timeout-minutes']).toBe(100_000);
    for (const wrong of ['-1', '1.5', '6h']) {
      expect(complaints(() => flags('a', `--timeout-minutes=${wrong}`))).toEqual([
        `--timeout-minutes must be a whole number from 0 up, not '${wrong}'`,
      ]);
    }
  });
});

describe('what tells studies of one spec from each other', () => {
  const of = (...args: string[]) => JSON.stringify(distinctions(flags('study.yaml', ...args)));

  it('is what is laid over it, what makes its parameters, and where it runs', () => {
    const all = [
      [],
      ['--parameters=N: 1'],
      ['--variables=N: 1'],
      ['--batch=N: 1'],
      ['--pgen=pgen.py'],
      ['--pgen=pgen.py', '--pargs=N:1'],
      ['--pgen=pgen.py', '--pargs=N:2'],
      ['--setup=module load gcc'],
      ['--env=CC=gcc'],
      ['--env=CC=clang'],
      ['--host=cluster'],
      ['--host=other'],
      ['--flux=local:///a'],
      ['--flux=cluster'],
      ['--allocate=nodes: 1'],
      ['--allocate=nodes: 2'],
    ];
    expect(new Set(all.map((args) => of(...args))).size).toBe(all.length);
    expect(of('--flux=auto')).toBe(of());
  });

  it('is nothing else: not how it is run, nor how that is told', () => {
    const others = {
      throttle: '3',
      'local-jobs': '7',
      'dry-run': 'true',
      'output-path': '/p',
      'study-key': 'k',
      resume: 'always',
      'on-cancel': 'leave',
      'timeout-minutes': '3',
      summary: 'false',
      collect: '*',
    } satisfies Partial<Record<InputName, string>>;
    for (const [name, value] of Object.entries(others)) expect([name, of(`--${name}=${value}`)]).toEqual([name, of()]);
  });
});

describe('inputs that contradict each other', () => {
  it.each([
    ['--stage=.', '--stage'],
    ['--stage-exclude=*.log', '--stage-exclude'],
    ['--proxy-jump=gate1', '--proxy-jump'],
  ])('are refused: %s without a host', (flag, name) => {
    expect(complaints(() => flags('a', flag))).toEqual([`${name} is of no use without --host`]);
    expect(complaints(() => flags('a', flag, '--host=login1'))).toEqual([]);
  });

  it.each(['system', 'slurm:17', 'local:///x'])('are refused: an allocation and another broker, %s', (flux) => {
    expect(complaints(() => flags('a', '--allocate={with: slurm}', `--flux=${flux}`))).toEqual([
      `--allocate starts a Flux instance to run on, and --flux names another, ${flux}: give one of them`,
    ]);
    expect(complaints(() => flags('a', '--allocate={with: slurm}', '--flux=auto'))).toEqual([]);
  });

  it('are refused: arguments of no generator', () => {
    expect(complaints(() => flags('a', '--pargs=A:1'))).toEqual(['--pargs is of no use without --pgen']);
  });

  it('are refused all at once, in the words of whoever gave them', () => {
    expect(
      complaints(() =>
        actionInputs({
          INPUT_SPEC: 'a',
          INPUT_STAGE: '.',
          'INPUT_PROXY-JUMP': 'gate1',
          INPUT_ALLOCATE: '{with: slurm}',
          INPUT_FLUX: 'system',
        }),
      ).sort(),
    ).toEqual([
      "input 'allocate' starts a Flux instance to run on, and input 'flux' names another, system: give one of them",
      "input 'proxy-jump' is of no use without input 'host'",
      "input 'stage' is of no use without input 'host'",
    ]);
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
      "input 'annotations' must be checks, commands or none, not 'all'",
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
    const setup = (...args: string[]) => commandLineInputs(['a', ...args], { read }).setup;
    expect(setup('--setup', '@lines.txt')).toBe('one\ntwo');
    expect(setup('--setup=@dos.txt')).toBe('one');
    expect(setup('--setup=@none')).toBe('');
    expect(complaints(() => setup('--setup=@gone'))).toEqual([
      "--setup: cannot read gone: ENOENT: no such file or directory, open 'gone'",
    ]);
  });

  it('are refused without what is in a file that was given by mistake', () => {
    const secret = () => 'ssh-key hunter2\nhunter2';
    for (const name of ['throttle', 'slower-than', 'flux-x', 'pargs', 'env', 'resume', 'study-key', 'dry-run']) {
      const words = complaints(() => commandLineInputs(['a', `--${name}=@id_rsa`], { read: secret })).join('\n');
      expect(words).not.toBe('');
      expect(words).not.toContain('hunter2');
    }
    expect(complaints(() => commandLineInputs(['a', '--throttle=@id_rsa'], { read: secret }))).toEqual([
      '--throttle must be a whole number from 0 up, not what is in id_rsa',
    ]);
  });

  it('are shown when they are wrong, if they are short', () => {
    expect(complaints(() => flags('a', `--throttle=${'x'.repeat(5000)}`))).toEqual([
      '--throttle must be a whole number from 0 up, not a text of 5000 characters',
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
    expect(complaints(() => flags('a', 'b'))).toEqual(["only one spec can be given, but 'a' and 'b' were given"]);
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

describe('the inputs about jobs that are lost or wait', () => {
  const parsed = (name: string, value: string) =>
    parseInputs(
      new Map([
        ['spec', 'a'],
        [name, value],
      ]),
      (input) => input,
    );

  it('have defaults', () => {
    const inputs = parsed('max-wait', '');
    expect([inputs['max-wait'], [...inputs['resubmit-on']]]).toEqual([
      0,
      [
        ['node', 3],
        ['preempted', 3],
      ],
    ]);
  });

  it.each([
    ['90', 5400],
    ['3s', 3],
    ['2h', 7200],
    ['1:30:00', 5400],
    ['0', 0],
  ])('take a time: %s is %i s', (text, seconds) => expect(parsed('max-wait', text)['max-wait']).toBe(seconds));

  it('take causes', () => {
    expect([...parsed('resubmit-on', 'none')['resubmit-on']]).toEqual([]);
    expect([...parsed('resubmit-on', 'node: 5, memory')['resubmit-on']]).toEqual([
      ['node', 5],
      ['memory', 3],
    ]);
  });

  it.each([
    ['max-wait', 'soon', /max-wait must be minutes, "HH:MM:SS", "MM:SS", or a number with s, m, h or d/],
    ['resubmit-on', 'code', /resubmit-on must be causes .* 'code' is not a cause that trying again can help with/],
  ])('say what is wrong with %s: %s', (name, value, words) => expect(() => parsed(name, value)).toThrow(words));
});
