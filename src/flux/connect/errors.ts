/** There is no broker to run on, or it cannot do what the study needs. Says what to do about it. */
export class BrokerError extends Error {
  constructor(message: string, hint: string) {
    super(`${message} (${hint})`);
    this.name = 'BrokerError';
  }
}
