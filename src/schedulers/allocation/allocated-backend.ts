import { BrokerError } from '../../flux/connect/errors.js';
import { addressOf } from '../../flux/connect/resolve.js';
import { mustRun } from '../../hosts/commands.js';
import { type HostFacts, readHostFacts } from '../../hosts/facts.js';
import { type Host, HostError } from '../../hosts/host.js';
import type { Plan } from '../../scripts/plan.js';
import { forFlux } from '../../scripts/plan.js';
import type { DescribedAllocation } from '../../store/journal/records.js';
import { LeaseLostError } from '../../store/lease.js';
import type { StudySession } from '../../store/session.js';
import { anyAborted } from '../../util/abort.js';
import type { Clock } from '../../util/clock.js';
import { quote } from '../../util/shell-quote.js';
import { sleep } from '../../util/sleep.js';
import type { Backend, BackendContext, BackendDescription, CloseOptions, IsOver } from '../backend.js';
import { readOutcomes } from '../claims/outcome.js';
import { checkAllocation } from '../flux/check-plan.js';
import { FluxInstance } from '../flux/instance.js';
import { joinInstance, refuseIfRunningElsewhere } from '../flux/join-instance.js';
import type { BatchScheduler, Job, SchedulerListener } from '../scheduler.js';
import { Allocation, type AllocationOptions } from './allocation.js';
import { allocationFiles } from './idle-guard.js';
import { type JobPlace, type KnownOutcome, type RenewingOptions, RenewingScheduler } from './renewing-scheduler.js';
import type { AllocationRequest } from './request.js';

/** A Flux instance of our own, in an allocation that we get for the study, and give back after it. */
export class AllocatedBackend implements Backend {
  readonly #context: BackendContext;
  readonly #request: AllocationRequest;
  #facts: HostFacts | undefined;
  #version = '';
  /** Whether a step does not run any more, as far as earlier drivers have told. */
  #isOver: IsOver = () => false;
  #session: StudySession | undefined;
  #allocation: Allocation | undefined;
  #instance: FluxInstance | undefined;
  readonly #closing = new AbortController();
  /** The one that is being got. */
  #getting: Promise<FluxInstance> | undefined;
  /** How many there have been, with earlier drivers, and with this one. */
  #count = 0;
  #ownCount = 0;
  /** Whether the present one was got by an earlier driver. */
  #isTaken = false;
  /** Whether jobs came to run in it. */
  #isUsed = false;
  /** Whether it is not ours to give back any more. */
  #isLeft = false;

  constructor(context: BackendContext, request: AllocationRequest) {
    this.#context = context;
    this.#request = request;
  }

  async prepare(plan: Plan, isOver: IsOver = () => false): Promise<Plan> {
    this.#isOver = isOver;
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
    checkAllocation(plan, isOver, this.#request);
    return forFlux(plan, this.#version);
  }

  async open(plan: Plan, session: StudySession, listener: SchedulerListener): Promise<BatchScheduler> {
    const { log, clock } = this.#context;
    this.#session = session;
    this.#count = session.state.allocations;
    const first = await this.#get(plan, session.state.allocation);
    this.#isUsed = true;
    const options: RenewingOptions = {
      clock,
      reapJobs: (jobs, reason, mayLive) => this.#reapJobs(plan, jobs, reason, mayLive),
      mayRenew: () => this.#ownCount <= this.#request.renew,
      renew: async (reason) => {
        if (this.#ownCount > this.#request.renew) return undefined;
        log.warning(`${reason}: getting another allocation (${this.#ownCount} of ${this.#request.renew})`);
        return this.#placeIn(plan, await this.#get(plan, undefined));
      },
    };
    return new RenewingScheduler(this.#placeIn(plan, first), options, listener);
  }

  describe(): BackendDescription {
    const { uri, environment } = this.#instance ?? {};
    const isOpen = this.#isUsed;
    return { version: this.#version, endpoint: (isOpen && uri) || '', environment: (isOpen && environment) || {} };
  }

  async close({ keepJobs }: CloseOptions): Promise<void> {
    const { log } = this.#context;
    // A start that failed must not take with it what an earlier driver left.
    this.#isLeft = keepJobs ?? (this.#isTaken || this.#isUsed || this.#context.leave.aborted);
    this.#closing.abort('the study is over');
    // One that is being got is given back as well.
    await this.#getting?.catch(() => {});
    this.#instance?.close();
    if (!this.#request.keep && !this.#isLeft) return this.#tryRelease();
    if (this.#allocation === undefined) return;
    if (this.#isLeft) this.#context.remember({ allocation: undefined });
    const why = this.#isLeft ? 'is left as it is' : 'is kept';
    log.info(`The allocation ${this.#allocation.id} ${why}: it ends by itself once nobody uses it`);
  }

  /** How the study ended does not depend on it. */
  async #tryRelease(): Promise<void> {
    try {
      if (this.#allocation !== undefined) await this.#session?.confirm();
      await this.#release();
    } catch (error) {
      if (!(error instanceof BrokerError || error instanceof HostError || error instanceof LeaseLostError)) throw error;
      this.#context.log.warning(error.message);
    }
  }

  /** @param left the allocation of an earlier driver */
  #get(plan: Plan, left: DescribedAllocation | undefined): Promise<FluxInstance> {
    this.#getting = this.#getOne(plan, left);
    return this.#getting;
  }

  async #getOne(plan: Plan, left: DescribedAllocation | undefined): Promise<FluxInstance> {
    const { host, clock, log } = this.#context;
    const cancel = anyAborted(this.#context.cancel, this.#closing.signal).signal;
    const common = {
      host,
      clock,
      cancel,
      studyPath: plan.places.studyPath,
      request: this.#request,
      flux: this.#facts!.flux,
      fluxVersion: this.#version,
      studyName: plan.spec.name,
      log: (line: string) => log.info(line),
      isKept: () => this.#isLeft || this.#context.leave.aborted,
      isForced: this.#context.options.ignoresJobsElsewhere,
    };
    const taken = left && (await Allocation.attach(common, left));
    if (taken !== undefined) {
      log.info(`Taking over the allocation ${taken.id} of the run before`);
      this.#isTaken = true;
      try {
        return await this.#use(taken, plan, cancel);
      } catch (error) {
        // It may have been about to end; one that lives, and is not reached, is not replaced.
        if (!(error instanceof BrokerError) || cancel.aborted || !(await taken.hasEnded())) throw error;
        this.#ownCount -= 1;
        log.warning(error.message);
        this.#instance?.close();
        this.#instance = undefined;
      }
      this.#isTaken = false;
    }
    if (this.#context.onlyFinishes) {
      throw new BrokerError('the allocation of the study is over', 'a run of the same study continues it in another');
    }
    // Before it is waited for, and perhaps for nothing.
    if (this.#ownCount === 0) await refuseIfRunningElsewhere(this.#context, plan, this.#session!, undefined);
    return this.#use(await this.#submit(common), plan, cancel);
  }

  /** Connects to the Flux instance of an allocation, once it has one. */
  async #use(allocation: Allocation, plan: Plan, cancel: AbortSignal): Promise<FluxInstance> {
    const { host, clock, options, log } = this.#context;
    this.#ownCount += 1;
    this.#allocation = allocation;
    this.#context.remember({ allocation: this.#request.keep ? undefined : allocation.describe() });
    const uri = await allocation.uri();
    const find = async (facts: HostFacts) => {
      const address = addressOf(uri, facts, `in allocation ${allocation.id}`, false);
      return allocation.kind === 'slurm' ? { ...address, slurmJob: allocation.id } : address;
    };
    const open = { host, clock, env: options.stepEnvironment, cancel };
    const instance = await FluxInstance.open(open, find);
    this.#instance = instance;
    instance.introduce(log);
    log.info(instance.watchHint);
    instance.check(plan, this.#isOver, true);
    const endpoint = await instance.endpoint(allocation.describe());
    await joinInstance(this.#context, { plan, session: this.#session!, instance, endpoint, isNew: !this.#isTaken });
    return instance;
  }

  #placeIn(plan: Plan, instance: FluxInstance): JobPlace {
    const { log } = this.#context;
    const allocation = this.#allocation;
    const confirm = () => this.#session!.confirm();
    const hasEnded = async () => (await allocation?.hasEnded()) ?? true;
    return { start: (listener) => instance.openScheduler(plan, { log, confirm, hasEnded }, listener) };
  }

  async #submit(common: Omit<AllocationOptions, 'number'>): Promise<Allocation> {
    const { journal } = this.#session!;
    this.#count += 1;
    // Its number is spent, whatever becomes of it: should we be killed before we know its id, the next driver ends it by that.
    journal.write({ type: 'allocation', number: this.#count, allocation: null });
    await journal.durable();
    if (this.#ownCount <= 1 && this.#count > 1) await endForgotten(common.host, common.studyPath, this.#count - 1);
    const allocation = await Allocation.submit({ ...common, number: this.#count });
    journal.write({ type: 'allocation', number: this.#count, allocation: allocation.describe() });
    await journal.durable();
    return allocation;
  }

  /**
   * What became of jobs in an allocation that is over, made sure of by giving it back.
   *
   * @param mayLive whether it is left alone unless the queue says that it has ended
   */
  async #reapJobs(
    plan: Plan,
    jobs: readonly Job[],
    reason: string,
    mayLive: boolean,
  ): Promise<readonly KnownOutcome[] | 'alive'> {
    const allocation = this.#allocation;
    if (mayLive && allocation !== undefined && !(await endsSoon(allocation, this.#context.clock))) return 'alive';
    await this.#session?.confirm();
    try {
      await this.#release();
    } catch (error) {
      // One whose nodes are slow to be cleaned up is over all the same.
      if (!(error instanceof BrokerError) || !(await allocation!.hasEnded())) throw error;
      this.#context.log.warning(error.message);
      this.#allocation = undefined;
    }
    const study = { studyPath: plan.places.studyPath, batch: plan.spec.batch };
    return readOutcomes(this.#context.host, study, jobs, reason);
  }

  async #release(): Promise<void> {
    const allocation = this.#allocation;
    if (allocation === undefined) return;
    await allocation.release();
    this.#allocation = undefined;
    this.#session?.journal.write({ type: 'allocation', number: this.#count, allocation: null });
    this.#context.remember({ allocation: undefined });
  }
}

/** Queues take their time to notice that what they run has ended: they are asked so often, with this time between. */
const MAX_LOOKS = 6;
const LOOK_DELAY_MS = 5_000;

/** Whether an allocation has ended, or does so in no time. One that cannot be asked about has not. */
async function endsSoon(allocation: Allocation, clock: Clock): Promise<boolean> {
  for (let look = 1; ; look++) {
    try {
      if (await allocation.hasEnded()) return true;
    } catch (error) {
      if (error instanceof HostError) return false;
      throw error;
    }
    if (look === MAX_LOOKS) return false;
    await sleep(clock, LOOK_DELAY_MS);
  }
}

/** Ends allocations of earlier drivers by their numbers: a driver that was killed as it got one may never have known its id. */
async function endForgotten(host: Host, studyPath: string, last: number): Promise<void> {
  const files = Array.from({ length: last }, (_, i) => quote(`${studyPath}/${allocationFiles(i + 1).end}`));
  await mustRun(host, 'cannot end earlier allocations', `for file in ${files.join(' ')}; do : > "$file" || exit; done`);
}
