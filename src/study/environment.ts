import path from 'node:path';
import { type PyValue, pyStr } from '../spec/python.js';
import type { Spec } from '../spec/spec.js';
import { isPlainPath } from './git-url.js';
import { replaceToken } from './replace.js';

/** A directory of the machine that the study was started on, and its copy on the host. */
export interface StagedCopy {
  readonly from: string;
  readonly to: string;
}

/** Where the study is and was started; absolute paths, on the host that runs it unless told. */
export interface Places {
  /** The study directory: `$(OUTPUT_PATH)`. */
  readonly studyPath: string;
  /** The directory of the spec, symbolic links not resolved: `$(SPECROOT)`. */
  readonly specRoot: string;
  /** What relative paths of `env.dependencies` start from: the directory the study was started in. */
  readonly workingDirectory: string;
  /** What was copied to the host, if that is another machine: `workingDirectory` is on the one that it was copied from. */
  readonly staged?: StagedCopy;
}

/** A path of a study, given as in its spec, on the host; undefined if it is on the machine that it was started on only. */
export function locate({ workingDirectory, staged }: Places, given: string): string | undefined {
  const absolute = path.posix.resolve(workingDirectory, given);
  if (staged === undefined || path.posix.isAbsolute(given)) return absolute;
  const inside = path.posix.relative(staged.from, absolute);
  return inside === '..' || inside.startsWith('../') ? undefined : path.posix.join(staged.to, inside);
}

/** A git dependency with its variables applied: what to clone, and where to. */
export interface Clone {
  readonly name: string;
  readonly url: string;
  readonly destination: string;
  readonly checkout: Spec['git'][number]['checkout'];
}

/**
 * What `$(NAME)` of the `env` block stands for, applied in Maestro's order: labels, dependencies, variables, each in the
 * order of the spec, one pass each (Maestro 1.1, `StudyEnvironment`). So a label may use labels declared after it and any
 * variable, a variable only what no pass has gone by.
 */
export class Environment {
  readonly #labels: [token: string, text: string][] = [];
  readonly #dependencies: [token: string, text: string][] = [];
  readonly #variables: [token: string, text: string][] = [];

  constructor(spec: Spec, places: Places) {
    // Maestro decides what is a label by a quirk: any text with a `$` in it is, whichever block it came from, once
    // something has become a variable; the very first item therefore is a variable whatever it holds. OUTPUT_PATH counts
    // as an item, though it is taken out again and replaced by the study directory.
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
      // One that is not on the host is an error already (`checkPaths`).
      this.#dependencies.push([`$(${dependency.name})`, locate(places, dependency.path) ?? dependency.path]);
    }
    for (const { name, destination } of this.clones(spec, places)) this.#dependencies.push([`$(${name})`, destination]);
  }

  /**
   * `text` with every token of the environment replaced. What is unknown stays: it may be a shell's `$(command)`.
   *
   * @throws TextTooLong
   */
  apply(text: string): string {
    if (!text.includes('$(')) return text;
    return [this.#labels, this.#dependencies, this.#variables].reduce(replaceAll, text);
  }

  /** `text` with the variables alone replaced. */
  applyVariables(text: string): string {
    return replaceAll(text, this.#variables);
  }

  /**
   * The git dependencies. Only variables are substituted in a URL and a path, no labels (Maestro 1.1,
   * `GitDependency.acquire`). Relative paths start where the study was started, not, as in scripts of Maestro's, in the
   * workspace of whoever uses them; where that is not on the host, in the study.
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

/** A relative path starts where the study was started, as for Maestro. */
function repositoryOn(places: Places, url: string): string {
  return isPlainPath(url) && !path.posix.isAbsolute(url) ? (locate(places, url) ?? url) : url;
}

function clonePlace(places: Places, base: string): string {
  // Resolved first: the name of `../..` is none.
  const name = path.posix.basename(path.posix.resolve(places.workingDirectory, base));
  return locate(places, base) ?? path.posix.join(places.studyPath, '.conductor/clones', name);
}

function replaceAll(text: string, tokens: readonly [string, string][]): string {
  return tokens.reduce((result, [token, value]) => replaceToken(result, token, value), text);
}
