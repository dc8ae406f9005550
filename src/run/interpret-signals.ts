import { type Interruption, Stop } from '../causes/interruption.js';
import type { Backend } from '../schedulers/backend.js';
import type { BatchScheduler } from '../schedulers/scheduler.js';
import type { Clock } from '../util/clock.js';
import { sleep } from '../util/sleep.js';
import { Signalled } from './process-context.js';

/** After a SIGTERM, the time after which a backend is asked whether it is ending. */
const SHUTDOWN_CHECK_DELAY_MS = 1000;

export interface SignalContext {
  readonly clock: Clock;
  /** Aborted, with what ended this process if a signal did, when the study is to be cancelled. */
  readonly cancel: AbortSignal;
  /** Aborted when this process gets a SIGHUP, whatever it got before. */
  readonly hangup: AbortSignal;
  /** What runs the study's jobs; undefined if nothing does. */
  readonly backend: Backend | undefined;
  readonly batch: BatchScheduler | undefined;
}

/**
 * What the end of this process means for the study: that it is cancelled, or, if the time of this process is up and the study
 * is still wanted, that it is interrupted. A program that runs in a Flux instance is told to end when the instance ends, and
 * then its jobs end whatever it does.
 */
export function interpretSignals(context: SignalContext): {
  readonly cancel: AbortSignal;
  readonly interrupt: AbortSignal;
} {
  const { cancel, backend, batch } = context;
  const [cancelling, interrupting] = [new AbortController(), new AbortController()];
  // Asked now, because the process that started this one may get the same signal, and end before it could be asked.
  const isWithin = backend?.contains?.(process.pid) === true;
  const interrupt = async (why: string, kind: Interruption) => {
    // The scheduler reports with its interruption which jobs have ended already.
    await batch?.suspend(why, kind);
    interrupting.abort(new Stop(why, kind));
  };
  const onCancel = async () => {
    const { reason } = cancel;
    if (!(reason instanceof Signalled) || backend === undefined) return cancelling.abort(reason);
    const { signal } = reason;
    if (signal === 'SIGALRM') return interrupt('the time of the job that this program runs in is up', 'time-over');
    if (isWithin && (signal === 'SIGHUP' || (signal === 'SIGTERM' && (await isShutDown(context))))) {
      return interrupt(`the Flux instance that this program runs in is ending (${signal})`, 'allocation-over');
    }
    cancelling.abort(reason);
  };
  if (cancel.aborted) void onCancel();
  else cancel.addEventListener('abort', () => void onCancel(), { once: true });
  return { cancel: cancelling.signal, interrupt: interrupting.signal };
}

/** Whether the SIGTERM that this process got comes from the end of the instance that it runs in: then a SIGHUP follows. */
async function isShutDown({ clock, hangup, backend }: SignalContext): Promise<boolean> {
  await sleep(clock, SHUTDOWN_CHECK_DELAY_MS, hangup);
  return hangup.aborted || (await backend?.isShuttingDown?.()) === true;
}
