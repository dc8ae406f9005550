import type { Host } from '../../hosts/host.js';
import type { Inputs } from '../../inputs/schema.js';
import type { AllocationRequest } from '../../schedulers/allocation/request.js';
import type { Plan } from '../../scripts/plan.js';
import type { Spec } from '../../spec/spec.js';
import type { Clock } from '../../util/clock.js';
import type { Log } from '../../util/log/log.js';

export interface DoctorContext {
  readonly inputs: Inputs;
  readonly host: Host;
  readonly clock: Clock;
  readonly log: Log;
  /** The study, if one was named and can be read. */
  readonly spec: Spec | undefined;
  /** Checks a named study as far as that needs no scheduler: returns its plan, or throws what is wrong with it. */
  readonly study: (() => Promise<CheckedStudy>) | undefined;
  /** The allocation that a run is to get, if any. */
  readonly request: AllocationRequest | undefined;
  /** The directory that studies are made in. */
  readonly root: string;
  /** Aborted on cancellation. */
  readonly cancel: AbortSignal;
}

export interface CheckedStudy {
  readonly summary: string;
  readonly plan: Plan;
}

/** Runs a check: `look` returns what it found, or throws what is wrong and what to do. @returns what was found, if nothing is wrong */
export type Checker = (name: string, look: () => Promise<string>) => Promise<string | undefined>;

/** A test job that has not ended by then is still waiting in the queue, which is answer enough. */
export const PROBE_TIMEOUT_MS = 30_000;

/** A message whose further lines stand below its first. */
export function indented(message: string): string {
  return message.replaceAll('\n', '\n      ');
}

/** What a command printed. */
export function text(output: Buffer): string {
  return output.toString().trim();
}
