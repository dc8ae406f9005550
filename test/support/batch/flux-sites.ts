import { decodeJobId, encodeJobId } from '../../../src/flux/job-id.js';
import { RealBroker } from '../flux/real-broker.js';
import { SimulatedBroker } from '../flux/simulated-broker.js';
import { Tap } from '../flux/study-tap.js';
import type { BatchSite } from './site.js';

const common = {
  batch: { type: 'flux' },
  job: { procs: 1, nested: false },
  environment: {},
  // The shortest time limit is short enough.
  expire: async () => {},
};

/** Drivers reach the broker by a line that breaks when the next submit is answered. */
async function lineThatLosesAnswer(uri: string) {
  const tap = await Tap.start(uri);
  tap.loseNextAnswer('job-ingest.submit');
  return { options: { fluxTarget: tap.uri }, wasLost: async () => !tap.isLosing };
}

export async function startSimulatedFluxSite(): Promise<BatchSite> {
  const cores = 4;
  const broker = await SimulatedBroker.start({ cores });
  return {
    ...common,
    whole: { procs: cores },
    fluxTarget: broker.uri,
    cancel: async (id) => broker.cancel(decodeJobId(id)!),
    failNode: async (id) => broker.raise(decodeJobId(id)!, 'node-failure', 'the node is gone'),
    loseNextAnswer: () => lineThatLosesAnswer(broker.uri),
    activeJobs: async () => broker.jobs.filter(({ state }) => state !== 'INACTIVE').map(({ id }) => encodeJobId(id)),
    stop: () => broker.stop(),
  };
}

/** The `flux` on PATH. */
export async function startRealFluxSite(): Promise<BatchSite> {
  const broker = await RealBroker.start();
  return {
    ...common,
    whole: { procs: Number(broker.run('resource', 'list', '--no-header', '--format={ncores}', '--states=all')) },
    fluxTarget: broker.uri,
    cancel: async (id) => void broker.run('cancel', id),
    // A node cannot be killed in an instance of one broker: this is what is raised then.
    failNode: async (id) =>
      void broker.run('job', 'raise', '--type=node-failure', '--severity=0', id, 'the node is gone'),
    loseNextAnswer: () => lineThatLosesAnswer(broker.uri),
    activeJobs: async () =>
      broker
        .run('jobs', '--no-header', '--format={id}')
        .split('\n')
        .filter((id) => id !== ''),
    stop: () => broker.stop(),
  };
}
