import path from 'node:path';
import { again, mustRun, run, runLeashed } from '../hosts/commands.js';
import { type Host, HostError } from '../hosts/host.js';
import { quote } from '../quote.js';
import type { Problem } from '../spec/problem.js';
import type { Spec } from '../spec/spec.js';
import { type Clone, locate, type Places } from '../study/environment.js';

/**
 * Checks that every path of `env.dependencies.paths` is, or will be once all is staged, on the host.
 *
 * @param here the machine that the study was started on
 * @returns a problem for each that is not
 */
export async function checkPaths(host: Host, here: Host, spec: Spec, places: Places): Promise<Problem[]> {
  const { staged, workingDirectory } = places;
  const isStaged = ({ path: given }: PathDependency) => staged !== undefined && !path.posix.isAbsolute(given);
  const [local, remote] = [spec.paths.filter(isStaged), spec.paths.filter((dependency) => !isStaged(dependency))];
  const there = await existing(
    host,
    remote.map(({ path: given }) => path.posix.resolve(workingDirectory, given)),
  );
  const existsHere = await existing(
    here,
    local.map(({ path: given }) => path.posix.resolve(workingDirectory, given)),
  );
  const problem = ({ name, at }: PathDependency, message: string, hint: string): Problem => ({
    severity: 'error',
    at,
    message: `the path of dependency '${name}' ${message}`,
    hint,
  });
  return spec.paths.flatMap((dependency) => {
    const given = dependency.path;
    if (!isStaged(dependency)) {
      const isThere = there[remote.indexOf(dependency)];
      const hint = `relative paths start at ${workingDirectory}`;
      return isThere ? [] : [problem(dependency, `does not exist on ${host.name}: ${given}`, hint)];
    }
    if (!existsHere[local.indexOf(dependency)]) {
      const hint = `relative paths start at ${workingDirectory}`;
      return [problem(dependency, `does not exist on ${here.name}, from which it would be copied: ${given}`, hint)];
    }
    if (locate(places, given) !== undefined) return [];
    const hint = `choose with \`stage\` a directory that has it, or give the absolute path of what is on ${host.name}`;
    return [problem(dependency, `is not in what is copied to ${host.name} (${staged!.from}): ${given}`, hint)];
  });
}

type PathDependency = Spec['paths'][number];

async function existing(host: Host, paths: readonly string[]): Promise<boolean[]> {
  if (paths.length === 0) return [];
  const tests = paths.map((absolute) => `[ -e ${quote(absolute)} ]; echo $?`);
  const output = await mustRun(host, `cannot look for paths on ${host.name}`, tests.join('\n'));
  return output
    .toString()
    .trim()
    .split('\n')
    .map((status) => status === '0');
}

/**
 * Clones the repositories of `env.dependencies.git` on the host, one after the other. A clone appears at once and whole.
 *
 * @param isContinued whether the study was begun before: what is there then is its own
 * @param cancel ends a clone that is under way
 * @throws HostError with git's own words
 */
export async function cloneRepositories(
  host: Host,
  clones: readonly Clone[],
  isContinued: boolean,
  cancel: AbortSignal,
  tell: (line: string) => void,
): Promise<void> {
  for (const { name, url, destination, checkout } of clones) {
    if (cancel.aborted) return;
    const there = await again(() =>
      run(host, `[ -e ${quote(destination)} ] && [ -n "$(ls -A -- ${quote(destination)})" ]`),
    );
    if (there.code === 0 && isContinued) continue;
    if (there.code === 0) {
      throw new HostError(
        `git dependency '${name}': ${destination} exists and is not empty, so nothing can be cloned to it`,
      );
    }
    tell(`Cloning ${url} to ${destination}`);
    const what = checkout && (checkout.kind === 'tag' ? `tags/${checkout.name}` : checkout.name);
    const partial = '"$to.partial-clone"';
    let isRepeated = false;
    const clone = () => {
      // One whose end was not seen may have come to it.
      const look = isRepeated ? `[ -d ${quote(destination)}/.git ] && exit\n` : '';
      isRepeated = true;
      return runLeashed(
        host,
        // Without a terminal nobody can answer a question about a password. A link is followed.
        `${look}export GIT_TERMINAL_PROMPT=0\nto=${quote(destination)}\n[ ! -L "$to" ] || to=$(readlink -f -- "$to") || exit\n` +
          `rm -rf -- ${partial}\ngit clone --quiet -- ${quote(url)} ${partial}` +
          (what === undefined ? '' : ` && git -C ${partial} checkout --quiet ${quote(what)} --`) +
          // An empty directory is as good as none.
          ` && { [ ! -d "$to" ] || rmdir -- "$to"; } && mv -- ${partial} "$to"`,
        cancel,
      );
    };
    const { code, stderr } = await again(clone);
    if (code !== 0 && !cancel.aborted) {
      throw new HostError(`git dependency '${name}' cannot be cloned from ${url}: ${stderr || `exit ${code}`}`);
    }
  }
}
