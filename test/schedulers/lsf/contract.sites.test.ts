import { describe } from 'vitest';
import { startLsfSite } from '../../support/batch/lsf-site.js';
import { batchContract } from '../batch-contract.js';

describe('the stand-in for LSF', () => batchContract(startLsfSite));
