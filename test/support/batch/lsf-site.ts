import { Lsf } from '../lsf.js';
import type { BatchSite } from './site.js';

const cores = 4;

/** The stand-in for LSF. A minute of a run limit is a second there. */
export async function startLsfSite(): Promise<BatchSite> {
  const lsf = await Lsf.start({ slots: cores, minuteMs: 1000, terminateIntervalMs: 300 });
  return {
    batch: { type: 'lsf', host: 'here', bank: 'guests', queue: 'normal' },
    job: { nodes: 1, procs: 1 },
    cores,
    environment: lsf.environment,
    fluxTarget: '',
    cancel: (id) => lsf.bkill(id),
    failNode: (id) => lsf.kill(id, 'TERM_REMOVE_HUNG_JOB: job removed from LSF'),
    expire: async () => {},
    loseNextAnswer: async () => {
      await lsf.set('lost answer');
      return {};
    },
    activeJobs: async () => {
      const jobs = await lsf.jobs();
      return jobs.filter(({ state }) => !['DONE', 'EXIT'].includes(state)).map(({ id }) => String(id));
    },
    stop: () => lsf.stop(),
  };
}
