import { ourProcess, type ProcessIdentity } from '../hosts/processes.js';

export { isSameMachine, lifeOf, processOf } from '../hosts/processes.js';

/** Who drives a study. */
export interface LeaseHolder extends ProcessIdentity {
  /** Where people see the run, on GitHub. */
  readonly runUrl?: string;
}

/** Who drives the study if we do. @param runUrl where people see the run; '' if nowhere */
export function ourHolder(runUrl = ''): LeaseHolder {
  return { ...ourProcess(), ...(runUrl === '' ? {} : { runUrl }) };
}
