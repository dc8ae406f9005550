import { plainHost, WatchedHost } from '../../support/hosts.js';

/** This machine, as if it were another: nothing connects to its sockets but by a command. */
export class FarHost extends WatchedHost {
  constructor(environment: Readonly<Record<string, string>> = {}, setup = '') {
    super(plainHost(setup, environment));
    Object.assign(this, { connect: undefined });
  }
}
