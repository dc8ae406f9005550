import { connect, createServer, type Server } from 'node:net';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import type { SimulatedBroker } from '../simulated-broker.js';

/** What `flux start` knows and its broker does not tell: it says so on a socket of its own, beside the broker's. */
export interface Facts {
  readonly pid: number;
  readonly host: string;
  readonly jobs: readonly {
    /** As F58. */
    readonly id: string;
    readonly state: string;
    readonly name: string;
    readonly ntasks: number;
    /** Once it is over: COMPLETED, FAILED, CANCELED, TIMEOUT. */
    readonly result: string | undefined;
  }[];
}

const socketBeside = (socket: string) => path.join(path.dirname(socket), 'stand-in');

export async function tellFacts(broker: SimulatedBroker, facts: () => Facts): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.end(JSON.stringify(facts()));
  });
  const file = socketBeside(broker.uri.replace('local://', ''));
  await new Promise<void>((resolve) => server.listen(file, resolve));
  return server;
}

/** @returns undefined if the broker at that socket is not one that the stand-in has started */
export async function readFacts(socket: string): Promise<Facts | undefined> {
  try {
    return JSON.parse(await text(connect(socketBeside(socket)))) as Facts;
  } catch {
    return undefined;
  }
}
