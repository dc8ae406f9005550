import { type Blame, blame } from './cause.js';
import { blameOfScript, blameOfStart } from './words.js';

/** How a local step's process ended, as its waiter wrote it down. */
export interface LocalEnd {
  /** As in a shell; null if nothing was written down. */
  readonly status: number | null;
  /** A word of claims/launcher.ts; '' if the script ran and ended. */
  readonly how: string;
  /** What was said of a script that did not start. */
  readonly words?: string;
  readonly stderrTail?: string;
}

/** 128 + the number of SIGXCPU: the limit of CPU time of the machine or of the script (`ulimit -t`). */
const CPU_LIMIT_STATUS = 128 + 24;

/** Why a step that was a process on the host failed. */
export function blameOfLocal({ status, how, words = '', stderrTail }: LocalEnd): Blame {
  if (status === null || how === 'orphaned') return blame('node');
  if (how === 'never-began') return blameOfStart(words);
  // The script or its interpreter cannot be executed, which is what the spec says of it.
  if (how === 'not-executable') return blame('code');
  return status === CPU_LIMIT_STATUS ? blame('timeout') : blameOfScript(stderrTail);
}
