import { PassThrough, type Readable } from 'node:stream';
import type { Host, HostProcess, SpawnOptions } from '../../src/hosts/host.js';
import { plainHost } from './hosts.js';

/**
 * This machine, which counts the trips to a machine far away: what is sent after an answer came goes with a later trip than what that
 * answered; what waits for no answer goes at once.
 */
export class CountingHost implements Host {
  readonly name = 'this machine';
  readonly commands: string[] = [];
  /** The trip with which the latest answer came. */
  #answered = 0;
  readonly #onAnswer: (text: string, trip: number) => void;

  /** @param onAnswer gets what a command printed, and the trip with which it was asked for that */
  constructor(onAnswer: (text: string, trip: number) => void) {
    this.#onAnswer = onAnswer;
  }

  spawn(command: string, options?: SpawnOptions): HostProcess {
    this.commands.push(command);
    const process = plainHost().spawn(command, options);
    let trip = this.#answered + 1;
    const stdin = new PassThrough();
    stdin.on('data', () => {
      trip = this.#answered + 1;
    });
    stdin.pipe(process.stdin);
    const answer = () => {
      this.#answered = Math.max(this.#answered, trip);
    };
    const heard = (stream: Readable) => {
      const passed = new PassThrough();
      stream.on('data', (chunk: Buffer) => {
        this.#onAnswer(chunk.toString(), trip);
        answer();
      });
      stream.pipe(passed);
      return passed;
    };
    const exit = process.exit.finally(answer);
    exit.catch(() => {});
    return { stdin, stdout: heard(process.stdout), stderr: heard(process.stderr), exit, leave: () => process.leave() };
  }
}
