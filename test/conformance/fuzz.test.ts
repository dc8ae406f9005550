import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkDraft, planStudy } from '../../src/run/plan.js';
import { formatProblem, type Problem } from '../../src/spec/problem.js';
import { readSpec } from '../../src/spec/read.js';
import { Source } from '../../src/spec/source.js';
import { toParameter } from '../../src/study/parameters.js';
import { startBundle } from '../support/bundle.js';
import { fuzzedSpec, goodSpecs } from '../support/fuzzed-specs.js';
import { plainEnvironment } from '../support/hosts.js';
import { isLong } from '../support/long.js';
import { places, specText } from '../support/plan.js';
import { temporaryDirectory } from '../support/temporary.js';

/** All that is done to a specification before anything is written. */
function plan(text: string, hashWorkspaces = false) {
  const { spec, draft, problems: read } = readSpec(new Source('study.yaml', text));
  if (spec === undefined) {
    const more = draft === undefined ? [] : checkDraft(draft, places, read);
    return { plan: undefined, problems: [...read, ...more] };
  }
  const planned = planStudy(spec, spec.parameters.map(toParameter), places, { hashWorkspaces });
  return { plan: planned.plan, problems: [...read, ...planned.problems] };
}

/** What is wrong with the place of a problem; undefined if it is one in the text. */
function misplaced(problem: Problem, lines: readonly string[]): string | undefined {
  const { file, line, column } = problem.at;
  const isInside = file === 'study.yaml' && line >= 1 && line <= lines.length && column >= 1;
  if (isInside && column <= lines[line - 1]!.length + 1) return undefined;
  return `not in the file: ${formatProblem(problem)}`;
}

/** What is wrong with the paths of a study's scripts. */
function strayPaths(paths: readonly string[]): string[] {
  const directories = new Set(paths.map((name) => path.posix.dirname(name)));
  return [
    ...paths
      .filter((name) => {
        const components = name.split('/');
        const isSafe = (part: string) =>
          part !== '' && part !== '.' && part !== '..' && !part.includes('\0') && Buffer.byteLength(part) <= 255;
        return components.length < 2 || !components.every(isSafe);
      })
      .map((name) => `stray: ${JSON.stringify(name)}`),
    ...paths.filter((name, i) => paths.indexOf(name) !== i).map((name) => `twice: ${JSON.stringify(name)}`),
    ...paths.filter((name) => directories.has(name)).map((name) => `a directory too: ${JSON.stringify(name)}`),
  ];
}

/** All that is wrong with how a text is treated; nothing, whatever the text. */
function faults(text: string): string[] {
  const begun = performance.now();
  const { plan: planned, problems } = plan(text);
  let took = performance.now() - begun;
  if (took > 1000) {
    // A busy machine may have been the reason once.
    const again = performance.now();
    plan(text);
    took = Math.min(took, performance.now() - again);
  }
  const lines = text.split('\n');
  const hasErrors = problems.some(({ severity }) => severity === 'error');
  const paths = (planned?.scripts ?? []).flatMap(({ main, restart }) => [
    main.path,
    ...(restart === null ? [] : [restart.path]),
  ]);
  return [
    ...(took > 1000 ? [`it takes ${Math.round(took)} ms`] : []),
    ...(hasErrors === (planned === undefined) ? [] : ['it is refused without an error, or planned with one']),
    ...problems.flatMap((problem) => misplaced(problem, lines) ?? []),
    ...problems.filter(({ message }) => message.trim() === '').map(() => 'a problem without a message'),
    ...strayPaths(paths),
  ];
}

describe('a specification of any text', () => {
  it('the good ones that fuzzing begins with are good', () =>
    expect(goodSpecs.map((text) => plan(text).problems.filter(({ severity }) => severity === 'error'))).toEqual(
      goodSpecs.map(() => []),
    ));

  it('is read and planned within a second, with problems that are in the file and scripts that are in the study', {
    timeout: 600_000,
  }, () => {
    let planned = 0;
    const numRuns = isLong ? 10_000 : 1500;
    fc.assert(
      fc.property(fuzzedSpec, (text) => {
        expect(faults(text)).toEqual([]);
        if (plan(text).plan !== undefined) planned += 1;
      }),
      { numRuns, seed: 20_260_131 },
    );
    // Else nothing would have been seen of planning and scripts.
    expect(planned).toBeGreaterThan(numRuns / 10);
  });

  it.each([
    ['the name of a step', 'study: [{name: "a\\0b", description: d, run: {cmd: x, restart: y}}]', '2:16'],
    [
      'a value of a parameter',
      'study: [{name: a, description: d, run: {cmd: $(N), restart: y}}]\nglobal.parameters: {N: {values: ["\\0"], label: N.%%}}',
      '3:34',
    ],
    [
      'the batch block',
      'batch: {type: flux, queue: "\\0"}\nstudy: [{name: a, description: d, run: {cmd: x, procs: 1}}]',
      '2:28',
    ],
    [
      'a path',
      'env: {dependencies: {paths: [{name: P, path: "\\0"}]}}\nstudy: [{name: a, description: d, run: {cmd: x}}]',
      '2:46',
    ],
    [
      'OUTPUT_PATH',
      'env: {variables: {OUTPUT_PATH: "\\0"}}\nstudy: [{name: a, description: d, run: {cmd: x}}]',
      '2:32',
    ],
  ])('is refused for a NUL, which no command and no path can have, in %s', (_, blocks, place) => {
    const { problems } = plan(specText(blocks));
    const errors = problems.filter(({ severity }) => severity === 'error').map(formatProblem);
    expect(errors).toEqual([expect.stringMatching(new RegExp(`^study\\.yaml:${place}: .*\\bNUL\\b`))]);
  });

  it('is refused, and does not take all memory, when its variables grow beyond all bounds', () => {
    const variables = ['A', 'B', 'C', 'D'].map(
      (name, i, names) => `    ${name}: ${i === 3 ? 'x' : `$(${names[i + 1]})`.repeat(1000)}`,
    );
    const text = specText(
      [
        'env:',
        '  variables:',
        '    FIRST: 1',
        ...variables,
        'study: [{name: a, description: d, run: {cmd: $(A)}}]',
      ].join('\n'),
    );
    const { problems } = plan(text);
    expect(problems.filter(({ severity }) => severity === 'error').map(formatProblem)).toEqual([
      expect.stringMatching(/^study\.yaml:\d+:\d+: /),
    ]);
  });

  it('keeps its scripts in the study with hashed workspaces too', () => {
    fc.assert(
      fc.property(fuzzedSpec, (text) => {
        const scripts = plan(text, true).plan?.scripts ?? [];
        expect(
          strayPaths(scripts.flatMap(({ main, restart }) => [main.path, restart?.path ?? main.path + '.none'])),
        ).toEqual([]);
      }),
      { numRuns: isLong ? 2000 : 300, seed: 4711 },
    );
  });
});

describe('the program', () => {
  it('ends a dry run of any text with 0 or 1, a message, and nothing outside the study directory', {
    timeout: 120_000,
  }, async () => {
    const texts = fc.sample(fuzzedSpec, { numRuns: 25, seed: 1984 });
    const seen = await Promise.all(
      [texts.filter((_, i) => i % 2 === 0), texts.filter((_, i) => i % 2 === 1)].map(async (half) => {
        const results: unknown[] = [];
        for (const text of half) results.push(...(await dryRun(text)));
        return results;
      }),
    );
    expect(seen.flat()).toEqual([]);
  });

  /** What is wrong with a dry run. */
  async function dryRun(text: string): Promise<string[]> {
    const root = temporaryDirectory();
    for (const name of ['work', 'home', 'tmp']) mkdirSync(path.join(root, name));
    const cwd = path.join(root, 'work');
    writeFileSync(path.join(cwd, 'study.yaml'), text);
    const env = { ...plainEnvironment, HOME: path.join(root, 'home'), TMPDIR: path.join(root, 'tmp') };
    const args = ['run', 'study.yaml', '--dry-run', '--output-path', path.join(root, 'out/study')];
    const { code, stdout, stderr } = await startBundle(args, { cwd, env }).ended;
    const files = (readdirSync(root, { recursive: true }) as string[]).filter(
      (name) => !/^(work|home|tmp|out|work\/study\.yaml)$/.test(name) && !/^out\/study(\/|$)/.test(name),
    );
    const told = `${stdout}${stderr}`;
    return [
      ...(code === 0 || code === 1 ? [] : [`ends with ${code}`]),
      ...(code === 1 && stderr.trim() === '' ? ['is refused without a word'] : []),
      ...(/^\s+at .+:\d+/m.test(told) || told.includes('internal error') ? [`stumbles: ${told.slice(-500)}`] : []),
      ...files.map((name) => `writes ${JSON.stringify(name)}`),
    ].map((fault) => `${fault}\nof ${JSON.stringify(text)}`);
  }
});
