import { BrokerError } from '../flux/connect/errors.js';
import { HostError } from '../hosts/host.js';
import { InputError } from '../inputs/schema.js';
import { BaselineError } from '../report/comparison.js';
import { SpecError } from '../spec/problem.js';
import { JournalError } from '../store/journal/replay.js';
import { LeaseHeldError, LeaseLostError } from '../store/lease.js';
import { PgenError } from '../study/pgen/pgen.js';
import { UnsafePathError } from './guarded-path.js';

const forPeople = [
  SpecError,
  InputError,
  HostError,
  PgenError,
  BrokerError,
  JournalError,
  LeaseHeldError,
  LeaseLostError,
  BaselineError,
  UnsafePathError,
] as const;

/** An error as a person is to see it: what was wrong for those that say it, else that the fault is ours. Never a stack. */
export function describeError(error: unknown): string {
  // The reason of what was aborted: why this program was to end, in words for people.
  if (!(error instanceof Error)) return String(error);
  const { message } = error;
  if (forPeople.some((kind) => error instanceof kind)) return message;
  const code = (error as NodeJS.ErrnoException).code;
  // What the operating system says of this machine's files is for the user to mend.
  if (typeof code === 'string' && /^E[A-Z0-9]+$/.test(code)) return message;
  return `internal error, please report it: ${message}`;
}
