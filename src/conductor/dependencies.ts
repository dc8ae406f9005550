import path from 'node:path';
import { mustRun, run, runLeashed } from '../hosts/commands.js';
import { type Host, HostError } from '../hosts/host.js';
import { quote } from '../quote.js';
import type { Problem } from '../spec/problem.js';
import type { Spec } from '../spec/spec.js';
import type { Clone, Places } from '../study/environment.js';

/** Checks that every path of `env.dependencies.paths` is on the host. Returns a problem for each that is not. */
export async function checkPaths(host: Host, spec: Spec, places: Places): Promise<Problem[]> {
  if (spec.paths.length === 0) return [];
  const tests = spec.paths.map((dependency) => {
    const absolute = path.posix.resolve(places.workingDirectory, dependency.path);
    return `[ -e ${quote(absolute)} ]; echo $?`;
  });
  const output = await mustRun(host, `cannot look for paths on ${host.name}`, tests.join('\n'));
  const found = output.toString().trim().split('\n');
  return spec.paths
    .filter((_, i) => found[i] !== '0')
    .map(({ name, path: given, at }) => ({
      severity: 'error',
      at,
      message: `the path of dependency '${name}' does not exist on ${host.name}: ${given}`,
      hint: `relative paths start at ${places.workingDirectory}`,
    }));
}

/**
 * Clones the repositories of `env.dependencies.git` on the host, one after the other.
 *
 * @param cancel ends a clone that is under way
 * @throws HostError with git's own words
 */
export async function cloneRepositories(
  host: Host,
  clones: readonly Clone[],
  cancel: AbortSignal,
  tell: (line: string) => void,
): Promise<void> {
  for (const { name, url, destination, checkout } of clones) {
    if (cancel.aborted) return;
    const there = await run(host, `[ -e ${quote(destination)} ] && [ -n "$(ls -A -- ${quote(destination)})" ]`);
    if (there.code === 0) {
      throw new HostError(
        `git dependency '${name}': ${destination} exists and is not empty, so nothing can be cloned to it`,
      );
    }
    tell(`Cloning ${url} to ${destination}`);
    const what = checkout && (checkout.kind === 'tag' ? `tags/${checkout.name}` : checkout.name);
    const { code, stderr } = await runLeashed(
      host,
      // Without a terminal nobody can answer a question about a password.
      `export GIT_TERMINAL_PROMPT=0\ngit clone --quiet -- ${quote(url)} ${quote(destination)}` +
        (what === undefined ? '' : ` && git -C ${quote(destination)} checkout --quiet ${quote(what)} --`),
      cancel,
    );
    if (code !== 0 && !cancel.aborted) {
      throw new HostError(`git dependency '${name}' cannot be cloned from ${url}: ${stderr || `exit ${code}`}`);
    }
  }
}
