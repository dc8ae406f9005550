import { applyEvent, endOf, type FluxResult, newJob, parseEvents } from '../../../src/flux/eventlog.js';
import type { SimulatedJob } from './jobs.js';
import { at } from './submission.js';

const states = { PRIORITY: 4, SCHED: 8, RUN: 16, CLEANUP: 32, INACTIVE: 64 } as const;
const results: Readonly<Record<FluxResult, number>> = {
  completed: 1,
  failed: 2,
  cancelled: 4,
  timeout: 8,
  'node-failure': 2,
};

/** A job as `job-list` tells of it: its id, and those of the attributes that it has. */
export function listed(job: SimulatedJob, attributes: unknown): Record<string, unknown> {
  const view = parseEvents(job.lines.join('')).reduce(applyEvent, newJob);
  const { submission } = job;
  const system = (name: string) => at(submission.jobspec, 'attributes', 'system', name);
  const all: Record<string, unknown> = {
    urgency: submission.urgency,
    priority: submission.urgency,
    state: states[job.state],
    userid: submission.userid,
    duration: submission.duration,
    ntasks: submission.demand.tasks,
    nnodes: submission.demand.nodes,
    name: at(system('job'), 'name') ?? submission.command[0]!.split('/').at(-1),
    queue: system('queue'),
    cwd: system('cwd'),
    t_submit: view.submitted ?? undefined,
    t_run: view.started ?? undefined,
    t_cleanup: view.finished ?? view.exception?.timestamp,
    t_inactive: view.cleaned ?? undefined,
    waitstatus: view.waitStatus ?? undefined,
    result: job.state === 'INACTIVE' ? results[endOf(view)] : undefined,
  };
  const names = Array.isArray(attributes) && !attributes.includes('all') ? attributes.map(String) : Object.keys(all);
  const wanted = names.map((name) => [name, all[name]] as const).filter(([, value]) => value !== undefined);
  return { id: job.id, ...Object.fromEntries(wanted) };
}
