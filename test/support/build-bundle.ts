import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** The bundle under test. */
    readonly bundle: string;
  }
}

const root = path.resolve(import.meta.dirname, '../..');
const bundles = path.join(root, 'build/bundles');
const UNUSED_BUNDLE_AGE_MS = 24 * 3_600_000;

/** What decides how the bundle comes out, beside the sources. */
const recipe = ['bundle.mjs', 'package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'];

/** Global set-up of the projects that run the bundle. A bundle that cannot be built fails the run. */
export default async function provideBundle(project: TestProject): Promise<void> {
  project.provide('bundle', await currentBundle());
}

/**
 * The bundle that the sources make, built unless it is there. Its directory is named after a hash of the sources, so it is
 * never stale, and another run, of the same sources or of others, does not change it.
 */
async function currentBundle(): Promise<string> {
  const directory = path.join(bundles, hashOfSources());
  if (!existsSync(directory)) await build(directory);
  const now = new Date();
  utimesSync(directory, now, now);
  removeUnused();
  return path.join(directory, 'index.js');
}

async function build(directory: string): Promise<void> {
  const temporary = path.join(bundles, `unfinished-${randomUUID()}`);
  const [compiled, target] = [path.join(temporary, 'compiled'), path.join(temporary, 'bundle')];
  mkdirSync(temporary, { recursive: true });
  try {
    await run(path.join(root, 'node_modules/.bin/tsc'), '-p', 'tsconfig.build.json', '--outDir', compiled);
    await run(process.execPath, 'bundle.mjs', compiled, target);
    renameSync(target, directory);
  } catch (error) {
    // Another run has built it meanwhile.
    if (existsSync(directory)) return;
    throw error;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** @throws Error with what the program printed, if it fails */
async function run(program: string, ...args: readonly string[]): Promise<void> {
  await promisify(execFile)(program, args, { cwd: root }).catch((error: Error & { stdout: string; stderr: string }) => {
    throw new Error(`the bundle under test cannot be built: ${error.message}\n${error.stdout}${error.stderr}`);
  });
}

function hashOfSources(): string {
  const sources = readdirSync(path.join(root, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)));
  const hash = createHash('sha256');
  for (const file of [...recipe, ...sources.sort()]) {
    const content = readFileSync(path.join(root, file));
    hash.update(`${file}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex').slice(0, 16);
}

/** Removes bundles, finished or not, that no run has used for a day. */
function removeUnused(): void {
  for (const name of readdirSync(bundles)) {
    const directory = path.join(bundles, name);
    const { mtimeMs } = statSync(directory, { throwIfNoEntry: false }) ?? { mtimeMs: Date.now() };
    if (Date.now() - mtimeMs > UNUSED_BUNDLE_AGE_MS) rmSync(directory, { recursive: true, force: true });
  }
}
