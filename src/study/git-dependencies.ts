import path from 'node:path';
import type { Problem } from '../spec/problem.js';
import type { GitDependency, Spec } from '../spec/spec.js';
import { reserved } from './check.js';
import type { Environment, Places } from './environment.js';
import { refusalOf, withoutPassword } from './git-url.js';
import { safeName } from './names.js';

/** What is wrong with the git dependencies, once their variables are known: where they come from, and where they would go. */
export function checkGitDependencies(spec: Spec, environment: Environment, places: Places): Problem[] {
  return spec.git.flatMap((dependency) => {
    const { name, at } = dependency;
    const url = environment.applyVariables(dependency.url);
    const refusal = refusalOf(url);
    const problems: Problem[] = [];
    if (refusal !== undefined) {
      problems.push({
        severity: 'error',
        at,
        message: `the URL of git dependency '${name}' ${refusal}: ${withoutPassword(url)}`,
        hint: 'repositories are cloned from https://, http://, ssh://, git:// and file:// URLs, from host:path, and from paths',
      });
    }
    const place = placeProblem(spec, dependency, environment.applyVariables(dependency.path), places);
    return place === undefined ? problems : [...problems, place];
  });
}

function placeProblem(
  { file, steps }: Spec,
  { name, at }: GitDependency,
  base: string,
  { studyPath }: Places,
): Problem | undefined {
  const error = (message: string, hint: string): Problem => ({ severity: 'error', at, message, hint });
  const parts = name.split('/');
  if (name.startsWith('/') || parts.includes('..') || parts.every((part) => part === '' || part === '.')) {
    return error(
      `a git dependency cannot be called '${name}'`,
      'its name is that of a directory below its `path`, which it must not leave',
    );
  }
  if (base !== studyPath && !base.startsWith(`${studyPath}/`)) return undefined;
  const inside = path.posix.relative(studyPath, path.posix.join(base, name));
  if (inside === '..' || inside.startsWith('../')) {
    return error(
      `git dependency '${name}' would leave the study directory`,
      `\`path\` begins with it, so what is cloned must stay below it; it would be in ${path.posix.resolve(base)}`,
    );
  }
  const first = inside.split('/')[0]!;
  // What the spec's directory is copied to is there too.
  const isOurs = reserved.includes(first) && !inside.startsWith('.conductor/stage/');
  if (!isOurs && inside !== path.posix.basename(file) && !steps.some((step) => safeName(step.name) === inside)) {
    return undefined;
  }
  return error(`git dependency '${name}' cannot be cloned to ${inside}`, 'the study has that name for itself');
}
