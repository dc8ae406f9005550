import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { programs } from '../src/generated/programs.js';

const source = path.resolve(import.meta.dirname, '../src');
const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) =>
  /\.(sh|py|js|css)$/.test(file),
);
const textOf = (file: string) => readFileSync(path.join(source, file), 'utf8');
const embeddedOf = (file: string) => (programs as Readonly<Record<string, string>>)[file]!;
const withEnd = (end: string) => files.filter((file) => file.endsWith(end));

it('every program is embedded, and nothing else', () =>
  expect(Object.keys(programs).toSorted()).toEqual(files.toSorted()));

describe.each(withEnd('.sh'))('%s', (file) => {
  /** As bash has understood a text: without comments, and laid out anew. Nothing of it is run. */
  const understood = (text: string) =>
    execFileSync('bash', ['--norc'], { input: `program() {\n${text}\n}\ndeclare -f program\n`, encoding: 'utf8' });

  it('means the same without its comments', () => {
    expect(understood(embeddedOf(file))).toBe(understood(textOf(file)));
    expect(understood(textOf(file)).length).toBeGreaterThan(10);
  });

  it('is sent without comments, or is a file for people and has them', () => {
    expect(/^\s*#(?!!)/m.test(embeddedOf(file))).toBe(textOf(file).startsWith('#!'));
    expect(embeddedOf(file)).not.toContain('shellcheck');
  });
});

it.each(withEnd('.css'))('%s has no comment but in lines of its own', (file) =>
  expect(embeddedOf(file)).not.toMatch(/\/\*|\*\//),
);

it.each(withEnd('.py'))('%s is Python', (file) => {
  const compile = 'import sys; compile(sys.stdin.read(), sys.argv[1], "exec")';
  execFileSync('python3', ['-c', compile, file], { input: textOf(file), stdio: ['pipe', 'pipe', 'pipe'] });
});
