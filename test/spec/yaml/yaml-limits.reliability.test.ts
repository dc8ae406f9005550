import { describe, expect, it } from 'vitest';
import { type PyValue, pyRepr } from '../../../src/spec/python.js';
import { Source } from '../../../src/spec/source.js';
import { readYaml, toPyValue } from '../../../src/spec/yaml/read-yaml.js';

const read = (text: string) => readYaml(new Source('study.yaml', text));

/** The text's value as Python prints it, which must be read without a problem. */
function value(text: string): string {
  const { root, problems } = read(text);
  expect(problems).toEqual([]);
  return root === null ? 'nothing' : pyRepr(toPyValue(root));
}

describe('limits of YAML', () => {
  const error = (text: string) => {
    const { root, problems } = read(text);
    expect(root).toBeNull();
    return problems.map(({ message }) => message);
  };

  it('stop a document that aliases blow up', () => {
    const row = (i: number) =>
      `a${i}: &a${i} [${Array(10)
        .fill(i === 0 ? 'x' : `*a${i - 1}`)
        .join(', ')}]`;
    const text = Array.from({ length: 20 }, (_, i) => row(i)).join('\n');
    expect(error(text)).toEqual(['aliases make this document larger than 100,000 values']);
  });

  it('stop a document that merges blow up', () => {
    const row = (i: number) => `a${i}: &a${i} {<<: *a${i - 1}, k${i}: 1}`;
    const text = ['a0: &a0 {k0: 1}', ...Array.from({ length: 3000 }, (_, i) => row(i + 1))].join('\n');
    expect(error(text)).toEqual(['aliases make this document larger than 100,000 values']);
  });

  it('leave room for a study', () => {
    const text = `a: &a {${Array.from({ length: 50 }, (_, i) => `k${i}: ${i}`).join(', ')}}\nb:\n${'- {<<: *a}\n'.repeat(500)}`;
    expect((toPyValue(read(text).root!) as Map<PyValue, PyValue[]>).get('b')).toHaveLength(500);
  });

  it('stop what is nested too deeply', () => {
    expect(value('['.repeat(450) + ']'.repeat(450))).toBe('['.repeat(450) + ']'.repeat(450));
    const deep = (i: number) => `a${i}: &a${i} ${'['.repeat(400)}${i === 0 ? 'x' : `*a${i - 1}`}${']'.repeat(400)}`;
    for (const text of ['['.repeat(100_000), '- '.repeat(100_000), '? '.repeat(1000), `${deep(0)}\n${deep(1)}`]) {
      expect(error(text)).toEqual(['more than 500 levels of nesting']);
    }
  });

  it('stop a text of endless length', () => {
    expect(error(' '.repeat(100_000_001))).toEqual(['more than 100,000,000 characters']);
  });

  it.each([
    ['blank lines', `a:${'\n'.repeat(5_000_000)}`],
    ['a word', 'x'.repeat(5_000_000)],
    ['a line that is no pair', `a: b\n${'x '.repeat(500_000)}`],
    ['a quoted word', `"${'x'.repeat(5_000_000)}\n"`],
    ['tabs', '\t'.repeat(100_000)],
    ['quotes', '"'.repeat(100_001)],
    ['an open quote', `"${'\\'.repeat(100_001)}`],
    ['brackets', '[{'.repeat(100_000)],
    ['a long number', `a: ${'9'.repeat(1_000_000)}`],
    ['colons', `a: ${'1:'.repeat(100_000)}1`],
    ['tags', '!!map\n'.repeat(10_000)],
    ['broken lines in brackets', 'a: [\n1,\n]\n'.repeat(5000)],
    ['wide broken lines in brackets', `${' '.repeat(100_000)}a: [\n${'1,\n'.repeat(10_000)}]`],
    ['comments after quotes', 'a: "x"#\n'.repeat(5000)],
    ['a long list in brackets', `a:\n  b: [\n${'  "x",\n'.repeat(20_000)}  ]`],
  ])('keep %s from taking long', (_, text) => {
    read(text);
  });
});
