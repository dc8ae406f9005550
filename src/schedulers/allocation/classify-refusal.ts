import { classifyRefusal } from '../../flux/classify-refusal.js';
import type { Allocator } from '../../store/journal/records.js';
import type { BatchRefusal } from '../batch/batch-system.js';
import { classifyBatchRefusal } from '../batch/classify-refusal.js';

/**
 * What a batch system's refusal of an allocation means. After `doubt` the queue is searched before the request is
 * repeated.
 *
 * @param exitCode of the submit command
 */
export function classifyAllocationRefusal(allocator: Allocator, said: string, exitCode: number): BatchRefusal {
  if (allocator !== 'flux') return classifyBatchRefusal(said, exitCode);
  const kind = classifyRefusal({ words: said, ...(exitCode >= 126 ? { exitCode } : {}) });
  return kind === 'wait' ? kind : kind === 'retry' || kind === 'doubt' ? 'doubt' : 'never';
}
