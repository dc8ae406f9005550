import type { Host } from '../../hosts/host.js';
import type { QueuedJob } from '../../store/journal/records.js';
import { isDriven } from '../../store/look/driver.js';
import { followStudy } from '../../store/look/follow.js';
import type { BriefSight, MaestroSight, StudySight } from '../../store/look/look.js';
import { systemClock } from '../../util/clock.js';
import { sleep } from '../../util/sleep.js';
import { type BriefView, briefViewOf, type SeenStatus, type StudyView, viewOf } from '../existing/view.js';
import { findConductorJob, jobWords, type SeenConductorJob } from './job.js';

/** How often a batch system is asked about a conductor that is followed. */
const ASK_EVERY_MS = 30_000;

/** A study as it was seen, and the job of its conductor, if that is what drives it, or will. */
export interface ConductedView {
  readonly view: StudyView;
  readonly job: QueuedJob | undefined;
}

/**
 * The job that is to conduct a study, or conducts it by the word of the queue, although nothing was heard of that.
 *
 * A study that was interrupted is gone on with by whatever job of a conductor there is. One that has ended is only by a job that was asked
 * for since, such as that of a re-run: an older one has ended the study, or leaves it as it is.
 *
 * @returns undefined if there is none, or something drives the study
 * @throws HostError
 */
export async function awaitedJob(host: Host, sight: StudySight): Promise<SeenConductorJob | undefined> {
  if (isDriven(sight.driver)) return undefined;
  return notOver(host, sight.path, viewOf(sight).status);
}

async function notOver(host: Host, path: string, status: SeenStatus): Promise<SeenConductorJob | undefined> {
  const seen = await findConductorJob(host, path, { isAhead: status !== 'INTERRUPTED' });
  return seen?.phase === 'over' ? undefined : seen;
}

/**
 * Puts together what was seen of a study. One that nothing seems to drive is asked for the job of its conductor: until the batch system
 * says that this is over, the study goes on.
 *
 * @throws HostError
 */
export async function conductedView(host: Host, sight: StudySight | MaestroSight): Promise<ConductedView> {
  const view = viewOf(sight);
  const seen = 'state' in sight ? await awaitedJob(host, sight) : undefined;
  if (seen === undefined) return { view, job: undefined };
  const { job, phase, words } = seen;
  const why = {
    waiting: `its conductor, ${jobWords(job)}, waits in the queue: ${words}`,
    running: `its conductor, ${jobWords(job)}, runs according to the queue (${words}), but has not been heard from`,
    unknown: `its conductor is ${jobWords(job)}, which cannot be asked about: ${words}`,
    over: '',
  }[phase];
  return { view: { ...view, status: 'RUNNING', why, begun: view.begun ?? view.now, ended: undefined }, job };
}

/**
 * The same for several studies: of those that nothing seems to drive, the ones whose conductors are jobs that are not over count as
 * running.
 *
 * @throws HostError
 */
export async function conductedBriefs(host: Host, sights: readonly BriefSight[]): Promise<BriefView[]> {
  const views: BriefView[] = [];
  for (const sight of sights) {
    const view = briefViewOf(sight);
    const { path, conductorJob } = sight;
    const mayWait = view.status === 'INTERRUPTED' ? conductorJob !== 'none' : conductorJob === 'ahead';
    const job = mayWait && view.status !== 'RUNNING' ? await notOver(host, path, view.status) : undefined;
    views.push(job === undefined ? view : { ...view, status: 'RUNNING' });
  }
  return views;
}

/** Follows a study as `followStudy` does, also while its conductor waits in a queue, which is asked again and again. */
export async function* followConducted(
  host: Host,
  path: string,
  cancel: AbortSignal,
): AsyncGenerator<ConductedView & { readonly sight: StudySight }> {
  const over = new AbortController();
  const stop = () => over.abort();
  if (cancel.aborted) stop();
  else cancel.addEventListener('abort', stop, { once: true });
  const sights = followStudy(host, path, over.signal);
  let coming = sights.next();
  try {
    let last: StudySight | undefined;
    let isAwaited = false;
    for (;;) {
      const pause = new AbortController();
      const next = await (isAwaited
        ? Promise.race([coming, sleep(systemClock, ASK_EVERY_MS, pause.signal).then(() => undefined)])
        : coming);
      pause.abort();
      if (next !== undefined) {
        if (next.done) return;
        last = next.value;
        coming = sights.next();
      }
      if (cancel.aborted) return;
      const seen = await conductedView(host, last!);
      isAwaited = seen.job !== undefined;
      yield { ...seen, sight: last! };
    }
  } finally {
    cancel.removeEventListener('abort', stop);
    stop();
    coming.catch(() => {});
  }
}
