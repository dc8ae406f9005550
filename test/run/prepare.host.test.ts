import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { runOptionsOf } from '../../src/inputs/derive.js';
import { parseInputs } from '../../src/inputs/parse.js';
import { planAt, planner, readStudy, type StudyContext, stagePath, unusedVariables } from '../../src/run/prepare.js';
import type { Plan } from '../../src/scripts/plan.js';
import { formatProblem, type Problem, SpecError } from '../../src/spec/problem.js';
import { readSpec } from '../../src/spec/read.js';
import { Source } from '../../src/spec/source.js';
import { PgenError } from '../../src/study/pgen/pgen.js';
import type { Log } from '../../src/util/log/log.js';
import { WatchedHost } from '../support/hosts.js';
import { type Brief, yamlOf } from '../support/plan.js';
import { temporaryDirectory } from '../support/temporary.js';

/** A checkout whose `studies/a/study.yaml` is the study, and a directory for it on the host. */
class Setting {
  readonly root = temporaryDirectory();
  readonly there = temporaryDirectory();
  readonly host = new WatchedHost();
  readonly here = new WatchedHost();
  readonly told: Problem[] = [];
  readonly context: StudyContext;

  constructor(study: Brief, { stage, dryRun = false }: { readonly stage?: string; readonly dryRun?: boolean } = {}) {
    mkdirSync(path.join(this.root, 'studies/a'), { recursive: true });
    writeFileSync(path.join(this.root, 'studies/data'), '');
    const log: Log = {
      phase() {},
      endPhase() {},
      info() {},
      live() {},
      problem: (problem) => this.told.push(problem),
      error() {},
      warning() {},
    };
    const inputs = parseInputs(
      new Map([
        ['spec', 'studies/a/study.yaml'],
        ['dry-run', String(dryRun)],
      ]),
      (name) => name,
    );
    this.context = {
      options: runOptionsOf(inputs),
      host: this.host,
      here: this.here,
      log,
      text: yamlOf(study),
      overlays: {},
      pgen: undefined,
      specPath: path.join(this.root, 'studies/a/study.yaml'),
      workingDirectory: this.root,
      stageRoot: stage === undefined ? undefined : path.join(this.root, stage),
      cancel: new AbortController().signal,
      hangup: new AbortController().signal,
    };
  }

  get studyPath(): string {
    return path.join(this.there, 'study');
  }

  /** Reads it, and plans it where it goes. */
  async plan(): Promise<Plan> {
    const planning = await planner(this.context);
    const { plan, warnings } = await planning.at(this.studyPath);
    this.told.push(...warnings);
    return plan;
  }
}

const show: Brief = { steps: [{ name: 'show', cmd: 'echo $(SPECROOT) $(OUTPUT_PATH)' }] };
const data = (given: string): Brief => ({
  dependencies: { paths: [{ name: 'DATA', path: given }] },
  steps: [{ name: 'show', cmd: 'cat $(DATA)' }],
});

/** What the study's only step runs. */
const commandOf = ({ scripts }: Plan) => scripts[0]!.main.text.trim().split('\n').at(-1);

describe('the places of a study', () => {
  const planned = ({ context }: Setting) => planAt(context, readStudy(context), '/p/study').plan;

  it('are on this machine, if it runs here', () => {
    const setting = new Setting(show);
    const plan = planned(setting);
    expect(plan.places).toEqual({
      studyPath: '/p/study',
      specRoot: `${setting.root}/studies/a`,
      workingDirectory: setting.root,
    });
    expect(commandOf(plan)).toBe(`echo ${setting.root}/studies/a /p/study`);
  });

  it.each([
    ['studies/a', ''],
    ['studies', '/a'],
    ['', '/studies/a'],
  ])('are in what is copied to the study, if it runs elsewhere: %s', (stage, inside) => {
    const setting = new Setting(show, { stage });
    const plan = planned(setting);
    const copy = `/p/study/${stagePath}`;
    expect(plan.places).toEqual({
      studyPath: '/p/study',
      specRoot: `${copy}${inside}`,
      workingDirectory: setting.root,
      staged: { from: path.join(setting.root, stage), to: copy },
    });
    expect(commandOf(plan)).toBe(`echo ${copy}${inside} /p/study`);
    expect(JSON.stringify(plan.scripts)).not.toContain(setting.root);
  });
});

describe('a study that runs elsewhere', () => {
  it('is planned with the copies of what it depends on, and nothing is made', async () => {
    const setting = new Setting(data('studies/data'), { stage: 'studies' });
    const plan = await setting.plan();
    expect(commandOf(plan)).toBe(`cat ${setting.studyPath}/${stagePath}/data`);
    expect(readdirSync(setting.there)).toEqual([]);
    // All that was done here is to look for what will be copied.
    expect(setting.here.commands).toHaveLength(1);
  });

  it.each([
    ['studies/gone', 'does not exist on this machine, from which it would be copied'],
    ['studies/data', 'is not in what is copied to this machine'],
    ['/nonexistent/data', 'does not exist on this machine'],
  ])('is refused before anything is made, if what it depends on will not be there: %s', async (given, words) => {
    const setting = new Setting(data(given), { stage: 'studies/a' });
    const error = await setting.plan().catch((error: unknown) => error);
    expect(error).toBeInstanceOf(SpecError);
    expect((error as Error).message).toContain(words);
    expect(readdirSync(setting.there)).toEqual([]);
  });
});

describe('planning', () => {
  it('looks once for what the study depends on, however often and wherever it is planned', async () => {
    const setting = new Setting(data('studies/data'));
    const planning = await planner(setting.context);
    const plans = [await planning.at('/p/one'), await planning.at('/p/two'), await planning.at('/p/one')];
    expect(plans.map(({ plan }) => plan.places.studyPath)).toEqual(['/p/one', '/p/two', '/p/one']);
    expect(plans[2]!.plan.scripts).toEqual(plans[0]!.plan.scripts);
    expect(setting.host.commands).toHaveLength(1);
  });

  it('of a study without a generator needs no directory', async () => {
    const { needsDirectory, spec } = await planner(new Setting(show).context);
    expect([needsDirectory, spec.name]).toEqual([false, 'demo']);
  });

  it('of one whose parameters are generated does: the generator is run for each, and may write there', async () => {
    const setting = new Setting({ steps: [{ name: 'show', cmd: 'echo $(N)' }] });
    const file = path.join(setting.root, 'pgen.py');
    writeFileSync(
      file,
      `from maestrowf.datastructures.core import ParameterGenerator
def get_custom_generator(env, **kwargs):
    path = env.find("OUTPUT_PATH").value
    open(path + "/written", "a").write("x")
    p = ParameterGenerator()
    p.add_parameter("N", [path], "N.one")
    return p
`,
    );
    const pgen = { file, shown: 'pgen.py', kwargs: new Map<string, string>() };
    const planning = await planner({ ...setting.context, pgen });
    expect(planning.needsDirectory).toBe(true);
    for (const name of ['one', 'two']) {
      const studyPath = path.join(setting.there, name);
      mkdirSync(studyPath);
      const { plan } = await planning.at(studyPath);
      expect(commandOf(plan)).toBe(`echo ${studyPath}`);
      expect(readdirSync(studyPath)).toEqual(['written']);
    }
    await expect(planning.at(path.join(setting.there, 'gone'))).rejects.toThrow(PgenError);
  });

  it('refuses a spec that cannot be read before it looks for anything', async () => {
    const setting = new Setting({ steps: [{ name: 'show', cmd: 'true', depends: ['gone'] }] });
    await expect(setting.plan()).rejects.toThrow(SpecError);
    expect(setting.host.commands).toEqual([]);
  });
});

it('a dry run refuses what is not there, as Maestro does', async () => {
  const setting = new Setting(data('/nonexistent/data'), { dryRun: true });
  await expect(setting.plan()).rejects.toThrow("the path of dependency 'DATA' does not exist");
});

it('what is not there is told before a parameter generator runs', async () => {
  const setting = new Setting(data('/nonexistent/data'));
  const file = path.join(setting.root, 'pgen.py');
  writeFileSync(file, `open(${JSON.stringify(path.join(setting.root, 'ran'))}, 'w')\n`);
  const planning = await planner({ ...setting.context, pgen: { file, shown: 'pgen.py', kwargs: new Map() } });
  await expect(planning.at(setting.there)).rejects.toThrow("the path of dependency 'DATA' does not exist");
  expect(readdirSync(setting.root)).not.toContain('ran');
});

describe('a variable of the overlay', () => {
  const text = `description: {name: demo, description: d}
env:
  variables: {MESH: fine, OUTPUT_PATH: out}
study:
  - {name: a, description: b, run: {cmd: "echo $(MESH) $(TOOL)"}}
`;
  const warnings = (variables: string) => {
    const overlays = { variables: new Source("input 'variables'", variables) };
    const { spec } = readSpec(new Source('a.yaml', text), overlays);
    return unusedVariables(spec!, overlays, text).map(formatProblem);
  };

  it('that nothing uses is told on its line, with the name that was probably meant', () => {
    expect(warnings('MESH: coarse\nMEHS: coarse\nELSE: 1')).toEqual([
      "input 'variables':2:1: warning: variable 'MEHS' is not used by the study (did you mean 'MESH'?)",
      "input 'variables':3:1: warning: variable 'ELSE' is not used by the study (write $(ELSE) where it is wanted)",
    ]);
  });

  it('is used by a step, by another variable, or as the output path', () => {
    expect(warnings('TOOL: $(PART)\nPART: 2\nOUTPUT_PATH: elsewhere')).toEqual([]);
  });
});
