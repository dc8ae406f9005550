import type { QueueRow } from '../batch/batch-system.js';

/** Pending reasons of LSF that do not go away by waiting for a turn, each with a hint. */
const doubts: readonly (readonly [reason: RegExp, hint: string])[] = [
  [/suspended by (the user|LSF admin)/i, 'it is held: release it with `bresume`'],
  [/dependency condition (invalid|is invalid)|never satisfied/i, 'see `w` in `args` of the batch block'],
  [
    /queue is (inactivated|closed)|by its time windows|run window/i,
    'another `queue` may be open, or a shorter `walltime` fit',
  ],
  [/termination deadline/i, 'see `t` in `args` of the batch block, or set a shorter `walltime`'],
  [
    /spanning requirement|too many processors|not enough job slots for the parallel|no longer satisfies queue/i,
    'it may ask for more than there is: `nodes` of the step, `args` of the batch block, or another `queue`',
  ],
  [/bad host|not used by the queue|first exe\w+ host .*not eligible/i, 'see `m` in `args` of the batch block'],
  [/pre-exec command exited/i, 'the command that the site runs before a job fails: ask its administrators'],
  [
    /no such user account|no permission|unable to determine user account|submitted by root/i,
    'ask the administrators of LSF',
  ],
];

/** Why a waiting job may never start, or a suspended one never go on; undefined if it only waits for its turn. */
export function doubtOf({ state, reason }: QueueRow): { readonly reason: string; readonly hint: string } | undefined {
  if (['PEND', 'PSUSP'].includes(state)) {
    const found = doubts.find(([words]) => words.test(reason));
    if (found !== undefined) return { reason, hint: found[1] };
  }
  if (state === 'PSUSP') return { reason: reason || 'it is suspended', hint: 'release it with `bresume`' };
  if (state === 'USUSP') return { reason: 'it is suspended', hint: 'let it go on with `bresume`' };
  return undefined;
}
