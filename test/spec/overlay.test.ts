import { describe, expect, it } from 'vitest';
import type { Overlays } from '../../src/spec/overlay.js';
import { formatProblem } from '../../src/spec/problem.js';
import { readSpec } from '../../src/spec/read.js';
import { Source } from '../../src/spec/source.js';
import type { Spec } from '../../src/spec/spec.js';
import { dedent, specText } from '../support/plan.js';

type Inputs = Partial<Record<keyof Overlays, string>>;

const base = specText(`
  env:
    variables:
      OUTPUT_PATH: ./out
      SIZE: 10
    labels:
      NAME: run.$(SIZE)
  batch:
    type: slurm
    host: quartz
    bank: science
    queue: pbatch
  study:
    - name: run
      description: Run it
      run:
        cmd: ./code $(N) $(M)
  global.parameters:
    N: {values: [1, 2], label: n%%}
    M: {values: [a, b], label: M.%%}
`);

/** A spec read with inputs laid over it. Their sources are called as a user gave them. */
function read(text: string, inputs: Inputs) {
  const overlays = Object.fromEntries(
    Object.entries(inputs).map(([name, given]) => [name, new Source(`input '${name}'`, given)]),
  );
  const { spec, problems } = readSpec(new Source('study.yaml', text), overlays);
  return { spec, problems: problems.map(formatProblem) };
}

function laid(inputs: Inputs, text = base): Spec {
  const { spec, problems } = read(text, inputs);
  if (spec === undefined) throw new Error(`the specification is refused:\n${problems.join('\n')}`);
  return spec;
}

const problemsOf = (inputs: Inputs, text = base) => read(text, inputs).problems;

const variablesOf = (spec: Spec) => Object.fromEntries(spec.variables.map(({ name, value }) => [name, value]));
const batchOf = (spec: Spec) => ({ type: spec.batch.type, ...Object.fromEntries(spec.batch.values) });
const parametersOf = (spec: Spec) =>
  Object.fromEntries(spec.parameters.map(({ key, values, label }) => [key, [label, ...values]]));

/** A study that has nothing which an input could be laid over. */
const bare = specText('study: [{name: run, description: d, run: {cmd: x}}]');

describe('without inputs', () => {
  it.each<[string, Inputs]>([
    ['none at all', {}],
    ['empty ones', { parameters: '', variables: '\n', batch: '  \n' }],
    ['nothing but comments', { parameters: '# none', variables: '# none\n', batch: '\n# none' }],
    ['empty mappings', { parameters: '{}', variables: '{}', batch: '{}' }],
  ])('the spec is as it was written: %s', (_, inputs) => {
    const { spec, problems } = read(base, inputs);
    expect(problems).toEqual([]);
    expect(JSON.stringify(spec, plain)).toBe(JSON.stringify(laid({}), plain));
  });
});

/** What JSON cannot hold, made so that it can. */
function plain(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`;
  return value instanceof Map ? [...value] : value;
}

describe('variables', () => {
  it('replace those of the spec, in their place, and follow them', () =>
    expect(Object.entries(variablesOf(laid({ variables: 'SIZE: 20\nDEPTH: 3\nOUTPUT_PATH: /p' })))).toEqual([
      ['OUTPUT_PATH', '/p'],
      ['SIZE', 20n],
      ['DEPTH', 3n],
    ]));

  it('have the values that Python reads', () =>
    expect(variablesOf(laid({ variables: 'A: 010\nB: 1e3\nC: 12:00' }))).toMatchObject({ A: 8n, B: '1e3', C: 720n }));

  it('are found where the input has them', () =>
    expect(laid({ variables: '\n  SIZE: 20' }).variables.map(({ name, at }) => [name, at])).toEqual([
      ['OUTPUT_PATH', { file: 'study.yaml', line: 4, column: 5 }],
      ['SIZE', { file: "input 'variables'", line: 2, column: 3 }],
    ]));

  it.each([
    ['no env', bare],
    ['an empty env', `${bare}env:\n`],
    ['an env without variables', `${bare}env: {labels: {L: x}}\n`],
    ['empty variables', `${bare}env:\n  variables:\n`],
  ])('may be laid over %s', (_, text) => {
    const { spec, problems } = read(text, { variables: 'A: 1' });
    expect([problems, spec && variablesOf(spec)]).toEqual([[], { A: 1n }]);
  });

  it('leave the rest of env alone', () => expect(laid({ variables: 'A: 1' }).labels).toEqual(laid({}).labels));

  it.each<[string, string, string[]]>([
    [
      'a value that no variable can have',
      'SIZE: 20\nA: yes',
      ["input 'variables':2:4: 'A' of env.variables must be text or a number, not True (a truth value)"],
    ],
    ['an empty value', 'A:', ["input 'variables':1:3: 'A' of env.variables must be text or a number, not empty"]],
    [
      'a name that is taken by the program',
      'SPECROOT: x',
      ["input 'variables':1:1: 'SPECROOT' cannot be defined: it is the directory of the spec"],
    ],
    [
      'a name that is no text',
      '5: x',
      ["input 'variables':1:1: the name 5 in env.variables is no text (put it in quotes)"],
    ],
    ['a list', '- A: 1', ["input 'variables':1:1: input 'variables' must be a YAML mapping"]],
    ['a text', 'SIZE=20', ["input 'variables':1:1: input 'variables' must be a YAML mapping"]],
    [
      'a number in disguise',
      'A: 1\nTIME: 1:30:00',
      [
        'input \'variables\':2:7: warning: 1:30:00 without quotes is the number 5400 (YAML 1.1 counts it in base 60) (write "1:30:00")',
      ],
    ],
  ])('with %s are told of at the line of the input', (_, variables, expected) =>
    expect(problemsOf({ variables })).toEqual(expected),
  );

  it('given twice count as they stand last, and are warned of', () => {
    const { spec, problems } = read(base, { variables: 'SIZE: 20\nSIZE: 30' });
    expect(variablesOf(spec!).SIZE).toBe(30n);
    expect(problems).toEqual([expect.stringMatching(/^input 'variables':2:1: warning: .*'SIZE'.*twice/)]);
  });

  it('cannot have the name of a label of the spec, and both places are told', () => {
    const problems = problemsOf({ variables: '\n\nNAME: x' });
    expect(problems).toEqual([expect.stringContaining("'NAME' is defined twice in env")]);
    expect(problems[0]).toContain('study.yaml:7:5');
    expect(problems[0], 'a line alone would be taken for one of the spec').toContain("input 'variables'");
  });

  it('that are no YAML are told of at their line', () =>
    expect(problemsOf({ variables: 'A: 1\nB: [1, 2\n' })).toEqual([
      expect.stringMatching(/^input 'variables':[23]:\d+: /),
    ]));

  it('are told of beside what is wrong with the spec', () =>
    expect(problemsOf({ variables: 'A: yes' }, base.replace('cmd:', 'cmdd:')).sort()).toEqual([
      expect.stringMatching(/^input 'variables':1:4: /),
      expect.stringMatching(/^study\.yaml:17:7: 'cmd' is missing/),
      expect.stringMatching(/^study\.yaml:17:7: unknown key 'cmdd'/),
    ]));

  it.each([
    ['env is a list', `${bare}env: []\n`, ["study.yaml:3:6: 'env' of the specification must be a mapping, not a list"]],
    [
      'the variables are a list',
      `${bare}env: {variables: [A]}\n`,
      ["study.yaml:3:18: 'variables' of env must be a mapping, not a list"],
    ],
  ])('are of no use where %s', (_, text, expected) =>
    expect(problemsOf({ variables: 'A: 1' }, text)).toEqual(expected),
  );
});

describe('batch', () => {
  it('is laid over the block key by key', () =>
    expect(batchOf(laid({ batch: '{type: flux, queue: pdebug, nodes: 4}' }))).toEqual({
      type: 'flux',
      host: 'quartz',
      bank: 'science',
      queue: 'pdebug',
      nodes: 4n,
    }));

  it.each([
    ['no block', bare],
    ['an empty block', `${bare}batch:\n`],
    ['an empty mapping', `${bare}batch: {}\n`],
  ])('may be laid over %s', (_, text) => {
    const { spec, problems } = read(text, { batch: '{type: flux, queue: q}' });
    expect([problems, spec && batchOf(spec)]).toEqual([[], { type: 'flux', queue: 'q' }]);
  });

  it('replaces mappings within it as a whole', () =>
    expect(
      laid(
        { batch: 'launcher_args: {o: {b: 2}}' },
        `${bare}batch: {type: flux, launcher_args: {o: {a: 1}, S: x}}\n`,
      ).batch.values.get('launcher_args'),
    ).toEqual(new Map([['o', new Map([['b', 2n]])]])));

  it.each<[string, string, string, string[]]>([
    [
      'an unknown type',
      base,
      'queue: q\ntype: pbs',
      ["input 'batch':2:7: unknown batch type 'pbs' (one of local, slurm, lsf, flux)"],
    ],
    [
      'a slip',
      base,
      'quue: q',
      ["input 'batch':1:1: warning: unknown key 'quue' of batch is ignored (did you mean 'queue'?)"],
    ],
    ['a word', base, 'slurm', ["input 'batch':1:1: input 'batch' must be a YAML mapping"]],
    [
      'too few keys over no block',
      bare,
      '{type: slurm, host: h, queue: q}',
      ["input 'batch':1:1: 'bank' is missing from batch (slurm studies need it; it may be \"\")"],
    ],
    [
      'a block of the wrong kind',
      `${bare}batch: slurm\n`,
      'queue: q',
      ["study.yaml:3:8: 'batch' of the specification must be a mapping, not 'slurm' (text)"],
    ],
  ])('with %s is told of', (_, text, batch, expected) => expect(problemsOf({ batch }, text)).toEqual(expected));
});

describe('parameters', () => {
  it('given as lists keep the labels of the spec', () =>
    expect(parametersOf(laid({ parameters: 'N: [3, 4, 5]\nM: [x, y, z]' }))).toEqual({
      N: ['n%%', 3n, 4n, 5n],
      M: ['M.%%', 'x', 'y', 'z'],
    }));

  it('may be lists of as many lines', () =>
    expect(parametersOf(laid({ parameters: 'N:\n- 3\n- 4\n' })).N).toEqual(['n%%', 3n, 4n]));

  it.each<[string, string, unknown]>([
    ['values and label', '{values: [7, 8], label: SIZE%%}', ['SIZE%%', 7n, 8n]],
    ['values', '{values: [7, 8]}', ['n%%', 7n, 8n]],
    ['a label', '{label: SIZE%%}', ['SIZE%%', 1n, 2n]],
  ])('given as a mapping of %s replace just that', (_, given, expected) =>
    expect(parametersOf(laid({ parameters: `N: ${given}` })).N).toEqual(expected),
  );

  it.each<[string, string, unknown]>([
    ['a list', '[7, 8]', ['NEW.%%', 7n, 8n]],
    ['values', '{values: [7, 8]}', ['NEW.%%', 7n, 8n]],
    ['values and label', '{values: [7, 8], label: l%%}', ['l%%', 7n, 8n]],
  ])("that the spec does not have are added, labelled as Maestro's generators do: %s", (_, given, expected) => {
    const spec = laid({ parameters: `NEW: ${given}` });
    expect(spec.parameters.map(({ key }) => key)).toEqual(['N', 'M', 'NEW']);
    expect(parametersOf(spec).NEW).toEqual(expected);
  });

  it.each([
    ['no parameters', bare],
    ['an empty block', `${bare}global.parameters:\n`],
  ])('may be laid over %s', (_, text) => {
    const { spec, problems } = read(text.replace('cmd: x', 'cmd: $(A)'), { parameters: 'A: [1]' });
    expect([problems, spec && parametersOf(spec)]).toEqual([[], { A: ['A.%%', 1n] }]);
  });

  it('take the place of one that the spec has wrong', () =>
    expect(parametersOf(laid({ parameters: 'N: [1]' }, `${bare}global.parameters: {N: 5}\n`))).toEqual({
      N: ['N.%%', 1n],
    }));

  it('are found where the input has them', () =>
    expect(laid({ parameters: '# sizes\nN: [3, 4]' }).parameters.map(({ key, at }) => [key, at])).toEqual([
      ['N', { file: "input 'parameters'", line: 2, column: 1 }],
      ['M', { file: 'study.yaml', line: 20, column: 3 }],
    ]));

  it.each<[string, string, string[]]>([
    [
      'a single value',
      'M: [x, y]\nN: 3',
      ["input 'parameters':2:4: 'N' of global.parameters must be a mapping, not 3"],
    ],
    ['nothing', 'N:', ["input 'parameters':1:3: 'N' of global.parameters must be a mapping, not empty"]],
    [
      'values that are no list',
      'N: {values: 1 2}',
      ["input 'parameters':1:13: 'values' of parameter 'N' must be a list, not '1 2' (text)"],
    ],
    ['an empty label', 'N: {label: ""}', ["input 'parameters':1:12: 'label' of parameter 'N' must not be empty"]],
    ['no values', 'NEW:\n  label: x%%', ["input 'parameters':2:3: 'values' is missing from parameter 'NEW'"]],
    [
      'an unknown key',
      'N: {valeus: [1]}',
      ["input 'parameters':1:5: unknown key 'valeus' in parameter 'N' (did you mean 'values'?)"],
    ],
    [
      'fewer values than another input has',
      'N: [1, 2, 3]\nM: [x, y]',
      [
        "input 'parameters':2:1: parameter 'M' has 2 values, but 'N' has 3 (combination N takes the N-th value of every parameter, so all must have as many)",
      ],
    ],
    ['a label that is the same for all', 'N: {label: same}', [expect.stringMatching(/^input 'parameters':1:12: /)]],
    ['a list', '- N', ["input 'parameters':1:1: input 'parameters' must be a YAML mapping"]],
  ])('with %s are told of at the line of the input', (_, parameters, expected) =>
    expect(problemsOf({ parameters })).toEqual(expected),
  );

  it('that have other numbers of values than those of the spec are told of, with the place of either', () => {
    const told = problemsOf({ parameters: '\nN: [1, 2, 3]' }).join('\n');
    expect(told).toContain("parameter 'M' has 2 values, but 'N' of input 'parameters' has 3");
  });

  it('given twice count as they stand last, and are warned of', () => {
    const { spec, problems } = read(base, { parameters: 'N: [1, 2]\nN: [3, 4]' });
    expect(parametersOf(spec!).N).toEqual(['n%%', 3n, 4n]);
    expect(problems).toEqual([expect.stringMatching(/^input 'parameters':2:1: warning: .*'N'.*twice/)]);
  });

  it('are of no use where the block is of the wrong kind', () =>
    expect(problemsOf({ parameters: 'N: [1]' }, `${bare}global.parameters: [N]\n`)).toEqual([
      "study.yaml:3:20: 'global.parameters' of the specification must be a mapping, not a list",
    ]));

  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])('may be called %s', (name) =>
    expect(laid({ parameters: `'${name}': [1, 2]` }).parameters.map(({ key, label }) => [key, label])).toContainEqual([
      name,
      `${name}.%%`,
    ]),
  );

  it('may be aliases within the input', () =>
    expect(parametersOf(laid({ parameters: 'N: &sizes [8, 9]\nM: *sizes' }))).toEqual({
      N: ['n%%', 8n, 9n],
      M: ['M.%%', 8n, 9n],
    }));
});

describe('all three inputs', () => {
  const spec = laid({
    variables: 'SIZE: 1',
    batch: 'type: lsf',
    parameters: dedent(`
      N: [5]
      M: [6]
    `),
  });

  it('are laid over one spec', () =>
    expect([variablesOf(spec).SIZE, spec.batch.type, parametersOf(spec)]).toEqual([
      1n,
      'lsf',
      { N: ['n%%', 5n], M: ['M.%%', 6n] },
    ]));

  it('are told of together when they are wrong', () =>
    expect(
      problemsOf({ variables: 'A: yes', batch: 'type: pbs', parameters: 'N: 5' }).map((problem) =>
        problem.split(':').slice(0, 3).join(':'),
      ),
    ).toEqual(expect.arrayContaining(["input 'variables':1:4", "input 'batch':1:7", "input 'parameters':1:4"])));

  it('do not hide that the spec itself is empty', () =>
    expect(problemsOf({ variables: 'A: 1' }, '')).toEqual(['study.yaml:1:1: the specification is empty']));
});
