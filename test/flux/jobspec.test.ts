import { describe, expect, it } from 'vitest';
import { jobspecOf } from '../../src/flux/jobspec.js';
import { jobRequest } from '../support/flux/client.js';
import { recordedJobspecs } from '../support/flux/recordings.js';
import { at } from '../support/flux/submission.js';

const system = (jobspec: unknown, ...path: string[]) => at(jobspec, 'attributes', 'system', ...path);

describe("a jobspec is what Maestro's adapter submits", () => {
  it.each(recordedJobspecs.map(({ maestro, jobspec }) => [JSON.stringify(maestro), maestro, jobspec] as const))(
    'for a step with %s',
    (_, maestro, jobspec) => {
      const made = jobspecOf(
        jobRequest({
          nested: maestro.nested === true,
          nodes: Number(maestro.nodes),
          procs: Number(maestro.procs),
          coresPerTask: Number(maestro['cores per task']),
          gpusPerTask: Number(maestro.gpus),
          command: ['SCRIPT'],
          duration: 60,
          name: 'NAME',
          cwd: 'WORKSPACE',
          environment: {},
          queue: 'pdebug',
          bank: 'b',
          stdout: 'NAME.{{id}}.out',
          stderr: 'NAME.{{id}}.err',
        }),
      );
      expect(JSON.parse(JSON.stringify(made))).toEqual(jobspec);
    },
  );
});

describe('resources', () => {
  const slots = (changes: Parameters<typeof jobRequest>[0]) => {
    const { resources, tasks } = jobspecOf(jobRequest(changes));
    return { resources, count: tasks[0]!.count };
  };
  const slot = (count: number, ...parts: object[]) => ({
    type: 'slot',
    count,
    label: 'task',
    with: [{ type: 'core', count: 1 }, ...parts],
  });

  it('without nodes are wherever there is room', () => {
    expect(slots({ procs: 3 })).toEqual({ resources: [slot(3)], count: { per_slot: 1 } });
  });

  it('with GPUs have so many per task', () => {
    expect(slots({ procs: 2, gpusPerTask: 4 }).resources).toEqual([slot(2, { type: 'gpu', count: 4 })]);
  });

  it('on nodes have as many slots on each', () => {
    expect(slots({ nodes: 2, procs: 4 })).toEqual({
      resources: [{ type: 'node', count: 2, with: [slot(2)] }],
      count: { per_slot: 1 },
    });
  });

  it('that cannot be spread evenly leave slots empty', () => {
    expect(slots({ nodes: 2, procs: 3 })).toEqual({
      resources: [{ type: 'node', count: 2, with: [slot(2)] }],
      count: { total: 3 },
    });
  });

  it('may be whole nodes', () => {
    expect(slots({ nodes: 1, exclusive: true }).resources).toEqual([
      { type: 'node', count: 1, exclusive: true, with: [slot(1)] },
    ]);
  });
});

describe('attributes', () => {
  it('go where their paths say', () => {
    const jobspec = jobspecOf(
      jobRequest({
        attributes: [
          ['a.b', 1],
          ['system.c', 2],
          ['user.d', 3],
          ['attributes.system.e', 4],
        ],
        shellOptions: [['gpu-affinity', 'per-task']],
        user: { study: 's' },
      }),
    );
    expect(system(jobspec, 'a')).toEqual({ b: 1 });
    expect(system(jobspec, 'c')).toBe(2);
    expect(system(jobspec, 'e')).toBe(4);
    expect(system(jobspec, 'shell', 'options', 'gpu-affinity')).toBe('per-task');
    expect(jobspec.attributes.user).toEqual({ d: 3, study: 's' });
  });

  it('cannot be below a value of its own', () => {
    const attributes = [
      ['a.b', 1],
      ['a.b.deeper', 2],
    ] as const;
    expect(() => jobspecOf(jobRequest({ attributes }))).toThrow("'attributes.system.a.b' is a value of its own");
  });

  it('may have the name of anything, and change nothing but themselves', () => {
    const jobspec = jobspecOf(
      jobRequest({
        attributes: [
          ['__proto__.polluted', true],
          ['constructor.x', 1],
        ],
      }),
    );
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect(JSON.stringify(jobspec)).toContain('"__proto__":{"polluted":true}');
    expect(JSON.stringify(jobspec)).toContain('"constructor":{"x":1}');
  });

  it('have no queue, bank or limit of time that was not asked for', () => {
    const jobspec = jobspecOf(jobRequest());
    expect(system(jobspec, 'duration')).toBe(0);
    expect(Object.keys(system(jobspec) as object).sort()).toEqual(['cwd', 'duration', 'environment', 'job', 'shell']);
  });
});

describe('a command', () => {
  const command = (changes: Parameters<typeof jobRequest>[0]) => jobspecOf(jobRequest(changes)).tasks[0]!.command;

  it('comes after its prefix', () => {
    expect(command({ prefix: ['.conductor/run', 'x'], command: ['a', 'b c'] })).toEqual([
      '.conductor/run',
      'x',
      'a',
      'b c',
    ]);
  });

  it('of a nested job is the initial program of a broker', () => {
    const nested = { nested: true, prefix: ['run'], command: ['script.sh'] };
    expect(command(nested)).toEqual(['run', 'flux', 'broker', 'script.sh']);
    const conf = { resource: { noverify: true } };
    expect(command({ ...nested, conf })).toEqual(['run', 'flux', 'broker', '-c{{tmpdir}}/conf.json', 'script.sh']);
    expect(system(jobspecOf(jobRequest({ ...nested, conf })), 'files')).toEqual({
      'conf.json': { mode: 0o100600, data: conf },
    });
  });

  it('is not changed by what is done to the jobspec', () => {
    const environment = { A: '1' };
    const made = jobspecOf(jobRequest({ environment, attributes: [['environment.B', '2']] }));
    expect(environment).toEqual({ A: '1' });
    expect(system(made, 'environment')).toEqual({ A: '1', B: '2' });
  });
});

describe('nodes that a job is not to run on', () => {
  const constraints = (changes: Parameters<typeof jobRequest>[0]) =>
    system(jobspecOf(jobRequest(changes)), 'constraints');

  it('are a constraint, as flux-core makes it of --requires=-host:', () => {
    expect(constraints({})).toBeUndefined();
    expect(constraints({ excludedHosts: ['n1', 'n7'] })).toEqual({ not: [{ hostlist: ['n1,n7'] }] });
  });

  it('are so besides what the job itself demands', () => {
    const own = { properties: ['gpu'] };
    expect(constraints({ excludedHosts: ['n1'], attributes: [['constraints', own]] })).toEqual({
      and: [own, { not: [{ hostlist: ['n1'] }] }],
    });
  });
});
