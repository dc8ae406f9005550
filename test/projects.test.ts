import { readdirSync } from 'node:fs';
import path from 'node:path';
import picomatch from 'picomatch';
import { describe, expect, it } from 'vitest';
import { filesOf, projectNames } from './support/projects.js';

const files = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.ts'))
  .map((file) => path.join('test', file));

const matchers = projectNames.map((name) => {
  const { include, exclude } = filesOf(name);
  return { name, matches: picomatch(include, { ignore: exclude }) };
});
const projectsOf = (file: string) => matchers.filter(({ matches }) => matches(file)).map(({ name }) => name);

describe('the projects of the tests', () => {
  it('have every test file in exactly one of them', () => {
    expect(files.length).toBeGreaterThan(0);
    const wrong = files.filter((file) => projectsOf(file).length !== 1);
    expect(wrong.map((file) => `${file}: ${projectsOf(file).join(', ') || 'none'}`)).toEqual([]);
  });

  it('know every project that a file name has', () => {
    const named = files.map((file) => /\.([^./]+)\.test\.ts$/.exec(file)?.[1]).filter((name) => name !== undefined);
    expect([...new Set(named)].filter((name) => !(projectNames as readonly string[]).includes(name))).toEqual([]);
  });

  it.each([
    ['test/study/a.test.ts', 'unit'],
    ['test/new-folder/a.test.ts', 'unit'],
    ['test/study/a.host.test.ts', 'host'],
    ['test/hosts/ssh/a.test.ts', 'host'],
    ['test/hosts/ssh/a.unit.test.ts', 'unit'],
    ['test/action/a.test.ts', 'action'],
    ['test/action/a.sites.test.ts', 'sites'],
    ['test/action/a.unit.test.ts', 'unit'],
    ['test/report/a.action.test.ts', 'action'],
    ['test/conformance/a.test.ts', 'conformance'],
    ['test/reliability/a.test.ts', 'reliability'],
  ])('have %s in %s', (file, project) => expect(projectsOf(file)).toEqual([project]));
});
