import * as z from 'zod';
import { again, run } from '../../hosts/commands.js';
import type { Host } from '../../hosts/host.js';
import { allocators, type QueuedJob } from '../../store/journal/records.js';
import { parseJobState, queueFunctions } from '../batch/queue.js';

const queued = z.looseObject({
  kind: z.enum(allocators),
  id: z.string().min(1),
  jobName: z.string(),
  cluster: z.string().optional(),
  scheduler: z.string().optional(),
  flux: z.string(),
  fluxVersion: z.string(),
});

/**
 * What the host's scheduler says of a job; `unknown` if it cannot be asked, or is not the one that has the job.
 *
 * @param data the job as a journal has it
 * @throws HostError
 */
export async function askQueue(host: Host, data: unknown): Promise<'ended' | 'there' | 'unknown'> {
  const { success, data: job } = queued.safeParse(data);
  if (!success) return 'unknown';
  const { code, stdout } = await again(() => run(host, `${queueFunctions(job as unknown as QueuedJob)}\nlook`));
  if (code !== 0) return 'unknown';
  const line = stdout.toString().trim();
  return line === '' || parseJobState(line).phase === 'ended' ? 'ended' : 'there';
}
