import { errno, FluxError } from '../../flux/errors.js';
import type { Handle } from '../../flux/handle.js';
import { getInstanceState, watchInstance } from '../../flux/requests.js';

/** A broker that does not say within so many milliseconds how it is, is not well. */
const answerTime = 10_000;

/**
 * Whether a Flux instance is alive. When it ends, by the end of its allocation or because somebody tells it to, its jobs are
 * cancelled as if somebody had meant them.
 */
export class InstanceWatch {
  readonly #isOwner: boolean;
  readonly #onEnding: () => void;
  #isEnding = false;

  /** @param onEnding called when it is first seen that the instance is ending */
  constructor(isOwner: boolean, onEnding: () => void) {
    this.#isOwner = isOwner;
    this.#onEnding = onEnding;
  }

  get isEnding(): boolean {
    return this.#isEnding;
  }

  /** To be told of every new connection. That there is one again means that the instance may live again. */
  onUp(handle: Handle): void {
    this.#isEnding = false;
    if (this.#isOwner) {
      // If it cannot be watched, it is asked when it matters.
      watchInstance(
        handle,
        () => this.#end(),
        () => {},
      );
    }
    // The watch takes whatever state it finds for the usual one.
    void this.lives(handle);
  }

  /** Asks. False too if there is no answer, or no connection to ask on. */
  async lives(handle: Handle | undefined): Promise<boolean> {
    if (handle === undefined || this.#isEnding) return false;
    try {
      const state = await getInstanceState(handle, answerTime);
      if (state !== 'run') this.#end();
      return !this.#isEnding;
    } catch (error) {
      // A broker that has no such service cannot be asked, and is believed.
      return error instanceof FluxError && error.errno === errno.ENOSYS && !handle.isClosed;
    }
  }

  #end(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#onEnding();
  }
}
