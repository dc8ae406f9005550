import type { Spec } from '../spec/spec.js';
import type { Environment, Places } from '../study/environment.js';
import type { StepGraph } from '../study/graph.js';
import { resource } from './dialect.js';
import { lacksFluxRun } from './flux.js';
import { renderScripts, type StepScripts } from './render.js';

/** A study as it will be staged, computed before anything is written or run. */
export interface Plan {
  readonly spec: Spec;
  readonly places: Places;
  readonly environment: Environment;
  readonly graph: StepGraph;
  /** By the index of the instance. */
  readonly scripts: readonly StepScripts[];
  /** The parameter generator, which is copied into the study directory; undefined if there is none. */
  readonly generator?: GeneratorCopy | undefined;
}

/** The name of a generator file, and its content when it was run. */
export interface GeneratorCopy {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Adapts the scripts to a version of Flux, because old versions use `flux mini run`; '' leaves the plan unchanged. */
export function forFlux(plan: Plan, version: string): Plan {
  const { spec, graph } = plan;
  if (version === '') return plan;
  if (lacksFluxRun(version) === lacksFluxRun(resource(spec.batch.values, 'version'))) return plan;
  const batch = { ...spec.batch, values: new Map([...spec.batch.values, ['version', version] as const]) };
  return { ...plan, scripts: renderScripts(graph, batch).scripts };
}
