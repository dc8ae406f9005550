import { StringDecoder } from 'node:string_decoder';
import type { Clock } from '../clock.js';
import { collectText } from '../hosts/commands.js';
import { type Host, HostError, HostLostError, type HostProcess } from '../hosts/host.js';
import type { StepInstance } from '../study/graph.js';
import { isOfDisk } from './disk.js';
import { FarSteps, wordsOf } from './far-steps.js';
import { givenUp, notClaimed } from './launcher.js';
import { outputsOf } from './outputs.js';
import type {
  ForeignJob,
  Job,
  JobEvent,
  JobOutcome,
  LeftJob,
  Outputs,
  Scheduler,
  SchedulerListener,
} from './scheduler.js';
import {
  dropRecord,
  endRecord,
  keyOf,
  parseReport,
  runRecord,
  type ShepherdReport,
  type StepProcess,
  shepherdText,
} from './shepherd.js';
import { signalOf } from './signals.js';

/** After so many shepherds in a row that ended before they were ready it is held that there will be none. */
const mostFailures = 5;

/** A shepherd that lived less than this, in milliseconds, may be one of many: before the next there is a pause. */
const shortLife = 10_000;

const firstPause = 250;
const longestPause = 10_000;

interface Shepherd {
  readonly process: HostProcess;
  readonly since: number;
  /** Where it is, by its own word; undefined until it is ready. */
  host: string | undefined;
}

interface Running {
  readonly job: Job;
  /** What was told to be its id; '' until then. */
  id: string;
  /** Undefined until the shepherd has said which. */
  process: StepProcess | undefined;
  /** Whether it may run although nobody said so: a shepherd that is gone was told to run it, of ours or of another driver. */
  mayRun: boolean;
  isCancelled: boolean;
}

interface Unwanted {
  readonly job: ForeignJob;
  /** Called when the shepherd has ended it, or cannot. */
  readonly done: () => void;
}

/**
 * Runs steps that no batch system runs, as processes on the host that the conductor uses. As in Maestro: in the workspace,
 * with no input, stdout and stderr in `<name>.<pid>.out` and `.err`; but written as they come, whatever bytes they are.
 * How many run at once is the conductor's business.
 *
 * However many there are, and however long they run, they take one command of the host: the shepherd. If that is lost,
 * another is told the same, and finds what runs or has ended.
 */
export class LocalScheduler implements Scheduler {
  readonly #host: Host;
  readonly #shepherdText: string;
  readonly #clock: Clock;
  readonly #listener: SchedulerListener;
  readonly #tellPeople: (line: string) => void;
  readonly #far: FarSteps;
  /** By the key of the job. While there is a shepherd it has been told of each. */
  readonly #running = new Map<string, Running>();
  /** By what the shepherd calls it. While there is a shepherd it has been told of each. */
  readonly #unwanted = new Map<string, Unwanted>();
  #nextUnwanted = 0;
  #shepherd: Shepherd | undefined;
  /** Takes back the start of the next shepherd; undefined if none is waited for. */
  #stopPause: (() => void) | undefined;
  /** How many shepherds in a row ended before they were ready. */
  #failures = 0;
  /** How many in a row had a short life. */
  #shortLives = 0;

  /**
   * @param env what every step finds in its environment besides the host's
   * @param tell takes warnings for people
   */
  constructor(
    host: Host,
    studyPath: string,
    env: ReadonlyMap<string, string>,
    clock: Clock,
    listener: SchedulerListener,
    tell: (line: string) => void = () => {},
  ) {
    this.#host = host;
    this.#shepherdText = shepherdText(studyPath, env);
    this.#clock = clock;
    this.#listener = listener;
    this.#tellPeople = tell;
    this.#far = new FarSteps(clock, { tell, onGivenUp: (key, note) => this.#onGivenUp(key, note) });
  }

  submit(job: Job): void {
    this.#running.set(keyOf(job), { job, id: '', process: undefined, mayRun: false, isCancelled: false });
    this.#ask([runRecord(job)]);
  }

  /** As if they were submitted: their claims say what runs, what has ended, and what never began. */
  attach(jobs: readonly LeftJob[]): void {
    for (const job of jobs) {
      this.#running.set(keyOf(job), { job, id: job.id, process: undefined, mayRun: true, isCancelled: false });
    }
    if (jobs.length > 0) this.#ask(jobs.map(runRecord));
  }

  /**
   * Resolves once nothing has their attempts any more, or what has them is on another machine. Not while there is no shepherd to
   * see to it, nor after `leave`: they may run.
   */
  async discard(jobs: readonly ForeignJob[]): Promise<void> {
    if (jobs.length === 0) return;
    const keys = jobs.map(() => String(this.#nextUnwanted++));
    const done = jobs.map((job, i) => new Promise<void>((done) => void this.#unwanted.set(keys[i]!, { job, done })));
    this.#ask(jobs.map((job, i) => dropRecord(keys[i]!, job)));
    await Promise.all(done);
  }

  cancel(jobs: readonly Job[]): void {
    const processes: StepProcess[] = [];
    for (const job of jobs) {
      const running = this.#running.get(keyOf(job));
      if (running === undefined) continue;
      running.isCancelled = true;
      if (running.process !== undefined) processes.push(running.process);
      this.#far.end(keyOf(job));
    }
    this.#end(processes);
  }

  /** Lets all that runs go on without us. Nothing is reported after that. */
  leave(): void {
    const shepherd = this.#shepherd;
    this.#shepherd = undefined;
    this.#forgetAll();
    this.#unwanted.clear();
    this.#stopPause?.();
    this.#stopPause = undefined;
    shepherd?.process.stdin.end();
    shepherd?.process.leave();
  }

  outputs(step: StepInstance, id: string): Outputs {
    return outputsOf(step, id);
  }

  // The shepherd.

  /** Tells the shepherd that there is, or has another, which is told all. */
  #ask(records: readonly string[]): void {
    if (this.#shepherd !== undefined) this.#shepherd.process.stdin.write(records.join(''));
    else if (this.#stopPause === undefined) this.#start();
  }

  #start(): void {
    const process = this.#host.spawn(this.#shepherdText);
    const shepherd: Shepherd = { process, since: this.#clock.now(), host: undefined };
    this.#shepherd = shepherd;
    // That it does not read any more is told by its end.
    process.stdin.on('error', () => {});
    const trouble = collectText(process.stderr, 4096);
    const decoder = new StringDecoder('utf8');
    let rest = '';
    process.stdout.on('data', (data: Buffer) => {
      const lines = (rest + decoder.write(data)).split('\n');
      rest = lines.pop()!;
      for (const line of lines) if (shepherd === this.#shepherd) this.#onLine(shepherd, line);
    });
    // In one piece: that of a shepherd which starts is read sooner.
    const runs = [...this.#running.values()].map(({ job }) => runRecord(job));
    const drops = [...this.#unwanted].map(([key, { job }]) => dropRecord(key, job));
    process.stdin.write([...runs, ...drops].join(''));
    process.exit.then(
      ({ code }) => this.#onEnd(shepherd, trouble() || `exit ${code}`),
      (error: unknown) => this.#onEnd(shepherd, error),
    );
  }

  /** @param cause the error, or the last words of one that ended by itself */
  #onEnd(shepherd: Shepherd, cause: unknown): void {
    if (shepherd !== this.#shepherd) return;
    if (typeof cause !== 'string' && !(cause instanceof HostError)) throw cause;
    this.#shepherd = undefined;
    // Its keepers may hold its streams.
    shepherd.process.leave();
    const isLost = cause instanceof HostLostError;
    const wasReady = shepherd.host !== undefined;
    if (isLost || wasReady) for (const running of this.#running.values()) running.mayRun = true;
    this.#failures = wasReady ? 0 : this.#failures + 1;
    this.#shortLives = this.#clock.now() - shepherd.since < shortLife ? this.#shortLives + 1 : 0;
    if (this.#running.size + this.#unwanted.size === 0) return;
    if (cause instanceof HostError && !isLost) return this.#giveUp(cause.message);
    if (this.#failures >= mostFailures) return this.#giveUp(isLost ? cause.message : String(cause));
    if (this.#shortLives <= 1) return this.#start();
    this.#stopPause = this.#clock.after(Math.min(firstPause * 2 ** (this.#shortLives - 2), longestPause), () => {
      this.#stopPause = undefined;
      this.#start();
    });
  }

  /**
   * There will be no shepherd. Even if nothing was started, for sure, because no step was told to one that may have heard it:
   * that is a fault of the host, or of its `setup`, and of no step.
   */
  #giveUp(reason: string): void {
    const all = [...this.#running.values()];
    this.#forgetAll();
    for (const { job } of all.filter(isNeverToRun)) this.#tell(job, { type: 'not-submitted', reason: cancelledBefore });
    if (all.every(isNeverToRun)) return;
    const mayRun = all.some((running) => running.mayRun);
    const what = mayRun ? 'what becomes of the local steps is out of sight' : 'no local step can be started';
    this.#listener({ type: 'interrupt', at: this.#clock.now(), reason: `${what}: ${reason}`, alsoLocal: true });
  }

  #forget(key: string): void {
    this.#far.delete(key);
    this.#running.delete(key);
  }

  #forgetAll(): void {
    for (const key of [...this.#running.keys()]) this.#forget(key);
  }

  #end(processes: readonly StepProcess[]): void {
    if (processes.length > 0) this.#shepherd?.process.stdin.write(endRecord(processes));
  }

  // What it says.

  #onLine(shepherd: Shepherd, line: string): void {
    const report = parseReport(line);
    if (report === undefined) return;
    if (report.type === 'ready') {
      shepherd.host = report.host;
      return;
    }
    if (report.type === 'dropped') return this.#onDropped(report.key, report.far);
    const running = this.#running.get(report.key);
    if (running === undefined) return;
    if (report.type !== 'started') return this.#onEndOf(running, report);
    const { key, process } = report;
    if (process.host === '-' || process.host === shepherd.host) this.#far.delete(key);
    else this.#far.add(key, running.job.step.name, process, shepherd.host);
    this.#onStarted(running, process);
  }

  #onDropped(key: string, far: StepProcess | undefined): void {
    const unwanted = this.#unwanted.get(key);
    if (unwanted === undefined) return;
    this.#unwanted.delete(key);
    const { step } = unwanted.job;
    if (far !== undefined) {
      this.#tellPeople(`${step}, which is no longer part of the study, may still run on ${wordsOf(far)}`);
    }
    unwanted.done();
  }

  #onEndOf(running: Running, report: Exclude<ShepherdReport, { type: 'ready' | 'started' | 'dropped' }>): void {
    const { job, isCancelled } = running;
    // Before its end is reported: that may be answered with the step's next attempt.
    this.#forget(report.key);
    switch (report.type) {
      case 'ended':
        return this.#tell(job, { type: 'ended', outcome: outcomeOf(report.status, isCancelled) }, report.at);
      case 'not-run': {
        const note = report.why === 'unclaimed' ? notClaimed : givenUp;
        return this.#tell(job, { type: 'ended', outcome: unfinished('not-run', note, isCancelled) });
      }
      case 'failed': {
        const reason = report.message;
        const result = isOfDisk(reason) ? 'not-run' : isOfMachine(reason) ? 'node-failure' : undefined;
        if (result === undefined) return this.#tell(job, { type: 'not-submitted', reason });
        const outcome = unfinished(result, `it could not be started: ${reason}`, isCancelled);
        return this.#tell(job, { type: 'ended', outcome });
      }
    }
  }

  /** Shepherds that come later say again what is known. */
  #onStarted(running: Running, process: StepProcess): void {
    const { job, isCancelled, process: known } = running;
    running.process = process;
    if (isCancelled) {
      this.#end([process]);
      this.#far.end(keyOf(job));
    }
    const id = String(process.pid);
    if (running.id !== id) this.#tell(job, { type: 'submitted', id, place: '', isDoubtful: false });
    running.id = id;
    if (known === undefined) this.#tell(job, { type: 'started' });
  }

  #onGivenUp(key: string, note: string): void {
    const running = this.#running.get(key);
    if (running === undefined) return;
    this.#forget(key);
    this.#tell(running.job, { type: 'ended', outcome: { ...nothing, result: 'cancelled', note } });
  }

  #tell(job: Job, event: News, at = this.#clock.now()): void {
    this.#listener({ ...baseOf(job), at, ...event });
  }
}

const isNeverToRun = ({ isCancelled, mayRun }: Running) => isCancelled && !mayRun;
const cancelledBefore = 'it was cancelled before';

/** What is new about a job. */
type News = Unbased<JobEvent>;
type Unbased<Event> = Event extends JobEvent ? Omit<Event, 'step' | 'attempt' | 'at'> : never;

const baseOf = ({ step, attempt }: Job) => ({ step: step.index, attempt });

function outcomeOf(status: number | null, isCancelled: boolean): JobOutcome {
  // As by the end of its machine: a script that is killed alone is seen to be.
  if (status === null) {
    return unfinished('node-failure', 'its process is gone, and did not write down how it ended', isCancelled);
  }
  const result = status === 0 ? 'completed' : isCancelled ? 'cancelled' : 'failed';
  return { result, exitCode: status, signal: signalOf(status), note: '' };
}

/** Of an attempt that did not run to its end, for no fault of the step's. */
function unfinished(result: 'not-run' | 'node-failure', note: string, isCancelled: boolean): JobOutcome {
  return isCancelled ? { ...nothing, result: 'cancelled', note: '' } : { ...nothing, result, note };
}

const nothing = { exitCode: null, signal: null };

/** Whether a step could not be started for lack of what a machine may have again later. */
function isOfMachine(message: string): boolean {
  return /Cannot allocate memory|Resource temporarily unavailable|Too many open files/i.test(message);
}
