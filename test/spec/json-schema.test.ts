import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { load } from 'js-yaml';
import { describe, expect, it } from 'vitest';

const schema = JSON.parse(readFileSync('docs/study.schema.json', 'utf8'));
const validate = new Ajv2020({ strict: false }).compile(schema);

/** Maestro's own samples, and what real Maestro did with them; they stay with the project's documents. */
const shared = path.resolve('../shared/maestro');
const isShared = existsSync(`${shared}/samples`);
if (!isShared) console.warn(`SKIPPED: ${shared} is not there: the schema is NOT TESTED with Maestro's own samples`);

interface Recording {
  readonly spec: string;
  readonly exit: number;
}

const recordings = (file: string): Recording[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

const isValid = (file: string) => validate(load(readFileSync(file, 'utf8')));

describe('the JSON Schema of a study, which editors check specs with', () => {
  it.each(readdirSync('samples').filter((name) => name.endsWith('.yaml')))('takes our sample %s', (name) => {
    expect(isValid(`samples/${name}`)).toBe(true);
  });

  it.each([
    ['a key that no step has', 'study: [{ name: a, description: b, run: { cmd: c, nodse: 2 } }]'],
    ['a step without a name', 'study: [{ description: b, run: { cmd: c } }]'],
    ['a step without commands', 'study: [{ name: a, description: b, run: {} }]'],
    ['a parameter without values', 'study: []\nglobal.parameters: { A: { label: A.%% } }'],
  ])('does not take %s', (_, text) => {
    expect(validate(load(`description: { name: a, description: b }\n${text}`))).toBe(false);
  });

  it('takes the generated specs that real Maestro takes', () => {
    const own = 'test/conformance/recordings';
    const taken = recordings(`${own}/specs.golden.jsonl`).filter(({ exit }) => exit === 0);
    expect(taken.length).toBeGreaterThan(100);
    expect(taken.filter(({ spec }) => !isValid(`${own}/specs/${spec}`))).toEqual([]);
  });

  it.skipIf(!isShared)("takes Maestro's own samples that real Maestro takes, and none of the others", () => {
    const samples = recordings(`${shared}/samples.golden.jsonl`);
    expect(new Set(samples.map(({ spec }) => spec))).toEqual(new Set(readdirSync(`${shared}/samples`)));
    const taken = samples.filter(({ exit }) => exit === 0).map(({ spec }) => spec);
    expect(samples.map(({ spec }) => spec).filter((spec) => isValid(`${shared}/samples/${spec}`))).toEqual(taken);
  });
});
