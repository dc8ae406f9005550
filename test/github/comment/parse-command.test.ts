import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parametersYaml, parseComment, plainPath } from '../../../src/github/comment/parse-command.js';
import { readSpec } from '../../../src/spec/read.js';
import { Source } from '../../../src/spec/source.js';
import { hostileText } from '../../support/hostile.js';

const plain = { spec: undefined, sha: undefined, machines: [], parameters: {} };

function run(comment: string) {
  const parsed = parseComment(comment);
  if (parsed?.kind !== 'run') return parsed;
  const { parameters, ...command } = parsed.command;
  return { ...command, parameters: Object.fromEntries(parameters) };
}

describe('/study run', () => {
  it.each([
    ['', plain],
    ['  \t ', plain],
    ['studies/a.yaml', { ...plain, spec: 'studies/a.yaml' }],
    ['./studies//a.yaml', { ...plain, spec: 'studies/a.yaml' }],
    ['@ABC1234', { ...plain, sha: 'abc1234' }],
    ['machine=perlmutter', { ...plain, machines: ['perlmutter'] }],
    ['machine=a,b,a', { ...plain, machines: ['a', 'b'] }],
    ['SIZE=10', { ...plain, parameters: { SIZE: ['10'] } }],
    ['SIZE=10,20 MESH=in/a.msh', { ...plain, parameters: { SIZE: ['10', '20'], MESH: ['in/a.msh'] } }],
    ['X=-1.5e+3 MACHINE=a', { ...plain, parameters: { X: ['-1.5e+3'], MACHINE: ['a'] } }],
    [
      'a.yaml SIZE=1 @abcdef0 machine=m',
      { spec: 'a.yaml', sha: 'abcdef0', machines: ['m'], parameters: { SIZE: ['1'] } },
    ],
  ])('takes: %s', (words, wanted) => expect(run(`/study run ${words}`)).toEqual(wanted));

  it.each([
    ['a.yaml b.yaml', "'b.yaml' is one word too many: the spec is 'a.yaml'"],
    ['@abc123', "'@abc123' is not @ and 7 or more digits of a commit's id"],
    ['@somebody', "'@somebody' is not @ and 7 or more digits of a commit's id"],
    ['@abcdef0 @abcdef1', "'@abcdef1' is a second commit"],
    ['machine=a machine=b', "'machine=b' is a second machine=: separate names with commas"],
    ['machine=', 'machine= lacks a name'],
    ['machine=a,,b', 'machine= lacks a name'],
    ['SIZE=', "'SIZE' has no value"],
    ['SIZE=1 SIZE=2', "'SIZE' is given twice: separate values with commas"],
    ['1SIZE=1', "'1SIZE' cannot be the name of a parameter"],
    ['=1', "'' cannot be the name of a parameter"],
    ['/etc/passwd', "'/etc/passwd' is not the path of a file in the repository"],
    ['../a.yaml', "'../a.yaml' is not the path of a file in the repository"],
    ['a/../../b', "'a/../../b' is not the path of a file in the repository"],
    ['a/../b', "'a/../b' is not the path of a file in the repository"],
    ['a\\b', "'a\\b' is not the path of a file in the repository"],
    ['studies/', "'studies/' is not the path of a file in the repository"],
    ['.', "'.' is not the path of a file in the repository"],
    ['\u202egpj.yaml', "'�gpj.yaml' is not the path of a file in the repository"],
    [`a${'b'.repeat(600)}`, `'a${'b'.repeat(78)}…' is too long`],
  ])('says what is wrong with: %s', (words, mistake) =>
    expect(parseComment(`/study run ${words}`)).toEqual({ kind: 'mistakes', mistakes: [mistake] }),
  );

  it.each(['$(id)', '`id`', 'a;b', '"a"', "'a'", '[1]', '{}', '*', '&a', '!x', '#', '10,', ',', 'a|b', '${{x}}', 'é'])(
    'takes no value that is more than a plain one: %s',
    (value) => expect(parseComment(`/study run SIZE=${value}`)?.kind).toBe('mistakes'),
  );

  it('tells all mistakes at once', () => {
    const parsed = parseComment('/study run @x SIZE= ../a');
    expect(parsed).toMatchObject({ kind: 'mistakes', mistakes: { length: 3 } });
  });

  it('takes only so many parameters', () => {
    const words = Array.from({ length: 51 }, (_, i) => `P${i}=1`).join(' ');
    expect(parseComment(`/study run ${words}`)).toEqual({
      kind: 'mistakes',
      mistakes: ['there are more than 50 parameters'],
    });
  });
});

describe('/study', () => {
  it.each(['/study', '/study ', '/study help', '/study help me'])('asks for help: %s', (comment) =>
    expect(parseComment(comment)).toEqual({ kind: 'help' }),
  );

  it.each([
    ['/study rum', "'rum' is not a command (did you mean 'run'?)"],
    ['/study retry', "'retry' is not a command (there is run and help)"],
    ['/study RUN', "'RUN' is not a command (did you mean 'run'?)"],
    ['/study run\n/study run', 'a comment can have one command, and this one has 2'],
  ])('says what there is: %s', (comment, mistake) =>
    expect(parseComment(comment)).toEqual({ kind: 'mistakes', mistakes: [mistake] }),
  );

  it('is not in a comment without a command', () => expect(parseComment('Nice work')).toBeUndefined());
});

const words = fc.oneof(
  hostileText,
  fc.constantFrom('run', 'help', '@abcdef0', 'SIZE=1', 'machine=a', 'a.yaml', '../', '=', ','),
);

describe('whatever follows /study', () => {
  it('is parsed without an error, and what is taken is harmless', () => {
    fc.assert(
      fc.property(fc.array(words, { maxLength: 8 }), (given) => {
        const parsed = parseComment(`/study run ${given.join(' ')}`);
        if (parsed?.kind !== 'run') return;
        const { spec, sha, parameters } = parsed.command;
        if (spec !== undefined) expect(plainPath(spec)).toBe(spec);
        if (sha !== undefined) expect(sha).toMatch(/^[0-9a-f]{7,64}$/);
        for (const value of [...parameters.values()].flat()) expect(value).toMatch(/^[\w.+:/@-]+$/);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('the parameters as YAML', () => {
  it('are the values as they were written, whatever YAML would make of them', () => {
    const texts = ['010', '1.10', 'yes', 'null', '1e3', '1:30', '0x10', '-', '2026-01-01', '.5'];
    const parameters = new Map([
      ['on', texts],
      ['SIZE', texts],
    ]);
    const overlay = new Source('parameters', parametersYaml(parameters));
    const spec = new Source(
      'a.yaml',
      'description: {name: a, description: b}\nstudy:\n- {name: s, description: d, run: {cmd: echo $(SIZE) $(on)}}\n',
    );
    const { spec: read, problems } = readSpec(spec, { parameters: overlay });
    expect(problems.filter(({ severity }) => severity === 'error')).toEqual([]);
    expect(read!.parameters.map(({ key, values }) => [key, values])).toEqual([
      ['on', texts],
      ['SIZE', texts],
    ]);
  });

  it('are nothing if there are none', () => expect(parametersYaml(new Map())).toBe(''));
});
