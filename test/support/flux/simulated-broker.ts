import { randomUUID } from 'node:crypto';
import { mkdtempSync, realpathSync, renameSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { errno } from '../../../src/flux/errors.js';
import { property, toJson } from '../../../src/flux/json.js';
import { parseHostlist } from '../../../src/util/hostlist.js';
import { Connection, type Request } from './connection.js';
import { listed } from './job-list.js';
import { type Entry, type SimulatedJob, SimulatedJobs } from './jobs.js';
import {
  at,
  type QueueLimits,
  Refusal,
  readJobspec,
  readSubmission,
  type Submission,
  type SubmissionRules,
  standardDuration,
} from './submission.js';

export interface SimulatedBrokerOptions {
  /** Whose answers it gives. */
  readonly version?: string;
  /** The uid that the instance belongs to. */
  readonly owner?: number;
  /** The uid that everybody who connects has: a guest if it is not the owner's. */
  readonly user?: number;
  /** Named queues, the first of them the default one; none: the anonymous queue. */
  readonly queues?: readonly string[] | Readonly<Record<string, QueueLimits>>;
  /** The first job's id. */
  readonly firstId?: bigint;
  readonly cores?: number;
  readonly gpus?: number;
  /** The hosts of its brokers, as `hostlist` has them, among which the cores are shared out. */
  readonly hosts?: string;
  /** 0: it was not started in another instance. */
  readonly level?: number;
  /** Seconds since the epoch at which the instance ends, as its resources tell; 0: never. */
  readonly expiration?: number;
  /** Seconds since the epoch at which it began, as its resources tell. */
  readonly starttime?: number;
  /** Milliseconds from `submit` to `validate`, from `alloc` to `start`, from the tasks' end to `finish`. */
  readonly paces?: { readonly validate?: number; readonly start?: number; readonly finish?: number };
  /** Milliseconds from a job's cancel to SIGKILL. */
  readonly killTimeout?: number;
}

/** How an answer goes wrong. */
export type Spoiling =
  | 'wrong-matchtag'
  | 'huge-frame'
  | 'garbage'
  | 'not-json'
  /** Half of it comes, and then the end of the stream. */
  | 'cut-within'
  /** It does not come, and the connection ends. What was asked for has been done. */
  | 'cut'
  /** It does not come. What was asked for has been done. */
  | 'swallow';

/** What can be changed at any time; each of them holds until it is changed again. */
export interface Behaviour {
  /** The first byte: 0 lets in, an errno does not, undefined never comes. */
  auth: number | undefined;
  /** Milliseconds by which every answer comes late. */
  answerDelay: number;
  /** Milliseconds by which events of jobs come late. */
  eventDelay: number;
  /** Events that are due at the same time come in one response. */
  eventsTogether: boolean;
  /** Requests are taken and not even looked at. */
  isStalled: boolean;
  /** Topics that answer ENOSYS. */
  readonly missing: Set<string>;
  /** Milliseconds until `job-list` knows of a job. */
  listDelay: number;
  /** Why queues take no jobs, by name; '' is the anonymous one. */
  readonly disabled: Map<string, string>;
  /** Most jobs of the user that are not over, as a plugin for accounting limits them. */
  mostActive: number;
}

/** Numbers of the broker's states; they differ between versions. */
const runState = (minor: number) => (minor >= 61 ? 5 : 4);

/**
 * A broker that speaks real frames on a Unix socket and runs jobs as processes. Answers, events and their order are those
 * that real brokers have been recorded with.
 */
export class SimulatedBroker {
  readonly uri: string;
  readonly owner: number;
  readonly version: string;
  readonly behaviour: Behaviour = {
    auth: 0,
    answerDelay: 0,
    eventDelay: 0,
    eventsTogether: false,
    isStalled: false,
    missing: new Set(),
    listDelay: 0,
    disabled: new Map(),
    mostActive: Number.POSITIVE_INFINITY,
  };
  /** All that was asked, in order. */
  readonly requests: { readonly topic: string; readonly payload: unknown }[] = [];
  /** How many connections there have been. */
  accepted = 0;
  readonly #options: SimulatedBrokerOptions;
  readonly #rules: SubmissionRules;
  readonly #directory: string;
  readonly #socket: string;
  readonly #connections = new Set<Connection>();
  readonly #monitors = new Set<{ final: number; request: Request }>();
  /** Who follows the journal. */
  readonly #followers = new Set<Follower>();
  /** All that was posted, in order. */
  readonly #posted: Posted[] = [];
  readonly #spoilings: { readonly how: Spoiling; readonly topic: string | undefined }[] = [];
  #server: Server | undefined;
  #jobs: SimulatedJobs;
  #state: number;
  #stateName = 'run';
  #startedAt = Date.now();
  #uuid = randomUUID();
  #isUnloaded = false;

  private constructor(options: SimulatedBrokerOptions) {
    this.#options = options;
    this.#directory = mkdtempSync(path.join(realpathSync(tmpdir()), 'simulated-flux-'));
    this.#socket = path.join(this.#directory, 'local-0');
    this.uri = `local://${this.#socket}`;
    this.version = options.version ?? '0.88.0';
    this.owner = options.owner ?? process.getuid!();
    const { queues = [] } = options;
    const named = Array.isArray(queues)
      ? queues.map((name): [string, QueueLimits] => [name, {}])
      : Object.entries(queues);
    this.#rules = {
      minor: Number(this.version.split('.')[1]),
      owner: this.owner,
      user: options.user ?? this.owner,
      queues: new Map(named),
      hosts: parseHostlist(options.hosts ?? 'node1'),
    };
    this.#state = runState(this.#rules.minor);
    this.#jobs = this.#newJobs(options.firstId ?? 28454158336n);
  }

  static async start(options: SimulatedBrokerOptions = {}): Promise<SimulatedBroker> {
    const broker = new SimulatedBroker(options);
    await broker.#listen();
    return broker;
  }

  /** Ends it, its jobs and all that it left in the file system. */
  async stop(): Promise<void> {
    await this.#jobs.destroy();
    this.cutConnections();
    await this.#unlisten();
    rmSync(this.#directory, { recursive: true, force: true, maxRetries: 5 });
  }

  /** Jobs in the order in which they were accepted. */
  get jobs(): SimulatedJob[] {
    return [...this.#jobs.all.values()];
  }

  job(id: bigint): SimulatedJob | undefined {
    return this.#jobs.all.get(id);
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#connections.size;
  }

  /** How many watches of jobs, of the journal and of the instance are open. */
  get watches(): number {
    return this.#monitors.size + this.#followers.size + this.jobs.reduce((sum, { watchers }) => sum + watchers.size, 0);
  }

  asked(topic: string): unknown[] {
    return this.requests.filter((request) => request.topic === topic).map(({ payload }) => payload);
  }

  /** A job that somebody submits by other means, as `flux job submit` does it for a guest. @throws Refusal */
  submit(jobspec: object, urgency = 16): SimulatedJob {
    const { user } = this.#rules;
    return this.#jobs.submit({ ...readJobspec(JSON.stringify(jobspec), this.#rules), urgency, userid: user });
  }

  /** Cancels a job as somebody else who is allowed to: the owner, with or without a note. */
  cancel(id: bigint, note = ''): void {
    this.#jobs.raise(id, 'cancel', 0, note, this.owner);
  }

  /** An exception of any kind on a job: a node has failed, a dependency cannot be satisfied. */
  raise(id: bigint, type: string, note: string, severity = 0): void {
    this.#jobs.raise(id, type, severity, note, this.owner);
  }

  /** A node fails, with what runs on it, in the words of the real one. It is there again at once. */
  failNode(name: string): void {
    for (const { id, state, hosts } of this.jobs) {
      if (state === 'RUN' && hosts.includes(name))
        this.raise(id, 'exec', `lost contact with job shell on ${name} (shell rank 0)`);
    }
  }

  /** The next answer, or the next one to `topic`, goes wrong. Several calls are for several answers. */
  spoilNextAnswer(how: Spoiling, topic?: string): void {
    this.#spoilings.push({ how, topic });
  }

  /** Jobs go on, and so does the broker. */
  cutConnections(): void {
    for (const connection of this.#connections) connection.cut();
  }

  cutWithinFrame(): void {
    for (const connection of this.#connections) connection.cutWithinFrame();
  }

  /** Bytes to everyone who is connected. */
  sendRaw(bytes: Buffer): void {
    for (const connection of this.#connections) connection.sendRaw(bytes);
  }

  /** As by SIGKILL: the socket stays, and refuses. Its jobs' processes end too unless they are to go on. */
  async die({ jobsGoOn = false } = {}): Promise<void> {
    if (!jobsGoOn) await this.#jobs.destroy();
    this.cutConnections();
    const hidden = `${this.#socket}.kept`;
    // Who stops listening removes the socket, if it is where it was.
    renameSync(this.#socket, hidden);
    await this.#unlisten();
    renameSync(hidden, this.#socket);
  }

  /** Listens again after `die`, `shutDown` or `endOfTime`; with the jobs it had, unless it is to know none of them. */
  async comeBack({ jobsForgotten = false } = {}): Promise<void> {
    rmSync(this.#socket, { force: true });
    if (jobsForgotten) await this.forgetJobs();
    this.#state = runState(this.#rules.minor);
    this.#stateName = 'run';
    this.#isUnloaded = false;
    this.#startedAt = Date.now();
    this.#uuid = randomUUID();
    await this.#listen();
  }

  /** From now on it is as if there had never been a job: what runs is killed, ids go on where they were. */
  async forgetJobs(): Promise<void> {
    const last = this.jobs.at(-1)?.id ?? this.#options.firstId ?? 0n;
    await this.#jobs.destroy();
    this.#posted.length = 0;
    this.#jobs = this.#newJobs(last + 1n);
  }

  /**
   * As by SIGTERM: monitors are told, a moment later every running job is cancelled, watches of pending jobs end with
   * ENOSYS, and then the socket closes and goes.
   *
   * @param delay milliseconds from the first to the second
   */
  async shutDown(delay = 50): Promise<void> {
    this.#enter('cleanup');
    this.#jobs.stopScheduling();
    await sleep(delay);
    this.#jobs.cancelRunning('');
    await this.#end();
  }

  /**
   * The instance's time is over: running jobs time out, and so do pending ones as soon as they are started; the broker ends.
   * Which of the two monitors learn of first is a matter of chance.
   *
   * @param lead milliseconds that the timeouts come before the change of state; negative: after it
   */
  async endOfTime(lead = 50): Promise<void> {
    if (lead >= 0) this.#jobs.expire();
    else this.#enter('cleanup');
    await sleep(Math.abs(lead));
    if (lead >= 0) this.#enter('cleanup');
    else this.#jobs.expire();
    await this.#end();
  }

  async #end(): Promise<void> {
    await this.#jobs.idle();
    this.#enter('finalize');
    this.#isUnloaded = true;
    this.#endJournals();
    this.#enter('goodbye');
    this.#jobs.endWatchesOfPending();
    this.#enter('exit');
    for (const connection of this.#connections) connection.end();
    await this.#unlisten();
    await this.#jobs.destroy();
  }

  #enter(name: string): void {
    this.#stateName = name;
    this.#state += 1;
    for (const monitor of this.#monitors) this.#tellMonitor(monitor);
  }

  #newJobs(firstId: bigint): SimulatedJobs {
    const { cores = 2, gpus = 0, paces = {}, killTimeout = 5000 } = this.#options;
    return new SimulatedJobs({
      minor: this.#rules.minor,
      owner: this.owner,
      firstId,
      cores,
      hosts: this.#rules.hosts,
      gpus,
      paces: { validate: 0, start: 0, finish: 0, ...paces },
      killTimeout,
      environment: { FLUX_URI: this.uri },
      onPost: (job, entry) => {
        this.#posted.push({ job, entry });
        for (const { onPost } of this.#followers) onPost({ job, entry });
      },
    });
  }

  #listen(): Promise<void> {
    this.#server = createServer((socket) => this.#accept(socket));
    return new Promise((resolve) => this.#server!.listen(this.#socket, resolve));
  }

  #unlisten(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    return new Promise((resolve) => (server === undefined ? resolve() : server.close(() => resolve())));
  }

  #accept(socket: Socket): void {
    this.accepted += 1;
    const connection = new Connection(socket, {
      behaviour: this.behaviour,
      owner: this.owner,
      onRequest: (request) => this.#serve(request),
      onClose: () => this.#connections.delete(connection),
      takeSpoiling: (topic) => this.#takeSpoiling(topic),
    });
    this.#connections.add(connection);
  }

  #takeSpoiling(topic: string): Spoiling | undefined {
    const index = this.#spoilings.findIndex((spoiling) => spoiling.topic === undefined || spoiling.topic === topic);
    return index < 0 ? undefined : this.#spoilings.splice(index, 1)[0]!.how;
  }

  #serve(request: Request): void {
    this.requests.push({ topic: request.topic, payload: request.payload });
    if (this.behaviour.isStalled) return;
    try {
      const service = this.#isMissing(request.topic) ? undefined : this.#services[request.topic];
      if (service === undefined) throw new Refusal(errno.ENOSYS, this.#noService(request.topic));
      service(request);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      request.fail(error.errnum, error.message);
    }
  }

  #isMissing(topic: string): boolean {
    if (this.behaviour.missing.has(topic)) return true;
    if (this.#isUnloaded) return /^(job|resource)/.test(topic);
    return topic === 'resource.sched-status' && this.#rules.minor < 61;
  }

  #noService(topic: string): string {
    return topic.startsWith('resource.')
      ? `Unknown service method '${topic}'`
      : `No service matching ${topic} is registered`;
  }

  readonly #services: Readonly<Record<string, (request: Request) => void>> = {
    'attr.get': (request) => {
      const name = property(request.payload, 'name');
      const value = this.#attributes.get(String(name));
      if (value === undefined) throw new Refusal(errno.ENOENT);
      request.respond({ value, flags: name === 'version' ? 0 : 1 });
    },
    'config.get': (request) => request.respond(this.#config),
    'resource.sched-status': (request) => request.respond(this.#resources),
    'sched.resource-status': (request) => request.respond(this.#resources),
    'resource.status': (request) =>
      request.respond({ R: this.#resources.all, drain: {}, online: '0', offline: '', exclude: '', torpid: '' }),
    'state-machine.get': (request) =>
      request.respond({ state: this.#stateName, duration: (Date.now() - this.#startedAt) / 1000 }),
    'state-machine.monitor': (request) => {
      this.#checkOwner();
      const monitor = { final: Number(property(request.payload, 'final')), request };
      this.#monitors.add(monitor);
      request.onGone(() => this.#monitors.delete(monitor));
      this.#tellMonitor(monitor);
    },
    'job-manager.events-journal': (request) => {
      this.#checkOwner();
      this.#follow(request);
    },
    'job-manager.events-journal-cancel': (request) =>
      request.cancelOther(Number(property(request.payload, 'matchtag'))),
    'job-ingest.submit': (request) => {
      // Also while it ends: such a job is pending for as long as the broker lives.
      const submission = readSubmission(request.payload, this.#rules);
      this.#checkAccepted(submission);
      request.respond({ id: this.#jobs.submit(submission).id });
    },
    'job-info.eventlog-watch': (request) => this.#watch(request),
    'job-info.eventlog-watch-cancel': (request) => request.cancelOther(Number(property(request.payload, 'matchtag'))),
    'job-info.lookup': (request) => {
      const id = property(request.payload, 'id') as bigint | number;
      const job = this.#jobs.all.get(BigInt(id));
      if (job === undefined) throw new Refusal(errno.ENOENT);
      const texts = {
        jobspec: toJson(job.submission.jobspec),
        eventlog: job.lines.join(''),
        ...(job.hosts.length === 0 ? {} : { R: JSON.stringify(resourcesOf(job)) }),
      };
      const keys = property(request.payload, 'keys') as string[];
      request.respond({ id, ...Object.fromEntries(Object.entries(texts).filter(([key]) => keys.includes(key))) });
    },
    'job-manager.raise': (request) => {
      const [id, type, severity, note] = ['id', 'type', 'severity', 'note'].map((key) =>
        property(request.payload, key),
      );
      this.#jobs.raise(id, String(type), Number(severity), typeof note === 'string' ? note : '', this.#rules.user);
      request.respond();
    },
    'job-manager.kill': (request) => {
      this.#jobs.kill(property(request.payload, 'id'), Number(property(request.payload, 'signum')));
      request.respond();
    },
    'job-list.list-id': (request) => {
      const id = property(request.payload, 'id');
      const job = this.#jobs.all.get(typeof id === 'bigint' ? id : BigInt(Number(id)));
      const isListed = job !== undefined && Date.now() - job.acceptedAt >= this.behaviour.listDelay;
      if (!isListed) throw new Refusal(errno.ENOENT);
      request.respond({ job: listed(job, property(request.payload, 'attrs')) });
    },
  };

  /** What the job-manager and its plugins look at, in their order. */
  #checkAccepted({ jobspec, duration }: Submission): void {
    const queue = at(jobspec, 'attributes', 'system', 'queue');
    const reason = this.behaviour.disabled.get(typeof queue === 'string' ? queue : '');
    if (reason !== undefined) {
      const where = typeof queue === 'string' ? ` to ${queue}` : '';
      throw new Refusal(errno.EINVAL, `job submission${where} is disabled: ${reason}`);
    }
    const { expiration = 0 } = this.#options;
    const rest = Math.floor(expiration - Date.now() / 1000);
    if (expiration > 0 && duration > rest) {
      const words = `job duration (${standardDuration(duration)}) exceeds remaining instance lifetime`;
      throw new Refusal(
        errno.EINVAL,
        rest < 0 ? 'duration exceeds instance lifetime' : `${words} (${standardDuration(rest)})`,
      );
    }
    const active = this.jobs.filter(({ state }) => state !== 'INACTIVE').length;
    if (active >= this.behaviour.mostActive) throw new Refusal(errno.EINVAL, 'user has max active jobs');
  }

  #watch(request: Request): void {
    const job = this.#jobs.all.get(BigInt(property(request.payload, 'id') as bigint | number));
    if (job === undefined) throw new Refusal(errno.ENOENT);
    const events = request.events<string>((lines) => [{ event: lines.join('') }]);
    const stop = this.#jobs.watch(job, {
      onEntry: (line) => events.push(line),
      onEnd: (errnum) => events.end(errnum),
    });
    request.onGone(stop);
    request.onCancel(() => {
      stop();
      events.end(errno.ENODATA);
    });
  }

  /** What was posted before, of which the event's names are asked for, and then each event as it is posted. */
  #follow(request: Request): void {
    const allowed = property(request.payload, 'allow') as Readonly<Record<string, unknown>> | undefined;
    const isAllowed = ({ entry }: Posted) => allowed === undefined || Object.hasOwn(allowed, entry.name);
    const events = request.events<Posted>((posted) => journalAnswers(posted, this.#rules.minor));
    if (this.#rules.minor >= 61) {
      for (const job of this.jobs.filter(({ state }) => state !== 'INACTIVE')) {
        const R = job.hosts.length === 0 ? {} : { R: resourcesOf(job) };
        request.respond({ id: job.id, events: job.entries.filter((entry) => isAllowed({ job, entry })), ...R });
      }
      request.respond({ id: -1, events: [] });
    } else {
      const last = this.#posted.slice(-JOURNAL_SIZE).filter(isAllowed);
      if (last.length > 0) for (const answer of journalAnswers(last, this.#rules.minor)) request.respond(answer);
    }
    const follower: Follower = {
      onPost: (posted) => {
        if (isAllowed(posted)) events.push(posted);
      },
      onEnd: () => events.end(errno.ENODATA),
    };
    this.#followers.add(follower);
    const stop = () => this.#followers.delete(follower);
    request.onGone(stop);
    request.onCancel(() => {
      stop();
      events.end(errno.ENODATA);
    });
  }

  /** The job manager is unloaded. */
  #endJournals(): void {
    for (const { onEnd } of this.#followers) onEnd();
    this.#followers.clear();
  }

  #tellMonitor(monitor: { final: number; request: Request }): void {
    monitor.request.respond({ state: this.#state });
    if (this.#state < monitor.final) return;
    this.#monitors.delete(monitor);
    monitor.request.fail(errno.ENODATA);
  }

  #checkOwner(): void {
    const { user, owner } = this.#rules;
    if (user !== owner) throw new Refusal(errno.EPERM, 'Request requires owner credentials');
  }

  get #attributes(): Map<string, string> {
    const { level = 0 } = this.#options;
    return new Map([
      ['version', this.version],
      ['size', '1'],
      ['security.owner', String(this.owner)],
      ['local-uri', this.uri],
      ['instance-level', String(level)],
      // Nobody's: a test that signals it hits nothing.
      ['broker.pid', '999999999'],
      ['hostlist', this.#options.hosts ?? 'node1'],
      ['rank', '0'],
      // Rounded up, it would be after what this broker, unlike a real one, does in its first milliseconds.
      ['broker.starttime', (Math.floor(this.#startedAt / 10) / 100).toFixed(2)],
      ...(this.#rules.minor >= 88 ? ([['broker.uuid', this.#uuid]] as const) : []),
      ['rundir', this.#directory],
      ...(level > 0 ? ([['parent-uri', 'local:///nonexistent/parent']] as const) : []),
    ]);
  }

  get #config(): object {
    const { queues } = this.#rules;
    if (queues.size === 0) return {};
    const tables = [...queues].map(([name, { duration }]) => [
      name,
      duration === undefined ? {} : { policy: { limits: { duration: standardDuration(duration) } } },
    ]);
    return {
      policy: { jobspec: { defaults: { system: { queue: [...queues.keys()][0] } } } },
      queues: Object.fromEntries(tables),
    };
  }

  get #resources(): Readonly<Record<'all' | 'down' | 'allocated', object>> {
    const { cores = 2, expiration = 0, starttime = 0 } = this.#options;
    const set = (lite: unknown[], nodes: string) => ({
      version: 1,
      execution: { R_lite: lite, starttime, expiration, nodelist: [nodes] },
    });
    const all = [{ rank: '0', children: { core: cores === 1 ? '0' : `0-${cores - 1}` } }];
    return { all: set(all, 'node1'), down: set([], ''), allocated: set([], '') };
  }
}

/** How many events brokers before 0.61 keep for those who begin to follow the journal. */
const JOURNAL_SIZE = 1000;

interface Posted {
  readonly job: SimulatedJob;
  readonly entry: Entry;
}

interface Follower {
  readonly onPost: (posted: Posted) => void;
  readonly onEnd: () => void;
}

/** Answers to who follows the journal: from 0.61 on those of one job, before that of several. */
function journalAnswers(posted: readonly Posted[], minor: number): object[] {
  if (minor >= 61) {
    return posted.map(({ job, entry }) => ({
      ...{ id: job.id, events: [entry] },
      ...(entry.name === 'alloc' ? { R: resourcesOf(job) } : {}),
    }));
  }
  const seq = ({ job, entry }: Posted) => job.entries.indexOf(entry);
  return [{ events: posted.map((one) => ({ id: one.job.id, eventlog_seq: seq(one), entry: one.entry })) }];
}

/** What a job got (RFC 20), as far as tests need it. */
function resourcesOf({ hosts }: SimulatedJob): object {
  return { version: 1, execution: { R_lite: [], starttime: 0, expiration: 0, nodelist: [hosts.join(',')] } };
}

const sleep = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));
