import path from 'node:path';
import { again, mustRun, runLeashed } from '../hosts/commands.js';
import { areThere } from '../hosts/files.js';
import { type Host, HostError } from '../hosts/host.js';
import { quote } from '../quote.js';
import type { Problem } from '../spec/problem.js';
import type { Spec } from '../spec/spec.js';
import { shortHash } from '../study/directory.js';
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

/** Exit status of the command below for a destination that has something else in it. */
const taken = 17;

/**
 * Clones the repositories of `env.dependencies.git` on the host, one after the other. A clone appears at once and whole, and
 * a mark in the study tells it from whatever else may be there: a study that is continued has its clones already.
 *
 * @param cancel ends a clone that is under way
 * @throws HostError with git's own words
 */
export async function cloneRepositories(
  host: Host,
  studyPath: string,
  clones: readonly Clone[],
  cancel: AbortSignal,
  tell: (line: string) => void,
): Promise<void> {
  for (const clone of clones) {
    if (cancel.aborted) return;
    const { name, url, destination } = clone;
    const mark = `${studyPath}/.conductor/cloned/${shortHash(destination)}`;
    const [isThere] = await areThere(host, [mark]);
    if (!isThere) tell(`Cloning ${url} to ${destination}`);
    const { code, stderr } = await again(() => runLeashed(host, cloneCommand(clone, studyPath, mark), cancel));
    if (code === 0 || cancel.aborted) continue;
    if (code === taken) {
      throw new HostError(
        `git dependency '${name}': ${destination} exists and is not empty, so nothing can be cloned to it`,
      );
    }
    throw new HostError(`git dependency '${name}' cannot be cloned from ${url}: ${stderr || `exit ${code}`}`);
  }
}

/** Bash that clones, or finds that it has been done. Others may clone to the same place at the same time. */
function cloneCommand({ url, destination, checkout }: Clone, studyPath: string, mark: string): string {
  const what = checkout && (checkout.kind === 'tag' ? `tags/${checkout.name}` : checkout.name);
  return `to=${quote(destination)}
mark=${quote(mark)}
[ ! -L "$to" ] || to=$(readlink -f -- "$to") || exit
partial=$to.${shortHash(studyPath)}.partial-clone
if [ -e "$to" ] && { [ ! -d "$to" ] || [ -n "$(ls -A -- "$to")" ]; }; then [ -e "$mark" ]; exit $(($? == 0 ? 0 : ${taken})); fi
# Without a terminal nobody can answer a question about a password.
export GIT_TERMINAL_PROMPT=0
rm -rf -- "$partial"
git clone --quiet -- ${quote(url)} "$partial" || exit
${what === undefined ? '' : `git -C "$partial" checkout --quiet ${quote(what)} -- || exit`}
mkdir -p -- "\${mark%/*}" && : > "$mark" || exit
# An empty directory is as good as none.
if { [ ! -d "$to" ] || rmdir -- "$to"; } && mv -T -- "$partial" "$to"; then exit 0; fi
rm -f -- "$mark"
exit 1`;
}
