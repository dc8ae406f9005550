import { expect, it } from 'vitest';
import { classifyAllocationRefusal } from '../../../src/schedulers/allocation/classify-refusal.js';
import type { Allocator } from '../../../src/store/journal/records.js';

const slurm = 'sbatch: error: Batch job submission failed: ';

it.each<[string, Allocator, string, number]>([
  ['wait', 'slurm', `${slurm}Required partition not available (inactive or drain)`, 1],
  ['wait', 'slurm', `sbatch: error: QOSMaxSubmitJobPerUserLimit\n${slurm}Job violates accounting/QOS policy`, 1],
  ['wait', 'slurm', `sbatch: error: AssocGrpSubmitJobsLimit\n${slurm}Job violates accounting/QOS policy`, 1],
  ['doubt', 'slurm', `${slurm}Socket timed out on send/recv operation`, 1],
  ['doubt', 'slurm', `${slurm}Unable to contact slurm controller (connect failure)`, 1],
  ['doubt', 'slurm', `sbatch: error: Munge encode failed\n${slurm}Protocol authentication error`, 1],
  ['doubt', 'slurm', 'exit 137', 137],
  ['never', 'slurm', `${slurm}Invalid partition name specified`, 1],
  ['never', 'slurm', `${slurm}Requested time limit is invalid (missing or exceeds some limit)`, 1],
  ['never', 'slurm', 'bash: sbatch: command not found', 127],
  ['wait', 'lsf', 'pdebug: Queue is closed. Job not submitted.', 255],
  ['wait', 'lsf', 'Queue <pdebug> is closed. Job not submitted.', 1],
  ['never', 'lsf', 'nope: No such queue. Job not submitted.', 255],
  ['wait', 'flux', '[Errno 22] job submission to pdebug is disabled: maintenance', 1],
  ['wait', 'flux', 'flux-batch: ERROR: [Errno 22] user has max active jobs', 1],
  ['doubt', 'flux', 'exit 143', 143],
  ['never', 'flux', "flux-batch: ERROR: [Errno 1] Invalid queue 'x' specified", 1],
])('an allocation may be refused and mean %s: %s: %s', (kind, allocator, words, exitCode) => {
  expect(classifyAllocationRefusal(allocator, words, exitCode)).toBe(kind);
});
