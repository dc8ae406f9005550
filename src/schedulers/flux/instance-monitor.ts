import { FluxError, RequestTimeout } from '../../flux/errors.js';
import type { Handle } from '../../flux/handle.js';
import { getIdentity, type InstanceIdentity } from '../../flux/identity.js';
import { AnswerError, getInstanceState, watchInstance } from '../../flux/requests.js';
import type { Clock } from '../../util/clock.js';

/** `unknown`: the broker does not answer, or the instance is still starting. */
export type InstanceState = 'run' | 'ending' | 'unknown';

export interface InstanceListener {
  /** The state has changed to `run`. */
  readonly onRun: () => void;
  readonly onEnding: () => void;
  /** The broker is connected but does not answer, or its answer cannot be parsed. */
  readonly onTrouble: (reason: string) => void;
}

/** A broker that does not tell its state within this time is in trouble. */
const ANSWER_TIMEOUT_MS = 10_000;

/** A broker that is starting is asked again after this time. */
const STARTING_CHECK_DELAY_MS = 5_000;

/** The states of a broker after `run`, in all versions of Flux. */
const endingStates: ReadonlySet<string> = new Set([
  'cleanup',
  'shutdown',
  'finalize',
  'goodbye',
  'unload-builtins',
  'exit',
]);

/**
 * Watches whether a Flux instance is shutting down. This must be known before the end of a job is interpreted, because
 * an instance that shuts down cancels its jobs in the same way as a user does.
 */
export class InstanceMonitor {
  readonly #isOwner: boolean;
  readonly #clock: Clock;
  readonly #listener: InstanceListener;
  #handle: Handle | undefined;
  #identity: Promise<InstanceIdentity | undefined> | undefined;
  #state: InstanceState = 'unknown';
  #stopTimer: () => void = () => {};

  /** @param isOwner whether the user owns the instance: then the broker reports its end; a guest has to ask */
  constructor(isOwner: boolean, clock: Clock, listener: InstanceListener) {
    this.#isOwner = isOwner;
    this.#clock = clock;
    this.#listener = listener;
  }

  /** The latest known state. */
  get state(): InstanceState {
    return this.#state;
  }

  /** To be called on every new connection. The state `ending` is kept until the broker reports `run`. */
  onUp(handle: Handle): void {
    this.#handle = handle;
    this.#identity = undefined;
    if (this.#state === 'run') this.#state = 'unknown';
    const ask = () => void this.ask();
    // If the watch fails, `ask` still finds out the state when it is needed.
    if (this.#isOwner) watchInstance(handle, ask, () => {});
    ask();
  }

  onDown(): void {
    this.#handle = undefined;
    this.#stopTimer();
  }

  /** Identifies the instance, and when it was started; undefined if the broker cannot be asked now. */
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
      // A broker that cannot tell when it was started is treated as one that was not restarted.
      return error instanceof FluxError ? { host: '', startedAt: undefined, owner: undefined, text: '' } : undefined;
    }
  }

  /** Asks the broker for its present state. */
  async ask(): Promise<InstanceState> {
    const handle = this.#handle;
    if (handle === undefined) return this.#state === 'run' ? 'unknown' : this.#state;
    try {
      return this.#saw(await getInstanceState(handle, ANSWER_TIMEOUT_MS));
    } catch (error) {
      if (error instanceof RequestTimeout || error instanceof AnswerError) this.#listener.onTrouble(error.message);
      // A broker that refuses the question answers at least, so it is assumed to run.
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
