import { blame } from '../../causes/cause.js';
import type { Host } from '../../hosts/host.js';
import { type CommandEnd, LongLivedCommand } from '../../hosts/long-lived-command.js';
import { type Outputs, outputsOf } from '../../scripts/outputs.js';
import type { ObsoleteJob } from '../../store/journal/records.js';
import type { Clock } from '../../util/clock.js';
import { sleep } from '../../util/sleep.js';
import { lastWords } from '../claims/last-words.js';
import { givenUp, neverBegan, notClaimed, notExecutable } from '../claims/launcher.js';
import type { InheritedJob, Job, JobNews, JobRef, Scheduler, SchedulerListener } from '../scheduler.js';
import { OffHostSteps, wordsOf } from './off-host-steps.js';
import { type EndReport, notStarted, outcomeOf, unfinished, wordsOfStuck } from './outcomes.js';
import { isNeverToRun, nodesOf, notReady, type Running, type Supervisor, type Unwanted } from './running.js';
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

/** After this many supervisors in a row ended before they were ready, no further one is started. */
const MOST_FAILURES = 5;

/**
 * A silent supervisor is replaced after this many reports of the watchdog (a minute), because it may be stopped. At
 * most `MOST_REPLACED` in a row are replaced: more would hang too if the cause is the machine or its file system.
 */
const SILENCES_OF_ONE = 3;
const MOST_REPLACED = 5;

/** How long steps that were told to end, because the time of this process is up, may take for it. */
const VACATE_TIMEOUT_MS = 5_000;
const VACATE_LOOK_MS = 100;

/** After this many short-lived supervisors in a row a warning is logged. */
const WORTH_TELLING = 3;

export interface LocalSchedulerOptions {
  /** The host of the study directory, where local steps run. */
  readonly host: Host;
  readonly studyPath: string;
  /** Variables for the environment of every step, besides the host's. */
  readonly env: ReadonlyMap<string, string>;
  readonly clock: Clock;
  /** Logs warnings. */
  readonly log?: (line: string) => void;
}

/**
 * Runs unscheduled steps as processes on the host. As in Maestro they run in the workspace, without input, with stdout
 * and stderr in `<name>.<pid>.out` and `.err`; unlike in Maestro the output is written at once and as bytes. The
 * conductor limits how many run at once.
 *
 * All steps share one command on the host, the supervisor. If that is lost, the next one gets the same records, and
 * finds which steps are running and which have ended.
 */
export class LocalScheduler implements Scheduler {
  readonly #host: Host;
  readonly #studyPath: string;
  readonly #supervisorText: string;
  readonly #clock: Clock;
  readonly #listener: SchedulerListener;
  readonly #tellPeople: (line: string) => void;
  readonly #offHost: OffHostSteps;
  /** By the key of the job; the present supervisor knows each of them. */
  readonly #running = new Map<string, Running>();
  /** By the key for the supervisor; the present supervisor knows each of them. */
  readonly #unwanted = new Map<string, Unwanted>();
  #nextUnwanted = 0;
  readonly #command: LongLivedCommand;
  #supervisor: Supervisor = notReady;
  /** How many supervisors in a row ended before they were ready. */
  #failures = 0;
  /** Whether a warning was logged that the supervisor does not answer. */
  #hasToldOfSilence = false;
  /** The processes of replaced supervisors since one last answered; the next supervisor kills them. */
  #replaced: string[] = [];
  #isOver = false;
  /** Why nothing begins any more; undefined until then. */
  #vacated: string | undefined;

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

  submit(jobs: readonly Job[], after?: string): void {
    // The next driver finds that they were not begun.
    if (this.#vacated !== undefined) return;
    for (const job of jobs) {
      this.#running.set(keyOf(job), { job, after, id: '', process: undefined, mayRun: false, isCancelled: false });
    }
    if (jobs.length > 0) this.#ask(jobs.map((job) => runRecord(job, after)));
  }

  /** Does the same as `submit`, because the supervisor finds in the claims what runs, has ended or never started. */
  reattach(jobs: readonly InheritedJob[]): void {
    for (const job of jobs) {
      const { id } = job;
      this.#running.set(keyOf(job), {
        job,
        after: undefined,
        id,
        process: undefined,
        mayRun: true,
        isCancelled: false,
      });
    }
    if (jobs.length > 0) this.#ask(jobs.map((job) => runRecord(job)));
  }

  /**
   * Resolves once the jobs have ended, or are found on another machine. It stays pending without a supervisor and after
   * `close`, because the jobs may still be running.
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

  /**
   * Begins nothing more, and ends what still runs after some time: its attempts are reported as evicted. Resolves once nothing runs, or
   * what runs does not end.
   *
   * @param why for people
   */
  async vacate(why: string, graceMs: number): Promise<void> {
    this.#vacated = why;
    await this.#isEmptyWithin(graceMs);
    const left = [...this.#running.values()].filter(({ isCancelled }) => !isCancelled);
    for (const running of left) running.isEvicted = true;
    this.#end(left.flatMap(({ process }) => process ?? []));
    await this.#isEmptyWithin(VACATE_TIMEOUT_MS);
  }

  async #isEmptyWithin(milliseconds: number): Promise<void> {
    for (let waited = 0; this.#running.size > 0 && !this.#isOver && waited < milliseconds; waited += VACATE_LOOK_MS) {
      await sleep(this.#clock, VACATE_LOOK_MS);
    }
  }

  /** Stops without an event, and leaves steps running. */
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

  /** Sends records to the supervisor, or starts a new one, which gets all records. */
  #ask(records: readonly string[]): void {
    if (this.#command.isThere) this.#command.write(records.join(''));
    else if (!this.#command.isPaused) this.#command.start();
  }

  /** The command and the input of a new supervisor; all records are one piece, which it reads faster. */
  #begin() {
    this.#supervisor = notReady;
    const runs = [...this.#running.values()].map(({ job, after }) => runRecord(job, after));
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
      this.#tellPeople(`${this.#commandName} keeps ending, and is started again: ${words}`);
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
    // A supervisor that is not ready waits for the connection or for `setup`, where another one would wait too.
    if (!wasReady || times < SILENCES_OF_ONE || this.#replaced.length >= MOST_REPLACED) return;
    this.#replaced.push(this.#supervisor.self ?? '');
    this.#command.leave(false);
    for (const running of this.#running.values()) running.mayRun = true;
    this.#command.start();
  }

  /** Notes that the supervisor is alive. */
  #onAlive(): void {
    this.#replaced = [];
    if (!this.#hasToldOfSilence) return;
    this.#hasToldOfSilence = false;
    this.#tellPeople(`${this.#commandName} answers again`);
  }

  /**
   * Interrupts the study because no supervisor can be started. Steps do not fail, even if none was started: the cause
   * is the host or its `setup`.
   */
  #giveUp(reason: string): void {
    const all = [...this.#running.values()];
    this.#forgetAll();
    for (const { job } of all.filter(isNeverToRun)) this.#tell(job, cancelledEarly);
    if (all.every(isNeverToRun)) return;
    const mayRun = all.some((running) => running.mayRun);
    const what = mayRun ? 'the local steps cannot be watched any more' : 'no local step can be started';
    this.#listener({
      type: 'interrupt',
      at: this.#clock.now(),
      reason: `${what}: ${reason}`,
      kind: 'host-lost',
      alsoLocal: true,
    });
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

  // The reports of the supervisor.

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
    // Removed before its end is reported, because the listener may submit the step's next attempt at once.
    this.#forget(report.key);
    switch (report.type) {
      case 'ended':
        if (report.how === neverBegan || report.how === notExecutable) return void this.#onNotRun(running, report);
        if (running.isEvicted === true && report.status !== 0 && !isCancelled) {
          const outcome = unfinished('evicted', this.#vacated!, false);
          return this.#tell(job, { type: 'ended', outcome }, report.at);
        }
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

  /** Reports that the script did not start, with the reason from the step's stderr. */
  async #onNotRun({ job, id, isCancelled }: Running, report: EndReport): Promise<void> {
    const { stderr } = this.outputs({ step: job.step, id });
    const words = id === '' ? '' : await lastWords(this.#host, `${this.#studyPath}/${stderr}`);
    if (!this.#isOver) this.#tell(job, { type: 'ended', outcome: outcomeOf(report, isCancelled, words) }, report.at);
  }

  /** Reports the start once, because each new supervisor reports it again. */
  #onStarted(running: Running, process: StepProcess): void {
    const { job, isCancelled, process: known } = running;
    running.process = process;
    if (isCancelled || running.isEvicted === true) {
      this.#end([process]);
      if (isCancelled) this.#offHost.end(keyOf(job));
    }
    const id = String(process.pid);
    if (running.id !== id) this.#tell(job, { type: 'submitted', id, endpoint: '', mayBeDuplicate: false });
    running.id = id;
    if (known === undefined) this.#tell(job, { type: 'started', ...nodesOf(process) });
  }

  #onGivenUp(key: string, note: string): void {
    const running = this.#running.get(key);
    if (running === undefined) return;
    this.#forget(key);
    const outcome = { result: 'cancelled', exitCode: null, signal: null, note } as const;
    this.#tell(running.job, { type: 'ended', outcome });
  }

  #tell(job: Job, event: JobNews, at = this.#clock.now()): void {
    this.#listener({ ...baseOf(job), at, ...event });
  }
}

const cancelledEarly: JobNews = { type: 'not-submitted', reason: 'it was cancelled before', blame: blame('cancelled') };

const baseOf = ({ step, attempt }: Job) => ({ step: step.index, attempt });
