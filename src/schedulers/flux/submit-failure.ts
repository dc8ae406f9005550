import { classifyRefusal, type RefusalKind } from '../../flux/classify-refusal.js';
import { ConnectionError, FluxError, RequestTimeout } from '../../flux/errors.js';
import { AnswerError } from '../../flux/requests.js';
import { HostError, HostLostError } from '../../hosts/host.js';
import { SubmitError } from './submitter.js';

/** An error that may be the broker's answer to a submit. */
export type Refusal = FluxError | SubmitError | HostError;

/** Whether an error says nothing of what the broker did: there was no answer, or none that could be understood. */
export function isNoAnswer(error: unknown): error is Error {
  return (
    error instanceof ConnectionError ||
    error instanceof RequestTimeout ||
    error instanceof AnswerError ||
    error instanceof HostLostError
  );
}

/** Whether the host runs no command at all, so that no job can be submitted from it any more. */
export function isUnsubmittable(error: unknown): error is HostError {
  return error instanceof HostError && !(error instanceof HostLostError) && !isShortOfProcesses(error);
}

/**
 * Whether an error is an answer: the broker's, the submitting command's, or that of a host that starts no process now.
 *
 * @param isSameConnection whether the connection is the one by which the job was sent; otherwise the command may have ended
 *   because the broker went away
 */
export function isRefusal(error: unknown, isSameConnection: boolean): error is Refusal {
  if (error instanceof FluxError) return true;
  if (error instanceof SubmitError) return isSameConnection;
  return error instanceof HostError && !(error instanceof HostLostError);
}

export function kindOfRefusal(error: Refusal): RefusalKind {
  const words = error.message;
  if (error instanceof FluxError) return classifyRefusal({ words, errnum: error.errno });
  if (error instanceof HostError) return 'retry';
  return classifyRefusal({ words, ...(error.exitCode === undefined ? {} : { exitCode: error.exitCode }) });
}

/** Whether a machine starts no process for the moment. */
function isShortOfProcesses({ message }: HostError): boolean {
  return /\b(EAGAIN|ENOMEM|EMFILE|ENFILE|ETXTBSY)\b/.test(message);
}
