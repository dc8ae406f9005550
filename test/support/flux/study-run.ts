import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { Handle } from '../../../src/flux/handle.js';
import { claimsPath, launcherPath, launcherText } from '../../../src/schedulers/claims/launcher.js';
import { FluxScheduler, type FluxSchedulerOptions } from '../../../src/schedulers/flux/scheduler.js';
import { OwnerSubmitter } from '../../../src/schedulers/flux/submitter.js';
import type { InheritedJob, InterruptEvent, Job, JobEvent, JobOutcome } from '../../../src/schedulers/scheduler.js';
import type { PyValue } from '../../../src/spec/python.js';
import { type Clock, systemClock } from '../../../src/util/clock.js';
import { graphOf } from '../graphs.js';
import { plainEnvironment, plainHost } from '../hosts.js';
import { temporaryDirectory } from '../temporary.js';
import { until } from '../wait.js';
import { SimulatedBroker, type SimulatedBrokerOptions } from './simulated-broker.js';

/** A simulated broker that is there until the test ends. */
export async function startBroker(options: SimulatedBrokerOptions = {}): Promise<SimulatedBroker> {
  const broker = await SimulatedBroker.start(options);
  onTestFinished(() => broker.stop());
  return broker;
}

/** A clock that goes so many times as fast as others: what waits for a minute is tested in seconds. */
export function hurried(times: number): Clock {
  const start = Date.now();
  return {
    now: () => start + (Date.now() - start) * times,
    after: (milliseconds, call) => systemClock.after(milliseconds / times, call),
    random: () => 0.5,
  };
}

/** What a test changes of the scheduler; all else is as in an allocation of our own. */
export interface Choices extends Partial<Omit<FluxSchedulerOptions, 'link' | 'study'>> {
  readonly uri?: string;
  readonly queue?: string;
  readonly patience?: number;
  readonly refusedPatience?: number;
  readonly environment?: Readonly<Record<string, string>>;
  /** The study that an earlier scheduler ran, and whose steps are known. */
  readonly after?: FluxStudy;
  /** Of connections; that of all else is `clock`. */
  readonly handleClock?: Clock;
}

/** A study directory, and a scheduler that runs its steps at a broker. */
export class FluxStudy {
  readonly path: string;
  /** All that was reported. */
  readonly events: (JobEvent | InterruptEvent)[] = [];
  /** All that was told of the connection. */
  readonly told: string[] = [];
  onEvent: (event: JobEvent | InterruptEvent) => void = () => {};
  onTold: () => void = () => {};
  readonly scheduler: FluxScheduler;
  readonly #uri: string;
  readonly #jobs: Job[];
  readonly #connect: () => Promise<Handle>;

  private constructor(broker: Pick<SimulatedBroker, 'uri'>, choices: Choices) {
    const { after } = choices;
    this.path = after === undefined ? temporaryDirectory() : after.path;
    this.#jobs = after === undefined ? [] : after.#jobs;
    if (after === undefined) {
      mkdirSync(path.join(this.path, '.conductor'), { recursive: true });
      writeFileSync(path.join(this.path, launcherPath), launcherText, { mode: 0o755 });
    }
    const { after: _, queue, patience, refusedPatience, handleClock, environment, ...options } = choices;
    const { uri = broker.uri, clock = systemClock } = options;
    const at = { file: 'study.yaml', line: 1, column: 1 };
    this.#uri = uri;
    this.#connect = () => Handle.connect(connect(uri.replace('local://', '')), handleClock ?? systemClock);
    this.scheduler = new FluxScheduler(
      {
        host: plainHost(),
        study: {
          studyPath: this.path,
          studyName: 'demo',
          batch: { type: 'flux', values: new Map(), at, placeOf: () => at },
          queue,
          environment: environment ?? plainEnvironment,
          mostUrgent: 31,
        },
        submitter: new OwnerSubmitter(process.getuid!()),
        link: {
          connect: this.#connect,
          clock,
          patience: patience ?? 60_000,
          refusedPatience: refusedPatience ?? 5_000,
        },
        uri,
        comesBack: false,
        isOwner: true,
        clock,
        log: (line) => {
          this.told.push(line);
          this.onTold();
        },
        ...options,
      },
      (event) => {
        this.events.push(event);
        this.onEvent(event);
      },
    );
    onTestFinished(() => this.scheduler.close());
  }

  static async start(broker: Pick<SimulatedBroker, 'uri'>, choices: Choices = {}): Promise<FluxStudy> {
    const study = new FluxStudy(broker, choices);
    study.scheduler.start(await study.#connect());
    return study;
  }

  /** A step with its workspace and its script in place: a plain job, unless its run block says something else. */
  step(name: string, body: string, run: Readonly<Record<string, PyValue>> = {}, attempt = 1): Job {
    const [shape] = graphOf([{ name, scheduled: true }]).steps;
    const known = this.#jobs.find(({ step }) => step.name === name)?.step.index;
    const step = {
      ...shape!,
      index: known ?? this.#jobs.length,
      run: new Map([...shape!.run, ['nested', false] as const, ...Object.entries(run)]),
    };
    const script = `${name}/${name}.flux.sh`;
    for (const made of [name, `${claimsPath}/${name}`]) mkdirSync(this.file(made), { recursive: true });
    writeFileSync(this.file(script), `#!/bin/bash\n${body}\n`, { mode: 0o755 });
    const job = { step, attempt, script };
    if (known === undefined) this.#jobs.push(job);
    return job;
  }

  /** Submits a step. */
  submit(...step: Parameters<FluxStudy['step']>): Job {
    const job = this.step(...step);
    this.scheduler.submit([job]);
    return job;
  }

  /** What its jobs are said to be at. */
  get endpoint(): string {
    return this.#uri;
  }

  /** What a later driver knows of a job that this one submitted: what was told of it. */
  left(job: Job): InheritedJob {
    const said = this.of(job).findLast((event) => event.type === 'submitted' && event.attempt === job.attempt);
    const { id, endpoint, mayBeDuplicate } = said?.type === 'submitted' ? said : nothingTold;
    return { ...job, id, endpoint, mayBeDuplicate };
  }

  /** Another scheduler, which takes over from this one what is not over. This one is closed. */
  async takenOver(
    broker: Pick<SimulatedBroker, 'uri'> = { uri: this.#uri },
    choices: Choices = {},
  ): Promise<FluxStudy> {
    this.scheduler.close();
    const next = await FluxStudy.start(broker, { ...choices, after: this });
    const isOver = (job: Job) => this.said(job).some((type) => type === 'ended' || type === 'not-submitted');
    next.scheduler.reattach(this.#jobs.filter((job) => !isOver(job)).map((job) => this.left(job)));
    return next;
  }

  /** How a step has ended, once it has, without what is to blame. */
  async outcome(job: Job, milliseconds?: number): Promise<JobOutcome> {
    const { blame: _, ...outcome } = (await this.has(job, 'ended', milliseconds)).outcome;
    return outcome;
  }

  /** What is to blame for the end of a step, once it has ended; undefined if nothing is. */
  async cause(job: Job): Promise<string | undefined> {
    return (await this.has(job, 'ended')).outcome.blame?.cause;
  }

  /** Submits a step and waits for its end. */
  run(...step: Parameters<FluxStudy['step']>): Promise<JobOutcome> {
    return this.outcome(this.submit(...step));
  }

  /** An event of a step, once there is one. */
  has<T extends JobEvent['type']>(job: Job, type: T, milliseconds?: number): Promise<Extract<JobEvent, { type: T }>> {
    const found = () => this.of(job).find((event) => event.type === type && event.attempt === job.attempt);
    return until(`${job.step.name} is ${type}`, () => found() as Extract<JobEvent, { type: T }>, milliseconds);
  }

  /** The interruption, once there is one. */
  interruption(milliseconds?: number): Promise<InterruptEvent> {
    return until(
      'the study is interrupted',
      () => this.events.find((event) => event.type === 'interrupt'),
      milliseconds,
    );
  }

  of({ step }: Job): JobEvent[] {
    return this.events.filter((event): event is JobEvent => event.type !== 'interrupt' && event.step === step.index);
  }

  /** The kinds of event that were reported of a step, in order. */
  said(job: Job): string[] {
    return this.of(job).map(({ type }) => type);
  }

  /** The ids that a step's jobs were said to have. */
  ids(job: Job): string[] {
    return this.of(job).flatMap((event) => (event.type === 'submitted' ? [event.id] : []));
  }

  file(name: string): string {
    return path.join(this.path, name);
  }

  exists(name: string): boolean {
    return existsSync(this.file(name));
  }

  read(name: string): string {
    return readFileSync(this.file(name), 'utf8');
  }

  /** Lets go whatever waits for it: see `waiting`. */
  go(name = 'go'): void {
    writeFileSync(this.file(name), '');
  }

  /** Waits until a step's script has said that it runs. */
  async up(job: Job, milliseconds?: number): Promise<void> {
    await until(`${job.step.name} runs`, () => this.exists(`${job.step.name}/up`), milliseconds);
  }
}

const nothingTold = { id: '', endpoint: '', mayBeDuplicate: false };

/** What a whole, good job reports. */
export const wholeStory = ['submitted', 'queued', 'started', 'finishing', 'ended'];
export const completed = { result: 'completed', exitCode: 0, signal: null, note: '' };

/** A script that says that it runs, and waits for `go`. It does not wait for ever. */
export function waiting(gate = 'go', then = ''): string {
  return `touch up; for i in {1..1000}; do [ ! -e ../${gate} ] || break; sleep 0.03; done; ${then || ':'}`;
}
