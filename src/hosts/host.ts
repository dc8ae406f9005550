import type { Duplex, Readable, Writable } from 'node:stream';
import { UserError } from '../util/errors.js';

/**
 * A machine on which commands run: this one, or a cluster's login node. Files travel through commands too, so a new way
 * to reach a machine has only this to implement.
 */
export interface Host {
  /** What messages call it. */
  readonly name: string;
  /**
   * Runs bash text from the file system's root, in what the user's `setup` makes of the environment, but for variables that
   * change what commands print or do.
   *
   * The command leads its own session and process group and so outlives this program. Its `$$` is the group's id, but for a
   * command that is for steps.
   */
  spawn(command: string, options?: SpawnOptions): HostProcess;
  /**
   * Connects to a Unix socket of the machine, where that takes no command: on this one. Failure is an `error` of the stream.
   * Elsewhere a command carries the bytes.
   */
  connect?(socket: string): Duplex;
  /** Whether files that this process writes are as if a command there had: it is this machine, and they have the same modes. */
  readonly runsAsThisProcess?: boolean;
}

export interface SpawnOptions {
  /** Whether it runs what is the user's: in his environment as it is, with the limits that `setup` sets. */
  readonly isForSteps?: boolean;
}

export interface HostProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /**
   * When the command has ended and its streams are at their end.
   * Rejects with HostError if it could not be started, with HostLostError if the way to it was lost.
   */
  readonly exit: Promise<Exit>;
  /** Lets the command go on without us: nothing waits for it any more, not even the end of this program. */
  leave(): void;
}

export interface Exit {
  /** Exit status; 128 + N if signal N ended it, as shells have it. */
  readonly code: number;
}

/** The machine could not do what was asked, for a reason that is not the user's script. */
export class HostError extends UserError {
  constructor(message: string) {
    super(message);
    this.name = 'HostError';
  }
}

/** The way to the machine broke before a command had ended: whether it ran, and how it ended, is not known. It may run still. */
export class HostLostError extends HostError {
  constructor(message: string) {
    super(message);
    this.name = 'HostLostError';
  }
}
