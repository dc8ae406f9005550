import type { Host } from '../../hosts/host.js';
import { type CommandEnd, LongLivedCommand } from '../../hosts/long-lived-command.js';
import { type Outputs, outputsOf } from '../../scripts/outputs.js';
import type { ObsoleteJob } from '../../store/journal/records.js';
import type { Clock } from '../../util/clock.js';
import { lastWords } from '../claims/last-words.js';
import { givenUp, neverBegan, notClaimed, notExecutable } from '../claims/launcher.js';
import type { InheritedJob, Job, JobEvent, JobRef, Scheduler, SchedulerListener } from '../scheduler.js';
import { OffHostSteps, wordsOf } from './off-host-steps.js';
import { type EndReport, notStarted, outcomeOf, unfinished, wordsOfStuck } from './outcomes.js';
import { supervisorText } from './supervisor.js';
import {
  dropRecord,
  endRecord,
  keyOf,
  parseReport,
  retireRecord,
  runRecord,
  type StepProcess,
  type SupervisorReport,
} from './supervisor-protocol.js';

/** After this many supervisors in a row that ended before they were ready there is no other one. */
const MOST_FAILURES = 5;

/**
 * A supervisor that says nothing is replaced after this many long silences (a minute), because it may be stopped. No more than
 * `MOST_REPLACED` in a row are: then it is the machine, or its file system, on which each would hang.
 */
const SILENCES_OF_ONE = 3;
const MOST_REPLACED = 5;

/** So many supervisors in a row that lived shortly are worth a word to people. */
const WORTH_TELLING = 3;

export interface LocalSchedulerOptions {
  /** Where the study is, and its local steps run. */
  readonly host: Host;
  readonly studyPath: string;
  /** What every step finds in its environment besides the host's. */
  readonly env: ReadonlyMap<string, string>;
  readonly clock: Clock;
  /** Takes warnings for people. */
  readonly log?: (line: string) => void;
}

/** The supervisor that there is. */
interface Supervisor {
  /** Where it is, and which process, by its own word; undefined until it is ready. */
  readonly host: string | undefined;
  readonly self: string | undefined;
}

interface Running {
  readonly job: Job;
  /** What was told to be its id; '' until then. */
  id: string;
  /** Undefined until the supervisor has said which. */
  process: StepProcess | undefined;
  /** Whether it may run although that was not reported: a supervisor that is gone, of any driver, was told to run it. */
  mayRun: boolean;
  isCancelled: boolean;
}

const notReady: Supervisor = { host: undefined, self: undefined };

interface Unwanted {
  readonly job: ObsoleteJob;
  /** Called when the supervisor has ended it, or cannot. */
  readonly done: () => void;
}

/**
 * Runs steps that no batch system runs, as processes on the host that the conductor uses. As in Maestro: in the workspace,
 * with no input, stdout and stderr in `<name>.<pid>.out` and `.err`; but written as they come, whatever bytes they are.
 * How many run at once is the conductor's business.
 *
 * However many there are, and however long they run, they take one command of the host: the supervisor. If that is lost,
 * another is told the same, and finds what runs or has ended.
 */
export class LocalScheduler implements Scheduler {
  readonly #host: Host;
  readonly #studyPath: string;
  readonly #supervisorText: string;
  readonly #clock: Clock;
  readonly #listener: SchedulerListener;
  readonly #tellPeople: (line: string) => void;
  readonly #offHost: OffHostSteps;
  /** By the key of the job. While there is a supervisor it has been told of each. */
  readonly #running = new Map<string, Running>();
  /** By what the supervisor calls it. While there is a supervisor it has been told of each. */
  readonly #unwanted = new Map<string, Unwanted>();
  #nextUnwanted = 0;
  readonly #command: LongLivedCommand;
  #supervisor: Supervisor = notReady;
  /** How many supervisors in a row ended before they were ready. */
  #failures = 0;
  /** Whether people were told that the supervisor does not answer. */
  #hasToldOfSilence = false;
  /** What the supervisors that did not answer call themselves, since one last did: the next one kills them. */
  #replaced: string[] = [];
  #isOver = false;

  constructor(options: LocalSchedulerOptions, listener: SchedulerListener) {
    const { host, studyPath, env, clock, log: tell = () => {} } = options;
    this.#host = host;
    this.#studyPath = studyPath;
    this.#supervisorText = supervisorText(studyPath, env);
    this.#clock = clock;
    this.#listener = listener;
    this.#tellPeople = tell;
    this.#command = new LongLivedCommand({
      host,
      clock,
      isForSteps: true,
      begin: () => this.#begin(),
      onLine: (line) => this.#onLine(line),
      onEnd: (end) => this.#onSupervisorEnd(end),
      onSilence: (times) => this.#onSilence(times),
    });
    this.#offHost = new OffHostSteps(clock, { log: tell, onGivenUp: (key, note) => this.#onGivenUp(key, note) });
  }

  submit(jobs: readonly Job[]): void {
    for (const job of jobs) {
      this.#running.set(keyOf(job), { job, id: '', process: undefined, mayRun: false, isCancelled: false });
    }
    if (jobs.length > 0) this.#ask(jobs.map(runRecord));
  }

  /** As if they were submitted: their claims say what runs, what has ended, and what never began. */
  reattach(jobs: readonly InheritedJob[]): void {
    for (const job of jobs) {
      this.#running.set(keyOf(job), { job, id: job.id, process: undefined, mayRun: true, isCancelled: false });
    }
    if (jobs.length > 0) this.#ask(jobs.map(runRecord));
  }

  /**
   * Resolves once nothing has their attempts any more, or what has them is on another machine. Not while there is no supervisor to
   * see to it, nor after `close`: they may run.
   */
  async cancelObsolete(jobs: readonly ObsoleteJob[]): Promise<void> {
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
      this.#offHost.end(keyOf(job));
    }
    this.#end(processes);
  }

  /** Lets all that runs go on without us. Nothing is reported after that. */
  close(): void {
    this.#isOver = true;
    this.#forgetAll();
    this.#unwanted.clear();
    this.#command.leave(true);
  }

  outputs({ step, id }: JobRef): Outputs {
    return outputsOf(step, id);
  }

  // The supervisor.

  /** Tells the supervisor that there is, or has another, which is told all. */
  #ask(records: readonly string[]): void {
    if (this.#command.isThere) this.#command.write(records.join(''));
    else if (!this.#command.isPaused) this.#command.start();
  }

  /** What the next supervisor is told, in one piece, which it reads sooner. */
  #begin() {
    this.#supervisor = notReady;
    const runs = [...this.#running.values()].map(({ job }) => runRecord(job));
    const drops = [...this.#unwanted].map(([key, { job }]) => dropRecord(key, job));
    return { text: this.#supervisorText, input: [...this.#replaced.map(retireRecord), ...runs, ...drops].join('') };
  }

  #onSupervisorEnd({ error, isLost, words, shortLives }: CommandEnd): void {
    const wasReady = this.#supervisor.host !== undefined;
    if (isLost || wasReady) for (const running of this.#running.values()) running.mayRun = true;
    this.#failures = wasReady ? 0 : this.#failures + 1;
    if (this.#running.size + this.#unwanted.size === 0) return;
    if (error !== undefined && !isLost) return this.#giveUp(words);
    if (this.#failures >= MOST_FAILURES) return this.#giveUp(words);
    if (shortLives === WORTH_TELLING) {
      this.#tellPeople(`${this.#commandName} ends again and again, and is started again: ${words}`);
    }
    this.#command.restart();
  }

  get #commandName(): string {
    return `the command that runs the local steps on ${this.#host.name}`;
  }

  #onSilence(times: number): void {
    if (this.#running.size + this.#unwanted.size === 0) return;
    const wasReady = this.#supervisor.host !== undefined;
    if (!this.#hasToldOfSilence) {
      const words = wasReady
        ? 'does not answer: is it stopped, or is its file system hanging? Steps go on; in a minute another one takes over'
        : 'has not been started yet';
      this.#tellPeople(`${this.#commandName} ${words}`);
    }
    this.#hasToldOfSilence = true;
    // One that was not started yet waits for the way to the host, or for `setup`, where another would wait as well.
    if (!wasReady || times < SILENCES_OF_ONE || this.#replaced.length >= MOST_REPLACED) return;
    this.#replaced.push(this.#supervisor.self ?? '');
    this.#command.leave(false);
    for (const running of this.#running.values()) running.mayRun = true;
    this.#command.start();
  }

  /** A supervisor has said something. */
  #onAlive(): void {
    this.#replaced = [];
    if (!this.#hasToldOfSilence) return;
    this.#hasToldOfSilence = false;
    this.#tellPeople(`${this.#commandName} answers again`);
  }

  /**
   * No supervisor can be started, so the local steps are left. That no step was sent to one, and so none was started, makes no
   * difference: it is a fault of the host or of its `setup`, not of a step.
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
    this.#offHost.delete(key);
    this.#running.delete(key);
  }

  #forgetAll(): void {
    for (const key of [...this.#running.keys()]) this.#forget(key);
  }

  #end(processes: readonly StepProcess[]): void {
    if (processes.length > 0) this.#command.write(endRecord(processes));
  }

  // What it says.

  #onLine(line: string): void {
    this.#command.expectAnswer(true);
    const report = parseReport(line);
    if (report === undefined) return;
    if (report.type === 'ready') {
      this.#supervisor = { host: report.host, self: report.process };
      return;
    }
    if (report.type === 'alive') return this.#onAlive();
    if (report.type === 'dropped') return this.#onDropped(report.key, report.far);
    const running = this.#running.get(report.key);
    if (running === undefined) return;
    if (report.type === 'stuck') return this.#tellPeople(wordsOfStuck(running.job.step.name, report.pid));
    if (report.type !== 'started') return this.#onEndOf(running, report);
    const { key, process } = report;
    if (process.host === '-' || process.host === this.#supervisor.host) this.#offHost.delete(key);
    else this.#offHost.add(key, running.job.step.name, process, this.#supervisor.host);
    this.#onStarted(running, process);
  }

  #onDropped(key: string, far: StepProcess | undefined): void {
    const obsolete = this.#unwanted.get(key);
    if (obsolete === undefined) return;
    this.#unwanted.delete(key);
    const { step } = obsolete.job;
    if (far !== undefined) {
      this.#tellPeople(`${step}, which is no longer part of the study, may still run on ${wordsOf(far)}`);
    }
    obsolete.done();
  }

  #onEndOf(running: Running, report: EndReport | Extract<SupervisorReport, { type: 'not-run' | 'failed' }>): void {
    const { job, isCancelled } = running;
    // Before its end is reported: that may be answered with the step's next attempt.
    this.#forget(report.key);
    switch (report.type) {
      case 'ended':
        if (report.how === neverBegan || report.how === notExecutable) return void this.#onNotRun(running, report);
        return this.#tell(job, { type: 'ended', outcome: outcomeOf(report, isCancelled) }, report.at);
      case 'not-run': {
        const note = report.why === 'unclaimed' ? notClaimed : givenUp;
        return this.#tell(job, { type: 'ended', outcome: unfinished('not-run', note, isCancelled) });
      }
      case 'failed': {
        const outcome = notStarted(report.message, isCancelled);
        if (outcome === undefined) return this.#tell(job, { type: 'not-submitted', reason: report.message });
        return this.#tell(job, { type: 'ended', outcome });
      }
    }
  }

  /** Nothing of the script ran: why, is on the step's stderr. */
  async #onNotRun({ job, id, isCancelled }: Running, report: EndReport): Promise<void> {
    const { stderr } = this.outputs({ step: job.step, id });
    const words = id === '' ? '' : await lastWords(this.#host, `${this.#studyPath}/${stderr}`);
    if (!this.#isOver) this.#tell(job, { type: 'ended', outcome: outcomeOf(report, isCancelled, words) }, report.at);
  }

  /** A supervisor that is started later reports again what is already known. */
  #onStarted(running: Running, process: StepProcess): void {
    const { job, isCancelled, process: known } = running;
    running.process = process;
    if (isCancelled) {
      this.#end([process]);
      this.#offHost.end(keyOf(job));
    }
    const id = String(process.pid);
    if (running.id !== id) this.#tell(job, { type: 'submitted', id, endpoint: '', mayBeDuplicate: false });
    running.id = id;
    if (known === undefined) this.#tell(job, { type: 'started' });
  }

  #onGivenUp(key: string, note: string): void {
    const running = this.#running.get(key);
    if (running === undefined) return;
    this.#forget(key);
    this.#tell(running.job, { type: 'ended', outcome: { result: 'cancelled', exitCode: null, signal: null, note } });
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
