import { FluxError, RequestTimeout } from '../../flux/errors.js';
import type { Handle } from '../../flux/handle.js';
import { getIdentity, type InstanceIdentity } from '../../flux/identity.js';
import { AnswerError, getInstanceState, watchInstance } from '../../flux/requests.js';
import type { Clock } from '../../util/clock.js';

/** `unknown`: there is no answer, or the instance is only starting. */
export type InstanceState = 'run' | 'ending' | 'unknown';

export interface InstanceListener {
  /** It was not known to run, and now it is. */
  readonly onRun: () => void;
  readonly onEnding: () => void;
  /** The broker is connected, and gives no answer, or none that can be understood. */
  readonly onTrouble: (reason: string) => void;
}

/** A broker that does not tell its state within this time is in trouble. */
const ANSWER_TIMEOUT_MS = 10_000;

/** A broker that is starting is asked again after this time. */
const STARTING_CHECK_DELAY_MS = 5_000;

/** What a broker's state machine comes to after `run`, in all versions. */
const endingStates: ReadonlySet<string> = new Set([
  'cleanup',
  'shutdown',
  'finalize',
  'goodbye',
  'unload-builtins',
  'exit',
]);

/**
 * Whether a Flux instance is alive. When it ends, with its allocation or by a command, its jobs are cancelled in the same way
 * as jobs that a user cancels.
 */
export class InstanceMonitor {
  readonly #isOwner: boolean;
  readonly #clock: Clock;
  readonly #listener: InstanceListener;
  #handle: Handle | undefined;
  #identity: Promise<InstanceIdentity | undefined> | undefined;
  #state: InstanceState = 'unknown';
  #stopTimer: () => void = () => {};

  /** @param isOwner whether the instance is ours: then it says by itself when it ends; a guest has to ask */
  constructor(isOwner: boolean, clock: Clock, listener: InstanceListener) {
    this.#isOwner = isOwner;
    this.#clock = clock;
    this.#listener = listener;
  }

  /** As far as it is known without asking. */
  get state(): InstanceState {
    return this.#state;
  }

  /** To be told of every new connection. An instance that was ending is taken to be ending until it is seen to run. */
  onUp(handle: Handle): void {
    this.#handle = handle;
    this.#identity = undefined;
    if (this.#state === 'run') this.#state = 'unknown';
    const ask = () => void this.ask();
    // If it cannot be watched, it is asked when it matters.
    if (this.#isOwner) watchInstance(handle, ask, () => {});
    ask();
  }

  onDown(): void {
    this.#handle = undefined;
    this.#stopTimer();
  }

  /** Which life of the instance the present connection leads to; undefined if that cannot be asked now. */
  identity(): Promise<InstanceIdentity | undefined> {
    if (this.#handle === undefined) return Promise.resolve(undefined);
    this.#identity ??= this.#identify(this.#handle);
    return this.#identity;
  }

  async #identify(handle: Handle): Promise<InstanceIdentity | undefined> {
    try {
      return await getIdentity(handle);
    } catch (error) {
      if (error instanceof RequestTimeout || error instanceof AnswerError) this.#listener.onTrouble(error.message);
      // A broker that cannot tell when it started is taken for one that was not started again.
      return error instanceof FluxError ? { host: '', startedAt: undefined, owner: undefined, text: '' } : undefined;
    }
  }

  /** Asks the broker. */
  async ask(): Promise<InstanceState> {
    const handle = this.#handle;
    if (handle === undefined) return this.#state === 'run' ? 'unknown' : this.#state;
    try {
      return this.#saw(await getInstanceState(handle, ANSWER_TIMEOUT_MS));
    } catch (error) {
      if (error instanceof RequestTimeout || error instanceof AnswerError) this.#listener.onTrouble(error.message);
      // A broker that cannot tell is believed to run.
      if (error instanceof FluxError) return this.#saw('run');
      return this.#state === 'ending' ? 'ending' : 'unknown';
    }
  }

  #saw(name: string): InstanceState {
    const before = this.#state;
    this.#state = name === 'run' ? 'run' : endingStates.has(name) ? 'ending' : 'unknown';
    this.#stopTimer();
    if (this.#state === 'unknown') this.#stopTimer = this.#clock.after(STARTING_CHECK_DELAY_MS, () => void this.ask());
    if (this.#state !== before && this.#state === 'run') this.#listener.onRun();
    if (this.#state !== before && this.#state === 'ending') this.#listener.onEnding();
    return this.#state;
  }
}
