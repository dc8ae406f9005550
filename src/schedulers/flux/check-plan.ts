import type { Broker } from '../../flux/connect/broker.js';
import { durationPolicy } from '../../flux/policy.js';
import { resource } from '../../scripts/dialect.js';
import type { Plan } from '../../scripts/plan.js';
import { type Problem, SpecError, withoutRepetitions } from '../../spec/problem.js';
import type { Batch } from '../../spec/spec.js';
import { BackendError } from '../../util/errors.js';
import type { AllocationRequest } from '../allocation/request.js';
import type { IsOver } from '../backend.js';
import { checkLimits, type InstanceLimits, type TimeLimit } from './check-limits.js';

export interface PlanCheck {
  readonly broker: Broker;
  /** Whether the host has the `flux` command, which nested steps and guests need. */
  readonly hasFlux: boolean;
  readonly isOver: IsOver;
  /**
   * Whether the instance is in an allocation of this run: another one may follow, so its remaining time is no limit.
   */
  readonly isOurs: boolean;
}

/**
 * Checks whether a study can run in a Flux instance.
 *
 * @throws SpecError, BackendError
 */
export function checkPlan(plan: Plan, { broker, hasFlux, isOver, isOurs }: PlanCheck): void {
  const { spec, graph } = plan;
  const { queues, isOwner } = broker;
  const queue = queueOf(spec.batch);
  const problems: Problem[] = [];
  if (queues !== undefined && queues.length > 0 && queue !== undefined && !queues.includes(queue)) {
    problems.push({
      severity: 'error',
      at: spec.batch.placeOf('queue'),
      message: `there is no queue '${queue}' at the Flux broker ${broker.address.uri}`,
      hint: `its queues are ${queues.join(', ')}`,
    });
  }
  if (problems.length === 0) problems.push(...limitProblems(plan, isOver, limitsOf(broker, queue, isOurs)));
  if (problems.length > 0) throw new SpecError(problems);
  const isNested = graph.steps.some((step) => step.scheduled && step.run.get('nested') !== false);
  if (!hasFlux && (isNested || !isOwner)) {
    throw new BackendError(
      `there is no \`flux\` on PATH, which ${isNested ? 'nested steps run' : 'a guest submits'} with`,
      'add it with `setup` (`module load flux`)',
    );
  }
}

/**
 * Checks whether the steps fit into an allocation that is not submitted yet.
 *
 * @throws SpecError
 */
export function checkAllocation(plan: Plan, isOver: IsOver, request: AllocationRequest): void {
  const { minutes, nodes, gpus, with: allocator } = request;
  // Only Flux gives its instances an expiration; with Slurm and LSF a walltime may be as long as the allocation.
  const isBegun = allocator === 'flux';
  const of = '`time` of the input `allocate`';
  const times = [{ seconds: (minutes ?? 0) * 60, isBegun, isDemanded: false, of }];
  const unknown = Number.POSITIVE_INFINITY;
  const node = { cores: unknown, gpus: gpus ?? unknown };
  const inventory = {
    nodes: Array.from({ length: nodes }, (_, rank) => ({ rank, ...node })),
    starttime: 0,
    expiration: 0,
  };
  const problems = limitProblems(plan, isOver, { times, inventory, name: 'the allocation' });
  if (problems.length > 0) throw new SpecError(problems);
}

export function queueOf(batch: Batch): string | undefined {
  return resource(batch.values, 'queue') || undefined;
}

/** The limits of an instance. Brokers before 0.42 ignore the limits of queues. */
function limitsOf(broker: Broker, queue: string | undefined, isOurs: boolean): InstanceLimits {
  const { config, inventory, queues, version } = broker;
  const named = queues?.length === 0 ? undefined : queue;
  const { limit, fallback } = isOlder(version, 42) ? { limit: 0, fallback: 0 } : durationPolicy(config, named);
  const of = named === undefined ? 'the limit of the Flux instance' : `the limit of the queue '${named}'`;
  const times: TimeLimit[] = [{ seconds: limit, isBegun: false, isDemanded: fallback === 0, of }];
  if (!isOurs && inventory !== undefined && inventory.starttime > 0 && inventory.expiration > inventory.starttime) {
    const seconds = inventory.expiration - inventory.starttime;
    times.push({ seconds, isBegun: true, isDemanded: false, of: 'the whole time of the Flux instance' });
  }
  return { times, inventory, name: 'the Flux instance' };
}

function limitProblems({ spec, graph }: Plan, isOver: IsOver, limits: InstanceLimits): Problem[] {
  const steps = graph.steps.filter(({ scheduled, index }) => scheduled && !isOver(index));
  return withoutRepetitions(checkLimits(steps, spec.batch, limits));
}

function isOlder(version: string, minor: number): boolean {
  const [major = 0, own = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  return major === 0 && own < minor;
}
