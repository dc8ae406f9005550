import type { Duplex, Readable, Writable } from 'node:stream';

/**
 * A machine on which commands run: this one, or a cluster's login node. Files travel through commands too, so a new way
 * to reach a machine has only this to implement.
 */
export interface Host {
  /** What messages call it. */
  readonly name: string;
  /**
   * Runs bash text after the user's `setup` lines, in the environment of a step, from the file system's root.
   *
   * The command leads its own session and process group (its `$$` is the group's id) and so outlives this program. That
   * nothing of its `setup` reaches stdout is part of the contract.
   */
  spawn(command: string): HostProcess;
  /**
   * Connects to a Unix socket of the machine, where that takes no command: on this one. Failure is an `error` of the stream.
   * Elsewhere a command carries the bytes.
   */
  connect?(socket: string): Duplex;
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
export class HostError extends Error {
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
