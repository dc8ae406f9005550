import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import path from 'node:path';
import { at } from './submission.js';

export interface TasksRequest {
  readonly jobspec: unknown;
  readonly command: readonly string[];
  readonly tasks: number;
  /** The job's id, as F58. */
  readonly id: string;
  /** What each task finds in its environment beside the jobspec's. */
  readonly environment: Readonly<Record<string, string>>;
}

/** The job's tasks have not all been started: the note of the exception that tells so. */
export class StartError extends Error {
  readonly waitStatus: number;

  constructor(note: string, waitStatus: number) {
    super(note);
    this.waitStatus = waitStatus;
  }
}

/** The processes of one job, as a job shell runs them: each in a process group of its own. */
export class Tasks {
  readonly #children: ChildProcess[] = [];
  /** The worst wait status of all tasks. @throws StartError */
  readonly end: Promise<number>;

  constructor(request: TasksRequest) {
    this.end = this.#run(request);
    this.end.catch(() => {});
  }

  get pids(): number[] {
    return this.#children.flatMap(({ pid }) => pid ?? []);
  }

  signal(number: number): void {
    for (const { pid, exitCode, signalCode } of this.#children) {
      if (pid === undefined || exitCode !== null || signalCode !== null) continue;
      try {
        process.kill(-pid, number);
      } catch {
        // It has just ended.
      }
    }
  }

  async #run(request: TasksRequest): Promise<number> {
    const cwd = directoryOf(request.jobspec);
    const [stdout, stderr] = openOutputs(request, cwd);
    try {
      const ends = Array.from({ length: request.tasks }, (_, rank) => this.#start(request, rank, cwd, stdout, stderr));
      return Math.max(...(await Promise.all(ends)));
    } catch (error) {
      this.signal(constants.signals.SIGKILL);
      throw error;
    } finally {
      for (const descriptor of new Set([stdout, stderr])) closeSync(descriptor);
    }
  }

  #start(request: TasksRequest, rank: number, cwd: string, stdout: number, stderr: number): Promise<number> {
    const [program, ...words] = commandOf(request.command);
    const child = spawn(program!, words, {
      cwd,
      env: {
        ...environmentOf(request.jobspec),
        ...request.environment,
        FLUX_TASK_RANK: String(rank),
        FLUX_TASK_LOCAL_ID: String(rank),
        FLUX_JOB_SIZE: String(request.tasks),
        FLUX_JOB_NNODES: '1',
        FLUX_JOB_ID: request.id,
      },
      detached: true,
      stdio: ['ignore', stdout, stderr],
    });
    this.#children.push(child);
    return new Promise((resolve, reject) => {
      child.once('error', (error: NodeJS.ErrnoException) => {
        const [words, code] = error.code === 'ENOENT' ? ['No such file or directory', 127] : ['Permission denied', 126];
        reject(new StartError(`task ${rank} (host node1): start failed: ${program}: ${words}`, code << 8));
      });
      // A job shell tells of a task that a signal ended as shells do: 128 and the signal.
      child.once('exit', (code, signal) => resolve((code ?? 128 + constants.signals[signal!]) << 8));
    });
  }
}

/** Where real job shells go on in /tmp. */
function directoryOf(jobspec: unknown): string {
  const cwd = at(jobspec, 'attributes', 'system', 'cwd');
  return typeof cwd === 'string' && existsSync(cwd) ? cwd : '/tmp';
}

function environmentOf(jobspec: unknown): Record<string, string> {
  return { ...(at(jobspec, 'attributes', 'system', 'environment') as Record<string, string> | undefined) };
}

/** Whether the job is an instance of its own; its command may have a prefix. */
export function isNested(command: readonly string[]): boolean {
  return brokerAt(command) >= 0;
}

const brokerAt = (command: readonly string[]) =>
  command.findIndex((word, index) => word === 'flux' && command[index + 1] === 'broker');

/** A broker runs its initial program by the shell, and that is all that we do of it. */
function commandOf(command: readonly string[]): readonly string[] {
  const start = brokerAt(command);
  if (start < 0) return command;
  const words = command.slice(start + 2);
  const options = words.findIndex((word) => !word.startsWith('-'));
  return [...command.slice(0, start), '/bin/sh', '-c', words.slice(options).join(' ')];
}

/** @throws StartError */
function openOutputs({ jobspec, id }: TasksRequest, cwd: string): [stdout: number, stderr: number] {
  const output = at(jobspec, 'attributes', 'system', 'shell', 'options', 'output');
  const fileOf = (stream: string) => {
    const file = at(output, stream, 'path');
    return typeof file === 'string' ? path.resolve(cwd, file.replaceAll('{{id}}', id)) : undefined;
  };
  const stdoutFile = fileOf('stdout') ?? '/dev/null';
  const stderrFile = fileOf('stderr') ?? stdoutFile;
  try {
    const stdout = openSync(stdoutFile, 'w');
    return [stdout, stderrFile === stdoutFile ? stdout : openSync(stderrFile, 'w')];
  } catch {
    throw new StartError('shell_init: No such file or directory', 1 << 8);
  }
}
