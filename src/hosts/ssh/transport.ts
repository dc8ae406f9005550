import type { Readable, Writable } from 'node:stream';
import { HostError } from '../host.js';

/**
 * A connection to a machine by SSH, whichever client makes it. It is made when it is first used, and again when it is used
 * after it broke. A failed attempt is not repeated.
 */
export interface Transport {
  /** What messages call the machine: `user@name`. */
  readonly name: string;
  /** Whether there is a connection, as far as is known. */
  readonly isConnected: boolean;
  /** Whether sessions come about in the order in which they are asked for, so that the server refuses the last ones. */
  readonly keepsOrder: boolean;
  /**
   * Connects, if there is no connection.
   *
   * @throws SshError if there is no way there
   */
  connect(): Promise<void>;
  /**
   * Has the user's login shell run a command line in a session of its own.
   *
   * @param mayConnect whether it connects if there is no connection; true by default
   * @throws SshError if there is no way there: then nothing was run
   */
  open(commandLine: string, mayConnect?: boolean): Promise<Session>;
  /** Another connection to the same machine, by the same login and with the same trust; not made yet. */
  another(): Transport;
  /** Ends the connection. Commands that still run on the machine go on. */
  close(): void;
}

/** A command line that a login shell runs. */
export interface Session {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /**
   * When it is over and its streams have ended: the exit status, 128 + N if signal N ended it.
   * Rejects with HostLostError if it ended without telling how: with its connection, or by itself. Rejects with SshError if
   * it did not come about: then nothing was run.
   */
  readonly exit: Promise<number>;
  /** Whether its connection stands, as far as is known. */
  isConnected(): boolean;
  /** Closes the session, whether or not the command has ended. */
  close(): void;
}

/**
 * `connection`: the machine cannot be reached at the moment. `unknown`: its name cannot be resolved. `session`: it can be
 * reached, but allows no further session besides those that are open. `refused`: it rejects the login, or its host key is
 * not trusted: trying again does not help.
 */
export type SshFailure = 'connection' | 'unknown' | 'session' | 'refused';

/** There is no way to a machine, and why. */
export class SshError extends HostError {
  readonly kind: SshFailure;

  constructor(kind: SshFailure, message: string) {
    super(message);
    this.name = 'SshError';
    this.kind = kind;
  }
}
