import { hostname } from 'node:os';
import { Allocation, type DescribedAllocation } from './broker/allocation/allocation.js';
import { type AllocationRequest, readAllocationRequest } from './broker/allocation/request.js';
import { BrokerError } from './broker/errors.js';
import { type HostFacts, readHostFacts } from './broker/host-facts.js';
import { addressOf } from './broker/target.js';
import { Lease } from './conductor/lease.js';
import { type Batch, FluxBatch } from './flux-batch.js';
import { mustRun } from './hosts/commands.js';
import { HostError } from './hosts/host.js';
import type { InputName, Inputs } from './inputs.js';
import type { Instance, InstanceContext } from './instances.js';
import { forFlux, type Plan } from './plan.js';
import type { Log } from './report/log.js';
import { readClaims } from './schedulers/claims.js';
import { type Remains, RenewingScheduler } from './schedulers/renewing.js';
import type { BatchScheduler, Job, SchedulerListener } from './schedulers/scheduler.js';
import { SpecError } from './spec/problem.js';
import { Source } from './spec/source.js';

/**
 * The allocation that the inputs want, if they want one.
 *
 * @param nameOf what messages call an input
 * @throws SpecError
 */
export function requestOf(inputs: Inputs, nameOf: (input: InputName) => string): AllocationRequest | undefined {
  if (inputs.allocate === '') return undefined;
  const { request, problems } = readAllocationRequest(new Source(nameOf('allocate'), inputs.allocate));
  if (request === undefined) throw new SpecError(problems);
  return request;
}

/** What holding an allocation takes besides. */
export interface Holder {
  /** Where people see the run; '' if nowhere. */
  readonly runUrl: string;
  /** Told of the allocation that there is to give back, should this program not come to that; of none, once it is given back. */
  readonly onAllocation: (allocation: DescribedAllocation | undefined) => void;
}

/** A Flux instance of our own, in an allocation that we get for the study, and give back after it. */
export class AllocatedInstance implements Instance, Batch {
  readonly #context: InstanceContext;
  readonly #holder: Holder;
  readonly #request: AllocationRequest;
  #facts: HostFacts | undefined;
  #version = '';
  #lease: Lease | undefined;
  #allocation: Allocation | undefined;
  #flux: FluxBatch | undefined;
  readonly #closing = new AbortController();
  /** The one that is being got. */
  #getting: Promise<FluxBatch> | undefined;
  /** How many there have been. */
  #count = 0;

  constructor(context: InstanceContext, request: AllocationRequest, holder: Holder) {
    this.#context = context;
    this.#request = request;
    this.#holder = holder;
  }

  async settle(plan: Plan): Promise<Plan> {
    const { host } = this.#context;
    if (this.#facts === undefined) {
      const facts = await readHostFacts(host);
      if (facts.flux === '') {
        throw new BrokerError(
          `there is no \`flux\` on PATH on ${host.name}, and \`allocate\` starts it in the allocation`,
          'add it with `setup` (`module load flux`)',
        );
      }
      const said = await mustRun(host, `cannot ask which version of Flux is on ${host.name}`, 'flux version');
      this.#version = /^commands:\s*(\S+)/m.exec(said.toString())?.[1] ?? '';
      this.#facts = facts;
    }
    return forFlux(plan, this.#version);
  }

  async open(plan: Plan): Promise<Batch> {
    await this.#get(plan);
    return this;
  }

  get environment(): Readonly<Record<string, string>> {
    return this.#flux!.environment;
  }

  get uri(): string {
    return this.#flux!.uri;
  }

  /** We are outside of what we made. */
  isAround(): boolean {
    return false;
  }

  scheduler(plan: Plan, log: Log, listener: SchedulerListener): BatchScheduler {
    const placeIn = (flux: FluxBatch) => {
      const allocation = this.#allocation;
      const hasEnded = async () => (await allocation?.hasEnded()) ?? true;
      return { start: (own: SchedulerListener) => flux.scheduler(plan, log, own, hasEnded) };
    };
    return new RenewingScheduler(
      placeIn(this.#flux!),
      {
        clock: this.#context.clock,
        settle: (jobs) => this.#settleJobs(plan, jobs),
        renew: async (reason) => {
          if (this.#count > this.#request.renew) return undefined;
          log.warning(`${reason}: getting another allocation (${this.#count} of ${this.#request.renew})`);
          return placeIn(await this.#get(plan));
        },
      },
      listener,
    );
  }

  async close(): Promise<void> {
    this.#closing.abort('the study is over');
    // One that is being got is given back as well.
    await this.#getting?.catch(() => {});
    this.#flux?.close();
    await this.#lease?.end();
    if (!this.#request.keep) await this.#tryRelease();
    else if (this.#allocation !== undefined) {
      this.#context.log.info(`The allocation ${this.#allocation.id} is kept: it ends by itself once nobody uses it`);
    }
  }

  /** How the study ended does not depend on it. */
  async #tryRelease(): Promise<void> {
    try {
      await this.#release();
    } catch (error) {
      if (!(error instanceof BrokerError || error instanceof HostError)) throw error;
      this.#context.log.warning(error.message);
    }
  }

  #get(plan: Plan): Promise<FluxBatch> {
    this.#getting = this.#getOne(plan);
    return this.#getting;
  }

  async #getOne(plan: Plan): Promise<FluxBatch> {
    const { host, clock, inputs, log } = this.#context;
    const cancel = AbortSignal.any([this.#context.cancel, this.#closing.signal]);
    const { studyPath } = plan.places;
    const { runUrl, onAllocation } = this.#holder;
    const machine = { machine: hostname(), pid: process.pid, ...(runUrl === '' ? {} : { runUrl }) };
    this.#lease ??= Lease.start(host, studyPath, machine, clock);
    this.#count += 1;
    const allocation = await Allocation.submit({
      host,
      clock,
      cancel,
      studyPath,
      request: this.#request,
      flux: this.#facts!.flux,
      fluxVersion: this.#version,
      studyName: plan.spec.name,
      number: this.#count,
      tell: (line) => log.info(line),
    });
    this.#allocation = allocation;
    onAllocation(this.#request.keep ? undefined : allocation.describe());
    const uri = await allocation.uri();
    const find = async (facts: HostFacts) => {
      const address = addressOf(uri, facts, `in allocation ${allocation.id}`, false);
      return allocation.kind === 'slurm' ? { ...address, slurmJob: allocation.id } : address;
    };
    const flux = await FluxBatch.open(host, clock, find, inputs.env, cancel);
    this.#flux = flux;
    flux.introduce(log);
    log.info(flux.watchHint);
    flux.check(plan);
    return flux;
  }

  /** What became of jobs in an allocation that is over, made sure of by giving it back. */
  async #settleJobs(plan: Plan, jobs: readonly Job[]): Promise<Remains[]> {
    const allocation = this.#allocation;
    try {
      await this.#release();
    } catch (error) {
      // One whose nodes are slow to be cleaned up is over all the same.
      if (!(error instanceof BrokerError) || !(await allocation!.hasEnded())) throw error;
      this.#context.log.warning(error.message);
      this.#allocation = undefined;
    }
    const attempts = jobs.map(({ step, attempt }) => ({ workspace: step.workspace, attempt }));
    const claims = await readClaims(this.#context.host, plan.places.studyPath, attempts);
    return claims.map((claim, i): Remains => {
      if (claim === undefined) return 'waiting';
      const { run } = jobs[i]!.step;
      const tasks = run.get('nested') === false ? Number(run.get('procs') || 1) : 1;
      const isFinished = claim.exits.length >= tasks && claim.exits.every((exit) => exit === 0);
      return isFinished ? 'finished' : 'begun';
    });
  }

  async #release(): Promise<void> {
    const allocation = this.#allocation;
    if (allocation === undefined) return;
    await allocation.release();
    this.#allocation = undefined;
    this.#holder.onAllocation(undefined);
  }
}
