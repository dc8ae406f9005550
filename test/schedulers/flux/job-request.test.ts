import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { jobspecOf } from '../../../src/flux/jobspec.js';
import { parseJson, toJson } from '../../../src/flux/json.js';
import { checkResources } from '../../../src/schedulers/flux/check-resources.js';
import { jobRequest, type StudyJobs, urgency } from '../../../src/schedulers/flux/job-request.js';
import { resource } from '../../../src/scripts/dialect.js';
import { messagesOf, planOf } from '../../support/plan.js';

/**
 * What Maestro 1.2.1 submits, with the Python bindings of Flux 0.88 (`recordings/flux-jobspecs.jsonl`): for each run block
 * and batch block the jobspec that its adapter made and a broker accepted, or why Maestro, the bindings or the broker
 * refused. The broker had the queues `pdebug` and `pbatch` unless `queues` is false. The step was called NAME if `name`
 * says nothing else, its script SCRIPT and its workspace WORKSPACE; of the environment only what was added is there.
 */
interface Recorded {
  readonly batch: Tree;
  readonly run: Tree;
  readonly variables?: Tree;
  readonly name?: string;
  readonly queues?: false;
  readonly jobspec?: Jobspec;
  readonly urgency?: number;
  readonly error?: string;
  /** Not for the batch system. */
  readonly local?: true;
}

type Tree = Readonly<Record<string, unknown>>;

interface Jobspec {
  resources: Resource[];
  tasks: { command: string[]; slot: string; count: Tree }[];
  attributes: { system: Record<string, unknown>; user?: Record<string, unknown> };
  version: 1;
}

interface Resource {
  type: string;
  count: number;
  with: Resource[];
  exclusive?: boolean;
}

const recordings = readFileSync(new URL('recordings/flux-jobspecs.jsonl', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => parseJson(line) as Recorded);

const script = '/study/NAME/NAME.flux.sh';

interface Submitted {
  readonly jobspec: Jobspec;
  readonly urgency: number;
}

/** What becomes of the step here: the problems that keep it from being submitted, its job, or nothing for a local step. */
function submission(recorded: Recorded): { readonly problems: readonly string[]; readonly job?: Submitted } {
  const { batch, run, variables = {}, name = 'NAME', queues } = recorded;
  const { plan, errors } = planOf(
    toJson({
      description: { name: 'demo', description: 'a demo' },
      env: { variables },
      batch: { type: 'flux', ...batch },
      study: [{ name, description: 'a step', run: { cmd: 'true', ...run } }],
    }),
  );
  if (plan === undefined || errors.length > 0) return { problems: messagesOf(errors) };
  const step = plan.graph.steps[0]!;
  if (!step.scheduled) return { problems: [] };
  const problems = checkResources(step, plan.spec.batch).map(({ message }) => message);
  if (problems.length > 0) return { problems };
  const study: StudyJobs = {
    studyPath: '/study',
    studyName: 'demo',
    batch: plan.spec.batch,
    queue: queues === false ? undefined : resource(plan.spec.batch.values, 'queue') || undefined,
    environment: {},
    mostUrgent: 31,
  };
  const request = jobRequest({ step, attempt: 1, script: plan.scripts[0]!.main.path }, study);
  return { problems, job: { jobspec: parseJson(toJson(jobspecOf(request))) as Jobspec, urgency: urgency(step) } };
}

/** Ours in the recording's neutral words, less what only ours has: the launcher, and `attributes.user.maestro`. */
function neutral({ jobspec, urgency }: Submitted, name = 'NAME'): Submitted {
  const { system, user: { maestro, ...user } = {} } = jobspec.attributes;
  const task = jobspec.tasks[0]!;
  expect(maestro).toEqual({ study: 'demo', path: '/study', step: name, attempt: 1 });
  expect(task.command.slice(0, 3)).toEqual(['/study/.conductor/run', expect.any(String), '1']);
  const workspace = task.command[1]!;
  const cwd = system.cwd === `/study/${workspace}` ? 'WORKSPACE' : system.cwd;
  return {
    jobspec: {
      ...jobspec,
      tasks: [{ ...task, command: [...task.command.slice(3, -1), 'SCRIPT'] }],
      attributes: { system: { ...system, cwd }, ...(Object.keys(user).length === 0 ? {} : { user }) },
    },
    urgency,
  };
}

const ours = (recorded: Recorded): Submitted => {
  const { problems, job } = submission(recorded);
  expect(problems).toEqual([]);
  return neutral(job!, recorded.name);
};

/**
 * Maestro's, without the empty configuration that it gives every nested job, and on the one node that Maestro 1.1 asks for
 * where the step does not say how many: 1.2.1 lets Flux spread such a job over several.
 */
function theirs({ jobspec, urgency }: Recorded): Submitted {
  const copy = structuredClone(jobspec!);
  const [first] = copy.resources;
  if (first!.type === 'slot') copy.resources = [{ type: 'node', count: 1, with: [first!] }];
  const { system } = copy.attributes;
  const { 'conf.json': conf, ...files } = (system.files ?? {}) as Record<string, { data: Tree } | undefined>;
  if (conf !== undefined && Object.keys(conf.data).length === 0) {
    copy.tasks[0]!.command = copy.tasks[0]!.command.filter((word) => word !== '-c{{tmpdir}}/conf.json');
    if (Object.keys(files).length > 0) system.files = files;
    else delete system.files;
  }
  return { jobspec: copy, urgency: urgency! };
}

function slotOf({ resources: [first] }: Jobspec): Resource {
  return first!.type === 'node' ? first!.with[0]! : first!;
}

const isNested = ({ run }: Recorded) => run.nested !== false;
const optionsOf = ({ batch }: Recorded) => (batch.allocation_args ?? {}) as Record<string, unknown>;
const options = (...texts: readonly string[]) => {
  return ({ batch }: Recorded) => 'allocation_args' in batch && texts.includes(toJson(batch.allocation_args));
};
const hasError = (error: RegExp) => (recorded: Recorded) => recorded.error !== undefined && error.test(recorded.error);

/** Where ours is another on purpose, and what it is there. */
const intended: Record<string, { is(recorded: Recorded): boolean; expected(recorded: Recorded): Submitted }> = {
  'a nested job without `nodes` keeps its GPUs': {
    is: (recorded) => {
      const { jobspec, run } = recorded;
      return jobspec !== undefined && isNested(recorded) && run.nodes === undefined && Number(run.gpus) > 0;
    },
    expected: (recorded) => {
      const { jobspec, urgency } = theirs(recorded);
      expect(toJson(jobspec)).not.toContain('"gpu"');
      (slotOf(jobspec).with as Partial<Resource>[]).push({ type: 'gpu', count: Number(recorded.run.gpus) });
      return { jobspec, urgency };
    },
  },
  'a plain job on whole nodes asks for no GPUs on top': {
    is: (recorded) => {
      const { jobspec, run } = recorded;
      return jobspec?.resources[0]?.exclusive === true && !isNested(recorded) && Number(run.gpus) > 0;
    },
    expected: (recorded) => {
      const { jobspec, urgency } = theirs(recorded);
      const slot = slotOf(jobspec);
      expect(slot.with).toContainEqual({ type: 'gpu', count: recorded.run.gpus });
      slot.with = slot.with.filter(({ type }) => type !== 'gpu');
      return { jobspec, urgency };
    },
  },
  'the priorities low and expedited work': {
    is: hasError(/^ValueError: Priority '(low|expedited)' not valid/i),
    expected: ({ run }) => {
      const plain = recordings.find((other) => toJson(other.run) === '{"procs":1}' && other.jobspec !== undefined)!;
      return { ...theirs(plain), urgency: /low/i.test(String(run.priority)) ? 9 : 31 };
    },
  },
  "`exclusive` by a variable is false for the text 'false'": {
    is: ({ jobspec, variables }) => jobspec !== undefined && /^false$/i.test(String(variables?.X)),
    expected: (recorded) => {
      const { jobspec, urgency } = theirs(recorded);
      delete jobspec.resources[0]!.exclusive;
      slotOf(jobspec).count = Number(recorded.run.procs);
      return { jobspec, urgency };
    },
  },
  'the flag exclusive of allocation_args is honoured, which Maestro 1.2.1 drops': {
    is: hasEffectiveFlag,
    expected: (recorded) => {
      const { jobspec, urgency } = theirs(recorded);
      const [node] = jobspec.resources;
      const { procs = 1 } = recorded.run;
      expect(node).toMatchObject({ type: 'node' });
      expect(node!.exclusive).toBeUndefined();
      expect(slotOf(jobspec).count).toBe(Math.ceil(Number(procs) / node!.count));
      node!.exclusive = true;
      node!.with = [
        { type: 'slot', count: 1, with: [{ type: 'core', count: 1 } as Resource], label: 'task' } as Resource,
      ];
      jobspec.tasks[0]!.count = { per_slot: 1 };
      return { jobspec, urgency };
    },
  },
  'a bank is text': {
    is: ({ batch }) => batch.bank !== undefined && batch.bank !== null && typeof batch.bank !== 'string',
    expected: (recorded) => {
      const { jobspec, urgency } = theirs(recorded);
      const { system } = jobspec.attributes;
      system.bank = system.bank === true ? 'True' : String(system.bank);
      return { jobspec, urgency };
    },
  },
  'a `/` in a name is no directory of outputs': {
    is: ({ jobspec, name = '' }) => jobspec !== undefined && name.includes('/'),
    expected: (recorded) => {
      const text = toJson(theirs(recorded));
      const name = recorded.name!;
      return parseJson(text.replaceAll(`${name}.{{id}}`, `${name.replaceAll('/', '')}.{{id}}`)) as Submitted;
    },
  },
};

/** Refused here, and taken or retyped by Maestro: what would surprise whoever wrote it. */
const stricter: Record<string, (recorded: Recorded) => boolean> = {
  'a walltime that only Python takes for one': ({ run }) =>
    ['+1:30', '-1:30', '.5:00', ' 1:30', '1:30 ', '1e1:00', '1_0:00', 'nan:00', '\u0663'].includes(
      String(run.walltime),
    ),
  '`cores per task` that are no number': ({ run, jobspec, variables }) =>
    jobspec !== undefined && run['cores per task'] === '$(N)' && !/^[ 0-9]+$/.test(String(variables?.N)),
  'negative `gpus`': ({ run, jobspec, variables }) =>
    jobspec !== undefined && run.gpus === '$(N)' && variables?.N === '-1',
  'attributes.user that is no mapping, so that ours has no place': options('{"S":{"attributes.user":5}}'),
  'a configuration that is nothing, or no mapping': options('{"conf":null}', '{"conf":"flux.toml"}'),
  'the flag exclusive without `nodes`, which Maestro 1.2.1 drops': (recorded) =>
    hasEffectiveFlag(recorded) && recorded.run.nodes === undefined,
};

/** Taken here, and refused by the broker only once it is submitted: it alone knows what it takes. */
const brokers = options(
  '{"S":{"dependencies":"x"}}',
  '{"S":{"constraints":5}}',
  '{"S":{"attributes.other":1}}',
  '{"o":{"big":12345678901234567890}}',
);

/** The flag counts where the step says nothing itself. */
function hasEffectiveFlag(recorded: Recorded): boolean {
  const own = recorded.run.exclusive as { readonly allocation?: boolean } | boolean | null | undefined;
  const allocation = typeof own === 'object' ? own?.allocation : own;
  return ['x', 'exclusive'].some((key) => Object.hasOwn(Object(optionsOf(recorded)), key)) && allocation === undefined;
}

/** Taken here, because it says nothing. */
const empty = ({ batch }: Recorded) => batch.allocation_args === null;

type Kind = 'same' | 'refused' | 'local' | 'intended' | 'stricter' | 'brokers' | 'empty';

function kindOf(recorded: Recorded): [kind: Kind, about: string] {
  for (const [about, is] of Object.entries(stricter)) if (is(recorded)) return ['stricter', about];
  if (brokers(recorded)) return ['brokers', ''];
  if (empty(recorded)) return ['empty', ''];
  for (const [about, { is }] of Object.entries(intended)) if (is(recorded)) return ['intended', about];
  return [recorded.local ? 'local' : recorded.error === undefined ? 'same' : 'refused', ''];
}

const cases = recordings.map((recorded) => {
  const { batch, run, variables = {}, name = '' } = recorded;
  const said = Object.keys(batch).length > 0 ? [run, batch] : [run];
  const [kind, about] = kindOf(recorded);
  return {
    recorded,
    kind,
    about,
    title: [...said.map(toJson), ...Object.values(variables).map(toJson), name].join(' '),
  };
});
const casesOf = (kind: Kind, about = '') => cases.filter((each) => each.kind === kind && each.about === about);

function expectAsMaestro(recorded: Recorded): void {
  if (recorded.error === undefined) expect(ours(recorded)).toEqual(theirs(recorded));
  else expect(submission(recorded).problems).not.toEqual([]);
}

describe("the jobspec is Maestro's", () => {
  for (const { title, recorded } of casesOf('same')) it(title, () => expectAsMaestro(recorded));
});

describe('what Maestro or Flux refuses is refused before anything runs', () => {
  for (const { title, recorded } of casesOf('refused')) it(title, () => expectAsMaestro(recorded));
});

describe('what Maestro runs locally is no job', () => {
  for (const { title, recorded } of casesOf('local')) {
    it(title, () => expect(submission(recorded)).toEqual({ problems: [] }));
  }
});

describe('ours is another on purpose:', () => {
  for (const [about, { expected }] of Object.entries(intended)) {
    describe(about, () => {
      for (const { title, recorded } of casesOf('intended', about)) {
        it(title, () => expect(ours(recorded)).toEqual(expected(recorded)));
      }
    });
  }

  it('a nested job has a configuration only if there is one', () => {
    const nested = casesOf('same').filter(({ recorded }) => isNested(recorded));
    const isConfigured = (recorded: Recorded) => Object.keys(Object(optionsOf(recorded).conf)).length > 0;
    for (const { recorded } of nested) {
      expect(recorded.jobspec!.tasks[0]!.command).toContain('-c{{tmpdir}}/conf.json');
      const { tasks, attributes } = submission(recorded).job!.jobspec;
      expect(tasks[0]!.command.includes('-c{{tmpdir}}/conf.json')).toBe(isConfigured(recorded));
      expect(toJson(attributes).includes('"conf.json"')).toBe(isConfigured(recorded));
    }
    expect(nested.filter(({ recorded }) => isConfigured(recorded)).length).toBeGreaterThan(5);
  });
});

describe('ours is stricter:', () => {
  for (const about of Object.keys(stricter)) {
    describe(about, () => {
      for (const { title, recorded } of casesOf('stricter', about)) {
        it(title, () => expect(submission(recorded).problems).not.toEqual([]));
      }
    });
  }
});

describe('left to the broker to refuse:', () => {
  for (const { title, recorded } of casesOf('brokers')) {
    it(title, () => {
      expect(recorded.error).toBeDefined();
      expect(submission(recorded).problems).toEqual([]);
    });
  }
});

it('arguments that are nothing are no arguments', () => {
  for (const { recorded } of casesOf('empty')) expect(submission(recorded).problems).toEqual([]);
});

it('every difference that is told of here was recorded', () => {
  for (const about of Object.keys(intended)) expect(casesOf('intended', about), about).not.toEqual([]);
  for (const about of Object.keys(stricter)) expect(casesOf('stricter', about), about).not.toEqual([]);
  expect(casesOf('brokers')).not.toEqual([]);
});

/** A job of a step with one task, or of that run block. */
const jobOf = (run: Tree = { procs: 1 }, name = 'NAME') => submission({ batch: {}, run, name }).job!;

it.each([
  [0, 0],
  [0.001, 1],
  [0.25, 8],
  [0.5, 16],
  [0.99, 31],
  [1, 31],
])('the priority %d is the urgency %d, rounded up', (priority, expected) =>
  expect(jobOf({ procs: 1, priority }).urgency).toBe(expected),
);

it.each([true, false])('waitable: %s makes no difference', (waitable) =>
  expect(jobOf({ procs: 1, waitable })).toEqual(jobOf()),
);

describe('the command', () => {
  const launcher = (workspace: string) => ['/study/.conductor/run', workspace, '1'];
  const commandOf = (run: Tree, name?: string) => jobOf(run, name).jobspec.tasks[0]!.command;

  it('of a nested job is the launcher, a broker and the script', () =>
    expect(commandOf({ procs: 1 })).toEqual([...launcher('NAME'), 'flux', 'broker', script]));

  it('of a plain job is the launcher and the script', () =>
    expect(commandOf({ procs: 1, nested: false })).toEqual([...launcher('NAME'), script]));
});

describe('a name with blanks and a slash', () => {
  it.each([true, false])('is the job as it is, and its outputs without the slash (nested: %s)', (nested) => {
    const { system } = jobOf({ procs: 1, nested }, 'my a/b').jobspec.attributes;
    expect(system.job).toEqual({ name: 'my a/b' });
    expect(system.shell).toMatchObject({
      options: {
        output: {
          stdout: { type: 'file', path: 'my ab.{{id}}.out' },
          stderr: { type: 'file', path: 'my ab.{{id}}.err' },
        },
      },
    });
  });
});

// A broker makes a shell's command line of a single word; a plain job's words are its argv.
it.each([
  [true, ["'/my study/a/b c.sh'"]],
  [false, ['/my study/a/b c.sh']],
])('a script whose path has blanks is one word (nested: %s)', (nested, expected) => {
  const { plan } = planOf({ batch: { type: 'flux' }, steps: [{ name: 'NAME', procs: 1, nested }] });
  const study: StudyJobs = {
    studyPath: '/my study',
    studyName: 'demo',
    batch: plan!.spec.batch,
    queue: undefined,
    environment: {},
    mostUrgent: 31,
  };
  const request = jobRequest({ step: plan!.graph.steps[0]!, attempt: 2, script: 'a/b c.sh' }, study);
  expect(request.command).toEqual(expected);
  expect(jobspecOf(request).tasks[0]!.command).toEqual([
    '/my study/.conductor/run',
    'NAME',
    '2',
    ...(nested ? ['flux', 'broker'] : []),
    ...expected,
  ]);
});

it("the study's environment goes along", () => {
  const { plan } = planOf({ batch: { type: 'flux' }, steps: [{ name: 'NAME', procs: 1 }] });
  const study = { studyPath: '/study', studyName: 'demo', batch: plan!.spec.batch, queue: undefined, mostUrgent: 31 };
  const environment = { PATH: '/bin', __proto__X: 'x' };
  const request = jobRequest({ step: plan!.graph.steps[0]!, attempt: 1, script: 's' }, { ...study, environment });
  expect(jobspecOf(request).attributes).toMatchObject({ system: { environment } });
});
