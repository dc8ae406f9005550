import path from 'node:path';
import { again, type CommandResult, mustRun, runLeashed } from '../hosts/commands.js';
import { areThere } from '../hosts/files.js';
import { type Host, HostError } from '../hosts/host.js';
import type { Problem } from '../spec/problem.js';
import type { Spec } from '../spec/spec.js';
import { type Clone, locate, type Places } from '../study/environment.js';
import { withoutPassword } from '../study/git-url.js';
import { deadline } from '../util/abort.js';
import type { Clock } from '../util/clock.js';
import type { Log } from '../util/log/log.js';
import { quote } from '../util/shell-quote.js';
import {
  askCommand,
  type CloneMark,
  cloneCommand,
  describeCheckout,
  identityOf,
  LEFT_STUDY,
  markOf,
  parseMark,
  TAKEN,
} from './git-clone.js';

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

/** How long a repository may take to answer. */
const ANSWER_TIMEOUT_S = 60;

/** How long a clone may take. */
const CLONE_TIMEOUT_MINUTES = 60;

export interface CloneOptions {
  readonly host: Host;
  readonly studyPath: string;
  readonly clones: readonly Clone[];
  /** Ends a clone that is under way. */
  readonly cancel: AbortSignal;
  readonly log: Pick<Log, 'info' | 'warning'>;
  readonly clock?: Pick<Clock, 'after'>;
}

/**
 * Clones the repositories of `env.dependencies.git` on the host, one after the other. A clone appears only once it is
 * complete, and a mark in the study records it. A study that is continued keeps its clones as they are, even if their branches
 * have moved on.
 *
 * @throws HostError with git's own words
 */
export async function cloneRepositories({ host, studyPath, clones, cancel, log, clock }: CloneOptions): Promise<void> {
  for (const clone of clones) {
    if (cancel.aborted) return;
    const { name, destination } = clone;
    const url = withoutPassword(clone.url);
    const [isThere] = await areThere(host, [markOf(clone, studyPath)]);
    const cannot = (why: string) =>
      new HostError(`git dependency '${name}' cannot be cloned from ${url}: ${why.replaceAll(clone.url, url)}`);
    const carryOut = async (command: string, seconds: number, tooLong: string): Promise<CommandResult> => {
      const limit = deadline(seconds * 1000, { parent: cancel, ...(clock === undefined ? {} : { clock }) });
      const result = await again(() => runLeashed(host, command, limit.signal)).finally(limit.release);
      if (limit.hasPassed) throw cannot(tooLong);
      return result;
    };
    if (!isThere) {
      log.info(`Cloning ${url} to ${destination}`);
      const asked = await carryOut(
        askCommand(clone),
        ANSWER_TIMEOUT_S,
        `it did not answer within ${ANSWER_TIMEOUT_S} s`,
      );
      if (cancel.aborted) return;
      if (asked.code !== 0) throw cannot(asked.stderr || `exit ${asked.code}`);
    }
    const tooLong = `it took more than ${CLONE_TIMEOUT_MINUTES} minutes`;
    const { code, stdout, stderr } = await carryOut(
      cloneCommand(clone, studyPath),
      CLONE_TIMEOUT_MINUTES * 60,
      tooLong,
    );
    if (cancel.aborted) return;
    if (code === TAKEN) {
      throw new HostError(
        `git dependency '${name}': ${destination} exists and is not empty, so nothing can be cloned to it`,
      );
    }
    if (code === LEFT_STUDY) {
      throw new HostError(
        `git dependency '${name}': a symbolic link leads from ${destination} out of the study directory`,
      );
    }
    if (code !== 0) throw cannot(stderr || `exit ${code}`);
    const mark = parseMark(stdout.toString());
    if (mark !== undefined && mark.identity !== identityOf(clone)) log.warning(otherClone(clone, mark));
  }
}

/** The warning about a clone of another branch or commit than the spec now has: steps may use it, so it stays. */
function otherClone(clone: Clone, { checkout, commit }: CloneMark): string {
  return (
    `git dependency '${clone.name}' is still the earlier clone, ${checkout} at ${commit.slice(0, 12)}, although the spec now says ` +
    `${describeCheckout(clone)} of ${withoutPassword(clone.url)}: to get that, remove ${clone.destination}, or start over with \`resume: never\``
  );
}
