import { renameSync, writeFileSync } from 'node:fs';
import * as z from 'zod';
import { type StudyStatus, studyStatuses } from '../../study/state.js';
import { parseAs } from '../../util/json.js';

/** How far a detached start has come. */
export type StartState =
  | { readonly state: 'runs'; readonly words: string }
  | { readonly state: 'ended'; readonly status: StudyStatus }
  | { readonly state: 'failed'; readonly reasons: readonly string[] };

const stateSchema = z.union([
  z.object({ state: z.literal('runs'), words: z.string() }),
  z.object({ state: z.literal('ended'), status: z.enum(studyStatuses) }),
  z.object({ state: z.literal('failed'), reasons: z.array(z.string()) }),
]) satisfies z.ZodType<StartState>;

/** @returns undefined for a text that is no state: the file is being written, or there is none yet */
export function parseState(text: string): StartState | undefined {
  return parseAs(stateSchema, text);
}

/** Tells the process that has started a detached study, by a file, how far that has come. */
export class StartStateFile {
  readonly #path: string;
  #hasRun = false;

  constructor(path: string) {
    this.#path = path;
  }

  /** Reports that the study runs. Only the first call writes. */
  runs(words: string): void {
    if (this.#hasRun) return;
    this.#hasRun = true;
    this.write({ state: 'runs', words });
  }

  write(state: StartState): void {
    const temporary = `${this.#path}.${process.pid}`;
    try {
      writeFileSync(temporary, JSON.stringify(state), { mode: 0o600 });
      renameSync(temporary, this.#path);
    } catch {
      // The conductor's log says the same, and the study matters more.
    }
  }
}
