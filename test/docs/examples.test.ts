import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { load } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { actionInputs } from '../../src/inputs/parse.js';
import { inputNames } from '../../src/inputs/schema.js';
import { codeBlocksOf, isYaml, root, userPages } from '../support/markdown.js';

/** The inputs that steps of this action have in a block: a workflow, some of its steps, or a `with` alone. */
function stepInputs(value: unknown): Record<string, unknown>[] {
  if (Array.isArray(value)) return value.flatMap(stepInputs);
  if (typeof value !== 'object' || value === null) return [];
  const { uses, with: inputs } = value as { uses?: unknown; with?: Record<string, unknown> };
  if (typeof uses === 'string') return /maestro-on-flux@|^\.\/$/.test(uses) ? [inputs ?? {}] : [];
  return inputs === undefined ? Object.values(value).flatMap(stepInputs) : [inputs];
}

const workflows = '.github/workflows';
const sources = [
  ...userPages().map(({ file, text }) => ({
    file,
    texts: codeBlocksOf(text)
      .filter(({ language }) => isYaml(language))
      .map((block) => block.text),
  })),
  ...readdirSync(path.join(root, workflows)).map((name) => ({
    file: `${workflows}/${name}`,
    texts: [readFileSync(path.join(root, workflows, name), 'utf8')],
  })),
];
const examples = sources.flatMap(({ file, texts }) =>
  texts.flatMap((text) => stepInputs(load(text)).map((inputs) => ({ file, inputs }))),
);

/** What GitHub could put there: nothing in place of a whole value, but for the spec, which has to be there. */
const evaluated = (name: string, value: unknown) =>
  String(value)
    .replace(/^\s*\$\{\{[^}]*\}\}\s*$/, name === 'spec' ? '1' : '')
    .replaceAll(/\$\{\{.*?\}\}/g, '1');

describe('the inputs that are shown', () => {
  it.each(examples)('are some that the action takes: $file, $inputs', ({ inputs }) => {
    expect(inputNames).toEqual(expect.arrayContaining(Object.keys(inputs)));
    const given = Object.entries(inputs).map(([name, value]) => [
      `INPUT_${name.toUpperCase()}`,
      evaluated(name, value),
    ]);
    expect(() => actionInputs(Object.fromEntries(given))).not.toThrow();
  });

  it('are found in the README, on pages, and in the workflows of the examples', () => {
    const files = new Set(examples.map(({ file }) => file));
    expect(files).toContain('README.md');
    expect(files).toContain('docs/workflows.md');
    expect(files).toContain(`${workflows}/example-nightly.yml`);
  });
});
