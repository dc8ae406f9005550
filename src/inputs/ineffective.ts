import { type Spec, schedulerNames } from '../spec/spec.js';
import type { StepGraph } from '../study/graph.js';
import { closest } from '../util/closest.js';
import { someOf } from '../util/format.js';
import { matchAny } from '../util/globs.js';
import type { Inputs } from './schema.js';

/** The part of a study that the effect of inputs depends on. */
export interface ExpandedStudy {
  readonly spec: Pick<Spec, 'batch'>;
  readonly graph: StepGraph;
}

/** A sentence about each glob of `allow-failure` that matches no step. */
export function unmatchedGlobs({ 'allow-failure': globs }: Pick<Inputs, 'allow-failure'>, graph: StepGraph): string[] {
  const names = new Set(graph.steps.flatMap(({ name, step }) => [step, name]));
  const steps = new Set(graph.steps.map(({ step }) => step));
  return globs.flatMap((glob) => {
    const isMatch = matchAny([glob]);
    for (const name of names) if (isMatch(name)) return [];
    const guess = nearestName(glob, steps);
    const hint = guess === undefined ? `the steps are ${someOf([...steps])}` : `did you mean '${guess}'?`;
    return [`No step matches '${glob}' of allow-failure (${hint})`];
  });
}

/** The name that a glob was probably meant for: one similar to its text, or whose beginning is, as `smoke` for `smi*`. */
function nearestName(glob: string, names: Iterable<string>): string | undefined {
  const word = glob.replace(/[*?]+/g, '');
  const all = [...names];
  const beginnings = new Map(all.map((name) => [name.slice(0, word.length), name]));
  return closest(word, all) ?? beginnings.get(closest(word, beginnings.keys()) ?? '');
}

/** A sentence about each input that was given and has no effect on a run of this study. */
export function ineffectiveInputs(inputs: Inputs, { spec, graph }: ExpandedStudy): string[] {
  const scheduled = graph.steps.filter((step) => step.scheduled);
  const isFlux = spec.batch.type === 'flux' && scheduled.length > 0;
  const ofNoUse = (name: keyof Inputs, why: string, isGiven: boolean) =>
    isGiven ? [`${name} has no effect: ${why}`] : [];
  const noJobs = scheduled.length === 0;
  const noFlux = noJobs
    ? 'the study has no scheduled step'
    : `the scheduled steps are jobs of ${schedulerNames[spec.batch.type]}`;
  const noRestart = !scheduled.some(({ run }) => run.get('restart'));
  return [
    ...unmatchedGlobs(inputs, graph),
    ...ofNoUse('throttle', 'the study has no scheduled step', noJobs && inputs.throttle !== 0),
    ...ofNoUse('restart-limit', 'no scheduled step has a restart', noRestart && inputs['restart-limit'] !== 1),
    ...ofNoUse(
      'local-jobs',
      'every step is a job',
      scheduled.length === graph.steps.length && inputs['local-jobs'] !== 4,
    ),
    ...ofNoUse(
      'local-jobs',
      'Maestro runs local steps one after the other',
      inputs.conductor === 'maestro' && inputs['local-jobs'] !== 4,
    ),
    ...ofNoUse('flux', noFlux, !isFlux && inputs.flux !== 'auto'),
    ...ofNoUse('allocate', noFlux, !isFlux && inputs.allocate !== ''),
    ...ofNoUse('parameters', 'a generator (pgen) makes the parameters', inputs.pgen !== '' && inputs.parameters !== ''),
    ...ofNoUse('collect', 'a dry run has no outputs', inputs['dry-run'] && inputs.collect.length > 0),
    ...ofNoUse(
      'check-name',
      `there is no check run with annotations: ${inputs.annotations}`,
      inputs.annotations !== 'checks' && inputs['check-name'] !== '',
    ),
  ];
}
