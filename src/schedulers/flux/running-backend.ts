import { forFlux, type Plan } from '../../scripts/plan.js';
import type { StudySession } from '../../store/session.js';
import type { Backend, BackendContext, BackendDescription, IsOver } from '../backend.js';
import type { BatchScheduler, SchedulerListener } from '../scheduler.js';
import { FluxInstance } from './instance.js';
import { joinInstance } from './join-instance.js';
import type { FluxScheduler } from './scheduler.js';

/** A Flux instance that runs already. */
export class RunningBackend implements Backend {
  readonly #context: BackendContext;
  #instance: FluxInstance | undefined;
  #scheduler: FluxScheduler | undefined;

  constructor(context: BackendContext) {
    this.#context = context;
  }

  async prepare(plan: Plan, isOver?: IsOver): Promise<Plan> {
    const { log } = this.#context;
    if (this.#instance === undefined) {
      this.#instance = await this.#find(plan);
      this.#instance.introduce(log);
      log.info(this.#instance.watchHint);
    }
    this.#instance.check(plan, isOver);
    return forFlux(plan, this.#instance.broker.version);
  }

  async open(plan: Plan, session: StudySession, listener: SchedulerListener): Promise<BatchScheduler> {
    const { log } = this.#context;
    const instance = this.#instance!;
    const endpoint = await instance.endpoint();
    await joinInstance(this.#context, { plan, session, instance, endpoint, isNew: false });
    const confirm = () => session.confirm();
    this.#scheduler = instance.openScheduler(plan, { log, confirm }, listener);
    return this.#scheduler;
  }

  describe(): BackendDescription {
    const { broker, uri, environment } = this.#instance ?? {};
    const isOpen = this.#scheduler !== undefined;
    return {
      version: broker?.version ?? '',
      endpoint: (isOpen && uri) || '',
      environment: (isOpen && environment) || {},
    };
  }

  contains(pid: number): boolean {
    return this.#instance?.isAround(pid) === true;
  }

  async isShuttingDown(): Promise<boolean> {
    return (await this.#scheduler?.isEnding()) === true;
  }

  async close(): Promise<void> {
    this.#instance?.close();
  }

  #find({ spec }: Plan): Promise<FluxInstance> {
    const { host, clock, options, log, cancel, around } = this.#context;
    return FluxInstance.find({
      host,
      clock,
      env: options.stepEnvironment,
      cancel,
      wanted: options.fluxTarget,
      batch: spec.batch,
      around,
      log: (line) => log.info(line),
    });
  }
}
