import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Environment, locate, type Places } from '../../src/study/environment.js';
import { instancesOf, places, validSpec } from '../support/plan.js';

type Entries = Readonly<Record<string, unknown>>;

/** A study that was started in `/cwd/project`, on a machine of which `/cwd` was copied to the host. */
const staged: Places = {
  studyPath: '/study',
  specRoot: '/study/copy/project',
  workingDirectory: '/cwd/project',
  staged: { from: '/cwd', to: '/study/copy' },
};

/** What `text` becomes in a study with these variables and labels. */
function applied(text: string, variables: Entries, labels: Entries = {}, dependencies?: Entries): string {
  const brief = { variables, labels, steps: [{ name: 'a' }], ...(dependencies === undefined ? {} : { dependencies }) };
  return new Environment(validSpec(brief), places).apply(text);
}

/** An environment as YAML has it, for keys and values that JSON does not know. */
const appliedYaml = (text: string, env: string) =>
  new Environment(
    validSpec(
      `description: {name: n, description: d}\nenv: ${env}\nstudy: [{name: a, description: d, run: {cmd: x}}]\n`,
    ),
    places,
  ).apply(text);

describe('a token', () => {
  it.each([
    ['$(A)', 'x'],
    ['-$(A)-$(A)$(A)-', '-x-xx-'],
    ['$(N)', '5'],
    ['$(A', '$(A'],
    ['(A) $A ${A} $(a) $( A)', '(A) $A ${A} $(a) $( A)'],
    ['$(hostname) $(UNKNOWN)', '$(hostname) $(UNKNOWN)'],
    ['$$(A)', '$x'],
    ['$(A.label)', '$(A.label)'],
    ['', ''],
  ])('in %j gives %j', (text, expected) => expect(applied(text, { A: 'x', N: 5 })).toBe(expected));

  it.each([
    ['1.50', '1.5'],
    ['010', '8'],
    ['1e3', '1e3'],
    ['0.00001', '1e-05'],
    ['.inf', 'inf'],
    ['12:00:00', '43200'],
  ])('stands for what Python prints of %s', (written, printed) =>
    expect(appliedYaml('$(A)', `{variables: {A: ${written}}}`)).toBe(printed),
  );

  it.each([
    ['true', 'True'],
    ["[1, 'b']", "[1, 'b']"],
    ['""', ''],
  ])('may stand for the label %s', (written, printed) =>
    expect(appliedYaml('<$(A)>', `{labels: {A: ${written}}}`)).toBe(`<${printed}>`),
  );

  it('is replaced literally, whatever its name and value mean elsewhere', () =>
    expect(applied('$(A.*) $(AxB) $(B)', { 'A.*': "$& $1 $' $$", B: '\\1' })).toBe("$& $1 $' $$ $(AxB) \\1"));
});

describe('OUTPUT_PATH and SPECROOT', () => {
  it('are the study directory and the directory of the spec', () =>
    expect(applied('$(OUTPUT_PATH) $(SPECROOT)', {})).toBe('/study /spec'));

  it('are so whatever the spec says of OUTPUT_PATH', () =>
    expect(applied('$(OUTPUT_PATH)', { OUTPUT_PATH: './elsewhere' })).toBe('/study'));

  it('may be used by a label wherever it is', () =>
    expect(applied('$(A)', { FIRST: 1 }, { A: '$(OUTPUT_PATH)/$(SPECROOT)' })).toBe('/study//spec'));

  it('are not yet known to a variable that comes first, nor is it passed by for good', () =>
    expect(applied('$(A)', { A: '$(SPECROOT)/tool' })).toBe('/spec/tool'));
});

describe('whether an item is a label', () => {
  // Labels are replaced before dependencies and variables: a label's text may hold any of them.
  it('is decided by a `$` in it, not by its block', () => {
    expect(applied('$(P)', { FIRST: 1, P: '$HOME $(LATER)', LATER: 'z' })).toBe('$HOME z');
    expect(applied('$(A)', { B: '$(L)' }, { L: 'plain', A: '$(B)' })).toBe('plain');
  });

  it('does not matter to the first item, which is a variable whatever it holds', () => {
    expect(applied('$(A)', { A: '$(L)', Z: 1 }, { L: '$(Z)' })).toBe('$(L)');
    expect(applied('$(A)', { Z: 1, A: '$(L)' }, { L: '$(Z)' })).toBe('1');
  });

  it('counts OUTPUT_PATH as the first item, though it is replaced', () =>
    expect(applied('$(A)', { OUTPUT_PATH: 'o', A: '$(L)' }, { L: '$(Z)', Z: 1 })).toBe('1'));

  it('counts the first label when there are no variables', () => {
    expect(applied('$(L)', {}, { L: '$(M)', M: '$(N)', N: 'n' })).toBe('$(M)');
    expect(applied('$(L)', {}, { N: 'n', L: '$(M)', M: '$(N)' })).toBe('n');
  });

  it('does not count dependencies', () =>
    expect(applied('$(L)', {}, { L: '$(P)' }, { paths: [{ name: 'P', path: '/p' }] })).toBe('$(P)'));
});

describe('tokens within tokens', () => {
  it.each([
    [{ C: 'c', B: '$(C)/b', A: '$(B)/a' }, '$(A)', '$(B)/a'],
    [{ C: 'c', A: '$(B)/a', B: '$(C)/b' }, '$(A)', 'c/b/a'],
    [{ A: '$(B)/a', B: '$(C)/b', C: 'c' }, '$(A)', '$(B)/a'],
    [{ Y: 'y', X: '$(X)' }, '$(X)', '$(X)'],
    [{ Z: 'z', X: '$(Y)', Y: '$(X)' }, '$(X)', '$(X)'],
    [{ A: '$(B)', B: 'b' }, '$(A)', 'b'],
    [{ B: 'b', N: 'OME', A: '$(H$(N))' }, '$(A)', '$(HOME)'],
  ])('%j: %s is %s', (variables, text, expected) => expect(applied(text, variables)).toBe(expected));

  it('are replaced once, labels first, then dependencies, then variables, each in the order of the spec', () =>
    expect(
      applied(
        '$(L) $(P) $(V)',
        { FIRST: '-', V: 'v' },
        { L: '<$(M) $(P) $(V)>', M: '[$(P) $(V)]' },
        { paths: [{ name: 'P', path: '/data/$(V)' }], git: [{ name: 'G', url: 'u', path: '/src' }] },
      ),
    ).toBe('<[/data/v v] /data/v v> /data/v v'));

  it('let no label use a label that was declared before it', () =>
    expect(applied('$(B)', { V: 'v' }, { A: 'a$(V)', B: '$(A)' })).toBe('$(A)'));

  it('may be parameters and workspaces, which are replaced later', () =>
    expect(applied('$(L)', { V: 'v' }, { L: '$(N.label)/$(make.workspace)/$(WORKSPACE)' })).toBe(
      '$(N.label)/$(make.workspace)/$(WORKSPACE)',
    ));
});

describe('a path dependency', () => {
  it.each([
    ['/data', '/data'],
    ['data', '/cwd/data'],
    ['./a/../b', '/cwd/b'],
    ['/data/', '/data'],
  ])('of %s is %s', (path, expected) =>
    expect(applied('$(P)', {}, {}, { paths: [{ name: 'P', path }] })).toBe(expected),
  );
});

describe('where a path of the spec is on the host', () => {
  it.each([
    ['/data', '/data'],
    ['data', '/cwd/data'],
    ['../data/./x/', '/data/x'],
    ['.', '/cwd'],
  ])('that is this machine: %s is %s', (given, expected) => expect(locate(places, given)).toBe(expected));

  it.each([
    ['data', '/study/copy/project/data'],
    ['data/x/../y/', '/study/copy/project/data/y'],
    ['.', '/study/copy/project'],
    ['..', '/study/copy'],
    ['../shared', '/study/copy/shared'],
    ['../../cwd/shared', '/study/copy/shared'],
    ['..data', '/study/copy/project/..data'],
    ['../..data', '/study/copy/..data'],
    ['/data', '/data'],
    ['/cwd/project/data', '/cwd/project/data'],
  ])('that is another machine: %s is %s', (given, expected) => expect(locate(staged, given)).toBe(expected));

  it.each(['../..', '../../data', '../../cwd2', '../project/../../x'])(
    'that is another machine is nowhere if it was not copied: %s',
    (given) => expect(locate(staged, given)).toBeUndefined(),
  );

  it('is where the copy is, wherever the study was started', () =>
    expect(locate({ ...staged, workingDirectory: '/home' }, '../cwd/data')).toBe('/study/copy/data'));
});

describe('a study whose files were copied to the host', () => {
  const environmentOf = (dependencies: Entries, variables: Entries = {}) => {
    const spec = validSpec({ variables, dependencies, steps: [{ name: 'a' }] });
    const environment = new Environment(spec, staged);
    return { apply: (text: string) => environment.apply(text), clones: environment.clones(spec, staged) };
  };

  it('has as $(SPECROOT) the copy of the directory of the spec', () =>
    expect(environmentOf({}).apply('$(SPECROOT) $(OUTPUT_PATH)')).toBe('/study/copy/project /study'));

  it('has as path dependencies their copies, or what is on the host', () => {
    const paths = [
      { name: 'COPIED', path: '../shared' },
      { name: 'THERE', path: '/data' },
    ];
    expect(environmentOf({ paths }).apply('$(COPIED) $(THERE)')).toBe('/study/copy/shared /data');
  });

  it.each([
    ['src', '/study/copy/project/src/CODE'],
    ['..', '/study/copy/CODE'],
    ['/src', '/src/CODE'],
    ['$(OUTPUT_PATH)/src', '/study/src/CODE'],
    ['$(DIR)', '/study/copy/project/relative/CODE'],
    ['../../elsewhere/src', '/study/.conductor/clones/src/CODE'],
    ['../..', '/study/.conductor/clones/CODE'],
  ])('clones what is to be cloned to %s into %s', (path, destination) => {
    const git = [{ name: 'CODE', url: 'https://example.org/code.git', path }];
    const { apply, clones } = environmentOf({ git }, { DIR: 'relative' });
    expect([clones[0]!.destination, apply('$(CODE)')]).toEqual([destination, destination]);
  });
});

describe('a git dependency', () => {
  const git = (path: string, variables: Entries = {}, labels: Entries = {}) => {
    const spec = validSpec({
      variables,
      labels,
      dependencies: { git: [{ name: 'CODE', url: 'https://$(HOST)/$(L).git', path, branch: 'main' }] },
      steps: [{ name: 'a' }],
    });
    const environment = new Environment(spec, places);
    return { token: environment.apply('$(CODE)'), clone: environment.clones(spec, places)[0]! };
  };

  it.each([
    ['/src', '/src/CODE'],
    ['/src/', '/src/CODE'],
    ['/', '/CODE'],
    ['src', '/cwd/src/CODE'],
    ['$(OUTPUT_PATH)', '/study/CODE'],
    ['$(OUTPUT_PATH)/src/', '/study/src/CODE'],
    ['src/$(HOST)', '/cwd/src/example.org/CODE'],
    ['$(DIR)/src', '/cwd/relative/src/CODE'],
  ])('below %s stands for the directory that it is cloned into', (path, expected) => {
    const { token, clone } = git(path, { HOST: 'example.org', DIR: 'relative' });
    expect({ token, destination: clone.destination }).toEqual({ token: expected, destination: expected });
  });

  it('has variables in its URL, but no labels', () =>
    expect(git('/src', { HOST: 'example.org' }, { L: 'x$(HOST)' }).clone).toEqual({
      name: 'CODE',
      url: 'https://example.org/$(L).git',
      destination: '/src/CODE',
      checkout: { kind: 'branch', name: 'main' },
    }));
});

describe('the environment is applied to a step', () => {
  const [instance] = instancesOf({
    batch: { type: 'flux' },
    variables: { V: 'v', N: 2, ON: 'True' },
    steps: [
      {
        name: 'a',
        description: 'about $(V)',
        cmd: 'echo $(V)',
        restart: 'again $(V)',
        nodes: '$(N)',
        procs: 4,
        reservation: 'r-$(V)',
        exclusive: { allocation: '$(ON)', launcher: false },
      },
    ],
  });

  it('in its description and all texts of its run block, into lists and mappings', () => {
    expect(instance!.description).toBe('about v');
    expect(Object.fromEntries(instance!.run)).toMatchObject({
      cmd: 'echo v',
      restart: 'again v',
      reservation: 'r-v',
      exclusive: new Map<string, unknown>([
        ['allocation', 'True'],
        ['launcher', false],
      ]),
    });
  });

  it('where a number from a variable is text, and a number stays a number', () =>
    expect([instance!.run.get('nodes'), instance!.run.get('procs')]).toEqual(['2', 4n]));

  it('also to the names that it depends on', () =>
    expect(
      instancesOf({
        variables: { V: 'make' },
        steps: [{ name: 'make' }, { name: 'run', depends: ['$(V)'] }],
      }).map(({ name, dependsOn }) => [name, dependsOn]),
    ).toEqual([
      ['make', []],
      ['run', [0]],
    ]));
});

it('a text without tokens of the environment stays as it is', () =>
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('$', '(', ')', 'X', ' ', '\n', '$(X)', 'é') }), (text) => {
      expect(applied(text, { A: 1, B: '$(A)' })).toBe(text);
    }),
  ));
