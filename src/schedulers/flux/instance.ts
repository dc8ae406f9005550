import { ageWarning, type Broker, connectTo, describeBroker, isHere, openBroker } from '../../flux/connect/broker.js';
import { fluxDirectory, withDirectory } from '../../flux/connect/flux-command.js';
import { readMachineId } from '../../flux/connect/machine-id.js';
import { type BrokerAddress, findBroker } from '../../flux/connect/resolve.js';
import { ConnectionError, FluxError, RequestTimeout } from '../../flux/errors.js';
import type { JobView } from '../../flux/eventlog.js';
import type { Handle } from '../../flux/handle.js';
import { getIdentity, getRank } from '../../flux/identity.js';
import { AnswerError } from '../../flux/requests.js';
import { type HostFacts, readHostFacts } from '../../hosts/facts.js';
import type { Host } from '../../hosts/host.js';
import { isAncestor } from '../../hosts/processes.js';
import { resource } from '../../scripts/dialect.js';
import type { Plan } from '../../scripts/plan.js';
import type { Batch } from '../../spec/spec.js';
import type { Endpoint, QueuedJob } from '../../store/journal/records.js';
import type { Clock } from '../../util/clock.js';
import { BackendError } from '../../util/errors.js';
import type { Log } from '../../util/log/log.js';
import { retry } from '../../util/retry.js';
import { quote } from '../../util/shell-quote.js';
import type { IsOver } from '../backend.js';
import type { SchedulerListener } from '../scheduler.js';
import { checkPlan, queueOf } from './check-plan.js';
import { isJobOf } from './find-inherited.js';
import { guestsUrgency, urgency } from './job-request.js';
import type { SoughtJob } from './probe-endpoint.js';
import { runProbe } from './run-probe.js';
import { FluxScheduler } from './scheduler.js';
import { GuestSubmitter, OwnerSubmitter, type Submitter } from './submitter.js';

/** The delays before a question is asked over a new connection, after the one that it was asked over broke. */
const QUESTION_DELAYS_MS = [250, 500, 1_000, 2_000, 4_000];

/** How long the system broker of a cluster may be away, because it may be restarted. */
const SYSTEM_PATIENCE_MS = 300_000;

/** How long a broker in an allocation may be away; it is not restarted. */
const ALLOCATION_PATIENCE_MS = 60_000;

/** How long a broker on another machine may be away, because the network may be down. */
const REMOTE_PATIENCE_MS = 300_000;

/** How long the address of a broker that is not restarted may refuse connections. */
const REFUSED_PATIENCE_MS = 5_000;

/** The highest urgency that the owner of an instance can give (RFC 30). */
const MAX_URGENCY = 31;

export interface OpenOptions {
  readonly host: Host;
  readonly clock: Clock;
  /** Variables for the environment of every step, besides the host's. */
  readonly env: ReadonlyMap<string, string>;
  /** Stops connecting when aborted. */
  readonly cancel: AbortSignal;
}

export interface FindInstanceOptions extends OpenOptions {
  /** The input `flux`. */
  readonly wanted: string;
  /** The study's batch block; undefined without a study, as in `doctor`. */
  readonly batch: Batch | undefined;
  /** The URI of the instance around this program, if steps do not find it in their environment. */
  readonly around?: string;
  /** Logs lines about what is waited for. */
  readonly log: (line: string) => void;
}

export interface InstanceProbe {
  readonly command: readonly string[];
  /** The batch block with the queue and the bank for the probe, if any. */
  readonly batch: Batch | undefined;
  readonly timeoutMs: number;
  readonly cancel: AbortSignal;
}

export interface SchedulerOptions {
  readonly log: Log;
  /** Rejects with LeaseLostError if another driver has taken over the study. */
  readonly confirm: () => Promise<void>;
  /** Asks the queue whether the allocation of the instance has ended; undefined if it has none of ours. */
  readonly hasEnded?: () => Promise<boolean>;
}

interface Connection {
  readonly host: Host;
  readonly clock: Clock;
  readonly facts: HostFacts;
  readonly opened: { readonly broker: Broker; readonly handle: Handle };
  readonly environment: Readonly<Record<string, string>>;
  readonly fluxDirectory: string | undefined;
}

/** The Flux instance that a study runs on, with an open connection to its broker. */
export class FluxInstance {
  readonly broker: Broker;
  /** The environment of jobs. */
  readonly environment: Readonly<Record<string, string>>;
  /** Replaced if it breaks before a scheduler takes it over. */
  #handle: Handle;
  readonly #facts: HostFacts;
  /** The directory of the `flux` command; undefined if there is none. */
  readonly #fluxDirectory: string | undefined;
  readonly #host: Host;
  readonly #clock: Clock;
  /**
   * Whether all inherited jobs at its address are in this same instance, not in an earlier one with the same address.
   */
  #isFamiliar = true;

  private constructor({ host, clock, facts, opened, environment, fluxDirectory }: Connection) {
    this.#host = host;
    this.#clock = clock;
    this.#facts = facts;
    this.#fluxDirectory = fluxDirectory;
    this.broker = opened.broker;
    this.#handle = opened.handle;
    this.environment = environment;
  }

  /**
   * Finds the broker and connects to it.
   *
   * @param find returns the address of the broker
   * @throws BackendError, HostError
   */
  static async open(
    { host, clock, env, cancel }: OpenOptions,
    find: (facts: HostFacts) => Promise<BrokerAddress>,
  ): Promise<FluxInstance> {
    const facts = await readHostFacts(host);
    const opened = await openBroker(host, facts, await find(facts), clock, cancel);
    try {
      const directory = await fluxDirectory(host, facts, opened.broker);
      const environment = { ...withDirectory(facts.environment, directory), ...Object.fromEntries(env) };
      return new FluxInstance({ host, clock, facts, opened, environment, fluxDirectory: directory });
    } catch (error) {
      opened.handle.close();
      throw error;
    }
  }

  /**
   * Finds a running broker as the input `flux` says, and connects to it.
   *
   * @throws BackendError, HostError
   */
  static find(options: FindInstanceOptions): Promise<FluxInstance> {
    const { host, wanted, batch, around = '', log, cancel } = options;
    const inSpec = batch === undefined ? '' : resource(batch.values, 'flux_uri') || resource(batch.values, 'uri');
    return FluxInstance.open(options, (facts: HostFacts) => {
      const environment = around === '' ? facts.environment : { ...facts.environment, FLUX_URI: around };
      return findBroker(host, { ...facts, environment }, wanted, inSpec, { cancel, tell: log });
    });
  }

  /**
   * Where its jobs run, for the journal.
   *
   * @param allocation the allocation of the instance, if it is ours
   * @throws BackendError, HostError
   */
  endpoint(allocation?: QueuedJob): Promise<Endpoint> {
    const { address } = this.broker;
    return this.#ask(async () => {
      const [{ text }, rank] = [await getIdentity(this.#handle), await getRank(this.#handle)];
      // The queue says more reliably than the machine whether the instance is over.
      const machine = allocation === undefined ? await readMachineId(this.#host, address, this.#facts.environment) : '';
      return {
        place: this.#sharedUri,
        instance: text,
        rank,
        machine,
        ...(allocation === undefined ? {} : { allocation }),
      };
    });
  }

  /** Whether it has, or had, a job of a study. @throws BackendError */
  knows({ spec, places }: Plan, job: SoughtJob): Promise<boolean> {
    const study = { studyName: spec.name, studyPath: places.studyPath };
    return this.#ask(async () => {
      for (const id of job.ids) if (await isJobOf(this.#handle, id, study, job)) return true;
      return false;
    });
  }

  /**
   * Decides whether inherited jobs at its address are in this instance: only if the journal has no other instance
   * there.
   */
  recognise(endpoints: readonly Endpoint[], { instance }: Endpoint): void {
    const own = endpoints.filter(({ place }) => place === this.#sharedUri);
    this.#isFamiliar = instance !== '' && own.length > 0 && own.every((endpoint) => endpoint.instance === instance);
  }

  /** Asks the broker; again over a new connection if the present one breaks, because questions change nothing. */
  #ask<T>(question: () => Promise<T>): Promise<T> {
    const attempt = async (failures: number) => {
      if (failures > 0) await this.#connectAgain();
      return question();
    };
    return retry(attempt, {
      clock: this.#clock,
      delays: QUESTION_DELAYS_MS,
      shouldRetry: (error) => error instanceof ConnectionError,
    }).catch((error: unknown) => {
      const isOfBroker = [ConnectionError, FluxError, RequestTimeout, AnswerError].some(
        (kind) => error instanceof kind,
      );
      if (!isOfBroker) throw error;
      throw new BackendError(`the Flux broker ${this.uri} cannot be asked: ${(error as Error).message}`, 'try again');
    });
  }

  async #connectAgain(): Promise<void> {
    const handle = await this.#reconnect(undefined);
    this.#handle.close();
    this.#handle = handle;
  }

  /** Whether a process on this machine runs inside the instance, and so ends with it. */
  isAround(pid: number): boolean {
    return this.#isHere && this.broker.pid !== undefined && isAncestor(this.broker.pid, pid);
  }

  get uri(): string {
    return this.broker.address.uri;
  }

  /** The URI as other machines can use it: with the name of this machine instead of a local path only. */
  get #sharedUri(): string {
    const [, machine] = this.#facts.names;
    return machine === undefined ? this.uri : this.uri.replace(/^local:\/\//, `ssh://${machine}`);
  }

  get #isHere(): boolean {
    return isHere(this.#host, this.broker.address);
  }

  /** Logs which broker is used and why. */
  introduce(log: Pick<Log, 'info' | 'warning'>): void {
    log.info(describeBroker(this.broker));
    const old = ageWarning(this.broker);
    if (old !== undefined) log.warning(old);
    const { leftOut } = this.#facts;
    if (leftOut.length > 0) {
      log.warning(
        `jobs do not get these variables of the environment, whose values are not UTF-8: ${leftOut.join(', ')}`,
      );
    }
  }

  /** How a person watches its jobs as they run. */
  get watchHint(): string {
    const where = this.#isHere ? '' : ` (on ${this.#host.name})`;
    return `To watch its jobs${where}: flux proxy ${quote(this.uri)} flux top`;
  }

  /**
   * Checks whether a study can run here.
   *
   * @param isOurs whether the instance is an allocation of ours
   * @throws SpecError, BackendError
   */
  check(plan: Plan, isOver: IsOver = () => false, isOurs = false): void {
    const hasFlux = this.#fluxDirectory !== undefined;
    checkPlan(plan, { broker: this.broker, hasFlux, isOver, isOurs });
  }

  /** Creates the scheduler for the study's steps, which takes over the connection. */
  openScheduler(plan: Plan, options: SchedulerOptions, listener: SchedulerListener): FluxScheduler {
    const { log, confirm, hasEnded } = options;
    const { spec, places } = plan;
    const { broker } = this;
    const { address } = broker;
    // An instance with guests is a system instance, however it was found.
    const comesBack = address.isSystem || !broker.isOwner;
    const queue = broker.queues?.length === 0 ? undefined : queueOf(spec.batch);
    const mostUrgent = broker.isOwner ? MAX_URGENCY : guestsUrgency;
    this.#warnOfIgnored(plan, mostUrgent, log);
    const { environment } = this;
    const study = { studyPath: places.studyPath, studyName: spec.name, batch: spec.batch };
    const patienceMs = this.#isHere ? ALLOCATION_PATIENCE_MS : REMOTE_PATIENCE_MS;
    const scheduler = new FluxScheduler(
      {
        host: this.#host,
        study: { ...study, queue, environment, mostUrgent },
        submitter: this.#submitter(),
        link: {
          connect: () => this.#reconnect(hasEnded),
          clock: this.#clock,
          patience: comesBack ? SYSTEM_PATIENCE_MS : patienceMs,
          refusedPatience: comesBack ? SYSTEM_PATIENCE_MS : REFUSED_PATIENCE_MS,
        },
        uri: address.uri,
        endpoint: this.#sharedUri,
        isFamiliar: this.#isFamiliar,
        confirm,
        comesBack,
        isOwner: broker.isOwner,
        expiration: broker.inventory?.expiration ?? broker.expiration,
        clock: this.#clock,
        log: (line) => log.warning(line),
      },
      listener,
    );
    scheduler.start(this.#handle);
    return scheduler;
  }

  #warnOfIgnored({ spec, graph }: Plan, mostUrgent: number, log: Log): void {
    const queue = queueOf(spec.batch);
    if (queue !== undefined && this.broker.queues?.length === 0) {
      log.info(`The queue '${queue}' of the batch block is ignored: this broker has no named queues`);
    }
    const urgent = graph.steps.find((step) => step.scheduled && urgency(step) > mostUrgent);
    if (urgent === undefined) return;
    log.warning(
      `guests of an instance cannot raise a job's urgency: the priority of '${urgent.step}' is treated as medium`,
    );
  }

  async #reconnect(hasEnded: SchedulerOptions['hasEnded']): Promise<Handle> {
    try {
      return await connectTo(this.#host, this.broker.address, this.#facts, this.#clock);
    } catch (error) {
      if (!(error instanceof ConnectionError) || (await hasEnded?.()) !== true) throw error;
      throw new ConnectionError('its allocation has ended', 'ENOENT');
    }
  }

  /**
   * Runs a short command as a job of one core, to check that jobs can run.
   *
   * @returns the job; undefined if it did not end within the timeout
   * @throws BackendError
   */
  async probe({ command, batch, timeoutMs, cancel }: InstanceProbe): Promise<JobView | undefined> {
    const queue = batch === undefined || this.broker.queues?.length === 0 ? undefined : queueOf(batch);
    const bank = (batch && resource(batch.values, 'bank')) || undefined;
    const connection = { handle: this.#handle, submitter: this.#submitter(), clock: this.#clock };
    try {
      return await runProbe(connection, { command, environment: this.environment, queue, bank, timeoutMs, cancel });
    } catch (error) {
      throw new BackendError((error as Error).message, 'the jobs of a study would fare no better');
    }
  }

  #submitter(): Submitter {
    const { isOwner, address } = this.broker;
    if (isOwner) return new OwnerSubmitter(this.#facts.userid);
    return new GuestSubmitter(this.#host, `${this.#fluxDirectory}/flux`, address.uri);
  }

  /** Closes the connection if no scheduler has taken it over. */
  close(): void {
    this.#handle.close();
  }
}
