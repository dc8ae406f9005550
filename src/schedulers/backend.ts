import type { WaitOptions } from '../flux/connect/resolve.js';
import type { Host } from '../hosts/host.js';
import type { Plan } from '../scripts/plan.js';
import { forFlux } from '../scripts/plan.js';
import type { Endpoint } from '../store/journal/records.js';
import type { StudySession } from '../store/session.js';
import type { Clock } from '../util/clock.js';
import type { Log } from '../util/log/log.js';
import { askQueue } from './allocation/ask-queue.js';
import { tasksOfStep } from './claims/outcome.js';
import { type Batch, FluxBatch, type IsOver } from './flux/backend.js';
import { type Elsewhere, type OwnBroker, refuseJobsElsewhere } from './flux/check-endpoints.js';

/** The Flux instance that a study's scheduled steps run in, from before the study is made until after its end. */
export interface Backend {
  /**
   * The plan as it is for this instance. Nothing has been made yet.
   *
   * @param isOver whether a step does not run any more, so that it may ask for anything
   * @throws SpecError, BrokerError with what keeps the study from being run there
   */
  prepare(plan: Plan, isOver?: IsOver): Promise<Plan>;
  /** Which Flux it is; '' before `settle`. */
  readonly version: string;
  /**
   * Connects to it, now that the study is staged.
   *
   * @param session on the study
   * @throws SpecError, BrokerError, HostError
   */
  open(plan: Plan, session: StudySession): Promise<Batch>;
  /**
   * Lets go of it, whatever has become of it.
   *
   * @param areJobsLeft whether jobs are to go on in it; undefined if the study never came to run in it
   */
  close(areJobsLeft: boolean | undefined): Promise<void>;
}

/** What a user can choose about where jobs run. */
export interface BackendOptions {
  /** Which Flux broker runs the jobs: `auto`, or a target as the user wrote it. */
  readonly fluxTarget: string;
  /** Variables for the environment of every step. */
  readonly stepEnvironment: ReadonlyMap<string, string>;
  /** The study goes on even if jobs of an earlier run may still run in an instance that cannot be asked. */
  readonly ignoresJobsElsewhere: boolean;
}

/** What instances are found or made with. */
export interface BackendContext {
  readonly options: BackendOptions;
  readonly host: Host;
  readonly clock: Clock;
  readonly log: Log;
  /** Ends what is waited for. */
  readonly cancel: AbortSignal;
  /** Aborted if the study is left as it is, jobs and all. */
  readonly ending: { readonly leave: AbortSignal };
  /** Whether only what was begun is brought to its end: nothing is got that is not there. */
  readonly onlyFinishes: boolean;
  /** The URI of the Flux instance around this program, if steps do not find it in their environment; '' if there is none. */
  readonly around: string;
}

/** One that runs already. */
export class RunningBackend implements Backend {
  readonly #context: BackendContext;
  #flux: FluxBatch | undefined;

  constructor(context: BackendContext) {
    this.#context = context;
  }

  async prepare(plan: Plan, isOver?: IsOver): Promise<Plan> {
    const { host, clock, options, log } = this.#context;
    if (this.#flux === undefined) {
      const { batch } = plan.spec;
      const patience = waitOptionsOf(this.#context);
      this.#flux = await FluxBatch.find(
        host,
        clock,
        options.fluxTarget,
        batch,
        options.stepEnvironment,
        patience,
        this.#context.around,
      );
      this.#flux.introduce(log);
      log.info(this.#flux.watchHint);
    }
    this.#flux.check(plan, isOver);
    return forFlux(plan, this.#flux.broker.version);
  }

  get version(): string {
    return this.#flux?.broker.version ?? '';
  }

  async open(plan: Plan, session: StudySession): Promise<Batch> {
    const flux = this.#flux!;
    const endpoint = await flux.endpoint();
    await refuseJobsElsewhere(session.state, elsewhere(this.#context, plan, ownBroker(flux, endpoint, plan)));
    await noteEndpoint(session, flux, endpoint);
    return flux;
  }

  async close(): Promise<void> {
    this.#flux?.close();
  }
}

/** How a search for a broker tells what it waits for, and is ended. */
export function waitOptionsOf({ log, cancel }: Pick<BackendContext, 'log' | 'cancel'>): WaitOptions {
  return { cancel, tell: (line) => log.info(line) };
}

/** How it is asked about jobs in other instances than that of this run. @param own undefined while there is none */
export function elsewhere(
  { host, clock, cancel, options }: BackendContext,
  plan: Plan,
  own: OwnBroker | undefined,
): Elsewhere {
  const { graph, spec, places } = plan;
  const tasks = new Map(graph.steps.map((step) => [step.workspace, tasksOfStep({ step }, spec).tasks]));
  return {
    host,
    studyPath: places.studyPath,
    own,
    probe: (endpoint, jobs) => FluxBatch.probe(host, clock, cancel, plan, endpoint, jobs),
    askQueue: (allocation) => askQueue(host, allocation),
    tasksOf: (workspace) => tasks.get(workspace) ?? 1,
    isForced: options.ignoresJobsElsewhere,
  };
}

export function ownBroker(flux: FluxBatch, endpoint: Endpoint, plan: Plan): OwnBroker {
  return { uri: flux.uri, endpoint, knows: (job) => flux.knows(plan, job) };
}

/** Before anything is submitted there, so that whoever comes next knows where to look. */
export async function noteEndpoint(
  { state, journal }: StudySession,
  flux: FluxBatch,
  endpoint: Endpoint,
): Promise<void> {
  flux.recognise(state.endpoints, endpoint);
  journal.write({ type: 'endpoint', endpoint });
  await journal.durable();
}
