import { describe, it } from 'vitest';
import { installedFlux, RealBroker } from '../support/flux/real-broker.js';
import { SimulatedBroker } from '../support/flux/simulated-broker.js';
import { brokerContract } from './broker-contract.js';

describe.each(['0.88.0', '0.50.0', '0.39.0'])('a simulated broker of %s', (version) => {
  brokerContract(() => SimulatedBroker.start({ version }));
});

describe('a simulated broker that has been up for a week', () => {
  brokerContract(() => SimulatedBroker.start({ firstId: 9007199254740993n }));
});

const installed = installedFlux();

describe.skipIf(installed === undefined)(`a real broker (${installed})`, () => {
  brokerContract(() => RealBroker.start());
});

if (installed === undefined) {
  console.warn('There is no flux on PATH: what a broker owes was checked of the simulated one ONLY.');
  it.skip('NOT TESTED against a real broker: there is no flux on PATH', () => {});
}
