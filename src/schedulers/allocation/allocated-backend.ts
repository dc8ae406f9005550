import type { HeldNodes } from '../../causes/node-hours.js';
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
import { BackendError } from '../../util/errors.js';
import { shortDuration } from '../../util/format.js';
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
import { NoAllocationError } from './no-allocation.js';
import { type JobPlace, type KnownOutcome, type RenewingOptions, RenewingScheduler } from './renewing-scheduler.js';
import type { AllocationRequest } from './request.js';

/** A Flux instance in an allocation that is requested for the study and released after it. */
export class AllocatedBackend implements Backend {
  readonly #context: BackendContext;
  readonly #request: AllocationRequest;
  #facts: HostFacts | undefined;
  #version = '';
  /** Whether a step is over, by the journal of earlier drivers. */
  #isOver: IsOver = () => false;
  #session: StudySession | undefined;
  #allocation: Allocation | undefined;
  /** The allocations of this run, the latest last. */
  readonly #held: HeldNodes[] = [];
  #instance: FluxInstance | undefined;
  readonly #closing = new AbortController();
  /** The instance that is being allocated. */
  #getting: Promise<FluxInstance> | undefined;
  /** Ends the time in which the allocation has to start. */
  #stopWaiting: () => void = () => {};
  /** How many allocations there have been: in all runs of the study, and in this run. */
  #count = 0;
  #ownCount = 0;
  /** Whether an earlier driver requested the present allocation. */
  #isTaken = false;
  /** Whether the scheduler was opened, so that jobs may run in the allocation. */
  #isUsed = false;
  /** Whether the allocation is left to a later run, and must not be released. */
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
        throw new BackendError(
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
    const allocated = [...this.#held];
    return {
      ...{ version: this.#version, allocated },
      ...{ endpoint: (isOpen && uri) || '', environment: (isOpen && environment) || {} },
    };
  }

  async close({ keepJobs }: CloseOptions): Promise<void> {
    const { log } = this.#context;
    // A failed start must not release an allocation that an earlier driver left with jobs.
    this.#isLeft = keepJobs ?? (this.#isTaken || this.#isUsed || this.#context.leave.aborted);
    this.#closing.abort('the study is over');
    // An allocation that is being requested is released as well.
    await this.#getting?.catch(() => {});
    this.#instance?.close();
    if (!this.#request.keep && !this.#isLeft) return this.#tryRelease();
    if (this.#allocation === undefined) return;
    if (this.#isLeft) this.#context.remember({ allocation: undefined });
    const why = this.#isLeft ? 'is left as it is' : 'is kept';
    log.info(`The allocation ${this.#allocation.id} ${why}: it ends by itself once nobody uses it`);
  }

  /** Releases the allocation; a failure is only a warning, because the result of the study does not depend on it. */
  async #tryRelease(): Promise<void> {
    try {
      if (this.#allocation !== undefined) await this.#session?.confirm();
      await this.#release();
    } catch (error) {
      if (!(error instanceof BackendError || error instanceof HostError || error instanceof LeaseLostError))
        throw error;
      this.#context.log.warning(error.message);
    }
  }

  /** @param left the allocation of an earlier driver */
  #get(plan: Plan, left: DescribedAllocation | undefined): Promise<FluxInstance> {
    this.#getting = this.#getInTime(plan, left);
    return this.#getting;
  }

  /** Gets one, or gives it back if it does not start in the time that it may wait. */
  async #getInTime(plan: Plan, left: DescribedAllocation | undefined): Promise<FluxInstance> {
    const { clock, cancel } = this.#context;
    const limitMs = (this.#request.maxWait ?? 0) * 1000;
    const tooLong = new AbortController();
    let isOver = false;
    const later = (milliseconds: number) => {
      this.#stopWaiting = clock.after(milliseconds, () => void end());
    };
    const end = async () => {
      const isWaiting = await this.#isWaiting(left);
      if (isOver) return;
      if (isWaiting) tooLong.abort('it has waited too long');
      else later(WAITING_LOOK_MS);
    };
    if (limitMs > 0) later(limitMs);
    try {
      return await this.#getOne(plan, left, tooLong.signal);
    } catch (error) {
      if (!tooLong.signal.aborted || cancel.aborted || !(error instanceof BackendError)) throw error;
      await this.#tryRelease();
      const message = `max-wait: no allocation has started within ${shortDuration(limitMs)}`;
      throw new NoAllocationError(message, 'a run of the same study asks for another one', 'waited-too-long');
    } finally {
      isOver = true;
      this.#stopWaiting();
    }
  }

  /**
   * Whether the allocation that is being got has not started: in one that runs, or that cannot be asked about now, jobs of an
   * earlier driver may run.
   */
  async #isWaiting(left: DescribedAllocation | undefined): Promise<boolean> {
    if (this.#allocation === undefined) return left === undefined;
    return this.#allocation.isWaiting().catch(() => false);
  }

  async #getOne(plan: Plan, left: DescribedAllocation | undefined, tooLong: AbortSignal): Promise<FluxInstance> {
    const { host, clock, log } = this.#context;
    const cancel = anyAborted(this.#context.cancel, this.#closing.signal, tooLong).signal;
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
        // It may have been about to end. If it is alive and only out of reach, it is not replaced.
        if (!(error instanceof BackendError) || cancel.aborted || !(await taken.hasEnded())) throw error;
        this.#ownCount -= 1;
        log.warning(error.message);
        this.#noteEnd();
        this.#instance?.close();
        this.#instance = undefined;
      }
      this.#isTaken = false;
    }
    if (this.#context.onlyFinishes) {
      const hint = 'a run of the same study continues it in another';
      throw new NoAllocationError('the allocation of the study is over', hint, 'allocation-over');
    }
    // Checked before the wait in the queue, which may be long and in vain.
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
    this.#stopWaiting();
    this.#held.push({ nodes: this.#request.nodes, from: clock.now(), until: null });
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
    // The number is journaled first: if this process is killed before it knows the id, the next driver ends the
    // allocation by it.
    journal.write({ type: 'allocation', number: this.#count, allocation: null });
    await journal.durable();
    if (this.#ownCount <= 1 && this.#count > 1) await endForgotten(common.host, common.studyPath, this.#count - 1);
    const allocation = await Allocation.submit({ ...common, number: this.#count });
    journal.write({ type: 'allocation', number: this.#count, allocation: allocation.describe() });
    await journal.durable();
    return allocation;
  }

  /**
   * Releases an allocation that is over, so that none of its jobs can go on, and reads their outcomes.
   *
   * @param mayLive whether to leave it alone unless the queue reports that it has ended
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
      // Slow clean-up of the nodes can fail the release although the allocation has ended.
      if (!(error instanceof BackendError) || !(await allocation!.hasEnded())) throw error;
      this.#context.log.warning(error.message);
      this.#allocation = undefined;
      this.#noteEnd();
    }
    const study = { studyPath: plan.places.studyPath, batch: plan.spec.batch };
    return readOutcomes(this.#context.host, study, jobs, reason);
  }

  /** The present allocation has ended. One that never started is not among those of this run. */
  #noteEnd(): void {
    const last = this.#held.at(-1);
    if (last?.until === null) this.#held.splice(-1, 1, { ...last, until: this.#context.clock.now() });
  }

  async #release(): Promise<void> {
    const allocation = this.#allocation;
    if (allocation === undefined) return;
    await allocation.release();
    this.#allocation = undefined;
    this.#noteEnd();
    this.#session?.journal.write({ type: 'allocation', number: this.#count, allocation: null });
    this.#context.remember({ allocation: undefined });
  }
}

/** An allocation that has waited too long and seems to run is looked at again after this. */
const WAITING_LOOK_MS = 15_000;

/** A queue may report the end of a job late, so it is asked this often, with this delay. */
const MAX_LOOKS = 6;
const LOOK_DELAY_MS = 5_000;

/** Whether an allocation has ended or ends within half a minute; false if the host cannot be reached. */
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

/**
 * Ends all earlier allocations by their numbers, because a driver that was killed during a submit may not have recorded
 * an id.
 */
async function endForgotten(host: Host, studyPath: string, last: number): Promise<void> {
  const files = Array.from({ length: last }, (_, i) => quote(`${studyPath}/${allocationFiles(i + 1).end}`));
  await mustRun(host, 'cannot end earlier allocations', `for file in ${files.join(' ')}; do : > "$file" || exit; done`);
}
