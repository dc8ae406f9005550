import { outputsOfJob } from '../../schedulers/batch-systems.js';
import { type Outputs, outputsOf } from '../../scripts/outputs.js';
import type { SchedulerType } from '../../spec/spec.js';
import type { StepInstance } from '../../study/graph.js';
import type { JobRecord } from '../../study/state.js';
import { type SeenInstance, stepNameOf } from './view.js';

const nowhere = { file: '', line: 1, column: 1 } as const;

/** A step instance as far as the journal knows it: what it runs, and what it waits for, is not known. */
export function knownInstance(
  seen: Pick<SeenInstance, 'name' | 'workspace' | 'scheduled'>,
  index: number,
  jobName = seen.name,
): StepInstance {
  return {
    ...{ index, name: seen.name, workspace: seen.workspace, scheduled: seen.scheduled, jobName },
    step: stepNameOf(seen),
    description: '',
    at: nowhere,
    params: {},
    run: new Map(),
    placeOf: () => nowhere,
    dependsOn: [],
    condition: 'all-succeeded',
  };
}

/** What a job was submitted to, by what its record says of where it is. */
export function schedulerOf(place: string): SchedulerType {
  if (place === '') return 'local';
  const [kind] = place.split(':');
  return kind === 'slurm' || kind === 'lsf' ? kind : 'flux';
}

/** The files that a job's outputs may be in, relative to the study directory: the first that is there is it. */
export function outputCandidates(seen: SeenInstance, { id, place }: Pick<JobRecord, 'id' | 'place'>): Outputs[] {
  const type = schedulerOf(place);
  // Where workspaces are hashed, the hash is the name of jobs too.
  const names = new Set([seen.name, seen.workspace.slice(seen.workspace.lastIndexOf('/') + 1)]);
  // Flux writes its ids as `f...` where the locale of its shell is not UTF-8.
  const ids = new Set([id, id.replace(/^ƒ/, 'f')]);
  return [...names].flatMap((name) => {
    const step = knownInstance(seen, 0, name);
    return [...ids].map((each) => (type === 'local' ? outputsOf(step, each) : outputsOfJob(type, step, each)));
  });
}
