import { pipeline } from 'node:stream/promises';
import { AfterMark } from '../marker-stream.js';
import type { Marks } from './remote-shell.js';
import type { Session } from './transport.js';

/**
 * A session in which a bash of ours waits for a command, or runs one. Its outputs are read from the beginning: the end of a session
 * whose outputs nobody reads is not seen.
 */
export class ShellSession {
  readonly session: Session;
  /** What the command prints. */
  readonly stdout: AfterMark;
  readonly stderr: AfterMark;
  #isOver = false;

  constructor(session: Session, { begin }: Marks) {
    this.session = session;
    this.stdout = new AfterMark(begin);
    this.stderr = new AfterMark(begin);
    const end = () => {
      this.#isOver = true;
    };
    for (const stream of [session.stdout, session.stderr]) for (const word of ['end', 'close']) stream.once(word, end);
    session.exit.then(end, end);
    // A broken stream breaks the session too, which reports it.
    pipeline(session.stdout, this.stdout).catch(() => {});
    pipeline(session.stderr, this.stderr).catch(() => {});
  }

  /** Whether the bash is there, as far as is known without asking. */
  get isThere(): boolean {
    return !this.#isOver && this.session.isConnected();
  }
}
