import { describe, expect, it } from 'vitest';
import { formatProblem } from '../../src/spec/problem.js';
import { readSpec } from '../../src/spec/read.js';
import { Source } from '../../src/spec/source.js';
import { dedent, specText } from '../support/plan.js';

const problemsOf = (text: string) => readSpec(new Source('study.yaml', text)).problems.map(formatProblem);

/** A study of one step that is about something else, on one line. */
const oneStep = 'study: [{name: a, description: the step, run: {cmd: x}}]';

/** The problems of a study whose blocks begin on line 2. */
const withBlocks = (blocks: string) => problemsOf(specText(blocks));

/** The problems of a study whose one step has `run`, on line 5, as its run block. */
const withRun = (run: string) =>
  withBlocks(`
    study:
      - name: a
        description: the step
        run: ${run}
  `);

describe('an unknown key', () => {
  it.each([
    [
      'at the top',
      `${oneStep}\nauthor: me`,
      "3:1: warning: unknown key 'author' is ignored (known are description, env, batch, study, global.parameters)",
    ],
    [
      'at the top, nearly right',
      `${oneStep}\nglobal.parameter: {}`,
      "3:1: warning: unknown key 'global.parameter' is ignored (did you mean 'global.parameters'?)",
    ],
    [
      'of the dependencies',
      `env: {dependencies: {path: [{name: D, path: d}]}}\n${oneStep}`,
      "2:22: warning: unknown key 'path' of env.dependencies is ignored (did you mean 'paths'?)",
    ],
    [
      'of a git dependency',
      `env: {dependencies: {git: [{name: G, path: p, url: u, depth: 1}]}}\n${oneStep}`,
      "2:55: warning: unknown key 'depth' of a git dependency is ignored (known are name, path, url, tag, hash, branch)",
    ],
    [
      'of the batch block that looks like a slip',
      `batch: {type: local, quue: pbatch}\n${oneStep}`,
      "2:22: warning: unknown key 'quue' of batch is ignored (did you mean 'queue'?)",
    ],
  ])('is warned of where it stands: %s', (_, blocks, expected) =>
    expect(withBlocks(blocks)).toEqual([`study.yaml:${expected}`]),
  );

  it('is told of once for each', () =>
    expect(withBlocks(`author: me\n${oneStep}\ndate: today`).map((problem) => problem.split(':')[1])).toEqual([
      '2',
      '4',
    ]));
});

describe('what is ignored', () => {
  it.each([
    [
      'the sources of env',
      `env: {sources: [setup.sh]}\n${oneStep}`,
      '2:7: warning: env.sources is ignored, as Maestro does (source the file in the steps, or in `setup`)',
    ],
    [
      'pre',
      'study: [{name: a, description: d, run: {cmd: x, pre: y}}]',
      "2:49: warning: 'pre' is ignored, as Maestro does (put it into cmd)",
    ],
    [
      'post',
      'study: [{name: a, description: d, run: {cmd: x, post: y}}]',
      "2:49: warning: 'post' is ignored, as Maestro does (put it into cmd, or into a step that depends on this one)",
    ],
  ])('is warned of at its key: %s', (_, blocks, expected) =>
    expect(withBlocks(blocks)).toEqual([`study.yaml:${expected}`]),
  );
});

describe('a label of the environment', () => {
  it.each([['[1, x]'], ['{a: b}'], ['yes'], ['true']])('that is no text is warned of at its key: %s', (value) =>
    expect(withBlocks(`env: {labels: {L: ${value}}}\n${oneStep}`)).toEqual([
      "study.yaml:2:16: warning: label 'L' is no text: Python's way of printing it is used (put it in quotes)",
    ]),
  );

  it.each([['text'], ['"yes"'], ['5'], ['1.5'], ['$(A)/b'], ['""']])('of %s is nothing to warn of', (value) =>
    expect(withBlocks(`env: {labels: {L: ${value}}}\n${oneStep}`)).toEqual([]),
  );
});

describe('the label of a parameter', () => {
  const withLabel = (values: string, label: string) =>
    withBlocks(`
      ${oneStep}
      global.parameters:
        N:
          values: ${values}
          label: ${label}
    `);

  it('that is the same for all values is warned of where it stands', () =>
    expect(withLabel('[1, 2]', 'N.%')).toEqual([
      "study.yaml:6:12: warning: the label of parameter 'N' is the same for all its values (write %% where the value goes: N.%%)",
    ]));

  it.each([
    ['its values', '[1, 2]', 'N.%%'],
    ['its values, quoted', '[1, 2]', "'%%'"],
    ['its values, twice', '[1, 2]', "'%%-%%'"],
    ['the only one', '[1]', 'same'],
  ])('that tells %s is nothing to warn of', (_, values, label) => expect(withLabel(values, label)).toEqual([]));
});

describe('parameters without a value', () => {
  it('are warned of once, at the first', () =>
    expect(
      withBlocks(`
        ${oneStep}
        global.parameters:
          N: {values: [], label: N.%%}
          M: {values: [], label: M.%%}
      `),
    ).toEqual(["study.yaml:4:3: warning: parameter 'N' has no values, so every step that uses it vanishes"]));
});

describe('a count', () => {
  it.each(['nodes', 'procs', 'gpus', 'cores per task', 'tasks per rs', 'rs per node', 'cpus per rs'])(
    'that is a float is warned of, as it stands so in scripts: %s',
    (key) =>
      expect(withRun(`{cmd: x, ${key}: 2.0}`)).toEqual([
        `study.yaml:5:${20 + key.length + 1}: warning: '${key}' is the number 2.0, and stands so in scripts (write a whole number)`,
      ]),
  );

  it.each([['2'], ['$(N)'], ['0x10'], ['1_000']])('of %s is nothing to warn of', (value) =>
    expect(withRun(`{cmd: x, nodes: ${value}}`)).toEqual([]),
  );

  it('of 1.5 is an error, and no warning beside', () =>
    expect(withRun('{cmd: x, nodes: 1.5}')).toEqual([expect.stringMatching(/^study\.yaml:5:26: 'nodes' of step 'a'/)]));
});

describe('a number in disguise', () => {
  it.each([
    ['12:00:00', '43200', 60],
    ['1:30', '90', 60],
    ['10:00', '600', 60],
    ['1:30.5', '90.5', 60],
    ['010', '8', 8],
    ['0777', '511', 8],
    ['-010', '-8', 8],
  ])('is warned of where it stands: %s', (text, value, base) =>
    expect(withBlocks(`env: {variables: {A: ${text}}}\n${oneStep}`)).toEqual([
      `study.yaml:2:22: warning: ${text} without quotes is the number ${value} (YAML 1.1 counts it in base ${base}) (write "${text}")`,
    ]),
  );

  it.each([
    ['a walltime', 'study: [{name: a, description: d, run: {cmd: x, walltime: 12:00:00}}]', '2:59'],
    ['a value of a parameter', `${oneStep}\nglobal.parameters: {T: {values: [1:30], label: T.%%}}`, '3:34'],
    ['the batch block', `batch: {type: local, when: 1:30}\n${oneStep}`, '2:28'],
    ['a label', `env: {labels: {L: 007}}\n${oneStep}`, '2:19'],
  ])('is found in %s', (_, blocks, place) =>
    expect(withBlocks(blocks)).toEqual([expect.stringMatching(new RegExp(`^study\\.yaml:${place}: warning: .*base`))]),
  );

  it('is told of once, however many aliases it has', () =>
    expect(withBlocks(`env: {variables: {A: &t 1:30, B: *t}}\n${oneStep}`)).toEqual([
      expect.stringMatching(/^study\.yaml:2:25: warning: 1:30 without quotes/),
    ]));

  it.each([
    ['"12:00:00"'],
    ["'010'"],
    ['00:10:00'],
    ['01:30:00'],
    ['10'],
    ['0'],
    ['0x10'],
    ['0b11'],
    ['1.5'],
    ['1e3'],
    ['08'],
    ['0o17'],
    ['2024:x'],
    ['2024-01-01T10:20:30'],
    ['host:8080x'],
    ['v1:2'],
  ])('is not %s', (text) =>
    expect(withBlocks(`${oneStep}\nglobal.parameters: {T: {values: [${text}], label: T.%%}}`)).toEqual([]),
  );
});

describe('a key that is given twice', () => {
  it.each([
    ['at the top', `batch: {type: local}\n${oneStep}\nbatch: {}`, '4:1'],
    ['of env', `env:\n  variables: {A: 1}\n  variables: {B: 1}\n${oneStep}`, '4:3'],
    ['of the variables', `env: {variables: {A: 1, A: 2}}\n${oneStep}`, '2:25'],
    ['of a run block', 'study: [{name: a, description: d, run: {cmd: x, cmd: y}}]', '2:49'],
  ])('is warned of where it stands the second time: %s', (_, blocks, place) =>
    expect(withBlocks(blocks)).toEqual([expect.stringMatching(new RegExp(`^study\\.yaml:${place}: warning: .*twice`))]),
  );
});

describe('an ordinary specification is nothing to warn of', () => {
  it('with every block and key in use', () =>
    expect(
      problemsOf(
        dedent(`
          description:
            name: my study
            description: What it is for
          env:
            variables:
              OUTPUT_PATH: ./out
              SIZE: 10
              RATE: 1.5
              VERSION: v1.0
              WHEN: 2024-01-01x
            labels:
              NAME: run.$(SIZE)
            dependencies:
              paths: [{name: DATA, path: ../data}]
              git:
                - {name: CODE, path: $(OUTPUT_PATH), url: 'https://example.org/code.git', tag: v1}
                - {name: LIB, path: $(OUTPUT_PATH), url: 'git@example.org:lib.git', branch: main}
                - {name: DOC, path: $(OUTPUT_PATH), url: 'ssh://example.org:22/doc', hash: abc1234}
          batch:
            type: slurm
            host: quartz
            bank: science
            queue: pbatch
            shell: /bin/bash
            nodes: 2
            procs: 4
            reservation: r
            qos: standby
          study:
            - name: make
              description: Build it
              run:
                cmd: |
                  cd $(CODE) && make -j $(nproc) CC='gcc' # at 10:30
            - name: run
              description: Run it
              run:
                cmd: $(LAUNCHER) ./code $(N)
                restart: $(LAUNCHER) ./code --again
                depends: [make]
                nodes: 2
                procs: $(P)
                gpus: 0
                cores per task: 4
                walltime: "12:00:00"
                reservation: r
                exclusive: true
                qos: standby
          global.parameters:
            N: {values: [1, 1.0, yes, "010"], label: N.%%}
            P: {values: [1, 2, 4, 8], label: P.%%}
        `),
      ),
    ).toEqual([]));

  it.each([
    ['Flux', '{type: flux, uri: local:///run/flux, version: 0.49.0, nodes: 4, args: {mpi: none}, shell: /bin/sh}'],
    ['Flux 1.2', '{type: flux, flux_uri: x, allocation_args: {o: {a: 1}}, launcher_args: {x: null}}'],
    ['LSF', "{type: lsf, host: h, bank: '', queue: ''}"],
    ['Slurm with options', "{type: slurm, host: h, bank: '', queue: '', args: {constraint: gpu}}"],
    ['LSF with options', "{type: lsf, host: h, bank: '', queue: '', args: {app: x}}"],
    ["a site's own keys", '{type: local, site_tuning: on, contact: me}'],
  ])('with a batch block of %s', (_, batch) => expect(withBlocks(`batch: ${batch}\n${oneStep}`)).toEqual([]));

  it.each([['00:10:00'], ['"12:00:00"'], ["'1:30'"], ['30'], ['$(T)']])('with the walltime %s', (walltime) =>
    expect(withRun(`{cmd: x, nodes: 1, walltime: ${walltime}}`)).toEqual([]),
  );
});

it('an error is not followed by a warning about the same thing', () =>
  expect(withBlocks(`${oneStep}\nglobal.parameters: {N: {values: [1, 2], label: ''}}`)).toEqual([
    "study.yaml:3:48: 'label' of parameter 'N' must not be empty",
  ]));

describe('the batch block', () => {
  it.each([
    [
      'a queue and no type, as if one were the default',
      '{host: h, queue: q, bank: b}',
      "'queue' of batch is ignored without a type: all steps run locally (add type: slurm, lsf or flux)",
    ],
    [
      "Slurm's word for a queue",
      '{type: slurm, host: h, bank: b, queue: q, partition: p}',
      "unknown key 'partition' of batch is ignored (Maestro's word is 'queue')",
    ],
    [
      "Slurm's word for a bank",
      '{type: flux, account: a}',
      "unknown key 'account' of batch is ignored (Maestro's word is 'bank')",
    ],
    [
      'a walltime, which is of the steps',
      '{type: flux, walltime: 10}',
      "unknown key 'walltime' of batch is ignored (set 'walltime' of the steps)",
    ],
    [
      'arguments for allocations, with slurm',
      '{type: slurm, host: h, bank: b, queue: q, allocation_args: {x: 1}}',
      "'allocation_args' of batch is ignored with type slurm, as in Maestro ('args' has options for each job)",
    ],
    [
      'arguments for launchers, with lsf',
      '{type: lsf, host: h, bank: b, queue: q, launcher_args: {x: 1}}',
      "'launcher_args' of batch is ignored with type lsf, as in Maestro",
    ],
    [
      'nodes, with lsf',
      '{type: lsf, host: h, bank: b, queue: q, nodes: 2}',
      "'nodes' of batch is ignored with type lsf, as in Maestro (set 'nodes' of the steps)",
    ],
    [
      'gpus, with flux',
      '{type: flux, gpus: 2}',
      "'gpus' of batch is ignored with type flux, as in Maestro (set 'gpus' of the steps)",
    ],
    [
      'a relative shell',
      '{type: flux, shell: bash}',
      "'shell' of batch is no absolute path, and scripts cannot be run by '#!bash' (write /bin/bash, or /usr/bin/env bash)",
    ],
  ])('that does nothing with %s is warned of', (_, batch, expected) =>
    expect(withBlocks(`batch: ${batch}\n${oneStep}`)).toEqual([
      expect.stringMatching(new RegExp(`^study\\.yaml:2:[0-9]+: warning: ${expected.replaceAll(/[().!#]/g, '\\$&')}$`)),
    ]),
  );

  it("cannot have a shell with the '#!' that scripts begin with anyway", () =>
    expect(withBlocks(`batch: {type: flux, shell: '#!/bin/sh'}\n${oneStep}`)).toEqual([
      "study.yaml:2:28: 'shell' of batch begins with '#!', which scripts have already (write /bin/sh)",
    ]));

  it('may have keys of the site and a shell with options', () =>
    expect(withBlocks(`batch: {type: flux, shell: /usr/bin/env bash, my_site: 1}\n${oneStep}`)).toEqual([]));
});
