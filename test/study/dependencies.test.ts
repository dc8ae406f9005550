import { describe, expect, it } from 'vitest';
import { linksOf, orderSteps, type StepLinks } from '../../src/study/dependencies.js';
import { type Brief, planOf, specText, validSpec } from '../support/plan.js';

const links = (depends: readonly string[], cmd = '', restart = '') => linksOf({ depends, cmd, restart });

describe('what a step is linked to', () => {
  it('are the steps it depends on', () =>
    expect(links(['a', 'b c'])).toEqual({ depends: ['a', 'b c'], funnels: [], workspaces: [] }));

  it.each(['run_*', 'run*', '*run*', '*run_*', 'r*un'])('is all of step run by %s', (name) =>
    expect(links(['make', name])).toEqual({ depends: ['make'], funnels: ['run'], workspaces: [] }),
  );

  it.each([
    ['$(run.workspace)', ['run']],
    ['cd $(run.workspace)/x; cp $(run.workspace)/y .', ['run']],
    ['$(a.workspace):$(b.workspace)', ['a', 'b']],
    ['$(a.workspace)$(b.workspace)', ['a', 'b']],
    ['$(pwd):$(a.workspace)', ['a']],
    ['$(dirname $(a.workspace))', ['a']],
    ['"$(a.workspace)" \'$(b.workspace)\'', ['a', 'b']],
    ['$(a.b-c_d.workspace)', ['a.b-c_d']],
    ['$(größe.workspace)', ['größe']],
    ['$(a/b.workspace)', ['a/b']],
    ['$(f(x).workspace)', ['f(x)']],
    ['$(my step.workspace)', []],
    ['$(a#b.workspace)', []],
    ['$(WORKSPACE)', []],
    ['$(a.workspaces)', []],
    ['$(.workspace)', []],
    ['${a.workspace}', []],
  ])('are the steps whose workspaces its commands name: %s', (cmd, workspaces) =>
    expect(links([], cmd).workspaces).toEqual(workspaces),
  );

  it('are those of the restart command too, each once', () =>
    expect(links([], '$(a.workspace)', '$(b.workspace) $(a.workspace)').workspaces).toEqual(['a', 'b']));
});

const orderOf = (...steps: [name: string, ...depends: string[]][]) => {
  const spec = validSpec({ steps: steps.map(([name, ...depends]) => ({ name, depends })) });
  const { order, cycle } = orderSteps(
    spec.steps,
    steps.map(([, ...depends]) => links(depends)),
  );
  return { order: order.map((i) => spec.steps[i]!.name), cycle: cycle?.map((i) => spec.steps[i]!.name) };
};

describe('steps are ordered', () => {
  it('as the spec has them', () =>
    expect(orderOf(['c'], ['a'], ['b', 'a'], ['d']).order).toEqual(['c', 'a', 'b', 'd']));

  it('but a step that is needed before it is listed', () =>
    expect(orderOf(['a', 'c'], ['b'], ['c', 'd_*'], ['d']).order).toEqual(['d', 'c', 'a', 'b']));

  it('in chains of 100,000, listed forwards or backwards', () => {
    const length = 100_000;
    const step = validSpec({ steps: [{ name: 's' }] }).steps[0]!;
    const steps = Array.from({ length }, (_, i) => ({ ...step, name: `s${i}` }));
    const chain = (next: number): StepLinks[] =>
      steps.map((_, i) => ({ depends: steps[i + next] ? [`s${i + next}`] : [], funnels: [], workspaces: [] }));
    expect(orderSteps(steps, chain(-1)).order.slice(0, 3)).toEqual([0, 1, 2]);
    expect(orderSteps(steps, chain(1)).order.slice(0, 3)).toEqual([length - 1, length - 2, length - 3]);
  });

  it('unless they wait for each other', () => {
    expect(orderOf(['a'], ['b', 'a', 'd'], ['c', 'b'], ['d', 'c']).cycle).toEqual(['b', 'd', 'c']);
    expect(orderOf(['a', 'b_*'], ['b', 'a']).cycle).toEqual(['a', 'b']);
  });
});

const errors = (blocks: string) => planOf(specText(blocks)).errors;

describe('a study is refused at the place and with the reason', () => {
  it.each([
    [
      'of a dependency that is no step',
      `
        study:
          - {name: make, description: d, run: {cmd: x}}
          - {name: run, description: d, run: {cmd: x, depends: [mkae]}}
          - {name: sum, description: d, run: {cmd: x, depends: [run_*, plot_*]}}
      `,
      [
        "study.yaml:4:56: step 'run' depends on 'mkae', but there is no such step (did you mean 'make'?)",
        "study.yaml:5:56: step 'sum' depends on 'plot', but there is no such step",
      ],
    ],
    [
      'of a dependency that is almost a step',
      `
        study:
          - {name: make, description: d, run: {cmd: x}}
          - {name: run, description: d, run: {cmd: x, depends: [mak]}}
      `,
      ["study.yaml:4:56: step 'run' depends on 'mak', but there is no such step (did you mean 'make'?)"],
    ],
    [
      'of the workspace of no step',
      `
        study:
          - name: make
            description: d
            run:
              cmd: |
                cd $(pwd)
                ls $(mak.workspace)
              restart: ls $(nowhere.workspace)
      `,
      [
        "study.yaml:8:12: step 'make' uses the workspace of 'mak', but there is no such step (did you mean 'make'?)",
        "study.yaml:9:19: step 'make' uses the workspace of 'nowhere', but there is no such step",
      ],
    ],
    [
      'of the workspace of no step, which a label brings in',
      `
        env: {variables: {V: v}, labels: {L: $(nowhere.workspace)}}
        study:
          - name: make
            description: d
            run:
              cmd: ls $(L)
              restart: ls
      `,
      ["study.yaml:7:12: step 'make' uses the workspace of 'nowhere', but there is no such step"],
    ],
    [
      'of its own workspace by name',
      `
        study:
          - {name: run, description: d, run: {cmd: ls $(run.workspace)}}
      `,
      ["study.yaml:3:47: step 'run' refers to its own workspace by name (write $(WORKSPACE))"],
    ],
    [
      'of a step that waits for itself',
      `
        study:
          - {name: run, description: d, run: {cmd: x, depends: [run]}}
          - {name: sum, description: d, run: {cmd: x, depends: [sum_*]}}
      `,
      ["study.yaml:3:56: step 'run' depends on itself", "study.yaml:4:56: step 'sum' depends on itself"],
    ],
    [
      'of a cycle',
      `
        study:
          - {name: a, description: d, run: {cmd: x, depends: [c]}}
          - {name: b, description: d, run: {cmd: x, depends: [a]}}
          - {name: c, description: d, run: {cmd: x, depends: [b_*]}}
      `,
      ['study.yaml:3:5: the steps wait for each other in a cycle: a -> c -> b -> a'],
    ],
    [
      'of a cycle through a workspace',
      `
        study:
          - {name: a, description: d, run: {cmd: ls $(b.workspace)}}
          - {name: b, description: d, run: {cmd: x, depends: [a]}}
      `,
      ['study.yaml:3:5: the steps wait for each other in a cycle: a -> b -> a'],
    ],
    [
      'of a step that is defined twice',
      `
        study:
          - {name: a, description: d, run: {cmd: x}}
          - {name: b, description: d, run: {cmd: x}}
          - {name: a, description: d, run: {cmd: y}}
      `,
      ["study.yaml:5:12: step 'a' is defined twice (first on line 3; Maestro would run only that one)"],
    ],
  ])('%s', (_, blocks, expected) => expect(errors(blocks)).toEqual(expected));
});

it('a chain of 5,000 steps is planned, whichever way it is listed', () => {
  const length = 5_000;
  const study = (next: number): Brief => ({
    steps: Array.from({ length }, (_, i) => ({
      name: `s${i}`,
      depends: i + next >= 0 && i + next < length ? [`s${i + next}`] : [],
    })),
  });
  for (const next of [-1, 1]) {
    const { plan } = planOf(study(next));
    expect(plan!.graph.steps.map(({ dependsOn }) => dependsOn[0])).toEqual([
      undefined,
      ...Array.from({ length: length - 1 }, (_, i) => i),
    ]);
  }
});
