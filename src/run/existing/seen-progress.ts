import { sortedBy } from '../../report/attention.js';
import { systemClock } from '../../util/clock.js';
import type { Log } from '../../util/log/log.js';
import { Progress } from '../progress.js';
import type { SeenInstance } from './view.js';

/** Tells the progress of a study that another process drives, from what is seen of it now and then. */
export class SeenProgress {
  readonly #log: Log;
  #progress: Progress | undefined;
  /** The steps that the progress is about, and what was last seen of each. */
  #names = '';
  #seen: readonly string[] = [];

  constructor(log: Log) {
    this.#log = log;
  }

  /** Tells what has changed since the last time. */
  see(instances: readonly SeenInstance[]): void {
    if (instances.length === 0) return;
    const names = JSON.stringify(instances.map(({ name }) => name));
    const records = instances.map(({ record }) => record);
    const now = records.map(
      ({ state, reason, ended, jobs }) => `${state} ${ended} ${jobs.length} ${jobs.at(-1)?.id} ${reason}`,
    );
    if (names !== this.#names) {
      // Another plan: a run that continues the study may have a spec that has changed.
      this.end();
      this.#progress = new Progress(this.#log, { steps: instances }, systemClock);
      this.#names = names;
      // What has been before the watching is in its first line.
      this.#seen = now;
    }
    const changed = now.flatMap((each, i) => (each === this.#seen[i] ? [] : [i]));
    this.#seen = now;
    this.#progress ??= new Progress(this.#log, { steps: instances }, systemClock);
    // What was seen at once has happened one after the other.
    const when = (i: number) => records[i]!.ended ?? Number.POSITIVE_INFINITY;
    const inOrder = sortedBy(changed, when);
    if (inOrder.length === 0) this.#progress.onChange(records, []);
    for (const index of inOrder) this.#progress.onChange(records, [index]);
  }

  end(): void {
    this.#progress?.end();
    this.#progress = undefined;
  }
}
