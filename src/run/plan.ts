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
 * From a specification and its parameters (its own, or a generator's) to everything that will be staged. Pure. `plan` is undefined
 * if a problem is an error.
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
  // A dry run stages them, as Maestro's does: nothing is asked for.
  const resources = options.isDryRun ? found.map((problem) => ({ ...problem, severity: 'warning' as const })) : found;
  const repositories = checkGitDependencies(spec, environment, places);
  const all = [...problems, ...repositories, ...rendered.problems, ...resources];
  if (all.some((problem) => problem.severity === 'error')) return { plan: undefined, problems: all };
  return { plan: { spec, places, environment, graph, scripts: rendered.scripts }, problems: all };
}

/**
 * What else is wrong with a specification that has errors already, as far as can be told: its steps' names and links.
 * What follows from an error that is known is not told again.
 */
export function checkDraft(draft: Spec, places: Places, known: readonly Problem[]): readonly Problem[] {
  // A step without a name, or one whose name is no text, cannot be waited for: every dependency on it would be unknown.
  if (draft.steps.some((step) => step.name === '')) return [];
  const told = new Set(known.filter(({ severity }) => severity === 'error').map(({ at }) => `${at.line}:${at.column}`));
  return checkStudy(draft, new Environment(draft, places)).problems.filter(
    ({ at }) => !told.has(`${at.line}:${at.column}`),
  );
}
