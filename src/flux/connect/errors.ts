import { UserError } from '../../util/errors.js';

/** There is no broker to run on, or it cannot do what the study needs. Says what to do about it. */
export class BrokerError extends UserError {
  constructor(message: string, hint: string) {
    super(`${message} (${hint})`);
    this.name = 'BrokerError';
  }
}
