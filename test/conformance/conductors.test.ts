import { readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isLong } from '../support/long.js';
import { ConductedStudy, comparable, isMaestroPossible } from '../support/own-maestro.js';
import { type Brief, type StepBrief, yamlOf } from '../support/plan.js';

const samples = path.resolve(import.meta.dirname, '../../samples');

const studies: Readonly<Record<string, string | Brief>> = {
  'the sample': readFileSync(path.join(samples, 'hello-bye-parameterized.yaml'), 'utf8'),
  'variables, labels, funnels and steps that fail': {
    variables: { WORD: 'hello', NUMBER: 3 },
    labels: { FILE: '$(X.label).$(WORD)' },
    parameters: { X: [1, 2, 3], Y: { values: ['a b', 'c,d', "it's"], label: 'Y.%%' } },
    steps: [
      { name: 'make', cmd: 'echo $(WORD) $(NUMBER) > made; echo $(SPECROOT) > root' },
      { name: 'run', cmd: 'cp $(make.workspace)/made $(FILE); [ $(X) != 2 ]', depends: ['make'] },
      { name: 'each', cmd: 'echo "$(Y)"; cat $(run.workspace)/*.hello', depends: ['run'] },
      { name: 'all', cmd: 'cat $(run.workspace)/*/*.hello', depends: ['run_*'] },
      { name: 'apart', cmd: 'echo "$(Y)" >&2; pwd' },
      { name: 'last', cmd: 'cat $(apart.workspace)/*/*.err', depends: ['apart_*', 'make'] },
    ],
  },
};

const words = ['a', 'b c', '0.50', '1e3', 'x,y', 'é', 'T:1', '"q"', '$HOME', '*'];

/** Studies of a few quick local steps, some of which fail, with parameters and dependencies of all sorts. */
const generated: fc.Arbitrary<Brief> = fc
  .record({
    count: fc.integer({ min: 1, max: 5 }),
    values: fc.uniqueArray(fc.constantFrom(...words), { minLength: 1, maxLength: 3 }),
    edges: fc.array(fc.tuple(fc.nat(), fc.nat(), fc.boolean()), { maxLength: 6 }),
    uses: fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
    failures: fc.array(fc.constantFrom(0, 0, 0, 0, 1), { minLength: 5, maxLength: 5 }),
  })
  .map(({ count, values, edges, uses, failures }) => {
    const steps = Array.from({ length: count }, (_, i): StepBrief => {
      const own = edges.filter(([, to]) => to % count === i).map(([from, , all]) => [from % count, all] as const);
      const depends = new Map(own.filter(([from]) => from < i).map(([from, all]) => [from, all]));
      const word = uses[i] ? "'$(X)'" : 'plain';
      return {
        name: `s${i}`,
        cmd: `echo ${word} | tee made; echo $(WORD) >&2; ${failures[i] === 1 ? 'exit 3' : 'ls made'}`,
        depends: [...depends].map(([from, all]) => `s${from}${all && uses[from] ? '_*' : ''}`),
      };
    });
    return { variables: { WORD: 'word' }, parameters: { X: values }, steps };
  });

/** A report without what Maestro does not tell: why a step failed, and with which exit status. */
function alike(study: ConductedStudy): unknown {
  const report = comparable(study.report) as { steps: Record<string, unknown>[] };
  const plain = report.steps.map((step) => {
    const { exitCode: _, ...known } = step;
    return { ...known, reason: String(step.reason).replace(/^(exit \d+|it failed; .*)$/, 'failed') };
  });
  return { ...report, steps: plain };
}

/** The files of the workspaces. Maestro writes no scripts of steps that it never comes to. */
function filesOf(study: ConductedStudy): Record<string, string> {
  const { steps } = study.report as { steps: { skipped: boolean; script: string }[] };
  const unwritten = new Set(steps.filter(({ skipped }) => skipped).map(({ script }) => script));
  const files = Object.entries(study.workspaces).filter(([name]) => !unwritten.has(name));
  return Object.fromEntries(files.map(([name, content]) => [name, content.replaceAll(study.directory, 'SPECS')]));
}

async function expectAlike(text: string): Promise<void> {
  const [ours, theirs] = [new ConductedStudy(text, { conductor: 'native' }), new ConductedStudy(text)];
  const [native, maestro] = await Promise.all([ours.run(), theirs.run()]);
  expect([maestro.code, alike(theirs)], text).toEqual([native.code, alike(ours)]);
  expect(filesOf(theirs), text).toEqual(filesOf(ours));
}

describe.skipIf(!isMaestroPossible('the same studies through both conductors'))('both conductors', () => {
  it.each(Object.keys(studies))('end alike, with the same files: %s', async (name) => {
    const study = studies[name]!;
    await expectAlike(typeof study === 'string' ? study : yamlOf(study));
  });

  it('end alike, with the same files: generated studies', { timeout: 7_200_000 }, async () => {
    const numRuns = isLong ? 200 : 3;
    await fc.assert(
      fc.asyncProperty(generated, (study) => expectAlike(yamlOf(study))),
      { numRuns, seed: isLong ? Date.now() % 2 ** 31 : 20_260_301, endOnFailure: true },
    );
  });
});
