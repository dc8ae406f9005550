import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dependentsOf, type StepInstance } from '../../src/study/graph.js';
import { type Brief, instancesOf, messagesOf, planOf, slurm, specText } from '../support/plan.js';

const names = (study: Brief, options = {}) => instancesOf(study, options).map(({ name }) => name);
const workspaces = (study: Brief, options = {}) => instancesOf(study, options).map(({ workspace }) => workspace);
const errors = (study: Brief | string, options = {}) => messagesOf(planOf(study, options).errors);

/** Each instance with the names of those that it waits for. */
const edges = (study: Brief) => {
  const steps = instancesOf(study);
  return Object.fromEntries(steps.map(({ name, dependsOn }) => [name, dependsOn.map((i) => steps[i]!.name)]));
};

/** The command of each instance. */
const commands = (study: Brief, key = 'cmd') =>
  Object.fromEntries(instancesOf(study).map(({ name, run }) => [name, run.get(key)]));

const xy = { X: [1, 2], Y: ['a', 'b'] };

describe('a step is run', () => {
  it('once if it uses no parameter', () =>
    expect(names({ parameters: xy, steps: [{ name: 'make' }] })).toEqual(['make']));

  it('in every combination if it uses one', () =>
    expect(names({ parameters: xy, steps: [{ name: 'run', cmd: '$(X)' }] })).toEqual(['run_X.1', 'run_X.2']));

  it('by the name of the combination of what it uses, in the order of the keys', () =>
    expect(
      names({ parameters: { Y: ['a'], X: [1], Z: [0] }, steps: [{ name: 'run', cmd: '$(Y.label) $(X)' }] }),
    ).toEqual(['run_X.1.Y.a']));

  it.each([
    ['in its description', { name: 'run', description: 'of $(X)' }],
    ['in its restart', { name: 'run', restart: '$(X)' }],
    ['in pre, which is not run', { name: 'run', pre: '$(X)' }],
    ['as nodes', { name: 'run', nodes: '$(X)' }],
    ['in a walltime', { name: 'run', walltime: '00:0$(X):00' }],
    ['as part of a longer name', { name: 'run', cmd: '$(Xtra)' }],
    ['by its label', { name: 'run', cmd: '$(X.label)' }],
    ['in a mapping', { name: 'run', exclusive: { allocation: '$(X)' } }],
  ])('in the combinations of a parameter that it uses %s', (_, step) =>
    expect(names({ parameters: { X: [1, 2] }, steps: [step] })).toEqual(['run_X.1', 'run_X.2']),
  );

  it('in the combinations of a parameter that a variable brings in', () =>
    expect(
      names({
        variables: { V: 1, OUT: 'out.$(X.label)' },
        parameters: { X: [1] },
        steps: [{ name: 'run', cmd: '$(OUT)' }],
      }),
    ).toEqual(['run_X.1']));

  it('by a name that still has its token if the parameter is in its name', () => {
    const [step] = instancesOf({ parameters: { X: [1] }, steps: [{ name: 'run-$(X)' }] });
    expect([step!.name, step!.workspace]).toEqual(['run-$(X)_X.1', 'run-(X)/X.1']);
  });

  it('once for each set of values that it uses', () =>
    expect(
      names({
        parameters: { X: [1, 1, 2, 2], Y: ['a', 'b', 'a', 'b'] },
        steps: [
          { name: 'one', cmd: '$(X)' },
          { name: 'two', cmd: '$(X) $(Y)' },
        ],
      }),
    ).toEqual(['one_X.1', 'one_X.2', 'two_X.1.Y.a', 'two_X.1.Y.b', 'two_X.2.Y.a', 'two_X.2.Y.b']));

  it('not at all if its parameter has no value, nor is what depends on it', () =>
    expect(
      names({
        parameters: { X: [] },
        steps: [
          { name: 'run', cmd: '$(X)' },
          { name: 'after', depends: ['run'] },
          { name: 'all', depends: ['run_*'] },
        ],
      }),
    ).toEqual(['all']));

  it('in 1,000 combinations in the order of the values', () => {
    const values = Array.from({ length: 1000 }, (_, i) => i);
    expect(names({ parameters: { N: values }, steps: [{ name: 's', cmd: '$(N)' }] })).toEqual(
      values.map((value) => `s_N.${value}`),
    );
  });
});

describe('equal labels', () => {
  const study: Brief = {
    parameters: { X: { values: [1, 2, 3], label: 'same' } },
    steps: [
      { name: 'run', cmd: '$(X)' },
      { name: 'after', depends: ['run'] },
    ],
  };

  it('run only the first combination', () => expect(commands(study)).toEqual({ run_same: '1', after_same: 'true' }));

  it('are warned of, once a step', () =>
    expect(messagesOf(planOf(study).warnings).filter((warning) => warning.includes('combinations'))).toEqual([
      "warning: 2 of the combinations of step 'run' are not run: their labels (same) are those of an earlier one (give X labels that contain %%)",
      "warning: 2 of the combinations of step 'after' are not run: their labels (same) are those of an earlier one (give X labels that contain %%)",
    ]));

  it('of equal values lose nothing and are not warned of', () =>
    expect(
      planOf({ parameters: { X: [1, 1], Y: [1, 2] }, steps: [{ name: 'run', cmd: '$(X)' }] }).warnings.filter(
        (warning) => warning.includes('combinations'),
      ),
    ).toEqual([]));
});

describe('parameters are substituted', () => {
  it('in every field, after the environment', () => {
    const [step] = instancesOf({
      batch: { type: 'flux' },
      variables: { V: 'v' },
      labels: { L: '$(V)-$(X.label)' },
      parameters: { X: [2] },
      steps: [
        {
          name: 'run',
          description: 'of $(X) and $(L)',
          cmd: '$(L) $(X.name)',
          nodes: '$(X)',
          exclusive: { allocation: '$(X)' },
        },
      ],
    });
    expect(step).toMatchObject({ description: 'of 2 and v-X.2', params: { X: '2' } });
    expect([step!.run.get('cmd'), step!.run.get('nodes'), step!.run.get('exclusive')]).toEqual([
      'v-X.2 X',
      '2',
      new Map([['allocation', '2']]),
    ]);
  });

  it('even if the step is parameterised by another one', () =>
    expect(commands({ parameters: { X: [1], Y: ['$(X)'] }, steps: [{ name: 'run', cmd: '$(Y)' }] })).toEqual({
      'run_Y.$(X)': '$(X)',
    }));

  it('are listed with the text that stands for them, those of dependencies too, sorted', () => {
    const steps = instancesOf({
      parameters: { Y: [true], X: [1.5] },
      steps: [
        { name: 'run', cmd: '$(Y)' },
        { name: 'after', cmd: '$(X)', depends: ['run'] },
      ],
    });
    expect(steps.map(({ params }) => Object.entries(params))).toEqual([
      [['Y', 'True']],
      [
        ['X', '1.5'],
        ['Y', 'True'],
      ],
    ]);
  });

  it('but not by an environment that has the same name: the variable wins, though not over the label', () =>
    expect(
      commands({ variables: { X: 'v' }, parameters: { X: [1] }, steps: [{ name: 'run', cmd: '$(X) $(X.label)' }] }),
    ).toEqual({ 'run_X.1': 'v X.1' }));
});

describe('a dependency', () => {
  const study: Brief = {
    parameters: xy,
    steps: [
      { name: 'make' },
      { name: 'run', cmd: '$(X)', depends: ['make'] },
      { name: 'plot', cmd: '$(Y)', depends: ['run'] },
      { name: 'sum', depends: ['plot_*', 'make'] },
    ],
  };

  it('is that instance of the step which has the same parameters', () =>
    expect(edges(study)).toEqual({
      make: [],
      'run_X.1': ['make'],
      'run_X.2': ['make'],
      'plot_X.1.Y.a': ['run_X.1'],
      'plot_X.2.Y.b': ['run_X.2'],
      sum: ['make', 'plot_X.1.Y.a', 'plot_X.2.Y.b'],
    }));

  it('brings its parameters along, but by a funnel', () =>
    expect(instancesOf(study).map(({ params }) => Object.keys(params).join())).toEqual([
      '',
      'X',
      'X',
      'X,Y',
      'X,Y',
      '',
    ]));

  it('may be listed after the step', () =>
    expect(
      edges({
        parameters: xy,
        steps: [
          { name: 'b', depends: ['a'] },
          { name: 'a', cmd: '$(X)' },
        ],
      }),
    ).toEqual({ 'a_X.1': [], 'a_X.2': [], 'b_X.1': ['a_X.1'], 'b_X.2': ['a_X.2'] }));

  it('on an instance that stands for several combinations is that one', () =>
    expect(
      edges({
        parameters: { X: [1, 1], Y: [1, 2] },
        steps: [
          { name: 'a', cmd: '$(X)' },
          { name: 'b', cmd: '$(Y)', depends: ['a'] },
        ],
      }),
    ).toEqual({ 'a_X.1': [], 'b_X.1.Y.1': ['a_X.1'], 'b_X.1.Y.2': ['a_X.1'] }));

  it('and a funnel on one step are one edge', () =>
    expect(edges({ steps: [{ name: 'a' }, { name: 'b', depends: ['a', 'a_*'] }] })).toEqual({ a: [], b: ['a'] }));

  it('of a parameterised step on a funnel is on all instances', () =>
    expect(
      edges({
        parameters: xy,
        steps: [
          { name: 'a', cmd: '$(X)' },
          { name: 'b', cmd: '$(Y)', depends: ['a_*'] },
        ],
      }),
    ).toEqual({
      'a_X.1': [],
      'a_X.2': [],
      'b_Y.a': ['a_X.1', 'a_X.2'],
      'b_Y.b': ['a_X.1', 'a_X.2'],
    }));

  it('is known to the step that is waited for', () =>
    expect(dependentsOf({ steps: instancesOf(study) })).toEqual([[1, 2, 5], [3], [4], [5], [5], []]));
});

describe('a workspace', () => {
  it('is that of the same combination', () =>
    expect(
      commands({
        parameters: xy,
        steps: [
          { name: 'make' },
          { name: 'run', cmd: '$(X) $(make.workspace)/bin' },
          { name: 'plot', cmd: '$(Y) $(run.workspace):$(make.workspace);$(run.workspace)' },
        ],
      }),
    ).toEqual({
      make: 'true',
      'run_X.1': '1 /study/make/bin',
      'run_X.2': '2 /study/make/bin',
      'plot_X.1.Y.a': 'a /study/run/X.1:/study/make;/study/run/X.1',
      'plot_X.2.Y.b': 'b /study/run/X.2:/study/make;/study/run/X.2',
    }));

  it('brings the parameters of the step along but is no dependency', () =>
    expect(
      edges({
        parameters: xy,
        steps: [
          { name: 'a', cmd: '$(X)' },
          { name: 'b', cmd: 'ls $(a.workspace)' },
        ],
      }),
    ).toEqual({ 'a_X.1': [], 'a_X.2': [], 'b_X.1': [], 'b_X.2': [] }));

  it('of a funnel is the directory above all its instances', () =>
    expect(
      commands({
        parameters: xy,
        steps: [
          { name: 'a b', cmd: '$(X)' },
          { name: 'a_b2', cmd: '$(X)' },
          { name: 's', cmd: '$(a_b2.workspace)', depends: ['a_b2_*'] },
        ],
      }).s,
    ).toBe('/study/a_b2'));

  it('may be that of a step listed later', () =>
    expect(commands({ steps: [{ name: 'a', cmd: '$(b.workspace)' }, { name: 'b' }] })).toEqual({
      b: 'true',
      a: '/study/b',
    }));

  it('is known in cmd and restart only', () => {
    const [, step] = instancesOf({
      steps: [
        { name: 'a' },
        {
          name: 'b',
          cmd: 'x',
          restart: '$(a.workspace) $(WORKSPACE)',
          description: '$(a.workspace) $(WORKSPACE)',
          pre: '$(WORKSPACE)',
        },
      ],
    });
    expect([step!.run.get('restart'), step!.run.get('pre'), step!.description]).toEqual([
      '/study/a /study/b',
      '$(WORKSPACE)',
      '$(a.workspace) $(WORKSPACE)',
    ]);
  });

  it('of a name with a blank is left to the shell', () =>
    expect(commands({ steps: [{ name: 'my step' }, { name: 'b', cmd: '$(my step.workspace)' }] }).b).toBe(
      '$(my step.workspace)',
    ));

  it('of its own is $(WORKSPACE), which a parameter may hold', () =>
    expect(
      commands({ parameters: { X: ['$(WORKSPACE)/$$', '$(a.workspace)'] }, steps: [{ name: 'a', cmd: '$(X)' }] }),
    ).toEqual({
      'a_X.$(WORKSPACE)/$$': '/study/a/X.(WORKSPACE)/$$',
      'a_X.$(a.workspace)': '$(a.workspace)',
    }));

  it.each([
    ['run sim', 'x y', 'run_sim/X.x_y'],
    ['run:sim', 'a/b', 'runsim/X.ab'],
    ['run', '[1, b]', 'run/X.1_b'],
    ['run', '../..', 'run/X.....'],
    ['größe', 'é', 'gre/X.'],
  ])('is named safely: step %j and value %j are in %s', (name, value, workspace) =>
    expect(workspaces({ parameters: { X: [value] }, steps: [{ name, cmd: '$(X)' }] })).toEqual([workspace]),
  );
});

it.each(['.', '/', 'é'])(
  'a combination without a directory of its own has that of its step, or is refused: %s',
  (value) => {
    const study = { parameters: { X: { values: [value], label: '%%' } }, steps: [{ name: 'a', cmd: '$(X)' }] };
    const { plan, errors: refused } = planOf(study);
    expect(plan === undefined ? refused[0] : plan.graph.steps[0]!.workspace).toMatch(/^a$|a_/);
  },
);

describe('a hashed workspace', () => {
  const study: Brief = {
    parameters: { I: [1], S: [1] },
    steps: [
      { name: 'make it' },
      { name: 'run', cmd: '$(S) $(I) $(WORKSPACE)', depends: ['make it'] },
      { name: 'after', cmd: '$(run.workspace)', depends: ['run'] },
    ],
  };
  const hash = '1f14ff03af85fd137055f7d680e9aa67';

  it("is the MD5 of the combination's name, below the step", () =>
    expect(workspaces(study, { hashWorkspaces: true })).toEqual(['make_it', `run/${hash}`, `after/${hash}`]));

  it('also names the job, but not the instance', () =>
    expect(instancesOf(study, { hashWorkspaces: true }).map(({ name, jobName }) => [name, jobName])).toEqual([
      ['make it', 'make it'],
      ['run_I.1.S.1', hash],
      ['after_I.1.S.1', hash],
    ]));

  it('is what the tokens stand for', () =>
    expect(instancesOf(study, { hashWorkspaces: true }).map(({ run }) => run.get('cmd'))).toEqual([
      'true',
      `1 1 /study/run/${hash}`,
      `/study/run/${hash}`,
    ]));

  // printf 'X.é/' | md5sum
  it('is of the label before it is made safe, as UTF-8', () =>
    expect(
      workspaces({ parameters: { X: ['é/'] }, steps: [{ name: 'a', cmd: '$(X)' }] }, { hashWorkspaces: true }),
    ).toEqual(['a/136913a6f14ef7a18be155be197ab3fb']));
});

describe('a step is scheduled', () => {
  it.each([
    ['slurm', { nodes: 1 }, true],
    ['slurm', { procs: 1 }, true],
    ['slurm', { nodes: '$(N)' }, true],
    ['slurm', { nodes: '$(NOPE)' }, true],
    ['slurm', {}, false],
    ['slurm', { gpus: 1, walltime: '10' }, false],
    ['lsf', { nodes: 1, procs: 1 }, true],
    ['flux', { procs: 1 }, true],
    ['local', { nodes: 1, procs: 1 }, false],
  ])('by %s with %j: %s', (type, run, scheduled) => {
    const [step] = instancesOf({
      batch: { ...slurm, nodes: 2, procs: 2, type },
      variables: { N: 2 },
      steps: [{ name: 'a', ...run }],
    });
    expect(step!.scheduled).toBe(scheduled);
  });
});

describe('a study is refused because of names', () => {
  it.each([
    ['_source'],
    ['logs'],
    ['meta'],
    ['.conductor'],
    // Not what the step is called but the directory that it gets is what counts.
    ['lo/gs'],
    ['meta:'],
    ['.conductor/'],
    // Files of the study directory: what is there with such a name cancels the study, or stops its status.
    ['status.csv'],
    ['.status.lock'],
    ['.cancel.lock'],
    ['.study.update.lock'],
  ])('that are reserved: %s', (name) =>
    expect(errors({ steps: [{ name }] })).toEqual([expect.stringContaining(`a step cannot be called '${name}'`)]),
  );

  it.each(['.', '..', 'é', '/', '*/../*', '😀'])('without a directory: %s', (name) =>
    expect(errors({ steps: [{ name }] })).toEqual([
      expect.stringContaining(`step '${name}' has no directory of its own`),
    ]),
  );

  it('that use a variable', () =>
    expect(
      planOf(specText('env: {variables: {V: v}}\nstudy: [{name: a-$(V), description: d, run: {cmd: x}}]')).errors,
    ).toEqual([
      "study.yaml:3:16: the name of step 'a-$(V)' uses a variable (names are not substituted, so nothing could depend on the step)",
    ]));

  it('that two steps share', () =>
    expect(errors({ parameters: { X: [1] }, steps: [{ name: 'a', cmd: '$(X)' }, { name: 'a_X.1' }] })).toEqual([
      "'a_X.1' is the name of an instance of both step 'a' and step 'a_X.1'",
    ]));

  it.each([
    ['steps', { steps: [{ name: 'a b' }, { name: 'a_b' }] }, "'a b' and 'a_b' would share the workspace a_b"],
    [
      'labels',
      { parameters: { X: ['x/y', 'xy'] }, steps: [{ name: 'a', cmd: '$(X)' }] },
      "'a_X.x/y' and 'a_X.xy' would share the workspace a/X.xy",
    ],
    [
      'steps and labels',
      {
        parameters: { X: ['1'] },
        steps: [
          { name: 'a', cmd: '$(X)' },
          { name: 'a ', cmd: '$(X)' },
          { name: 'a_', cmd: '$(X)' },
        ],
      },
      "'a _X.1' and 'a__X.1' would share the workspace a_/X.1",
    ],
  ])('whose workspaces collide: %s', (_, study, message) =>
    expect(errors(study as Brief)).toEqual([
      `${message} (only letters, digits, \`-_.()\` and blanks of a name count for its directory)`,
    ]),
  );

  it.each(['..', './.', '.é.'])('when a combination would leave the directory of its step: %s', (value) =>
    expect(
      errors({ parameters: { X: { values: [value], label: '%%' } }, steps: [{ name: 'a', cmd: '$(X)' }] }),
    ).toEqual([expect.stringContaining(`a_${value}`)]),
  );

  it('that are too long for a file, unless workspaces are hashed', () => {
    const study: Brief = { parameters: { X: ['v'.repeat(240)] }, steps: [{ name: 'a', cmd: '$(X)' }] };
    expect(errors(study)).toEqual([
      `the name 'a_X.${'v'.repeat(36)}...' is too long for a file (use hash-workspaces, or shorter names and labels)`,
    ]);
    expect(errors(study, { hashWorkspaces: true })).toEqual([]);
    expect(errors({ parameters: { X: ['v'.repeat(200)] }, steps: [{ name: 'a', cmd: '$(X)' }] })).toEqual([]);
  });

  it('that are too long for a directory, even if workspaces are hashed', () =>
    expect(
      errors({ parameters: { X: [1] }, steps: [{ name: 's'.repeat(300), cmd: '$(X)' }] }, { hashWorkspaces: true }),
    ).toEqual([expect.stringContaining('too long')]));

  it('whose length counts in bytes', () =>
    expect(errors({ parameters: { X: ['é'.repeat(150)] }, steps: [{ name: 'a', cmd: '$(X)' }] })).toEqual([
      expect.stringContaining('too long'),
    ]));
});

/** Studies of few letters, so that their names often meet, with links of every kind. */
const anyStudy: fc.Arbitrary<Brief> = fc
  .record({
    count: fc.integer({ min: 1, max: 5 }),
    keys: fc.uniqueArray(fc.constantFrom('N', 'M', 'a', '_x'), { maxLength: 3 }),
    values: fc.array(
      fc.array(fc.constantFrom(1, 2, 'a', 'a b', '..', '/', '../x', 'é', ''), { minLength: 4, maxLength: 4 }),
      {
        minLength: 3,
        maxLength: 3,
      },
    ),
    combinations: fc.integer({ min: 1, max: 4 }),
    label: fc.constantFrom('%%', 'L.%%', '%%/..', 'same'),
    links: fc.array(
      fc.record({
        uses: fc.subarray([0, 1, 2]),
        depends: fc.subarray([0, 1, 2, 3, 4]),
        funnels: fc.subarray([0, 1, 2, 3, 4], { maxLength: 1 }),
        workspaces: fc.subarray([0, 1, 2, 3, 4], { maxLength: 1 }),
      }),
      { minLength: 5, maxLength: 5 },
    ),
    names: fc.shuffledSubarray(['a', 'b', 'c d', 'e/f', 'a_L.1', '..x', 'G'], { minLength: 5 }),
    order: fc.shuffledSubarray([0, 1, 2, 3, 4], { minLength: 5 }),
  })
  .map(({ count, keys, values, combinations, label, links, names, order }) => {
    // Links go from later to earlier numbers, so there is no cycle; the spec lists the steps in any order.
    const below = (numbers: readonly number[], limit: number) => numbers.filter((n) => n < limit).map((n) => names[n]!);
    const steps = links.slice(0, count).map(({ uses, depends, funnels, workspaces: used }, i) => ({
      name: names[i]!,
      cmd: [
        ...uses.filter((u) => u < keys.length).map((u) => `$(${keys[u]})`),
        ...below(used, i).map((name) => `$(${name}.workspace)`),
        '$(WORKSPACE)',
      ].join(' '),
      depends: [...below(depends, i), ...below(funnels, i).map((name) => `${name}_*`)],
    }));
    return {
      parameters: Object.fromEntries(
        keys.map((key, k) => [key, { values: values[k]!.slice(0, combinations), label }] as const),
      ),
      steps: order.filter((i) => i < count).map((i) => steps[i]!),
    };
  });

describe('whatever the study, unless it is refused,', () => {
  const always = (check: (steps: readonly StepInstance[], study: Brief) => void) =>
    fc.assert(
      fc.property(anyStudy, fc.boolean(), (study, hashWorkspaces) => {
        const { plan } = planOf(study, { hashWorkspaces });
        if (plan !== undefined) check(plan.graph.steps, study);
      }),
      { numRuns: 300 },
    );

  it('what a step depends on comes before it', () =>
    always((steps) => {
      for (const [i, step] of steps.entries()) {
        expect(step.index).toBe(i);
        expect(step.dependsOn.every((dependency) => dependency < i)).toBe(true);
        expect(step.dependsOn).toEqual([...new Set(step.dependsOn)].sort((a, b) => a - b));
      }
    }));

  it('names and workspaces are unique', () =>
    always((steps) => {
      expect(new Set(steps.map(({ name }) => name)).size).toBe(steps.length);
      expect(new Set(steps.map(({ workspace }) => workspace.replace(/\/$/, ''))).size).toBe(steps.length);
    }));

  it('no workspace leaves the study directory or is another one written differently', () =>
    always((steps) => {
      for (const { workspace } of steps) expect(workspace).toMatch(/^(?!\.\.?(\/|$))[^/]+(\/(?!\.\.?$)[^/]+)?$/);
    }));

  it('every step that is not parameterised, and every step with values, has an instance', () =>
    always((steps, study) =>
      expect([...new Set(steps.map(({ step }) => step))].sort()).toEqual(study.steps.map(({ name }) => name).sort()),
    ));

  it('every dependency leads to an instance', () =>
    always((steps, study) => {
      const waits = new Map(study.steps.map(({ name, depends = [] }) => [name, depends]));
      for (const { step, dependsOn } of steps) {
        const reached = new Set(dependsOn.map((i) => steps[i]!.step));
        expect([...reached].sort()).toEqual(
          [...new Set(waits.get(step)!.map((name) => name.replace('_*', '')))].sort(),
        );
      }
    }));

  it('an instance of a dependency has the same parameters', () =>
    always((steps, study) => {
      for (const { step, params, dependsOn } of steps) {
        const funnels = study.steps.find(({ name }) => name === step)!.depends!.filter((name) => name.endsWith('_*'));
        for (const dependency of dependsOn.map((i) => steps[i]!)) {
          if (!funnels.includes(`${dependency.step}_*`))
            expect(Object.keys(params)).toEqual(expect.arrayContaining(Object.keys(dependency.params)));
        }
      }
    }));
});
