import path from 'node:path';
import { type PyValue, pyStr } from '../spec/python.js';
import type { Spec } from '../spec/spec.js';
import { isPlainPath } from './git-url.js';
import { replaceToken } from './replace.js';

/** A directory on the machine where the study was started, and its copy on the host. */
export interface StagedCopy {
  readonly from: string;
  readonly to: string;
}

/** The directories of a study; absolute paths on the host, unless stated otherwise. */
export interface Places {
  /** The study directory: `$(OUTPUT_PATH)`. */
  readonly studyPath: string;
  /** The directory of the spec, symbolic links not resolved: `$(SPECROOT)`. */
  readonly specRoot: string;
  /** The directory in which the study was started: the base of relative paths of `env.dependencies`. */
  readonly workingDirectory: string;
  /** The uploaded directory, if the host is another machine; then `workingDirectory` is on the local machine. */
  readonly staged?: StagedCopy;
}

/** The path on the host for a path in the spec; undefined if it only exists on the local machine. */
export function locate({ workingDirectory, staged }: Places, given: string): string | undefined {
  const absolute = path.posix.resolve(workingDirectory, given);
  if (staged === undefined || path.posix.isAbsolute(given)) return absolute;
  const inside = path.posix.relative(staged.from, absolute);
  return inside === '..' || inside.startsWith('../') ? undefined : path.posix.join(staged.to, inside);
}

/** A git dependency with its variables applied: what to clone, and the destination. */
export interface Clone {
  readonly name: string;
  readonly url: string;
  readonly destination: string;
  readonly checkout: Spec['git'][number]['checkout'];
}

/**
 * The values of `$(NAME)` of the `env` block, substituted in Maestro's order: labels, dependencies, variables, each in
 * the order of the spec and in one pass (Maestro 1.1, `StudyEnvironment`). So a label may use later labels and any
 * variable, and a variable only names that are substituted after it.
 */
export class Environment {
  readonly #labels: [token: string, text: string][] = [];
  readonly #dependencies: [token: string, text: string][] = [];
  readonly #variables: [token: string, text: string][] = [];

  constructor(spec: Spec, places: Places) {
    // In Maestro every text with a `$` is a label, whichever block it is in, once there is a variable; so the first
    // item is always a variable. OUTPUT_PATH counts as an item, although the study directory then replaces it.
    let seenVariable = false;
    const add = (name: string, value: PyValue, keep = true) => {
      const isLabel = seenVariable && typeof value === 'string' && value.includes('$');
      if (!isLabel) seenVariable = true;
      if (keep) (isLabel ? this.#labels : this.#variables).push([`$(${name})`, pyStr(value)]);
    };
    for (const { name, value } of spec.variables) add(name, value, name !== 'OUTPUT_PATH');
    for (const { name, value } of spec.labels) add(name, value, name !== 'OUTPUT_PATH');
    add('OUTPUT_PATH', places.studyPath);
    add('SPECROOT', places.specRoot);
    for (const dependency of spec.paths) {
      // `checkPaths` has already reported a path that is not on the host.
      this.#dependencies.push([`$(${dependency.name})`, locate(places, dependency.path) ?? dependency.path]);
    }
    for (const { name, destination } of this.clones(spec, places)) this.#dependencies.push([`$(${name})`, destination]);
  }

  /**
   * Replaces every token of the environment in a text. Unknown tokens stay, because they may be a shell's `$(command)`.
   *
   * @throws TextTooLong
   */
  apply(text: string): string {
    if (!text.includes('$(')) return text;
    return [this.#labels, this.#dependencies, this.#variables].reduce(replaceAll, text);
  }

  /** Replaces only the variables in a text. */
  applyVariables(text: string): string {
    return replaceAll(text, this.#variables);
  }

  /**
   * The git dependencies. Only variables are substituted in a URL and a path, not labels (Maestro 1.1,
   * `GitDependency.acquire`). Relative paths start at the working directory, or in the study directory if the working
   * directory is not on the host; in Maestro's scripts they would start at the workspace of the step that uses them.
   */
  clones(spec: Spec, places: Places): Clone[] {
    return spec.git.map(({ name, url, path: base, checkout }) => ({
      name,
      url: repositoryOn(places, this.applyVariables(url)),
      destination: path.posix.join(clonePlace(places, this.applyVariables(base)), name),
      checkout,
    }));
  }
}

/** The URL on the host; a relative path starts at the working directory, as in Maestro. */
function repositoryOn(places: Places, url: string): string {
  return isPlainPath(url) && !path.posix.isAbsolute(url) ? (locate(places, url) ?? url) : url;
}

function clonePlace(places: Places, base: string): string {
  // Resolved first, because `../..` has no name of its own.
  const name = path.posix.basename(path.posix.resolve(places.workingDirectory, base));
  return locate(places, base) ?? path.posix.join(places.studyPath, '.conductor/clones', name);
}

function replaceAll(text: string, tokens: readonly [string, string][]): string {
  return tokens.reduce((result, [token, value]) => replaceToken(result, token, value), text);
}
