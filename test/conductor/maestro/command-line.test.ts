import { expect, it } from 'vitest';
import { maestroWords } from '../../../src/conductor/maestro/command-line.js';

const plain = {
  studyPath: '/p/studies/demo',
  specPath: '/p/spec files/study.yaml',
  policy: { throttle: 0, submissionAttempts: 1, restartLimit: 1 },
  hashWorkspaces: false,
  isDryRun: false,
  sleepSeconds: 5,
  pgen: undefined,
};

const begin = ['maestro', 'run', '-fg', '-y', '-o', '/p/studies/demo'];

it('the plain command line says everything that the inputs decide, and the spec is its last word', () =>
  expect(maestroWords(plain)).toEqual([
    ...begin,
    ...['-s', '5', '-t', '0', '-a', '1', '-r', '1', '/p/spec files/study.yaml'],
  ]));

it('limits, hashed workspaces and a dry run are flags', () => {
  const policy = { throttle: 7, submissionAttempts: 3, restartLimit: 0 };
  expect(maestroWords({ ...plain, policy, hashWorkspaces: true, isDryRun: true, sleepSeconds: 1 })).toEqual([
    ...begin,
    ...['-s', '1', '-t', '7', '-a', '3', '-r', '0', '--hashws', '--dry', '/p/spec files/study.yaml'],
  ]);
});

it('each argument of a generator has a flag of its own', () => {
  const kwargs = new Map([
    ['COUNT', '3'],
    ['NAME', 'a b:c'],
  ]);
  expect(maestroWords({ ...plain, pgen: { file: '/p/pgen.py', kwargs } }).slice(-7)).toEqual([
    ...['-p', '/p/pgen.py', '--pargs', 'COUNT:3', '--pargs', 'NAME:a b:c'],
    '/p/spec files/study.yaml',
  ]);
});
