import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { type ConductedStudy, Conductor } from '../../../src/conductor/conductor.js';
import type { Policy } from '../../../src/conductor/policy.js';
import { digestsOf, plannedSteps } from '../../../src/conductor/resume.js';
import { callersEnvironment } from '../../../src/hosts/environment.js';
import { openLocalHost } from '../../../src/hosts/open-local-host.js';
import { ourProcess } from '../../../src/hosts/processes.js';
import { stage } from '../../../src/run/stage.js';
import type { Backend, BackendContext, BackendOptions } from '../../../src/schedulers/backend.js';
import { createBackend } from '../../../src/schedulers/create-backend.js';
import type {
  BatchScheduler,
  InheritedJob,
  InterruptEvent,
  Job,
  JobEvent,
  JobOutcome,
  SchedulerListener,
} from '../../../src/schedulers/scheduler.js';
import type { Plan } from '../../../src/scripts/plan.js';
import { makePlace } from '../../../src/store/directory.js';
import { StudySession } from '../../../src/store/session.js';
import { newRecord } from '../../../src/study/state.js';
import { systemClock } from '../../../src/util/clock.js';
import { defaultResubmitOn } from '../graphs.js';
import { plainEnvironment, WatchedHost } from '../hosts.js';
import { type StepBrief, validPlan, yamlOf } from '../plan.js';
import { temporaryDirectory } from '../temporary.js';
import { until } from '../wait.js';
import type { BatchSite } from './site.js';

/** What an Actions runner has in its environment, and no job may see. */
const runnersOwn = {
  INPUT_SPEC: 'study.yaml',
  GITHUB_TOKEN: 'secret',
  ACTIONS_RUNTIME_TOKEN: 'secret',
  RUNNER_OS: 'Linux',
};

/** No process has this id, so a later driver need not wait until the lease is old. */
const nobodysPid = 2 ** 30;

/** How long an event may take: a job may have to wait for the batch system, and that for other tests. */
const EVENT_TIMEOUT_MS = 30_000;

const policy: Policy = {
  ...{ throttle: 0, localJobs: 1, submissionAttempts: 1, resubmitOn: defaultResubmitOn, maxWaitMs: 0, restartLimit: 1 },
  allowsFailure: () => false,
};

export interface DriverOptions extends Partial<BackendOptions> {
  /** Receives events too. */
  readonly listener?: SchedulerListener;
}

/** A study in its directory, and the drivers that it has had, on a site whose queue is as the test before left it. */
export class ContractStudy {
  readonly site: BatchSite;
  readonly path: string;
  readonly host: WatchedHost;
  readonly plan: Plan;
  readonly told: string[] = [];

  private constructor(site: BatchSite, directory: string, host: WatchedHost, plan: Plan) {
    this.site = site;
    this.path = directory;
    this.host = host;
    this.plan = plan;
  }

  /** @param steps the commands of steps, or all keys of their run blocks, by name */
  static async make(
    site: BatchSite,
    steps: Readonly<Record<string, string | Omit<StepBrief, 'name'>>>,
  ): Promise<ContractStudy> {
    const directory = path.join(temporaryDirectory(), 'study');
    const environment = callersEnvironment({ ...plainEnvironment, ...site.environment, ...runnersOwn });
    const host = new WatchedHost((await openLocalHost(environment, '', new AbortController().signal)).host);
    const brief = {
      batch: site.batch,
      steps: Object.entries(steps).map(([name, step]) => {
        return { name, ...site.job, ...(typeof step === 'string' ? { cmd: step } : step) };
      }),
    };
    const places = { studyPath: directory, specRoot: directory, workingDirectory: directory };
    const plan = validPlan(brief, { places });
    await makePlace(host, directory, { key: 'key', name: 'demo' }, systemClock);
    await stage(host, plan, { name: 'study.yaml', text: yamlOf(brief) });
    const study = new ContractStudy(site, directory, host, plan);
    onTestFinished(async () => {
      for (const name of ['go', 'first']) study.go(name);
      for (const id of await site.activeJobs()) await site.cancel(id).catch(() => {});
    });
    return study;
  }

  /** Takes the study, as a process that drives it does, whatever an earlier one is doing. */
  async driver({ listener, ...options }: DriverOptions = {}): Promise<ContractDriver> {
    const tell = (line: string) => void this.told.push(line);
    const log = {
      ...{ phase: () => {}, endPhase: () => {}, live: () => {}, info: tell, error: tell, warning: tell },
      problem: ({ message }: { message: string }) => tell(message),
    };
    const session = await StudySession.take({
      ...{ host: this.host, studyPath: this.path, clock: systemClock, log },
      holder: { ...ourProcess(), pid: nobodysPid },
    });
    const context: BackendContext = {
      options: {
        fluxTarget: this.site.fluxTarget,
        stepEnvironment: new Map(),
        ignoresJobsElsewhere: false,
        ...options,
      },
      ...{ host: this.host, clock: systemClock, log, around: '', onlyFinishes: false, remember: () => {} },
      ...{ cancel: new AbortController().signal, leave: new AbortController().signal },
    };
    const backend = (await createBackend(this.plan, context, undefined, false))!;
    const prepared = await backend.prepare(this.plan);
    const events: (JobEvent | InterruptEvent)[] = [];
    const scheduler = await backend.open(prepared, session, (event) => {
      events.push(event);
      listener?.(event);
    });
    const driver = new ContractDriver(scheduler, backend, session, events);
    onTestFinished(() => driver.leave());
    return driver;
  }

  /** Drives the study with a conductor. */
  async conduct(): Promise<{ driver: ContractDriver; ended: Promise<ConductedStudy>; cancel: () => void }> {
    const { graph, scripts } = this.plan;
    const cancelled = new AbortController();
    let listener: SchedulerListener = () => {};
    const driver = await this.driver({ listener: (event) => listener(event) });
    const { scheduler, session } = driver;
    const records = graph.steps.map(() => newRecord());
    session.journal.writePlan('', plannedSteps(graph, digestsOf(graph, scripts), records));
    const conductor = new Conductor({ graph, scripts, policy, clock: systemClock, journal: session.journal });
    listener = conductor.listener;
    // No step is local.
    const ended = conductor.run({ local: scheduler, batch: scheduler, cancel: cancelled.signal });
    return { driver, ended, cancel: () => cancelled.abort('cancelled by the test') };
  }

  /** An attempt at a step. */
  job(name: string, attempt = 1): Job {
    const step = this.plan.graph.steps.find((step) => step.name === name)!;
    return { step, attempt, script: this.plan.scripts[step.index]!.main.path };
  }

  jobs(...names: readonly string[]): Job[] {
    return names.map((name) => this.job(name));
  }

  has(name: string): boolean {
    return existsSync(path.join(this.path, name));
  }

  /** A file of the study; '' if it is not there. */
  read(name: string): string {
    return this.has(name) ? readFileSync(path.join(this.path, name), 'utf8') : '';
  }

  /** Lets go what waits for it: see `waiting`. */
  go(name = 'go'): void {
    writeFileSync(path.join(this.path, name), '');
  }

  /** Waits until the script of a step says that it runs. */
  async up(name: string): Promise<void> {
    await until(`${name} runs`, () => this.has(`${name}/up`), EVENT_TIMEOUT_MS);
  }

  /** Kills the launcher of a step that has noted its pids, and the script. */
  killLauncher(name: string): void {
    for (const pid of this.read(`${name}/pids`).trim().split(' ')) process.kill(Number(pid), 'SIGKILL');
  }
}

/** A process that drives a study, as far as its jobs can tell. */
export class ContractDriver {
  readonly scheduler: BatchScheduler;
  readonly session: StudySession;
  readonly events: readonly (JobEvent | InterruptEvent)[];
  readonly #backend: Backend;
  #hasLeft = false;

  constructor(
    scheduler: BatchScheduler,
    backend: Backend,
    session: StudySession,
    events: readonly (JobEvent | InterruptEvent)[],
  ) {
    this.scheduler = scheduler;
    this.session = session;
    this.events = events;
    this.#backend = backend;
  }

  /** The events of a job, in order. */
  of({ step, attempt }: Job): JobEvent[] {
    return this.events.filter(
      (event): event is JobEvent =>
        event.type !== 'interrupt' && event.step === step.index && event.attempt === attempt,
    );
  }

  types(job: Job): string[] {
    return this.of(job).map(({ type }) => type);
  }

  async has<T extends JobEvent['type']>(job: Job, type: T): Promise<Extract<JobEvent, { type: T }>> {
    const found = () => this.of(job).find((event) => event.type === type);
    const what = () => `${job.step.name} is ${type}`;
    return until(what(), () => found() as Extract<JobEvent, { type: T }> | undefined, EVENT_TIMEOUT_MS).catch(
      (error) => {
        throw new Error(`${error.message}; it was told: ${JSON.stringify(this.of(job))}`);
      },
    );
  }

  async outcome(job: Job): Promise<JobOutcome> {
    return (await this.has(job, 'ended')).outcome;
  }

  async id(job: Job): Promise<string> {
    await this.has(job, 'submitted');
    return this.left(job).id;
  }

  /** What the journal would tell a later driver of a job. */
  left(job: Job): InheritedJob {
    const told = this.of(job).findLast((event) => event.type === 'submitted');
    const { id, endpoint, mayBeDuplicate } =
      told?.type === 'submitted' ? told : { id: '', endpoint: '', mayBeDuplicate: false };
    return { ...job, id, endpoint, mayBeDuplicate };
  }

  /** Does nothing more, as after kill -9; the study is still said to be its. */
  vanish(): void {
    this.scheduler.close();
  }

  /** Gives the study back, with its jobs as they are. */
  async leave(): Promise<void> {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.scheduler.close();
    await this.#backend.close({ keepJobs: true });
    await this.session.release(undefined);
  }
}
