import type { Plan } from '../../scripts/plan.js';
import type { Endpoint } from '../../store/journal/records.js';
import type { StudySession } from '../../store/session.js';
import { askQueue } from '../allocation/ask-queue.js';
import type { BackendContext } from '../backend.js';
import { tasksOfStep } from '../claims/outcome.js';
import { type OwnBroker, refuseJobsElsewhere } from './check-endpoints.js';
import type { FluxInstance } from './instance.js';
import { probeEndpoint } from './probe-endpoint.js';

type JoinContext = Pick<BackendContext, 'host' | 'clock' | 'cancel' | 'options'>;

export interface Joined {
  readonly plan: Plan;
  readonly session: StudySession;
  readonly instance: FluxInstance;
  readonly endpoint: Endpoint;
  /** Whether the instance is new, so that the check for jobs of earlier drivers is already done. */
  readonly isNew: boolean;
}

/**
 * Checks that no job of an earlier driver may be running in another instance, then journals the instance before
 * anything is submitted to it, so that the next driver knows where to search.
 *
 * @throws BackendError if such a job runs, or may; HostError
 */
export async function joinInstance(
  context: JoinContext,
  { plan, session, instance, endpoint, isNew }: Joined,
): Promise<void> {
  const { state, journal } = session;
  if (!isNew) {
    const own = {
      uri: instance.uri,
      endpoint,
      knows: (job: Parameters<OwnBroker['knows']>[0]) => instance.knows(plan, job),
    };
    await refuseIfRunningElsewhere(context, plan, session, own);
  }
  instance.recognise(state.endpoints, endpoint);
  journal.write({ type: 'endpoint', endpoint });
  await journal.durable();
}

/**
 * Checks that no job of an earlier driver may be running in another instance than that of this run.
 *
 * @param own the instance of this run; undefined before it has one
 * @throws BackendError if such a job runs, or may; HostError
 */
export async function refuseIfRunningElsewhere(
  { host, clock, cancel, options }: JoinContext,
  { graph, spec, places }: Plan,
  { state }: StudySession,
  own: OwnBroker | undefined,
): Promise<void> {
  const tasks = new Map(graph.steps.map((step) => [step.workspace, tasksOfStep({ step }, spec).tasks]));
  const study = { studyName: spec.name, studyPath: places.studyPath };
  await refuseJobsElsewhere(state, {
    host,
    studyPath: places.studyPath,
    own,
    probe: (endpoint, jobs) => probeEndpoint(endpoint, jobs, { host, clock, cancel, study }),
    askQueue: (allocation) => askQueue(host, allocation),
    tasksOf: (workspace) => tasks.get(workspace) ?? 1,
    isForced: options.ignoresJobsElsewhere,
  });
}
