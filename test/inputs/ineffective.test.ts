import { describe, expect, it } from 'vitest';
import { ineffectiveInputs, unmatchedGlobs } from '../../src/inputs/ineffective.js';
import { parseInputs } from '../../src/inputs/parse.js';
import type { Inputs } from '../../src/inputs/schema.js';
import type { Spec } from '../../src/spec/spec.js';
import { graphOf, type Shape } from '../support/graphs.js';

const inputsOf = (given: Partial<Record<keyof Inputs, string>>) =>
  parseInputs(new Map(Object.entries({ spec: 'a.yaml', ...given })), (name) => name);

const study = (type: Spec['batch']['type'], ...shapes: Shape[]) => ({
  spec: { batch: { type } } as Pick<Spec, 'batch'>,
  graph: graphOf(shapes),
});

describe('a glob of allow-failure that matches no step', () => {
  const { graph } = study('local', { name: 'smoke-test_N.1', step: 'smoke-test' }, { name: 'run' });

  it('is told, with the name that was probably meant', () => {
    expect(unmatchedGlobs({ 'allow-failure': ['smi*', 'rnu', 'zzz'] }, graph)).toEqual([
      "No step matches 'smi*' of allow-failure (did you mean 'smoke-test'?)",
      "No step matches 'rnu' of allow-failure (did you mean 'run'?)",
      "No step matches 'zzz' of allow-failure (the steps are smoke-test, run)",
    ]);
  });

  it('is none that matches a step or an instance', () => {
    expect(unmatchedGlobs({ 'allow-failure': ['smo*', 'run', '*N.1'] }, graph)).toEqual([]);
  });
});

describe('an input that changes nothing', () => {
  const told = (given: Partial<Record<keyof Inputs, string>>, ...of: Parameters<typeof study>) =>
    ineffectiveInputs(inputsOf(given), study(...of)).map((sentence) => sentence.split(' ')[0]);

  it('is told by name for a study without jobs', () => {
    const given = { throttle: '3', 'restart-limit': '2', flux: 'system', allocate: '{with: slurm}', 'local-jobs': '9' };
    expect(told({ ...given, flux: 'auto' }, 'local', { name: 'a' })).toEqual(['throttle', 'restart-limit', 'allocate']);
    expect(told({ flux: 'system' }, 'local', { name: 'a' })).toEqual(['flux']);
  });

  it.each([
    ['slurm', 'Slurm'],
    ['lsf', 'LSF'],
  ] as const)('is told if it is for Flux and the study is of type %s', (type, shown) => {
    const given = inputsOf({ flux: 'system' });
    const because = `the scheduled steps are jobs of ${shown}`;
    const job = { name: 'a', scheduled: true };
    expect(ineffectiveInputs(given, study(type, job))).toEqual([`flux has no effect: ${because}`]);
    const allocated = inputsOf({ allocate: '{with: slurm}' });
    expect(ineffectiveInputs(allocated, study(type, job))).toEqual([`allocate has no effect: ${because}`]);
    expect(told({ throttle: '5' }, type, job)).toEqual([]);
  });

  it('is told by name for a study of jobs alone', () => {
    expect(told({ 'local-jobs': '9', throttle: '3', flux: 'system' }, 'flux', { name: 'a', scheduled: true })).toEqual([
      'local-jobs',
    ]);
    const restarts: Shape = { name: 'a', scheduled: true, restart: true };
    expect(told({ 'restart-limit': '3' }, 'flux', restarts)).toEqual([]);
  });

  it('is told by name where it only means something with another', () => {
    expect(told({ 'check-name': 'x', annotations: 'none' }, 'local', { name: 'a' })).toEqual(['check-name']);
    expect(told({ parameters: '{A: [1]}', pgen: 'a.py' }, 'local', { name: 'a' })).toEqual(['parameters']);
    expect(told({ collect: '*', 'dry-run': 'true' }, 'local', { name: 'a' })).toEqual(['collect']);
  });

  it('is never one that was not given', () => {
    for (const type of ['local', 'slurm', 'lsf', 'flux'] as const) {
      expect(told({}, type, { name: 'a' })).toEqual([]);
      expect(told({}, type, { name: 'a', scheduled: true })).toEqual([]);
    }
  });
});
