import { describe, it } from 'vitest';
import { startRealFluxSite, startSimulatedFluxSite } from '../../support/batch/flux-sites.js';
import { installedFlux } from '../../support/flux/real-broker.js';
import { batchContract } from '../batch-contract.js';

describe('a simulated Flux', () => batchContract(startSimulatedFluxSite));

const installed = installedFlux();

describe.skipIf(installed === undefined)(`a real Flux (${installed})`, () => batchContract(startRealFluxSite));

if (installed === undefined) {
  console.warn('There is no flux on PATH: what a batch system owes was checked of the simulated Flux ONLY.');
  it.skip('NOT TESTED with a real Flux: there is none on PATH', () => {});
}
