import { classifyRefusal, type RefusalKind } from '../../flux/classify-refusal.js';
import { ConnectionError, FluxError, RequestTimeout } from '../../flux/errors.js';
import { AnswerError } from '../../flux/requests.js';
import { HostError, HostLostError } from '../../hosts/host.js';
import { SubmitError } from './submitter.js';

/** An error that may be the broker's answer to a submit. */
export type Refusal = FluxError | SubmitError | HostError;

/** Whether an error leaves open what the broker did: it did not answer, or the answer could not be parsed. */
export function isNoAnswer(error: unknown): error is Error {
  return (
    error instanceof ConnectionError ||
    error instanceof RequestTimeout ||
    error instanceof AnswerError ||
    error instanceof HostLostError
  );
}

/** Whether the host can run no command at all, so that no job can be submitted from it. */
export function isUnsubmittable(error: unknown): error is HostError {
  return error instanceof HostError && !(error instanceof HostLostError) && !isShortOfProcesses(error);
}

/**
 * Whether an error is a refusal: by the broker, by the submit command, or by a host that cannot start a process now.
 *
 * @param isSameConnection whether the connection of the submit is still open; otherwise the command may have failed
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

/** Whether the machine can start no process at the moment. */
function isShortOfProcesses({ message }: HostError): boolean {
  return /\b(EAGAIN|ENOMEM|EMFILE|ENFILE|ETXTBSY)\b/.test(message);
}
