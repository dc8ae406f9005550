import { describe, expect, it } from 'vitest';
import { type AllocationRequest, readAllocationRequest } from '../../../src/schedulers/allocation/request.js';
import { formatProblem } from '../../../src/spec/problem.js';
import { Source } from '../../../src/spec/source.js';

function read(text: string) {
  const { request, problems } = readAllocationRequest(new Source("input 'allocate'", text));
  return { request, problems: problems.map(formatProblem) };
}

function requested(text: string): AllocationRequest {
  const { request, problems } = read(text);
  if (request === undefined) throw new Error(problems.join('\n'));
  expect(problems).toEqual([]);
  return request;
}

describe('an allocation that is wanted', () => {
  it('is one whole node for as long as the queue has it, unless told', () =>
    expect(requested('with: slurm')).toEqual({
      with: 'slurm',
      nodes: 1,
      tasks: undefined,
      gpus: undefined,
      minutes: undefined,
      queue: undefined,
      bank: undefined,
      args: [],
      keep: false,
      renew: 0,
    }));

  it('has all that it is given', () =>
    expect(
      requested(
        '{with: flux, nodes: 2, tasks: 8, gpus: 4, time: 90, queue: pbatch, bank: sci, args: [-o, "x y"], keep: true, renew: 3}',
      ),
    ).toEqual({
      with: 'flux',
      nodes: 2,
      tasks: 8,
      gpus: 4,
      minutes: 90,
      queue: 'pbatch',
      bank: 'sci',
      args: ['-o', 'x y'],
      keep: true,
      renew: 3,
    }));

  it('has further words as a list, or as text between blanks', () => {
    expect(requested('{with: slurm, args: " --qos=high  -C  gpu "}').args).toEqual(['--qos=high', '-C', 'gpu']);
    expect(requested('{with: slurm, args: [-c, 4]}').args).toEqual(['-c', '4']);
  });

  it('waits in the queue for as long as it is told, 0 for ever', () => {
    const waits = (text: string) => requested(`{with: slurm, max-wait: ${text}}`).maxWait;
    expect(['30s', '2', '"1:00:00"', '0'].map(waits)).toEqual([30, 120, 3600, 0]);
    expect(read('{with: slurm, max-wait: soon}').problems).toEqual([expect.stringMatching(/'max-wait'.* must be /)]);
  });

  it('has names as they are written, numbers too', () => {
    const { queue, bank } = requested('{with: slurm, queue: 010, bank: 1e3}');
    expect({ queue, bank }).toEqual({ queue: '010', bank: '1e3' });
  });

  it.each([
    ['90', 90],
    ['1.5', 2],
    ['"90"', 90],
    ['"00:30"', 1],
    ['"30:00"', 30],
    ['30:00', 30],
    ['1:30:00', 90],
    ['"01:30:01"', 91],
    ['01:30:00', 90],
    ['2h', 120],
    ['1.5h', 90],
    ['1d', 1440],
    ['30s', 1],
  ])('has a time of minutes, clock or units: %s is %i minutes', (time, minutes) =>
    expect(requested(`{with: slurm, time: ${time}}`).minutes).toBe(minutes),
  );

  it.each([
    ['', ["input 'allocate':1:1: input 'allocate' must be a YAML mapping (such as {with: slurm, nodes: 2})"]],
    ['slurm', ["input 'allocate':1:1: input 'allocate' must be a YAML mapping (such as {with: slurm, nodes: 2})"]],
    ['nodes: 2', ["input 'allocate':1:1: 'with' is missing from input 'allocate' (one of slurm, lsf, flux)"]],
    ['with: pbs', ["input 'allocate':1:7: 'with' of input 'allocate' must be slurm, lsf or flux, not 'pbs'"]],
    ['with: slurm\nnods: 2', ["input 'allocate':2:1: unknown key 'nods' in input 'allocate' (did you mean 'nodes'?)"]],
    [
      '{with: slurm, time: 0}',
      [
        `input 'allocate':1:21: 'time' of input 'allocate' must be minutes, "HH:MM:SS", "MM:SS", or a number with s, m, h or d, not 0`,
      ],
    ],
    [
      '{with: lsf, tasks: 4}',
      ["input 'allocate':1:20: 'tasks' is of no use with lsf: it gives whole nodes (leave it out)"],
    ],
    [
      '{with: slurm, nodes: 4, tasks: 2}',
      ["input 'allocate':1:32: 2 tasks are not enough for 4 nodes (each node needs at least one)"],
    ],
    [
      '{with: flux, tasks: 3, gpus: 4}',
      ["input 'allocate':1:21: 4 GPUs cannot be shared among 3 tasks (Flux gives each task the same number of GPUs)"],
    ],
    [
      '{with: slurm, queue: "a\\0"}',
      ["input 'allocate':1:22: a text of input 'allocate' cannot have a NUL character in it"],
    ],
  ])('is refused with what is wrong: %j', (text, problems) =>
    expect(read(text)).toEqual({ request: undefined, problems }),
  );

  it('is told all that is wrong at once', () =>
    expect(
      read('nodes: 0\ngpus: -1\nkeep: maybe\nrenew: 1.5\nqueue: []\nargs: {a: 1}').problems.map((problem) =>
        /^input 'allocate':([0-9]+):.*?'([a-z]+)'/.exec(problem.replace("input 'allocate' ", ''))?.slice(1).join(' '),
      ),
    ).toEqual(['1 with', '1 nodes', '2 gpus', '3 keep', '4 renew', '5 queue', '6 args']));

  it.each(['with: slurm\nwith: [', '{with: slurm, time: {}}', 'with: slurm\nargs: [[]]'])(
    'that is no such YAML is told of: %j',
    (text) =>
      expect(read(text)).toEqual({ request: undefined, problems: [expect.stringMatching(/^input 'allocate':/)] }),
  );
});
