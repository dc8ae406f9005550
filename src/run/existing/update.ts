import type { Limits } from '../../store/update-lock.js';
import { type TakeContext, takeExisting } from './cancel.js';
import { readKeptFiles } from './rebuild-plan.js';

/**
 * Notes other limits in the journal of a study that nothing drives: the run that continues it uses them.
 *
 * @throws HostError, JournalError; LeaseHeldError if another process drives it
 */
export async function updateUndriven(context: TakeContext, studyPath: string, limits: Limits): Promise<void> {
  const session = await takeExisting(context, studyPath);
  const { state, journal } = session;
  // Without the values of the inputs the change would count even if they change.
  const { inputs: kept } = await readKeptFiles(context.host, studyPath);
  const inputs = kept === undefined ? {} : { inputs: kept.limits };
  journal.write({ type: 'limits', ...limits, ...inputs });
  // How the study ended stays as it was.
  if (state.cancelReason !== undefined) journal.write({ type: 'cancel', reason: state.cancelReason });
  await session.release(state.ended);
}
