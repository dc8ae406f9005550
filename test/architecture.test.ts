import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';

/** The floors of `src`, from the ground up: a folder may import what is below it, or on its own floor. */
const floors: readonly (readonly string[])[] = [
  ['util', 'spec', 'generated'],
  ['study', 'causes', 'metrics', 'history'],
  ['hosts', 'flux', 'scripts'],
  // A generator is run on a machine.
  ['store', 'flux/connect', 'study/pgen'],
  ['schedulers'],
  ['conductor', 'report', 'github'],
  ['run'],
  ['inputs'],
  ['action', 'cli'],
  ['main.ts', 'start.ts'],
];

/** What a folder may not import although it is below, or beside it. */
const forbidden: Readonly<Record<string, readonly string[]>> = {
  // Whoever wants to know how a step ended need not know how it was run.
  report: ['conductor', 'schedulers'],
  github: ['conductor', 'schedulers'],
  // The client of the protocol can be read alone.
  flux: ['hosts', 'study', 'scripts'],
};

const root = path.resolve(import.meta.dirname, '../src');
const sources = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
const folders = floors.flat().toSorted((a, b) => b.length - a.length);
const folderOf = (file: string) => folders.find((folder) => file === folder || file.startsWith(`${folder}/`));
const floorOf = (folder: string) => floors.findIndex((names) => names.includes(folder));

/** `A -> B` for every import, of types too. */
const imports = sources.flatMap((file) => {
  const text = readFileSync(path.join(root, file), 'utf8');
  const targets = text.matchAll(/\b(?:from|import\()\s*(?:\/\*.*?\*\/\s*)?'(\.[^']+)\.js'/g);
  return [...targets].map(([, target]) => ({ file, target: `${path.join(path.dirname(file), target!)}.ts` }));
});

function isAllowed(file: string, target: string): boolean {
  const [from, to] = [folderOf(file)!, folderOf(target)!];
  if (from === to) return true;
  if (forbidden[from]?.some((folder) => target.startsWith(`${folder}/`))) return false;
  return floorOf(to) <= floorOf(from);
}

it('every file is in a folder of the layout', () =>
  expect(sources.filter((file) => folderOf(file) === undefined)).toEqual([]));

it('no file imports from a floor above its own, nor what its folder may not know', () => {
  expect(imports.length).toBeGreaterThan(sources.length);
  const broken = imports.filter(({ file, target }) => !isAllowed(file, target));
  expect(broken.map(({ file, target }) => `${file} -> ${target}`)).toEqual([]);
});

it('no file imports itself by way of others', () => {
  const next = new Map(sources.map((source) => [source, imports.filter(({ file }) => file === source)]));
  const done = new Set<string>();
  const visit = (file: string, way: readonly string[]): void => {
    if (way.includes(file)) throw new Error([...way.slice(way.indexOf(file)), file].join(' -> '));
    if (done.has(file)) return;
    for (const { target } of next.get(file) ?? []) visit(target, [...way, file]);
    done.add(file);
  };
  for (const file of sources) visit(file, []);
});

/** What a file loads as soon as it is loaded itself: no types, and nothing that is imported when it is needed. */
function loadedBy(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  const text = readFileSync(path.join(root, file), 'utf8');
  for (const [, target] of text.matchAll(/^(?:import|export)(?! type\b)(?:[^;']*\bfrom)? '([^']+)';/gm)) {
    if (!target!.startsWith('.')) seen.add(target!);
    else loadedBy(`${path.join(path.dirname(file), target!).replace(/\.js$/, '')}.ts`, seen);
  }
  return seen;
}

it.each([
  ['`--version`', 'start.ts', /zod|yaml|^(run|report|schedulers|hosts|inputs|spec|study)\//],
  [
    'the command line',
    'main.ts',
    /zod|yaml|^(report|schedulers|inputs|conductor|store|scripts|cli\/(help|doctor|init))\b/,
  ],
  [
    'a local run',
    'cli/run.ts',
    /ssh2|undici|@actions|modern-tar|marked|^(action|github|history|run\/figures)\/|^metrics\/(?!metric\.ts)|(report-html|junit|allocated-backend|running-backend|queue-backend|run-maestro)\.ts$/,
  ],
])('%s loads nothing before it needs it', (_, file, unneeded) => {
  const loaded = [...loadedBy(file)];
  expect(loaded.length).toBeGreaterThan(5);
  expect(loaded.filter((name) => unneeded.test(name))).toEqual([]);
});

it('no file is so long that it is about more than one thing', () => {
  const programs = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) =>
    /\.(sh|py|js|css)$/.test(file),
  );
  const written = [...sources, ...programs].filter((file) => !file.startsWith('generated/'));
  const lengths = written.map((file) => ({
    file,
    lines: readFileSync(path.join(root, file), 'utf8').split('\n').length - 1,
  }));
  expect(lengths.filter(({ lines }) => lines > 400)).toEqual([]);
});
