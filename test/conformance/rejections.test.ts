import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { readSpecText } from '../../src/run/given-files.js';
import { InputError } from '../../src/util/errors.js';
import { dedent, planOf, specText, validPlan } from '../support/plan.js';
import { temporaryDirectory } from '../support/temporary.js';

/**
 * Every specification that Maestro 1.1 refuses, cleanly or with a traceback, and every one that it takes and should not:
 * what is said of each here, before anything runs.
 */

const oneStep = 'study: [{name: a, description: d, run: {cmd: x}}]';
const slurm = 'batch: {type: slurm, host: h, bank: b, queue: q}';
const lsf = slurm.replace('slurm', 'lsf');
const flux = 'batch: {type: flux}';

/** A study whose one step is on line 3, or so many later as there are `blocks`; `run` is in the line after. */
const withRun = (run: string, ...blocks: string[]) =>
  specText([...blocks, 'study:', '  - name: a', '    description: d', `    run: ${run}`].join('\n'));

/** A study with a block on line 2 and a step after it. */
const withBlock = (block: string) => specText(`${block}\n${oneStep}`);

/** A row: what is wrong, the specification, and the errors that it has, without `study.yaml:`. */
type Row = readonly [what: string, text: string, ...errors: string[]];

function rejects(rows: readonly Row[]): void {
  it.each(rows.map(([what, text, ...errors]): [string, string, string[]] => [what, text, errors]))(
    '%s',
    (_, text, errors) => {
      const planned = planOf(text);
      expect(planned.errors).toEqual(errors.map((error) => `study.yaml:${error}`));
      expect(planned.plan).toBeUndefined();
    },
  );
}

describe('the file is refused when it is', () => {
  rejects([
    ['empty', '', '1:1: the specification is empty'],
    ['a list', '- a\n', '1:1: the specification must be a mapping with `description` and `study`'],
    [
      'no YAML: an open bracket',
      specText('study: [\n'),
      '2:8: this bracket is never closed (close it, or put text with a bracket in it in quotes)',
    ],
    [
      'no YAML: a mapping in a value',
      specText('study: a: b'),
      "2:9: a ':' followed by a blank in unquoted text (put the whole value in quotes)",
    ],
    ['indented with tabs', specText('study:\n\t- name: a'), '3:1: a tab is used for indentation (indent with spaces)'],
  ]);

  it('missing', () => {
    const missing = path.join(temporaryDirectory(), 'missing.yaml');
    expect(() => readSpecText(missing, 'studies/missing.yaml')).toThrow(
      new InputError(['cannot read the study studies/missing.yaml: there is no such file']),
    );
  });
});

describe('the description is refused when', () => {
  rejects([
    ['it is missing', `${oneStep}\n`, "1:1: 'description' is missing from the specification"],
    [
      'it is empty',
      `description:\n${oneStep}\n`,
      "1:13: 'description' of the specification must be a mapping, not empty",
    ],
    [
      'it is a text',
      `description: demo\n${oneStep}\n`,
      "1:14: 'description' of the specification must be a mapping, not 'demo' (text)",
    ],
    ['it has no name', `description: {description: d}\n${oneStep}\n`, "1:14: 'name' is missing from description"],
    [
      'it has no description',
      `description: {name: n}\n${oneStep}\n`,
      "1:14: 'description' is missing from description",
    ],
    [
      'the name is a number',
      `description: {name: 5, description: d}\n${oneStep}\n`,
      "1:21: 'name' of description must be the name of the study, not 5",
    ],
    [
      'the name is empty',
      `description: {name: '', description: d}\n${oneStep}\n`,
      "1:21: 'name' of description must not be empty",
    ],
  ]);
});

describe('the study is refused when', () => {
  rejects([
    ['it is missing', specText('env: {}'), "1:1: 'study' is missing from the specification"],
    ['it is empty', specText('study:'), "2:7: 'study' of the specification must be a list, not empty"],
    ['it has no step', specText('study: []'), "2:8: 'study' of the specification must have at least one step"],
    [
      'it is called `steps`',
      specText(oneStep.replace('study', 'steps')),
      "1:1: 'study' is missing from the specification",
    ],
    [
      'it is a mapping',
      specText('study: {a: {cmd: x}}'),
      "2:8: 'study' of the specification must be a list, not a mapping",
    ],
    ['a step has no name', specText('study: [{description: d, run: {cmd: x}}]'), "2:9: 'name' is missing from step 1"],
    ['a step is a text', specText('study: [make]'), "2:9: step 1 must be a mapping, not 'make' (text)"],
    [
      'a step has no description',
      specText('study: [{name: a, run: {cmd: x}}]'),
      "2:9: 'description' is missing from step 'a'",
    ],
    ['a step has no run block', specText('study: [{name: a, description: d}]'), "2:9: 'run' is missing from step 'a'"],
    [
      'a step has an unknown key',
      specText('study: [{name: a, description: d, foo: 1, run: {cmd: x}}]'),
      "2:35: unknown key 'foo' in step 'a'",
    ],
    [
      'two steps have one name',
      specText(`
        study:
          - {name: a, description: d, run: {cmd: x}}
          - {name: a, description: d, run: {cmd: y}}
      `),
      "4:12: step 'a' is defined twice (first on line 3; Maestro would run only that one)",
    ],
  ]);
});

describe('a run block is refused when', () => {
  rejects([
    ['it has no cmd', withRun('{nodes: 1}'), "5:10: 'cmd' is missing from step 'a'"],
    [
      'it has unknown keys',
      withRun('{cmd: x, foo: 1, bar: 2}'),
      "5:19: unknown key 'foo' in step 'a'",
      "5:27: unknown key 'bar' in step 'a'",
    ],
    ['it is a text', withRun('hello'), "5:10: 'run' of step 'a' must be a mapping, not 'hello' (text)"],
    ['it is empty', withRun(''), "5:9: 'run' of step 'a' must be a mapping, not empty"],
    ['cmd: 5', withRun('{cmd: 5}'), "5:16: 'cmd' of step 'a' must be the text of a shell script, not 5"],
    ['cmd: [..]', withRun('{cmd: [x]}'), "5:16: 'cmd' of step 'a' must be the text of a shell script, not a list"],
    ["cmd: ''", withRun("{cmd: ''}"), "5:16: 'cmd' of step 'a' must not be empty"],
    [
      'depends: b',
      withRun('{cmd: x, depends: b}'),
      "5:28: 'depends' of step 'a' must be a list of step names, or a mapping of steps and condition, not 'b' (text)",
    ],
    [
      'depends: null',
      withRun('{cmd: x, depends: }'),
      "5:27: 'depends' of step 'a' must be a list of step names, or a mapping of steps and condition, not empty",
    ],
    [
      'depends: [5]',
      withRun('{cmd: x, depends: [5]}'),
      "5:29: item 1 of 'depends' of step 'a' must be the name of a step, not 5",
    ],
    [
      'depends: [a, a]',
      specText(`
        study:
          - {name: a, description: d, run: {cmd: x}}
          - {name: b, description: d, run: {cmd: x, depends: [a, a]}}
      `),
      "4:54: 'depends' of step 'b' must not name a step twice",
    ],
    [
      "nested: 'yes'",
      withRun("{cmd: x, nested: 'yes'}"),
      "5:27: 'nested' of step 'a' must be true or false, not 'yes' (text)",
    ],
    ['reservation: 5', withRun('{cmd: x, reservation: 5}'), "5:32: 'reservation' of step 'a' must be text, not 5"],
    ...(
      [
        ["'2'", "'2' (text)"],
        ['0', '0'],
        ['1.5', '1.5'],
        ['$(A.label)', "'$(A.label)' (text)"],
        ['$(A)2', "'$(A)2' (text)"],
      ] as const
    ).map(
      ([value, shown]): Row => [
        `nodes: ${value}`,
        withRun(`{cmd: x, nodes: ${value}}`),
        `5:26: 'nodes' of step 'a' must be a whole number from 1 up, or one $(NAME), not ${shown}`,
      ],
    ),
    ...(
      [
        ['1.5', '29', '1.5'],
        ['', '28', 'empty'],
      ] as const
    ).map(
      ([value, column, shown]): Row => [
        `walltime: ${shown}`,
        withRun(`{cmd: x, walltime: ${value}}`),
        `5:${column}: 'walltime' of step 'a' must be a time such as "01:30:00", or whole minutes, not ${shown}`,
      ],
    ),
    ...(
      [
        ['urgent', "'urgent' (text)"],
        ['2', '2'],
      ] as const
    ).map(
      ([value, shown]): Row => [
        `priority: ${value}`,
        withRun(`{cmd: x, priority: ${value}}`),
        `5:29: 'priority' of step 'a' must be one of held, minimal, low, medium, high, expedited, or a number from 0 to 1, not ${shown}`,
      ],
    ),
    [
      "exclusive: 'yes'",
      withRun("{cmd: x, exclusive: 'yes'}"),
      "5:30: 'exclusive' of step 'a' must be true, false, one $(NAME), or a mapping of allocation and launcher, not 'yes' (text)",
    ],
  ]);
});

describe('env is refused when', () => {
  rejects([
    ['it is empty', withBlock('env:'), "2:5: 'env' of the specification must be a mapping, not empty"],
    ['it is a list', withBlock('env: []'), "2:6: 'env' of the specification must be a mapping, not a list"],
    ['it has an unknown key', withBlock('env: {vars: {A: 1}}'), "2:7: unknown key 'vars' in env"],
    ['variables are empty', withBlock('env: {variables: }'), "2:17: 'variables' of env must be a mapping, not empty"],
    [
      'variables are a list',
      withBlock('env: {variables: []}'),
      "2:18: 'variables' of env must be a mapping, not a list",
    ],
    ['sources are a mapping', withBlock('env: {sources: {}}'), "2:16: 'sources' of env must be a list, not a mapping"],
    [
      'dependencies are a list',
      withBlock('env: {dependencies: []}'),
      "2:21: 'dependencies' of env must be a mapping, not a list",
    ],
    ['labels are a list', withBlock('env: {labels: []}'), "2:15: 'labels' of env must be a mapping, not a list"],
    [
      'a variable is null',
      withBlock('env: {variables: {A: }}'),
      "2:21: 'A' of env.variables must be text or a number, not empty",
    ],
    ["a variable is ''", withBlock("env: {variables: {A: ''}}"), "2:22: 'A' of env.variables must not be empty"],
    [
      'a variable is true',
      withBlock('env: {variables: {A: true}}'),
      "2:22: 'A' of env.variables must be text or a number, not True (a truth value)",
    ],
    [
      'a variable is a list',
      withBlock('env: {variables: {A: [1]}}'),
      "2:22: 'A' of env.variables must be text or a number, not a list",
    ],
    [
      'a variable is a date',
      withBlock('env: {variables: {A: 2024-01-01}}'),
      "2:22: 'A' of env.variables must be text or a number, not datetime.date(2024, 1, 1)",
    ],
    [
      'the name of a variable is a number',
      withBlock('env: {variables: {5: x}}'),
      '2:19: the name 5 in env.variables is no text (put it in quotes)',
    ],
    ['a label is null', withBlock('env: {labels: {A: }}'), "2:18: 'A' of env.labels must not be empty"],
    [
      'a name is that of a variable and a label',
      withBlock('env:\n  variables: {A: 1}\n  labels: {A: 2}'),
      "4:12: 'A' is defined twice in env (first on line 3)",
    ],
    [
      'a name is that of two paths',
      withBlock('env:\n  dependencies:\n    paths: [{name: A, path: p}, {name: A, path: q}]'),
      "4:33: 'A' is defined twice in env (first on line 4)",
    ],
    [
      'a name is that of a variable and a repository',
      withBlock('env:\n  variables: {A: 1}\n  dependencies: {git: [{name: A, path: p, url: u}]}'),
      "4:24: 'A' is defined twice in env (first on line 3)",
    ],
    [
      'a variable is called SPECROOT',
      withBlock('env: {variables: {SPECROOT: x}}'),
      "2:19: 'SPECROOT' cannot be defined: it is the directory of the spec",
    ],
  ]);
});

describe('dependencies are refused when', () => {
  const withDependencies = (inside: string) => withBlock(`env: {dependencies: {${inside}}}`);
  const where = (list: string) => `env.dependencies.${list}.item 1`;
  rejects([
    ['a path has no name', withDependencies('paths: [{path: p}]'), `2:30: 'name' is missing from ${where('paths')}`],
    ['a path has no path', withDependencies('paths: [{name: P}]'), `2:30: 'path' is missing from ${where('paths')}`],
    [
      'a path has an unknown key',
      withDependencies('paths: [{name: P, path: p, foo: 1}]'),
      `2:49: unknown key 'foo' in ${where('paths')}`,
    ],
    [
      'the path of a path is a number',
      withDependencies('paths: [{name: P, path: 5}]'),
      `2:46: 'path' of ${where('paths')} must be a path, not 5`,
    ],
    [
      'the name of a path is a number',
      withDependencies('paths: [{name: 5, path: p}]'),
      `2:37: 'name' of ${where('paths')} must be the name by which the spec refers to it, not 5`,
    ],
    [
      'a path is a text',
      withDependencies('paths: [P]'),
      "2:30: item 1 of 'paths' of env.dependencies must be a mapping, not 'P' (text)",
    ],
    [
      'the paths are a mapping',
      withDependencies('paths: {name: P}'),
      "2:29: 'paths' of env.dependencies must be a list, not a mapping",
    ],
    [
      'a repository has no name',
      withDependencies('git: [{path: g, url: u}]'),
      `2:28: 'name' is missing from ${where('git')}`,
    ],
    [
      'a repository has no path',
      withDependencies('git: [{name: G, url: u}]'),
      `2:28: 'path' is missing from ${where('git')}`,
    ],
    [
      'a repository has no url',
      withDependencies('git: [{name: G, path: g}]'),
      `2:28: 'url' is missing from ${where('git')}`,
    ],
    [
      'the path of a repository is a number',
      withDependencies('git: [{name: G, path: 5, url: u}]'),
      `2:44: 'path' of ${where('git')} must be a path, not 5`,
    ],
    [
      'the url of a repository is a number',
      withDependencies('git: [{name: G, path: g, url: 5}]'),
      `2:52: 'url' of ${where('git')} must be the URL of a repository, not 5`,
    ],
    [
      'a repository is a text',
      withDependencies('git: [G]'),
      "2:28: item 1 of 'git' of env.dependencies must be a mapping, not 'G' (text)",
    ],
    [
      'a repository has more than one of hash, tag and branch',
      withDependencies('git: [{name: G, path: g, url: u, hash: h, tag: t}]'),
      "2:28: git dependency 'G' names more than one of hash, tag and branch",
    ],
  ]);

  it.each([
    ['a mapping', '{name: s, package_name: p}'],
    ['a list', '[{name: s}]'],
  ])('they are of spack, which no Maestro can use: %s', (_, spack) => {
    const { errors } = planOf(withDependencies(`spack: ${spack}`));
    expect(errors).toEqual([expect.stringMatching(/^study\.yaml:2:22: .*spack/)]);
  });
});

describe('parameters are refused when', () => {
  const withParameter = (parameter: string) => specText(`${oneStep}\nglobal.parameters: {A: ${parameter}}`);
  rejects([
    [
      'they are empty',
      specText(`${oneStep}\nglobal.parameters:`),
      "3:19: 'global.parameters' of the specification must be a mapping, not empty",
    ],
    [
      'they are a list',
      specText(`${oneStep}\nglobal.parameters: [A]`),
      "3:20: 'global.parameters' of the specification must be a mapping, not a list",
    ],
    ['one is empty', withParameter(''), "3:23: 'A' of global.parameters must be a mapping, not empty"],
    ['one is a list', withParameter('[1]'), "3:24: 'A' of global.parameters must be a mapping, not a list"],
    ['one has no values', withParameter('{label: A.%%}'), "3:24: 'values' is missing from parameter 'A'"],
    ['one has no label', withParameter('{values: [1]}'), "3:24: 'label' is missing from parameter 'A'"],
    [
      'the values are a text',
      withParameter('{values: 1 2, label: A.%%}'),
      "3:33: 'values' of parameter 'A' must be a list, not '1 2' (text)",
    ],
    [
      'the label is a number',
      withParameter('{values: [1], label: 5}'),
      "3:45: 'label' of parameter 'A' must be text, not 5",
    ],
    [
      'the label is a list',
      withParameter('{values: [1], label: [a]}'),
      "3:45: 'label' of parameter 'A' must be text, not a list",
    ],
    ["the label is ''", withParameter("{values: [1], label: ''}"), "3:45: 'label' of parameter 'A' must not be empty"],
    [
      'one has a name, which only generators can give',
      withParameter('{values: [1], label: A.%%, name: n}'),
      "3:51: unknown key 'name' in parameter 'A'",
    ],
    [
      'they have different numbers of values',
      specText(`${oneStep}\nglobal.parameters:\n  A: {values: [1, 2], label: A.%%}\n  B: {values: [1], label: B.%%}`),
      "5:3: parameter 'B' has 1 values, but 'A' has 2 (combination N takes the N-th value of every parameter, so all must have as many)",
    ],
  ]);
});

describe('the batch block is refused when', () => {
  rejects([
    [
      'it is a text',
      withBlock('batch: slurm'),
      "2:8: 'batch' of the specification must be a mapping, not 'slurm' (text)",
    ],
    ['it is a list', withBlock('batch: [slurm]'), "2:8: 'batch' of the specification must be a mapping, not a list"],
    ...['pbs', 'SLURM'].map(
      (type): Row => [
        `the type is ${type}`,
        withBlock(`batch: {type: ${type}}`),
        `2:15: unknown batch type '${type}' (one of local, slurm, lsf, flux)`,
      ],
    ),
    ...['slurm', 'lsf'].flatMap((type) =>
      ['host', 'bank', 'queue'].map((key): Row => {
        const others = ['host', 'bank', 'queue'].filter((other) => other !== key).map((other) => `${other}: x`);
        return [
          `the type is ${type} and there is no ${key}`,
          withBlock(`batch: {type: ${type}, ${others.join(', ')}}`),
          `2:8: '${key}' is missing from batch (${type} studies need it; it may be "")`,
        ];
      }),
    ),
  ]);
});

describe('links between steps are refused, where Maestro ends in a traceback, when', () => {
  const step = (name: string, cmd: string, ...depends: string[]) =>
    `  - {name: ${name}, description: d, run: {cmd: '${cmd}', depends: [${depends.join(', ')}]}}`;
  const study = (...steps: string[]) => specText(['study:', ...steps].join('\n'));
  rejects([
    [
      'a step waits for one that is not there',
      study(step('make', 'x'), step('b', 'x', 'mkae')),
      "4:56: step 'b' depends on 'mkae', but there is no such step (did you mean 'make'?)",
    ],
    [
      'a step waits for all of one that is not there',
      study(step('b', 'x', '"run_*"')),
      "3:56: step 'b' depends on 'run', but there is no such step",
    ],
    ['a step waits for itself', study(step('b', 'x', 'b')), "3:56: step 'b' depends on itself"],
    [
      'steps wait for each other',
      study(step('a', 'x', 'b'), step('b', 'x', 'a')),
      '3:5: the steps wait for each other in a cycle: a -> b -> a',
    ],
    [
      'a step uses the workspace of one that is not there',
      study(step('b', 'ls $(make.workspace)')),
      "3:46: step 'b' uses the workspace of 'make', but there is no such step",
    ],
    [
      'a step uses its own workspace by name',
      study(step('b', 'ls $(b.workspace)')),
      "3:46: step 'b' refers to its own workspace by name (write $(WORKSPACE))",
    ],
    [
      'the name of a step has a variable in it',
      specText('env: {variables: {V: v}}\nstudy: [{name: a-$(V), description: d, run: {cmd: x}}]'),
      "3:16: the name of step 'a-$(V)' uses a variable (names are not substituted, so nothing could depend on the step)",
    ],
  ]);
});

describe('what Maestro accepts in silence, and is wrong, is told: ', () => {
  const warned: readonly [what: string, text: string, ...warnings: (string | RegExp)[]][] = [
    [
      'an unknown key at the top',
      specText(`author: me\n${oneStep}`),
      "2:1: warning: unknown key 'author' is ignored (known are description, env, batch, study, global.parameters)",
    ],
    [
      '`path` for `paths`',
      withBlock('env: {dependencies: {path: [{name: P, path: p}]}}'),
      "2:22: warning: unknown key 'path' of env.dependencies is ignored (did you mean 'paths'?)",
    ],
    [
      'any other key of the dependencies',
      withBlock('env: {dependencies: {containers: []}}'),
      "2:22: warning: unknown key 'containers' of env.dependencies is ignored (known are paths, git)",
    ],
    [
      'an unknown key of a repository',
      withBlock('env: {dependencies: {git: [{name: G, path: g, url: u, depth: 1}]}}'),
      "2:55: warning: unknown key 'depth' of a git dependency is ignored (known are name, path, url, tag, hash, branch)",
    ],
    ['pre', withRun('{cmd: x, pre: y}'), "5:19: warning: 'pre' is ignored, as Maestro does (put it into cmd)"],
    [
      'post',
      withRun('{cmd: x, post: y}'),
      "5:19: warning: 'post' is ignored, as Maestro does (put it into cmd, or into a step that depends on this one)",
    ],
    [
      'sources',
      withBlock('env: {sources: [setup.sh]}'),
      '2:7: warning: env.sources is ignored, as Maestro does (source the file in the steps, or in `setup`)',
    ],
    [
      'a label without %%, which makes labels equal',
      specText(
        'study: [{name: a, description: d, run: {cmd: $(A)}}]\nglobal.parameters: {A: {values: [1, 2], label: A}}',
      ),
      "3:48: warning: the label of parameter 'A' is the same for all its values (write %% where the value goes: A.%%)",
      "2:9: warning: 1 of the combinations of step 'a' are not run: their labels (A) are those of an earlier one (give A labels that contain %%)",
    ],
    [
      'labels that are equal because the values print alike',
      specText(`
        study: [{name: a, description: d, run: {cmd: $(A) $(B)}}]
        global.parameters:
          A: {values: [1, '1'], label: A.%%}
          B: {values: [1, 2], label: B.%}
      `),
      "5:30: warning: the label of parameter 'B' is the same for all its values (write %% where the value goes: B.%%)",
      "2:9: warning: 1 of the combinations of step 'a' are not run: their labels (A.1.B.%) are those of an earlier one (give A, B labels that contain %%)",
    ],
    [
      'no values',
      specText(
        'study: [{name: a, description: d, run: {cmd: $(A)}}]\nglobal.parameters: {A: {values: [], label: A.%%}}',
      ),
      "3:21: warning: parameter 'A' has no values, so every step that uses it vanishes",
    ],
    [
      'a key that is given twice',
      specText(`batch: {type: local}\n${oneStep}\nbatch: {}`),
      /^4:1: warning: .*'batch'.*twice/,
    ],
    [
      'an undefined token in cmd',
      withRun('{cmd: echo $(NOPE)}'),
      "5:21: warning: $(NOPE) of step 'a' is left as it is, for the shell to run: nothing has that name",
    ],
    [
      'an undefined token in restart',
      withRun('{cmd: x, restart: echo $(NOPE)}'),
      "5:33: warning: $(NOPE) of step 'a' is left as it is, for the shell to run: nothing has that name",
    ],
    [
      'an undefined token for nodes',
      withRun('{cmd: x, nodes: $(NOPE)}', slurm),
      "6:26: warning: $(NOPE) of step 'a' is left as it is: nothing has that name",
    ],
    [
      'an undefined token that a variable brings along',
      withRun('{cmd: echo $(V)}', 'env: {variables: {OUTPUT_PATH: o, V: $(NOPE)/x}}'),
      "6:16: warning: $(NOPE) of step 'a' is left as it is, for the shell to run: nothing has that name",
    ],
    [
      'a token in the name of a step, which is not replaced',
      specText('study: [{name: a-$(NOPE), description: d, run: {cmd: x}}]'),
      /^2:16: warning: .*\$\(NOPE\)/,
    ],
    [
      'a parameter in the name of a step, which is not replaced',
      specText(
        'study: [{name: a-$(N), description: d, run: {cmd: x}}]\nglobal.parameters: {N: {values: [1], label: N.%%}}',
      ),
      /^2:16: warning: .*\$\(N\)/,
    ],
    [
      'a token in OUTPUT_PATH, which is not replaced',
      withBlock('env: {variables: {OUTPUT_PATH: $(SPECROOT)/out}}'),
      /^2:\d+: warning: .*\$\(SPECROOT\)/,
    ],
    [
      'a token in the label of a parameter, which is not replaced',
      specText(
        'study: [{name: a, description: d, run: {cmd: $(N)}}]\nglobal.parameters: {N: {values: [1], label: $(V).%%}}\nenv: {variables: {V: v}}',
      ),
      /^3:\d+: warning: .*\$\(V\)/,
    ],
    [
      'nodes: 2.0',
      withRun('{cmd: x, nodes: 2.0}', slurm),
      "6:26: warning: 'nodes' is the number 2.0, and stands so in scripts (write a whole number)",
    ],
    ...['[1, x]', 'yes'].map((value): [string, string, string] => [
      `a label of env that is ${value}`,
      withBlock(`env: {labels: {L: ${value}}}`),
      "2:16: warning: label 'L' is no text: Python's way of printing it is used (put it in quotes)",
    ]),
    [
      'a parameter that is not used',
      specText(`${oneStep}\nglobal.parameters: {A: {values: [1], label: A.%%}}`),
      "3:21: warning: parameter 'A' is not used by any step",
    ],
    [
      'a parameter that a variable hides',
      specText(`
        env: {variables: {A: 5}}
        study: [{name: a, description: d, run: {cmd: $(A)}}]
        global.parameters: {A: {values: [1], label: A.%%}}
      `),
      "2:19: warning: 'A' of env hides the parameter of that name ($(A) never is the parameter's value)",
    ],
    ...[slurm, lsf, flux].map((batch): [string, string, string] => [
      `walltime: 12:00:00 without quotes, with ${batch}`,
      withRun('{cmd: x, nodes: 1, procs: 1, walltime: 12:00:00}', batch),
      '6:49: warning: 12:00:00 without quotes is the number 43200 (YAML 1.1 counts it in base 60) (write "12:00:00")',
    ]),
    [
      'the workspace of a step that is not waited for',
      specText(`
        study:
          - {name: a, description: d, run: {cmd: x}}
          - {name: b, description: d, run: {cmd: ls $(a.workspace)}}
      `),
      "4:45: warning: step 'b' uses the workspace of 'a' without waiting for it (add 'a' to its depends)",
    ],
    [
      'a slip in the batch block',
      withBlock('batch: {type: local, shel: /bin/sh}'),
      "2:22: warning: unknown key 'shel' of batch is ignored (did you mean 'shell'?)",
    ],
  ];

  it.each(warned.map(([what, text, ...warnings]): [string, string, (string | RegExp)[]] => [what, text, warnings]))(
    'with a warning, %s',
    (_, text, warnings) => {
      const planned = planOf(text);
      expect(planned.errors).toEqual([]);
      expect(planned.warnings.map((warning) => warning.replace('study.yaml:', ''))).toEqual(
        warnings.map((warning) => (typeof warning === 'string' ? warning : expect.stringMatching(warning))),
      );
    },
  );

  it.each([
    ['nodes that are no number', 'batch: {type: flux, nodes: two}'],
    ['arguments that are no mapping', 'batch: {type: flux, args: mpi=none}'],
    ['arguments of the launcher that are no mapping', 'batch: {type: flux, launcher_args: [mpi]}'],
  ])('with an error or a warning, %s of the batch block', (_, batch) => {
    const { errors, warnings } = planOf(withRun('{cmd: $(LAUNCHER) x, procs: 1}', batch));
    expect([...errors, ...warnings]).toEqual([expect.stringMatching(/^study\.yaml:2:\d+: /)]);
  });

  describe('with an error', () => {
    rejects([
      [
        'a step that is defined twice, also when it is the same',
        specText('study:\n  - &a {name: a, description: d, run: {cmd: x}}\n  - *a\n'),
        "3:15: step 'a' is defined twice (first on line 3; Maestro would run only that one)",
      ],
      [
        'a step called _source',
        specText('study: [{name: _source, description: d, run: {cmd: x}}]'),
        "2:16: a step cannot be called '_source' (the study has a _source of its own)",
      ],
      ...['logs', 'meta', 'status.csv', '.conductor'].map(
        (name): Row => [
          `a step called ${name}`,
          specText(`study: [{name: ${name}, description: d, run: {cmd: x}}]`),
          `2:16: a step cannot be called '${name}' (the study has a ${name} of its own)`,
        ],
      ),
      [
        'a step called ..',
        specText('study: [{name: .., description: d, run: {cmd: x}}]'),
        "2:16: step '..' has no directory of its own (a name needs letters, digits, `-`, `_`, or parentheses)",
      ],
      [
        'an instance with the name of a step',
        specText(`
          study:
            - {name: a_X.1, description: d, run: {cmd: x}}
            - {name: a, description: d, run: {cmd: $(X)}}
          global.parameters: {X: {values: [1], label: X.%%}}
        `),
        "4:5: 'a_X.1' is the name of an instance of both step 'a_X.1' and step 'a'",
      ],
      [
        'instances that would share a workspace',
        specText(
          'study: [{name: a, description: d, run: {cmd: $(X)}}]\nglobal.parameters: {X: {values: [é, è], label: X.%%}}',
        ),
        "2:9: 'a_X.é' and 'a_X.è' would share the workspace a/X. (only letters, digits, `-_.()` and blanks of a name count for its directory)",
      ],
      [
        "a label '..'",
        specText(
          "study: [{name: a, description: d, run: {cmd: $(X)}}]\nglobal.parameters: {X: {values: [..], label: '%%'}}",
        ),
        "2:9: the directory of 'a_..' would be outside its step's (give the parameters labels with letters or digits)",
      ],
    ]);
  });
});

describe('what ends Maestro after work has started is found before, or works: ', () => {
  describe('an error is', () => {
    const launch = (bracket: string, batch = slurm, resources = 'nodes: 2, procs: 4') =>
      withRun(`{cmd: '$(LAUNCHER)${bracket} x', ${resources}}`, batch);
    const forms = 'write it as $(LAUNCHER)[2n, 4p] or $(LAUNCHER)[4p]';
    rejects([
      [
        'a name of more than 255 bytes',
        specText(
          `study: [{name: a, description: d, run: {cmd: $(X)}}]\nglobal.parameters: {X: {values: [${'x'.repeat(256)}], label: X.%%}}`,
        ),
        `2:9: the name 'a_X.${'x'.repeat(36)}...' is too long for a file (use hash-workspaces, or shorter names and labels)`,
      ],
      ['$(LAUNCHER)[2n]', launch('[2n]'), `6:17: step 'a': $(LAUNCHER)[2n] does not say how many procs (${forms})`],
      ['$(LAUNCHER)[]', launch('[]'), `6:17: step 'a': $(LAUNCHER)[] does not say how many procs (${forms})`],
      [
        '$(LAUNCHER)[2p, 2p]',
        launch('[2p, 2p]'),
        `6:17: step 'a': $(LAUNCHER)[2p, 2p] gives nodes or procs more than once (${forms})`,
      ],
      [
        'more procs than the step has',
        launch('[8p]'),
        "6:17: step 'a': $(LAUNCHER)[8p] asks for 8 procs, but the step has 4",
      ],
      [
        'more nodes than the step has',
        launch('[3n, 2p]'),
        "6:17: step 'a': $(LAUNCHER)[3n, 2p] asks for 3 nodes, but the step has 2",
      ],
      [
        'more procs together than the step has',
        launch('[3p] y; $(LAUNCHER)[2p]'),
        "6:17: step 'a': its $(LAUNCHER)s ask for 5 procs together, but the step has 4 (Maestro counts all launches of a step, even those that run in turn)",
      ],
      [
        'more nodes together than the step has',
        launch('[2n,1p] y; $(LAUNCHER)[1n,1p]'),
        "6:17: step 'a': its $(LAUNCHER)s ask for 3 nodes together, but the step has 2 (Maestro counts all launches of a step, even those that run in turn)",
      ],
      [
        'nodes in a bracket of a step without',
        launch('[1n, 2p]', slurm, 'procs: 4'),
        "6:17: step 'a': $(LAUNCHER)[1n, 2p] asks for 1 nodes, but the step does not set nodes",
      ],
      [
        'a launch on LSF without nodes',
        launch('', lsf, 'procs: 4'),
        "6:17: step 'a': an LSF step must say on how many nodes it launches (set nodes, and write $(LAUNCHER)[1n, 4p] rather than [4p])",
      ],
      [
        'a bracket on LSF without nodes',
        launch('[4p]', lsf),
        "6:17: step 'a': an LSF step must say on how many nodes it launches (set nodes, and write $(LAUNCHER)[1n, 4p] rather than [4p])",
      ],
      ['an LSF step without procs', launch('', lsf, 'nodes: 1'), "6:17: step 'a': an LSF step must set procs"],
      [
        "Flux's walltime abc",
        withRun('{cmd: x, nodes: 1, walltime: abc}', flux),
        '6:39: step \'a\': \'abc\' is no walltime (write minutes, "MM:SS" or "HH:MM:SS")',
      ],
      [
        "Flux's walltime in one combination of many",
        withRun(
          '{cmd: x, nodes: 1, walltime: $(T)}',
          flux,
          'global.parameters: {T: {values: ["5", "5:00", "1:00:00", "soon"], label: T.%%}}',
        ),
        '7:39: step \'a\': \'soon\' is no walltime (write minutes, "MM:SS" or "HH:MM:SS")',
      ],
      [
        "Slurm's walltime abc",
        withRun('{cmd: x, nodes: 1, walltime: abc}', slurm),
        '6:39: step \'a\': \'abc\' is no walltime (write minutes, "MM:SS", "HH:MM:SS" or "D-HH:MM:SS")',
      ],
      [
        "LSF's walltime abc",
        withRun('{cmd: x, nodes: 1, procs: 1, walltime: abc}', lsf),
        '6:49: step \'a\': \'abc\' is no walltime (write minutes, "HH:MM" or "HH:MM:SS")',
      ],
      [
        "Flux's priority urgent",
        withRun('{cmd: x, nodes: 1, priority: urgent}', flux),
        "6:39: 'priority' of step 'a' must be one of held, minimal, low, medium, high, expedited, or a number from 0 to 1, not 'urgent' (text)",
      ],
    ]);
  });

  it.each(['low', 'expedited', 'HELD'])(
    "no error is Flux's priority %s, of which Maestro's own code does not know",
    (word) => expect(planOf(withRun(`{cmd: x, nodes: 1, priority: ${word}}`, flux)).errors).toEqual([]),
  );

  it('no error is a slash in a label, which directories and files drop', () => {
    const { graph, scripts } = validPlan({
      parameters: { X: ['x/y'] },
      steps: [{ name: 'a', cmd: 'echo $(X) $(X.label) $(WORKSPACE)', restart: 'again' }],
    });
    expect(graph.steps[0]).toMatchObject({ name: 'a_X.x/y', workspace: 'a/X.xy', params: { X: 'x/y' } });
    expect(scripts[0]).toEqual({
      main: { path: 'a/X.xy/a_X.xy.sh', text: '#!/bin/bash\n\necho x/y X.x/y /study/a/X.xy\n' },
      restart: { path: 'a/X.xy/a_X.xy.restart.sh', text: '#!/bin/bash\n\nagain\n' },
    });
  });

  it('no error is a chain of thousands of steps, which ends in a RecursionError', () => {
    const steps = Array.from({ length: 3000 }, (_, i) => ({
      name: `s${i}`,
      ...(i === 0 ? {} : { depends: [`s${i - 1}`] }),
    }));
    expect(validPlan({ steps }).graph.steps.at(-1)).toMatchObject({ name: 's2999', dependsOn: [2998] });
  });
});

it('every problem of a specification is told at once, whatever the first one is', () => {
  const { errors } = planOf(
    dedent(`
      description: {name: 5}
      env: {variables: {A: yes}, labels: []}
      batch: {type: pbs}
      study:
        - {name: a, description: d, run: {cmd: 5, nodes: 0}}
        - {name: b, run: {cmd: x}}
      global.parameters: {N: {values: [1, 2], label: N.%%}, M: {values: [1], label: M.%%}}
    `),
  );
  expect(errors.map((error) => error.split(':').slice(1, 3).join(':')).sort()).toEqual(
    ['1:14', '1:21', '2:22', '2:36', '3:15', '5:42', '5:52', '6:5', '7:55'].sort(),
  );
});
