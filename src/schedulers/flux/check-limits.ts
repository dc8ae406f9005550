import { fits, type Inventory } from '../../flux/inventory.js';
import { durationOf, type Jobspec, jobspecOf } from '../../flux/jobspec.js';
import { resource } from '../../scripts/dialect.js';
import type { Problem } from '../../spec/problem.js';
import type { Batch } from '../../spec/spec.js';
import type { StepInstance } from '../../study/graph.js';
import { counted } from '../../util/format.js';
import { jobRequest } from './job-request.js';

/** A limit on the walltime of jobs. */
export interface TimeLimit {
  /** Seconds; 0: no limit. */
  readonly seconds: number;
  /** A job must ask for less than the limit, because some of the time has passed before it can start. */
  readonly isBegun: boolean;
  /** Whether a job must ask for a time limit. */
  readonly isDemanded: boolean;
  /** What has the limit, for messages: `the queue 'pdebug'`. */
  readonly of: string;
}

/** The limits that a step must keep: time limits and the resources of the instance. */
export interface InstanceLimits {
  readonly times: readonly TimeLimit[];
  /** Undefined: not known. */
  readonly inventory: Inventory | undefined;
  /** The instance or allocation, for messages. */
  readonly name: string;
}

/**
 * Finds steps that could never run: walltimes over a limit, and requests for more resources than there are.
 *
 * @param steps steps that have passed `checkResources`
 */
export function checkLimits(steps: readonly StepInstance[], batch: Batch, limits: InstanceLimits): Problem[] {
  return steps.flatMap((step) => {
    const jobspec = jobspecFor(step, batch);
    return [
      ...limits.times.flatMap((limit) => checkTime(step, durationOf(jobspec), limit)).slice(0, 1),
      ...(limits.inventory === undefined ? [] : checkSize(step, jobspec, limits.inventory, limits.name)),
    ];
  });
}

function jobspecFor(step: StepInstance, batch: Batch): Jobspec {
  const anywhere = { studyPath: '/', studyName: '', batch, queue: undefined, environment: {}, mostUrgent: 0 };
  return jobspecOf(jobRequest({ step, attempt: 1, script: '' }, anywhere));
}

function checkTime(step: StepInstance, duration: number, limit: TimeLimit): Problem[] {
  const { seconds, isBegun, isDemanded, of } = limit;
  if (seconds === 0) return [];
  const most = isBegun ? `less than ${clockTime(seconds)}` : `${clockTime(seconds)} at most`;
  const at = step.placeOf('', 'walltime');
  if (duration === 0) {
    if (!isDemanded) return [];
    const hint = `say how long the step may take: ${most}`;
    return [{ severity: 'error', at, message: `step '${step.step}' has no walltime, and ${of} demands one`, hint }];
  }
  if (duration < seconds || (duration === seconds && !isBegun)) return [];
  const written = resource(step.run, 'walltime') || clockTime(duration);
  return [
    {
      severity: 'error',
      at,
      message: `step '${step.step}': its walltime (${written}) can never fit into ${of} (${clockTime(seconds)})`,
      hint: `the largest that fits is ${most}`,
    },
  ];
}

function checkSize(step: StepInstance, { resources }: Jobspec, { nodes }: Inventory, name: string): Problem[] {
  if (nodes.length === 0 || fits(resources, nodes)) return [];
  const cores = nodes.reduce((sum, node) => sum + node.cores, 0);
  const gpus = nodes.reduce((sum, node) => sum + node.gpus, 0);
  const parts = [
    [nodes.length, 'node'],
    [cores, 'core'],
    [gpus, 'GPU'],
  ] as const;
  const has = parts.flatMap(([count, what]) => (count > 0 && Number.isFinite(count) ? [counted(count, what)] : []));
  return [
    {
      severity: 'error',
      at: step.placeOf('', resource(step.run, 'nodes') === '' ? 'procs' : 'nodes'),
      message: `step '${step.step}' asks for more than ${name} has`,
      hint: `it has ${has.join(', ')} in all`,
    },
  ];
}

/** As a walltime is written: `HH:MM:SS`. */
function clockTime(seconds: number): string {
  const whole = Math.floor(seconds);
  return [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
    .map((part) => String(part).padStart(2, '0'))
    .join(':');
}
