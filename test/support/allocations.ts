import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const root = path.resolve(import.meta.dirname, '../..');
const file = path.join(import.meta.dirname, 'allocations/expected.json');

/** Bytes by what was done: `staging` of 2,001 steps with all reports, `events`, 1,000 of the conductor. */
export type Allocated = Readonly<Record<'staging' | 'events', number>>;

/** The version of Node that counts were made with, as far as they depend on it. */
export const nodeVersion = process.versions.node.split('.')[0]!;

/**
 * Without the optimizing compilers, which leave out allocations of what is hot, the same is allocated each time; with one thread
 * nothing is collected meanwhile.
 */
const flags = [
  ...['--no-opt', '--no-maglev', '--no-sparkplug', '--single-threaded'],
  ...['--min-semi-space-size=64', '--max-semi-space-size=64'],
];

/** Counts, in a process of its own, what the sources allocate as they are now. */
export async function countAllocations(): Promise<Allocated> {
  // Below the top of the repository, where the packages are found.
  mkdirSync(path.join(root, 'build'), { recursive: true });
  const compiled = mkdtempSync(path.join(root, 'build/allocations-'));
  try {
    const options = ['--module', 'NodeNext', '--target', 'ES2023', '--types', 'node', '--skipLibCheck', '--noCheck'];
    const source = path.join(import.meta.dirname, 'allocations/count.ts');
    const words = ['--ignoreConfig', ...options, '--rootDir', root, '--outDir', compiled, source];
    await execute(path.join(root, 'node_modules/.bin/tsc'), words, { cwd: root });
    const program = path.join(compiled, 'test/support/allocations/count.js');
    const { stdout } = await execute(process.execPath, [...flags, program], { cwd: root });
    return JSON.parse(stdout);
  } finally {
    rmSync(compiled, { recursive: true, force: true });
  }
}

/** What the repository says of a version of Node, or of the latest that it knows. */
export function expectedAllocations(): Allocated {
  const known = readExpected();
  return known[nodeVersion] ?? known[Object.keys(known).sort().at(-1)!]!;
}

export function keepAllocations(counted: Allocated): void {
  writeFileSync(file, `${JSON.stringify({ ...readExpected(), [nodeVersion]: counted }, null, 2)}\n`);
}

const readExpected = (): Record<string, Allocated> => JSON.parse(readFileSync(file, 'utf8'));
