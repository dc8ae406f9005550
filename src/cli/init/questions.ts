import { createInterface } from 'node:readline/promises';
import { InputError } from '../../util/errors.js';
import { inert } from '../../util/log/plain-text.js';
import { WrongAnswer } from './fields.js';

/** Asks a person. */
export interface Person {
  /**
   * Asks until the answer can be used.
   *
   * @param read what an answer means. @throws WrongAnswer
   * @throws InputError if there is no answer any more
   */
  ask<T>(question: string, read: (answer: string) => T): Promise<T>;
  tell(text: string): void;
  close(): void;
}

/** The person at the terminal; undefined if there is none. @param cancel ends a question */
export function personAtTerminal(cancel: AbortSignal): Person | undefined {
  const { stdin, stdout } = process;
  if (!stdin.isTTY || !stdout.isTTY) return undefined;
  const lines = createInterface({ input: stdin, output: stdout });
  const gone = new AbortController();
  // In place of a signal, as the terminal is in raw mode while it reads a line.
  lines.on('SIGINT', () => gone.abort());
  lines.on('close', () => gone.abort());
  return personOf({
    readLine: (question) => lines.question(question, { signal: AbortSignal.any([cancel, gone.signal]) }),
    write: (text) => stdout.write(text),
    close: () => lines.close(),
  });
}

/** Who answers lines to questions. `readLine` fails with an AbortError when nobody does. */
export function personOf({
  readLine,
  write,
  close,
}: {
  readonly readLine: (question: string) => Promise<string>;
  readonly write: (text: string) => void;
  readonly close: () => void;
}): Person {
  return {
    async ask(question, read) {
      for (;;) {
        const answer = await readLine(question).catch((error: Error) => {
          if (error.name !== 'AbortError') throw error;
          throw new InputError(['no answer, so nothing was written']);
        });
        try {
          return read(answer.trim());
        } catch (error) {
          if (!(error instanceof WrongAnswer)) throw error;
          write(`  ${inert(error.message)}\n`);
        }
      }
    },
    tell: write,
    close,
  };
}
