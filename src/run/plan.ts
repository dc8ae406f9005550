import { checkAllResources } from '../schedulers/flux/check-resources.js';
import type { Plan } from '../scripts/plan.js';
import { renderScripts } from '../scripts/render.js';
import type { Problem } from '../spec/problem.js';
import type { Spec } from '../spec/spec.js';
import { checkStudy } from '../study/check.js';
import { Environment, type Places } from '../study/environment.js';
import { expand } from '../study/expand.js';
import { checkGitDependencies } from '../study/git-dependencies.js';
import type { Parameter } from '../study/parameters.js';

/**
 * Plans everything that is staged, from a specification and its parameters (its own, or a generator's), without any I/O.
 *
 * @returns `plan` is undefined if a problem is an error
 */
export function planStudy(
  spec: Spec,
  parameters: readonly Parameter[],
  places: Places,
  options: { readonly hashWorkspaces: boolean; readonly isDryRun?: boolean },
): { plan: Plan | undefined; problems: readonly Problem[] } {
  const environment = new Environment(spec, places);
  const { graph, problems } = expand(spec, parameters, environment, { studyPath: places.studyPath, ...options });
  if (graph === undefined) return { plan: undefined, problems };
  const rendered = renderScripts(graph, spec.batch);
  const found = spec.batch.type === 'flux' ? checkAllResources(graph, spec.batch) : [];
  // A dry run asks for no resources, so it stages these steps nevertheless, as Maestro does.
  const resources = options.isDryRun ? found.map((problem) => ({ ...problem, severity: 'warning' as const })) : found;
  const repositories = checkGitDependencies(spec, environment, places);
  const all = [...problems, ...repositories, ...rendered.problems, ...resources];
  if (all.some((problem) => problem.severity === 'error')) return { plan: undefined, problems: all };
  return { plan: { spec, places, environment, graph, scripts: rendered.scripts }, problems: all };
}

/**
 * Finds more problems of a specification that has errors: in the names of its steps and in their dependencies. Problems at the
 * places of known errors are left out.
 */
export function checkDraft(draft: Spec, places: Places, known: readonly Problem[]): readonly Problem[] {
  // Every dependency on a step without a valid name would be reported as unknown.
  if (draft.steps.some((step) => step.name === '')) return [];
  const told = new Set(known.filter(({ severity }) => severity === 'error').map(({ at }) => `${at.line}:${at.column}`));
  return checkStudy(draft, new Environment(draft, places)).problems.filter(
    ({ at }) => !told.has(`${at.line}:${at.column}`),
  );
}
