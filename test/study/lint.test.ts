import { describe, expect, it } from 'vitest';
import { dedent, planOf, specText } from '../support/plan.js';

/** The warnings of a study whose blocks begin on line 2, in the order of the text. It must be free of errors. */
function warningsOf(blocks: string): readonly string[] {
  const { errors, warnings } = planOf(specText(blocks));
  expect(errors).toEqual([]);
  const place = (warning: string) => warning.split(':').slice(1, 3).map(Number) as [number, number];
  return [...warnings].sort((a, b) => place(a)[0] - place(b)[0] || place(a)[1] - place(b)[1]);
}

const slurm = 'batch: {type: slurm, host: h, bank: b, queue: q}\n';

/** The warnings of a study of one step with this command, on line 7, and what is after the step. */
const withCommand = (cmd: string, blocks = '') =>
  warningsOf(
    `study:
  - name: a
    description: the step
    run:
      cmd: |
        ${cmd}
${dedent(blocks)}`,
  );

describe('a parameter', () => {
  it('that no step uses is warned of where it is defined', () =>
    expect(
      withCommand(
        'echo $(N)',
        `
        global.parameters:
          N: {values: [1], label: N.%%}
          M: {values: [1], label: M.%%}
        `,
      ),
    ).toEqual(["study.yaml:10:3: warning: parameter 'M' is not used by any step"]));

  it.each([
    ['its value', 'echo $(M)'],
    ['its label', 'echo $(M.label)'],
    ['its name', 'echo $(M.name)'],
  ])('is used by %s', (_, cmd) =>
    expect(withCommand(cmd, 'global.parameters: {M: {values: [1], label: M.%%}}')).toEqual([]),
  );

  it.each([
    ['a count', 'nodes: $(M)'],
    ['a walltime', 'walltime: $(M)'],
    ['a restart', 'restart: again $(M)'],
  ])('is used in %s', (_, line) =>
    expect(
      warningsOf(`
        ${slurm.trim()}
        study:
          - name: a
            description: the step
            run:
              cmd: echo
              ${line}
        global.parameters: {M: {values: [1], label: M.%%}}
      `),
    ).toEqual([]),
  );

  it('is used in a description, and through a variable', () =>
    expect(
      warningsOf(`
        env: {variables: {OUTPUT_PATH: o, V: x$(N)}}
        study: [{name: a, description: size $(M), run: {cmd: echo $(V)}}]
        global.parameters: {M: {values: [1], label: M.%%}, N: {values: [1], label: N.%%}}
      `),
    ).toEqual([]));

  it.each([
    ['a variable', 'variables: {N: 5}', 19],
    ['a label', 'labels: {N: 5}', 16],
    ['a path', 'dependencies: {paths: [{name: N, path: p}]}', 30],
    ['a repository', 'dependencies: {git: [{name: N, path: p, url: u}]}', 28],
  ])('is hidden by %s of its name, which is warned of where that is', (_, env, column) =>
    expect(
      warningsOf(`
        env: {${env}}
        study: [{name: a, description: d, run: {cmd: echo $(N)}}]
        global.parameters: {N: {values: [1], label: N.%%}}
      `),
    ).toEqual([
      `study.yaml:2:${column}: warning: 'N' of env hides the parameter of that name ($(N) never is the parameter's value)`,
    ]),
  );
});

describe('a token that only begins like a parameter', () => {
  const parameters = 'global.parameters: {N: {values: [1, 2], label: N.%%}}';

  it.each([
    ['$(NX)', '$(NX)'],
    ['$(N2)', '$(N2)'],
    ['$(N_old)', '$(N_old)'],
    ['$(N.foo)', '$(N.foo)'],
  ])('is warned of, as it expands the step: %s', (token) =>
    expect(withCommand(`echo ${token}`, parameters)).toContain(
      `study.yaml:7:14: warning: ${token} makes step 'a' run in every combination of parameter 'N', but is not replaced (Maestro counts any name that begins so as a use of it)`,
    ),
  );

  it('is warned of where it stands, whatever key it is in', () =>
    expect(
      warningsOf(`
        study:
          - name: a
            description: the step
            run:
              cmd: echo
              walltime: $(NX)
        ${parameters}
      `),
    ).toContainEqual(expect.stringMatching(/^study\.yaml:7:17: warning: \$\(NX\) makes step 'a' run/)));

  it('does not matter where the parameter is used as well', () =>
    expect(withCommand('echo $(N) $(N2)', parameters).filter((warning) => warning.includes('makes step'))).toEqual([]));

  it('and is another parameter is not said to be left as it is', () =>
    expect(
      withCommand(
        'echo $(SIZE_X)',
        'global.parameters: {SIZE: {values: [1], label: S.%%}, SIZE_X: {values: [2], label: X.%%}}',
      ).filter((warning) => warning.includes('not replaced')),
    ).toEqual([]));
});

describe('the workspace of a step', () => {
  const study = (depends: string) => `
    study:
      - name: a
        description: first
        run: {cmd: x}
      - name: b
        description: second
        run:
          cmd: |
            ls
            cat $(a.workspace)/out
          depends: [${depends}]
  `;

  it('that is used without waiting for the step is warned of where it is used', () =>
    expect(warningsOf(study(''))).toEqual([
      "study.yaml:11:13: warning: step 'b' uses the workspace of 'a' without waiting for it (add 'a' to its depends)",
    ]));

  it.each([['a'], ['a_*']])('may be used after %s', (depends) => expect(warningsOf(study(depends))).toEqual([]));

  it('may be used after a step that waits for it', () =>
    expect(
      warningsOf(`
        study:
          - {name: a, description: d, run: {cmd: x}}
          - {name: b, description: d, run: {cmd: x, depends: [a]}}
          - {name: c, description: d, run: {cmd: x, depends: [b_*]}}
          - {name: d, description: d, run: {cmd: cat $(a.workspace), depends: [c]}}
      `),
    ).toEqual([]));

  it('is told of once a step and name, however often it is used', () =>
    expect(
      warningsOf(`
        study:
          - {name: a, description: d, run: {cmd: x}}
          - {name: b, description: d, run: {cmd: cp $(a.workspace)/1 $(a.workspace)/2, restart: ls $(a.workspace)}}
          - {name: c, description: d, run: {cmd: ls $(a.workspace)}}
      `).map((warning) => warning.split(':')[1]),
    ).toEqual(['4', '5']));

  it('is told of once, however many combinations the step has', () =>
    expect(
      warningsOf(`
        study:
          - {name: a, description: d, run: {cmd: 'echo $(N)'}}
          - {name: b, description: d, run: {cmd: 'ls $(a.workspace)'}}
        global.parameters: {N: {values: [1, 2, 3], label: N.%%}}
      `),
    ).toHaveLength(1));
});

describe('a token that nothing replaces', () => {
  it('is warned of where it stands, as a shell runs it', () =>
    expect(withCommand('echo $(ITER)')).toEqual([
      "study.yaml:7:14: warning: $(ITER) of step 'a' is left as it is, for the shell to run: nothing has that name",
    ]));

  it('is told of once a step', () => expect(withCommand('echo $(ITER) $(ITER)')).toHaveLength(1));

  it.each([
    [
      'a variable that comes too early for its value',
      'env: {variables: {OUTPUT_PATH: o, A: 1, V: $(W), W: $(V)}}',
      '$(V)',
      'a variable is replaced once, in the order of the spec, so only one that comes later can be in its value',
    ],
    [
      'a member that no parameter has',
      'global.parameters: {N: {values: [1], label: N.%%}}',
      '$(N.foo)',
      'a parameter has .label and .name, but no .foo',
    ],
    [
      'a parameter in a value of another that comes later',
      "global.parameters: {N: {values: ['x'], label: N.%%}, M: {values: ['$(N)'], label: M}}",
      '$(M)',
      'parameters are replaced once, in the order of the spec',
    ],
  ])('is told with the reason: %s', (_, blocks, token, reason) =>
    expect(withCommand(`echo ${token}`, blocks).join('\n')).toContain(reason),
  );

  it.each([
    ['nodes', 'nodes: $(NOPE)', 14],
    ['procs', 'procs: $(NOPE)', 14],
    ['walltime', 'nodes: 1\n      walltime: $(nope)', 17],
    ['reservation', 'nodes: 1\n      reservation: r$(nope)', 21],
  ])('is warned of in %s, where no shell would run it', (key, lines, column) => {
    const text = specText(`${slurm}study:\n  - name: a\n    description: d\n    run:\n      cmd: x\n      ${lines}\n`);
    const line = text.split('\n').findIndex((candidate) => candidate.includes(`${key}:`)) + 1;
    const { warnings } = planOf(text);
    expect(warnings).toContainEqual(
      expect.stringMatching(
        new RegExp(
          `^study\\.yaml:${line}:${column}: warning: \\$\\([Nn][Oo][Pp][Ee]\\) of step 'a' is left as it is: nothing has that name$`,
        ),
      ),
    );
  });

  it.each([
    ['a command', 'hostname; echo $(hostname) "$(pwd)" $(nproc)'],
    ['a command with arguments', 'echo $(date +%s) $(basename $PWD) $(cat FILE | wc -l)'],
    ['arithmetic', 'echo $((1+2)) $((N * 2)) $(( $N + 1 ))'],
    ['a file', 'echo $(<FILE) $(cat<FILE)'],
    ['a shell variable', 'echo ${FOO} $FOO "${FOO:-$(hostname)}"'],
    ['names of the program', 'echo $(WORKSPACE) $(OUTPUT_PATH) $(SPECROOT)'],
    ['a path', 'echo $(./bin/getNodes.sh) $(/usr/local/bin/Rscript)'],
    ["a field of awk's", "awk '{print $(NF-1), $(NF)}' data"],
    ["a variable of make's, in single quotes", "sed -i 's/^CC = $(MPICC)/CC = $(SERCC)/' Makefile"],
    ['what the shell is told to leave alone', 'echo \\$(FOO) > script'],
  ])('is not %s', (_, cmd) => expect(withCommand(cmd)).toEqual([]));
});

describe('$(LAUNCHER)', () => {
  const withRun = (batch: string, cmd: string, ...lines: string[]) =>
    warningsOf(
      [
        batch.trim(),
        'study:',
        '  - name: a',
        '    description: the step',
        '    run:',
        `      cmd: ${cmd}`,
        ...lines.map((line) => `      ${line}`),
      ].join('\n'),
    );
  const leftAlone =
    "study.yaml:7:12: warning: $(LAUNCHER) of step 'a' is left as it is, for the shell to run (it is replaced in steps with nodes or procs, of a study for slurm, lsf or flux)";

  it.each([
    ['a local study', 'batch: {type: local}', ['nodes: 1', 'procs: 1']],
    ['a step without nodes and procs', slurm, []],
    ['a step with only a walltime', slurm, ['walltime: "1:00"']],
  ])('is warned of in %s', (_, batch, lines) =>
    expect(withRun(batch, '$(LAUNCHER) ./x', ...lines)).toEqual([leftAlone]),
  );

  it('is warned of with brackets too, where it is not replaced', () =>
    expect(withRun('batch: {type: local}', '$(LAUNCHER)[1p] ./x', 'procs: 1')).toEqual([leftAlone]));

  it('is warned of in a restart', () =>
    expect(withRun(slurm, 'echo', 'restart: $(LAUNCHER) ./x')).toEqual([leftAlone.replace('7:12', '8:16')]));

  it('without brackets beside one that has them is warned of', () =>
    expect(withRun(slurm, '$(LAUNCHER)[1n,1p] ./x; $(LAUNCHER) ./y', 'nodes: 1', 'procs: 1')).toEqual([
      "study.yaml:7:36: warning: $(LAUNCHER) without brackets in step 'a' is left as it is, as the step has others with brackets (give all of them brackets)",
    ]));

  it('with brackets in cmd and without in restart is replaced in both', () =>
    expect(withRun(slurm, '$(LAUNCHER)[1n,1p] ./x', 'restart: $(LAUNCHER) ./y', 'nodes: 1', 'procs: 1')).toEqual([]));

  it('without a number of tasks is warned of', () =>
    expect(withRun(slurm, '$(LAUNCHER) ./x', 'nodes: 2')).toEqual([
      "study.yaml:7:12: warning: $(LAUNCHER) of step 'a' has no number of tasks (set procs)",
    ]));

  it.each([
    ['bare', '$(LAUNCHER) ./x', ['nodes: 1', 'procs: 2']],
    ['twice', '$(LAUNCHER) ./x; $(LAUNCHER) ./y', ['procs: 2']],
    ['in brackets', '$(LAUNCHER)[1n, 1p] ./x; $(LAUNCHER)[1n, 1p] ./y', ['nodes: 2', 'procs: 2']],
    ['in brackets, with parameters', '$(LAUNCHER)[$(P)p] ./x', ['procs: 2']],
  ])('that is replaced is nothing to warn of: %s', (_, cmd, lines) =>
    expect(
      withRun(
        `${slurm}global.parameters: {P: {values: [1], label: P.%%}}\nenv: {variables: {UNUSED: 1}}`,
        cmd,
        ...lines,
      ).filter((warning) => warning.includes('LAUNCHER')),
    ).toEqual([]),
  );
});

describe('combinations that are lost', () => {
  it('because their labels are equal are warned of at the step', () =>
    expect(
      withCommand('echo $(N)', 'global.parameters: {N: {values: [1, 2, 3], label: same}}').filter((warning) =>
        warning.includes('combinations'),
      ),
    ).toEqual([
      "study.yaml:3:5: warning: 2 of the combinations of step 'a' are not run: their labels (same) are those of an earlier one (give N labels that contain %%)",
    ]));
});

describe('an argument of Flux that an allocation does not take', () => {
  it('is warned of', () =>
    expect(
      warningsOf(`
        batch: {type: flux, allocation_args: {mpi: none}}
        study: [{name: a, description: d, run: {cmd: x, procs: 1}}]
      `),
    ).toEqual([
      expect.stringMatching(/^study\.yaml:2:\d+: warning: 'mpi' of batch\.allocation_args is ignored, as Maestro does/),
    ]));
});

describe('an ordinary study is nothing to warn of', () => {
  it.each(['local', 'slurm', 'lsf', 'flux'])('for %s', (type) =>
    expect(
      warningsOf(`
        env:
          variables: {OUTPUT_PATH: ./out, CODE: ./bin/code, OPTIONS: --fast}
          labels: {RUN: '$(CODE) $(OPTIONS) -n $(SIZE) -o $(WORKSPACE)/$(SIZE.label).txt'}
        batch: {type: ${type}, host: h, bank: b, queue: q}
        study:
          - name: make
            description: Build it
            run:
              cmd: |
                module load gcc
                make -C $(SPECROOT)/src -j $(nproc) > make.log 2>&1 || { cat make.log; exit 1; }
                for f in $(ls *.o); do echo "$f $(stat -c %s "$f")"; done
          - name: run
            description: Run size $(SIZE)
            run:
              cmd: |
                start=$(date +%s)
                ${type === 'local' ? '' : '$(LAUNCHER) '}$(make.workspace)/$(RUN)
                echo $(( $(date +%s) - start )) seconds on $(hostname)
              depends: [make]
              nodes: 1
              procs: $(PROCS)
              walltime: "0:10:00"
          - name: collect
            description: Collect all
            run:
              cmd: |
                for d in $(run.workspace)/*; do tail -n 1 "$d"/*.txt; done
                awk 'NR > 1 { sum += $2 } END { print sum / NR }' $(OUTPUT_PATH)/all.txt
              depends: [run_*]
        global.parameters:
          SIZE: {values: [10, 20, 40], label: SIZE.%%}
          PROCS: {values: [1, 2, 4], label: P.%%}
      `),
    ).toEqual([]),
  );
});

describe('combinations of parameters that are there twice', () => {
  const show = (parameters: string) => withCommand('echo $(N) $(M)', `global.parameters: ${parameters}`);

  it('are warned of, for each runs once', () =>
    expect(show('{N: {values: [1, 1, 2], label: N.%%}, M: {values: [a, a, b], label: M.%%}}')).toEqual([
      'study.yaml:8:21: warning: a combination of the parameters is there already, and not run again: N=1, M=a (remove what is there twice)',
    ]));

  it('are none if one parameter differs', () =>
    expect(show('{N: {values: [1, 1, 2], label: N.%%}, M: {values: [a, b, b], label: M.%%}}')).toEqual([]));
});

it('the workspace of a step whose name has a blank, which Maestro does not find, is warned of', () =>
  expect(
    warningsOf(`
study:
  - name: say hello
    description: one
    run: {cmd: x}
  - name: after
    description: two
    run:
      depends: [say hello]
      cmd: cat $(say hello.workspace)/out
`),
  ).toEqual([
    expect.stringMatching(
      /^study\.yaml:[0-9]+:16: warning: \$\(say hello\.workspace\) of step 'after' is left as it is, for the shell to run: .*\(call step 'say hello' otherwise, such as 'say_hello'\)$/,
    ),
  ]));
