import type { Limits } from '../../store/update-lock.js';
import { type TakeContext, takeExisting } from './cancel.js';

/**
 * Notes other limits in the journal of a study that nothing drives: the run that continues it uses them.
 *
 * @throws HostError, JournalError; LeaseHeldError if another process drives it
 */
export async function updateUndriven(context: TakeContext, studyPath: string, limits: Limits): Promise<void> {
  const session = await takeExisting(context, studyPath);
  const { state, journal } = session;
  const { throttle, restartLimit } = state.limits;
  // What the inputs were is known from an earlier change only; without that the change counts whatever they are.
  const inputs =
    throttle?.input === undefined || restartLimit?.input === undefined
      ? {}
      : { inputs: { throttle: throttle.input, restartLimit: restartLimit.input } };
  journal.write({ type: 'limits', ...limits, ...inputs });
  // How the study ended stays as it was.
  if (state.cancelReason !== undefined) journal.write({ type: 'cancel', reason: state.cancelReason });
  await session.release(state.ended?.status);
}
