import { findOutputs } from '../conductor/maestro/find-outputs.js';
import type { StatusRow } from '../conductor/maestro/read-status.js';
import { type MaestroEnd, recordsOf } from '../conductor/maestro/records.js';
import type { Host } from '../hosts/host.js';
import type { Plan } from '../scripts/plan.js';
import type { StudySession } from '../store/session.js';
import { newRecord, type StepRecord } from '../study/state.js';
import type { Clock } from '../util/clock.js';
import type { Log } from '../util/log/log.js';
import type { RunObserver } from './context.js';
import { Progress } from './progress.js';

export interface MaestroFollowerOptions {
  readonly host: Host;
  readonly log: Log;
  readonly clock: Clock;
  readonly observer: Pick<RunObserver, 'changed'> | undefined;
  readonly session: StudySession;
  readonly plan: Plan;
  /** Where scheduled jobs run: the URI of a broker; '' if that does not matter. */
  readonly endpoint: string;
}

/** Keeps the records of the steps by what Maestro writes about them. */
export class MaestroFollower {
  readonly #options: MaestroFollowerOptions;
  readonly #progress: Progress;
  #rows: readonly StatusRow[] = [];
  #records: StepRecord[];

  constructor(options: MaestroFollowerOptions) {
    const { log, clock, plan } = options;
    this.#options = options;
    this.#progress = new Progress(log, plan.graph, clock);
    this.#records = plan.graph.steps.map(() => newRecord());
  }

  get records(): readonly StepRecord[] {
    return this.#records;
  }

  get hasRows(): boolean {
    return this.#rows.length > 0;
  }

  take(rows: readonly StatusRow[]): void {
    // The file is empty while it is written.
    if (rows.length === 0) return;
    this.#rows = rows;
    this.#update(undefined);
  }

  /**
   * Takes the end of Maestro.
   *
   * @param end undefined if Maestro goes on
   * @param cancelReason why steps are cancelled, if they are
   */
  async finish(end: MaestroEnd | undefined, cancelReason: string): Promise<void> {
    if (end !== undefined) {
      this.#update(end, cancelReason);
      await this.#findOutputs();
    }
    this.#progress.end();
  }

  /** Maestro does not tell the process ids of local steps that failed, which are in the names of their outputs. */
  async #findOutputs(): Promise<void> {
    const { host, session, plan } = this.#options;
    const { graph, places } = plan;
    const unknown = graph.steps.filter(
      ({ index, scheduled }) => !scheduled && this.#records[index]!.jobs.at(-1)?.id === '',
    );
    const ids = await findOutputs(host, places.studyPath, unknown);
    for (const [i, { index }] of unknown.entries()) this.#records[index]!.jobs.at(-1)!.id = ids[i] ?? '';
    session.journal.note(
      unknown.map(({ index }) => index),
      this.#records,
    );
  }

  #update(end: MaestroEnd | undefined, cancelReason = ''): void {
    const { plan, clock, endpoint, session, observer } = this.#options;
    const before = this.#records;
    this.#records = recordsOf(plan.graph, this.#rows, { end, endpoint, cancelReason, now: clock.now() });
    // A step that is over keeps the time at which that was first seen.
    this.#records = this.#records.map((record, i) => (isSame(before[i]!, record) ? before[i]! : record));
    const changed = this.#records.flatMap((record, i) => (record === before[i] ? [] : [i]));
    if (changed.length === 0) return;
    session.journal.note(changed, this.#records);
    this.#progress.onChange(this.#records, changed);
    observer?.changed(this.#records);
  }
}

function isSame(before: StepRecord, after: StepRecord): boolean {
  const [known, now] = [before.jobs.at(-1), after.jobs.at(-1)];
  return (
    before.state === after.state &&
    known?.id === now?.id &&
    before.restarts === after.restarts &&
    before.started === after.started
  );
}
