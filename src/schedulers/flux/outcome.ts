import { blameOfFlux } from '../../causes/flux.js';
import { endOf, exitCodeOf, type JobView, signalOf as signalNumberOf } from '../../flux/eventlog.js';
import type { InstanceIdentity } from '../../flux/identity.js';
import type { JobOutcome } from '../scheduler.js';
import { signalName, signalOf } from '../signals.js';

/** The outcome of a job in the state INACTIVE. `duration` is its time limit in seconds; 0: none. */
export function outcomeOf(job: JobView, duration: number): JobOutcome {
  const { waitStatus } = job;
  const killedBy = waitStatus === null ? null : signalNumberOf(waitStatus);
  const exited = waitStatus === null ? null : exitCodeOf(waitStatus);
  const result = endOf(job);
  return {
    result,
    // For tasks that a signal ended, the exit status that a shell would give.
    exitCode: killedBy === null ? exited : 128 + killedBy,
    signal: killedBy === null ? (exited === null ? null : signalOf(exited)) : signalName(killedBy),
    note: noteOf(job, duration),
    ...(result === 'completed'
      ? {}
      : { blame: blameOfFlux({ exception: job.exception, isEarlyTimeout: isEarlyTimeout(job, duration) }) }),
  };
}

/** The user of an exception that the broker itself raises; -1 in old versions. */
const UNKNOWN_USER = 0xffffffff;

function noteOf(job: JobView, duration: number): string {
  const { exception } = job;
  if (exception === null) return '';
  const words = exception.note.trim();
  switch (endOf(job)) {
    case 'timeout':
      return isEarlyTimeout(job, duration) ? words : `its walltime (${duration} s) ran out`;
    case 'cancelled': {
      const { userid = -1 } = exception;
      const who = userid < 0 || userid === UNKNOWN_USER ? '' : ` by user ${userid}`;
      return `its job was cancelled${who}${words === '' ? '' : `: ${words}`}`;
    }
    default:
      return words === '' ? `exception ${exception.type}` : words;
  }
}

/**
 * Whether a job timed out before its own time limit: then the instance ran out of time. Such an instance may still
 * start pending jobs, which time out at once.
 */
export function isEarlyTimeout({ exception, allocated }: JobView, duration: number): boolean {
  if (exception?.type === 'exec') return exception.note.includes('after expiration');
  if (exception?.type !== 'timeout') return false;
  // The limit counts from about half a second before the allocation is logged, or more if the broker is slow.
  const slack = Math.max(0.5, duration / 100);
  return duration === 0 || (allocated !== null && exception.timestamp - allocated < duration - slack);
}

/** Whether the instance may have ended the job, so that its last start has to be checked. */
export function mayBeOfRestart(job: JobView, duration: number): boolean {
  return ['cancel', 'exec'].includes(job.exception?.type ?? '') || isEarlyTimeout(job, duration);
}

/**
 * Whether a job ended with its instance, which has been restarted since. An instance that shuts down cancels its jobs
 * in its owner's name and without a note. A cancel by the owner before the last start looks the same and is treated the
 * same, which loses no job. Jobs of an instance that crashed fail at its next start.
 */
export function endedByRestart(
  job: JobView,
  duration: number,
  { owner, startedAt }: Pick<InstanceIdentity, 'owner' | 'startedAt'>,
): boolean {
  const { exception, allocated } = job;
  if (exception === null || allocated === null || startedAt === undefined || allocated >= startedAt) return false;
  const { type, note, userid = owner, timestamp } = exception;
  if (type === 'cancel') return timestamp < startedAt && note.trim() === '' && (userid === owner || (userid ?? -1) < 0);
  if (isEarlyTimeout(job, duration)) return timestamp < startedAt;
  return type === 'exec' && timestamp >= startedAt;
}
