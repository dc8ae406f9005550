import { describe, expect, it } from 'vitest';
import { formatProblem, SpecError } from '../../src/spec/problem.js';
import { readSpec } from '../../src/spec/read.js';
import { Source } from '../../src/spec/source.js';
import { closest } from '../../src/util/closest.js';
import { dedent, specText, validSpec } from '../support/plan.js';

const found = (text: string, severity: string) =>
  readSpec(new Source('study.yaml', text))
    .problems.filter((problem) => problem.severity === severity)
    .map(formatProblem);
const errorsOf = (text: string) => found(text, 'error');
const warningsOf = (text: string) => found(text, 'warning');

/** The steps of a study that is about something else. They begin on line 2. */
const oneStep = 'study: [{name: a, description: the step, run: {cmd: x}}]';

/** What is wrong with a study whose one step on line 5 has `run` as its run block. */
const runErrors = (run: string) =>
  errorsOf(
    specText(`
      study:
        - name: a
          description: the step
          run: ${run}
    `),
  );

const full = dedent(`
  description:
    name: my study
    description: What it is for
  env:
    variables:
      OUTPUT_PATH: ./out
      SIZE: 010
    labels:
      NAME: run.$(SIZE)
    sources: [/etc/profile]
    dependencies:
      paths:
        - {name: DATA, path: ../data}
      git:
        - name: CODE
          path: $(OUTPUT_PATH)
          url: https://example.org/code.git
          tag: v1
  batch:
    type: slurm
    host: quartz
    bank: science
    queue: pbatch
    nodes: 2
  study:
    - name: make
      description: Build it
      run:
        cmd: |
          cd $(CODE)
          make
    - name: run
      description: Run it
      run:
        cmd: ./code $(N)
        depends: [make]
        walltime: 1:00
  global.parameters:
    N: {values: [1, 1.0, yes], label: N.%%}
`);

describe('a specification', () => {
  const spec = validSpec(full);

  it('is accepted when nothing is wrong', () => expect(errorsOf(full)).toEqual([]));

  it('has a name, a description and a file', () =>
    expect([spec.name, spec.description, spec.file]).toEqual(['my study', 'What it is for', 'study.yaml']));

  it('has variables and labels with the values that Python reads, where their names are', () => {
    expect(spec.variables).toEqual([
      { name: 'OUTPUT_PATH', value: './out', at: { file: 'study.yaml', line: 6, column: 5 } },
      { name: 'SIZE', value: 8n, at: { file: 'study.yaml', line: 7, column: 5 } },
    ]);
    expect(spec.labels).toEqual([
      { name: 'NAME', value: 'run.$(SIZE)', at: { file: 'study.yaml', line: 9, column: 5 } },
    ]);
  });

  it('has dependencies as they were written', () => {
    expect(spec.paths).toMatchObject([{ name: 'DATA', path: '../data', at: { line: 13, column: 9 } }]);
    expect(spec.git).toMatchObject([
      {
        name: 'CODE',
        path: '$(OUTPUT_PATH)',
        url: 'https://example.org/code.git',
        checkout: { kind: 'tag', name: 'v1' },
        at: { line: 15, column: 9 },
      },
    ]);
  });

  it('has a batch type, and the other keys of the block', () => {
    expect(spec.batch.type).toBe('slurm');
    expect([...spec.batch.values]).toEqual([
      ['host', 'quartz'],
      ['bank', 'science'],
      ['queue', 'pbatch'],
      ['nodes', 2n],
    ]);
  });

  it('has steps in the order of the file, at their first lines', () =>
    expect(spec.steps.map(({ name, description, at }) => [name, description, at.line, at.column])).toEqual([
      ['make', 'Build it', 26, 5],
      ['run', 'Run it', 32, 5],
    ]));

  it("has every key of Maestro's run block, empty if it was not given", () =>
    expect(Object.fromEntries(spec.steps[1]!.run)).toEqual({
      cmd: './code $(N)',
      depends: ['make'],
      pre: '',
      post: '',
      restart: '',
      nodes: '',
      procs: '',
      gpus: '',
      'cores per task': '',
      walltime: 60n,
      reservation: '',
    }));

  it('tells where a text of a run block is: in the first key that has it, else at the first key, else at the step', () => {
    const place = (text: string, ...keys: string[]) => {
      const { line, column } = spec.steps[0]!.placeOf(text, ...keys);
      return `${line}:${column}`;
    };
    expect(place('', 'cmd')).toBe('29:12');
    expect(place('$(CODE)', 'restart', 'cmd')).toBe('30:12');
    expect(place('$(NOWHERE)', 'cmd')).toBe('29:12');
    expect(place('', 'restart')).toBe('26:5');
  });

  it('has parameters in the order of the file', () =>
    expect(spec.parameters).toMatchObject([{ key: 'N', values: [1n, 1, true], label: 'N.%%', at: { line: 39 } }]));

  it.each([
    ['no batch block', oneStep],
    ['an empty batch block', `batch:\n${oneStep}`],
    ['a batch block without a type', `batch: {shell: /bin/sh}\n${oneStep}`],
  ])('is local with %s', (_, text) => expect(validSpec(specText(text)).batch.type).toBe('local'));

  it.each([
    ['A: .inf', Number.POSITIVE_INFINITY],
    ['A: .nan', Number.NaN],
    ['A: 123456789012345678901234567890', 123456789012345678901234567890n],
    ['A: 1e3', '1e3'],
    ['A: 1.0', 1],
    ['A: 12:00', 720n],
  ])('may have the variable %s', (variable, value) =>
    expect(validSpec(specText(`env: {variables: {${variable}}}\n${oneStep}`)).variables[0]!.value).toEqual(value),
  );

  it.each([['""'], ['5'], ['true'], ['[1, x]'], ['{a: b}'], ['2024-01-01']])('may have the label %s', (label) =>
    expect(errorsOf(specText(`env: {labels: {A: ${label}}}\n${oneStep}`))).toEqual([]),
  );

  it.each([
    ['{cmd: x, nodes: $(NODES), procs: $(P), gpus: $(G), cores per task: $(Größe)}'],
    ['{cmd: x, nodes: 1, procs: 1, gpus: 0, cores per task: 1, tasks per rs: 1, rs per node: 1, cpus per rs: 1}'],
    ['{cmd: x, nodes: 2.0}'],
    ['{cmd: x, walltime: "12:00:00"}'],
    ['{cmd: x, walltime: 30}'],
    ['{cmd: x, walltime: 0}'],
    ['{cmd: x, exclusive: true}'],
    ['{cmd: x, exclusive: $(E)}'],
    ['{cmd: x, exclusive: {allocation: true, launcher: $(E)}}'],
    ['{cmd: x, priority: HELD}'],
    ['{cmd: x, priority: Expedited}'],
    ['{cmd: x, priority: 0.5}'],
    ['{cmd: x, priority: 1}'],
    ['{cmd: x, nested: false, waitable: true}'],
    ['{cmd: x, bind: rs, bind gpus: none, qos: standby, reservation: r}'],
    ['{cmd: x, pre: y, post: z, depends: []}'],
  ])('may have a run block such as %s', (run) => expect(runErrors(run)).toEqual([]));
});

describe('a specification is refused at the place and with the reason', () => {
  it.each([
    ['of an empty file', '', ['study.yaml:1:1: the specification is empty']],
    ['of a file of comments', '# nothing\n', ['study.yaml:1:1: the specification is empty']],
    ['of a list', '- a\n', ['study.yaml:1:1: the specification must be a mapping with `description` and `study`']],
    ['of a text', '\nhello\n', ['study.yaml:2:1: the specification must be a mapping with `description` and `study`']],
    [
      'of missing blocks',
      'env: {}\n',
      [
        "study.yaml:1:1: 'description' is missing from the specification",
        "study.yaml:1:1: 'study' is missing from the specification",
      ],
    ],
    [
      'of an empty description',
      `description:\n${oneStep}`,
      ["study.yaml:1:13: 'description' of the specification must be a mapping, not empty"],
    ],
    [
      'of a text for a description',
      `description: demo\n${oneStep}`,
      ["study.yaml:1:14: 'description' of the specification must be a mapping, not 'demo' (text)"],
    ],
    [
      'of a description without its keys',
      `description: {}\n${oneStep}`,
      [
        "study.yaml:1:14: 'name' is missing from description",
        "study.yaml:1:14: 'description' is missing from description",
      ],
    ],
    [
      'of a name that is a number, and an empty text',
      `description: {name: 5, description: ""}\n${oneStep}`,
      [
        "study.yaml:1:21: 'name' of description must be the name of the study, not 5",
        "study.yaml:1:37: 'description' of description must not be empty",
      ],
    ],
    [
      'of an empty name',
      `description: {name: '', description: d}\n${oneStep}`,
      ["study.yaml:1:21: 'name' of description must not be empty"],
    ],
    [
      'of an empty study',
      specText('study:'),
      ["study.yaml:2:7: 'study' of the specification must be a list, not empty"],
    ],
    [
      'of a study without steps',
      specText('study: []'),
      ["study.yaml:2:8: 'study' of the specification must have at least one step"],
    ],
    [
      'of a study that is a mapping',
      specText('study: {a: b}'),
      ["study.yaml:2:8: 'study' of the specification must be a list, not a mapping"],
    ],
    [
      'of steps without their keys',
      specText(`
        study:
          - description: no name
          - name: b
      `),
      [
        "study.yaml:3:5: 'name' is missing from step 1",
        "study.yaml:3:5: 'run' is missing from step 1",
        "study.yaml:4:5: 'description' is missing from step 'b'",
        "study.yaml:4:5: 'run' is missing from step 'b'",
      ],
    ],
    [
      'of steps with keys of a wrong type',
      specText(`
        study:
          - name: 5
            description: [a]
            run: x
          - name: ''
            description: ''
            run:
      `),
      [
        "study.yaml:3:11: 'name' of step 1 must be the name of the step, not 5",
        "study.yaml:4:18: 'description' of step 1 must be text, not a list",
        "study.yaml:5:10: 'run' of step 1 must be a mapping, not 'x' (text)",
        "study.yaml:6:11: 'name' of step '' must not be empty",
        "study.yaml:7:18: 'description' of step '' must not be empty",
        "study.yaml:8:9: 'run' of step '' must be a mapping, not empty",
      ],
    ],
    [
      'of unknown keys, with what was probably meant',
      specText(`
        study:
          - name: a
            descripton: d
            description: d
            color: red
            run:
              cmd: x
              node: 2
              core per task: 4
      `),
      [
        "study.yaml:4:5: unknown key 'descripton' in step 'a' (did you mean 'description'?)",
        "study.yaml:6:5: unknown key 'color' in step 'a'",
        "study.yaml:9:7: unknown key 'node' in step 'a' (did you mean 'nodes'?)",
        "study.yaml:10:7: unknown key 'core per task' in step 'a' (did you mean 'cores per task'?)",
      ],
    ],
    [
      'of an empty env',
      specText(`env:\n${oneStep}`),
      ["study.yaml:2:5: 'env' of the specification must be a mapping, not empty"],
    ],
    [
      'of unknown keys of env',
      specText(`env: {vars: {}, label: {}}\n${oneStep}`),
      [
        "study.yaml:2:7: unknown key 'vars' in env",
        "study.yaml:2:17: unknown key 'label' in env (did you mean 'labels'?)",
      ],
    ],
    [
      'of blocks of env with wrong types',
      specText(`
        env:
          variables:
          labels: []
          sources: {}
          dependencies: x
        ${oneStep}
      `),
      [
        "study.yaml:3:13: 'variables' of env must be a mapping, not empty",
        "study.yaml:4:11: 'labels' of env must be a mapping, not a list",
        "study.yaml:5:12: 'sources' of env must be a list, not a mapping",
        "study.yaml:6:17: 'dependencies' of env must be a mapping, not 'x' (text)",
      ],
    ],
    [
      'of variables that are neither text nor numbers',
      specText(`
        env:
          variables:
            A:
            B: yes
            C: [1]
            D: {a: b}
            E: 2024-01-01
        ${oneStep}
      `),
      [
        "study.yaml:4:7: 'A' of env.variables must be text or a number, not empty",
        "study.yaml:5:8: 'B' of env.variables must be text or a number, not True (a truth value)",
        "study.yaml:6:8: 'C' of env.variables must be text or a number, not a list",
        "study.yaml:7:8: 'D' of env.variables must be text or a number, not a mapping",
        "study.yaml:8:8: 'E' of env.variables must be text or a number, not datetime.date(2024, 1, 1)",
      ],
    ],
    [
      'of a label without a value',
      specText(`env: {labels: {A: }}\n${oneStep}`),
      ["study.yaml:2:18: 'A' of env.labels must not be empty"],
    ],
    [
      'of parameters that are not mappings',
      specText(`global.parameters: {A: , B: [1]}\n${oneStep}`),
      [
        "study.yaml:2:23: 'A' of global.parameters must be a mapping, not empty",
        "study.yaml:2:29: 'B' of global.parameters must be a mapping, not a list",
      ],
    ],
    [
      'of an empty block of parameters',
      specText(`global.parameters:\n${oneStep}`),
      ["study.yaml:2:19: 'global.parameters' of the specification must be a mapping, not empty"],
    ],
    [
      'of keys of parameters',
      specText(`
        global.parameters:
          A: {}
          B: {values: 1 2, label: 5}
          C: {values: [1], label: [a]}
          D: {values: [1], label: ''}
          E: {values: [1], label: E.%%, name: e, labl: x}
        ${oneStep}
      `),
      [
        "study.yaml:3:6: 'label' is missing from parameter 'A'",
        "study.yaml:3:6: 'values' is missing from parameter 'A'",
        "study.yaml:4:15: 'values' of parameter 'B' must be a list, not '1 2' (text)",
        "study.yaml:4:27: 'label' of parameter 'B' must be text, not 5",
        "study.yaml:5:27: 'label' of parameter 'C' must be text, not a list",
        "study.yaml:6:27: 'label' of parameter 'D' must not be empty",
        "study.yaml:7:33: unknown key 'name' in parameter 'E'",
        "study.yaml:7:42: unknown key 'labl' in parameter 'E' (did you mean 'label'?)",
      ],
    ],
    [
      'of a batch block that is no mapping',
      specText(`batch: slurm\n${oneStep}`),
      ["study.yaml:2:8: 'batch' of the specification must be a mapping, not 'slurm' (text)"],
    ],
  ])('%s', (_, text, expected) => expect(errorsOf(text).sort()).toEqual([...expected].sort()));

  it.each([
    ['{}', "5:10: 'cmd' is missing from step 'a'"],
    ['{cmd: 5}', "5:16: 'cmd' of step 'a' must be the text of a shell script, not 5"],
    ['{cmd: [x]}', "5:16: 'cmd' of step 'a' must be the text of a shell script, not a list"],
    ["{cmd: ''}", "5:16: 'cmd' of step 'a' must not be empty"],
    ["{cmd: x, restart: ''}", "5:28: 'restart' of step 'a' must not be empty"],
    [
      '{cmd: x, restart: yes}',
      "5:28: 'restart' of step 'a' must be the text of a shell script, not True (a truth value)",
    ],
    ['{cmd: x, pre: 1}', "5:24: 'pre' of step 'a' must be text, not 1"],
    ['{cmd: x, depends: [b, b]}', "5:28: 'depends' of step 'a' must not name a step twice"],
    ['{cmd: x, nodes: 0}', "5:26: 'nodes' of step 'a' must be a whole number from 1 up, or one $(NAME), not 0"],
    [
      "{cmd: x, nodes: '2'}",
      "5:26: 'nodes' of step 'a' must be a whole number from 1 up, or one $(NAME), not '2' (text)",
    ],
    ['{cmd: x, nodes: 1.5}', "5:26: 'nodes' of step 'a' must be a whole number from 1 up, or one $(NAME), not 1.5"],
    [
      '{cmd: x, nodes: true}',
      "5:26: 'nodes' of step 'a' must be a whole number from 1 up, or one $(NAME), not True (a truth value)",
    ],
    ['{cmd: x, procs: }', "5:25: 'procs' of step 'a' must be a whole number from 1 up, or one $(NAME), not empty"],
    ['{cmd: x, procs: -1}', "5:26: 'procs' of step 'a' must be a whole number from 1 up, or one $(NAME), not -1"],
    [
      '{cmd: x, procs: $(A.label)}',
      "5:26: 'procs' of step 'a' must be a whole number from 1 up, or one $(NAME), not '$(A.label)' (text)",
    ],
    [
      '{cmd: x, procs: $(A)2}',
      "5:26: 'procs' of step 'a' must be a whole number from 1 up, or one $(NAME), not '$(A)2' (text)",
    ],
    ['{cmd: x, gpus: -1}', "5:25: 'gpus' of step 'a' must be a whole number from 0 up, or one $(NAME), not -1"],
    [
      '{cmd: x, cores per task: 0}',
      "5:35: 'cores per task' of step 'a' must be a whole number from 1 up, or one $(NAME), not 0",
    ],
    [
      '{cmd: x, walltime: 1.5}',
      "5:29: 'walltime' of step 'a' must be a time such as \"01:30:00\", or whole minutes, not 1.5",
    ],
    [
      '{cmd: x, walltime: }',
      "5:28: 'walltime' of step 'a' must be a time such as \"01:30:00\", or whole minutes, not empty",
    ],
    [
      '{cmd: x, walltime: -5}',
      "5:29: 'walltime' of step 'a' must be a time such as \"01:30:00\", or whole minutes, not -5",
    ],
    [
      "{cmd: x, walltime: ''}",
      "5:29: 'walltime' of step 'a' must be a time such as \"01:30:00\", or whole minutes, not '' (text)",
    ],
    [
      "{cmd: x, exclusive: 'yes'}",
      "5:30: 'exclusive' of step 'a' must be true, false, one $(NAME), or a mapping of allocation and launcher, not 'yes' (text)",
    ],
    ["{cmd: x, nested: 'yes'}", "5:27: 'nested' of step 'a' must be true or false, not 'yes' (text)"],
    ['{cmd: x, waitable: 1}', "5:29: 'waitable' of step 'a' must be true or false, not 1"],
    [
      '{cmd: x, priority: urgent}',
      "5:29: 'priority' of step 'a' must be one of held, minimal, low, medium, high, expedited, or a number from 0 to 1, not 'urgent' (text)",
    ],
    [
      '{cmd: x, priority: 2}',
      "5:29: 'priority' of step 'a' must be one of held, minimal, low, medium, high, expedited, or a number from 0 to 1, not 2",
    ],
    [
      '{cmd: x, priority: hIGH}',
      "5:29: 'priority' of step 'a' must be one of held, minimal, low, medium, high, expedited, or a number from 0 to 1, not 'hIGH' (text)",
    ],
    ['{cmd: x, reservation: 5}', "5:32: 'reservation' of step 'a' must be text, not 5"],
    ['{cmd: x, qos: }', "5:23: 'qos' of step 'a' must be text, not empty"],
    ['{cmd: x, bind: 1}', "5:25: 'bind' of step 'a' must be text, not 1"],
  ])('of the run block %s', (run, expected) => expect(runErrors(run)).toEqual([`study.yaml:${expected}`]));

  it.each([
    ['b', "5:28: 'depends' of step 'a' must be a list of step names", "not 'b' (text)"],
    ['', "5:27: 'depends' of step 'a' must be a list of step names", 'not empty'],
  ])('of dependencies that are no list: "%s"', (depends, start, end) => {
    const [error, ...others] = runErrors(`{cmd: x, depends: ${depends}}`);
    expect([error!.slice('study.yaml:'.length).slice(0, start.length), error!.slice(-end.length), others]).toEqual([
      start,
      end,
      [],
    ]);
  });

  it('of an empty variable', () =>
    expect(errorsOf(specText(`env: {variables: {A: ""}}\n${oneStep}`))).toEqual([
      expect.stringMatching(/^study\.yaml:2:22: 'A' of env\.variables must (not be empty|be text or a number, not '')/),
    ]));

  it('of an item of a list, named as people name it', () => {
    expect(errorsOf(specText('study: [hello]'))).toEqual([
      expect.stringMatching(/^study\.yaml:2:9: step 1 must be a mapping, not 'hello'/),
    ]);
    expect(runErrors('{cmd: x, depends: [5]}')).toEqual([
      expect.stringMatching(/^study\.yaml:5:\d+: .*depends.* of step 'a' .*(?<!not a list)$/),
    ]);
  });

  it('of a wrong value inside a mapping, not of the mapping', () =>
    expect(runErrors('{cmd: x, exclusive: {allocation: 5}}')).toEqual([
      expect.stringMatching(/^study\.yaml:5:43: 'allocation' .*must be true, false or one \$\(NAME\), not 5$/),
    ]));

  it('of dependencies', () => {
    const problems = errorsOf(
      specText(`
        env:
          dependencies:
            paths:
              - {name: P}
              - {name: Q, path: q, foo: 1}
              - {name: R, path: 5}
            git:
              - {name: G, path: g}
              - {name: H, path: h, url: 1}
              - {name: I, path: i, url: u, hash: 1234567}
        ${oneStep}
      `),
    );
    expect(problems.sort()).toEqual([
      expect.stringMatching(
        /^study\.yaml:10:33: 'url' of env\.dependencies\.git.* must be the URL of a repository, not 1$/,
      ),
      expect.stringMatching(/^study\.yaml:11:42: 'hash' of env\.dependencies\.git.* must be text, not 1234567$/),
      expect.stringMatching(/^study\.yaml:5:9: 'path' is missing from env\.dependencies\.paths/),
      expect.stringMatching(/^study\.yaml:6:28: unknown key 'foo' in env\.dependencies\.paths/),
      expect.stringMatching(/^study\.yaml:7:25: 'path' of env\.dependencies\.paths.* must be a path, not 5$/),
      expect.stringMatching(/^study\.yaml:9:9: 'url' is missing from env\.dependencies\.git/),
    ]);
  });

  it('without showing all of a long value', () =>
    expect(runErrors(`{cmd: x, nested: ${'y'.repeat(1000)}}`)).toEqual([
      `study.yaml:5:27: 'nested' of step 'a' must be true or false, not '${'y'.repeat(56)}... (text)`,
    ]));

  it('of a mistake in the YAML itself', () => expect(errorsOf('a: [\n')[0]).toMatch(/^study\.yaml:\d+:\d+: /));
});

describe('all problems of a specification are found at once', () => {
  it('in every block', () =>
    expect(
      errorsOf(
        dedent(`
          description: {name: demo}
          env: {variables: {A: yes}}
          study:
            - {name: a, description: d, run: {cmd: x, walltime: 1.5}}
            - {name: b, run: {}}
          global.parameters: {N: {values: 1, label: N.%%}}
        `),
      )
        .map((problem) => problem.split(':').slice(1, 3).join(':'))
        .sort(),
    ).toEqual(['1:14', '2:22', '4:55', '5:20', '5:5', '6:33']));

  it('also those that the schema does not know of', () =>
    expect(
      errorsOf(
        specText(`
          batch: {type: pbs}
          env: {variables: {A: 1}, labels: {A: 2}}
          study: [{name: a, description: d, run: {cmd: x, nodes: zero}}]
          global.parameters: {N: {values: [1], label: N.%%}, M: {values: [], label: M.%%}}
        `),
      )
        .map((problem) => Number(problem.split(':')[1]))
        .sort(),
    ).toEqual([2, 3, 4, 5]));

  it('and thrown as one text, a line for each', () => {
    const { problems } = readSpec(new Source('study.yaml', 'description: {}\nstudy: []\n'));
    expect(new SpecError(problems).message.split('\n').sort()).toEqual([
      "study.yaml:1:14: 'description' is missing from description",
      "study.yaml:1:14: 'name' is missing from description",
      "study.yaml:2:8: 'study' of the specification must have at least one step",
    ]);
  });
});

describe('names of the environment', () => {
  it.each([
    ['a variable and a label', 'variables: {A: 1}\n    labels: {A: 2}', '4:14', 3],
    ['a variable and a path', 'variables: {A: 1}\n    dependencies: {paths: [{name: A, path: p}]}', '4:28', 3],
    ['a label and a repository', 'labels: {A: 1}\n    dependencies: {git: [{name: A, path: p, url: u}]}', '4:26', 3],
    ['two paths', 'dependencies:\n      paths: [{name: A, path: p}, {name: A, path: q}]', '4:35', 4],
  ])('must not be shared by %s', (_, env, place, first) =>
    expect(errorsOf(`${specText('env:')}    ${env}\n${oneStep}`)).toEqual([
      `study.yaml:${place}: 'A' is defined twice in env (first on line ${first})`,
    ]),
  );

  it.each([
    ['variables: {SPECROOT: x}'],
    ['labels: {SPECROOT: x}'],
    ['dependencies: {paths: [{name: SPECROOT, path: p}]}'],
  ])('must not be SPECROOT: %s', (env) =>
    expect(errorsOf(specText(`env: {${env}}\n${oneStep}`))).toEqual([
      expect.stringMatching(/^study\.yaml:2:\d+: 'SPECROOT' cannot be defined: it is the directory of the spec$/),
    ]),
  );

  it('may be OUTPUT_PATH, and that of a parameter', () =>
    expect(
      errorsOf(
        specText(`
          env: {variables: {OUTPUT_PATH: out, N: 1}}
          ${oneStep}
          global.parameters: {N: {values: [1], label: N.%%}}
        `),
      ),
    ).toEqual([]));
});

describe('a git dependency', () => {
  const withGit = (item: string) =>
    specText(`env: {dependencies: {git: [{name: G, path: p, url: u${item}}]}}\n${oneStep}`);

  it.each([
    ['', undefined],
    [', tag: v1', { kind: 'tag', name: 'v1' }],
    [', hash: abc', { kind: 'hash', name: 'abc' }],
    [', branch: main', { kind: 'branch', name: 'main' }],
    [', depth: 1', undefined],
  ])('with "%s" checks out %j', (item, checkout) =>
    expect(validSpec(withGit(item)).git[0]!.checkout).toEqual(checkout),
  );

  it.each([[', tag: v1, hash: abc'], [', tag: v1, branch: main'], [', tag: v1, branch: main, hash: abc']])(
    'cannot check out more than one thing: "%s"',
    (item) =>
      expect(errorsOf(withGit(item))).toEqual([
        "study.yaml:2:28: git dependency 'G' names more than one of hash, tag and branch",
      ]),
  );

  it('cannot check out what git would take for an option', () =>
    expect(errorsOf(withGit(', branch: --orphan'))).toEqual([
      "study.yaml:2:28: '--orphan' of git dependency 'G' is no branch",
    ]));
});

describe('parameters', () => {
  it('must have as many values each', () =>
    expect(
      errorsOf(
        specText(`
          ${oneStep}
          global.parameters:
            A: {values: [1, 2], label: A.%%}
            B: {values: [1, 2], label: B.%%}
            C: {values: [1], label: C.%%}
            D: {values: [], label: D.%%}
        `),
      ),
    ).toEqual([
      "study.yaml:6:3: parameter 'C' has 1 values, but 'A' has 2 (combination N takes the N-th value of every parameter, so all must have as many)",
      "study.yaml:7:3: parameter 'D' has 0 values, but 'A' has 2 (combination N takes the N-th value of every parameter, so all must have as many)",
    ]));

  it('without a value are warned of', () =>
    expect(warningsOf(specText(`${oneStep}\nglobal.parameters: {A: {values: [], label: A.%%}}`))).toContain(
      "study.yaml:3:21: warning: parameter 'A' has no values, so every step that uses it vanishes",
    ));
});

describe('the batch block', () => {
  it.each([
    ['pbs', 'pbs'],
    ['SLURM', 'SLURM'],
    ["''", ''],
    ['5', '5'],
  ])('cannot have the type %s', (type, shown) =>
    expect(errorsOf(specText(`batch: {type: ${type}}\n${oneStep}`))).toEqual([
      `study.yaml:2:15: unknown batch type '${shown}' (one of local, slurm, lsf, flux)`,
    ]),
  );

  it.each(['local', 'flux'])('of type %s needs nothing else', (type) =>
    expect(errorsOf(specText(`batch: {type: ${type}}\n${oneStep}`))).toEqual([]),
  );

  it.each(['slurm', 'lsf'])('of type %s needs host, bank and queue, which may be empty', (type) => {
    const need = (key: string) =>
      `study.yaml:2:8: '${key}' is missing from batch (${type} studies need it; it may be "")`;
    expect(errorsOf(specText(`batch: {type: ${type}}\n${oneStep}`))).toEqual(['host', 'bank', 'queue'].map(need));
    expect(errorsOf(specText(`batch: {type: ${type}, host: h, queue: ''}\n${oneStep}`))).toEqual([need('bank')]);
    expect(errorsOf(specText(`batch: {type: ${type}, host: '', bank: '', queue: ''}\n${oneStep}`))).toEqual([]);
  });
});

describe('what Maestro ignores is warned of', () => {
  it.each([
    [
      'a block is unknown',
      `${oneStep}\nglobal.parameter: {}`,
      /^study\.yaml:3:1: warning: unknown key 'global.parameter'/,
    ],
    ['a key is given twice', `batch: {type: local}\n${oneStep}\nbatch: {}`, /^study\.yaml:4:1: warning: .*batch/],
  ])('when %s', (_, blocks, expected) =>
    expect(warningsOf(specText(blocks))).toContainEqual(expect.stringMatching(expected)),
  );

  it('and is no reason to refuse the study', () =>
    expect(validSpec(specText(`${oneStep}\nauthor: me`)).name).toBe('demo'));
});

describe('a suggestion', () => {
  const steps = ['make', 'run-sim', 'collect', 'Plot'];
  it.each([
    ['mke', 'make'],
    ['runsim', 'run-sim'],
    ['COLLECT', 'collect'],
    ['plto', 'Plot'],
    ['plot', 'Plot'],
    ['coolect', 'collect'],
    ['analyse', undefined],
    ['', undefined],
  ])('for %j is %j', (word, expected) => expect(closest(word, steps)).toBe(expected));

  it('is the nearest of several', () => expect(closest('nodse', ['node', 'nodes', 'modes'])).toBe('node'));
  it('needs candidates', () => expect(closest('x', [])).toBeUndefined());
});
