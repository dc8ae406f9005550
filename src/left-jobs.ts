import { BrokerError } from './broker/errors.js';
import type { JournalState } from './conductor/journal/records.js';
import { openJob } from './conductor/state.js';
import type { Host } from './hosts/host.js';
import { readClaims } from './schedulers/claims.js';

/** Whether there is a broker at an address; unknown if there is no way there from here. */
export type Answer = 'yes' | 'no' | 'unknown';

/** What is asked about jobs that an earlier driver submitted to another broker. */
export interface Elsewhere {
  readonly host: Host;
  readonly studyPath: string;
  /** The broker of this run. */
  readonly uri: string;
  readonly answers: (uri: string) => Promise<Answer>;
  /** Whether the user says that what cannot be reached is over (`resume: always`). */
  readonly isForced: boolean;
}

/**
 * Makes sure that jobs which an earlier driver submitted to another broker cannot run any more: their steps would run twice.
 *
 * @throws BrokerError if one of theirs still runs, or may
 */
export async function refuseJobsElsewhere(
  { plan, records, unwanted }: JournalState,
  { host, studyPath, uri, answers, isForced }: Elsewhere,
): Promise<void> {
  const taken = records.flatMap((record, index) => {
    const job = openJob(record);
    const { name, workspace } = plan?.steps[index] ?? { name: '', workspace: '' };
    return job === undefined ? [] : [{ ...job, step: name, workspace }];
  });
  const jobs = [...taken, ...unwanted].filter(({ place }) => place !== '' && socketOf(place) !== socketOf(uri));
  const claims = await readClaims(host, studyPath, jobs);
  const places = new Map<string, string[]>();
  for (const [i, { step, id, place }] of jobs.entries()) {
    // One that has written down how it ended does not run.
    if ((claims[i]?.exits.length ?? 0) > 0) continue;
    places.set(place, [...(places.get(place) ?? []), `${id} of ${step}`]);
  }
  for (const [place, names] of places) {
    const answer = await answers(place);
    if (answer === 'no' || (answer === 'unknown' && isForced)) continue;
    const shown = names.length > 3 ? `${names.slice(0, 3).join(', ')} and ${names.length - 3} more` : names.join(', ');
    if (answer === 'yes') {
      throw new BrokerError(
        `jobs of this study are in the hands of another Flux broker, ${place}, which still runs (${shown}); this run is for ${uri}`,
        `continue the study there (\`flux: ${place}\`), or cancel those jobs and wait until they are over`,
      );
    }
    throw new BrokerError(
      `jobs of this study are in the hands of another Flux broker, ${place}, which cannot be reached from here, so that they may run still (${shown})`,
      'continue the study where it can be reached, or, if you know that it is over, with `resume: always`',
    );
  }
}

/** The same instance is seen by several ways (`local://`, `ssh://` of a node), but its socket has one path, with chance in it. */
function socketOf(uri: string): string {
  return uri.replace(/^[a-z]+:\/\/[^/]*/, '');
}
