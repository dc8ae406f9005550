import { ourProcess, type ProcessIdentity } from '../hosts/processes.js';

export { isSameMachine, lifeOf, processOf } from '../hosts/processes.js';

/** Who drives a study. */
export interface LeaseHolder extends ProcessIdentity {
  /** Where people see the run, on GitHub. */
  readonly runUrl?: string;
  /** Which attempt of that run it is. */
  readonly runAttempt?: string;
}

/** Who drives the study if we do. @param runUrl where people see the run; '' if nowhere */
export function ourHolder(runUrl = '', runAttempt?: string): LeaseHolder {
  return {
    ...ourProcess(),
    ...(runUrl === '' ? {} : { runUrl }),
    ...(runAttempt === undefined ? {} : { runAttempt }),
  };
}

/** Whether both are of one attempt of a workflow run, as far as they say. */
export function isSameAttempt(one: LeaseHolder, other: LeaseHolder): boolean {
  return (
    one.runUrl !== undefined &&
    one.runUrl === other.runUrl &&
    one.runAttempt === other.runAttempt &&
    one.runAttempt !== undefined
  );
}
