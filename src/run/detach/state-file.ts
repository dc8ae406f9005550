import { renameSync, writeFileSync } from 'node:fs';
import type { StartState } from './parcel.js';

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
