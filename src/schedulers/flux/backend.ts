import { ageWarning, type Broker, connectTo, describeBroker, isHere, openBroker } from '../../flux/connect/broker.js';
import { BrokerError } from '../../flux/connect/errors.js';
import { fluxDirectory, withDirectory } from '../../flux/connect/flux-command.js';
import { readMachineId } from '../../flux/connect/machine-id.js';
import { type BrokerAddress, findBroker, type WaitOptions } from '../../flux/connect/resolve.js';
import { ConnectionError, FluxError, RequestTimeout } from '../../flux/errors.js';
import { applyEvent, type JobView, newJob } from '../../flux/eventlog.js';
import type { Handle } from '../../flux/handle.js';
import { getIdentity, getRank } from '../../flux/identity.js';
import { jobspecOf, plainJob } from '../../flux/jobspec.js';
import { toJson } from '../../flux/json.js';
import { durationPolicy } from '../../flux/policy.js';
import { AnswerError, cancelJob, watchEventlog } from '../../flux/requests.js';
import { type HostFacts, readHostFacts } from '../../hosts/facts.js';
import type { Host } from '../../hosts/host.js';
import { isAncestor } from '../../hosts/processes.js';
import { resource } from '../../scripts/dialect.js';
import type { Plan } from '../../scripts/plan.js';
import { type Problem, SpecError } from '../../spec/problem.js';
import type { Batch as BatchBlock } from '../../spec/spec.js';
import type { Endpoint, QueuedJob } from '../../store/journal/records.js';
import type { Clock } from '../../util/clock.js';
import type { Log } from '../../util/log/log.js';
import { quote } from '../../util/shell-quote.js';
import type { AllocationRequest } from '../allocation/request.js';
import type { BatchScheduler, SchedulerListener } from '../scheduler.js';
import { checkLimits, type InstanceLimits, type TimeLimit } from './check-limits.js';
import { isJobOf } from './find-inherited.js';
import { defaultUrgency, guestsUrgency, urgency } from './job-request.js';
import { type Probe, probeEndpoint, type SoughtJob } from './probe-endpoint.js';
import { FluxScheduler } from './scheduler.js';
import { GuestSubmitter, OwnerSubmitter, type Submitter } from './submitter.js';

/**
 * How long a broker may be away, in milliseconds: the machine's own is started again, one in an allocation ends with it. Of
 * one that is not on this machine it may as well be the way that is broken.
 */
const patience = { system: 300_000, allocation: 60_000, nobody: 5_000, faraway: 300_000 };

/** Seconds that a probe may run: enough, and within the limits of any queue. */
const probeDuration = 10;

/** What is around a scheduler. */
export interface Surrounding {
  readonly log: Log;
  /** Rejects with LeaseLostError if somebody else drives the study by now. */
  readonly confirm: () => Promise<void>;
}

/** What a study's scheduled steps run on. */
export interface Batch {
  /** The environment of jobs. */
  readonly environment: Readonly<Record<string, string>>;
  readonly uri: string;
  isAround(pid: number): boolean;
  /** @param surroundings what it is told, and asked, besides */
  scheduler(plan: Plan, surroundings: Surrounding, listener: SchedulerListener): BatchScheduler;
}

/** The Flux instance that a study runs on, connected to. */
export class FluxBatch implements Batch {
  readonly broker: Broker;
  /** The environment of jobs. */
  readonly environment: Readonly<Record<string, string>>;
  readonly #handle: Handle;
  readonly #facts: HostFacts;
  /** Where `flux` is; undefined if there is none. */
  readonly #fluxDirectory: string | undefined;
  readonly #host: Host;
  readonly #clock: Clock;
  /** Whether all that was left at its place is in its instance. */
  #isFamiliar = true;

  private constructor(
    host: Host,
    clock: Clock,
    facts: HostFacts,
    opened: { readonly broker: Broker; readonly handle: Handle },
    environment: Readonly<Record<string, string>>,
    directory: string | undefined,
  ) {
    this.#host = host;
    this.#clock = clock;
    this.#facts = facts;
    this.#fluxDirectory = directory;
    this.broker = opened.broker;
    this.#handle = opened.handle;
    this.environment = environment;
  }

  /**
   * Finds the broker and connects to it.
   *
   * @param find where it is, for what is known of the host
   * @param env what every step finds in its environment besides the host's
   * @param cancel ends the attempt
   * @throws BrokerError, HostError
   */
  static async open(
    host: Host,
    clock: Clock,
    find: (facts: HostFacts) => Promise<BrokerAddress>,
    env: ReadonlyMap<string, string>,
    cancel: AbortSignal,
  ): Promise<FluxBatch> {
    const facts = await readHostFacts(host);
    const opened = await openBroker(host, facts, await find(facts), clock, cancel);
    let directory: string | undefined;
    try {
      directory = await fluxDirectory(host, facts, opened.broker);
    } catch (error) {
      opened.handle.close();
      throw error;
    }
    const environment = { ...withDirectory(facts.environment, directory), ...Object.fromEntries(env) };
    return new FluxBatch(host, clock, facts, opened, environment, directory);
  }

  /**
   * Finds a broker that runs already, and connects to it.
   *
   * @param wanted the input `flux`
   * @param batch the study's batch block, if there is a study
   * @param env as of `open`
   * @param around the URI of the instance around this program, if steps do not find it in their environment
   * @throws BrokerError, HostError
   */
  static find(
    host: Host,
    clock: Clock,
    wanted: string,
    batch: BatchBlock | undefined,
    env: ReadonlyMap<string, string>,
    patience: WaitOptions,
    around = '',
  ): Promise<FluxBatch> {
    const inSpec = batch === undefined ? '' : resource(batch.values, 'flux_uri') || resource(batch.values, 'uri');
    const find = (facts: HostFacts) => {
      const environment = around === '' ? facts.environment : { ...facts.environment, FLUX_URI: around };
      return findBroker(host, { ...facts, environment }, wanted, inSpec, patience);
    };
    return FluxBatch.open(host, clock, find, env, patience.cancel);
  }

  /** Looks for jobs where an earlier driver submitted them. @throws HostError */
  static async probe(
    host: Host,
    clock: Clock,
    cancel: AbortSignal,
    { spec, places }: Plan,
    endpoint: Endpoint,
    jobs: readonly SoughtJob[],
  ): Promise<Probe> {
    const facts = await readHostFacts(host);
    const study = { studyName: spec.name, studyPath: places.studyPath };
    return probeEndpoint(endpoint, jobs, { host, clock, cancel, facts, study });
  }

  /**
   * Where its jobs are, as a journal has it.
   *
   * @param allocation what the instance ends with, if that is known
   * @throws BrokerError, HostError
   */
  endpoint(allocation?: QueuedJob): Promise<Endpoint> {
    const { address } = this.broker;
    return this.#ask(async () => {
      const [{ text }, rank] = [await getIdentity(this.#handle), await getRank(this.#handle)];
      // Its queue tells more than its machine.
      const machine = allocation === undefined ? await readMachineId(this.#host, address, this.#facts.environment) : '';
      return { place: this.#place, instance: text, rank, machine, ...(allocation === undefined ? {} : { allocation }) };
    });
  }

  /** Whether it has, or had, a job of a study. @throws BrokerError */
  knows({ spec, places }: Plan, job: SoughtJob): Promise<boolean> {
    const study = { studyName: spec.name, studyPath: places.studyPath };
    return this.#ask(async () => {
      for (const id of job.ids) if (await isJobOf(this.#handle, id, study, job)) return true;
      return false;
    });
  }

  /** Takes it that jobs at its place are in its instance only if nothing else is known to have been there. */
  recognise(endpoints: readonly Endpoint[], { instance }: Endpoint): void {
    const own = endpoints.filter(({ place }) => place === this.#place);
    this.#isFamiliar = instance !== '' && own.length > 0 && own.every((endpoint) => endpoint.instance === instance);
  }

  async #ask<T>(question: () => Promise<T>): Promise<T> {
    try {
      return await question();
    } catch (error) {
      const isOfBroker = [ConnectionError, FluxError, RequestTimeout, AnswerError].some(
        (kind) => error instanceof kind,
      );
      if (!isOfBroker) throw error;
      throw new BrokerError(`the Flux broker ${this.uri} cannot be asked: ${(error as Error).message}`, 'try again');
    }
  }

  /** Whether a process of this machine runs in the instance: it ends when that does. */
  isAround(pid: number): boolean {
    return this.#isHere && this.broker.pid !== undefined && isAncestor(this.broker.pid, pid);
  }

  get uri(): string {
    return this.broker.address.uri;
  }

  /** The URI as it is from elsewhere: a path of this machine says nothing on another. */
  get #place(): string {
    const [, machine] = this.#facts.names;
    return machine === undefined ? this.uri : this.uri.replace(/^local:\/\//, `ssh://${machine}`);
  }

  get #isHere(): boolean {
    return isHere(this.#host, this.broker.address);
  }

  /** Tells which broker it is, and why that one. */
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
   * What keeps a study from being run here.
   *
   * @param isOver whether a step does not run any more, so that it may ask for anything
   * @param isOurs whether the instance is an allocation of ours, which another one may follow: then its rest is no limit
   * @throws SpecError, BrokerError
   */
  check(plan: Plan, isOver: IsOver = () => false, isOurs = false): void {
    const { spec, graph } = plan;
    const { queues, isOwner } = this.broker;
    const queue = queueOf(spec.batch);
    const problems: Problem[] = [];
    if (queues !== undefined && queues.length > 0 && queue !== undefined && !queues.includes(queue)) {
      problems.push({
        severity: 'error',
        at: spec.batch.placeOf('queue'),
        message: `there is no queue '${queue}' at the Flux broker ${this.broker.address.uri}`,
        hint: `its queues are ${queues.join(', ')}`,
      });
    }
    if (problems.length === 0) problems.push(...limitProblems(plan, isOver, this.#limits(queue, isOurs)));
    if (problems.length > 0) throw new SpecError(problems);
    const isNested = graph.steps.some((step) => step.scheduled && step.run.get('nested') !== false);
    if (this.#fluxDirectory === undefined && (isNested || !isOwner)) {
      throw new BrokerError(
        `there is no \`flux\` on PATH, which ${isNested ? 'nested steps run' : 'a guest submits'} with`,
        'add it with `setup` (`module load flux`)',
      );
    }
  }

  /** What it never takes. Brokers before 0.42 do not look at limits of queues. */
  #limits(queue: string | undefined, isOurs: boolean): InstanceLimits {
    const { config, inventory, queues, version } = this.broker;
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

  /**
   * What runs the study's scheduled steps; it has the connection from now on.
   *
   * @param hasEnded whether the instance is known to be over, if that can be asked elsewhere than at its broker
   */
  scheduler(
    { spec, graph, places }: Plan,
    { log, confirm }: Surrounding,
    listener: SchedulerListener,
    hasEnded: () => Promise<boolean> = async () => false,
  ): FluxScheduler {
    const { broker } = this;
    const { address } = broker;
    // One that has guests is a machine's own, however it was found.
    const comesBack = address.isSystem || !broker.isOwner;
    const queue = queueOf(spec.batch);
    if (queue !== undefined && broker.queues?.length === 0) {
      log.info(`The queue '${queue}' of the batch block is left out: this broker has no named queues`);
    }
    const mostUrgent = broker.isOwner ? 31 : guestsUrgency;
    const hasty = graph.steps.find((step) => step.scheduled && urgency(step) > mostUrgent);
    if (hasty !== undefined) {
      log.warning(
        `guests of an instance cannot raise a job's urgency: the priority of '${hasty.step}' is taken for medium`,
      );
    }
    const scheduler = new FluxScheduler(
      {
        host: this.#host,
        study: {
          studyPath: places.studyPath,
          studyName: spec.name,
          batch: spec.batch,
          queue: broker.queues?.length === 0 ? undefined : queue,
          environment: this.environment,
          mostUrgent,
        },
        submitter: this.#submitter(),
        link: {
          connect: async () => {
            try {
              return await connectTo(this.#host, address, this.#facts, this.#clock);
            } catch (error) {
              if (!(error instanceof ConnectionError) || !(await hasEnded())) throw error;
              throw new ConnectionError('its allocation has ended', 'ENOENT');
            }
          },
          clock: this.#clock,
          patience: comesBack ? patience.system : this.#isHere ? patience.allocation : patience.faraway,
          patienceWithNobody: comesBack ? patience.system : patience.nobody,
        },
        uri: address.uri,
        endpoint: this.#place,
        isFamiliar: this.#isFamiliar,
        confirm,
        comesBack,
        isOwner: broker.isOwner,
        expiration: broker.inventory?.expiration ?? broker.expiration,
        clock: this.#clock,
        tell: (line) => log.warning(line),
      },
      listener,
    );
    scheduler.start(this.#handle);
    return scheduler;
  }

  /**
   * Runs a short command as a job of one core, to see whether jobs run at all.
   *
   * @param batch whose queue and bank it uses, if any
   * @param wait milliseconds after which it is cancelled
   * @returns the job; undefined if it had to wait for too long
   * @throws BrokerError
   */
  async probe(
    command: readonly string[],
    batch: BatchBlock | undefined,
    wait: number,
    cancel: AbortSignal,
  ): Promise<JobView | undefined> {
    const queue = batch === undefined || this.broker.queues?.length === 0 ? undefined : queueOf(batch);
    const bank = (batch && resource(batch.values, 'bank')) || undefined;
    const jobspec = jobspecOf({
      ...plainJob,
      name: 'doctor',
      duration: probeDuration,
      cwd: '/',
      command,
      environment: this.environment,
      queue,
      bank,
    });
    let stop = () => {};
    try {
      const id = await this.#submitter().submit(this.#handle, toJson(jobspec), defaultUrgency);
      return await new Promise<JobView | undefined>((resolve, reject) => {
        let view = newJob;
        const giveUp = () =>
          void cancelJob(this.#handle, id, 'it took too long').then(() => resolve(undefined), reject);
        const stopTimer = this.#clock.after(wait, giveUp);
        const stopWatching = watchEventlog(this.#handle, id, {
          onEvents: (events) => (view = events.reduce(applyEvent, view)),
          onEnd: (error) => (error === undefined ? resolve(view) : reject(error)),
        });
        cancel.addEventListener('abort', giveUp, { once: true });
        if (cancel.aborted) giveUp();
        stop = () => {
          stopTimer();
          stopWatching();
          cancel.removeEventListener('abort', giveUp);
        };
      });
    } catch (error) {
      throw new BrokerError((error as Error).message, 'the jobs of a study would fare no better');
    } finally {
      stop();
    }
  }

  #submitter(): Submitter {
    const { isOwner, address } = this.broker;
    if (isOwner) return new OwnerSubmitter(this.#facts.userid);
    return new GuestSubmitter(this.#host, `${this.#fluxDirectory}/flux`, address.uri);
  }

  /** Lets go of a connection that no scheduler took. */
  close(): void {
    this.#handle.close();
  }
}

function queueOf(batch: BatchBlock): string | undefined {
  return resource(batch.values, 'queue') || undefined;
}

/**
 * What cannot fit into an allocation.
 *
 * @throws SpecError
 */
export function checkAllocation(plan: Plan, isOver: IsOver, request: AllocationRequest): void {
  const { minutes, nodes, gpus, with: allocator } = request;
  // Flux tells an instance when it ends, and others need not: there a walltime may be all the time that there is.
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

/** Whether a step, by its index in the plan, does not run any more. */
export type IsOver = (step: number) => boolean;

function limitProblems({ spec, graph }: Plan, isOver: IsOver, limits: InstanceLimits): Problem[] {
  const steps = graph.steps.filter(({ scheduled, index }) => scheduled && !isOver(index));
  return withoutRepetitions(checkLimits(steps, spec.batch, limits));
}

function isOlder(version: string, minor: number): boolean {
  const [major = 0, own = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  return major === 0 && own < minor;
}

/** Instances of a step have the same problem once. */
function withoutRepetitions(problems: readonly Problem[]): Problem[] {
  const byText = problems.map(
    (problem) => [`${problem.at.line}:${problem.at.column} ${problem.message}`, problem] as const,
  );
  return [...new Map(byText).values()];
}
