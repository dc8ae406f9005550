import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { NODE_FAILURE_LIMIT } from '../../src/conductor/policy.js';
import { StudyMachine } from '../../src/conductor/state-machine.js';
import { checkPaths } from '../../src/run/dependencies.js';
import { planStudy } from '../../src/run/plan.js';
import { stage } from '../../src/run/stage.js';
import { LocalScheduler } from '../../src/schedulers/local/scheduler.js';
import type { JobOutcome } from '../../src/schedulers/scheduler.js';
import { findPlace, makePlace } from '../../src/store/directory.js';
import { statusCsv, statusOrder } from '../../src/store/status-csv.js';
import { studyDirectory } from '../../src/study/directory.js';
import { makeParameter, toParameter } from '../../src/study/parameters.js';
import { exitCodes, type StepRecord, studyStatus } from '../../src/study/state.js';
import { systemClock } from '../../src/util/clock.js';
import { conduct } from '../support/conduct.js';
import { graphOf, policyOf, type Shape, scriptsOf } from '../support/graphs.js';
import { plainHost } from '../support/hosts.js';
import {
  type Brief,
  instancesOf,
  messagesOf,
  places,
  planOf,
  slurm,
  specText,
  validPlan,
  validSpec,
  yamlOf,
} from '../support/plan.js';
import { type Course, SimulatedScheduler } from '../support/simulated-scheduler.js';
import { temporaryDirectory } from '../support/temporary.js';
import { VirtualClock } from '../support/virtual-clock.js';

/**
 * The 25 ways of Maestro 1.1 that surprise whoever writes it anew, by their numbers: what is the same here, and what is
 * better. (21, but for what a scheduler reports, and 24 are about what is not there yet.)
 */

/** The command of a study's one step after everything was substituted. */
const commandOf = (brief: Omit<Brief, 'steps'>, cmd: string) =>
  instancesOf({ ...brief, steps: [{ name: 'a', cmd }] }).map(({ run }) => run.get('cmd'));

const namesOf = (brief: Brief) => instancesOf(brief).map(({ name }) => name);

const edgesOf = (brief: Brief) => {
  const steps = instancesOf(brief);
  return Object.fromEntries(steps.map(({ name, dependsOn }) => [name, dependsOn.map((index) => steps[index]!.name)]));
};

/** Runs a study on a virtual clock with schedulers that do as the test says. */
async function simulate(shapes: readonly Shape[], policy = {}, courseOf: () => Course = () => ({})) {
  const clock = new VirtualClock();
  const graph = graphOf(shapes);
  let local!: SimulatedScheduler;
  const done = conduct({
    graph,
    scripts: scriptsOf(graph),
    policy: policyOf(policy),
    clock,
    schedulers: (listener) => {
      local = new SimulatedScheduler(clock, listener, courseOf);
      return { local, batch: new SimulatedScheduler(clock, listener, courseOf) };
    },
  });
  clock.runOut();
  const machine = await done;
  return { machine, local, shapes };
}

/** What is in the environment of steps, and nobody else's business. */
const secret = 'ghs_secret';

/** Runs a study for real, on this machine. */
async function runHere(brief: Brief) {
  const studyPath = path.join(temporaryDirectory(), 'study');
  const spec = validSpec(brief);
  const here = { ...places, studyPath };
  const { plan } = planStudy(spec, spec.parameters.map(toParameter), here, { hashWorkspaces: false });
  const host = plainHost('', { TOKEN: secret });
  await makePlace(host, studyPath, { key: 'key', name: spec.name }, systemClock);
  await stage(host, plan!, { name: '/specs/study.yaml', text: yamlOf(brief) });
  const machine = await conduct({
    graph: plan!.graph,
    scripts: plan!.scripts,
    policy: policyOf(),
    clock: systemClock,
    schedulers: (listener) => ({
      local: new LocalScheduler({ host, studyPath, env: new Map(), clock: systemClock }, listener),
      batch: undefined,
    }),
  });
  return { machine, graph: plan!.graph, studyPath };
}

const outcome = (result: JobOutcome['result']): JobOutcome => ({ result, exitCode: null, signal: null, note: '' });

describe('YAML and substitution', () => {
  it('1: YAML is 1.1, and values are written as Python prints them', () => {
    const values = '[12:00:00, 010, yes, 1e3, 1.0, 0.00001, null, [1, b], 0o17, 2024-01-01, 1.0e+16]';
    const text = specText(`
      study: [{name: a, description: d, run: {cmd: $(X)}}]
      global.parameters: {X: {values: ${values}, label: X.%%}}
    `);
    expect(instancesOf(text).map(({ run }) => run.get('cmd'))).toEqual([
      '43200',
      '8',
      'True',
      '1e3',
      '1.0',
      '1e-05',
      'None',
      "[1, 'b']",
      '0o17',
      '2024-01-01',
      '1e+16',
    ]);
    expect(planOf(text).warnings).toEqual([
      expect.stringContaining('12:00:00 without quotes is the number 43200'),
      expect.stringContaining('010 without quotes is the number 8'),
    ]);
  });

  it('6: a parameter N is used by $(NX), and wherever a step has it, but it is told', () => {
    const parameters = { N: [1, 2] };
    const expands = (step: Brief['steps'][number]) => namesOf({ parameters, steps: [step] });
    const both = ['a_N.1', 'a_N.2'];
    expect(expands({ name: 'a', cmd: '$(NX)' })).toEqual(both);
    expect(expands({ name: 'a', description: 'of $(N)' })).toEqual(both);
    expect(expands({ name: 'a', walltime: '$(N)' })).toEqual(both);
    expect(expands({ name: 'a', post: '$(N.foo)' })).toEqual(both);
    expect(expands({ name: 'a-$(N)' })).toEqual(['a-$(N)_N.1', 'a-$(N)_N.2']);
    expect(expands({ name: 'a', cmd: '$(MN) N (N)' })).toEqual(['a']);
    expect(messagesOf(planOf({ parameters, steps: [{ name: 'a', cmd: '$(NX)' }] }).warnings)).toContainEqual(
      expect.stringContaining("$(NX) makes step 'a' run in every combination of parameter 'N'"),
    );
  });

  it('7: any value with a $ is a label, whichever block it is in, but for the very first item', () => {
    expect(commandOf({ variables: { A: '$(B)/a', B: '$(C)/b', C: 'c' } }, '$(A)')).toEqual(['$(B)/a']);
    expect(commandOf({ variables: { FIRST: 1, A: '$(B)/a', B: '$(C)/b', C: 'c' } }, '$(A)')).toEqual(['c/b/a']);
    expect(commandOf({ variables: { X: 'x' }, labels: { PLAIN: 'p', L: '$(PLAIN)' } }, '$(L)')).toEqual(['p']);
  });

  it('8: a label may use what is declared later, and no label that is declared before', () => {
    expect(commandOf({ variables: { C: 'c', A: '$(B)/a', B: '$(C)/b' } }, '$(A)')).toEqual(['c/b/a']);
    expect(commandOf({ variables: { C: 'c', B: '$(C)/b', A: '$(B)/a' } }, '$(A)')).toEqual(['$(B)/a']);
    expect(commandOf({ variables: { C: 'c' }, labels: { Y: '$(Y)' } }, '$(Y)')).toEqual(['$(Y)']);
    const late = { variables: { C: 'c', B: '$(C)/b', A: '$(B)/a' }, steps: [{ name: 'a', cmd: '$(A)' }] };
    expect(messagesOf(planOf(late).warnings)).toEqual([
      expect.stringContaining('a variable is replaced once, in the order of the spec'),
    ]);
  });

  it('9: variables are not put into values and labels of parameters, OUTPUT_PATH, and paths', async () => {
    const variables = { V: 'v', OUTPUT_PATH: './$(V)/$HOME' };
    const dependencies = { paths: [{ name: 'P', path: 'data/$(V)' }] };
    const parameters = { X: { values: ['$(V)'], label: '$(V)-%%' } };
    const brief: Brief = { variables, dependencies, parameters, steps: [{ name: 'a', cmd: '$(X) $(X.label)' }] };
    expect(instancesOf(brief).map(({ run, workspace }) => [run.get('cmd'), workspace])).toEqual([
      ['$(V) $(V)-$(V)', 'a/(V)-(V)'],
    ]);
    const rules = { outputPath: '', root: '/cwd', home: '/home/me', suffix: 'now' };
    expect(studyDirectory(validSpec(brief), rules)).toBe('/cwd/$(V)/$HOME/demo_now');
    const missing = await checkPaths(plainHost(), plainHost(), validSpec(brief), places);
    expect(missing.map(({ message }) => message)).toEqual([
      "the path of dependency 'P' does not exist on this machine: data/$(V)",
    ]);
  });

  it('10: a variable hides the parameter of its name in $(X), not in $(X.label), and it is told', () => {
    const study: Brief = {
      variables: { X: 'variable' },
      parameters: { X: [1] },
      steps: [{ name: 'a', cmd: '$(X) $(X.label)' }],
    };
    expect(instancesOf(study).map(({ name, run }) => [name, run.get('cmd')])).toEqual([['a_X.1', 'variable X.1']]);
    expect(messagesOf(planOf(study).warnings)).toEqual([
      "warning: 'X' of env hides the parameter of that name ($(X) never is the parameter's value)",
    ]);
  });
});

describe('the graph', () => {
  const independent: Brief = { steps: [{ name: 'A' }, { name: 'B' }, { name: 'C' }] };

  it('2: independent steps run in the order of the spec, not in reverse', async () => {
    expect(namesOf(independent)).toEqual(['A', 'B', 'C']);
    const { local } = await simulate([{ name: 'A' }, { name: 'B' }, { name: 'C' }], { localJobs: 1 });
    expect(local.asked).toEqual(['submit A 1', 'submit B 1', 'submit C 1']);
  });

  it('3: a step may be listed before what it waits for', () =>
    expect(edgesOf({ steps: [{ name: 'late', depends: ['early'] }, { name: 'early' }] })).toEqual({
      early: [],
      late: ['early'],
    }));

  it('4: a workspace makes no step wait, whatever the order of the steps, and it is told', () => {
    const user = { name: 'user', cmd: 'ls $(maker.workspace)' };
    for (const steps of [
      [user, { name: 'maker' }],
      [{ name: 'maker' }, user],
    ]) {
      expect(edgesOf({ steps })).toEqual({ maker: [], user: [] });
      expect(
        instancesOf({ steps })
          .find(({ name }) => name === 'user')!
          .run.get('cmd'),
      ).toBe('ls /study/maker');
      expect(messagesOf(planOf({ steps }).warnings)).toEqual([
        "warning: step 'user' uses the workspace of 'maker' without waiting for it (add 'maker' to its depends)",
      ]);
    }
  });

  it('5: several workspaces stand on a line, with anything between them', () => {
    const commandOfLast = (cmd: string) =>
      instancesOf({ steps: [{ name: 'A' }, { name: 'B' }, { name: 'c', cmd, depends: ['A', 'B'] }] })
        .at(-1)!
        .run.get('cmd');
    expect(commandOfLast('PATH=$(A.workspace):$(B.workspace)')).toBe('PATH=/study/A:/study/B');
    expect(commandOfLast('PATH=$(pwd):$(A.workspace)')).toBe('PATH=$(pwd):/study/A');
    expect(commandOfLast('$(A.workspace)$(A.workspace)')).toBe('/study/A/study/A');
  });

  it('11: combinations with one label are one node, the first, and it is told', () => {
    const study: Brief = {
      parameters: { X: { values: [1, 2, 3], label: 'A' } },
      steps: [{ name: 'a', cmd: '$(X)' }],
    };
    expect(instancesOf(study).map(({ name, run }) => [name, run.get('cmd')])).toEqual([['a_A', '1']]);
    expect(messagesOf(planOf(study).warnings)).toEqual([
      "warning: the label of parameter 'X' is the same for all its values (write %% where the value goes: X.%%)",
      "warning: 2 of the combinations of step 'a' are not run: their labels (A) are those of an earlier one (give X labels that contain %%)",
    ]);
  });

  it('12: a slash in a label stays in the name of the node, and is dropped from every path, so the step runs', async () => {
    const { machine, graph, studyPath } = await runHere({
      parameters: { X: ['x/y'] },
      steps: [{ name: 'a', cmd: 'echo $(X); printf "\\377" >&2' }],
    });
    expect(graph.steps.map(({ name, workspace }) => [name, workspace])).toEqual([['a_X.x/y', 'a/X.xy']]);
    expect(machine.steps.map(({ state }) => state)).toEqual(['FINISHED']);
    const files = readdirSync(path.join(studyPath, 'a/X.xy')).map((name) => name.replace(/\.\d+\./, '.ID.'));
    expect(files.sort()).toEqual(['a_X.xy.ID.err', 'a_X.xy.ID.out', 'a_X.xy.sh']);
  });

  it('13: labels that would share a directory are an error', () => {
    for (const values of [
      ['x/y', 'xy'],
      ['é', 'è'],
      ['a b', 'a_b'],
    ]) {
      expect(messagesOf(planOf({ parameters: { X: values }, steps: [{ name: 'a', cmd: '$(X)' }] }).errors)).toEqual([
        expect.stringMatching(/^'a_X\..*' and 'a_X\..*' would share the workspace a\/X\./),
      ]);
    }
  });

  it('14: a list of labels, and a name, are refused in a spec and taken from a generator', () => {
    const withParameter = (parameter: string) =>
      specText(`
        study: [{name: a, description: d, run: {cmd: $(X)}}]
        global.parameters: {X: ${parameter}}
      `);
    expect(messagesOf(planOf(withParameter('{values: [1, 2], label: [one, two]}')).errors)).toEqual([
      "'label' of parameter 'X' must be text, not a list",
    ]);
    expect(messagesOf(planOf(withParameter('{values: [1, 2], label: X.%%, name: n}')).errors)).toEqual([
      "unknown key 'name' in parameter 'X'",
    ]);
    const generated = makeParameter({
      key: 'X',
      name: 'n',
      values: ['1', '2'],
      labels: ['one', 'two'],
      at: { file: 'pgen.py', line: 1, column: 1 },
    });
    const spec = validSpec({ steps: [{ name: 'a', cmd: '$(X.name)' }] });
    const { plan } = planStudy(spec, [generated], places, { hashWorkspaces: false });
    expect(plan!.graph.steps.map(({ name, run }) => [name, run.get('cmd')])).toEqual([
      ['a_one', 'n'],
      ['a_two', 'n'],
    ]);
  });
});

describe('running', () => {
  it('15: local steps run at once, as many as local-jobs says, and nothing sleeps', async () => {
    const shapes = Array.from({ length: 8 }, (_, i) => ({ name: `s${i}` }));
    const course = () => ({ waits: 0, runs: 1000 });
    const four = await simulate(shapes, { localJobs: 4 }, course);
    expect(four.local.mostInFlight).toBe(4);
    expect(four.machine.steps.map(({ ended }) => ended)).toEqual([1000, 1000, 1000, 1000, 2000, 2000, 2000, 2000]);
    const one = await simulate(shapes, { localJobs: 1 }, course);
    expect(one.machine.steps.map(({ ended }) => ended)).toEqual([1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000]);
  });

  it('16: a step starts at the moment at which the last that it waits for has finished', async () => {
    const { machine } = await simulate(
      [{ name: 'a' }, { name: 'b', after: ['a'] }, { name: 'c', after: ['b'] }],
      {},
      () => ({ waits: 0, runs: 10 }),
    );
    expect(machine.steps.map(({ started, ended }) => [started, ended])).toEqual([
      [0, 10],
      [10, 20],
      [20, 30],
    ]);
  });

  it('17: a directory that has something in it is never removed: another is taken, or it is an error', async () => {
    const directory = temporaryDirectory();
    const study = path.join(directory, 'study');
    mkdirSync(study);
    writeFileSync(path.join(study, 'precious'), 'data');
    const place = { path: study, key: 'key' };
    await expect(findPlace(plainHost(), { ...place, resume: 'auto' })).rejects.toThrow(
      `the study directory ${study} exists and is not empty`,
    );
    expect(await makePlace(plainHost(), study, { key: 'key', name: 'demo' }, systemClock)).toBe(false);
    expect(await findPlace(plainHost(), { ...place, resume: 'never' })).toMatchObject({ path: `${study}.2` });
    expect(readFileSync(path.join(study, 'precious'), 'utf8')).toBe('data');
  });

  it('18: the exit status tells how the study ended, always', () => {
    const ended = (state: StepRecord['state']) => {
      const machine = new StudyMachine(graphOf([{ name: 'a' }]), policyOf());
      machine.handle({ type: 'begin', at: 0 });
      if (state === 'CANCELLED') machine.handle({ type: 'cancel', at: 1, reason: 'by hand' });
      const result = state === 'FINISHED' ? 'completed' : state === 'FAILED' ? 'failed' : 'cancelled';
      machine.handle({ type: 'ended', step: 0, attempt: 1, at: 2, outcome: outcome(result) });
      return exitCodes[studyStatus(machine.steps)];
    };
    expect([ended('FINISHED'), ended('FAILED'), ended('CANCELLED')]).toEqual([0, 2, 3]);
  });

  it('22: a job whose node fails is submitted again three times, throttle or not, and then given up', async () => {
    const machine = new StudyMachine(
      graphOf([
        { name: 'a', scheduled: true },
        { name: 'b', scheduled: true },
      ]),
      policyOf({ throttle: 1 }),
    );
    let submitted = 0;
    const count = ({ commands }: ReturnType<StudyMachine['handle']>) => {
      submitted += commands.filter((command) => command.type === 'submit' && command.step === 0).length;
    };
    count(machine.handle({ type: 'begin', at: 0 }));
    for (let attempt = 1; machine.steps[0]!.ended === null && attempt < 100; attempt++) {
      // The other step takes the only place in flight as soon as it is free, and gives it back.
      count(machine.handle({ type: 'ended', step: 0, attempt, at: attempt, outcome: outcome('node-failure') }));
      count(machine.handle({ type: 'ended', step: 1, attempt: 1, at: attempt, outcome: outcome('completed') }));
      count(machine.handle({ type: 'wake', step: 0, at: attempt }));
    }
    expect([machine.steps[0]!.state, submitted, machine.isOver]).toEqual(['HWFAILURE', 1 + NODE_FAILURE_LIMIT, true]);
    expect(studyStatus(machine.steps)).toBe('FAILURE');
  });

  it('23: a cancellation with no job in flight ends the study, and every priority of the schema is taken', () => {
    const machine = new StudyMachine(graphOf([{ name: 'a', scheduled: true }]), policyOf());
    expect(machine.handle({ type: 'cancel', at: 0, reason: 'by hand' }).commands).toEqual([]);
    expect([machine.isOver, studyStatus(machine.steps)]).toEqual([true, 'CANCELLED']);
    for (const priority of ['held', 'minimal', 'low', 'medium', 'high', 'expedited', 0, 0.5, 1]) {
      expect(
        planOf({ batch: { type: 'flux' }, steps: [{ name: 'a', procs: 1, priority }] }),
        String(priority),
      ).toMatchObject({ errors: [], warnings: [] });
    }
  });

  it('25: a comma never splits a value of status.csv, and the environment is never written', async () => {
    const graph = graphOf([{ name: 'a_X.1,2', workspace: 'a/X.12', params: { X: '1,2' } }]);
    const machine = new StudyMachine(graph, policyOf());
    const [header, row] = statusCsv(graph, machine.steps, statusOrder(graph), 0).split('\n') as [string, string];
    expect(row.split(',')).toHaveLength(header.split(',').length);
    expect(row).toContain('a_X.1%2C2,');

    const { studyPath } = await runHere({ steps: [{ name: 'a', cmd: 'true' }] });
    const files = (readdirSync(studyPath, { recursive: true }) as string[]).map((name) =>
      name.replace(/\.\d+\./, '.ID.'),
    );
    expect(files.filter((name) => !name.startsWith('.conductor')).sort()).toEqual([
      'a',
      'a/a.ID.err',
      'a/a.ID.out',
      'a/a.sh',
      'logs',
      'logs/demo.log',
      'study.yaml',
    ]);
    expect(existsSync(path.join(studyPath, 'meta'))).toBe(false);
    for (const file of readdirSync(studyPath, { recursive: true, withFileTypes: true })) {
      if (!file.isFile()) continue;
      expect(readFileSync(path.join(file.parentPath, file.name), 'utf8'), file.name).not.toContain(secret);
    }
  });
});

describe('scripts', () => {
  it('19: $(LAUNCHER)[..] works with nodes and procs that came from variables and parameters', () => {
    const { scripts } = validPlan({
      batch: slurm,
      variables: { N: 2 },
      parameters: { P: [4, 8] },
      steps: [{ name: 'a', cmd: '$(LAUNCHER)[1n, 3p] x; $(LAUNCHER)[1p] y', nodes: '$(N)', procs: '$(P)' }],
    });
    expect(scripts.map(({ main }) => main.text.split('\n\n')[1])).toEqual([
      'srun -n 3 -N 1 x; srun -n 1 y\n',
      'srun -n 3 -N 1 x; srun -n 1 y\n',
    ]);
    expect(
      messagesOf(
        planOf({
          batch: slurm,
          parameters: { P: [4, 2] },
          steps: [{ name: 'a', cmd: '$(LAUNCHER)[3p] x', procs: '$(P)' }],
        }).errors,
      ),
    ).toEqual(["step 'a': $(LAUNCHER)[3p] asks for 3 procs, but the step has 2"]);
  });

  it('20: exclusive: $(E) with a value of False is not exclusive', () => {
    const headers = validPlan({
      batch: slurm,
      parameters: { E: [true, false] },
      steps: [{ name: 'a', procs: 1, exclusive: '$(E)' }],
    }).scripts.map(({ main }) => main.text.includes('#SBATCH --exclusive'));
    expect(headers).toEqual([true, false]);
  });
});
