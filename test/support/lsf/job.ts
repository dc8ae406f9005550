import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** What a job was submitted with. */
export interface Request {
  readonly name: string;
  readonly description: string;
  readonly queue: string;
  readonly slots: number;
  /** Minutes; undefined if it has no limit. */
  readonly limitMinutes: number | undefined;
  readonly cwd: string;
  readonly stdout: string | undefined;
  readonly stderr: string | undefined;
  readonly isHeld: boolean;
  readonly isRerunnable: boolean;
  readonly script: string;
  readonly environment: Readonly<Record<string, string>>;
}

export interface JobSettings {
  /** LSB_STDOUT_DIRECT of lsf.conf: output is written as the job runs. */
  readonly isDirect: boolean;
  /** How long a minute of a run limit lasts, in milliseconds. */
  readonly minuteMs: number;
  /** JOB_TERMINATE_INTERVAL of lsb.params, in milliseconds. */
  readonly terminateIntervalMs: number;
}

export type State = 'PEND' | 'PSUSP' | 'RUN' | 'USUSP' | 'SSUSP' | 'UNKWN' | 'ZOMBI' | 'DONE' | 'EXIT';

/** A job of the stand-in: a process of its own session. */
export class LsfJob {
  readonly id: number;
  readonly request: Request;
  readonly submittedAt = new Date();
  state: State;
  exitCode: number | null = null;
  /** `TERM_OWNER: job killed by owner`; '' if it ended by itself. */
  exitReason = '';
  startedAt: Date | null = null;
  finishedAt: Date | null = null;
  /** bjobs does not know it any more (CLEAN_PERIOD). */
  isForgotten = false;
  /** What bhist says of it, with the time of each line. */
  readonly events: (readonly [at: Date, text: string])[] = [];
  readonly #directory: string;
  readonly #settings: JobSettings;
  readonly #changed: () => void;
  #process: ChildProcess | undefined;
  #timers: NodeJS.Timeout[] = [];
  /** It goes back to the queue when its process has ended. */
  #isRequeued = false;

  constructor(id: number, request: Request, directory: string, settings: JobSettings, changed: () => void) {
    this.id = id;
    this.request = request;
    this.state = request.isHeld ? 'PSUSP' : 'PEND';
    this.#directory = directory;
    this.#settings = settings;
    this.#changed = changed;
    this.events.push([new Date(), `Submitted from host <hosta>, to Queue <${request.queue}>, CWD <${request.cwd}>;`]);
  }

  get hasEnded(): boolean {
    return this.state === 'DONE' || this.state === 'EXIT';
  }

  get hasProcess(): boolean {
    return this.#process !== undefined;
  }

  /** Dispatches it. */
  start(): void {
    const { request, id } = this;
    this.state = 'RUN';
    this.startedAt = new Date();
    this.events.push([new Date(), 'Dispatched 1 Task(s) on Host(s) <hosta>, Allocated 1 Slot(s) on Host(s) <hosta>;']);
    const cwd = existsSync(request.cwd) ? request.cwd : '/tmp';
    if (cwd !== request.cwd && /^y$/i.test(request.environment.LSB_EXIT_IF_CWD_NOTEXIST ?? '')) {
      this.#end(
        2,
        'TERM_CWD_NOTEXIST: current working directory is not accessible or does not exist on the execution host',
      );
      return;
    }
    const file = path.join(this.#directory, `${id}.script`);
    writeFileSync(file, request.script, { mode: 0o755 });
    const { isDirect } = this.#settings;
    const outputs = [request.stdout, request.stderr ?? request.stdout].map((name, index) => {
      const target = name === undefined ? '/dev/null' : path.resolve(cwd, name.replaceAll('%J', String(id)));
      return { target, written: isDirect ? target : path.join(this.#directory, `${id}.${index}`) };
    });
    const descriptors = outputs.map(({ written }) => openSync(written, 'a'));
    const [shell, ...words] = /^#! *(.*)/.exec(request.script)?.[1]?.split(/ +/) ?? ['/bin/sh'];
    const child = spawn(shell!, [...words, file], {
      cwd,
      detached: true,
      stdio: ['ignore', descriptors[0]!, descriptors[1]!],
      env: {
        ...request.environment,
        LSB_JOBID: String(id),
        LSB_BATCH_JID: String(id),
        LSB_JOBINDEX: '0',
        LSB_JOBNAME: request.name,
        LSB_QUEUE: request.queue,
        LSB_HOSTS: 'hosta',
        LSB_MCPU_HOSTS: `hosta ${request.slots}`,
        LSB_SUB_HOST: 'hosta',
        LS_SUBCWD: request.cwd,
        LSF_ENVDIR: path.dirname(this.#directory),
      },
    });
    for (const descriptor of descriptors) closeSync(descriptor);
    this.#process = child;
    this.events.push([new Date(), `Starting (Pid ${child.pid});`]);
    if (request.limitMinutes !== undefined) {
      this.#later(request.limitMinutes * this.#settings.minuteMs, () => this.#reachLimit());
    }
    child.on('exit', (code, signal) => {
      this.#process = undefined;
      if (!isDirect) for (const { target, written } of outputs) appendFileSync(target, readFileSync(written));
      const exitCode = code ?? 128 + numberOf(signal!);
      const external = signal === null ? '' : 'TERM_EXTERNAL_SIGNAL: job killed by a signal external to LSF';
      this.#end(exitCode, this.exitReason || external);
      if (request.stdout !== undefined) appendFileSync(outputs[0]!.target, this.#report());
    });
  }

  /** bkill: INT, TERM and KILL, one after the other. */
  kill(reason: string): void {
    this.exitReason = reason;
    if (!this.hasProcess) {
      this.#end(130, reason);
      return;
    }
    this.events.push([new Date(), 'Signal <KILL> requested by user or administrator <user1>;']);
    this.signal('SIGCONT');
    this.#terminate();
  }

  /** Its processes end, and LSF does not know why. */
  vanish(): void {
    this.exitReason = '-';
    this.signal('SIGKILL');
  }

  /** Its host cannot be reached any more. */
  lose(state: 'UNKWN' | 'ZOMBI'): void {
    this.state = state;
  }

  requeue(): void {
    this.#isRequeued = true;
    this.exitReason = 'TERM_REQUEUE_OWNER: job killed and requeued by owner';
    this.signal('SIGKILL');
  }

  stop(): void {
    if (!this.hasProcess) {
      this.state = 'PSUSP';
      return;
    }
    this.state = 'USUSP';
    this.signal('SIGSTOP');
  }

  resume(): void {
    if (!this.hasProcess) {
      this.state = 'PEND';
      return;
    }
    this.state = 'RUN';
    this.signal('SIGCONT');
  }

  /** Sends a signal to all of its processes. */
  signal(signal: NodeJS.Signals): void {
    const pid = this.#process?.pid;
    if (pid === undefined) return;
    try {
      process.kill(-pid, signal);
    } catch {
      // They have just ended.
    }
  }

  /** `bsub -W`: "the job is sent a SIGUSR2 signal, and is killed if it does not terminate within ten minutes". */
  #reachLimit(): void {
    this.exitReason = 'TERM_RUNLIMIT: job killed after reaching LSF run time limit';
    this.signal('SIGUSR2');
    this.#later(this.#settings.terminateIntervalMs, () => this.#terminate());
  }

  #terminate(): void {
    this.signal('SIGINT');
    this.#later(this.#settings.terminateIntervalMs, () => this.signal('SIGTERM'));
    this.#later(2 * this.#settings.terminateIntervalMs, () => this.signal('SIGKILL'));
  }

  #later(milliseconds: number, action: () => void): void {
    this.#timers.push(setTimeout(action, milliseconds));
  }

  #end(exitCode: number, reason: string): void {
    for (const timer of this.#timers.splice(0)) clearTimeout(timer);
    if (this.#isRequeued) {
      this.#isRequeued = false;
      this.state = 'PEND';
      this.exitReason = '';
      this.startedAt = null;
      this.events.push([new Date(), 'Pending: Requeued job is waiting for rescheduling;']);
      this.#changed();
      return;
    }
    this.exitCode = exitCode;
    this.exitReason = exitCode === 0 || reason === '-' ? '' : reason;
    this.state = exitCode === 0 ? 'DONE' : 'EXIT';
    this.finishedAt = new Date();
    if (exitCode === 0) {
      this.events.push([new Date(), 'Done successfully. The CPU time used is 0.1 seconds;']);
    } else {
      this.events.push([new Date(), `Exited with exit code ${exitCode}. The CPU time used is 0.1 seconds;`]);
      this.events.push([new Date(), `Completed <exit>${this.exitReason === '' ? '' : `; ${this.exitReason}`}.`]);
    }
    this.#changed();
  }

  /** The end of the file of `-o`. */
  #report(): string {
    const { id, request, exitCode, exitReason } = this;
    const how = exitCode === 0 ? 'Successfully completed.' : `Exited with exit code ${exitCode}.`;
    return [
      '',
      '------------------------------------------------------------',
      'Sender: LSF System <lsfadmin@hosta>',
      `Subject: Job ${id}: <${request.name}> in cluster <lsf10> ${exitCode === 0 ? 'Done' : 'Exited'}`,
      '',
      ...(exitReason === '' ? [] : [`${exitReason}.`]),
      how,
      '',
      'The output (if any) is above this job summary.',
      '',
    ].join('\n');
  }
}

const signals: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGABRT: 6, SIGKILL: 9 };
const otherSignals: Readonly<Record<string, number>> = { SIGUSR1: 10, SIGSEGV: 11, SIGUSR2: 12, SIGTERM: 15 };
const numberOf = (signal: string) => signals[signal] ?? otherSignals[signal] ?? 1;
