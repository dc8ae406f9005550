import { ageWarning, type Broker, connectTo, describeBroker, openBroker } from './broker/broker.js';
import { BrokerError } from './broker/errors.js';
import { type HostFacts, readHostFacts } from './broker/host-facts.js';
import { fluxDirectory, withDirectory } from './broker/locate.js';
import { findBroker } from './broker/target.js';
import type { Clock } from './clock.js';
import type { Handle } from './flux/handle.js';
import type { Host } from './hosts/host.js';
import type { Plan } from './plan.js';
import type { Log } from './report/log.js';
import { checkResources } from './schedulers/flux/request.js';
import { FluxScheduler } from './schedulers/flux/scheduler.js';
import { GuestSubmitter, OwnerSubmitter } from './schedulers/flux/submitter.js';
import type { SchedulerListener } from './schedulers/scheduler.js';
import { resource } from './scripts/script.js';
import { type Problem, SpecError } from './spec/problem.js';
import type { Batch } from './spec/spec.js';

/** How long a broker may be away, in milliseconds: the machine's own is started again, one in an allocation ends with it. */
const patience = { system: 300_000, allocation: 60_000, nobody: 5_000 };

/** The Flux instance that a study runs on, connected to. */
export class FluxBatch {
  readonly broker: Broker;
  /** The environment of jobs. */
  readonly environment: Readonly<Record<string, string>>;
  readonly #handle: Handle;
  readonly #facts: HostFacts;
  readonly #host: Host;
  readonly #clock: Clock;
  readonly #log: Log;

  private constructor(
    context: { readonly host: Host; readonly clock: Clock; readonly log: Log },
    facts: HostFacts,
    opened: { readonly broker: Broker; readonly handle: Handle },
    environment: Readonly<Record<string, string>>,
  ) {
    this.#host = context.host;
    this.#clock = context.clock;
    this.#log = context.log;
    this.#facts = facts;
    this.broker = opened.broker;
    this.#handle = opened.handle;
    this.environment = environment;
  }

  /**
   * Finds the broker and connects to it, telling which and why.
   *
   * @param wanted the input `flux`
   * @param batch the study's batch block, if there is a study
   * @param env what every step finds in its environment besides the host's
   * @throws BrokerError, HostError
   */
  static async open(
    context: { readonly host: Host; readonly clock: Clock; readonly log: Log },
    wanted: string,
    batch: Batch | undefined,
    env: ReadonlyMap<string, string>,
  ): Promise<FluxBatch> {
    const { host, clock, log } = context;
    const facts = await readHostFacts(host);
    const inSpec = batch === undefined ? '' : resource(batch.values, 'flux_uri') || resource(batch.values, 'uri');
    const address = await findBroker(host, facts, wanted, inSpec);
    const opened = await openBroker(host, facts, address, clock);
    log.info(describeBroker(opened.broker));
    const old = ageWarning(opened.broker);
    if (old !== undefined) log.warning(old);
    const directory = await fluxDirectory(host, facts, opened.broker);
    const environment = { ...withDirectory(facts.environment, directory), ...Object.fromEntries(env) };
    if (directory === undefined) environment.PATH ??= '';
    return new FluxBatch(context, { ...facts, flux: directory ?? '' }, opened, environment);
  }

  /**
   * What keeps a study from being run here.
   *
   * @throws SpecError, BrokerError
   */
  check({ spec, graph }: Plan): void {
    const { queues, isOwner } = this.broker;
    const queue = resource(spec.batch.values, 'queue');
    const problems: Problem[] = [];
    if (queues.length > 0 && queue !== '' && !queues.includes(queue)) {
      problems.push({
        severity: 'error',
        at: spec.batch.at,
        message: `there is no queue '${queue}' at the Flux broker ${this.broker.address.uri}`,
        hint: `its queues are ${queues.join(', ')}`,
      });
    }
    const seen = new Set<string>();
    for (const step of graph.steps.filter(({ scheduled }) => scheduled)) {
      // Instances of a step have the same problem once.
      for (const problem of checkResources(step, spec.batch)) {
        const key = `${problem.at.line}:${problem.at.column} ${problem.message}`;
        if (!seen.has(key)) problems.push(problem);
        seen.add(key);
      }
    }
    if (problems.length > 0) throw new SpecError(problems);
    const isNested = graph.steps.some((step) => step.scheduled && step.run.get('nested') !== false);
    if (this.#facts.flux === '' && (isNested || !isOwner)) {
      throw new BrokerError(
        `there is no \`flux\` on PATH, which ${isNested ? 'nested steps run' : 'a guest submits'} with`,
        'add it with `setup` (`module load flux`)',
      );
    }
  }

  /** What runs the study's scheduled steps; it has the connection from now on. */
  scheduler({ spec, places }: Plan, listener: SchedulerListener): FluxScheduler {
    const { broker } = this;
    const { address } = broker;
    const queue = resource(spec.batch.values, 'queue');
    if (queue !== '' && broker.queues.length === 0) {
      this.#log.info(`The queue '${queue}' of the batch block is left out: this broker has no named queues`);
    }
    const scheduler = new FluxScheduler(
      {
        host: this.#host,
        study: {
          studyPath: places.studyPath,
          studyName: spec.name,
          batch: spec.batch,
          queue: broker.queues.length === 0 || queue === '' ? undefined : queue,
          environment: this.environment,
        },
        submitter: broker.isOwner
          ? new OwnerSubmitter(this.#facts.userid)
          : new GuestSubmitter(this.#host, address.uri),
        link: {
          connect: () => connectTo(this.#host, address, this.#clock),
          clock: this.#clock,
          patience: address.isSystem ? patience.system : patience.allocation,
          patienceWithNobody: address.isSystem ? patience.system : patience.nobody,
        },
        uri: address.uri,
        isOwner: broker.isOwner,
        clock: this.#clock,
        tell: (line) => this.#log.warning(line),
      },
      listener,
    );
    scheduler.start(this.#handle);
    return scheduler;
  }

  /** Lets go of a connection that no scheduler took. */
  close(): void {
    this.#handle.close();
  }
}
