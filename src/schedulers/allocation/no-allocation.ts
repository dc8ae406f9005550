import type { Interruption } from '../../causes/interruption.js';
import { BackendError } from '../../util/errors.js';

/** A study has no allocation to run in, but can be continued with another one. */
export class NoAllocationError extends BackendError {
  readonly kind: Interruption;

  /** @param hint what to do about it */
  constructor(message: string, hint: string, kind: Interruption) {
    super(message, hint);
    this.name = 'NoAllocationError';
    this.kind = kind;
  }
}
