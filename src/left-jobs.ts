import { BrokerError } from './broker/errors.js';
import type { JournalState } from './conductor/journal/records.js';

/**
 * Makes sure that jobs which an earlier driver submitted to another broker cannot run any more: their steps would run twice.
 *
 * @param uri the broker of this run
 * @param answers whether there is a broker at an address
 * @throws BrokerError if one of theirs still runs
 */
export async function refuseJobsElsewhere(
  { plan, records }: JournalState,
  uri: string,
  answers: (uri: string) => Promise<boolean>,
): Promise<void> {
  const places = new Map<string, string[]>();
  for (const [index, { jobs }] of records.entries()) {
    const job = jobs.at(-1);
    if (job === undefined || job.ended !== null || job.place === '' || socketOf(job.place) === socketOf(uri)) continue;
    places.set(job.place, [...(places.get(job.place) ?? []), `${job.id} of ${plan!.steps[index]!.name}`]);
  }
  for (const [place, jobs] of places) {
    if (!(await answers(place))) continue;
    const shown = jobs.length > 3 ? `${jobs.slice(0, 3).join(', ')} and ${jobs.length - 3} more` : jobs.join(', ');
    throw new BrokerError(
      `jobs of this study are in the hands of another Flux broker, ${place}, which still runs (${shown}); this run is for ${uri}`,
      `continue the study there (\`flux: ${place}\`), or cancel those jobs first`,
    );
  }
}

/** The same instance is seen by several ways (`local://`, `ssh://` of a node), but its socket has one path, with chance in it. */
function socketOf(uri: string): string {
  return uri.replace(/^[a-z]+:\/\/[^/]*/, '');
}
