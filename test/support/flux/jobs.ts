import { constants } from 'node:os';
import { errno } from '../../../src/flux/errors.js';
import { encodeJobId } from '../../../src/flux/job-id.js';
import { toJson } from '../../../src/flux/json.js';
import { type Demand, excludedHosts, Refusal, type Submission } from './submission.js';
import { isNested, StartError, Tasks } from './tasks.js';

const { SIGKILL, SIGTERM, SIGALRM } = constants.signals;

export type SimulatedState = 'PRIORITY' | 'SCHED' | 'RUN' | 'CLEANUP' | 'INACTIVE';

export interface Entry {
  readonly timestamp: number;
  readonly name: string;
  readonly context?: Readonly<Record<string, unknown>>;
}

export interface EntryWatcher {
  onEntry(line: string): void;
  /** `errnum` as the response says it: ENODATA once the log is complete. */
  onEnd(errnum: number): void;
}

/** A job of a simulated broker, for tests to look at. */
export class SimulatedJob {
  readonly id: bigint;
  readonly submission: Submission;
  readonly entries: Entry[] = [];
  readonly acceptedAt = Date.now();
  readonly watchers = new Set<EntryWatcher>();
  /** Numbers of the cores that are its own. */
  cores: readonly number[] = [];
  /** The names of the nodes that it got; empty before that. */
  hosts: readonly string[] = [];
  tasks: Tasks | undefined;
  state: SimulatedState = 'PRIORITY';
  readonly #onPost: (job: SimulatedJob, entry: Entry) => void;

  /** @param onPost is told each entry of its eventlog */
  constructor(id: bigint, submission: Submission, onPost: (job: SimulatedJob, entry: Entry) => void) {
    this.id = id;
    this.submission = submission;
    this.#onPost = onPost;
  }

  /** As F58. */
  get name(): string {
    return encodeJobId(this.id);
  }

  get lines(): string[] {
    return this.entries.map((entry) => `${toJson(entry)}\n`);
  }

  /** Names of its events so far. */
  get events(): string[] {
    return this.entries.map(({ name }) => name);
  }

  /** Process ids of its tasks; empty before they are started. */
  get pids(): number[] {
    return this.tasks?.pids ?? [];
  }

  post(name: string, context?: Entry['context']): void {
    const entry = { timestamp: Date.now() / 1000, name, ...(context === undefined ? {} : { context }) };
    this.entries.push(entry);
    // The journal has it first.
    this.#onPost(this, entry);
    const line = `${toJson(entry)}\n`;
    for (const watcher of this.watchers) watcher.onEntry(line);
  }

  endWatches(errnum: number): void {
    for (const watcher of this.watchers) watcher.onEnd(errnum);
    this.watchers.clear();
  }
}

export interface JobsOptions {
  /** 0.88.0 is 88. */
  readonly minor: number;
  readonly owner: number;
  readonly firstId: bigint;
  readonly cores: number;
  /** The names of the nodes, which have as many cores each. */
  readonly hosts: readonly string[];
  readonly gpus: number;
  /** Milliseconds from `submit` to `validate`, from `alloc` to `start`, from the tasks' end to `finish`. */
  readonly paces: { readonly validate: number; readonly start: number; readonly finish: number };
  /** Milliseconds from a job's cancel to SIGKILL. */
  readonly killTimeout: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly onPost: (job: SimulatedJob, entry: Entry) => void;
}

/** Between two ids that are given one after the other in reality there are as many: ids have a time in their upper bits. */
const idStep = 1n << 24n;

/** A simulated job manager, scheduler and execution system: its events are those of real ones, in their order. */
export class SimulatedJobs {
  readonly all = new Map<bigint, SimulatedJob>();
  readonly #options: JobsOptions;
  readonly #free: Set<number>;
  readonly #timers = new Set<NodeJS.Timeout>();
  #nextId: bigint;
  #isScheduling = true;
  #isExpired = false;
  #isDestroyed = false;
  #onIdle: (() => void)[] = [];

  constructor(options: JobsOptions) {
    this.#options = options;
    this.#free = new Set(Array.from({ length: options.cores }, (_, core) => core));
    this.#nextId = options.firstId;
  }

  submit(submission: Submission): SimulatedJob {
    const job = new SimulatedJob(this.#nextId, submission, this.#options.onPost);
    this.#nextId += idStep;
    this.all.set(job.id, job);
    const { urgency, userid } = submission;
    const isModern = this.#options.minor >= 41;
    job.post('submit', { userid, urgency, flags: 0, ...(isModern ? { version: 1 } : {}) });
    this.#after(this.#options.paces.validate, () => {
      if (job.state !== 'PRIORITY') return;
      if (isModern) job.post('validate');
      job.post('depend');
      job.post('priority', { priority: urgency });
      job.state = 'SCHED';
      this.#schedule();
    });
    return job;
  }

  /** @throws Refusal */
  find(id: unknown, otherwise: number): SimulatedJob {
    const job = this.all.get(typeof id === 'bigint' ? id : BigInt(typeof id === 'number' ? id : 0));
    if (job === undefined) throw new Refusal(otherwise, 'unknown job id');
    return job;
  }

  /**
   * Tells the log from its beginning.
   *
   * @returns what ends that
   */
  watch(job: SimulatedJob, watcher: EntryWatcher): () => void {
    for (const line of job.lines) watcher.onEntry(line);
    if (job.state === 'INACTIVE') watcher.onEnd(errno.ENODATA);
    else job.watchers.add(watcher);
    return () => job.watchers.delete(watcher);
  }

  /** Raises an exception on a job (`job-manager.raise`). @throws Refusal */
  raise(id: unknown, type: string, severity: number, note: string, userid: number): void {
    const job = this.find(id, errno.ENOENT);
    if (job.state === 'INACTIVE') throw new Refusal(errno.ENOENT, 'job is inactive');
    this.#raise(job, { type, severity, ...this.#noteAndUserid(note, userid) }, SIGTERM);
  }

  /** Sends a signal to a job's tasks (`job-manager.kill`). @throws Refusal */
  kill(id: unknown, signum: number): void {
    const job = this.find(id, errno.EINVAL);
    if (job.state === 'INACTIVE') throw new Refusal(errno.EINVAL, 'job is inactive');
    if (job.tasks === undefined) throw new Refusal(errno.EINVAL, 'job is not running');
    job.tasks.signal(signum);
  }

  cancelRunning(note: string): void {
    for (const job of this.#running()) {
      this.#raise(job, { type: 'cancel', severity: 0, ...this.#noteAndUserid(note, this.#options.owner) }, SIGTERM);
    }
  }

  /** The instance's own time is over: for what runs, and for what is started all the same. */
  expire(): void {
    this.#isExpired = true;
    for (const job of this.#running()) this.#expire(job);
  }

  /** Resolves when no job runs any more. */
  async idle(): Promise<void> {
    while (this.#busy().length > 0) await new Promise<void>((resolve) => this.#onIdle.push(resolve));
  }

  /** Nothing more starts. */
  stopScheduling(): void {
    this.#isScheduling = false;
  }

  endWatchesOfPending(): void {
    for (const job of this.all.values()) if (job.state !== 'INACTIVE') job.endWatches(errno.ENOSYS);
  }

  /** Kills everything at once, and tells nobody. */
  async destroy(): Promise<void> {
    this.#isDestroyed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    const jobs = [...this.all.values()];
    for (const job of jobs) {
      job.watchers.clear();
      job.tasks?.signal(SIGKILL);
    }
    await Promise.allSettled(jobs.map(({ tasks }) => tasks?.end));
  }

  #running(): SimulatedJob[] {
    return [...this.all.values()].filter(({ state }) => state === 'RUN');
  }

  #busy(): SimulatedJob[] {
    return [...this.all.values()].filter(({ state, cores }) => state === 'RUN' || cores.length > 0);
  }

  /** Highest urgency first, oldest first; who is at the head of the queue holds up all behind. */
  #schedule(): void {
    if (!this.#isScheduling) return;
    const queue = [...this.all.values()]
      .filter(({ state, submission }) => state === 'SCHED' && submission.urgency > 0)
      .sort((one, other) => other.submission.urgency - one.submission.urgency);
    for (const job of queue) {
      const reason = this.#whyNever(job.submission.demand, excludedHosts(job.submission.jobspec));
      if (reason !== undefined) {
        this.#raise(job, { type: 'alloc', severity: 0, ...this.#noteAndUserid(reason, this.#nobody) }, SIGTERM);
        continue;
      }
      if (!this.#alloc(job)) return;
    }
  }

  #whyNever(
    { nodes, slots, coresPerSlot, gpusPerSlot, isExclusive, hasNodes }: Demand,
    excluded: readonly string[],
  ): string | undefined {
    const { cores: all, gpus, minor } = this.#options;
    const cores = Array.from({ length: all }).filter((_, core) => !excluded.includes(this.#hostOf(core))).length;
    const possible = Math.floor(cores / Math.max(1, coresPerSlot));
    const words =
      gpusPerSlot > 0 && gpusPerSlot * slots > gpus
        ? `need ${slots} slot(s) with ${gpusPerSlot} GPU(s) each, only ${gpus} available (total GPUs: ${gpus})`
        : hasNodes && nodes > 1
          ? isExclusive
            ? `need ${nodes} exclusive node(s), only 1 eligible`
            : `need ${nodes} node(s) with ${(coresPerSlot * slots) / nodes} cores each, only 1 eligible`
          : slots > possible
            ? `need ${slots} slot(s) of ${coresPerSlot} core(s), only ${possible} such slot(s) available (total cores: ${cores})`
            : undefined;
    if (words === undefined) return undefined;
    return minor >= 61 ? `unsatisfiable request: ${words}` : 'unsatisfiable request';
  }

  #alloc(job: SimulatedJob): boolean {
    const { slots, coresPerSlot, isExclusive } = job.submission.demand;
    const count = isExclusive ? this.#options.cores : slots * coresPerSlot;
    const excluded = excludedHosts(job.submission.jobspec);
    const free = [...this.#free].filter((core) => !excluded.includes(this.#hostOf(core))).sort((a, b) => a - b);
    if (free.length < count) return false;
    job.cores = free.slice(0, count);
    for (const core of job.cores) this.#free.delete(core);
    job.hosts = [...new Set(job.cores.map((core) => this.#hostOf(core)))];
    const first = job.cores[0]!;
    const range = count === 1 ? `core${first}` : `core[${first}-${job.cores.at(-1)}]`;
    job.state = 'RUN';
    job.post('alloc', { annotations: { sched: { resource_summary: `rank0/${range}` } } });
    if (this.#isExpired && this.#options.minor < 61) {
      const note = 'job started after expiration';
      this.#raise(job, { type: 'exec', severity: 0, ...this.#noteAndUserid(note, this.#nobody) }, SIGTERM);
    }
    this.#after(this.#options.paces.start, () => this.#start(job));
    return true;
  }

  #hostOf(core: number): string {
    const { cores, hosts } = this.#options;
    return hosts[Math.floor((core * hosts.length) / cores)]!;
  }

  #start(job: SimulatedJob): void {
    job.post('start');
    // Told to end before its tasks began: then its shell dies of the signal itself.
    if (job.state === 'CLEANUP') {
      this.#finish(job, SIGTERM);
      return;
    }
    if (this.#isExpired) {
      this.#expire(job);
      this.#finish(job, SIGALRM);
      return;
    }
    const { command, demand, jobspec, duration } = job.submission;
    if (isNested(command)) job.post('memo', { uri: `ssh://node1/tmp/flux-${job.name.slice(1)}/local-0` });
    const environment = { ...this.#options.environment, SIMULATED_NODE: job.hosts[0]! };
    job.tasks = new Tasks({ jobspec, command, tasks: demand.tasks, id: job.name, environment });
    if (duration > 0) this.#after(duration * 1000, () => this.#expire(job));
    job.tasks.end.then(
      (status) => this.#finish(job, status),
      (error) => this.#notStarted(job, error),
    );
  }

  #notStarted(job: SimulatedJob, error: Error): void {
    const status = error instanceof StartError ? error.waitStatus : 1 << 8;
    if (job.state === 'RUN') {
      job.state = 'CLEANUP';
      job.post('exception', { type: 'exec', severity: 0, ...this.#noteAndUserid(error.message, this.#options.owner) });
    }
    this.#finish(job, status);
  }

  #finish(job: SimulatedJob, status: number): void {
    this.#after(this.#options.paces.finish, () => {
      job.state = 'CLEANUP';
      job.post('finish', { status });
      job.post('release', { ranks: 'all', final: true });
      job.post('free');
      for (const core of job.cores) this.#free.add(core);
      job.cores = [];
      this.#clean(job);
      this.#schedule();
    });
  }

  #clean(job: SimulatedJob): void {
    job.state = 'INACTIVE';
    job.post('clean');
    job.endWatches(errno.ENODATA);
    if (this.#busy().length > 0) return;
    const waiting = this.#onIdle;
    this.#onIdle = [];
    for (const resolve of waiting) resolve();
  }

  #expire(job: SimulatedJob): void {
    if (job.state !== 'RUN') return;
    const note = 'resource allocation expired';
    this.#raise(job, { type: 'timeout', severity: 0, userid: this.#nobody, note }, SIGALRM);
  }

  #raise(job: SimulatedJob, exception: Record<string, unknown>, signal: number): void {
    job.post('exception', exception);
    if (exception.severity !== 0 || job.state === 'CLEANUP') return;
    const isRunning = job.state === 'RUN';
    job.state = 'CLEANUP';
    if (!isRunning) {
      this.#clean(job);
      return;
    }
    job.tasks?.signal(signal);
    this.#after(this.#options.killTimeout, () => job.tasks?.signal(SIGKILL));
  }

  /** Whose exceptions are that the broker raises by itself. */
  get #nobody(): number {
    const { minor, owner } = this.#options;
    return minor >= 61 ? owner : minor >= 41 ? 0xffffffff : -1;
  }

  #noteAndUserid(note: string, userid: number): Record<string, unknown> {
    return this.#options.minor >= 61 ? { note, userid } : { userid, note };
  }

  #after(milliseconds: number, call: () => void): void {
    if (this.#isDestroyed) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      call();
    }, milliseconds);
    this.#timers.add(timer);
  }
}
