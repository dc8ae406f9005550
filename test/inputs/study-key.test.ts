import { mkdirSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { readRunner } from '../../src/action/runner.js';
import { actionInputs } from '../../src/inputs/parse.js';
import { studyKeys, withPlainPaths } from '../../src/inputs/study-key.js';
import { temporaryDirectory } from '../support/temporary.js';

const workspace = '/home/runner/work/repository';

function runner(environment: Record<string, string> = {}) {
  return readRunner({
    GITHUB_WORKSPACE: workspace,
    GITHUB_REPOSITORY: 'octo/studies',
    GITHUB_RUN_ID: '4711',
    RUNNER_TEMP: '/home/runner/work/_temp',
    GITHUB_JOB: 'study',
    GITHUB_ACTION: '__octo_maestro-on-flux',
    ...environment,
  });
}

const inputs = (given: Record<string, string> = {}) => actionInputs({ INPUT_SPEC: 'a/study.yaml', ...prefixed(given) });
const prefixed = (given: Record<string, string>) =>
  Object.fromEntries(Object.entries(given).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value]));

const keyOf = (given: Record<string, string> = {}, environment: Record<string, string> = {}) =>
  studyKeys(inputs(given), runner(environment)).key;

describe('the study key of a step of a workflow', () => {
  it('is another for another job, another step and another run', () => {
    const keys = [
      keyOf(),
      keyOf({}, { GITHUB_JOB: 'other' }),
      keyOf({}, { GITHUB_ACTION: '__octo_maestro-on-flux_2' }),
      keyOf({}, { GITHUB_ACTION: 'second' }),
      keyOf({}, { GITHUB_RUN_ID: '4712' }),
      keyOf({}, { GITHUB_JOB: '', GITHUB_ACTION: 'study' }),
    ];
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys[0]).toMatch(/^4711-[0-9a-f]{8}$/);
  });

  it('is the same in a re-run', () => {
    expect(keyOf({}, { GITHUB_RUN_ATTEMPT: '2' })).toBe(keyOf({}, { GITHUB_RUN_ATTEMPT: '1' }));
  });

  it('is the same however the paths of the spec and of the generator are spelled', () => {
    for (const spec of ['./a/study.yaml', 'b/../a/study.yaml', 'a//study.yaml', `${workspace}/a/study.yaml`]) {
      expect([spec, keyOf({ spec })]).toEqual([spec, keyOf()]);
    }
    expect(keyOf({ pgen: './pgen.py' })).toBe(keyOf({ pgen: 'pgen.py' }));
    expect(keyOf({ spec: '../a/study.yaml' })).not.toBe(keyOf());
  });

  it('is the one that was chosen, in every job and step', () => {
    const given = { 'study-key': 'mine' };
    for (const environment of [{}, { GITHUB_JOB: 'other' }, { GITHUB_ACTION: 'second' }]) {
      expect(studyKeys(inputs(given), runner(environment))).toEqual({ key: 'mine', former: undefined });
    }
  });

  it('is known beside the one that an earlier version made of the same run', () => {
    const unsaid = studyKeys(inputs(), runner({ GITHUB_JOB: '', GITHUB_ACTION: '' }));
    expect(unsaid.former).toBeUndefined();
    expect(studyKeys(inputs(), runner()).former).toBe(unsaid.key);
  });
});

describe('the path of a spec', () => {
  const plain = (spec: string, directory = workspace) => withPlainPaths(inputs({ spec }), directory).spec;

  it('has one spelling in the workspace; outside of it, it is relative or absolute as it was given', () => {
    expect(['./a.yaml', 'x/../a.yaml', `${workspace}/a.yaml`].map((spec) => plain(spec))).toEqual(
      Array(3).fill('a.yaml'),
    );
    expect(plain('x/../../b.yaml')).toBe('../b.yaml');
    expect(plain('/home/runner/work/./b.yaml')).toBe('/home/runner/work/b.yaml');
    expect(plain('..a.yaml')).toBe('..a.yaml');
  });

  it('is in the workspace also if that is given by the path behind a link', () => {
    const root = temporaryDirectory();
    mkdirSync(path.join(root, 'disk/work/a'), { recursive: true });
    symlinkSync('disk/work', path.join(root, 'work'));
    expect(plain(path.join(root, 'disk/work/a'), path.join(root, 'work'))).toBe('a');
  });
});
