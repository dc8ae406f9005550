import { Lsf } from '../lsf.js';
import type { BatchSite } from './site.js';

const slots = 4;

/** The stand-in for LSF. A minute of a run limit is a second there. */
export async function startLsfSite(): Promise<BatchSite> {
  const lsf = await Lsf.start({ slots, minuteMs: 1000, terminateIntervalMs: 300 });
  return {
    batch: { type: 'lsf', host: 'here', bank: 'guests', queue: 'normal' },
    job: { nodes: 1, procs: 1 },
    whole: { nodes: slots, procs: slots },
    environment: lsf.environment,
    fluxTarget: '',
    cancel: (id) => lsf.bkill(id),
    failNode: (id) => lsf.kill(id, 'TERM_REMOVE_HUNG_JOB: job removed from LSF'),
    expire: async () => {},
    loseNextAnswer: async () => {
      await lsf.set('lost answer');
      // Then the job is looked for by its description.
      const wasLost = async () => (await lsf.calls()).some((call) => call.includes('job_description'));
      return { options: {}, wasLost };
    },
    activeJobs: async () => {
      const jobs = await lsf.jobs();
      return jobs.filter(({ state }) => !['DONE', 'EXIT'].includes(state)).map(({ id }) => String(id));
    },
    stop: () => lsf.stop(),
  };
}
