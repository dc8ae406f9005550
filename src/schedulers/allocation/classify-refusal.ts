import { classifyRefusal, type RefusalKind } from '../../flux/classify-refusal.js';
import type { Allocator } from '../../store/journal/records.js';

/**
 * What a scheduler's refusal of an allocation means.
 *
 * - `never`: the same request would be refused again
 * - `wait`: the queue is closed, or a limit is reached: it is asked for again, however long that takes
 * - `doubt`: the scheduler may have it: its queue is looked into, and then it is asked for again
 */
export type AllocationRefusal = Extract<RefusalKind, 'never' | 'wait' | 'doubt'>;

/** In the words of Slurm 17 to 25 and of LSF 10: the first that matches counts. */
const words: readonly (readonly [RegExp, AllocationRefusal])[] = [
  // A partition that is INACTIVE or DRAIN refuses; one that is DOWN takes jobs, which wait.
  [/Required partition not available|partition .* is (inactive|drained|down)/i, 'wait'],
  [/\b(Assoc|QOS)\w*(Max|Grp)\w*Submit\w*/, 'wait'],
  [/temporarily unable to accept job|backup controller in standby mode/i, 'wait'],
  [/queue (<[^>]*> )?is (closed|inactive|not accepting)|queue has been (closed|inactivated)/i, 'wait'],
  [/pending job (threshold|limit|slot limit)\b.*reached|job (slot )?limit (has been )?reached/i, 'wait'],
  [/timed out|timeout|unable to contact|not responding|Zero Bytes were transmitted|LSF is down/i, 'doubt'],
  [/\bmunged?\b|Protocol authentication error|Socket communication error/i, 'doubt'],
  [/Resource temporarily unavailable|Cannot allocate memory|\bfork\b|Connection (reset|refused)|Broken pipe/i, 'doubt'],
];

/** @param exitCode of the command that submits */
export function classifyAllocationRefusal(allocator: Allocator, said: string, exitCode: number): AllocationRefusal {
  if (allocator === 'flux') {
    const kind = classifyRefusal({ words: said, ...(exitCode >= 126 ? { exitCode } : {}) });
    return kind === 'wait' ? kind : kind === 'retry' || kind === 'doubt' ? 'doubt' : 'never';
  }
  // A signal ended it, or bash could not fork (254). `bsub` ends with 255 whatever was wrong.
  if ((exitCode > 128 && exitCode <= 192) || exitCode === 254) return 'doubt';
  return words.find(([pattern]) => pattern.test(said))?.[1] ?? 'never';
}
