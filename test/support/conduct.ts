import {
  type ConductedStudy,
  Conductor,
  type ConductorHooks,
  type ConductorOptions,
} from '../../src/conductor/conductor.js';
import type { SchedulerListener } from '../../src/schedulers/scheduler.js';

/** What a study is conducted with, its schedulers made for the listener that they get. */
export interface ConductOptions extends ConductorOptions, Omit<ConductorHooks, 'local' | 'batch'> {
  readonly schedulers: (listener: SchedulerListener) => Pick<ConductorHooks, 'local' | 'batch'>;
}

/** Makes a conductor and its schedulers, and runs the study to its end. */
export function conduct(options: ConductOptions): Promise<ConductedStudy> {
  const conductor = new Conductor(options);
  return conductor.run({ ...options, ...options.schedulers(conductor.listener) });
}
