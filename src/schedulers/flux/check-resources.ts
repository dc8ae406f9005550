import { jobspecOf } from '../../flux/jobspec.js';
import { PathError } from '../../flux/tree.js';
import { resource } from '../../scripts/dialect.js';
import { argsOf } from '../../scripts/flux.js';
import { fluxResources } from '../../scripts/flux-resources.js';
import { type Problem, problemOf } from '../../spec/problem.js';
import type { Batch } from '../../spec/spec.js';
import type { StepGraph, StepInstance } from '../../study/graph.js';
import { jobRequest, layoutOf } from './job-request.js';

/** Checks the resources of all scheduled steps; reports each problem once for a step, not for each instance. */
export function checkAllResources({ steps }: StepGraph, batch: Batch): Problem[] {
  const problems = new Map<string, Problem>();
  for (const step of steps.filter(({ scheduled }) => scheduled)) {
    for (const problem of checkResources(step, batch)) {
      problems.set(`${problem.at.line}:${problem.at.column} ${problem.message}`, problem);
    }
  }
  return [...problems.values()];
}

/** Checks a step's resources for what Flux would only refuse when the step is submitted, perhaps hours later. */
export function checkResources(step: StepInstance, batch: Batch): Problem[] {
  const problem = (key: string, message: string, hint: string): Problem[] => {
    const at = key.startsWith('batch.') ? batch.placeOf(key.slice('batch.'.length)) : step.placeOf('', key);
    return [problemOf('error', at, `step '${step.step}': ${message}`, hint)];
  };
  for (const [key, least] of [
    ['nodes', 1],
    ['procs', 1],
    ['cores per task', 0],
    ['gpus', 0],
  ] as const) {
    const own = resource(step.run, key);
    const text = own === '' && key === 'nodes' ? resource(batch.values, key) : own;
    if (text !== '' && !(wholeNumber.test(text) && Number(text) >= least)) {
      const wanted = `a whole number from ${least} up`;
      const name = text === own ? key : `batch.${key}`;
      return problem(name, `\`${name}\` is '${text}', which is not ${wanted}`, 'Flux needs a number to schedule by');
    }
  }
  const conflict = argsOf(batch, 'allocation_args').size === 0 ? undefined : optionConflict(step, batch);
  if (conflict !== undefined) {
    return [
      {
        severity: 'error',
        at: batch.placeOf('allocation_args'),
        message: `batch.allocation_args: ${conflict}`,
        hint: 'it must be a mapping',
      },
    ];
  }
  const { nodes, procs, exclusive } = layoutOf(step, batch);
  if (exclusive) {
    if (fluxResources(step, batch).saysNodes) return [];
    return problem('exclusive', '`exclusive` without `nodes`', 'say how many nodes the step is to have to itself');
  }
  if (nodes <= procs) return [];
  return problem('nodes', `${nodes} nodes for ${procs} procs`, 'Flux wants at least one of `procs` for each node');
}

/** `2` and also `2.0`, as Python makes both an int; values of variables may have blanks around them. */
const wholeNumber = /^\s*[0-9]+(\.0*)?\s*$/;

/** Why the options of the batch block cannot be made part of the step's jobspec; undefined if they can. */
function optionConflict(step: StepInstance, batch: Batch): string | undefined {
  const anywhere = { studyPath: '/', studyName: '', batch, queue: undefined, environment: {}, mostUrgent: 0 };
  try {
    jobspecOf(jobRequest({ step, attempt: 1, script: '' }, anywhere));
    return undefined;
  } catch (error) {
    if (error instanceof PathError) return error.message;
    throw error;
  }
}
