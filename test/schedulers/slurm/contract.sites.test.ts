import { describe, it } from 'vitest';
import { startSlurmSite } from '../../support/batch/slurm-site.js';
import { installedSlurm } from '../../support/slurm.js';
import { batchContract } from '../batch-contract.js';

const installed = installedSlurm();

describe.skipIf(installed !== true)('a real Slurm', () => batchContract(startSlurmSite));

if (installed !== true) {
  console.warn(`NO SLURM: ${installed}: what a batch system owes was NOT CHECKED of Slurm`);
  it.skip(`NOT TESTED with Slurm: ${installed}`, () => {});
}
